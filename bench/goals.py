"""What must hold, as one table: each figure, its limit, what was measured, and whether it holds."""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Goals:
    """The figures, in the order in which they were measured."""

    rows: list[str] = field(default_factory=list)

    def at_least(self, figure: str, measured: float, least: float, of: str) -> None:
        """Note a share of what was measured in the same run."""
        self._note(figure, f"at least {least:.0%} of {of}", f"{measured:.1%}", measured >= least)

    def at_most(self, figure: str, measured: float, most: float, unit: str) -> None:
        """Note what must not be more."""
        self._note(figure, f"at most {most:g} {unit}", f"{measured:.3g} {unit}", measured <= most)

    def rate(self, figure: str, measured: float, least: float) -> None:
        """Note how much is done in a second."""
        self._note(figure, f"at least {least:,.0f}/s", f"{measured:,.0f}/s", measured >= least)

    def table(self) -> Iterator[str]:
        """Yield the table line by line."""
        yield "| Must hold | Limit | Measured | Holds |"
        yield "| --- | --- | --- | --- |"
        yield from self.rows

    def _note(self, figure: str, limit: str, measured: str, holds: bool) -> None:
        self.rows.append(f"| {figure} | {limit} | {measured} | {'yes' if holds else '**no**'} |")
