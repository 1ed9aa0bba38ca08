"""Sealing the audit log in batches, and checking that sealed events are unchanged.

The worker seals settled events, so that no booking waits for a shared chain. A seal is made with a
key that is not in the database, so that nobody makes one who can only write there. They could still
remove the newest seals; a copy of the newest digest outside the database proves that too. So the
worker logs it, and ``openslot check`` prints it.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from openslot.core.audit import AuditEvent, AuditSeal
from openslot.core.db import LostRace, changed

Keys = Sequence[str]
"""Secret keys, oldest first: each may have made a seal, and the last one makes the next."""

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


@dataclass(slots=True)
class Checked:
    """What a check of all seals found out by the way: the first seal that was made with a key."""

    keyed_from: int | None = None


def seal_next(session: Session, *, now: datetime, keys: Keys) -> AuditSeal | None:
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
    seal.digest = digest_of(seal, events, key=keys[-1])
    session.add(seal)
    session.flush()
    _assign(session, seal, events)
    return seal


def digest_of(seal: AuditSeal, events: Iterable[AuditEvent], *, key: str | None) -> str:
    """Return the HMAC-SHA-256 of the seal's line, with the previous digest, and a line per event.

    A line is a JSON array in ASCII without spaces, its fields in a fixed order. Events are
    sorted by time, then by the bytes of their id. Without a key, as in the first versions, it is
    the SHA-256 of these lines.
    """
    lines = [_heading(seal)]
    in_order = sorted(events, key=lambda event: (event.at, event.id.bytes))
    lines += [_fields(event) for event in in_order]
    return _digest(lines, key)


def broken(session: Session, keys: Keys, checked: Checked | None = None) -> Iterator[Broken]:
    """Yield the broken seals in order; only SEALS_AT_ONCE are in memory at a time.

    ``checked`` is filled in on the way.
    """
    checked = checked or Checked()
    expected, previous = 1, NOTHING_BEFORE
    for seal, events in _every_seal(session):
        for number in range(expected, seal.number):
            yield Broken(number, "was removed")
        if expected == seal.number and seal.previous != previous:
            yield Broken(seal.number, "does not follow the seal before it")
        problem = _problem(seal, events, keys, checked)
        if problem:
            yield Broken(seal.number, problem)
        expected, previous = seal.number + 1, seal.digest
    for number in range(expected, _highest_number(session) + 1):
        yield Broken(number, "was removed")


def remove_next(
    session: Session, *, before: datetime, now: datetime, keys: Keys
) -> AuditSeal | None:
    """Remove the events of the oldest seal that has some, if all are from before ``before``.

    The seal stays, with a proof that the events were removed with the key, so that the chain can
    still be checked. Returns None if there is nothing to remove.
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
    oldest.removal = _removal_of(oldest, keys[-1])
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


def _problem(
    seal: AuditSeal, events: Sequence[AuditEvent], keys: Keys, checked: Checked
) -> str | None:
    if seal.removed_at is not None:
        return _problem_of_removal(seal, events, keys)
    missing = seal.events - len(events)
    if missing > 0:
        return f"{missing} of its {seal.events} events {'is' if missing == 1 else 'are'} missing"
    if missing < 0:
        return f"it has {-missing} more than its {seal.events} events"
    if any(_is(digest_of(seal, events, key=key), seal.digest) for key in reversed(keys)):
        checked.keyed_from = checked.keyed_from or seal.number
        return None
    # Anybody can make a seal without a key, so there is none after the first one with a key.
    if checked.keyed_from is None and _is(digest_of(seal, events, key=None), seal.digest):
        return None
    times = sorted(event.at for event in events)
    period = f" between {times[0]:%Y-%m-%d %H:%M:%S} and {times[-1]:%Y-%m-%d %H:%M:%S} UTC"
    return f"it, or one of its {seal.events} events{period}, was changed"


def _problem_of_removal(seal: AuditSeal, events: Sequence[AuditEvent], keys: Keys) -> str | None:
    if events:
        return "it has events, which were removed as too old"
    if not any(_is(_removal_of(seal, key), seal.removal or "") for key in keys):
        return "its events were removed, but not by OpenSlot"
    return None


def _removal_of(seal: AuditSeal, key: str) -> str:
    removed_at = _instant(seal.removed_at) if seal.removed_at else ""
    return _digest([["removed", *_heading(seal), seal.digest, removed_at]], key)


def _digest(lines: Iterable[Sequence[object]], key: str | None) -> str:
    written = b"".join(
        json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n" for line in lines
    )
    if key is None:
        return hashlib.sha256(written).hexdigest()
    # A key of its own, so that no other use of the secret key makes seals.
    own = hmac.digest(key.encode(), b"audit seal", "sha256")
    return hmac.new(own, written, "sha256").hexdigest()


def _is(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _heading(seal: AuditSeal) -> list[object]:
    return [seal.number, seal.previous, seal.events, _instant(seal.sealed_at)]


def _highest_number(session: Session) -> int:
    """Return the highest seal number of any event, or 0."""
    return session.scalar(select(func.max(AuditEvent.seal_number))) or 0
