"""All that administrators reach, in groups, with a line on each and a figure where one waits."""

from typing import NamedTuple

from flask import url_for
from flask_babel import gettext as _

from openslot.core.actor import Actor


class Waits(NamedTuple):
    """How much waits for an administrator: registrations, requests, emergency accesses to review,
    messages that failed."""

    accounts: int
    requests: int
    emergencies: int
    messages: int


class Entry(NamedTuple):
    """A link with a line that says what is there; ``waiting`` is how much waits for a decision."""

    href: str
    icon: str
    label: str
    line: str
    waiting: int


Group = tuple[str, list[Entry]]
"""A heading with its entries."""


def admin_groups(actor: Actor, waits: Waits, *, has_sessions: bool) -> list[Group]:
    """Return the groups of an administrator of a centre or of the network."""
    groups = [
        (_("People"), _people(waits)),
        (_("Every day"), _daily(waits, has_sessions=has_sessions)),
        (_("Places"), _places(actor)),
        (_("Insight"), _insight(waits)),
    ]
    return groups if actor.centre_id else [*groups, (_("Technical"), _technical(waits))]


def _people(waits: Waits) -> list[Entry]:
    return [
        _entry(
            "admin_practitioners.listing",
            icon="person-badge",
            label=_("Practitioners"),
            line=_("Details, hours, services and blocked time"),
        ),
        _entry(
            "admin_accounts.listing",
            icon="person-lock",
            label=_("Accounts"),
            line=_("Who can sign in, and as what"),
            waiting=waits.accounts,
        ),
        _entry(
            "patients.find",
            icon="people",
            label=_("Patients"),
            line=_("Find, register, change details"),
        ),
    ]


def _daily(waits: Waits, *, has_sessions: bool) -> list[Entry]:
    sessions = _entry(
        "sessions.listing",
        icon="people",
        label=_("Sessions"),
        line=_("Classes and clinics of several patients"),
    )
    return [
        _entry(
            "desk.show",
            icon="layout-three-columns",
            label=_("Front desk"),
            line=_("The day of a centre, column by column"),
        ),
        _entry(
            "requests.listing",
            icon="inbox",
            label=_("Requests"),
            line=_("What departments ask of each other"),
            waiting=waits.requests,
        ),
        _entry(
            "waiting.listing",
            icon="hourglass-split",
            label=_("Waiting list"),
            line=_("Who waits for an earlier time"),
        ),
        *([sessions] if has_sessions else []),
    ]


def _places(actor: Actor) -> list[Entry]:
    centres = _entry(
        "admin.centres",
        icon="hospital",
        label=_("Your centre") if actor.centre_id else _("Centres"),
        line=_("Departments, services, rooms, closures"),
    )
    professions = _entry(
        "admin_professions.listing",
        icon="tags",
        label=_("Professions"),
        line=_("Names, search words, who needs a referral"),
    )
    return [centres] if actor.centre_id else [centres, professions]


def _insight(waits: Waits) -> list[Entry]:
    return [
        _entry(
            "reports.show",
            icon="bar-chart",
            label=_("Reports"),
            line=_("Bookings, use of open hours, waiting time, no-shows"),
        ),
        _entry(
            "admin_audit.listing",
            icon="shield-check",
            label=_("Audit"),
            line=_("Who did or read what, and when"),
        ),
        _entry(
            "admin_emergencies.listing",
            icon="unlock",
            label=_("Emergency accesses"),
            line=_("Health records opened without an appointment"),
            waiting=waits.emergencies,
        ),
    ]


def _technical(waits: Waits) -> list[Entry]:
    return [
        _entry(
            "admin.outbox",
            icon="envelope",
            label=_("Email and text messages"),
            line=_("What was sent, and what failed"),
            waiting=waits.messages,
        ),
        _entry(
            "admin_import.upload",
            icon="upload",
            label=_("Import"),
            line=_("Files of another system, checked first"),
        ),
        _entry(
            "admin_keys.listing", icon="key", label=_("API keys"), line=_("Programs that may ask")
        ),
        _entry(
            "admin_webhooks.listing",
            icon="broadcast",
            label=_("Webhooks"),
            line=_("Programs that we notify of events"),
        ),
    ]


def _entry(endpoint: str, *, icon: str, label: str, line: str, waiting: int = 0) -> Entry:
    return Entry(url_for(endpoint), icon, label, line, waiting)
