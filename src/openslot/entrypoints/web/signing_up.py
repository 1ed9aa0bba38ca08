"""Registration of patients and staff: answers and work are the same for known addresses."""

from collections.abc import Callable
from typing import Any, TypeVar

from openslot.core.actor import Role
from openslot.core.errors import Forbidden, Invalid
from openslot.core.work import Work
from openslot.directory import commands as directory
from openslot.directory import registration
from openslot.directory.details import SignUp
from openslot.directory.registration import StaffSignUp
from openslot.entrypoints import limits
from openslot.entrypoints.request import visitor, write_by
from openslot.entrypoints.web import account_mail, context
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import checked
from openslot.identity import passwords, pending, queries
from openslot.identity.errors import EmailTaken, WeakPassword
from openslot.identity.models import Account, PendingSignUp

D = TypeVar("D", SignUp, StaffSignUp)


class SignUpClosed(Forbidden):
    """You cannot register here. Ask the practice for an account."""


def check_open(role: Role) -> None:
    """Raise SignUpClosed unless the settings let people of this role register."""
    who = context.settings().sign_up
    if who == "closed" or (who == "staff-only" and role is not Role.STAFF):
        raise SignUpClosed


def details_of(form: Form, kind: type[D], **more: Any) -> D | None:
    """Return the typed details; None with all that is wrong, the password too, beside the fields.

    Raises HashingBusy, and NotFound for a place that there is not.
    """
    details = checked(form, kind, **more)
    known = (form["name"].data or "", form["email"].data or "")
    try:
        passwords.check_new(form["password"].data or "", *known)
    except WeakPassword as error:
        form.refuse(error)
    try:
        if details is not None:
            _check(context.work(), details)
    except Invalid as error:
        form.refuse(error)
    return None if form.errors else details


def register(role: Role, details: SignUp | StaffSignUp) -> None:
    """Send the link that creates the account, or tell the owner of a known address. Without mail,
    create the account at once."""
    hashed = passwords.hash_new(  # before the transaction, because it is slow
        details.password,
        details.name,
        details.email,
        time_cost=context.settings().password_iterations,
    )
    may_mail = limits.may_mail(details.email)
    if context.settings().confirms_email:
        write_by(visitor(), _begin, role, details, hashed, may_mail=may_mail)
        return
    try:
        write_by(visitor(), _create_unconfirmed, details, hashed)
    except EmailTaken:
        if may_mail:
            context.write(_tell_owner, details.email)


def _begin(
    work: Work, role: Role, details: SignUp | StaffSignUp, hashed: str, *, may_mail: bool
) -> None:
    _check(work, details)
    known = queries.by_email(work.session, details.email)
    sent = details.model_dump(mode="json", exclude={"password"})
    begun = pending.begin_sign_up(work, details.email, role, sent, hashed)
    if may_mail and known is None:
        account_mail.send_sign_up(work, begun, details.name)
    elif may_mail and known is not None:
        account_mail.send_known(work, known)


def _check(work: Work, details: SignUp | StaffSignUp) -> None:
    if isinstance(details, StaffSignUp):
        registration.check_place(work, details)
    else:
        directory.check_sign_up(work, details)


def _create_unconfirmed(work: Work, details: SignUp | StaffSignUp, hashed: str) -> None:
    account_mail.send_confirmation(work, _create(work, details, hashed))


def finish(work: Work, begun: PendingSignUp) -> Account:
    """Create the account of a sign-up whose link was opened."""
    kind: Callable[..., SignUp | StaffSignUp] = StaffSignUp if begun.role == Role.STAFF else SignUp
    details = kind(**begun.details, password="")
    account = _create(work, details, begun.password)
    pending.end_sign_ups(work, begun.email)
    return account


def _create(work: Work, details: SignUp | StaffSignUp, hashed: str) -> Account:
    if isinstance(details, StaffSignUp):
        return registration.register(work, details, hashed)
    return directory.sign_up(work, details, hashed)


def _tell_owner(work: Work, email: str) -> None:
    account = queries.by_email(work.session, email)
    if account:
        account_mail.send_known(work, account)
