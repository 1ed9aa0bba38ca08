"""Idempotency keys: a repeated request is answered as the first one was."""

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import cast

from flask import Response, request
from sqlalchemy.orm import Session

from openslot.core import idempotency as store
from openslot.core.errors import (
    Busy,
    Conflict,
    DomainError,
    Invalid,
    Malformed,
    RateLimited,
    Unavailable,
)
from openslot.core.work import Work
from openslot.entrypoints import bearer
from openslot.entrypoints.failures import problem_of, render
from openslot.entrypoints.request import alongside, now

HEADER = "Idempotency-Key"
PATTERN = "[!-~]{1,100}"
KEPT_HEADERS = ("Location", "ETag", "Content-Type", "Last-Modified")
WRITES_WITHIN = timedelta(seconds=5)
"""A request that has written nothing for this long counts as aborted, and its key may be used
again. If it is still running after all, it can no longer write."""

ANSWERS_WITHIN = timedelta(seconds=20)
"""The answer of a request that has written counts as lost after this long."""

SEND_AGAIN = (Busy, RateLimited)
"""Refusals that ask for a retry. They are not stored, or they would answer every retry."""


class KeyReused(Invalid):
    """This Idempotency-Key was used for another request. Use a new one."""

    code = "idempotency-key-reused"


class AnswerLost(Conflict):
    """This was done, but its answer was lost. Check the result before you go on.

    The process ended after the change was committed and before the answer was stored.
    """


class StillRunning(Conflict):
    """The first request with this Idempotency-Key is still running. Try again later."""

    retry_after = int(WRITES_WITHIN.total_seconds())


def once(work: Callable[[], Response]) -> Response:
    """Do ``work``, or return the stored answer to the first request with the same key.

    Without the header, the work is simply done. Raises KeyReused for the same key with a different
    request, StillRunning while the first one runs, and AnswerLost if its answer was never stored.
    The key of a request that failed without a write, or that asked for a retry, can be used again.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return work()
    if not re.fullmatch(PATTERN, key):
        raise Malformed(
            "Send an Idempotency-Key of 1 to 100 visible ASCII characters.", field=HEADER
        )
    owner, digest = _owner(), _digest()
    stored = bearer.write(lambda work: _begin(work.session, owner, key, digest))
    if stored is not None:
        return Response(stored.body or "", status=stored.status, headers=dict(stored.headers or {}))
    try:
        with alongside(lambda session: _mark_done(session, owner, key)):
            response = work()
    except DomainError as error:
        if isinstance(error, SEND_AGAIN):
            _release_key(owner, key)
            raise
        response = cast(Response, render(problem_of(error)))
    except BaseException:
        _release_key(owner, key)
        raise
    _store_answer(owner, key, response)
    return response


def _begin(session: Session, owner: str, key: str, digest: str) -> store.KeptAnswer | None:
    stored = store.find(session, owner, key)
    if stored is None:
        store.begin(session, owner, key, digest, now=now())
        return None
    if not store.is_of(session, stored, digest):
        raise KeyReused(field=HEADER)
    if stored.status not in (None, store.UNANSWERED):
        return stored
    has_written = stored.status == store.UNANSWERED
    if now() - stored.started_at < (ANSWERS_WITHIN if has_written else WRITES_WITHIN):
        raise StillRunning
    if has_written:
        raise AnswerLost
    if not store.take_over(session, owner, key, started=stored.started_at, now=now()):
        raise StillRunning
    return None


def _mark_done(session: Session, owner: str, key: str) -> None:
    """Raise StillRunning if another request has taken the key over; this undoes the transaction.

    Runs at the end of each transaction of the work.
    """
    try:
        store.mark_done(session, owner, key, started=now())
    except store.Resumed:
        raise StillRunning from None


def _release_key(owner: str, key: str) -> None:
    # The caller needs the original error. A key that stays behind can be taken over later.
    with suppress(Busy, Unavailable):
        bearer.write(lambda work: store.forget(work.session, owner, key, started=now()))


def _store_answer(owner: str, key: str, response: Response) -> None:
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    body = response.get_data(as_text=True)

    def finish(work: Work) -> None:
        store.finish(
            work.session,
            owner,
            key,
            started=now(),
            status=response.status_code,
            headers=headers,
            body=body,
        )

    # The work is done and this caller gets the answer; only a retry would get AnswerLost.
    with suppress(Busy, Unavailable):
        bearer.write(finish)


def _owner() -> str:
    """Return an id of the caller: different callers may choose the same key."""
    caller = bearer.caller()
    if caller.client_id is not None:
        return f"{caller.actor.account_id} {caller.client_id} {caller.actor.only_patient}"
    caller_id = caller.actor.account_id or caller.program_id
    return str(caller_id) if caller_id else f"{caller.actor.program or ''} {caller.actor.address}"


def _digest() -> str:
    """Return the SHA-256 of the method, path, query and body."""
    sent = f"{request.method} {request.full_path}\n".encode() + request.get_data()
    return hashlib.sha256(sent).hexdigest()
