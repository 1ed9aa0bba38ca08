"""The audit in words: what each act is called, and which acts belong together."""

from collections.abc import Mapping
from enum import StrEnum

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from openslot.core.audit import AuditEvent
from openslot.entrypoints.web.admin_accounts import role_names
from openslot.identity.models import Role


class Group(StrEnum):
    """Acts that are looked for together."""

    ALL = ""
    APPOINTMENTS = "appointments"
    RECORDS = "records"
    PATIENTS = "patients"
    REFERRALS = "referrals"
    REQUESTS = "requests"
    OFFERS = "offers"
    ACCOUNTS = "accounts"
    DIRECTORY = "directory"
    OTHER = "other"


BEGINNINGS: Mapping[Group, tuple[str, ...]] = {
    Group.ALL: (),
    Group.APPOINTMENTS: ("appointment.",),
    Group.RECORDS: ("record.", "history."),
    Group.PATIENTS: ("patient.", "dependent."),
    Group.REFERRALS: ("referral.",),
    Group.REQUESTS: ("request.",),
    Group.OFFERS: ("offer.", "waiting.", "absence."),
    Group.ACCOUNTS: ("account.", "key.", "client.", "webhook."),
    Group.DIRECTORY: ("centre.", "department.", "service.", "practitioner.", "schedule."),
    Group.OTHER: ("mail.", "rating.", "import.", "report."),
}
"""What the acts of a group begin with."""

# Lazily, so that each reader reads them in their own language.
TITLES: Mapping[str, str] = {
    "appointment.held": _l("Kept a time"),
    "appointment.booked": _l("Booked an appointment"),
    "appointment.moved": _l("Moved an appointment"),
    "appointment.amended": _l("Changed an appointment"),
    "appointment.arrived": _l("Noted an arrival"),
    "appointment.fulfilled": _l("Completed an appointment"),
    "appointment.cancelled": _l("Cancelled an appointment"),
    "appointment.no-show": _l("Noted that nobody came"),
    "appointment.entered-in-error": _l("Marked an appointment as entered in error"),
    "appointment.recorded": _l("Recorded a past appointment"),
    "absence.entered": _l("Blocked time"),
    "absence.ended": _l("Opened blocked time again"),
    "absence.decided": _l("Decided on an appointment in blocked time"),
    "absence.keep-done": _l("Kept an appointment in blocked time"),
    "absence.move-done": _l("Offered another time for an appointment in blocked time"),
    "absence.move-failed": _l("Found no other time for an appointment in blocked time"),
    "absence.cancel-done": _l("Cancelled an appointment in blocked time"),
    "absence.cancel-failed": _l("Could not cancel an appointment in blocked time"),
    "offer.made": _l("Offered a time"),
    "offer.accepted": _l("Took an offered time"),
    "offer.declined": _l("Left an offered time"),
    "offer.expired": _l("Let an offer run out"),
    "offer.withdrawn": _l("Took an offer back"),
    "waiting.joined": _l("Joined the waiting list"),
    "waiting.served": _l("Was served from the waiting list"),
    "waiting.left": _l("Left the waiting list"),
    "waiting.ended": _l("Came off the waiting list"),
    "record.read": _l("Read a history"),
    "record.refused": _l("Was refused a history"),
    "record.emergency-access": _l("Opened a history in an emergency"),
    "record.noted": _l("Wrote a note"),
    "record.prescribed": _l("Wrote a prescription"),
    "record.corrected": _l("Corrected an entry of a history"),
    "referral.written": _l("Wrote a referral"),
    "referral.changed": _l("Changed a referral"),
    "referral.discarded": _l("Threw a draft of a referral away"),
    "referral.sent": _l("Sent a referral"),
    "referral.revoked": _l("Withdrew a referral"),
    "referral.read": _l("Read a referral"),
    "referral.answered": _l("Answered a referral"),
    "request.made": _l("Made a request"),
    "request.imported": _l("Brought a request in by file"),
    "request.amended": _l("Changed a request"),
    "request.proposed": _l("Proposed another time for a request"),
    "request.accepted": _l("Accepted a request"),
    "request.declined": _l("Declined a request"),
    "request.cancelled": _l("Cancelled a request"),
    "request.completed": _l("Completed a request"),
    "request.rated": _l("Rated a consultation"),
    "rating.given": _l("Rated"),
    "rating.withdrawn": _l("Took a rating back"),
    "dependent.added": _l("Added somebody to care for"),
    "dependent.removed": _l("Removed somebody added by mistake"),
    "dependent.invited": _l("Offered a record to its owner"),
    "dependent.invitation-withdrawn": _l("Took the offer of a record back"),
    "dependent.handed-over": _l("Took over a record"),
    "key.created": _l("Made a key for a program"),
    "key.revoked": _l("Ended the key of a program"),
    "client.created": _l("Registered a program by its public keys"),
    "webhook.created": _l("Had another program told of events"),
    "webhook.changed": _l("Changed what another program is told"),
    "webhook.rotated": _l("Changed the secret of a webhook"),
    "webhook.switched-on": _l("Switched a webhook on"),
    "webhook.switched-off": _l("Switched a webhook off"),
    "webhook.deleted": _l("Deleted a webhook"),
    "webhook.sent-again": _l("Had a delivery sent again"),
    "webhook.gone": _l("A webhook’s address said that it is gone"),
    "account.created": _l("Made an account"),
    "account.changed": _l("Changed an account"),
    "account.confirmed": _l("Confirmed an e-mail address"),
    "account.signed-in": _l("Signed in"),
    "account.password-changed": _l("Set a new password"),
    "account.session-ended": _l("Signed out another browser"),
    "account.sessions-ended": _l("Signed out all other browsers"),
    "account.link-made": _l("Sent a link that sets the password"),
    "account.activated": _l("Switched an account on"),
    "account.deactivated": _l("Switched an account off"),
    "account.deleted": _l("Deleted an account"),
    "account.declined": _l("Declined a registration"),
    "account.mail-chosen": _l("Chose which mail to get"),
    "account.calendar-made": _l("Made a calendar address"),
    "account.calendar-ended": _l("Switched the calendar address off"),
    "patient.created": _l("Registered a patient"),
    "patient.changed": _l("Changed a patient’s details"),
    "mail.read": _l("Read a kept mail"),
    "centre.created": _l("Added a centre"),
    "centre.changed": _l("Changed a centre"),
    "centre.activated": _l("Put a centre back"),
    "centre.deactivated": _l("Took a centre out"),
    "centre.closed": _l("Closed a centre for a time"),
    "centre.reopened": _l("Opened a closed centre again"),
    "department.created": _l("Added a department"),
    "department.changed": _l("Changed a department"),
    "department.activated": _l("Put a department back"),
    "department.deactivated": _l("Took a department out"),
    "service.created": _l("Added a service"),
    "service.changed": _l("Changed a service"),
    "service.activated": _l("Put a service back"),
    "service.deactivated": _l("Took a service out"),
    "practitioner.created": _l("Added a practitioner"),
    "practitioner.changed": _l("Changed a practitioner"),
    "practitioner.activated": _l("Put a practitioner back"),
    "practitioner.deactivated": _l("Took a practitioner out"),
    "schedule.opened": _l("Opened a schedule"),
    "schedule.changed": _l("Changed a schedule"),
    "schedule.hours-changed": _l("Changed hours"),
    "schedule.activated": _l("Put a schedule back"),
    "schedule.deactivated": _l("Took a schedule out"),
}
"""What each act is called."""


