"""Failures that a person can understand, without any word of HTTP.

Each has a stable ``code`` for programs and a ``sentence`` for people. The sentence is a
gettext message id with ``{name}`` places, filled from ``params`` after translation.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class Failure(Exception):
    """What did not go through, with a code, a sentence and, where one field is to blame, its
    name."""

    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = ""

    def __init__(self, sentence: str | None = None, *, field: str | None = None, **params: Any):
        self.message = sentence if sentence is not None else self.sentence
        self.field = field
        self.params: Mapping[str, Any] = params
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message.format(**self.params)


class DomainError(Failure):
    """A refusal of a rule, which the reader may be able to do something about."""


class Malformed(DomainError):
    """What came cannot be read at all: a date that is no date, an id that is no id."""

    code = "malformed"
    sentence = "This request could not be read. Check the address or the form and try again."


class Invalid(DomainError):
    """What came can be read, and a rule refuses it."""

    code = "invalid"
    sentence = "Check what you entered."


class Unauthenticated(DomainError):
    """Nobody is signed in, or the proof of who they are does not hold."""

    code = "unauthenticated"
    sentence = "Sign in to go on."


class Forbidden(DomainError):
    """Known, and not allowed."""

    code = "forbidden"
    sentence = "Your account may not do this."


class NotFound(DomainError):
    """There is nothing here for this reader; whether it exists is not said."""

    code = "not-found"
    sentence = "There is nothing here under this address."


class Conflict(DomainError):
    """The state of things has moved on, or stands against it."""

    code = "conflict"
    sentence = "Somebody changed this a moment ago. Load the page again and repeat your change."


class StaleVersion(Conflict):
    """The version that the change was made from is no longer the newest."""

    code = "stale-version"


_FILLED_IN = {
    "name": ("name", "name"),
    "email": ("email", "e-mail address"),
    "business_number": ("business_number", "business number"),
    "external_id": ("identifier", "identifier"),
}
"""Field and words of the columns with unique values that people or programs choose."""


class AlreadyThere(Conflict):
    """A value that must be one of its kind is there already, and no rule said so before."""

    code = "already-there"
    sentence = "There is already one with this {what}. Choose another, or change that one."

    @classmethod
    def of(cls, columns: Sequence[str]) -> Conflict:
        """The refusal of a unique key: AlreadyThere where it is of a column that is filled in,
        else a Conflict, since somebody did the same."""
        chosen = next((_FILLED_IN[name] for name in columns if name in _FILLED_IN), None)
        return cls(field=chosen[0], what=chosen[1]) if chosen else Conflict()


class Expired(DomainError):
    """It was there, for a time that is over."""

    code = "expired"
    sentence = "This link or request has run out. Ask for a new one."


class RateLimited(DomainError):
    """Too many attempts; wait ``retry_after`` seconds, which the sentence rounds up."""

    code = "rate-limited"
    sentence = "Too many attempts. Try again in {minutes} minutes."

    def __init__(self, sentence: str | None = None, *, retry_after: int = 60, **params: Any):
        self.retry_after = retry_after
        minutes = -(-retry_after // 60)
        if sentence is None and minutes <= 1:
            sentence = "Too many attempts. Try again in a minute."
        super().__init__(sentence, minutes=minutes, **params)


class Busy(DomainError):
    """The database could not finish the work among so many others; nothing was changed."""

    code = "busy"
    sentence = "So many people are booking just now that this did not go through. Try again."

    retry_after: ClassVar[int] = 1
    """Seconds after which it is worth trying again."""


class TookTooLong(Busy):
    """A statement took so long that it was stopped, so that others are served."""

    code = "took-too-long"
    sentence = "This took too long and was stopped. Ask for less at once, or try again later."
    retry_after = 5


class Unavailable(Failure):
    """The database cannot work just now: it is away, starting, full, or only to be read.

    No DomainError, so that nobody who answers a refusal goes on to ask the database for more.
    ``is_broken`` where the connection to it ended, so that another may be tried; ``reason`` is
    what the driver said, for the log alone.
    """

    code = "unavailable"
    sentence = "The database cannot be reached just now. Try again in a minute."
    retry_after: ClassVar[int] = 5

    def __init__(self, sentence: str | None = None, *, reason: str = "", is_broken: bool = False):
        self.reason, self.is_broken = reason, is_broken
        super().__init__(sentence)


class Uncertain(Unavailable):
    """The connection ended while the database was told to commit."""

    code = "uncertain"
    sentence = "It is not certain whether this was saved. Look before you try again."
