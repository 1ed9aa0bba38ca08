"""The download of documents from addresses that people entered, with the care of sending.py."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urlencode, urljoin

from openslot.core import tracing
from openslot.core.deadline import ends_within
from openslot.core.tracing import Kind
from openslot.webhooks.errors import BadAddress, NotFetched
from openslot.webhooks.sending import TOO_LATE, Line, find, reason

ANSWERS_WITHIN = 5.0
"""Seconds for the whole download, however slowly the server answers."""

MOST_BYTES = 64 * 1024
FORM = "application/x-www-form-urlencoded"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
UNCHANGED = 304


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of a download: seconds and bytes for all of it, and redirects, each checked like an
    address that was entered."""

    seconds: float = ANSWERS_WITHIN
    size: int = MOST_BYTES
    redirects: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A document; ``body`` is None if it is the version that the request named. ``etag`` and
    ``modified`` name this version."""

    body: bytes | None
    etag: str | None
    modified: str | None


def fetch(url: str, networks: Sequence[str], *, within: float = ANSWERS_WITHIN) -> bytes:
    """Return the document at an address. Do not call it in a transaction.

    Raise BadAddress, PrivateAddress and NotSecure, and NotFetched for everything else, redirects
    and documents of more than MOST_BYTES included.
    """
    answer = _ask(url, networks, {"Accept": "application/json"}, within, MOST_BYTES)
    if answer.status != 200:
        raise _refusal(answer)
    return answer.body


def submit(
    url: str, networks: Sequence[str], form: Mapping[str, str], headers: Mapping[str, str]
) -> bytes:
    """Post a form to an address and return the document that answers; raises as :func:`fetch`."""
    headers = {"Accept": "application/json", "Content-Type": FORM, **headers}
    sent = urlencode(form).encode()
    answer = _ask(url, networks, headers, ANSWERS_WITHIN, MOST_BYTES, sent=sent)
    if answer.status != 200:
        raise _refusal(answer)
    return answer.body


def fetch_newer(
    url: str,
    networks: Sequence[str],
    *,
    accept: str,
    etag: str | None,
    modified: str | None,
    limits: Limits,
) -> Document:
    """Return the document at an address unless it is the version of ``etag`` or ``modified``.

    Follows redirects; raises as :func:`fetch` does.
    """
    conditions = {"If-None-Match": etag, "If-Modified-Since": modified}
    headers = {"Accept": accept} | {name: value for name, value in conditions.items() if value}
    ends = time.monotonic() + limits.seconds
    for _ in range(limits.redirects + 1):
        answer = _ask(url, networks, headers, ends - time.monotonic(), limits.size)
        if answer.status not in REDIRECTS or not answer.headers.get("location"):
            break
        url = _redirected(url, answer.headers["location"])
    is_new = answer.status == 200
    if not is_new and not (answer.status == UNCHANGED and (etag or modified)):
        raise _refusal(answer)
    version = answer.headers if is_new else {"etag": etag, "last-modified": modified}
    body = answer.body if is_new else None
    return Document(body, version.get("etag"), version.get("last-modified"))


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise BadAddress(field="url") from None


def _refusal(answer: _Answer) -> NotFetched:
    return NotFetched("The server answered with status {status}.", status=answer.status)


def _ask(
    url: str,
    networks: Sequence[str],
    headers: Mapping[str, str],
    within: float,
    size: int,
    *,
    sent: bytes | None = None,
) -> _Answer:
    """Return what an address answers to a GET, or to a POST if anything is ``sent``."""
    if within <= 0:
        raise NotFetched(TOO_LATE)
    target = find(url, networks)
    if not target.leads_to:
        raise NotFetched("The host name was not found.")
    line = Line(target.address, target.leads_to[0], within)
    try:
        with (
            tracing.span("POST" if sent else "GET", Kind.CLIENT),
            ends_within(within, line.break_off),
        ):
            return _read(line, target.address.path, headers, size, sent)
    except (OSError, HTTPException) as error:
        raise NotFetched(reason(error, is_late=line.is_late)) from None
    finally:
        line.close()


def _read(
    line: Line, path: str, headers: Mapping[str, str], size: int, sent: bytes | None
) -> _Answer:
    headers = {"User-Agent": "OpenSlot", "Connection": "close", **headers, **tracing.headers()}
    line.request("GET" if sent is None else "POST", path, sent, headers)
    with line.getresponse() as response:
        body = response.read(size + 1)
        if line.is_late:  # the body may be cut short
            raise TimeoutError
        if response.status == 200 and len(body) > size:
            raise NotFetched("The document is too long.")
        named = {name.lower(): value for name, value in response.getheaders()}
        return _Answer(response.status, named, body)