def act(event: AuditEvent) -> str:
    """What was done, in words."""
    return str(TITLES.get(event.action, event.action))


def group_names() -> dict[Group, str]:
    """What the groups are called."""
    return {
        Group.ALL: _("Everything"),
        Group.APPOINTMENTS: _("Appointments"),
        Group.RECORDS: _("Histories"),
        Group.PATIENTS: _("Patients"),
        Group.REFERRALS: _("Referrals"),
        Group.REQUESTS: _("Requests"),
        Group.OFFERS: _("Offers and absences"),
        Group.ACCOUNTS: _("Accounts"),
        Group.DIRECTORY: _("Directory"),
        Group.OTHER: _("Anything else"),
    }


def kind_names() -> dict[str, str]:
    """What the kinds of things are called."""
    return {
        "absence": _("Blocked time"),
        "account": _("Account"),
        "appointment": _("Appointment"),
        "centre": _("Centre"),
        "department": _("Department"),
        "history": _("History"),
        "mail": _("Mail"),
        "offer": _("Offer"),
        "patient": _("Patient"),
        "practitioner": _("Practitioner"),
        "record": _("History"),
        "referral": _("Referral"),
        "request": _("Request"),
        "schedule": _("Schedule"),
        "service": _("Service"),
        "waiting": _("Waiting list"),
    }


SHOWN = ("role", "fields", "count", "choice", "kind")
"""The details that are shown: what somebody typed, such as why an appointment was cancelled, is
not, since it may tell of their health."""


def details(event: AuditEvent) -> str:
    """What is to know of an act besides, without anything personal."""
    parts = []
    for name in SHOWN:
        value = (event.details or {}).get(name)
        if name == "role" and value in set(Role):
            parts.append(role_names()[Role(value)])
        elif isinstance(value, list):
            parts.append(", ".join(str(one) for one in value))
        elif value is not None:
            parts.append(str(value))
    return "; ".join(parts)
