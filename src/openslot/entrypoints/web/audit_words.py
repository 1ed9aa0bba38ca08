"""Names and groups of audit actions."""

from collections.abc import Mapping
from enum import StrEnum

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from openslot.core.actor import Role
from openslot.core.audit import AuditEvent
from openslot.entrypoints.web.admin_accounts import role_names


class Group(StrEnum):
    """Groups of actions to filter by."""

    ALL = ""
    APPOINTMENTS = "appointments"
    RECORDS = "records"
    PATIENTS = "patients"
    REFERRALS = "referrals"
    REQUESTS = "requests"
    OFFERS = "offers"
    ACCOUNTS = "accounts"
    SECURITY = "security"
    DIRECTORY = "directory"
    OTHER = "other"


BEGINNINGS: Mapping[Group, tuple[str, ...]] = {
    Group.ALL: (),
    Group.APPOINTMENTS: ("appointment.", "session."),
    Group.RECORDS: ("record.", "history."),
    Group.PATIENTS: ("patient.", "dependent."),
    Group.REFERRALS: ("referral.",),
    Group.REQUESTS: ("request.",),
    Group.OFFERS: ("offer.", "waiting.", "absence.", "calendar."),
    Group.ACCOUNTS: ("account.", "key.", "client.", "consent.", "webhook."),
    Group.SECURITY: ("access.", "audit.", "data.", "export.", "limit.", "sign-in.", "token."),
    Group.DIRECTORY: (
        "centre.",
        "department.",
        "service.",
        "practitioner.",
        "profession.",
        "schedule.",
        "room.",
        "group.",
    ),
    Group.OTHER: ("mail.", "rating.", "import.", "report."),
}
"""Prefixes of the actions in each group."""

