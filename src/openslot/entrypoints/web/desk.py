"""The front desk: the day of a centre, with what is pressed there, its lists and paper."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import segno
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking import commands as booking
from openslot.booking.errors import InvalidTransition
from openslot.booking.models import Appointment, Status
from openslot.booking.moves import check_late, may_reschedule, moves_now
from openslot.core.actor import Role
from openslot.core.clock import day_in
from openslot.core.errors import DomainError, Malformed, NotFound
from openslot.core.transitions import allowed
from openslot.core.work import Work
from openslot.desk import commands, queries
from openslot.desk.rules import Standing, check_desk, sees_reasons, standing
from openslot.directory import queries as directory
from openslot.directory.models import Centre
from openslot.entrypoints.problems import sentence_of
from openslot.entrypoints.request import root
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web import desk_links as links
from openslot.entrypoints.web.board import Board, By, board_of
from openslot.records import finding

pages = Blueprint("desk", __name__, url_prefix="/desk")

PARTS = "X-Desk"
"""Header with which the script of the board asks for the parts that change."""

EVERY = 10
"""Seconds after which the board looks for what has changed."""


LATE = (10, 20, 30)
"""Minutes late that one press notes."""


class Mark(NamedTuple):
    """What one press does: the command, the press that undoes it, and how the patient must stand
    for it where the command asks less."""

    do: Callable[[Work, UUID], Any]
    undo: str | None
    only: tuple[Standing, ...] = tuple(Standing)


def _status(to: Status) -> Callable[[Work, UUID], Any]:
    return lambda work, appointment_id: booking.change_status(work, appointment_id, to)


def _late(minutes: int) -> Callable[[Work, UUID], Any]:
    return lambda work, appointment_id: commands.run_late(work, appointment_id, minutes)


MARKS: Mapping[str, Mark] = {
    "arrived": Mark(_status(Status.ARRIVED), undo="expected"),
    "expected": Mark(_status(Status.BOOKED), undo=None, only=(Standing.WAITING, Standing.NO_SHOW)),
    "room": Mark(commands.call, undo="waiting"),
    "waiting": Mark(commands.call_back, undo=None),
    "done": Mark(_status(Status.FULFILLED), undo="again"),
    "again": Mark(_status(Status.ARRIVED), undo=None),
    "no-show": Mark(_status(Status.NO_SHOW), undo="expected"),
    **{f"late-{minutes}": Mark(_late(minutes), undo="on-time") for minutes in LATE},
    "on-time": Mark(_late(0), undo=None),
}
"""The presses of the board, by the names of their buttons."""

REFUSED = "refused"
"""The name of a press in whose place the board shows how the patient stands."""


@dataclass(frozen=True, slots=True)
class View:
    """What the reader looks at: a day of a centre, by people or rooms, of some schedules."""

    centre: Centre
    day: date
    today: date
    by: By
    only: frozenset[int]

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone of the centre."""
        return ZoneInfo(self.centre.time_zone)

    @property
    def is_today(self) -> bool:
        """Return whether the day is today."""
        return self.day == self.today

    def address(self, view: str = "desk.show", **changed: Any) -> str:
        """Return the address of the same in another view, or with something changed."""
        return url_for(view, **{**self.state(), **changed})

    def state(self) -> dict[str, Any]:
        """Return the arguments of addresses that lead back here."""
        own = context.actor().centre_id
        return {
            "centre": self.centre.id if self.centre.id != own else None,
            "day": self.day.isoformat() if not self.is_today else None,
            "by": self.by.value if self.by is not By.PEOPLE else None,
            "only": sorted(self.only) or None,
        }


def view() -> View:
    """Return what the request asks for; raise NotFound for a centre whose desk is another's."""
    centre_id = reading.number("centre", 0) or context.actor().centre_id or _first_centre()
    check_desk(context.actor(), centre_id)
    centre = directory.centre(context.reader(), centre_id)
    today = context.now().astimezone(ZoneInfo(centre.time_zone)).date()
    return View(
        centre,
        reading.optional_day("day") or today,
        today,
        reading.option("by", By, By.PEOPLE),
        frozenset(reading.numbers("only")),
    )


