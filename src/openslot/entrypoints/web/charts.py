"""Geometry of bar charts, drawn by templates/reports/_chart.html.

A picture is 340 units wide, about the width of a phone, so that its text stays legible there.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

WIDTH = 340
LEFT, TOP, BASE, FOOT = 46, 12, 140, 168
"""Area of vertical bars: right of the scale, between the top line and the baseline."""

LABEL_ROOM = 54
"""Width needed by a label under a bar."""

ROW, THICK = 44, 12
"""Height of a row with a horizontal bar and its label, and of the bar alone."""

MOST_LETTERS = 36
LINES = 3


class Bar(NamedTuple):
    """Bar with a solid part and the end of the dashed part that follows it; ``key`` says what it
    counts, for the link."""

    label: str
    solid: float | None
    dashed: float | None = None
    text: str = ""
    key: Hashable = None

    @property
    def reach(self) -> float:
        """Length of the whole bar."""
        return max(self.solid or 0, self.dashed or 0)


class Rect(NamedTuple):
    """Rectangle: part of a bar."""

    x: float
    y: float
    width: float
    height: float


class Hit(NamedTuple):
    """Area of a bar that can be pressed, with its name and key."""

    rect: Rect
    name: str
    key: Hashable


class Text(NamedTuple):
    """Text; ``anchor`` says which end of it is at ``x``."""

    x: float
    y: float
    anchor: str
    words: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Shapes to draw; ``lines`` are the heights of the scale."""

    height: int
    lines: Sequence[float]
    solid: Sequence[Rect]
    dashed: Sequence[Rect]
    texts: Sequence[Text]
    hits: Sequence[Hit]


def upright(bars: Sequence[Bar], scale: Callable[[int], str]) -> Picture:
    """Return vertical bars side by side, with a scale of whole numbers at the left."""
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
        hits=[
            Hit(Rect(_round(x), TOP, _round(width), FOOT - TOP), _name(bar), bar.key)
            for x, bar in placed
        ],
    )


def lying(bars: Sequence[Bar]) -> Picture:
    """Return horizontal bars, each below its name and value."""
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
        texts=[text for y, bar in placed for text in _label_and_value(y - 6, bar)],
        hits=[Hit(Rect(0, y - 20, WIDTH, ROW - 8), _name(bar), bar.key) for y, bar in placed],
    )


def _name(bar: Bar) -> str:
    return f"{bar.label}: {bar.text}" if bar.text else bar.label


def _label_and_value(y: float, bar: Bar) -> Iterator[Text]:
    name = bar.label if len(bar.label) <= MOST_LETTERS else f"{bar.label[: MOST_LETTERS - 1]}…"
    yield Text(0, y, "start", name)
    yield Text(WIDTH, y, "end", bar.text)


def _standing(x: float, width: float, low: float, high: float, unit: float) -> Rect:
    return Rect(_round(x), _round(BASE - high * unit), _round(width), _round((high - low) * unit))


def _days(bars: Sequence[Bar], slot: float) -> Iterator[Text]:
    """Yield as many labels as fit."""
    for index in range(0, len(bars), ceil(LABEL_ROOM / slot)):
        middle = LEFT + slot * (index + 0.5)
        if middle <= WIDTH - LABEL_ROOM / 2 + 4:
            yield Text(_round(middle), BASE + 20, "middle", bars[index].label)


def _step(highest: float) -> int:
    """Return a round step that reaches ``highest`` in about LINES steps."""
    smallest, power = max(1.0, highest / LINES), 1
    while power * 10 <= smallest:
        power *= 10
    return next(power * times for times in (1, 2, 5, 10) if power * times >= smallest)


def _round(value: float) -> float:
    return round(value, 1)
