"""Rule: every sentence is translated into every language that readers can choose."""

import re
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from babel.messages import Catalog, Message
from babel.messages.pofile import read_po

from openslot.core.language import CATALOGUES, TRANSLATED

SCRIPT = Path(__file__).parents[2] / "scripts/catalogues.py"
PLACE = re.compile(r"%\(\w+\)[sd]|\{\w+\}|%%|</?\w+[^>]*>")
"""What fills a sentence, and the marks of HTML."""

TEMPLATES = CATALOGUES.parent / "entrypoints/web/templates"
COMMA = re.compile(r"(\}\}|%\}|</\w+>), ?(?=<|\{[{%])")
"""A comma between what a page fills in."""

COUNTED = frozenset({"%(num)s", "%(count)s"})
"""Places that a form for one, two or none may leave out."""


@pytest.fixture(scope="module")
def made() -> Mapping[str, Any]:
    return runpy.run_path(str(SCRIPT))


def file(locale: str, ending: str) -> Path:
    return CATALOGUES / locale / "LC_MESSAGES" / f"messages.{ending}"


def catalogue(locale: str) -> Catalog:
    with file(locale, "po").open("rb") as source:
        return read_po(source, locale)


def test_catalogues_hold_what_is_said_and_are_compiled(made: Mapping[str, Any]) -> None:
    messages = made["said"]()
    for locale in TRANSLATED:
        current = made["updated"](locale, messages)
        assert file(locale, "po").read_bytes() == made["text"](current), f"run python {SCRIPT}"
        assert file(locale, "mo").read_bytes() == made["compiled"](current), f"run python {SCRIPT}"


def test_pages_join_words_with_the_comma_of_the_reader() -> None:
    """It is another one in Arabic and Chinese, so it is a message too."""
    by_hand = {
        f"{file.parent.name}/{file.name}: {found[0]}"
        for file in TEMPLATES.rglob("*.html")
        for found in COMMA.finditer(file.read_text(encoding="utf-8"))
    }
    assert by_hand == set()


@pytest.mark.parametrize("locale", TRANSLATED)
def test_each_sentence_is_translated_with_its_places(locale: str) -> None:
    found = catalogue(locale)
    messages = [message for message in found if message.id]
    assert len(messages) > 2500
    assert [wrong for message in messages if (wrong := fault(message, found.num_plurals))] == []


def fault(message: Message, plurals: int) -> str | None:
    """What is wrong with a translation."""
    said, forms = _each(message.id), _each(message.string)
    if not all(form.strip() for form in forms):
        return f"not translated: {said[0]}"
    if len(said) == 2 and len(forms) != plurals:
        return f"{len(forms)} of {plurals} plural forms: {said[0]}"
    places = sorted(PLACE.findall(said[-1]))
    for form in forms:
        left = sorted(PLACE.findall(form))
        may_miss = COUNTED if len(said) == 2 else frozenset()
        if left != places and left != [one for one in places if one not in may_miss]:
            return f"other places than {places}: {form}"
    return None


def _each(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, list | tuple) else (str(text or ""),)


@pytest.mark.parametrize(
    ("said", "forms", "wrong"),
    [
        ("Move", "", "not translated"),
        ("%(name)s moved", "verlegt", "other places"),
        ("<b>Now</b>", "maintenant", "other places"),
        (("%(num)s day", "%(num)s days"), ("un jour",), "1 of 2 plural forms"),
        (("%(num)s day", "%(num)s days"), ("un jour", "%(num)s jours"), None),
    ],
)
def test_what_is_wrong_is_found(said: Any, forms: Any, wrong: str | None) -> None:
    found = fault(Message(said, forms), 2)
    assert found is None if wrong is None else wrong in str(found)
