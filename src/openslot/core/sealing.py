"""Sealing the audit log in batches, and checking that sealed events are unchanged.

The worker seals settled events, so that no booking waits for a shared chain. Someone who can
write to the database could also rewrite the whole chain; a copy of the newest digest outside the
database proves that too. So the worker logs it, and ``openslot check`` prints it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from openslot.core.audit import AuditEvent, AuditSeal
from openslot.core.db import LostRace, changed

BATCH = 500
"""Largest number of events under one seal."""

SETTLED = timedelta(seconds=10)
"""Age at which events are sealed: open transactions may still add older ones. An event that
comes later still goes under the next seal."""

SEALS_AT_ONCE = 20
"""Number of seals whose events are in memory at a time while all are checked."""

NOTHING_BEFORE = "0" * 64
"""Previous digest of the first seal."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken seal and its problem."""

    number: int
    problem: str

    def __str__(self) -> str:
        return f"audit seal {self.number}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Sealed:
    """The newest seal, and the events that are not sealed yet."""

    newest: AuditSeal | None
    unsealed: int
    oldest_unsealed: datetime | None


def seal_next(session: Session, *, now: datetime) -> AuditSeal | None:
    """Seal up to BATCH settled events, oldest first; return None if there are none.

    The number is the primary key, so that of two workers at once one writes the seal and the
    other is retried with the remaining events.
    """
    # Read the previous seal first, so that the events read next are none of its own, even if
    # another worker seals at the same time.
    last = _newest(session)
    events = _settled_events(session, now - SETTLED)
    if not events:
        return None
    seal = AuditSeal(
        number=last.number + 1 if last else 1,
        previous=last.digest if last else NOTHING_BEFORE,
        events=len(events),
        sealed_at=now,
    )
    seal.digest = digest_of(seal, events)
    session.add(seal)
    session.flush()
    _assign(session, seal, events)
    return seal


def digest_of(seal: AuditSeal, events: Iterable[AuditEvent]) -> str:
    """Return the SHA-256 of the seal's line, with the previous digest, and a line per event.

    A line is a JSON array in ASCII without spaces, its fields in a fixed order. Events are
    sorted by time, then by the bytes of their id.
    """
    lines = [[seal.number, seal.previous, seal.events, _instant(seal.sealed_at)]]
    in_order = sorted(events, key=lambda event: (event.at, event.id.bytes))
    lines += [_fields(event) for event in in_order]
    digest = hashlib.sha256()
    for line in lines:
        digest.update(json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def broken(session: Session) -> Iterator[Broken]:
    """Yield the broken seals in order; only SEALS_AT_ONCE are in memory at a time."""
    expected, previous = 1, NOTHING_BEFORE
    for seal, events in _every_seal(session):
        for number in range(expected, seal.number):
            yield Broken(number, "was removed")
        if expected == seal.number and seal.previous != previous:
            yield Broken(seal.number, "does not follow the seal before it")
        problem = _problem(seal, events)
        if problem:
            yield Broken(seal.number, problem)
        expected, previous = seal.number + 1, seal.digest
    for number in range(expected, _highest_number(session) + 1):
        yield Broken(number, "was removed")


def remove_next(session: Session, *, before: datetime, now: datetime) -> AuditSeal | None:
    """Remove the events of the oldest seal that has some, if all are from before ``before``.

    The seal stays, so that the chain can still be checked. Returns None if there is nothing to
    remove.
    """
    oldest = session.scalar(
        select(AuditSeal)
        .where(AuditSeal.removed_at.is_(None))
        .order_by(AuditSeal.number)
        .limit(1)
        .with_for_update()
    )
    if oldest is None:
        return None
    own = AuditEvent.seal_number == oldest.number
    newest = session.scalar(select(func.max(AuditEvent.at)).where(own))
    if newest is not None and newest >= before:
        return None
    changed(session, delete(AuditEvent).where(own))
    oldest.removed_at = now
    session.flush()
    return oldest


def removable(session: Session, *, before: datetime) -> int:
    """Return the number of sealed events from before ``before``."""
    query = select(func.count()).where(AuditEvent.seal_number.is_not(None), AuditEvent.at < before)
    return session.scalar(query) or 0


def state(session: Session) -> Sealed:
    """Return the newest seal, and the number and age of the unsealed events."""
    count, oldest = session.execute(
        select(func.count(), func.min(AuditEvent.at)).where(AuditEvent.seal_number.is_(None))
    ).one()
    return Sealed(_newest(session), count, oldest)


def _newest(session: Session) -> AuditSeal | None:
    return session.scalar(select(AuditSeal).order_by(AuditSeal.number.desc()).limit(1))


def _settled_events(session: Session, until: datetime) -> Sequence[AuditEvent]:
    query = select(AuditEvent).where(AuditEvent.seal_number.is_(None), AuditEvent.at <= until)
    return session.scalars(query.order_by(AuditEvent.at, AuditEvent.id).limit(BATCH)).all()


def _assign(session: Session, seal: AuditSeal, events: Sequence[AuditEvent]) -> None:
    ids = [event.id for event in events]
    unsealed = (AuditEvent.id.in_(ids), AuditEvent.seal_number.is_(None))
    statement = update(AuditEvent).where(*unsealed).values(seal_number=seal.number)
    if changed(session, statement) != len(events):
        raise LostRace


def _fields(event: AuditEvent) -> list[object]:
    return [
        event.id.hex,
        _instant(event.at),
        event.action,
        event.subject,
        event.account_id.hex if event.account_id else None,
        event.address,
        event.details,
    ]


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def _every_seal(session: Session) -> Iterator[tuple[AuditSeal, list[AuditEvent]]]:
    """Yield each seal with its events."""
    after = 0
    while seals := _seals(session, after):
        last = seals[-1].number
        events = _events(session, after, last)
        yield from ((seal, events.get(seal.number, [])) for seal in seals)
        session.expunge_all()
        after = last


def _seals(session: Session, after: int) -> Sequence[AuditSeal]:
    query = select(AuditSeal).where(AuditSeal.number > after).order_by(AuditSeal.number)
    return session.scalars(query.limit(SEALS_AT_ONCE)).all()


def _events(session: Session, after: int, last: int) -> dict[int | None, list[AuditEvent]]:
    query = select(AuditEvent).where(AuditEvent.seal_number > after, AuditEvent.seal_number <= last)
    events = session.scalars(query.order_by(AuditEvent.seal_number))
    by_seal = groupby(events, lambda event: event.seal_number)
    return {number: list(sealed) for number, sealed in by_seal}


def _problem(seal: AuditSeal, events: Sequence[AuditEvent]) -> str | None:
    if seal.removed_at is not None:
        return "it has events, which were removed as too old" if events else None
    missing = seal.events - len(events)
    if missing > 0:
        return f"{missing} of its {seal.events} events {'is' if missing == 1 else 'are'} missing"
    if missing < 0:
        return f"it has {-missing} more than its {seal.events} events"
    if digest_of(seal, events) == seal.digest:
        return None
    times = sorted(event.at for event in events)
    period = f" between {times[0]:%Y-%m-%d %H:%M:%S} and {times[-1]:%Y-%m-%d %H:%M:%S} UTC"
    return f"it, or one of its {seal.events} events{period}, was changed"


def _highest_number(session: Session) -> int:
    """Return the highest seal number of any event, or 0."""
    return session.scalar(select(func.max(AuditEvent.seal_number))) or 0
