"""Administration of staff accounts."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple
from uuid import UUID

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import EmailField, SelectField, StringField

from openslot.core.actor import Role
from openslot.core.work import Work
from openslot.directory import moving, queries, staff
from openslot.directory.models import Centre, StaffMember
from openslot.directory.registration import waiting
from openslot.directory.staff import StaffDetails
from openslot.entrypoints.web import access, account_mail, asked, context, reading
from openslot.entrypoints.web import sign_in as signing
from openslot.entrypoints.web.admin_practitioners import own_centres
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import NOT_UNDERSTOOD, SHOWN, Done, checked, do, see_other
from openslot.entrypoints.web.zones import own_zone
from openslot.identity import commands as identity
from openslot.identity import credentials
from openslot.identity import queries as identities
from openslot.identity.factors import is_required
from openslot.identity.models import Account
from openslot.identity.queries import AccountState, Locks
from openslot.schedules import queries as schedules

pages = Blueprint("admin_accounts", __name__)

PAGE_SIZE = 30


class AccountForm(Form):
    """Form for StaffDetails."""

    role = SelectField(_l("Account type"), validate_choice=False)
    email = EmailField(_l("Email"))
    name = StringField(_l("Name"))
    centre_id = SelectField(_l("Centre"), validate_choice=False)
    department_id = SelectField(_l("Department"), validate_choice=False)
    practitioner_id = SelectField(_l("Practitioner"), validate_choice=False)


def role_names() -> dict[Role, str]:
    """Return the names of the roles."""
    return {
        Role.PATIENT: _("Patient"),
        Role.PRACTITIONER: _("Practitioner"),
        Role.STAFF: _("Department staff"),
        Role.CENTRE_ADMIN: _("Centre administrator"),
        Role.NETWORK_ADMIN: _("Network administrator"),
    }


def state_names() -> dict[AccountState, str]:
    """Return the names of the states of accounts."""
    return {
        AccountState.NEW: _("Not signed in yet"),
        AccountState.ACTIVE: _("Active"),
        AccountState.MUST_CHANGE: _("Must choose a new password"),
        AccountState.LOCKED: _("Locked after wrong passwords"),
        AccountState.ONE_STEP: _("No second step"),
        AccountState.INACTIVE: _("Inactive"),
    }


@pages.route("/admin/accounts", methods=["GET", "POST"])
@access.allow(access.ADMINS)
@asked.searching("q")
def listing() -> str:
    """List accounts by name with how they stand: all, or only staff of the reader's centre."""
    text, number, filters = asked.text("q"), reading.page_number(), _filters()
    locks = identity.locks(context.work())
    accounts, total = _matching_accounts(text, filters, locks, (number - 1) * PAGE_SIZE)
    return render_template(
        "admin/accounts.html",
        accounts=accounts,
        states=identities.states_of(context.reader(), [one.id for one in accounts], locks),
        total=total,
        text=text,
        filters=filters,
        roles=role_names(),
        state_names=state_names(),
        needs_step=partial(is_required, context.settings()),
        own_id=context.account().id,
        zone=own_zone(),
        waiting=waiting(context.work()),
        is_confirmed=partial(staff.is_confirmed, context.settings()),
        applicants=moving.waiting(context.work()),
        centres=own_centres(),
        number=number,
        first=(number - 1) * PAGE_SIZE + 1,
    )


class Filters(NamedTuple):
    """What the list of accounts is narrowed to, as in its address."""

    role: str
    centre: int
    state: str

    @property
    def chosen(self) -> dict[str, object]:
        """Return those that were chosen."""
        return {name: value for name, value in self._asdict().items() if value}


def _filters() -> Filters:
    """Return the filters of the reader; administrators of a centre see its staff anyway."""
    role, state = reading.text("role"), reading.text("state")
    is_network = context.actor().is_a(Role.NETWORK_ADMIN)
    return Filters(
        role if role in set(Role) and is_network else "",
        reading.number("centre", 0) if is_network else 0,
        state if state in set(AccountState) else "",
    )


