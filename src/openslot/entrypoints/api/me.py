"""One's own account, and the keys of programs."""

import uuid
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from flask import request
from pydantic import AwareDatetime, Field
from sqlalchemy.orm import Session

from openslot.core.errors import Forbidden
from openslot.core.fields import Line
from openslot.directory import own
from openslot.directory import queries as directory
from openslot.directory.details import AccountDetails, PatientDetails
from openslot.directory.rules import Actor, may_run_network
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.paging import Listing
from openslot.entrypoints.api.partial import Partial, merged
from openslot.entrypoints.api.tokens import Secret
from openslot.entrypoints.request import database, now, reader, settings, write
from openslot.entrypoints.rules import Rule
from openslot.identity import keys, queries
from openslot.identity.models import Account as AccountRow
from openslot.identity.models import ApiKey, Role
from openslot.identity.own import prove
from openslot.offers.leaving import delete_own_account

service = Service("me", "Own account", "Who the token stands for.")
key_service = Service("keys", "Keys", "What trusted programs prove themselves with.")

KEYS = "/api/v1/keys"


class Account(Shown):
    """The account that a token acts for, and whom it stands for."""

    id: UUID
    email: str
    name: str
    role: Role
    time_zone: str | None
    locale: str | None
    patient: UUID | None
    dependents: list[UUID]
    practitioner: int | None
    centre: int | None
    department: int | None


AccountChange = Partial.of(AccountDetails, "AccountChange", "What is to change of the account.")


class Proof(Given):
    """The password of the account, as before all that cannot be undone."""

    password: Secret


class Key(Shown):
    """A key; its text is shown only when it is made."""

    id: UUID
    name: str
    scopes: list[str]
    networks: list[str]
    created: AwareDatetime


class NewKey(Given):
    """A key for a program."""

    name: Line
    scopes: Annotated[tuple[str, ...], Field(min_length=1, max_length=50)]
    networks: Annotated[tuple[str, ...], Field(max_length=20)] = ()


class MadeKey(Key):
    """A new key with its text, which is shown this once."""

    key: str


class KeyList(Listing[Key]):
    """All keys that work."""


@service.operation("GET", "/api/v1/me", scope="account:read", rule=Rule.OWN, answer=Account)
def get_me() -> Account:
    """Read who the token stands for; a key stands for nobody."""
    return _shown(_account())


@service.operation(
    "PATCH", "/api/v1/me", scope="account:write", rule=Rule.OWN, body=AccountChange, answer=Account
)
def change_me(body: Partial) -> Account:
    """Change one's own name or time zone; a patient's record bears the same.

    The name of a practitioner is the one in the directory, which administrators keep.
    """
    account = _account()
    return _shown(write(lambda session: _change(session, bearer.actor(), account, body)))


def _change(session: Session, actor: Actor, account: AccountRow, body: Partial) -> AccountRow:
    if actor.patient_id is not None:
        patient = directory.patient(session, actor.patient_id)
        own.change_own_patient(session, actor, merged(PatientDetails, patient, body), now=now())
        return queries.by_id(session, account.id) or account
    details = merged(AccountDetails, account, body)
    return own.change_own_account(session, actor, details, now=now())


@service.operation(
    "DELETE",
    "/api/v1/me",
    scope="account:write",
    rule=Rule.OWN,
    body=Proof,
    status=204,
    may_fail=(409,),
)
def delete_me(body: Proof) -> None:
    """Delete one's own account, as a patient; appointments to come are cancelled, records are kept.

    The password is asked for again; after some wrong ones the account has to wait, as on the
    sign-in page.
    """
    account, actor = _account(), bearer.actor()
    if not actor.is_a(Role.PATIENT):
        raise Forbidden
    prove(
        database(),
        settings(),
        account,
        body.password,
        field="password",
        address=request.remote_addr,
        now=now(),
    )
    cutoff = timedelta(hours=settings().cancel_cutoff_hours)
    write(lambda session: delete_own_account(session, actor, now=now(), cutoff=cutoff))


@key_service.operation("GET", KEYS, scope="manage", rule=Rule.PROGRAMS, answer=KeyList)
def list_keys() -> KeyList:
    """List the keys that work, the newest first."""
    may_run_network(bearer.actor())
    return KeyList(items=[_key(row) for row in queries.keys(reader())], next=None)


@key_service.operation(
    "POST",
    KEYS,
    scope="manage",
    rule=Rule.PROGRAMS,
    body=NewKey,
    answer=MadeKey,
    status=201,
    secret=True,
)
def create_key(body: NewKey) -> MadeKey:
    """Make a key; it may do no more, from nowhere else, than the key that makes it."""
    may_run_network(bearer.actor())
    maker = bearer.caller()
    keys.check_hands_on(maker.scopes, maker.networks, body.scopes, body.networks)
    row, text = write(
        lambda session: keys.create_key(
            session, body.name, body.scopes, body.networks, by=bearer.actor().origin, now=now()
        )
    )
    return MadeKey(**_key(row).model_dump(), key=text)


@key_service.operation(
    "DELETE", f"{KEYS}/<uuid:key_id>", scope="manage", rule=Rule.PROGRAMS, status=204
)
def revoke_key(key_id: uuid.UUID) -> None:
    """End a key for good."""
    may_run_network(bearer.actor())
    write(lambda session: keys.revoke_key(session, key_id, by=bearer.actor().origin, now=now()))


def _account() -> AccountRow:
    account_id = bearer.actor().account_id
    account = queries.by_id(reader(), account_id) if account_id else None
    if account is None:
        raise Forbidden("A key stands for no account. Sign in for somebody.")
    return account


def _shown(row: AccountRow) -> Account:
    actor = bearer.actor()
    return Account(
        id=row.id,
        email=row.email,
        name=row.name,
        role=Role(row.role),
        time_zone=row.time_zone,
        locale=row.locale,
        patient=actor.patient_id,
        dependents=sorted(actor.dependents),
        practitioner=actor.practitioner_id,
        centre=actor.centre_id,
        department=actor.department_id,
    )


def _key(row: ApiKey) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        scopes=row.scopes.split(),
        networks=[one for one in row.networks.split(",") if one],
        created=row.created_at,
    )