def _first_centre() -> int:
    """Return the centre that administrators of the network, who belong to none, see first."""
    centre = next(iter(directory.centres(context.reader())), None)
    if centre is None or not context.actor().is_a(Role.NETWORK_ADMIN):
        raise NotFound
    return centre.id


def centres() -> list[Centre]:
    """Return the centres whose desk the reader is at, in order of name."""
    actor = context.actor()
    if not (actor.further_centres or actor.is_a(Role.NETWORK_ADMIN)):
        return []
    everywhere = actor.is_a(Role.NETWORK_ADMIN)
    listed = directory.centres(context.reader())
    return [one for one in listed if everywhere or actor.works_at(one.id)]


def board(shown: View) -> Board:
    """Return the board of what is shown."""
    work = context.work()
    return board_of(work, shown.centre.id, shown.zone, shown.day, shown.by, shown.only)


@pages.get("")
@access.allow(access.EDITORS)
def show() -> str:
    """Show the board of a day; for its script only the parts that change."""
    shown = view()
    template = "desk/_parts.html" if request.headers.get(PARTS) else "desk/show.html"
    pressed, name = reading.optional_id("pressed"), reading.text("mark")
    return render_template(template, **_shown(shown, pressed, name), centres=centres())


@pages.get("/now")
@access.allow(access.EDITORS)
def now() -> BaseResponse:
    """Return the part of the board that changes by itself, if it has changed."""
    page = render_template("desk/_polled.html", **_shown(view()))
    answer = Response(page)
    answer.set_etag(hashlib.sha256(page.encode()).hexdigest()[:32], weak=True)
    return answer.make_conditional(request)


def _shown(shown: View, pressed: UUID | None = None, name: str = "") -> dict[str, Any]:
    """Return what the board shows, with the appointment and the button that were pressed."""
    drawn = board(shown)
    at_hand = {entry.id: entry for entry in drawn.entries}
    mark = MARKS.get(name)
    return {
        "view": shown,
        "board": drawn,
        "Standing": Standing,
        "now": context.now(),
        "every": EVERY,
        "pressed": at_hand.get(pressed) if pressed else None,
        "is_new": name == "",
        "is_refused": name == REFUSED,
        "undo": mark.undo if mark else None,
    }


@pages.post("/mark")
@access.allow(access.EDITORS)
def mark() -> BaseResponse:
    """Do what was pressed on the board, and show it with its undoing; at once for its script."""
    name = next((name for name in MARKS if name in request.form), None)
    appointment_id = reading.optional_id(name) if name else None
    if name is None or appointment_id is None:
        raise Malformed("Press a button of the board.", field="mark")
    shown = view()
    try:
        context.write(_press, appointment_id, MARKS[name])
    except NotFound:
        raise
    except DomainError as error:
        flash(sentence_of(error), "bad")
        name = REFUSED
    if request.headers.get(PARTS):
        return Response(render_template("desk/_parts.html", **_shown(shown, appointment_id, name)))
    return redirect(shown.address(pressed=appointment_id, mark=name), 303)


def _press(work: Work, appointment_id: UUID, mark: Mark) -> None:
    """Do it, unless somebody else has gone on with the patient meanwhile."""
    one, _relation = booking.appointment_for(work, appointment_id)
    if _standing(one) not in mark.only:
        raise InvalidTransition
    mark.do(work, appointment_id)


def _standing(one: Appointment) -> Standing:
    return standing(one.status, one.called_at, one.late_minutes, offered=one.offered)


