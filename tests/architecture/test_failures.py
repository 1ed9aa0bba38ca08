"""Every failure has a code of its own for programs, and a sentence for people."""

import pkgutil
import re
from collections.abc import Iterator
from gettext import NullTranslations
from importlib import import_module

import pytest

import openslot
from openslot.core import errors
from openslot.core.errors import Conflict, Failure, Invalid, kebab_case
from openslot.entrypoints import problems

SHARED_CODES = {
    "invalid": {"Invalid", "InvalidFields"},
    "malformed": {"Malformed", "MalformedFields"},
    "slot-taken": {"SlotTaken", "DiaryTaken"},
    "rate-limited": {"RateLimited", "SignInLocked"},
    "works-elsewhere": {"WorksElsewhere", "BlocksElsewhere"},
    "wrong-credentials": {"WrongCredentials", "NotActive"},
    "code-needed": {"CodeNeeded", "HalfSignedIn"},
    "invalid_client": {"BadAssertion", "BadClient"},
}
"""Failures that programs need not tell apart."""

OF_OAUTH = {
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
}
"""Codes that RFC 6749 spells (5.2)."""


def subclasses(parent: type[Failure]) -> Iterator[type[Failure]]:
    for kind in parent.__subclasses__():
        yield kind
        yield from subclasses(kind)


@pytest.fixture(scope="module")
def failures() -> set[type[Failure]]:
    """Return the failures of the whole project."""
    for module in pkgutil.walk_packages(openslot.__path__, "openslot."):
        if not module.name.startswith("openslot.migrations.") or module.name.endswith(".run"):
            import_module(module.name)
    found = {kind for kind in subclasses(Failure) if kind.__module__.startswith("openslot.")}
    assert len(found) > 100
    return found


def test_codes_are_kebab_case_and_unique(failures: set[type[Failure]]) -> None:
    by_code: dict[str, set[str]] = {}
    for kind in failures:
        by_code.setdefault(kind.code, set()).add(kind.__name__)
    written = re.compile("[a-z]+(-[a-z]+)*")
    assert {code for code in by_code if not written.fullmatch(code)} == OF_OAUTH
    assert {code: names for code, names in by_code.items() if len(names) > 1} == SHARED_CODES


def test_each_failure_has_a_sentence_and_a_status(failures: set[type[Failure]]) -> None:
    for kind in failures:
        assert kind.sentence, kind
        assert kind.sentence == " ".join(kind.sentence.split()), kind
    without = {kind.__name__ for kind in failures if not set(kind.__mro__) & set(problems.STATUS)}
    migrating = {"BrokenReferences", "CannotKeepText", "Interrupted", "UnknownRevision"}
    # Of the command line only.
    modules = ("openslot.backups.errors", "openslot.transfers.errors")
    backups = {one.__name__ for one in failures if one.__module__ in modules}
    starting = {"NoDataKey", "BadDataKey", "KeysNotRead", "DataKeyMissing"}
    networks = {
        "BadTenant",
        "NeedsPostgresql",
        "NoSuchTenant",
        "NoTenants",
        "NotMade",
        "OfAnotherNetwork",
        "SomeFailed",
        "TablesBehind",
    }
    assert without == {"DomainError", *migrating, *backups, *starting, *networks}


@pytest.mark.parametrize(
    ("name", "code"),
    [("Gone", "gone"), ("SlotTaken", "slot-taken"), ("DailyLimitReached", "daily-limit-reached")],
)
def test_the_code_follows_from_the_name(name: str, code: str) -> None:
    assert kebab_case(name) == code


class TimeIsOver(Conflict):
    """The time of {name} is over. Choose
    another.

    Notes for readers of the code are no part of the sentence.
    """


class SaidElsewhere(Invalid):
    """Where it is raised says what is wrong."""

    code = "said"
    sentence = Invalid.sentence


def test_the_sentence_is_the_first_paragraph_of_the_docstring() -> None:
    assert (TimeIsOver.code, TimeIsOver.sentence) == (
        "time-is-over",
        "The time of {name} is over. Choose another.",
    )
    assert str(TimeIsOver(name="Ann")) == "The time of Ann is over. Choose another."


def test_what_a_failure_assigns_is_left_alone() -> None:
    assert (SaidElsewhere.code, SaidElsewhere.sentence) == ("said", errors.Invalid.sentence)


def test_the_sentence_is_looked_up_in_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    class Irish(NullTranslations):
        def gettext(self, message: str) -> str:
            return {"The time of {name} is over. Choose another.": "Thart: {name}"}[message]

    monkeypatch.setattr(problems, "gettext", Irish().gettext)
    assert problems.sentence_of(TimeIsOver(name="Ann")) == "Thart: Ann"