# Lazy, because each reader has their own language.
TITLES: Mapping[str, str] = {
    "appointment.held": _l("Held a time"),
    "appointment.booked": _l("Booked an appointment"),
    "appointment.moved": _l("Moved an appointment"),
    "appointment.emergency": _l("Booked time kept free for emergencies"),
    "appointment.squeezed-in": _l("Squeezed in over taken time"),
    "appointment.answered": _l("Answered questions before an appointment"),
    "appointment.amended": _l("Changed an appointment"),
    "appointment.arrived": _l("Marked a patient as arrived"),
    "appointment.fulfilled": _l("Completed an appointment"),
    "appointment.cancelled": _l("Cancelled an appointment"),
    "appointment.no-show": _l("Marked an appointment as a no-show"),
    "appointment.called": _l("Called a patient in"),
    "appointment.called-back": _l("Noted that a patient still waits"),
    "appointment.confirmed": _l("Confirmed an appointment"),
    "appointment.late": _l("Noted whether a patient is late"),
    "appointment.entered-in-error": _l("Marked an appointment as entered in error"),
    "appointment.entered": _l("Entered an appointment without booking"),
    "appointment.recorded": _l("Imported the appointment"),
    "session.made": _l("Made a session"),
    "session.moved": _l("Moved a session and everybody in it"),
    "session.changed": _l("Changed the places of a session"),
    "session.cancelled": _l("Cancelled a session"),
    "session.message": _l("Wrote to everybody in a session"),
    "absence.entered": _l("Blocked some time"),
    "absence.ended": _l("Unblocked time"),
    "absence.reopened": _l("Unblocked a part of blocked time"),
    "absence.decided": _l("Decided on an appointment in blocked time"),
    "absence.keep-done": _l("Kept an appointment in blocked time"),
    "absence.move-done": _l("Offered another time for an appointment in blocked time"),
    "absence.move-failed": _l("Found no other time for an appointment in blocked time"),
    "absence.cancel-done": _l("Cancelled an appointment in blocked time"),
    "absence.cancel-failed": _l("Could not cancel an appointment in blocked time"),
    "calendar.set": _l("Added the address of a calendar elsewhere"),
    "calendar.removed": _l("Removed a calendar elsewhere"),
    "calendar.changed": _l("Read new busy times from a calendar elsewhere"),
    "offer.made": _l("Offered a time"),
    "offer.accepted": _l("Accepted an offered time"),
    "offer.declined": _l("Declined an offered time"),
    "offer.expired": _l("Let an offer expire"),
    "offer.withdrawn": _l("Withdrew an offer"),
    "waiting.joined": _l("Joined the waiting list"),
    "waiting.served": _l("Got a time from the waiting list"),
    "waiting.left": _l("Left the waiting list"),
    "waiting.ended": _l("Was removed from the waiting list"),
    "record.read": _l("Read a health record"),
    "record.refused": _l("Was refused a health record"),
    "record.emergency-access": _l("Opened a health record in an emergency"),
    "record.emergency-reviewed": _l("Reviewed an emergency access"),
    "record.noted": _l("Wrote a note"),
    "record.allergy-noted": _l("Recorded an allergy"),
    "record.no-allergies-noted": _l("Recorded that no allergies are known"),
    "record.prescribed": _l("Wrote a prescription"),
    "record.corrected": _l("Corrected a health record entry"),
    "referral.written": _l("Wrote a referral"),
    "referral.changed": _l("Changed a referral"),
    "referral.discarded": _l("Deleted a referral draft"),
    "referral.sent": _l("Sent a referral"),
    "referral.revoked": _l("Revoked a referral"),
    "referral.read": _l("Read a referral"),
    "referral.answered": _l("Answered a referral"),
    "request.made": _l("Made a request"),
    "request.imported": _l("Imported a request"),
    "request.amended": _l("Changed a request"),
    "request.proposed": _l("Proposed another time for a request"),
    "request.accepted": _l("Accepted a request"),
    "request.declined": _l("Declined a request"),
    "request.cancelled": _l("Cancelled a request"),
    "request.completed": _l("Completed a request"),
    "request.rated": _l("Rated a consultation"),
    "rating.given": _l("Gave a rating"),
    "rating.withdrawn": _l("Removed a rating"),
    "patient.merged": _l("Merged a duplicate into a record"),
    "patient.closed": _l("Closed a duplicate record"),
    "patient.unmerged": _l("Undid the merge of a record"),
    "patient.reopened": _l("Reopened a record after undoing a merge"),
    "patient.erased": _l("Erased a person"),
    "patient.record-removed": _l("Removed a health record that is no longer kept"),
    "patient.exported": _l("Downloaded their data"),
    "audit.removed": _l("Removed old audit events"),
    "dependent.told": _l("Told a carer that a young person can have the record"),
    "dependent.warned": _l("Told a carer that their access ends"),
    "dependent.ended": _l("Ended a carer’s access at an age"),
    "dependent.continued": _l("Confirmed that a carer’s access goes on"),
    "dependent.added": _l("Added a dependent"),
    "dependent.removed": _l("Removed a dependent"),
    "dependent.invited": _l("Offered to hand over a record"),
    "dependent.invitation-withdrawn": _l("Withdrew the offer of a record"),
    "dependent.handed-over": _l("Took over a record"),
    "key.created": _l("Created an API key"),
    "key.revoked": _l("Revoked an API key"),
    "client.created": _l("Registered a program by its public keys"),
    "client.changed": _l("Changed a program"),
    "client.secret-changed": _l("Gave a program another secret"),
    "client.access-ended": _l("Ended the access of a program for everybody"),
    "client.revoked": _l("Revoked a program with its own keys"),
    "consent.given": _l("Let a program act for them"),
    "consent.withdrawn": _l("Ended what a program may do for them"),
    "webhook.created": _l("Added a webhook"),
    "webhook.changed": _l("Changed a webhook"),
    "webhook.rotated": _l("Changed the secret of a webhook"),
    "webhook.switched-on": _l("Reactivated a webhook"),
    "webhook.switched-off": _l("Deactivated a webhook"),
    "webhook.deleted": _l("Deleted a webhook"),
    "webhook.sent-again": _l("Sent a webhook delivery again"),
    "webhook.gone": _l("A webhook receiver answered 410 (Gone)"),
    "account.created": _l("Created an account"),
    "account.changed": _l("Changed an account"),
    "account.confirmed": _l("Confirmed an email address"),
    "account.signed-in": _l("Signed in"),
    "account.code-asked": _l("Entered the password, and was asked for the second step"),
    "account.authenticator-added": _l("Added an authenticator app"),
    "account.authenticator-removed": _l("Removed the authenticator app"),
    "account.passkey-added": _l("Added a passkey"),
    "account.passkey-removed": _l("Removed a passkey"),
    "account.recovery-codes-made": _l("Made new recovery codes"),
    "account.recovery-code-used": _l("Used a recovery code"),
    "account.second-step-guessed": _l("Gave too many wrong codes after the right password"),
    "account.identity-linked": _l("Linked a sign-in at an identity provider"),
    "account.identity-removed": _l("Removed a sign-in at an identity provider"),
    "account.role-given": _l("Took a role from groups at an identity provider"),
    "account.role-lost": _l("Lost their role at an identity provider"),
    "account.signed-out-there": _l("Signed out at an identity provider"),
    "account.second-steps-removed": _l("Removed all second steps of an account"),
    "account.password-changed": _l("Changed the password"),
    "account.credentials-ended": _l("Signed out browsers, programs or a calendar address"),
    "account.everybodys-credentials-ended": _l("Signed everybody out"),
    "account.email-asked": _l("Asked for another email address"),
    "account.email-changed": _l("Changed the email address"),
    "account.reset-asked": _l("Asked for a link to set a password"),
    "account.reset-used": _l("Used a link to set a password"),
    "account.signed-out": _l("Signed out"),
    "access.forbidden": _l("Was refused a page or operation"),
    "access.forged-form": _l("Sent a form without its page"),
    "access.unknown-host": _l("Asked for an unknown host"),
    "access.not-found": _l("Asked for something that is hidden or does not exist"),
    "access.unauthenticated": _l("Sent a key or token that is not valid"),
    "audit.read": _l("Read the audit log"),
    "data.exported": _l("Downloaded their data"),
    "key.first-used": _l("Used an API key for the first time"),
    "key.new-network": _l("Used an API key from another network"),
    "limit.hit": _l("Sent too many requests"),
    "sign-in.failed": _l("Gave a wrong password"),
    "sign-in.refused": _l("Was refused after signing in at an identity provider"),
    "sign-in.locked": _l("Gave too many wrong passwords"),
    "token.issued": _l("Signed in with a program"),
    "token.refreshed": _l("Stayed signed in with a program"),
    "token.reused": _l("Used a refresh token twice"),
    "token.code-reused": _l("Used the code of a consent twice"),
    "token.revoked": _l("Signed out of a program"),
    "account.session-ended": _l("Signed out another browser"),
    "account.sessions-ended": _l("Signed out all other browsers"),
    "account.desks-set": _l("Set the front desks of an account"),
    "account.link-made": _l("Sent a link to set a password"),
    "account.activated": _l("Reactivated an account"),
    "account.deactivated": _l("Deactivated an account"),
    "account.deleted": _l("Deleted an account"),
    "account.declined": _l("Declined a registration"),
    "account.move-asked": _l("Asked to work somewhere else"),
    "account.moved": _l("Admitted somebody to another place of work"),
    "account.move-declined": _l("Declined a move to another place of work"),
    "account.mail-chosen": _l("Changed notification settings"),
    "account.calendar-made": _l("Created a calendar address"),
    "account.calendar-ended": _l("Removed the calendar address"),
    "export.begun": _l("Asked for an export of much data"),
    "export.read": _l("Read a file of an export"),
    "export.ended": _l("Ended an export"),
    "export.everything": _l("Exported everything"),
    "import.everything": _l("Imported everything"),
    "mail.tried-again": _l("Had a message tried again"),
    "mail.removed": _l("Removed a message that was given up"),
    "patient.created": _l("Registered a patient"),
    "patient.changed": _l("Changed a patient’s details"),
    "patient.shown": _l("Saw a patient’s details or appointment"),
    "patient.listed": _l("Saw a list of patients"),
    "patient.searched": _l("Searched for patients"),
    "patient.found": _l("Found a patient by name and another detail"),
    "patient.not-found": _l("Looked for a patient who is not registered"),
    "patient.read": _l("Opened a patient’s details"),
    "mail.read": _l("Read an email kept here"),
    "centre.created": _l("Added a centre"),
    "centre.changed": _l("Changed a centre"),
    "centre.activated": _l("Reactivated a centre"),
    "centre.deactivated": _l("Deactivated a centre"),
    "centre.closed": _l("Added a closure"),
    "centre.reopened": _l("Removed a closure"),
    "department.created": _l("Added a department"),
    "department.changed": _l("Changed a department"),
    "department.activated": _l("Reactivated a department"),
    "department.deactivated": _l("Deactivated a department"),
    "service.created": _l("Added a service"),
    "service.changed": _l("Changed a service"),
    "service.activated": _l("Reactivated a service"),
    "service.deactivated": _l("Deactivated a service"),
    "practitioner.created": _l("Added a practitioner"),
    "practitioner.changed": _l("Changed a practitioner"),
    "practitioner.activated": _l("Reactivated a practitioner"),
    "practitioner.deactivated": _l("Deactivated a practitioner"),
    "profession.created": _l("Added a profession"),
    "profession.changed": _l("Changed a profession"),
    "profession.activated": _l("Reactivated a profession"),
    "profession.deactivated": _l("Deactivated a profession"),
    "service.questions-changed": _l("Changed the questions of a service"),
    "service.needs-changed": _l("Changed what a service needs"),
    "room.created": _l("Added a room or equipment"),
    "room.changed": _l("Changed a room or equipment"),
    "group.created": _l("Added a group of rooms or equipment"),
    "group.changed": _l("Changed a group of rooms or equipment"),
    "group.removed": _l("Removed a group of rooms or equipment"),
    "schedule.opened": _l("Opened a schedule"),
    "schedule.changed": _l("Changed a schedule"),
    "schedule.hours-changed": _l("Changed hours"),
    "schedule.activated": _l("Reactivated a schedule"),
    "schedule.deactivated": _l("Deactivated a schedule"),
}
"""Name of each action."""


