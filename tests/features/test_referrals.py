"""Referrals: who writes them, how appointments use them up and give them back, who sees what."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, NOW
from openslot.booking import commands
from openslot.booking.errors import NeedsPatient, ReferralRequired, ReferralSpent
from openslot.booking.models import Appointment, Status
from openslot.core import audit, outbox
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.core.errors import DomainError, Forbidden, NotFound
from openslot.directory import commands as directory
from openslot.directory.models import Practitioner
from openslot.referrals import commands as referrals
from openslot.referrals import queries
from openslot.referrals.details import AnswerDetails, ReferralDetails
from openslot.referrals.errors import (
    AddresseeUnavailable,
    AlreadyAnswered,
    NoAddressee,
    NoAppointmentYet,
    OnlyGps,
    WrongState,
)
from openslot.referrals.models import Referral, State
from openslot.usecases import booking as usecases
from referring import AREA, LETTER, TUESDAY_9, Dentists
from town import Town, build_town
from working import work

ANSWER = AnswerDetails(answer="A wisdom tooth. It is out.")


@pytest.fixture
def dentists(sqlite_database: Database, town: Town) -> Dentists:
    return Dentists(sqlite_database, town)


def state_of(dentists: Dentists, referral_id: UUID, now: Any = NOW) -> State:
    found = dentists.database.read(lambda session: queries.referral(session, referral_id))
    assert found is not None
    return found.state_at(now)


def do(
    dentists: Dentists,
    verb: Callable[..., Any],
    actor: Actor,
    *args: Any,
    months: int = 12,
    **more: Any,
) -> Any:
    return dentists.database.run(
        lambda session: verb(
            work(session, actor, NOW, access_days=0, referral_months=months), *args, **more
        )
    )


# Writing


def test_a_gp_refers_a_patient_whom_they_see(dentists: Dentists) -> None:
    drafted = dentists.draft()
    assert state_of(dentists, drafted) is State.DRAFT
    do(dentists, referrals.send, dentists.town.doctor, drafted, months=12)
    row = dentists.row(drafted)
    assert row is not None
    assert (row.sent_at, row.expires_at) == (NOW, NOW.replace(year=2027))
    assert state_of(dentists, drafted) is State.SENT
    sent = dentists.database.read(
        lambda session: outbox.messages(session, "referral.sent", limit=9, offset=0)
    )
    assert [one.payload["referral"] for one in sent] == [str(drafted)]


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (lambda town, dentists: dentists.actor(), OnlyGps),
        (lambda town, dentists: Actor(Role.PRACTITIONER, practitioner_id=town.physio), OnlyGps),
        (lambda town, dentists: town.clerk, OnlyGps),
        (lambda town, dentists: town.patient(), OnlyGps),
        (lambda town, dentists: SYSTEM, OnlyGps),
        (lambda town, dentists: Actor(), OnlyGps),
    ],
)
def test_nobody_but_a_gp_refers(
    dentists: Dentists, who: Callable[[Town, Dentists], Actor], refusal: type[DomainError]
) -> None:
    details = ReferralDetails(expertise=AREA, letter=LETTER)
    actor = who(dentists.town, dentists)
    with pytest.raises(refusal):
        do(dentists, referrals.write, actor, dentists.town.patients[0], details)


def test_a_gp_refers_nobody_whose_history_they_may_not_read(
    sqlite_database: Database, town: Town
) -> None:
    details = ReferralDetails(expertise=AREA, letter=LETTER)
    for patient in (town.patients[0], uuid4()):
        with pytest.raises(NotFound):
            sqlite_database.run(
                lambda session, patient=patient: referrals.write(
                    work(session, town.doctor, NOW), patient, details
                )
            )


def test_a_draft_is_not_sent_once_the_gp_may_read_no_more(dentists: Dentists) -> None:
    drafted = dentists.draft()

    def cancel(session: Session) -> None:
        for one in session.query(Appointment).filter_by(patient_id=dentists.town.patients[0]):
            factories.change_status(session, one.id, Status.CANCELLED)

    dentists.database.run(cancel)
    with pytest.raises(NotFound):
        do(dentists, referrals.send, dentists.town.doctor, drafted, months=12)


@pytest.mark.parametrize(
    ("addressee", "refusal"),
    [
        ({"expertise": "Alchemy"}, AddresseeUnavailable),
        ({"practitioner_id": 2**31 - 1}, AddresseeUnavailable),
    ],
)
def test_a_letter_goes_to_somebody_who_is_there(
    dentists: Dentists, addressee: dict[str, Any], refusal: type[DomainError]
) -> None:
    details = ReferralDetails(letter=LETTER, **addressee)
    with pytest.raises(refusal):
        do(
            dentists,
            referrals.write,
            dentists.town.doctor,
            dentists.town.patients[0],
            details,
        )


def test_a_letter_goes_to_specialists_only_so_that_a_gp_cannot_name_themselves(
    dentists: Dentists,
) -> None:
    for other in (dentists.town.gp, dentists.town.physio):
        details = ReferralDetails(letter=LETTER, practitioner_id=other)
        with pytest.raises(NoAddressee):
            do(
                dentists,
                referrals.write,
                dentists.town.doctor,
                dentists.town.patients[0],
                details,
            )


def test_a_draft_to_somebody_who_left_meanwhile_is_not_sent(dentists: Dentists) -> None:
    drafted = dentists.draft(to=dentists.first)
    to_area = dentists.draft()
    for person in (dentists.first, dentists.second):
        deactivate(dentists, person)
    for one in (drafted, to_area):
        with pytest.raises(AddresseeUnavailable):
            do(dentists, referrals.send, dentists.town.doctor, one, months=12)
        assert state_of(dentists, one) is State.DRAFT


def deactivate(dentists: Dentists, person: int) -> None:
    def act(session: Session) -> None:
        found = session.get(Practitioner, person)
        assert found is not None
        directory.set_active(work(session, SYSTEM, NOW), found, False)

    dentists.database.run(act)


def test_a_draft_can_be_changed_and_thrown_away_and_a_sent_letter_cannot(
    dentists: Dentists,
) -> None:
    drafted = dentists.draft()
    doctor = dentists.town.doctor
    other = ReferralDetails(practitioner_id=dentists.second, letter="Since June.")
    do(dentists, referrals.change, doctor, drafted, other)
    row = dentists.row(drafted)
    assert row is not None
    assert (row.practitioner_id, row.expertise, row.letter) == (
        dentists.second,
        None,
        "Since June.",
    )
    do(dentists, referrals.send, doctor, drafted, months=1)
    for verb, more in ((referrals.change, (other,)), (referrals.discard, ())):
        with pytest.raises(WrongState):
            do(dentists, verb, doctor, drafted, *more)
    second = dentists.draft()
    do(dentists, referrals.discard, doctor, second)
    assert dentists.row(second) is None


# Booking with it


def test_a_specialist_is_booked_with_a_referral_and_no_other_way(dentists: Dentists) -> None:
    with pytest.raises(ReferralRequired):
        dentists.book()
    sent = dentists.sent()
    appointment = dentists.book()
    assert (appointment.referral_id, appointment.referral_use) == (sent, sent)
    assert state_of(dentists, sent) is State.USED


@pytest.mark.parametrize(
    "kind", ["draft", "other patient", "other specialist", "ran out", "revoked"]
)
def test_a_letter_that_does_not_fit_opens_nothing(dentists: Dentists, kind: str) -> None:
    refusal: type[DomainError] = ReferralRequired
    if kind == "draft":
        named = dentists.draft()
    elif kind == "other patient":
        named = dentists.sent(patient=1)
    elif kind == "other specialist":
        named = dentists.sent(to=dentists.second)
    elif kind == "ran out":
        named, refusal = dentists.sent(now=NOW - timedelta(days=40), months=1), ReferralSpent
    else:
        named, refusal = dentists.sent(), ReferralSpent
        do(dentists, referrals.revoke, dentists.town.doctor, named)
    for asked in (None, named):
        with pytest.raises(refusal):
            dentists.book(referral=asked)


@pytest.mark.parametrize("kind", ["draft", "revoked"])
def test_a_letter_that_does_not_fit_makes_nobody_known(dentists: Dentists, kind: str) -> None:
    letter = dentists.draft() if kind == "draft" else dentists.sent()
    if kind == "revoked":
        do(dentists, referrals.revoke, dentists.town.doctor, letter)
    other = replace(dentists.actor(dentists.second), account_id=uuid4())
    with pytest.raises(NotFound):
        dentists.book(dentists.booking_request(second=True), by=other)


def test_a_used_letter_opens_nothing_more(dentists: Dentists) -> None:
    sent = dentists.sent()
    dentists.book()
    later = dentists.booking_request(TUESDAY_9 + timedelta(days=1), second=True)
    for asked in (None, sent):
        with pytest.raises(ReferralSpent):
            dentists.book(later, referral=asked)


@pytest.mark.parametrize(
    ("steps", "comes_back"),
    [
        ((Status.CANCELLED,), True),
        ((Status.ENTERED_IN_ERROR,), True),
        ((Status.ARRIVED,), False),
        ((Status.ARRIVED, Status.FULFILLED), False),
        ((Status.NO_SHOW,), False),
        ((Status.ARRIVED, Status.FULFILLED, Status.ENTERED_IN_ERROR), True),
    ],
)
def test_what_does_not_take_place_gives_the_letter_back_but_staying_away_does_not(
    dentists: Dentists, steps: tuple[Status, ...], comes_back: bool
) -> None:
    sent = dentists.sent()
    appointment = dentists.book()
    dentists.becomes(appointment, *steps, now=TUESDAY_9 + HALF_HOUR)
    later = dentists.booking_request(TUESDAY_9 + timedelta(days=1))
    assert state_of(dentists, sent) is (State.SENT if comes_back else State.USED)
    if comes_back:
        assert dentists.book(later).referral_use == sent
    elif steps == (Status.NO_SHOW,):
        with pytest.raises(ReferralSpent):
            dentists.book(later)
    else:
        assert dentists.book(later).referral_use is None


# Follow-ups

AFTER = TUESDAY_9 + HALF_HOUR
DAY = timedelta(days=1)


def seen(
    dentists: Dentists, *, to: int | None = None, most: int | None = None, months: int = 12
) -> UUID:
    """A referral whose first appointment, with the first dentist, took place."""
    sent = dentists.sent(to=to, most=most, months=months)
    dentists.becomes(dentists.book(), Status.ARRIVED, Status.FULFILLED, now=AFTER)
    return sent


@pytest.mark.parametrize("named", [True, False])
def test_who_has_seen_the_patient_sees_them_again_until_the_referral_expires(
    dentists: Dentists, named: bool
) -> None:
    sent = seen(dentists, to=dentists.first if named else None, months=1)
    for days, asked in ((1, None), (2, sent), (3, None)):
        again = dentists.booking_request(TUESDAY_9 + days * DAY)
        by = dentists.actor() if days == 3 else None
        booked = dentists.book(again, referral=asked, by=by, now=AFTER)
        assert (booked.referral_id, booked.referral_use) == (None, None)
    assert state_of(dentists, sent) is State.USED
    late = NOW + timedelta(days=40)
    start = TUESDAY_9 + timedelta(days=42)
    with pytest.raises(ReferralSpent):
        dentists.book(dentists.booking_request(start), now=late)


def test_a_letter_is_for_as_many_appointments_as_it_says(dentists: Dentists) -> None:
    sent, days = seen(dentists, most=3), iter(range(1, 9))

    def again() -> Appointment:
        return dentists.book(dentists.booking_request(TUESDAY_9 + next(days) * DAY), now=AFTER)

    first, _second = again(), again()
    with pytest.raises(ReferralSpent):
        again()
    assert not dentists.database.read(
        lambda session: queries.covers_follow_ups(work(session, now=AFTER), sent)
    )
    dentists.becomes(first, Status.CANCELLED, now=AFTER)
    dentists.hold(dentists.booking_request(TUESDAY_9 + 6 * DAY), now=AFTER)
    dentists.book(dentists.booking_request(TUESDAY_9 + 7 * DAY), now=AFTER)
    with pytest.raises(ReferralSpent):
        dentists.book(dentists.booking_request(TUESDAY_9 + 8 * DAY), now=AFTER)
    with pytest.raises(ReferralSpent):
        do(dentists, usecases.change_status, dentists.town.patient(), first.id, Status.BOOKED)


def test_a_letter_for_one_appointment_has_no_follow_up(dentists: Dentists) -> None:
    seen(dentists, most=1)
    with pytest.raises(ReferralSpent):
        dentists.book(dentists.booking_request(TUESDAY_9 + DAY), now=AFTER)


def test_a_follow_up_is_with_nobody_else_and_for_nobody_else(dentists: Dentists) -> None:
    sent = seen(dentists)
    colleague = dentists.booking_request(TUESDAY_9 + DAY, second=True)
    for asked in (None, sent):
        with pytest.raises(ReferralSpent):
            dentists.book(colleague, referral=asked, now=AFTER)
    other_patient = dentists.booking_request(TUESDAY_9 + DAY, patient=1)
    with pytest.raises(ReferralRequired):
        dentists.book(other_patient, by=dentists.town.patient(1), now=AFTER)


def test_no_follow_up_before_the_first_appointment(dentists: Dentists) -> None:
    dentists.sent()
    dentists.book()
    with pytest.raises(ReferralSpent):
        dentists.book(dentists.booking_request(TUESDAY_9 + DAY))


def test_no_follow_up_once_the_arrival_is_taken_back_until_it_is_noted_again(
    dentists: Dentists,
) -> None:
    dentists.sent()
    first = dentists.book()
    dentists.becomes(first, Status.ARRIVED, now=AFTER)
    booked = dentists.book(dentists.booking_request(TUESDAY_9 + DAY), now=AFTER)
    dentists.becomes(first, Status.BOOKED, now=AFTER)
    another = dentists.booking_request(TUESDAY_9 + 2 * DAY)
    with pytest.raises(ReferralSpent):
        dentists.book(another, now=AFTER)
    assert booked.status is Status.BOOKED, "the centre decides about what is booked"
    dentists.becomes(first, Status.ARRIVED, now=AFTER)
    assert dentists.book(another, now=AFTER).referral_use is None


def test_a_new_letter_is_used_before_a_follow_up_and_a_hold_keeps_its_kind(
    dentists: Dentists,
) -> None:
    seen(dentists)
    kept = dentists.hold(dentists.booking_request(TUESDAY_9 + DAY), now=AFTER)
    assert kept.referral_use is None
    confirmed = dentists.book(
        dentists.booking_request(TUESDAY_9 + DAY), hold=kept.id, now=AFTER + HALF_HOUR / 10
    )
    assert (confirmed.id, confirmed.status) == (kept.id, Status.BOOKED)
    new = dentists.sent(now=AFTER)
    booked = dentists.book(dentists.booking_request(TUESDAY_9 + 2 * DAY), now=AFTER)
    assert booked.referral_use == new


def test_who_books_their_own_follow_up_reads_no_more_by_it(dentists: Dentists) -> None:
    seen(dentists, to=dentists.first)
    again = dentists.booking_request(TUESDAY_9 + DAY)
    assert dentists.book(again, by=dentists.actor(), now=AFTER).opens_record_at is not None


def test_pages_and_lists_offer_the_follow_up(dentists: Dentists) -> None:
    sent = seen(dentists)
    patient = dentists.town.patients[0]

    def look(session: Session) -> None:
        reading = work(session, dentists.town.patient(), AFTER)
        (right,) = queries.authorisations(reading, patient)
        assert (right.referral_id, right.practitioner_id) == (None, dentists.first)
        assert queries.authorisations_of(reading, [patient]) == {patient: [right]}
        place = commands.place_of(session, dentists.first_schedule)
        found = queries.referral_to(reading, place, patient)
        assert found is not None
        assert found.id == sent
        assert queries.waiting_for(reading, [patient]) == []

    dentists.database.read(look)


def test_a_hold_uses_the_referral_and_gives_it_back_when_it_expires(dentists: Dentists) -> None:
    sent = dentists.sent()
    kept = dentists.hold()
    assert kept.referral_use == sent
    assert state_of(dentists, sent) is State.SENT
    other = dentists.book(dentists.booking_request(second=True), now=NOW + timedelta(hours=1))
    assert other.referral_use == sent


def test_another_hold_lets_the_first_go_with_its_letter(dentists: Dentists) -> None:
    sent = dentists.sent()
    dentists.hold()
    assert dentists.hold(dentists.booking_request(second=True)).referral_use == sent


def test_a_hold_is_confirmed_with_its_letter(dentists: Dentists) -> None:
    sent = dentists.sent()
    kept = dentists.hold()
    appointment = dentists.book(hold=kept.id)
    assert (appointment.id, appointment.referral_use) == (kept.id, sent)


def test_a_hold_whose_letter_was_revoked_books_nothing(dentists: Dentists) -> None:
    sent = dentists.sent()
    kept = dentists.hold()
    do(dentists, referrals.revoke, dentists.town.doctor, sent)
    with pytest.raises(ReferralSpent):
        dentists.book(hold=kept.id)


def test_a_hold_whose_letter_was_revoked_is_booked_with_another(dentists: Dentists) -> None:
    first = dentists.sent()
    kept = dentists.hold()
    do(dentists, referrals.revoke, dentists.town.doctor, first)
    second = dentists.sent()
    assert dentists.book(hold=kept.id).referral_use == second


def test_of_several_letters_the_named_one_is_used_or_else_what_runs_out_first(
    dentists: Dentists,
) -> None:
    long, short = dentists.sent(months=12), dentists.sent(months=2)
    assert dentists.book().referral_use == short
    later = dentists.booking_request(TUESDAY_9 + timedelta(days=1))
    assert dentists.book(later, referral=long).referral_use == long


def test_a_letter_to_an_area_fits_however_it_is_spelt_and_one_to_a_person_that_person(
    dentists: Dentists,
) -> None:
    dentists.sent(to=dentists.first)
    with pytest.raises(ReferralRequired):
        dentists.book(dentists.booking_request(second=True))
    dentists.sent()
    assert dentists.book(dentists.booking_request(second=True))


def test_who_gives_the_care_books_with_the_patients_letter_too(dentists: Dentists) -> None:
    sent = dentists.sent()
    assert dentists.book(by=dentists.town.clerk).referral_use == sent


def test_a_stranger_learns_nothing_of_letters_by_booking(dentists: Dentists) -> None:
    dentists.sent()
    stranger = dentists.town.patient(1)
    for patient in (0, 2):
        for hold in (None, uuid4()):
            with pytest.raises(NeedsPatient):
                dentists.book(dentists.booking_request(patient=patient), by=stranger, hold=hold)


def test_others_than_specialists_need_none_and_have_none(dentists: Dentists) -> None:
    dentists.sent()
    appointment = dentists.book(
        dentists.town.booking_request(TUESDAY_9, schedule=dentists.town.physio_at_hospital)
    )
    assert (appointment.referral_id, appointment.referral_use) == (None, None)


def test_the_carer_books_with_the_letter_of_the_one_they_care_for(dentists: Dentists) -> None:
    sent = dentists.sent(patient=1)
    carer = Actor(
        Role.PATIENT,
        patient_id=dentists.town.patients[0],
        dependents=frozenset({dentists.town.patients[1]}),
    )
    assert dentists.book(dentists.booking_request(patient=1), by=carer).referral_use == sent


# Who sees what


def test_strangers_find_no_letter(dentists: Dentists) -> None:
    sent = dentists.sent(to=dentists.first)
    town = dentists.town
    strangers = [
        town.patient(1),
        town.clerk,
        SYSTEM,
        dentists.actor(dentists.second),
        Actor(),
        Actor(Role.PRACTITIONER, practitioner_id=town.physio),
        Actor(Role.CENTRE_ADMIN, centre_id=town.hospital),
    ]
    for stranger in strangers:
        for asked in (sent, uuid4()):
            with pytest.raises(NotFound):
                do(dentists, referrals.referral_for, stranger, asked)


def test_the_letter_comes_with_the_appointment_to_whom_it_is_with(dentists: Dentists) -> None:
    sent = dentists.sent()
    appointment = dentists.book()
    town = dentists.town
    for actor in (dentists.actor(), town.doctor, town.patient()):
        found = do(dentists, referrals.referral_of_appointment, actor, appointment)
        assert found.id == sent
    for actor in (dentists.actor(dentists.second), town.clerk, SYSTEM):
        assert do(dentists, referrals.referral_of_appointment, actor, appointment) is None


def test_reading_by_the_specialist_is_written_down(dentists: Dentists) -> None:
    sent = dentists.sent(to=dentists.first)
    do(dentists, referrals.note_read, dentists.actor(), sent)
    do(dentists, referrals.note_read, dentists.town.patient(), sent)
    events = dentists.database.read(
        lambda session: audit.events_of(session, referrals.subject_of(sent))
    )
    assert [one.action for one in events] == ["referral.written", "referral.sent", "referral.read"]
    assert {one.details["patient"] for one in events} == {str(dentists.town.patients[0])}


def test_the_audit_holds_no_word_of_the_letter(dentists: Dentists) -> None:
    sent = dentists.sent()
    dentists.book()
    do(dentists, referrals.answer, dentists.actor(), sent, ANSWER)
    told = dentists.database.read(
        lambda session: str([(one.subject, one.details) for one in session.query(AuditEvent)])
    )
    assert LETTER not in told
    assert ANSWER.answer not in told


# Answers and revoking


def test_whoever_sees_the_patient_answers_once(dentists: Dentists) -> None:
    sent = dentists.sent()
    with pytest.raises(NotFound):
        do(dentists, referrals.answer, dentists.actor(), sent, ANSWER)
    dentists.book()
    with pytest.raises(NotFound):
        do(dentists, referrals.answer, dentists.actor(dentists.second), sent, ANSWER)
    do(dentists, referrals.answer, dentists.actor(), sent, ANSWER)
    row = dentists.row(sent)
    assert row is not None
    assert (row.answer, row.answered_by, row.answered_at) == (ANSWER.answer, dentists.first, NOW)
    with pytest.raises(AlreadyAnswered):
        do(dentists, referrals.answer, dentists.actor(), sent, ANSWER)


def test_the_specialist_named_answers_no_sooner_than_there_is_an_appointment(
    dentists: Dentists,
) -> None:
    sent = dentists.sent(to=dentists.first)
    with pytest.raises(NoAppointmentYet):
        do(dentists, referrals.answer, dentists.actor(), sent, ANSWER)


def test_only_the_author_revokes_and_not_what_is_used(dentists: Dentists) -> None:
    sent = dentists.sent()
    with pytest.raises(Forbidden):
        do(dentists, referrals.revoke, dentists.town.patient(), sent)
    appointment = dentists.book()
    with pytest.raises(WrongState):
        do(dentists, referrals.revoke, dentists.town.doctor, sent)
    dentists.becomes(appointment, Status.CANCELLED)
    do(dentists, referrals.revoke, dentists.town.doctor, sent)
    assert state_of(dentists, sent) is State.REVOKED


# Lists


def test_a_patient_sees_what_waits_to_be_booked_soonest_to_run_out_first(
    dentists: Dentists,
) -> None:
    long, short = dentists.sent(months=12), dentists.sent(months=2)
    dentists.draft()
    dentists.sent(now=NOW - timedelta(days=40), months=1)
    dentists.sent(patient=1)
    own = dentists.town.patients[0]

    def found(session: Session) -> list[UUID]:
        return [one.id for one in queries.waiting_for(work(session, now=NOW), [own])]

    assert dentists.database.read(found) == [short, long]
    dentists.book()
    assert dentists.database.read(found) == [long]


def test_a_gp_sees_what_became_of_each(dentists: Dentists) -> None:
    sent = dentists.sent()
    dentists.book()
    do(dentists, referrals.answer, dentists.actor(), sent, ANSWER)
    own = queries.by_gp(dentists.town.gp)
    [found] = dentists.database.read(lambda session: queries.referrals(session, own))
    assert found.seen_by
    assert (found.state_at(NOW), found.seen_by.name) == (State.USED, "Amy Winehouse")
    assert found.answer == ANSWER.answer


def test_state_in_sql_says_what_the_rule_says_on_every_engine(database: Database) -> None:
    dentists = Dentists(database, build_town(database))
    dentists.draft()
    dentists.sent(now=NOW - timedelta(days=40), months=1)
    revoked = dentists.sent()
    do(dentists, referrals.revoke, dentists.town.doctor, revoked)
    used_and_over = dentists.sent(to=dentists.second, months=1)
    first = dentists.book(dentists.booking_request(second=True), referral=used_and_over)
    dentists.becomes(first, Status.ARRIVED, now=TUESDAY_9)
    dentists.sent(to=dentists.first)
    dentists.hold(dentists.booking_request(TUESDAY_9 + HALF_HOUR))

    for now in (NOW, NOW + timedelta(days=50), NOW + timedelta(days=500)):

        def compare(session: Session, now: Any = now) -> None:
            every = queries.referrals(session)
            assert len(every) == 5
            for state in State:
                told = {one.id for one in queries.referrals(session, Referral.in_state(state, now))}
                assert told == {one.id for one in every if one.state_at(now) is state}
                assert queries.count(session, Referral.in_state(state, now)) == len(told)
            covered = {one.id for one in queries.referrals(session, Referral.for_follow_ups(now))}
            assert covered == ({used_and_over} if now == NOW else set())

        database.read(compare)


def test_specialists_are_found_by_name_and_area(dentists: Dentists) -> None:
    def names(text: str) -> list[str]:
        found = dentists.database.read(lambda s: queries.specialists(s, text, limit=9))
        return [one.practitioner.name for one in found]

    assert names("winehouse AMY") == ["Amy Winehouse"]
    assert names("dental") == ["Amy Winehouse", "Nina Simone"]
    assert names("Jackson") == []
    assert dentists.database.read(queries.areas) in (["Dental"], ["dental"])
    deactivate(dentists, dentists.first)
    assert names("dental") == ["Nina Simone"]


# How much the database is asked


def test_a_booking_with_a_referral_takes_at_most_10_statements(
    database: Database, statements: Callable[[Database], AbstractContextManager[Any]]
) -> None:
    dentists = Dentists(database, build_town(database))
    dentists.sent()
    with statements(database) as counted:
        dentists.book()
    assert counted.count <= 10, counted.texts
    with statements(database) as counted:
        dentists.book(dentists.town.booking_request(TUESDAY_9 + 3 * HALF_HOUR))
    assert counted.count <= 9, counted.texts


def test_lists_take_one_statement_however_long_they_are(
    dentists: Dentists, statements: Callable[[Database], AbstractContextManager[Any]]
) -> None:
    for _ in range(5):
        dentists.sent()
    dentists.book()
    for read in (
        lambda session: queries.referrals(session, queries.by_gp(dentists.town.gp)),
        lambda session: queries.of_patient(session, dentists.town.patients[0]),
        lambda session: queries.waiting_for(work(session, now=NOW), dentists.town.patients),
    ):
        with statements(dentists.database) as counted:
            dentists.database.read(read)
        assert counted.count == 1, counted.texts
