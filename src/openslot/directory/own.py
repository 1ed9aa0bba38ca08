"""Changes of people's own details, in the directory and in the account at once."""

from openslot.core.errors import Forbidden
from openslot.core.fields import Details, Email
from openslot.core.work import Work
from openslot.directory import commands, contacts, queries
from openslot.directory.details import AccountDetails, PatientDetails, StaffOwnDetails
from openslot.directory.editing import NotYoursToChange, check_changes, editor_of_account
from openslot.directory.models import Patient
from openslot.identity import commands as identity
from openslot.identity import queries as identities
from openslot.identity.errors import EmailTaken, LinkExpired
from openslot.identity.models import Account


class NewEmail(Details):
    """A new address for sign-in."""

    email: Email


def change_own_patient(work: Work, details: PatientDetails) -> Patient:
    """Replace the actor's own details as a patient, and the name and time zone of the account.

    Raises NotYoursToChange for another email, which take_email changes.
    """
    if work.actor.patient_id is None or work.actor.account_id is None:
        raise Forbidden
    patient = commands.change_patient(work, work.actor.patient_id, details)
    identity.change_account(
        work, work.actor.account_id, name=details.name, time_zone=details.time_zone
    )
    return patient


def change_own_account(work: Work, details: AccountDetails) -> Account:
    """Replace the details of the actor's account. Raises Forbidden for a patient."""
    account = _own_account(work)
    check_changes(AccountDetails, editor_of_account(work.actor), account, details)
    return identity.change_account(work, account.id, **details.model_dump())


def change_own_staff(work: Work, details: StaffOwnDetails) -> StaffOwnDetails:
    """Change the name and phone number of a staff member, and return them.

    Raises NotYoursToChange for the name of a practitioner, and for a phone number of an account
    that has none.
    """
    account = _own_account(work)
    more = {"name": details.name, "time_zone": account.time_zone}
    change_own_account(work, AccountDetails(**more))
    member = queries.staff_member(work.session, account.id)
    if member is not None:
        member.phone = details.phone
    elif details.phone is not None:
        raise NotYoursToChange("Your account has no phone number.", field="phone")
    return details


def _own_account(work: Work) -> Account:
    account = (
        identities.by_id(work.session, work.actor.account_id) if work.actor.account_id else None
    )
    if account is None or work.actor.patient_id is not None:
        raise Forbidden
    return account


def ask_for_email(work: Work, email: str) -> Account:
    """Remember a new address for sign-in, which :func:`take_email` takes once it is confirmed."""
    if work.actor.account_id is None:
        raise Forbidden
    return identity.ask_for_email(work, work.actor.account_id, email)


def take_email(work: Work, account: Account, *, keep_session: str | None) -> str:
    """Take the address that its owner has just confirmed, and return the old one.

    A patient's record gets the new address too if it had the old one. Raises LinkExpired if
    another account has it by now.
    """
    old, email = account.email, account.pending_email or account.email
    try:
        identity.change_email(work, account, email, keep_session=keep_session)
    except EmailTaken:
        raise LinkExpired from None
    identity.confirm_email(work, account.id)
    patient = queries.patient_of(work.session, account.id)
    if patient is not None and patient.email == old:
        patient.email = email
        contacts.note_email(work, patient, is_their_own=True)
    return old
