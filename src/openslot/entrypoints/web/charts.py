"""Bar charts as plain geometry, which templates/reports/_chart.html draws.

A picture is 340 units wide, about the width of a phone, so that its text stays legible there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

WIDTH = 340
LEFT, TOP, BASE, FOOT = 46, 12, 140, 168
"""Where upright bars stand: right of the scale, and between the highest line and the ground."""

LABEL_ROOM = 54
"""Width that a day under a bar needs."""

ROW, THICK = 44, 12
"""Height of a lying bar with its words above it, and of the bar alone."""

MOST_LETTERS = 36
LINES = 3


class Bar(NamedTuple):
    """One thing to draw: its filled part, and up to where a dashed part goes on from there."""

    label: str
    solid: float | None
    dashed: float | None = None
    text: str = ""

    @property
    def reach(self) -> float:
        """How far the whole bar goes."""
        return max(self.solid or 0, self.dashed or 0)


class Rect(NamedTuple):
    """A part of a bar."""

    x: float
    y: float
    width: float
    height: float


class Text(NamedTuple):
    """Words; ``anchor`` says which part of them stands at ``x``."""

    x: float
    y: float
    anchor: str
    words: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What a template draws; ``lines`` are heights of the scale."""

    height: int
    lines: Sequence[float]
    solid: Sequence[Rect]
    dashed: Sequence[Rect]
    texts: Sequence[Text]


def upright(bars: Sequence[Bar], scale: Callable[[int], str]) -> Picture:
    """Bars beside each other, as for weeks, with a scale of whole numbers at the left."""
    step = _step(max((bar.reach for bar in bars), default=0))
    top = step * max(1, ceil(max((bar.reach for bar in bars), default=0) / step))
    unit = (BASE - TOP) / top
    slot = (WIDTH - LEFT) / max(1, len(bars))
    width = min(44.0, slot * 0.7)
    placed = [(LEFT + slot * (index + 0.5) - width / 2, bar) for index, bar in enumerate(bars)]
    marks = [(BASE - value * unit, scale(value)) for value in range(0, top + 1, step)]
    return Picture(
        height=FOOT,
        lines=[_round(y) for y, _ in marks],
        solid=[_standing(x, width, 0, bar.solid or 0, unit) for x, bar in placed if bar.solid],
        dashed=[
            _standing(x, width, bar.solid or 0, bar.dashed or 0, unit)
            for x, bar in placed
            if (bar.dashed or 0) > (bar.solid or 0)
        ],
        texts=[
            *(Text(LEFT - 6, _round(y + 4), "end", words) for y, words in marks),
            *_days(bars, slot),
        ],
    )


def lying(bars: Sequence[Bar]) -> Picture:
    """Bars below each other, each under its name and its figure."""
    longest = max((bar.reach for bar in bars), default=0) or 1
    unit = WIDTH / longest
    placed = [(index * ROW + 20, bar) for index, bar in enumerate(bars)]
    return Picture(
        height=max(1, len(bars)) * ROW - 8,
        lines=(),
        solid=[Rect(0, y, _round((bar.solid or 0) * unit), THICK) for y, bar in placed],
        dashed=[
            Rect(
                _round((bar.solid or 0) * unit),
                y,
                _round(((bar.dashed or 0) - (bar.solid or 0)) * unit),
                THICK,
            )
            for y, bar in placed
            if (bar.dashed or 0) > (bar.solid or 0)
        ],
        texts=[text for y, bar in placed for text in _named(y - 6, bar)],
    )


def _named(y: float, bar: Bar) -> Iterator[Text]:
    name = bar.label if len(bar.label) <= MOST_LETTERS else f"{bar.label[: MOST_LETTERS - 1]}…"
    yield Text(0, y, "start", name)
    yield Text(WIDTH, y, "end", bar.text)


def _standing(x: float, width: float, low: float, high: float, unit: float) -> Rect:
    return Rect(_round(x), _round(BASE - high * unit), _round(width), _round((high - low) * unit))


def _days(bars: Sequence[Bar], slot: float) -> Iterator[Text]:
    """As many of the labels as have room."""
    for index in range(0, len(bars), ceil(LABEL_ROOM / slot)):
        middle = LEFT + slot * (index + 0.5)
        if middle <= WIDTH - LABEL_ROOM / 2 + 4:
            yield Text(_round(middle), BASE + 20, "middle", bars[index].label)


def _step(highest: float) -> int:
    """A round number that reaches ``highest`` in about LINES steps."""
    wanted, power = max(1.0, highest / LINES), 1
    while power * 10 <= wanted:
        power *= 10
    return next(power * times for times in (1, 2, 5, 10) if power * times >= wanted)


def _round(value: float) -> float:
    return round(value, 1)