@pages.get("/appointments/<uuid:appointment_id>")
@access.allow(access.EDITORS)
def appointment(appointment_id: UUID) -> str:
    """Show an appointment with all that can be pressed, on a page that the board shows inside."""
    shown = view()
    work = context.work()
    one, relation = booking.appointment_for(work, appointment_id)
    check_desk(work.actor, one.schedule.centre_id)
    cutoff = context.settings().cancel_cutoff
    return render_template(
        "desk/appointment.html",
        view=shown,
        appointment=one,
        zone=one.zone,
        standing=_standing(one),
        Standing=Standing,
        can=moves_now(relation, one, now=work.now, cutoff=cutoff),
        late=sorted(allowed(LATE, lambda minutes: check_late(relation, one, minutes, work.now))),
        may_move=may_reschedule(relation, one, now=work.now, cutoff=cutoff),
    )


LISTED = 800
"""Appointments on a page of a list; all of a busy day at a centre with 40 practitioners."""

LISTS: Mapping[str, tuple[Standing, ...]] = {
    "": tuple(Standing),
    "expected": (Standing.EXPECTED, Standing.LATE),
    "late": (Standing.LATE,),
    "waiting": (Standing.WAITING,),
    "in-room": (Standing.IN_ROOM,),
    "done": (Standing.DONE,),
    "no-show": (Standing.NO_SHOW,),
}
"""The lists that the figures of the day lead to."""


@pages.get("/list")
@access.allow(access.EDITORS)
def listing() -> str:
    """List a day or up to a week, or those who stand so, for the screen and on paper: also with
    telephone numbers to call, or as labels."""
    shown = view()
    asked = reading.optional_day("until") or shown.day
    last = min(max(asked, shown.day), shown.day + timedelta(days=6))
    page = max(1, min(reading.number("page", 1), 500))
    kind = reading.text("show") if reading.text("show") in LISTS else ""
    paper = reading.text("paper")
    work = context.work()
    starts, ends = day_in(shown.day, shown.zone)[0], day_in(last, shown.zone)[1]
    entries = [
        entry
        for entry in queries.entries(work, shown.centre.id, starts, ends, detailed=True)
        if entry.standing in LISTS[kind] and (not shown.only or entry.schedule_id in shown.only)
    ]
    context.write(finding.note_search, len(entries))
    return render_template(
        "desk/labels.html" if paper == "labels" else "desk/list.html",
        view=shown,
        kind=kind,
        is_calls=paper == "calls",
        last=last,
        entries=entries[(page - 1) * LISTED : page * LISTED],
        total=len(entries),
        page=page,
        page_size=LISTED,
        sees_reasons=lambda entry: sees_reasons(work.actor, entry.department_id),
    )


@pages.get("/week/<int:schedule_id>")
@access.allow(access.EDITORS)
def week(schedule_id: int) -> str:
    """Show the seven days from a day of one practitioner or service, a column each."""
    shown = view()
    days = [shown.day + timedelta(days=count) for count in range(7)]
    work, only = context.work(), frozenset({schedule_id})
    boards = [board_of(work, shown.centre.id, shown.zone, day, By.PEOPLE, only) for day in days]
    columns = [column for one in boards for column in one.columns]
    if not columns:
        raise NotFound
    return render_template(
        "desk/week.html",
        view=shown,
        boards=boards,
        name=columns[0].name,
        detail=columns[0].detail,
        schedule_id=schedule_id,
        first=min(one.first for one in boards if one.columns),
        last=max(one.last for one in boards if one.columns),
        tick=max(one.tick for one in boards),
        Standing=Standing,
        now=context.now(),
    )


@pages.get("/screen")
@access.allow(access.EDITORS)
def screen() -> BaseResponse:
    """Lead to the screen of the waiting room, whose address needs no account."""
    return redirect(url_for("check_in.screen", token=links.screen(view().centre.id)), 303)


@pages.get("/poster")
@access.allow(access.EDITORS)
def poster() -> str:
    """Show a poster with the code that leads phones to the check-in of the centre."""
    shown = view()
    address = root() + url_for("check_in.kiosk", token=links.check_in(shown.centre.id))
    drawn = segno.make(address, error="m").svg_inline(omitsize=True, light="#fff")
    code = Markup(drawn)  # noqa: S704 # nosec B704 - squares, drawn from an address of ours
    return render_template("desk/poster.html", view=shown, address=address, code=code)
