"""HTTP statuses of domain errors, and their sentences in the reader's language."""

from flask_babel import gettext
from pydantic import ValidationError

from openslot.core import errors, fields


class UnsupportedMedia(errors.Malformed):
    """Send the body as application/json.

    The one failure that is about HTTP.
    """

    code = "unsupported-media-type"


STATUS: dict[type[errors.Failure], int] = {
    UnsupportedMedia: 415,
    errors.Malformed: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.StaleVersion: 412,
    errors.Conflict: 409,
    errors.Expired: 410,
    errors.Invalid: 422,
    errors.RateLimited: 429,
    errors.Busy: 503,
    errors.Unavailable: 503,
}
"""Statuses by error class; a class also covers its subclasses that are not listed."""


def status_of(error: errors.Failure) -> int:
    """Return the HTTP status of an error."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    raise TypeError(f"{type(error).__name__} has no row in the table of problems")


def sentence_of(error: errors.Failure) -> str:
    """Return the error's sentence for people, translated and filled in."""
    return str(gettext(error.message)).format(**error.params)


def problems_of(error: ValidationError) -> list[tuple[str, str]]:
    """Return (field, sentence) for each problem of what was sent, translated."""
    return fields.problems(error, gettext)