def _matching_accounts(
    text: str, filters: Filters, locks: Locks, offset: int
) -> tuple[Sequence[Account], int]:
    actor = context.actor()
    in_state = [identities.in_state(AccountState(filters.state), locks)] if filters.state else []
    found = partial(
        identities.accounts, context.reader(), *in_state, text=text, limit=PAGE_SIZE, offset=offset
    )
    if not actor.is_a(Role.NETWORK_ADMIN):
        return found(queries.is_placed_at(actor.centre_id or 0), role=Role.STAFF)
    if not filters.centre:
        return found(role=filters.role)
    works_there = schedules.works_at(filters.centre, inactive=True)
    return found(queries.is_at(filters.centre, works_there), role=filters.role)


@pages.get("/admin/accounts/<uuid:account_id>")
@access.allow(access.ADMINS)
def show(account_id: UUID) -> str:
    """Show an account and the available actions."""
    session = context.reader()
    account = staff.managed_account(context.work(), account_id)
    locks = identity.locks(context.work())
    member = queries.staff_member(session, account_id)
    return render_template(
        "admin/account.html",
        account=account,
        states=identities.states_of(session, [account_id], locks)[account_id],
        roles=role_names(),
        state_names=state_names(),
        practitioner=queries.practitioner_of(session, account_id),
        centre=queries.centre(session, member.centre_id, inactive=True) if member else None,
        waits=member is not None and member.waits,
        department=queries.department(session, member.department_id, inactive=True)
        if member and member.department_id
        else None,
        desks=_desks(account, member),
        steps=identities.factors_of(session, account_id),
        linked=[one.agent for one in credentials.identities_of(context.work(), account_id)],
        needs_step=is_required(context.settings(), account.role),
        further=queries.further_desks(session, account_id),
        zone=own_zone(),
        is_own=account_id == context.account().id,
    )


def _desks(account: Account, member: StaffMember | None) -> list[Centre]:
    """Return the centres whose desk the account can be at too, if the reader decides on that."""
    is_receptionist = member is not None and member.department_id is None
    is_decided_here = context.actor().is_a(Role.NETWORK_ADMIN) and account.role == Role.STAFF
    if member is None or not (is_receptionist and is_decided_here):
        return []
    return [one for one in queries.centres(context.reader()) if one.id != member.centre_id]


@pages.post("/admin/accounts/<uuid:account_id>/desks")
@access.allow(access.NETWORK_ADMINS, fresh=True)
def set_desks(account_id: UUID) -> ResponseReturnValue:
    """Set the further centres whose front desk somebody is at."""
    context.write(staff.set_desks, account_id, reading.numbers("desks"))
    return see_other(
        url_for("admin_accounts.show", account_id=account_id), _("The front desks are saved.")
    )


@pages.route("/admin/accounts/new", methods=["GET", "POST"])
@access.allow(access.ADMINS, fresh=True)
@asked.keeping("email", "name")
def new() -> ResponseReturnValue:
    """Create an account; its owner sets the password with a link."""
    given = {name: reading.text(name)[:254] for name in ("role", "practitioner_id")}
    form = AccountForm(email=asked.text("email"), **given)
    _offer(form)
    status = _create(form) if request.method == "POST" else SHOWN
    if not isinstance(status, Done):
        return render_template("admin/account_new.html", form=form), status
    account, link = status.value
    return _invited(account, link)


def _offer(form: AccountForm) -> None:
    """Set the choices; centre administrators create only staff of their own centre."""
    session, everywhere = context.reader(), context.actor().is_a(Role.NETWORK_ADMIN)
    roles = [role for role in Role if role is not Role.PATIENT] if everywhere else [Role.STAFF]
    form.role.choices = {role.value: role_names()[role] for role in roles}
    form.role.data = form.role.data or Role.STAFF.value
    centres = own_centres()
    empty = {"": _("None")} if everywhere else {}
    form.centre_id.choices = empty | {str(one.id): one.name for one in centres}
    form.department_id.choices = {"": _("None: at the front desk")} | {
        str(one.id): f"{one.name}, {centre.name}" if everywhere else one.name
        for centre in centres
        for one in queries.departments(session, centre.id)
    }
    free = queries.without_account(session) if everywhere else ()
    form.practitioner_id.choices = {"": _("None")} | {str(one.id): one.name for one in free}


