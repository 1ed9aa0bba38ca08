"""Main navigation: at most four items for each role."""

from typing import NamedTuple

from flask import request, url_for
from flask_babel import gettext as _

from openslot.core.actor import Actor, Role
from openslot.desk.rules import is_receptionist


class Item(NamedTuple):
    """Link of the navigation; ``current`` marks the page that is open."""

    href: str
    icon: str
    label: str
    current: bool


def navigation(actor: Actor) -> list[Item]:
    """Return the items for the actor's role, with the closest match marked as current."""
    items = _places(actor)
    matching = [item.href for item in items if f"{request.path}/".startswith(f"{item.href}/")]
    nearest = max(matching, key=len, default="")
    return [item._replace(current=item.href == nearest) for item in items]


def _places(actor: Actor) -> list[Item]:
    find = _item("search.results", icon="search", label=_("Find care"))
    if actor.role is None:
        return [find]
    if actor.role is Role.PATIENT:
        return [
            find,
            _item("dashboard.show", icon="calendar-check", label=_("Appointments")),
            _item("history.own", icon="clock-history", label=_("Health record")),
        ]
    people = _item("patients.find", icon="people", label=_("Patients"))
    if actor.role is Role.PRACTITIONER:
        return [
            _item("dashboard.show", icon="sun", label=_("Overview")),
            _item("calendar.show", icon="calendar-week", label=_("Calendar")),
            people,
            _item("calendar.hours", icon="clock", label=_("Hours")),
        ]
    home = _item("dashboard.show", icon="house", label=_("Overview"))
    desk = _item("desk.show", icon="layout-three-columns", label=_("Front desk"))
    if is_receptionist(actor):
        waits = _item("waiting.listing", icon="hourglass-split", label=_("Waiting list"))
        others = _item("requests.departments", icon="building", label=_("Departments"))
        return [desk, people, waits, others]
    if actor.role is Role.STAFF:
        requests = _item("requests.listing", icon="inbox", label=_("Requests"))
        others = _item("requests.departments", icon="building", label=_("Departments"))
        return [home, requests, people, others]
    centres = _item("admin.centres", icon="hospital", label=_("Centres"))
    practitioners = _item(
        "admin_practitioners.listing", icon="person-badge", label=_("Practitioners")
    )
    if actor.role is Role.CENTRE_ADMIN:
        return [home, desk, people, practitioners]
    return [home, people, centres, practitioners]


def _item(endpoint: str, *, icon: str, label: str) -> Item:
    return Item(url_for(endpoint), icon, label, current=False)
