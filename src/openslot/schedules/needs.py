"""Who and what an appointment takes besides its schedule: pure arithmetic.

A need lists the members that could serve it. No member serves two needs of one appointment.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, TypeVar

from openslot.schedules.availability import Weekly

T = TypeVar("T", bound=Hashable)


class Member(NamedTuple):
    """A room or machine, or a practitioner, who serves a need inside their ``hours`` at the centre.
    ``kind`` is that of a room, or None for a practitioner."""

    diary_id: int
    row_id: int
    name: str
    kind: str | None = None
    hours: tuple[Weekly, ...] | None = None


Need = tuple[Member, ...]
"""The members that could serve a need, in order of their diaries."""


def of_schedule(needs: Sequence[Need], diary_id: int, room_id: int | None) -> tuple[Need, ...]:
    """Return the needs of an appointment on a schedule with this diary and room.

    The owner serves no need. The schedule's own room, which the appointment takes anyway, serves
    the first that it can, of those with the fewest members.
    """
    without_owner = (tuple(one for one in need if one.diary_id != diary_id) for need in needs)
    remaining = sorted(without_owner, key=len)
    for position, need in enumerate(remaining):
        if any(member.diary_id == room_id for member in need):
            del remaining[position]
            break
    return tuple(
        tuple(member for member in need if member.diary_id != room_id) for need in remaining
    )


def served(needs: Sequence[Need], fits: Callable[[Member], int]) -> int:
    """Return the starts at which each need has a member of its own, as a mask; ``fits`` returns the
    starts of a member.

    For needs that share members, the sets of needs that can be served at once grow with each member
    (2 to the power of the needs at most), so that the result is exact.
    """
    starts = -1
    for needs_together in _sharing(needs):
        everybody = {member.diary_id: member for need in needs_together for member in need}
        masks = {0: -1}
        for diary_id, member in everybody.items():
            serves = [
                1 << at
                for at, need in enumerate(needs_together)
                if any(one.diary_id == diary_id for one in need)
            ]
            fitting = fits(member)
            for before, mask in list(masks.items()):
                for need_bit in serves:
                    if not before & need_bit and mask & fitting:
                        after = before | need_bit
                        masks[after] = masks.get(after, 0) | mask & fitting
        starts &= masks.get((1 << len(needs_together)) - 1, 0)
    return starts


def _sharing(needs: Sequence[Need]) -> list[list[Need]]:
    """Return the needs in lists of those that share members, directly or through others."""
    lists: list[tuple[set[int], list[Need]]] = []
    for need in needs:
        ids, together = {member.diary_id for member in need}, [need]
        for other in [other for other in lists if other[0] & ids]:
            lists.remove(other)
            ids |= other[0]
            together = [*other[1], *together]
        lists.append((ids, together))
    return [together for _, together in lists]


def assigned(candidates: Sequence[Sequence[T]]) -> list[T] | None:
    """Return one of each sequence, no two the same, preferring the first ones; None if there are
    too few."""
    holders: dict[T, int] = {}

    def find(need: int, tried: set[T]) -> bool:
        for candidate in candidates[need]:
            if candidate not in tried:
                tried.add(candidate)
                if candidate not in holders or find(holders[candidate], tried):
                    holders[candidate] = need
                    return True
        return False

    if not all(find(need, set()) for need in range(len(candidates))):
        return None
    return [candidate for candidate, _ in sorted(holders.items(), key=lambda held: held[1])]
