"""Where a referral stands, who sees it, and who may do what: the whole tables."""

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories import NOW
from openslot.booking.models import Appointment
from openslot.core.actor import Actor, Role
from openslot.core.errors import DomainError, Forbidden
from openslot.referrals.errors import AlreadyAnswered, NoAppointmentYet, WrongState
from openslot.referrals.models import Kept, Referral, State
from openslot.referrals.rules import (
    Action,
    Relation,
    actions_now,
    check_action,
    months_later,
    relation_to,
)
from openslot.schedules.models import Schedule

SECOND = timedelta(seconds=1)
GP, NAMED, OTHER = 1, 2, 3
PATIENT = UUID(int=1)


def appointment(seen_by: int | None = None) -> Appointment:
    return Appointment(schedule=Schedule(practitioner_id=seen_by))


def test_where_a_referral_stands_follows_from_row_appointment_and_clock() -> None:
    told = {
        (kept, is_used, over): Referral(
            status=kept,
            appointment=appointment() if is_used else None,
            expires_at=NOW if over else NOW + SECOND,
        ).state_at(NOW)
        for kept, is_used, over in product(Kept, (True, False), (True, False))
    }
    expected = {
        **{(Kept.DRAFT, *facts): State.DRAFT for facts in product((True, False), repeat=2)},
        **{(Kept.REVOKED, *facts): State.REVOKED for facts in product((True, False), repeat=2)},
        (Kept.SENT, True, True): State.USED,
        (Kept.SENT, True, False): State.USED,
        (Kept.SENT, False, True): State.EXPIRED,
        (Kept.SENT, False, False): State.SENT,
    }
    assert told == expected


def referral(
    at: State,
    *,
    addressee: int | None = NAMED,
    seen_by: int | None = None,
    answered_by: int | None = None,
) -> Referral:
    return Referral(
        patient_id=PATIENT,
        gp_id=GP,
        practitioner_id=addressee,
        answered_by=answered_by,
        status=Kept(at) if at in (State.DRAFT, State.REVOKED) else Kept.SENT,
        expires_at=NOW if at is State.EXPIRED else NOW + SECOND,
        appointment=appointment(seen_by) if at is State.USED else None,
    )


def relation_of(practitioner_id: int | None, one: Referral) -> Relation | None:
    return relation_to(Actor(Role.PRACTITIONER, practitioner_id=practitioner_id), one, NOW)


@pytest.mark.parametrize("at", State)
def test_the_author_always_sees_a_referral(at: State) -> None:
    assert relation_of(GP, referral(at)) is Relation.GP


@pytest.mark.parametrize("at", State)
def test_the_patient_sees_all_but_drafts(at: State) -> None:
    expected = None if at is State.DRAFT else Relation.PATIENT
    assert relation_to(Actor(Role.PATIENT, patient_id=PATIENT), referral(at), NOW) is expected


@pytest.mark.parametrize("at", State)
def test_the_specialist_named_sees_a_referral_until_it_is_revoked(at: State) -> None:
    expected = None if at in (State.DRAFT, State.REVOKED) else Relation.SPECIALIST
    assert relation_of(NAMED, referral(at)) is expected


@pytest.mark.parametrize("at", State)
def test_strangers_see_nothing(at: State) -> None:
    for practitioner_id in (None, OTHER):
        assert relation_of(practitioner_id, referral(at)) is None
        assert relation_of(practitioner_id, referral(at, addressee=None)) is None


def test_of_a_referral_to_an_area_whoever_treats_or_answered_sees_it() -> None:
    treats = referral(State.USED, addressee=None, seen_by=OTHER)
    answered = referral(State.SENT, addressee=None, answered_by=OTHER)
    for one in (treats, answered):
        assert relation_of(OTHER, one) is Relation.SPECIALIST
        assert relation_of(NAMED, one) is None


def test_an_appointment_booked_alone_opens_a_referral_to_an_area_on_its_day() -> None:
    one = referral(State.USED, addressee=None, seen_by=OTHER)
    assert one.appointment is not None
    one.appointment.opens_record_at = NOW
    one.appointment.ends_at = NOW + SECOND
    assert relation_of(OTHER, one) is Relation.SPECIALIST
    one.appointment.opens_record_at = NOW + SECOND
    assert relation_of(OTHER, one) is None


ALLOWED = {
    (Relation.GP, State.DRAFT): {Action.CHANGE, Action.SEND, Action.DISCARD},
    (Relation.GP, State.SENT): {Action.REVOKE},
    (Relation.SPECIALIST, State.USED): {Action.ANSWER},
}


@pytest.mark.parametrize(("relation", "at"), list(product(Relation, State)))
def test_who_may_do_what_when_is_this_table(relation: Relation, at: State) -> None:
    told = actions_now(referral(at), relation, by=None, now=NOW)
    assert told == ALLOWED.get((relation, at), set())


@pytest.mark.parametrize(
    ("action", "relation", "one", "refusal"),
    [
        (Action.REVOKE, Relation.GP, referral(State.USED), WrongState),
        (Action.SEND, Relation.GP, referral(State.SENT), WrongState),
        (Action.ANSWER, Relation.SPECIALIST, referral(State.SENT), NoAppointmentYet),
        (
            Action.ANSWER,
            Relation.SPECIALIST,
            referral(State.USED, answered_by=NAMED),
            AlreadyAnswered,
        ),
        (Action.ANSWER, Relation.GP, referral(State.USED), Forbidden),
        (Action.REVOKE, Relation.PATIENT, referral(State.SENT), Forbidden),
    ],
)
def test_a_refusal_says_what_stands_against_it(
    action: Action, relation: Relation, one: Referral, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        check_action(action, one, relation, by=None, now=NOW)


def test_another_specialist_answers_only_with_the_appointment() -> None:
    one = referral(State.USED, seen_by=OTHER, answered_by=NAMED)
    assert actions_now(one, Relation.SPECIALIST, by=OTHER, now=NOW) == {Action.ANSWER}
    for by in (NAMED, GP):
        assert actions_now(one, Relation.SPECIALIST, by=by, now=NOW) == set()


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (datetime(2026, 11, 22, 8, tzinfo=UTC), 12, datetime(2027, 11, 22, 8, tzinfo=UTC)),
        (datetime(2024, 2, 29, tzinfo=UTC), 12, datetime(2025, 2, 28, tzinfo=UTC)),
        (datetime(2026, 12, 31, tzinfo=UTC), 2, datetime(2027, 2, 28, tzinfo=UTC)),
        (datetime(2026, 1, 31, tzinfo=UTC), 1, datetime(2026, 2, 28, tzinfo=UTC)),
    ],
)
def test_months_end_on_the_same_day_or_the_last_of_a_shorter_month(
    start: datetime, months: int, end: datetime
) -> None:
    assert months_later(start, months) == end


@given(
    st.integers(0, 4_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC)),
    st.integers(1, 60),
)
def test_later_is_so_many_months_on_and_never_a_day_further(start: datetime, months: int) -> None:
    end = months_later(start, months)
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert end.day <= start.day
    assert end.timetz() == start.timetz()
