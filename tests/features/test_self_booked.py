"""An appointment that the practitioner made alone opens the record on its day, and not before."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import factories
from factories import MONDAY_9, NOW, SYDNEY
from openslot.booking import commands as booking
from openslot.booking import offered
from openslot.booking.commands import BookingRequest
from openslot.booking.errors import TooLateToRecord
from openslot.booking.models import Appointment, Status
from openslot.core import audit
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import NotFound
from openslot.core.ids import new_id
from openslot.directory.models import Patient
from openslot.records.access import Access, may_read, open_to, subject_of
from openslot.records.finding import FOUND, search
from openslot.referrals import commands as referrals
from openslot.referrals.models import Kept, Referral
from openslot.referrals.queries import referrals as find_referrals
from openslot.referrals.queries import within_reach
from openslot.usecases import booking as usecases
from referring import Dentists
from town import Town, build_town
from working import work

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVENING = datetime(2026, 11, 22, 21, 30, tzinfo=SYDNEY)
MONDAY = datetime(2026, 11, 23, 0, 0, tzinfo=SYDNEY)
TUESDAY, WEDNESDAY = MONDAY + DAY, MONDAY + 2 * DAY
TUESDAY_9 = MONDAY_9 + DAY
CARE, SELF_BOOKED = Access.CARE, Access.SELF_BOOKED


class Story:
    """What happens between a GP and a patient who has never been to them."""

    def __init__(self, session: Session, town: Town) -> None:
        self.session, self.town = session, town
        self.gp, self.patient, self.clerk = town.doctor, town.patient(), town.clerk
        for actor in (self.gp, self.clerk):
            audit.record(work(session, actor, NOW), FOUND, subject_of(town.patients[0]))

    def book(self, by: Actor, *, now: datetime = NOW, hold: Appointment | None = None) -> UUID:
        """For Monday at nine."""
        hold_id = hold.id if hold else None
        booking_request = self.town.booking_request()
        return usecases.book(work(self.session, by, now), booking_request, hold_id=hold_id).id

    def hold(self, by: Actor) -> Appointment:
        kept = usecases.hold(work(self.session, by, NOW, keep=HOUR), self.town.booking_request())
        self.session.flush()
        return kept

    def move(self, appointment: UUID, by: Actor, *, now: datetime = NOW) -> None:
        """To Tuesday at nine."""
        booking.move(work(self.session, by, now, cutoff=HOUR), appointment, TUESDAY_9)

    def mark(self, appointment: UUID, by: Actor, *to: Status, now: datetime = NOW) -> None:
        self.session.flush()
        for status in to:
            booking.change_status(work(self.session, by, now, cutoff=HOUR), appointment, status)


def booked_by_the_gp(story: Story) -> None:
    story.book(story.gp)


def booked_by_the_patient(story: Story) -> None:
    story.book(story.patient)


def booked_by_the_desk(story: Story) -> None:
    story.book(story.clerk)


def booked_by_a_program(story: Story) -> None:
    story.book(Actor(role=Role.NETWORK_ADMIN, program="key"))


def held_and_confirmed_by_the_gp(story: Story) -> None:
    story.book(story.gp, hold=story.hold(story.gp))


def held_by_the_gp_and_confirmed_by_the_patient(story: Story) -> None:
    story.book(story.patient, hold=story.hold(story.gp))


def held_by_the_patient_and_confirmed_by_the_gp(story: Story) -> None:
    story.book(story.gp, hold=story.hold(story.patient))


def moved_by_the_gp_who_booked(story: Story) -> None:
    story.move(story.book(story.gp), story.gp)


def booked_by_the_gp_and_moved_by_the_patient(story: Story) -> None:
    story.move(story.book(story.gp), story.patient)


def booked_by_the_patient_and_moved_by_the_gp(story: Story) -> None:
    story.move(story.book(story.patient), story.gp)


def left_behind_and_moved_by_the_gp(story: Story) -> None:
    story.move(story.book(story.patient), story.gp, now=MONDAY_9 + HOUR)


def checked_in_by_the_desk(story: Story) -> None:
    story.mark(story.book(story.gp), story.clerk, Status.ARRIVED, now=EVENING)


def checked_in_by_the_gp(story: Story) -> None:
    story.mark(story.book(story.gp), story.gp, Status.ARRIVED, now=EVENING)


def checked_in_without_an_account(story: Story) -> None:
    kiosk = replace(SYSTEM, address="192.0.2.1")
    story.mark(story.book(story.gp), kiosk, Status.ARRIVED, now=MONDAY_9)


def completed_by_the_gp(story: Story) -> None:
    appointment = story.book(story.gp)
    story.mark(appointment, story.gp, Status.ARRIVED, Status.FULFILLED, now=EVENING)


def cancelled_by_the_gp(story: Story) -> None:
    story.mark(story.book(story.gp), story.gp, Status.CANCELLED, now=MONDAY)


def cancelled_by_the_patient_and_taken_back_by_the_gp(story: Story) -> None:
    appointment = story.book(story.patient)
    story.mark(appointment, replace(story.patient, account_id=new_id()), Status.CANCELLED)
    story.mark(appointment, story.gp, Status.BOOKED)


def cancelled_and_taken_back_by_the_gp(story: Story) -> None:
    story.mark(story.book(story.patient), story.gp, Status.CANCELLED, Status.BOOKED)


def missed_and_taken_back_by_the_gp(story: Story) -> None:
    appointment = story.book(story.patient)
    story.mark(appointment, story.gp, Status.NO_SHOW, Status.BOOKED, now=MONDAY_9 + HOUR)


def missed_and_taken_back_by_the_desk(story: Story) -> None:
    appointment = story.book(story.patient)
    story.mark(appointment, story.gp, Status.NO_SHOW, now=MONDAY_9 + HOUR)
    story.mark(appointment, story.clerk, Status.BOOKED, now=MONDAY_9 + HOUR)


def offered_and_taken_by_the_gp(story: Story) -> None:
    _taken(story, story.gp)


def offered_and_taken_by_the_patient(story: Story) -> None:
    _taken(story, story.patient)


def _taken(story: Story, by: Actor) -> None:
    wanted = story.town.booking_request()
    place = booking.place_of(story.session, wanted.schedule_id)
    kept = booking.make(
        work(story.session, now=NOW), wanted, place, held_until=NOW + HOUR, offered=True
    )
    story.session.flush()
    offered.take(work(story.session, by, NOW), kept.id)


AT = (NOW, MONDAY - HOUR, MONDAY, TUESDAY - timedelta(minutes=5), TUESDAY, WEDNESDAY)
MONDAY_ONLY = (None, None, SELF_BOOKED, SELF_BOOKED, None, None)
TUESDAY_ONLY = (None, None, None, None, SELF_BOOKED, None)
ALWAYS = (CARE,) * len(AT)

STORIES: list[tuple[Callable[[Story], None], tuple[Access | None, ...]]] = [
    (booked_by_the_gp, MONDAY_ONLY),
    (booked_by_the_patient, ALWAYS),
    (booked_by_the_desk, ALWAYS),
    (booked_by_a_program, ALWAYS),
    (held_and_confirmed_by_the_gp, MONDAY_ONLY),
    (held_by_the_gp_and_confirmed_by_the_patient, ALWAYS),
    (held_by_the_patient_and_confirmed_by_the_gp, MONDAY_ONLY),
    (moved_by_the_gp_who_booked, TUESDAY_ONLY),
    (booked_by_the_gp_and_moved_by_the_patient, ALWAYS),
    (booked_by_the_patient_and_moved_by_the_gp, ALWAYS),
    (left_behind_and_moved_by_the_gp, TUESDAY_ONLY),
    (checked_in_by_the_desk, ALWAYS),
    (checked_in_by_the_gp, (None, None, *(SELF_BOOKED,) * 4)),
    (checked_in_without_an_account, (None, None, *(SELF_BOOKED,) * 4)),
    (completed_by_the_gp, (None, None, SELF_BOOKED, SELF_BOOKED, CARE, CARE)),
    (cancelled_by_the_gp, (None,) * 6),
    (cancelled_by_the_patient_and_taken_back_by_the_gp, MONDAY_ONLY),
    (cancelled_and_taken_back_by_the_gp, ALWAYS),
    (missed_and_taken_back_by_the_gp, MONDAY_ONLY),
    (missed_and_taken_back_by_the_desk, ALWAYS),
    (offered_and_taken_by_the_gp, MONDAY_ONLY),
    (offered_and_taken_by_the_patient, ALWAYS),
]


@pytest.mark.parametrize(
    ("story", "expected"), STORIES, ids=lambda one: getattr(one, "__name__", "")
)
def test_who_made_it_decides_from_when_the_record_is_open(
    database: Database, story: Callable[[Story], None], expected: tuple[Access | None, ...]
) -> None:
    town = build_town(database)
    database.run(lambda session: story(Story(session, town)))
    assert tuple(_access(database, town.doctor, town.patients[0], now) for now in AT) == expected


def _access(database: Database, actor: Actor, patient: UUID, now: datetime) -> Access | None:
    """What the actor may then; searches find the same."""
    with database.reading() as session:
        found = may_read(work(session, actor, now, access_days=365), patient)
        fits = open_to(actor, Patient.id, now=now, access_days=365)
        listed = set(session.scalars(select(Patient.id).where(fits)))
    assert (patient in listed) is (found is not None)
    return found


def test_an_appointment_over_midnight_is_open_until_it_ends(
    sqlite_database: Database, town: Town
) -> None:
    appointment = sqlite_database.run(lambda session: Story(session, town).book(town.doctor))
    factories.change(
        sqlite_database,
        Appointment,
        appointment,
        starts_at=TUESDAY - HOUR / 2,
        ends_at=TUESDAY + HOUR / 2,
    )
    patient = town.patients[0]
    assert _access(sqlite_database, town.doctor, patient, TUESDAY + HOUR / 4) is SELF_BOOKED
    assert _access(sqlite_database, town.doctor, patient, TUESDAY + HOUR) is None


def test_a_patient_whom_one_booked_is_found_by_a_part_of_the_name_from_that_day_on(
    sqlite_database: Database, town: Town
) -> None:
    sqlite_database.run(lambda session: Story(session, town).book(town.doctor))

    def found(now: datetime) -> int:
        return sqlite_database.read(
            lambda session: search(
                work(session, town.doctor, now), text="Patient", limit=9, offset=0
            )[1]
        )

    assert (found(NOW), found(MONDAY)) == (0, 1)


@pytest.mark.parametrize("names", [True, False], ids=["named", "area"])
def test_a_letter_opens_a_specialist_s_own_booking_only_where_it_names_them(
    sqlite_database: Database, town: Town, names: bool
) -> None:
    specialist = Actor(role=Role.PRACTITIONER, practitioner_id=town.specialist)

    def book(session: Session) -> None:
        session.add(
            Referral(
                patient_id=town.patients[0],
                gp_id=town.gp,
                letter="Please see.",
                status=Kept.SENT,
                practitioner_id=town.specialist if names else None,
                expertise=None if names else "Dental",
                created_at=NOW,
                sent_at=NOW,
                expires_at=NOW + 90 * DAY,
                version=1,
            )
        )
        session.flush()
        booking_request = BookingRequest(
            town.specialist_at_hospital, MONDAY_9, 30, town.patients[0]
        )
        usecases.book(work(session, specialist, NOW), booking_request)

    sqlite_database.run(book)
    expected = CARE if names else None
    assert _access(sqlite_database, specialist, town.patients[0], NOW) is expected
    for now, is_open in ((NOW, names), (MONDAY, True), (TUESDAY, names)):
        with sqlite_database.reading() as session:
            listed = find_referrals(session, within_reach(specialist, now))
            assert bool(listed) is is_open
            [known] = find_referrals(session)
            with nullcontext() if is_open else pytest.raises(NotFound):
                referrals.referral_for(work(session, specialist, now), known.id)


def test_a_letter_stays_open_where_the_patient_came(sqlite_database: Database, town: Town) -> None:
    dentists = Dentists(sqlite_database, town)
    letter, own = dentists.sent(), dentists.actor()
    appointment = dentists.book(by=own)
    dentists.becomes(appointment, Status.ARRIVED, Status.FULFILLED, now=TUESDAY_9)
    with sqlite_database.reading() as session:
        assert referrals.referral_for(work(session, own, WEDNESDAY + DAY), letter)


def test_the_system_s_own_work_counts_as_somebody_else_s(
    sqlite_database: Database, town: Town
) -> None:
    sqlite_database.run(lambda session: Story(session, town).book(SYSTEM))
    assert _access(sqlite_database, town.doctor, town.patients[0], NOW) is CARE


LATE = TUESDAY_9 + 2 * DAY


def test_weeks_later_a_practitioner_alone_does_not_say_that_the_patient_came(
    sqlite_database: Database, town: Town
) -> None:
    def act(session: Session) -> None:
        story = Story(session, town)
        story.mark(story.book(story.gp), story.gp, Status.ARRIVED, now=LATE)

    with pytest.raises(TooLateToRecord):
        sqlite_database.run(act)


def test_an_old_no_show_is_not_made_into_care(sqlite_database: Database, town: Town) -> None:
    def act(session: Session) -> None:
        story = Story(session, town)
        appointment = story.book(story.patient)
        story.mark(appointment, story.gp, Status.NO_SHOW, now=MONDAY_9 + HOUR)
        story.mark(appointment, story.gp, Status.BOOKED, now=LATE)

    with pytest.raises(TooLateToRecord):
        sqlite_database.run(act)


def test_what_somebody_else_made_is_recorded_at_any_time(
    sqlite_database: Database, town: Town
) -> None:
    def act(session: Session) -> None:
        story = Story(session, town)
        story.mark(story.book(story.patient), story.gp, Status.ARRIVED, Status.FULFILLED, now=LATE)

    sqlite_database.run(act)


def test_who_arrived_in_time_is_completed_at_any_time(
    sqlite_database: Database, town: Town
) -> None:
    def act(session: Session) -> None:
        story = Story(session, town)
        appointment = story.book(story.gp)
        story.mark(appointment, story.gp, Status.ARRIVED, now=MONDAY_9)
        story.mark(appointment, story.gp, Status.FULFILLED, now=LATE)

    sqlite_database.run(act)
