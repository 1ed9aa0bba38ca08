"""Profiles of centres, departments and practitioners."""

from flask import Blueprint, render_template

from openslot.core.errors import NotFound
from openslot.directory import queries as directory
from openslot.discovery.queries import Entry, EntryKey
from openslot.discovery.search import next_slots
from openslot.entrypoints.web import access, context, reading
from openslot.feedback.queries import averages
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule

pages = Blueprint("profiles", __name__)

TIMES_SHOWN = 8


@pages.get("/practitioners/<int:practitioner_id>")
@access.allow(access.ANYONE)
def practitioner(practitioner_id: int) -> str:
    """Who they are, where and when they work, and their next free times."""
    person = directory.practitioner(context.reader(), practitioner_id)
    entry = _entry(("practitioner", practitioner_id))
    return render_template(
        "profiles/practitioner.html",
        person=person,
        hours=schedules.places(context.reader(), Schedule.practitioner_id == practitioner_id),
        centres={one.id: one for one in directory.centres(context.reader())},
        **_common(entry),
    )


@pages.get("/centres/<int:centre_id>")
@access.allow(access.ANYONE)
def centre(centre_id: int) -> str:
    """The centre, its departments, and its practitioners by kind of service."""
    place = directory.centre(context.reader(), centre_id)
    known, _ = context.services().network.fresh(context.reader())
    here = [entry for entry in known.values() if _works_at(entry, centre_id)]
    groups: dict[str, list[Entry]] = {}
    for entry in here:
        groups.setdefault(entry.subtitle, []).append(entry)
    ratings = averages(context.reader(), [("practitioner", entry.id) for entry in here])
    return render_template(
        "profiles/centre.html",
        centre=place,
        groups=dict(sorted(groups.items())),
        ratings=ratings,
        departments=directory.departments(context.reader(), centre_id),
        **_common(_entry(("centre", centre_id))),
    )


@pages.get("/departments/<int:department_id>")
@access.allow(access.ANYONE)
def department(department_id: int) -> str:
    """A department and its services."""
    found = directory.department(context.reader(), department_id)
    return render_template(
        "profiles/department.html",
        department=found,
        centre=directory.centre(context.reader(), found.centre_id),
        services=directory.services(context.reader(), [department_id]),
        schedule_ids=schedules.by_service(context.reader(), department_id),
        **_common(_entry(("department", department_id))),
    )


def _entry(key: EntryKey) -> Entry:
    known, _ = context.services().network.fresh(context.reader())
    if key not in known:
        raise NotFound
    return known[key]


def _works_at(entry: Entry, centre_id: int) -> bool:
    return entry.kind == "practitioner" and any(
        place.centre_id == centre_id for place in entry.places
    )


def _common(entry: Entry) -> dict[str, object]:
    """What every profile shows: rating and the next free times."""
    rating = None
    if entry.kind != "department":
        rating = averages(context.reader(), [(entry.kind, entry.id)]).get((entry.kind, entry.id))
    ids = [place.schedule_id for place in entry.places]
    slots = next_slots(
        context.reader(), ids, now=context.now(), days=context.settings().search_days,
        times=TIMES_SHOWN,
    )  # fmt: skip
    return {
        "entry": entry,
        "rated": rating,
        "slots": slots,
        "patient": reading.text("patient"),
    }