def _create(form: AccountForm) -> Done[tuple[Account, str]] | int:
    details = checked(form, StaffDetails)
    if details is None:
        return NOT_UNDERSTOOD
    return do(form, account_mail.invite, details, account_mail.hash_nobody_knows())


def _invited(account: Account, link: str) -> ResponseReturnValue:
    """Confirm that the link is mailed; without a mail server, show it once."""
    if context.settings().sends_mail:
        return see_other(
            url_for("admin_accounts.show", account_id=account.id),
            _("We have emailed %(email)s a link to set the password.", email=account.email),
        )
    return render_template("admin/account_link.html", account=account, link=link)


@pages.post("/admin/accounts/<uuid:account_id>/link")
@access.allow(access.ADMINS, fresh=True)
def send_link(account_id: UUID) -> ResponseReturnValue:
    """Send a password reset link."""
    account = staff.managed_account(context.work(), account_id)
    link = context.write(_send_link, account)
    return _invited(account, link)


def _send_link(work: Work, account: Account) -> str:
    staff.record_link(work, account.id)
    return account_mail.send_reset(work, account)


@pages.route("/admin/accounts/<uuid:account_id>/sign-out", methods=["GET", "POST"])
@access.allow(access.ADMINS, fresh=True)
def sign_out(account_id: UUID) -> ResponseReturnValue:
    """Sign an account out everywhere, after confirmation."""
    account = staff.managed_account(context.work(), account_id)
    back = url_for("admin_accounts.show", account_id=account_id)
    form = Form()
    status = do(form, staff.sign_out_account, account_id)
    if isinstance(status, Done):
        return see_other(back, _("%(name)s is signed out everywhere.", name=account.name))
    return _ask_to_sign_out(form, account, back), status


@pages.route("/admin/accounts/<uuid:account_id>/second-steps", methods=["GET", "POST"])
@access.allow(access.ADMINS, fresh=True)
def remove_second_steps(account_id: UUID) -> ResponseReturnValue:
    """Remove the second steps of an account, after confirmation."""
    account = staff.managed_account(context.work(), account_id)
    back = url_for("admin_accounts.show", account_id=account_id)
    form = Form()
    status = do(form, staff.remove_second_steps, account_id)
    if isinstance(status, Done):
        return see_other(back, _("The second step of %(name)s is removed.", name=account.name))
    page = render_template(
        "admin/account_second_steps.html",
        form=form,
        account=account,
        back=back,
        is_required=is_required(context.settings(), account.role),
    )
    return page, status


@pages.post("/admin/accounts/<uuid:account_id>/unlink")
@access.allow(access.ADMINS, fresh=True)
def unlink(account_id: UUID) -> ResponseReturnValue:
    """Remove the links of an account to people of identity providers."""
    context.write(staff.unlink, account_id)
    return see_other(url_for("admin_accounts.show", account_id=account_id), _("That is removed."))


@pages.route("/admin/accounts/sign-out", methods=["GET", "POST"])
@access.allow(access.NETWORK_ADMINS, fresh=True)
def sign_everybody_out() -> ResponseReturnValue:
    """Sign everybody out, except the reader here, after confirmation."""
    back = url_for("admin_accounts.listing")
    form = Form()
    status = do(form, staff.sign_everybody_out, keep_session=signing.current_token())
    if isinstance(status, Done):
        return see_other(back, _("Everybody is signed out, except you in this browser."))
    return _ask_to_sign_out(form, None, back), status


def _ask_to_sign_out(form: Form, account: Account | None, back: str) -> str:
    return render_template("admin/account_sign_out.html", form=form, account=account, back=back)


@pages.route("/admin/accounts/<uuid:account_id>/active", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def switch(account_id: UUID) -> ResponseReturnValue:
    """Deactivate or reactivate an account, after confirmation."""
    account = staff.managed_account(context.work(), account_id)
    form = Form()
    active = reading.text("active") == "yes"
    status = do(form, lambda work: staff.set_account_active(work, account_id, active=active))
    if isinstance(status, Done):
        return see_other(
            url_for("admin_accounts.show", account_id=account_id),
            _("The account is reactivated.") if active else _("The account is deactivated."),
        )
    return render_template("admin/account_switch.html", form=form, account=account), status
