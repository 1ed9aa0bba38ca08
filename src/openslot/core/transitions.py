"""The rules of a state machine as a table, and what follows from them.

A feature writes down which moves there are, each with the conditions of which one has to hold: the
states that allow an action of a relation, or the relations that may take a status to another. What
is not in the table nobody may do. Rules that no table holds, such as times, are checks of the
feature after this one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import TypeVar

from openslot.core.errors import DomainError

Move = TypeVar("Move")
Condition = TypeVar("Condition")


def check(
    table: Mapping[Move, Collection[Condition]],
    move: Move,
    condition: Condition,
    *,
    unlisted: type[DomainError],
    unmet: type[DomainError],
) -> None:
    """Raise ``unlisted`` for a move that the table does not have, and ``unmet`` for one that it
    has under other conditions."""
    if move not in table:
        raise unlisted
    if condition not in table[move]:
        raise unmet


def allowed(moves: Iterable[Move], check: Callable[[Move], None]) -> frozenset[Move]:
    """Return the moves that ``check`` does not refuse with a DomainError."""
    possible = set()
    for move in moves:
        with suppress(DomainError):
            check(move)
            possible.add(move)
    return frozenset(possible)
