"""The figures for a question: read everything once, then calculate in memory."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from sqlalchemy.orm import Session

from openslot.booking import slots
from openslot.booking.slots import Board
from openslot.core.work import Work
from openslot.reports import figures, queries
from openslot.reports.figures import NEXT, Free, Offer, Tallies, Tally, Use, Uses, Waits
from openslot.reports.rules import Period, Question
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Span, Window, bits, instant_of, mask_of, window_over
from openslot.schedules.diaries import MOST_IDS_NAMED
from openslot.schedules.rules import Place

LOOKED_AHEAD = timedelta(weeks=26)
"""The limit of the search for the third free start, if a schedule can be booked so far ahead."""


@dataclass(frozen=True, slots=True)
class Answers:
    """All figures for one question, and the totals of the period before."""

    question: Question
    centres: Mapping[int, str]
    kinds: Mapping[str, str]
    tallies: Tallies
    uses: Uses
    waits: Waits
    tally_before: Tally
    use_before: Use


def answers(work: Work, question: Question, offers: Mapping[int, Offer]) -> Answers:
    """Return the figures for ``question``; five statements.

    ``offers`` are all of its scope, from queries.offers().
    """
    selected = {
        key: offer
        for key, offer in offers.items()
        if question.centre_id in (None, offer.centre_id) and question.kind in (None, offer.kind)
    }
    period, before = question.period, question.period.before
    window = figures.window_of(Period(before.first, period.last))
    appointments = queries.appointments(
        work.session, question, instant_of(window.start), instant_of(window.end)
    )
    places = schedules.places(work.session, *queries.wanted(question))
    away = _away(work.session, places.values(), window)
    group = question.group
    tallies = partial(figures.tallies, appointments, selected, group=group, now=work.now)
    uses = partial(figures.uses, appointments, places, selected, away, group=group, window=window)
    return Answers(
        question=question,
        centres={offer.centre_id: offer.centre for offer in selected.values()},
        kinds={offer.kind: offer.kind_name for offer in selected.values()},
        tallies=tallies(period),
        uses=uses(period),
        waits=figures.waits(_free(work, places), selected, group, now=work.now),
        tally_before=tallies(before).total,
        use_before=uses(before).total,
    )


def _away(session: Session, places: Collection[Place], window: Window) -> dict[int, int]:
    """Return the ticks of absences and closures by diary; one statement."""
    diary_ids = {diary for place in places for diary in (place.diary_id, place.closures_id)}
    narrowed = diary_ids if len(diary_ids) <= MOST_IDS_NAMED else None
    away: dict[int, int] = {}
    for diary_id, span in schedules.absent_spans(session, narrowed, Span(window.start, window.end)):
        away[diary_id] = away.get(diary_id, 0) | mask_of([span], window)
    return away


def _free(work: Work, places: Mapping[int, Place]) -> list[Free]:
    """Return the next free starts of all schedules that have opening hours; two statements."""
    window = window_over(work.now, work.now + LOOKED_AHEAD)
    with_hours = [place for place in places.values() if place.hours]
    board = slots.board(work, with_hours, window)
    return [Free(place.schedule_id, place.diary_id, _starts(board, place)) for place in with_hours]


def _starts(board: Board, place: Place) -> list[datetime]:
    ticks = islice(bits(board.free_starts(place)), NEXT)
    return [slots.slot_at(board.window.start + tick, place).start for tick in ticks]
