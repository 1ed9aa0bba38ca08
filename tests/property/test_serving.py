"""Free starts of services with needs, and the choice of members, against naive searches."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from openslot.schedules.availability import Window
from openslot.schedules.needs import Member, assigned, of_schedule, served

MEMBERS = [Member(key, key, f"Member {key}") for key in range(1, 6)]
TICKS = 12
WINDOW = Window(0, 1)

needs_of_a_service = st.lists(
    st.lists(st.sampled_from(MEMBERS), max_size=4, unique=True).map(tuple), max_size=4
)
free_of_each = st.lists(st.integers(0, 2**TICKS - 1), min_size=5, max_size=5)


def can_be_served(needs: list[tuple[Member, ...]]) -> bool:
    """Try every choice."""
    return any(len(set(chosen)) == len(chosen) for chosen in product(*needs))


@settings(max_examples=300)
@given(needs_of_a_service, free_of_each)
def test_a_start_is_free_exactly_if_all_needs_can_be_served_then(
    needs: list[tuple[Member, ...]], free: list[int]
) -> None:
    mask = served(needs, lambda member: free[member.diary_id - 1])
    for tick in range(TICKS):
        able = [tuple(one for one in need if free[one.diary_id - 1] >> tick & 1) for need in needs]
        assert bool(mask >> tick & 1) is can_be_served(able)
        chosen = assigned(able)
        assert (chosen is not None) is can_be_served(able)
        if chosen is not None:
            assert len(set(chosen)) == len(needs)
            assert all(one in need for one, need in zip(chosen, able, strict=True))


@settings(max_examples=300)
@given(needs_of_a_service, st.sampled_from(MEMBERS), st.sampled_from([None, *MEMBERS]))
def test_owner_and_own_room_are_taken_once(
    needs: list[tuple[Member, ...]], owner: Member, room: Member | None
) -> None:
    room_id = room.diary_id if room else None
    left = of_schedule(needs, owner.diary_id, room_id)
    assert all(one.diary_id not in (owner.diary_id, room_id) for need in left for one in need)
    serves = room is not None and room != owner and any(room in need for need in needs)
    assert len(left) == len(needs) - serves
