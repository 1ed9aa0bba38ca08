"""Failures that a person can understand, without any word of HTTP.

Each has a stable ``code`` for programs and a ``sentence`` for people, and both follow from the
class: the code is its name (``slot-taken`` for ``SlotTaken``), the sentence the first paragraph of
its docstring; further paragraphs are for readers of the code. A class that needs another code or
sentence assigns it. The sentence is a gettext message id with ``{name}`` places, filled from
``params`` after translation.

Docstrings are needed at run time, so OpenSlot does not run under ``python -OO``.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class Failure(Exception):
    """Say what did not go through; ``field`` is the name of the field to blame, if one is."""

    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in vars(cls):
            cls.code = kebab_case(cls.__name__)
        if "sentence" not in vars(cls) and cls.__doc__:
            cls.sentence = _first_paragraph(cls.__doc__)

    def __init__(self, sentence: str | None = None, *, field: str | None = None, **params: Any):
        self.message = sentence if sentence is not None else self.sentence
        self.field = field
        self.params: Mapping[str, Any] = params
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message.format(**self.params)


def kebab_case(name: str) -> str:
    """Return the name of a class as a code: ``slot-taken`` for ``SlotTaken``."""
    return re.sub(r"(?<=.)(?=[A-Z])", "-", name).lower()


def _first_paragraph(docstring: str) -> str:
    """Return the text up to the first empty line, on one line."""
    return " ".join(docstring.strip().split("\n\n", 1)[0].split())


class DomainError(Failure):
    """This was refused.

    A rule refuses it, and the reader may be able to do something about that.
    """


class Malformed(DomainError):
    """This request could not be read. Check the address or the form and try again.

    The input cannot be read at all: a date that is no date, an id that is no id.
    """


class Invalid(DomainError):
    """Check what you entered.

    The input can be read, and a rule refuses it.
    """


class Unauthenticated(DomainError):
    """Sign in to go on.

    Nobody is signed in, or the proof of identity does not hold.
    """


class Forbidden(DomainError):
    """Your account does not have permission to do this.

    The account is known, and lacks the right.
    """


class NotFound(DomainError):
    """Page not found.

    The reader does not learn whether it exists.
    """


class Conflict(DomainError):
    """Someone else changed this a moment ago. Reload the page and repeat your change.

    The state that the change was made from is no longer the present one.
    """


class StaleVersion(Conflict):
    """The version that the change was made from is no longer the newest."""

    sentence = Conflict.sentence


_FILLED_IN = {
    "name": ("name", "name"),
    "email": ("email", "email address"),
    "business_number": ("business_number", "business number"),
    "external_id": ("identifier", "identifier"),
}
"""Field and words of the columns with unique values that people or programs choose."""


class AlreadyThere(Conflict):
    """There is already one with this {what}. Choose another, or change that one.

    Raised for a unique key of the database, where no rule noticed before.
    """

    @classmethod
    def of(cls, columns: Sequence[str]) -> Conflict:
        """The refusal of a unique key: AlreadyThere where it is of a column that is filled in,
        else a Conflict, since somebody did the same."""
        chosen = next((_FILLED_IN[name] for name in columns if name in _FILLED_IN), None)
        return cls(field=chosen[0], what=chosen[1]) if chosen else Conflict()


class Expired(DomainError):
    """This link or request has expired. Ask for a new one.

    It was there for a time that is over.
    """


class RateLimited(DomainError):
    """Too many attempts. Try again in {minutes} minutes.

    ``retry_after`` is in seconds; the sentence rounds it up to minutes.
    """

    def __init__(self, sentence: str | None = None, *, retry_after: int = 60, **params: Any):
        self.retry_after = retry_after
        minutes = -(-retry_after // 60)
        if sentence is None and minutes <= 1:
            sentence = "Too many attempts. Try again in a minute."
        super().__init__(sentence, minutes=minutes, **params)


class Busy(DomainError):
    """So many people are booking just now that this did not go through. Try again.

    The database could not finish the work among so many others; nothing was changed.
    """

    retry_after: ClassVar[int] = 1
    """Seconds after which it is worth trying again."""


class TookTooLong(Busy):
    """This took too long and was stopped. Ask for less at once, or try again later.

    The engine stopped a statement that took too long, so that others are served.
    """

    retry_after = 5


TRY_AGAIN = (Busy, RateLimited, StaleVersion)
"""Refusals that pass: the same may be done if it is tried again."""


class Unavailable(Failure):
    """The database cannot be reached just now. Try again in a minute.

    It is away, starting, full, or read-only. This is no DomainError, so that no handler of those
    goes on to ask the database for more. ``is_broken`` says that the connection ended, so that
    another may be tried, and ``is_read_only`` that this one cannot write, which another may;
    ``reason`` is what the driver said, for the log alone. What was sent ``may_come``, if the server
    was silent when the connection was given up.
    """

    retry_after: ClassVar[int] = 5
    may_come = False

    def __init__(
        self,
        sentence: str | None = None,
        *,
        reason: str = "",
        is_broken: bool = False,
        is_read_only: bool = False,
    ):
        self.reason, self.is_broken, self.is_read_only = reason, is_broken, is_read_only
        super().__init__(sentence)


class Uncertain(Unavailable):
    """It is not certain whether this was saved. Look before you try again.

    The connection ended during the commit.
    """
