"""The result of an import: rows created, changed and unchanged, by kind."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Effect(StrEnum):
    """The effect of a row on what was there."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(slots=True)
class Outcome:
    """Counts by kind, notices of what was left out, and the time zones of new centres."""

    counts: dict[str, dict[Effect, int]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    zones: Counter[str] = field(default_factory=Counter)

    def count(self, kind: str, effect: Effect, number: int = 1) -> None:
        """Add to the count of one kind, for example ``patients``."""
        row = self.counts.setdefault(kind, dict.fromkeys(Effect, 0))
        row[effect] += number

    def total(self, effect: Effect) -> int:
        """Return the number of rows of all kinds with this effect."""
        return sum(row[effect] for row in self.counts.values())

    def __str__(self) -> str:
        return ", ".join(f"{self.total(effect)} {effect}" for effect in Effect)

    def lines(self) -> list[str]:
        """Return a line for each kind, and one for the total."""
        kinds = [
            f"{kind}: " + ", ".join(f"{row[effect]} {effect}" for effect in Effect)
            for kind, row in self.counts.items()
        ]
        return [*kinds, f"total: {self}"]
