"""From a question to figures: read once, reckon in memory."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy.orm import Session

from openslot.booking import slots
from openslot.booking.slots import Board
from openslot.reports import figures, queries
from openslot.reports.figures import NEXT, Free, Offer, Tallies, Uses, Waits
from openslot.reports.rules import Question
from openslot.schedules import queries as schedules
from openslot.schedules.availability import (
    Span,
    Window,
    bits,
    instant_of,
    mask_of,
    window_over,
)
from openslot.schedules.diaries import MOST_IDS_NAMED
from openslot.schedules.rules import Place

LOOKED_AHEAD = timedelta(weeks=26)
"""How far the third free start is looked for, where a schedule can be booked so far ahead."""


@dataclass(frozen=True, slots=True)
class Answers:
    """All figures of one question."""

    question: Question
    centres: Mapping[int, str]
    tallies: Tallies
    uses: Uses
    waits: Waits


def answers(
    session: Session, question: Question, offers: Mapping[int, Offer], *, now: datetime
) -> Answers:
    """The figures of ``question``; five statements.

    ``offers`` are those of its scope, as queries.offers() gives them.
    """
    asked = {
        key: offer
        for key, offer in offers.items()
        if question.centre_id in (None, offer.centre_id) and question.kind in (None, offer.kind)
    }
    window = figures.window_of(question.period)
    found = queries.appointments(
        session, question, instant_of(window.start), instant_of(window.end)
    )
    places = schedules.places(session, *queries.wanted(question))
    away = _away(session, places.values(), window)
    return Answers(
        question=question,
        centres={offer.centre_id: offer.centre for offer in asked.values()},
        tallies=figures.tallies(found, asked, question.period, question.group, now=now),
        uses=figures.uses(found, places, asked, away, question.period, question.group),
        waits=figures.waits(_free(session, places, now), asked, question.group, now=now),
    )


def _away(session: Session, places: Collection[Place], window: Window) -> dict[int, int]:
    """The ticks that absences and closures take, by diary; one statement."""
    known = {diary for place in places for diary in (place.diary_id, place.closures_id)}
    named = known if len(known) <= MOST_IDS_NAMED else None
    away: dict[int, int] = {}
    for diary_id, span in schedules.absent_spans(session, named, Span(window.start, window.end)):
        away[diary_id] = away.get(diary_id, 0) | mask_of([span], window)
    return away


def _free(session: Session, places: Mapping[int, Place], now: datetime) -> list[Free]:
    """The next free starts of all that has opening hours; two statements."""
    window = window_over(now, now + LOOKED_AHEAD)
    opened = [place for place in places.values() if place.hours]
    board = slots.board(session, opened, window, now=now)
    return [Free(place.schedule_id, place.diary_id, _starts(board, place)) for place in opened]


def _starts(board: Board, place: Place) -> list[datetime]:
    ticks = islice(bits(board.free_starts(place)), NEXT)
    return [slots.slot_at(board.window.start + tick, place).start for tick in ticks]
