"""A history as one list: nothing is lost or shown twice where a page ends among equal times."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from factories import MONDAY_9, NOW, claimed_by
from openslot.booking.models import Appointment, Status
from openslot.core.db import Database
from openslot.entrypoints.timeline import SOURCES, Item, Kind, Place, timeline
from openslot.records.models import EmergencyAccess, Entry, EntryKind
from openslot.referrals.models import Kept, Referral
from town import Town, build_town

HOUR = timedelta(hours=1)
EACH = 6


def fill(session: Session, town: Town) -> None:
    """As many of each kind, three of a kind at each instant."""
    who = {"id": uuid4, "patient_id": lambda: town.patients[0]}
    for number in range(EACH):
        at = MONDAY_9 + (number // 3) * HOUR
        same = {name: make() for name, make in who.items()}
        session.add_all(
            [
                Entry(
                    **same, practitioner_id=town.gp, kind=EntryKind.NOTE, text="x", recorded_at=at
                ),
                Appointment(
                    **same,
                    schedule_id=town.gp_at_hospital,
                    starts_at=at,
                    ends_at=at + HOUR,
                    status=Status.FULFILLED,
                    version=1,
                    created_at=NOW,
                    changed_at=NOW,
                    **claimed_by(session, town.gp_at_hospital, town.patients[0]),
                ),
                Referral(
                    **same,
                    gp_id=town.gp,
                    practitioner_id=town.specialist,
                    letter="x",
                    status=Kept.SENT,
                    created_at=at,
                    sent_at=at,
                    version=1,
                ),
                EmergencyAccess(
                    **same, practitioner_id=town.physio, reason="x", starts_at=at, ends_at=at + HOUR
                ),
            ]
        )


@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_a_list_is_the_same_however_it_is_cut(database: Database, size: int) -> None:
    town = build_town(database)
    database.run(lambda session: fill(session, town))

    def page(after: Place | None, size: int) -> list[Item]:
        found = database.read(
            lambda session: timeline(
                session, town.patients[0], kind=Kind.ALL, after=after, size=size
            )
        )
        assert (found.older is None) is (len(found.items) < size or len(found.items) == rest)
        return list(found.items)

    rest = EACH * len(SOURCES)
    whole = page(None, 100)
    assert len(whole) == rest
    assert [one.at for one in whole] == sorted((one.at for one in whole), reverse=True)
    cut: list[Item] = []
    while rest:
        cut += page(Place(*cut[-1][:3]) if cut else None, size)
        rest = len(whole) - len(cut)
    assert [one[:3] for one in cut] == [one[:3] for one in whole]
