"""Where a referral stands, who sees it, and who may do what: the whole tables."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openslot.core.errors import DomainError, Forbidden
from openslot.referrals.errors import AlreadyAnswered, NoAppointmentYet, WrongState
from openslot.referrals.models import Kept
from openslot.referrals.rules import (
    Act,
    Part,
    Standing,
    State,
    acts_now,
    check_act,
    months_later,
    part_in,
    state,
)

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GP, NAMED, OTHER = 1, 2, 3


def test_where_a_referral_stands_follows_from_row_appointment_and_clock() -> None:
    told = {
        (kept, is_used, over): state(
            kept, is_used=is_used, expires_at=NOW if over else NOW + SECOND, now=NOW
        )
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


def standing(
    at: State,
    *,
    addressee: int | None = NAMED,
    seen_by: int | None = None,
    answered_by: int | None = None,
) -> Standing:
    return Standing(at, GP, addressee, seen_by, answered_by)


@pytest.mark.parametrize("at", State)
def test_the_author_always_sees_a_letter(at: State) -> None:
    assert part_in(standing(at), practitioner_id=GP, acts_for=False) is Part.GP


@pytest.mark.parametrize("at", State)
def test_the_patient_sees_all_but_drafts(at: State) -> None:
    expected = None if at is State.DRAFT else Part.PATIENT
    assert part_in(standing(at), practitioner_id=None, acts_for=True) is expected


@pytest.mark.parametrize("at", State)
def test_the_specialist_named_sees_a_letter_until_it_is_revoked(at: State) -> None:
    expected = None if at in (State.DRAFT, State.REVOKED) else Part.SPECIALIST
    assert part_in(standing(at), practitioner_id=NAMED, acts_for=False) is expected


@pytest.mark.parametrize("at", State)
def test_strangers_see_nothing(at: State) -> None:
    for practitioner_id in (None, OTHER):
        assert part_in(standing(at), practitioner_id=practitioner_id, acts_for=False) is None
        to_area = standing(at, addressee=None)
        assert part_in(to_area, practitioner_id=practitioner_id, acts_for=False) is None


def test_of_a_letter_to_an_area_whoever_treats_or_answered_sees_it() -> None:
    treats = standing(State.USED, addressee=None, seen_by=OTHER)
    answered = standing(State.SENT, addressee=None, answered_by=OTHER)
    for one in (treats, answered):
        assert part_in(one, practitioner_id=OTHER, acts_for=False) is Part.SPECIALIST
        assert part_in(one, practitioner_id=NAMED, acts_for=False) is None


ALLOWED = {
    (Part.GP, State.DRAFT): {Act.CHANGE, Act.SEND, Act.DISCARD},
    (Part.GP, State.SENT): {Act.REVOKE},
    (Part.SPECIALIST, State.USED): {Act.ANSWER},
}


@pytest.mark.parametrize(("part", "at"), list(product(Part, State)))
def test_who_may_do_what_when_is_this_table(part: Part, at: State) -> None:
    assert acts_now(standing(at), part) == ALLOWED.get((part, at), set())


@pytest.mark.parametrize(
    ("act", "part", "one", "refusal"),
    [
        (Act.REVOKE, Part.GP, standing(State.USED), WrongState),
        (Act.SEND, Part.GP, standing(State.SENT), WrongState),
        (Act.ANSWER, Part.SPECIALIST, standing(State.SENT), NoAppointmentYet),
        (Act.ANSWER, Part.SPECIALIST, standing(State.USED, answered_by=NAMED), AlreadyAnswered),
        (Act.ANSWER, Part.GP, standing(State.USED), Forbidden),
        (Act.REVOKE, Part.PATIENT, standing(State.SENT), Forbidden),
    ],
)
def test_a_refusal_says_what_stands_against_it(
    act: Act, part: Part, one: Standing, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        check_act(act, one, part)


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
