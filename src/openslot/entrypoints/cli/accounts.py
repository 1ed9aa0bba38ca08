"""Commands for accounts."""

import secrets
import sys

import click
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from openslot.core import clock
from openslot.core.actor import Role
from openslot.core.errors import NotFound
from openslot.core.fields import Email, Name, first_problem
from openslot.core.work import Work
from openslot.directory import commands as directory
from openslot.directory import queries as directory_queries
from openslot.directory.details import PatientDetails
from openslot.directory.models import Practitioner
from openslot.entrypoints.cli.deployment import Deployment
from openslot.identity import commands as identity
from openslot.identity import credentials, factors
from openslot.identity import queries as identity_queries
from openslot.identity.commands import NewAccount
from openslot.identity.models import Account
from openslot.identity.passwords import check_new, hash_password
from openslot.identity.queries import Factors

EMAIL: TypeAdapter[str] = TypeAdapter(Email)
NAME: TypeAdapter[str] = TypeAdapter(Name)

PAGE = 500
"""Number of accounts read at a time."""

NO_PRACTITIONER = (
    "No practitioner without an account has this email address. Import them, or ask an "
    "administrator to add them; this also creates their account."
)


def create(
    deployment: Deployment,
    role: Role,
    email: str,
    name: str,
    *,
    from_stdin: bool,
    centre_id: int | None,
    department_id: int | None,
) -> None:
    """Create an account with a password from standard input, or a new one that is printed."""
    works_at_centre = role in (Role.STAFF, Role.CENTRE_ADMIN)
    if works_at_centre and centre_id is None:
        raise click.UsageError(f"Choose the centre of this {role} account with --centre ID.")
    if (centre_id and not works_at_centre) or (department_id and role is not Role.STAFF):
        raise click.UsageError(f"A {role} account cannot have this centre or department.")
    email, name = _checked(EMAIL, email, "--email"), _checked(NAME, name, "--name")
    password = _password(from_stdin, email, name)
    new = NewAccount(
        email,
        name,
        hash_password(password, time_cost=deployment.settings.password_iterations),
        role,
        must_change_password=not from_stdin,
        confirmed_at=clock.now(),
    )
    deployment.write(_create, new, centre_id, department_id)
    click.echo(f"Created the {role} account {email}.")
    _show(password, from_stdin)


def _create(work: Work, new: NewAccount, centre_id: int | None, department_id: int | None) -> None:
    account = identity.create_account(work, new)
    if new.role is Role.PATIENT:
        details = PatientDetails(name=new.name, email=new.email)
        directory.add_patient(work, details, account_id=account.id)
    elif new.role is Role.PRACTITIONER:
        _practitioner(work.session, new.email).account_id = account.id
    elif centre_id is not None:
        _check_place(work.session, centre_id, department_id)
        directory.place_staff(work, account.id, centre_id, department_id)


def _practitioner(session: Session, email: str) -> Practitioner:
    """Return the only practitioner with this email address and no account."""
    matches, _ = directory_queries.practitioners(session, text=email, limit=PAGE, offset=0)
    without_account = [
        match for match in matches if match.email == email and match.account_id is None
    ]
    if len(without_account) != 1:
        raise NotFound(NO_PRACTITIONER)
    return without_account[0]


def _check_place(session: Session, centre_id: int, department_id: int | None) -> None:
    try:
        directory_queries.centre(session, centre_id)
    except NotFound:
        raise NotFound(f"There is no centre {centre_id}.") from None
    departments = {row.id for row in directory_queries.departments(session, centre_id)}
    if department_id is not None and department_id not in departments:
        raise NotFound(f"The centre has no department {department_id}.")


def show_all(deployment: Deployment, role: str) -> None:
    """Print a line for each account."""
    with deployment.ready_database.reading() as session:
        offset, total = 0, 1
        while offset < total:
            page, total = identity_queries.accounts(session, role=role, limit=PAGE, offset=offset)
            for account in page:
                state = "" if account.active else "  (inactive)"
                click.echo(f"{account.role:14} {account.email:40} {account.name}{state}")
            offset += PAGE


def set_password(deployment: Deployment, email: str, *, from_stdin: bool) -> None:
    """Set a password from standard input, or a new one that is printed; end all sessions."""
    database, settings = deployment.ready_database, deployment.settings
    account = database.read(lambda session: _account(session, email))
    password = _password(from_stdin, account.email, account.name)
    hashed = hash_password(password, time_cost=settings.password_iterations)

    def save(work: Work) -> None:
        identity.set_password(work, account.id, hashed)
        _account(work.session, email).must_change_password = not from_stdin

    deployment.write(save)
    click.echo(f"Changed the password of {account.email} and signed them out everywhere.")
    _show(password, from_stdin)


def sign_out(deployment: Deployment, email: str | None) -> None:
    """End the browsers, programs and calendar address of one account, or the browsers and programs
    of all."""
    if email is None:
        deployment.write(credentials.end_everybodys)
        click.echo("Signed everybody out.")
        return
    account = deployment.ready_database.read(lambda session: _account(session, email))
    deployment.write(credentials.end_all, account.id)
    click.echo(f"Signed {account.email} out everywhere.")


def remove_second_steps(deployment: Deployment, email: str) -> None:
    """Remove the second steps of an account whose owner has lost them, and end its sessions."""
    account = deployment.ready_database.read(lambda session: _account(session, email))

    def remove(work: Work) -> Factors:
        credentials.end_all(work, account.id)
        return factors.remove_all(work, account.id)

    if deployment.write(remove).is_any:
        click.echo(f"Removed the second steps of {account.email} and signed them out everywhere.")
    else:
        click.echo(f"{account.email} has no second step.")


def _account(session: Session, email: str) -> Account:
    account = identity_queries.by_email(session, email)
    if account is None:
        raise NotFound(f"There is no account {email}.")
    return account


def _checked(kind: TypeAdapter[str], value: str, option: str) -> str:
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        raise click.UsageError(f"{option}: {first_problem(error)}") from None


def _password(from_stdin: bool, *known: str) -> str:
    """Return a checked password from standard input, or a random one."""
    if not from_stdin:
        return secrets.token_urlsafe(16)
    return check_new(sys.stdin.readline().rstrip("\r\n"), *known)


def _show(password: str, from_stdin: bool) -> None:
    if not from_stdin:
        click.echo(f"Password: {password}")
        click.echo("It is not shown again. The user must change it when they sign in.")
