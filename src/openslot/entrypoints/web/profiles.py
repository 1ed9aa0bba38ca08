"""Public profiles of centres, departments and practitioners."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request, url_for

from openslot.booking.rules import is_offered, offered_to
from openslot.core.actor import Role
from openslot.core.clock import day_in
from openslot.core.errors import NotFound
from openslot.department_requests.queries import consultations
from openslot.directory import queries as directory
from openslot.entrypoints.web import access, context, whom
from openslot.entrypoints.web.feedback import ratings_of
from openslot.entrypoints.web.service_words import MODES
from openslot.feedback.queries import Average, RatedKind, averages, favourites
from openslot.schedules import known
from openslot.schedules import queries as schedules
from openslot.schedules.availability import span_between
from openslot.schedules.models import Schedule
from openslot.schedules.preview import OpenHours, open_hours
from openslot.search.queries import Entry, EntryKey
from openslot.search.times import FreeTimes

pages = Blueprint("profiles", __name__)

TIMES_SHOWN = 12
PEOPLE_SHOWN = 100
"""Practitioners shown on the page of a centre; the search has all."""

WEEK = 7
"""Days whose hours the page of a centre shows."""

TIMES_OF_EACH = 3
"""Times shown for each schedule, on pages with several."""


@pages.get("/practitioners/<int:practitioner_id>")
@access.allow(access.ANYONE)
def practitioner(practitioner_id: int) -> str:
    """Show a practitioner with their hours and next free times."""
    person = directory.practitioner(context.reader(), practitioner_id)
    entry = _entry(("practitioner", practitioner_id))
    places = schedules.places(context.reader(), Schedule.practitioner_id == practitioner_id)
    offered = {key: offered_to(context.actor(), place) for key, place in places.items()}
    shown = _common(entry, TIMES_SHOWN)
    return render_template(
        "profiles/practitioner.html",
        person=person,
        hours=places,
        offered=offered,
        several={
            key
            for key, services in offered.items()
            if len(services) > 1 and key not in shown["barriers"]
        },
        mode_words={mode.value: words for mode, words in MODES.items()},
        centres={centre_row.id: centre_row for centre_row in directory.centres(context.reader())},
        **_rated("practitioner", practitioner_id),
        **shown,
    )


@pages.get("/centres/<int:centre_id>")
@access.allow(access.ANYONE)
def centre(centre_id: int) -> str:
    """Show a centre with its departments, and its practitioners by profession."""
    place = directory.centre(context.reader(), centre_id)
    names = context.services().network.fresh(context.reader())
    everybody = [entry for entry in names.entries.values() if _works_at(entry, centre_id)]
    entries_here = everybody[:PEOPLE_SHOWN]
    groups: dict[str, list[Entry]] = {}
    for entry in entries_here:
        groups.setdefault(entry.subtitle, []).append(entry)
    ratings = averages(context.reader(), [("practitioner", entry.id) for entry in entries_here])
    entry = _entry(("centre", centre_id))
    hours = _hours(entry, ZoneInfo(place.time_zone))
    return render_template(
        "profiles/centre.html",
        centre=place,
        groups=dict(sorted(groups.items())),
        more=len(everybody) - len(entries_here),
        ratings=ratings,
        departments=directory.departments(context.reader(), centre_id),
        hours=hours,
        open_until=_open_until(hours),
        **_rated("centre", centre_id),
        **_common(entry, 0),
    )


def _hours(centre: Entry, zone: ZoneInfo) -> list[OpenHours]:
    """Return when a centre gives appointments that are offered to the reader, for a week; empty if
    it has no hours."""
    now, actor = context.now(), context.actor()
    bookable = known.bookable(context.reader())
    schedule_ids = [place.schedule_id for place in centre.places if place.schedule_id in bookable]
    places = [bookable[key].place for key in schedule_ids]
    offered = [place for place in places if place.hours and is_offered(actor, place)]
    if not offered:
        return []
    first = now.astimezone(zone).date()
    starts, ends = day_in(first, zone)[0], day_in(first + timedelta(days=WEEK), zone)[0]
    closures = schedules.closures(context.reader(), centre.id, starts, ends)
    closed = [span_between(closure.starts_at, closure.ends_at) for closure in closures]
    return open_hours(offered, closed, zone, first, WEEK)


def _open_until(hours: list[OpenHours]) -> datetime | None:
    """Return when a centre that is open now closes; None if it is closed, or open past today."""
    now = context.now()
    times = hours[0].times if hours else ()
    ends = next((end for begin, end in times if begin <= now < end), None)
    return ends if ends and ends.date() == hours[0].day else None


@pages.get("/departments/<int:department_id>")
@access.allow(access.ANYONE)
def department(department_id: int) -> str:
    """Show a department with its services."""
    session, actor = context.reader(), context.actor()
    department_row = directory.department(session, department_id)
    own_centre = actor.is_a(Role.STAFF) and actor.centre_id == department_row.centre_id
    asks = own_centre and actor.department_id not in (None, department_id)
    return render_template(
        "profiles/department.html",
        department=department_row,
        centre=directory.centre(session, department_row.centre_id),
        services=directory.services(session, [department_id]),
        schedule_ids=schedules.by_service(session, department_id),
        rated=consultations(session, [department_id]).get(department_id),
        may_ask=asks,
        **_common(_entry(("department", department_id)), 0),
    )


def _entry(key: EntryKey) -> Entry:
    entry = context.services().network.entry(context.reader(), key)
    if entry is None:
        raise NotFound
    return entry


def _works_at(entry: Entry, centre_id: int) -> bool:
    return entry.kind == "practitioner" and any(
        place.centre_id == centre_id for place in entry.places
    )


def _rated(kind: RatedKind, subject_id: int) -> dict[str, object]:
    """Return the ratings of a profile, and whether the reader may rate it."""
    actor = context.actor()

    def address(**changed: object) -> str:
        own: dict[str, Any] = {f"{kind}_id": subject_id, "patient": whom.carried()}
        return url_for(f"profiles.{kind}", **{**own, **changed})

    ratings = ratings_of(context.work(), kind, subject_id, address)
    sums = ratings.summary
    return {
        "feedback": ratings,
        "may_rate": actor.patient_id is not None,
        "rated": Average(sums.stars, sums.ratings) if sums.ratings else None,
    }


def _common(entry: Entry, together: int) -> dict[str, Any]:
    """Return what every profile shows: the first ``together`` free times, those of each schedule,
    or why there are none."""
    ids, booker = [place.schedule_id for place in entry.places], whom.booker()
    days = context.settings().search_days
    free = FreeTimes.read(context.work(), ids, days=days, booker=booker)
    favourite_keys = favourites(context.reader(), context.actor().account_id)
    return {
        "entry": entry,
        "slots": free.first(ids, together),
        "slots_of": {key: free.first([key], TIMES_OF_EACH) for key in ids},
        "barriers": free.barriers,
        "barrier": free.barrier(ids),
        "patient": whom.carried() or "",
        "keeps": booker.whom is not None,
        "may_like": context.actor().account_id is not None,
        "is_favourite": (entry.kind, entry.id) in favourite_keys,
        "here": request.full_path.rstrip("?"),
    }