def act(event: AuditEvent) -> str:
    """Return the name of the action."""
    return str(TITLES.get(event.action, event.action))


def group_names() -> dict[Group, str]:
    """Return the names of the groups."""
    return {
        Group.ALL: _("Everything"),
        Group.APPOINTMENTS: _("Appointments"),
        Group.RECORDS: _("Health records"),
        Group.PATIENTS: _("Patients"),
        Group.REFERRALS: _("Referrals"),
        Group.REQUESTS: _("Requests"),
        Group.OFFERS: _("Offers and absences"),
        Group.ACCOUNTS: _("Accounts"),
        Group.SECURITY: _("Security"),
        Group.DIRECTORY: _("Directory"),
        Group.OTHER: _("Other"),
    }


def kind_names() -> dict[str, str]:
    """Return the names of the kinds of items."""
    return {
        "absence": _("Blocked time"),
        "account": _("Account"),
        "appointment": _("Appointment"),
        "centre": _("Centre"),
        "department": _("Department"),
        "history": _("Health record"),
        "audit": _("Audit"),
        "mail": _("Email"),
        "page": _("Page"),
        "offer": _("Offer"),
        "patient": _("Patient"),
        "practitioner": _("Practitioner"),
        "record": _("Health record"),
        "referral": _("Referral"),
        "request": _("Request"),
        "schedule": _("Schedule"),
        "service": _("Service"),
        "waiting": _("Waiting list"),
    }


SHOWN = ("role", "fields", "count", "choice", "kind", "kinds", "network", "how", "provider")
"""Details that are shown. Free text is left out: the reason of a cancellation may reveal health
data."""


def details(event: AuditEvent) -> str:
    """Return the other details of an event, without personal data."""
    parts = []
    for name in SHOWN:
        value = (event.details or {}).get(name)
        if name == "role" and value in set(Role):
            parts.append(role_names()[Role(value)])
        elif isinstance(value, list):
            parts.append(", ".join(str(item) for item in value))
        elif value is not None:
            parts.append(str(value))
    return "; ".join(part for part in parts if part)
