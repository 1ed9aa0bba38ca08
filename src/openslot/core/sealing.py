"""Sealing the audit in batches, and proving that nothing sealed was changed since.

The worker seals what has settled, so that no booking waits for a chain that all share. Whoever
can write to the database could also write a whole new chain; the newest digest, kept somewhere
else, shows that too. So it stands in the worker's log and in what ``openslot check`` prints.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from openslot.core.audit import AuditEvent, AuditSeal
from openslot.core.db import LostRace, changed

BATCH = 500
"""Events under one seal, at most."""

SETTLED = timedelta(seconds=10)
"""Events wait so long, since transactions under way may bring older ones still. What comes even
later lies under the next seal."""

SEALS_AT_ONCE = 20
"""Seals whose events are held in memory while all are proved."""

NOTHING_BEFORE = "0" * 64
"""Stands for the digest before the first seal."""


@dataclass(frozen=True, slots=True)
class Broken:
    """What is wrong with a seal."""

    number: int
    problem: str

    def __str__(self) -> str:
        return f"audit seal {self.number}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Sealed:
    """How far the audit is sealed."""

    newest: AuditSeal | None
    unsealed: int
    oldest_unsealed: datetime | None


def seal_next(session: Session, *, now: datetime) -> AuditSeal | None:
    """Seal up to BATCH events that have settled, the oldest first; None where there are none.

    The number is the primary key, so that of two workers at once one writes a seal and the
    other is tried again on what the first left.
    """
    # In this order: the events are read after the seal that they follow, so they hold none of
    # its own, whoever seals beside us.
    last = _newest(session)
    events = _settled(session, now - SETTLED)
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
    _put_under(session, seal, events)
    return seal


def digest_of(seal: AuditSeal, events: Iterable[AuditEvent]) -> str:
    """SHA-256 over the seal's own line, which holds the digest before, and one for each event.

    A line is JSON in ASCII without blanks, its fields always in this order; events stand in
    the order of their time and then of their id, as bytes.
    """
    lines = [[seal.number, seal.previous, seal.events, _instant(seal.sealed_at)]]
    lines += [_fields(event) for event in sorted(events, key=lambda one: (one.at, one.id.bytes))]
    whole = hashlib.sha256()
    for line in lines:
        whole.update(json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return whole.hexdigest()


def broken(session: Session) -> Iterator[Broken]:
    """All that no longer fits, seal by seal; only SEALS_AT_ONCE are in memory at a time."""
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
    for number in range(expected, _last_named(session) + 1):
        yield Broken(number, "was removed")


def state(session: Session) -> Sealed:
    """The newest seal, and what is not sealed yet."""
    count, oldest = session.execute(
        select(func.count(), func.min(AuditEvent.at)).where(AuditEvent.seal_number.is_(None))
    ).one()
    return Sealed(_newest(session), count, oldest)


def _newest(session: Session) -> AuditSeal | None:
    return session.scalar(select(AuditSeal).order_by(AuditSeal.number.desc()).limit(1))


def _settled(session: Session, until: datetime) -> Sequence[AuditEvent]:
    query = select(AuditEvent).where(AuditEvent.seal_number.is_(None), AuditEvent.at <= until)
    return session.scalars(query.order_by(AuditEvent.at, AuditEvent.id).limit(BATCH)).all()


def _put_under(session: Session, seal: AuditSeal, events: Sequence[AuditEvent]) -> None:
    unsealed = (AuditEvent.id.in_([one.id for one in events]), AuditEvent.seal_number.is_(None))
    sealing = update(AuditEvent).where(*unsealed).values(seal_number=seal.number)
    if changed(session, sealing) != len(events):
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
    """Each seal with the events that name it."""
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
    found = session.scalars(query.order_by(AuditEvent.seal_number))
    return {number: list(own) for number, own in groupby(found, lambda one: one.seal_number)}


def _problem(seal: AuditSeal, events: Sequence[AuditEvent]) -> str | None:
    missing = seal.events - len(events)
    if missing > 0:
        return f"{missing} of its {seal.events} events {'is' if missing == 1 else 'are'} missing"
    if missing < 0:
        return f"{-missing} more than its {seal.events} events lie under it"
    if digest_of(seal, events) == seal.digest:
        return None
    times = sorted(one.at for one in events)
    period = f" between {times[0]:%Y-%m-%d %H:%M:%S} and {times[-1]:%Y-%m-%d %H:%M:%S} UTC"
    return f"it, or one of its {seal.events} events{period}, was changed"


def _last_named(session: Session) -> int:
    """The highest number of a seal that an event names."""
    return session.scalar(select(func.max(AuditEvent.seal_number))) or 0
