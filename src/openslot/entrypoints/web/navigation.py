"""The main navigation: at most four places for each role."""

from typing import NamedTuple

from flask import request, url_for
from flask_babel import gettext as _

from openslot.directory.rules import Actor
from openslot.identity.models import Role


class Item(NamedTuple):
    """A link of the navigation; ``current`` marks where the reader is."""

    href: str
    icon: str
    label: str
    current: bool


def navigation(actor: Actor) -> list[Item]:
    """What the actor's role works with most."""
    return [_item(endpoint, icon, label) for endpoint, icon, label in _places(actor)]


def _places(actor: Actor) -> list[tuple[str, str, str]]:
    find = ("search.results", "search", _("Find care"))
    if actor.role is None:
        return [find]
    if actor.role is Role.PATIENT:
        return [find, ("dashboard.show", "calendar-check", _("Visits"))]
    people = ("patients.find", "people", _("Patients"))
    if actor.role is Role.PRACTITIONER:
        return [
            ("dashboard.show", "sun", _("Today")),
            ("calendar.show", "calendar-week", _("Calendar")),
            people,
            ("calendar.hours", "clock", _("Hours")),
        ]
    home = ("dashboard.show", "house", _("Overview"))
    if actor.role is Role.STAFF:
        return [home, people, find, ("admin.own_department", "building", _("Department"))]
    return [home, people, ("admin.centres", "hospital", _("Centres")),
            ("admin_practitioners.listing", "person-badge", _("Practitioners"))]  # fmt: skip


def _item(endpoint: str, icon: str, label: str) -> Item:
    href = url_for(endpoint)
    return Item(href, icon, label, request.path == href)
