"""Referrals for tests, in the town: its GP has seen the patients, two specialists share an area."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.referrals import commands as referrals
from openslot.referrals.details import ReferralDetails
from openslot.referrals.models import Referral
from openslot.schedules.models import Schedule
from openslot.usecases import booking as usecases
from town import Town
from working import work

AREA = "Dental"
LETTER = "Pain at the upper left since May."
TUESDAY_9 = MONDAY_9 + timedelta(days=1)


class Dentists:
    """Both specialists of the area: who they are, and where they are booked."""

    def __init__(self, database: Database, town: Town) -> None:
        self.database, self.town = database, town
        first = database.read(lambda session: session.get(Schedule, town.specialist_at_hospital))
        assert first is not None
        assert first.practitioner_id is not None
        self.first, self.first_schedule = first.practitioner_id, town.specialist_at_hospital
        self.second, self.second_schedule = database.run(lambda s: _another(s, town.hospital))
        database.run(lambda session: _seen_by_gp(session, town))

    def actor(self, practitioner_id: int | None = None) -> Actor:
        """One of them, as one who acts."""
        return Actor(role=Role.PRACTITIONER, practitioner_id=practitioner_id or self.first)

    def draft(
        self,
        *,
        to: int | None = None,
        patient: int = 0,
        letter: str = LETTER,
        most: int | None = None,
        now: datetime = NOW,
    ) -> UUID:
        """A letter of the town's GP, to one specialist or to the area."""
        details = ReferralDetails(
            practitioner_id=to,
            expertise=None if to else AREA,
            letter=letter,
            most_appointments=most,
        )
        written = self.database.run(
            lambda session: referrals.write(
                work(session, self.town.doctor, now, access_days=0),
                self.town.patients[patient],
                details,
            )
        )
        return written.id

    def sent(
        self,
        *,
        to: int | None = None,
        patient: int = 0,
        most: int | None = None,
        now: datetime = NOW,
        months: int = 12,
    ) -> UUID:
        """A letter that can be booked with."""
        drafted = self.draft(to=to, patient=patient, most=most, now=now)
        self.database.run(
            lambda session: referrals.send(
                work(session, self.town.doctor, now, access_days=0, referral_months=months), drafted
            )
        )
        return drafted

    def booking_request(
        self, start: datetime = TUESDAY_9, *, second: bool = False, patient: int = 0
    ) -> BookingRequest:
        """An appointment with one of them."""
        schedule = self.second_schedule if second else self.first_schedule
        return self.town.booking_request(start, schedule=schedule, patient=patient)

    def book(
        self,
        booking_request: BookingRequest | None = None,
        *,
        by: Actor | None = None,
        now: datetime = NOW,
        hold: UUID | None = None,
        referral: UUID | None = None,
    ) -> Appointment:
        """Book as every entry point does."""
        return self.database.run(
            lambda session: usecases.book(
                work(session, by or self.town.patient(), now),
                booking_request or self.booking_request(),
                hold_id=hold,
                referral_id=referral,
            )
        )

    def hold(
        self, booking_request: BookingRequest | None = None, *, now: datetime = NOW
    ) -> Appointment:
        """Keep a time as every entry point does."""
        return self.database.run(
            lambda session: usecases.hold(
                work(session, self.town.patient(), now),
                booking_request or self.booking_request(),
            )
        )

    def becomes(self, appointment: Appointment, *steps: Status, now: datetime = NOW) -> None:
        """Take an appointment through its statuses, by the network's administrator."""
        for to in steps:
            self.database.run(
                lambda session, to=to: factories.change_status(session, appointment.id, to, now=now)
            )

    def row(self, referral_id: UUID) -> Referral | None:
        """What is stored of a letter."""
        return self.database.read(lambda session: session.get(Referral, referral_id))


def _another(session: Session, centre: int) -> tuple[int, int]:
    person = factories.practitioner(session, "Nina Simone", "Specialist", expertise=AREA.lower())
    return person.id, factories.schedule(session, centre, practitioner_id=person.id).id


def _seen_by_gp(session: Session, town: Town) -> None:
    """Each patient has an appointment with the GP, so that the GP may read their history."""
    for number in range(len(town.patients)):
        start = MONDAY_9 + number * HALF_HOUR
        usecases.book(work(session, SYSTEM, NOW), town.booking_request(start, patient=number))
