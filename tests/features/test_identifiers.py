"""Identifiers that other systems give to appointments, on every engine."""

import pytest
from sqlalchemy.orm import Session

import factories
from factories import MONDAY_9
from openslot.booking import identifiers, queries, search
from openslot.booking.models import Appointment
from openslot.core.actor import Actor, Role
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.schedules import queries as schedules
from town import build_town

GIVEN = "urn:x|A_1"


@pytest.mark.parametrize("is_own", [True, False])
def test_an_identifier_is_found_as_it_was_given(database: Database, is_own: bool) -> None:
    town = build_town(database)
    patient = Actor(role=Role.PATIENT, account_id=new_id(), patient_id=town.patients[0])
    kept = identifiers.kept(GIVEN, patient if is_own else town.clerk)
    assert (kept == GIVEN, identifiers.shown(kept)) == (not is_own, GIVEN)

    def act(session: Session) -> None:
        made = factories.appointment(session, town.gp_at_hospital, MONDAY_9, town.patients[0])
        session.get_one(Appointment, made.id).external_id = kept

    database.run(act)
    for condition, count in (
        (search.identifier_is(GIVEN), 1),
        (search.identifier_is("urn:x|A-1"), 0),
        (search.identifier_begins("urn:x|"), 1),
        (search.identifier_begins("urn:y|"), 0),
    ):
        found = database.read(lambda session, one=condition: queries.appointments(session, one))
        assert len(found) == count


def test_people_who_can_be_booked_are_read_in_pages(database: Database) -> None:
    town = build_town(database)
    everybody = sorted([town.gp, town.physio, town.specialist])
    read = schedules.bookable_people
    assert database.read(lambda s: read(s, after=0, limit=2)) == everybody[:2]
    assert database.read(lambda s: read(s, after=everybody[1], limit=2)) == everybody[2:]
