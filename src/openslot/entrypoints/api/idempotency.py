"""One answer for one Idempotency-Key, however often the request is sent."""

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import cast

from flask import Response, request
from sqlalchemy.orm import Session

from openslot.core import idempotency as kept
from openslot.core.errors import (
    Busy,
    Conflict,
    DomainError,
    Invalid,
    Malformed,
    RateLimited,
    Unavailable,
)
from openslot.entrypoints import bearer
from openslot.entrypoints.failures import problem_of, render
from openslot.entrypoints.request import alongside, now, write

HEADER = "Idempotency-Key"
PATTERN = "[!-~]{1,100}"
KEPT_HEADERS = ("Location", "ETag", "Content-Type", "Last-Modified")
WRITES_WITHIN = timedelta(seconds=5)
"""After so long without a write a request counts as broken off, and its key may be tried again.
Should it run after all, it writes nothing more."""

ANSWERS_WITHIN = timedelta(minutes=1)
"""After so long a request that has written counts as one whose answer was lost."""

SEND_AGAIN = (Busy, RateLimited)
"""Refusals that say to send the same again: kept, they would answer every later try."""


class KeyReused(Invalid):
    """This Idempotency-Key was used for another request. Choose a new one."""

    code = "idempotency-key-reused"


class AnswerLost(Conflict):
    """This was done, but its answer was lost. Read what is there before you go on.

    The process ended after the change was committed and before the answer was kept.
    """


class StillRunning(Conflict):
    """The first request with this Idempotency-Key is still running. Try again later."""

    retry_after = int(WRITES_WITHIN.total_seconds())


def once(work: Callable[[], Response]) -> Response:
    """Do ``work``, or answer as the first request with the same key was answered.

    Without the header it is simply done. The same key with another body is KeyReused, one that
    is still running StillRunning, one that was done and never answered AnswerLost. What changed
    nothing and asks to be sent again, and a fault of ours, is not kept: the key can be tried
    again, unless something was done already.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return work()
    if not re.fullmatch(PATTERN, key):
        raise Malformed(
            "Send an Idempotency-Key of 1 to 100 letters, digits and signs.", field=HEADER
        )
    owner, digest = _owner(), _digest()
    known = write(lambda session: _begin(session, owner, key, digest))
    if known is not None:
        return _again(known)
    try:
        with alongside(lambda session: _mark_done(session, owner, key)):
            response = work()
    except DomainError as error:
        if isinstance(error, SEND_AGAIN):
            _forget(owner, key)
            raise
        response = cast(Response, render(problem_of(error)))
    except BaseException:
        _forget(owner, key)
        raise
    _keep(owner, key, response)
    return response


def _begin(session: Session, owner: str, key: str, digest: str) -> kept.KeptAnswer | None:
    known = kept.find(session, owner, key)
    if known is None:
        kept.begin(session, owner, key, digest, now=now())
        return None
    if known.digest != digest:
        raise KeyReused(field=HEADER)
    if known.status not in (None, kept.UNANSWERED):
        return known
    has_written = known.status == kept.UNANSWERED
    if now() - known.started_at < (ANSWERS_WITHIN if has_written else WRITES_WITHIN):
        raise StillRunning
    if has_written:
        raise AnswerLost
    if not kept.take_over(session, owner, key, started=known.started_at, now=now()):
        raise StillRunning
    return None


def _mark_done(session: Session, owner: str, key: str) -> None:
    """At the end of each transaction of the work: StillRunning, with nothing done, where the
    key was taken over by another."""
    if not kept.mark_done(session, owner, key, started=now()):
        raise StillRunning


def _forget(owner: str, key: str) -> None:
    # What is to be told is why the request failed; a key that is left is taken over later.
    with suppress(Busy, Unavailable):
        write(lambda session: kept.forget(session, owner, key, started=now()))


def _again(known: kept.KeptAnswer) -> Response:
    return Response(known.body or "", status=known.status, headers=dict(known.headers or {}))


def _keep(owner: str, key: str, response: Response) -> None:
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    body = response.get_data(as_text=True)

    def finish(session: Session) -> None:
        kept.finish(
            session,
            owner,
            key,
            started=now(),
            status=response.status_code,
            headers=headers,
            body=body,
        )

    # It is done: whoever asked has its answer, though the next to ask is told AnswerLost.
    with suppress(Busy, Unavailable):
        write(finish)


def _owner() -> str:
    """Whose key it is: two callers may choose the same one, and two programs the same name."""
    caller = bearer.caller()
    known = caller.actor.account_id or caller.program_id
    return str(known) if known else f"{caller.actor.program or ''} {caller.actor.address}"


def _digest() -> str:
    """What is asked for: the path and the body."""
    sent = f"{request.method} {request.full_path}\n".encode() + request.get_data()
    return hashlib.sha256(sent).hexdigest()
