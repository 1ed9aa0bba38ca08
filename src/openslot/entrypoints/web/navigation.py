"""Main navigation: what each role opens most; phones show the first four, and the rest as More."""

from typing import NamedTuple

from flask import request, url_for
from flask_babel import gettext as _

from openslot.core.actor import Actor, Role
from openslot.desk.rules import is_receptionist


class Item(NamedTuple):
    """Link of the navigation; ``current`` marks the page that is open.

    Pages below ``covers`` belong to it too.
    """

    href: str
    icon: str
    label: str
    current: bool = False
    covers: tuple[str, ...] = ()


def navigation(actor: Actor) -> list[Item]:
    """Return the items for the actor's role, with the closest match marked as current."""
    items = _places(actor)
    matching = {own: item.href for item in items for own in _paths(item) if _is_below(own)}
    nearest = matching[max(matching, key=len)] if matching else ""
    return [item._replace(current=item.href == nearest) for item in items]


def footer_links() -> list[tuple[str, str]]:
    """Return the links at the foot of every page."""
    return [
        (url_for("help.show"), _("Help")),
        (url_for("privacy.show"), _("Privacy")),
        (url_for("help.accessibility"), _("Accessibility")),
    ]


def _paths(item: Item) -> list[str]:
    return [item.href, *(request.script_root + path for path in item.covers)]


def _is_below(path: str) -> bool:
    return f"{request.script_root}{request.path}/".startswith(f"{path.rstrip('/')}/")


def _places(actor: Actor) -> list[Item]:
    if actor.role is None:
        return [_find()]
    if actor.role is Role.PATIENT:
        return _of_patient()
    if actor.role is Role.PRACTITIONER:
        return _of_practitioner()
    if is_receptionist(actor):
        return _of_receptionist()
    if actor.role is Role.STAFF:
        return _of_staff()
    return _of_administrator(actor)


def _of_patient() -> list[Item]:
    mine = ("/appointments", "/series", "/itineraries", "/offers")
    return [
        _find(),
        _item("dashboard.show", icon="calendar-check", label=_("Appointments"), covers=mine),
        _item("history.own", icon="clock-history", label=_("Health record")),
        _item("referrals.listing", icon="envelope-paper", label=_("Referrals")),
        _waiting(),
        _item("dependents.listing", icon="people", label=_("People you care for")),
    ]


def _of_practitioner() -> list[Item]:
    return [
        _item("dashboard.show", icon="sun", label=_("Overview")),
        _item(
            "calendar.show", icon="calendar-week", label=_("Calendar"), covers=("/appointments",)
        ),
        _patients(),
        _item("referrals.listing", icon="envelope-paper", label=_("Referrals")),
        _waiting(),
        _item("calendar.hours", icon="clock", label=_("Hours")),
        _item("absences.listing", icon="slash-circle", label=_("Blocked time")),
        _reports(),
    ]


def _of_receptionist() -> list[Item]:
    return [_desk("/appointments"), _patients(), _waiting(), _departments(), _find()]


def _of_staff() -> list[Item]:
    return [
        _home("/admin"),
        _requests(),
        _desk("/appointments"),
        _patients(),
        _waiting(),
        _departments(),
        _item("admin.own_department", icon="card-list", label=_("Your department")),
    ]


def _of_administrator(actor: Actor) -> list[Item]:
    practitioners = _item(
        "admin_practitioners.listing", icon="person-badge", label=_("Practitioners")
    )
    accounts = _item("admin_accounts.listing", icon="person-lock", label=_("Accounts"))
    if actor.role is Role.CENTRE_ADMIN:
        daily = [_desk("/appointments"), _patients(), practitioners]
        return [_home("/admin"), *daily, accounts, _requests(), _waiting(), _reports()]
    centres = _item("admin.centres", icon="hospital", label=_("Centres"))
    audit = _item("admin_audit.listing", icon="shield-check", label=_("Audit"))
    return [_home("/admin"), _patients(), centres, practitioners, accounts, _reports(), audit]


def _find() -> Item:
    covers = ("/book", "/practitioners", "/centres", "/departments")
    return _item("search.results", icon="search", label=_("Find care"), covers=covers)


def _home(*covers: str) -> Item:
    return _item("dashboard.show", icon="house", label=_("Overview"), covers=covers)


def _desk(*covers: str) -> Item:
    label = _("Front desk")
    return _item("desk.show", icon="layout-three-columns", label=label, covers=covers)


def _patients() -> Item:
    return _item("patients.find", icon="people", label=_("Patients"))


def _requests() -> Item:
    return _item("requests.listing", icon="inbox", label=_("Requests"))


def _departments() -> Item:
    return _item("requests.departments", icon="building", label=_("Departments"))


def _waiting() -> Item:
    return _item("waiting.listing", icon="hourglass-split", label=_("Waiting list"))


def _reports() -> Item:
    return _item("reports.show", icon="bar-chart", label=_("Reports"))


def _item(endpoint: str, *, icon: str, label: str, covers: tuple[str, ...] = ()) -> Item:
    return Item(url_for(endpoint), icon, label, covers=covers)
