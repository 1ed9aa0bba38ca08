"""Operations on the caller's own account, and on API keys."""

import uuid
from typing import Annotated
from uuid import UUID

from flask import request
from pydantic import AwareDatetime, Field

from openslot.core.actor import Role
from openslot.core.errors import Forbidden, NotFound
from openslot.core.fields import Line
from openslot.core.work import Work
from openslot.directory import own
from openslot.directory import queries as directory
from openslot.directory.details import AccountDetails, PatientDetails
from openslot.directory.rules import may_run_network
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.paging import Listing
from openslot.entrypoints.api.partial import Partial, merged
from openslot.entrypoints.api.tokens import Code, Secret
from openslot.entrypoints.request import database, now, reader, settings
from openslot.entrypoints.rules import Rule
from openslot.identity import credentials, keys, queries
from openslot.identity.credentials import CredentialKind
from openslot.identity.models import Account as AccountRow
from openslot.identity.models import ApiKey
from openslot.identity.own import prove
from openslot.usecases.account_deletion import check_may_delete, delete_own_account

service = Service("me", "Own account", "The account that the token belongs to.")
key_service = Service("keys", "Keys", "API keys of trusted programs.")

KEYS = "/api/v1/keys"
CREDENTIALS = "/api/v1/me/credentials"


class Account(Shown):
    """An account, and the patient, practitioner, centre or department that it belongs to."""

    id: UUID
    email: str
    name: str
    role: Role
    time_zone: str | None
    locale: str | None
    signed_in: Annotated[AwareDatetime | None, Field(description="Last sign-in, exact to an hour.")]
    patient: UUID | None
    dependents: list[UUID]
    practitioner: int | None
    centre: int | None
    department: int | None


AccountChange = Partial.of(AccountDetails, "AccountChange", "Changes to the account.")


class Proof(Given):
    """The password of the account, and a code if it has a second step, to confirm an action that
    cannot be undone."""

    password: Secret
    code: Code = None


class Key(Shown):
    """An API key; the key itself is shown only when it is created."""

    id: UUID
    name: str
    scopes: list[str]
    networks: list[str]
    created: AwareDatetime
    ends: AwareDatetime | None
    used: Annotated[AwareDatetime | None, Field(description="Last use, exact to an hour.")]


class NewKey(Given):
    """An API key to create."""

    name: Line
    scopes: Annotated[tuple[str, ...], Field(min_length=1, max_length=50)]
    networks: Annotated[tuple[str, ...], Field(max_length=20)] = ()


class MadeKey(Key):
    """A new API key, with the key itself, which is not shown again."""

    key: str


class Credential(Shown):
    """A browser, program, calendar address, identity at a provider or second step that opens the
    account; the id opens nothing."""

    kind: CredentialKind
    id: str
    made: AwareDatetime
    used: AwareDatetime | None
    ends: AwareDatetime | None
    agent: Annotated[
        str | None,
        Field(
            description="What a browser or program calls itself, its owner a passkey, or this "
            "network an identity provider."
        ),
    ]
    address: str | None
    factor: Annotated[
        str | None, Field(description="The second step with which a browser was signed in.")
    ]
    left: Annotated[int | None, Field(description="Recovery codes that are left.")]
    scopes: Annotated[
        list[str] | None,
        Field(description="What a program may do, if the person was asked, else null."),
    ]


class CredentialList(Listing[Credential]):
    """Everything that opens the account besides the password."""


class KeyList(Listing[Key]):
    """All active keys."""


@service.operation("GET", "/api/v1/me", scope="account:read", rule=Rule.OWN, answer=Account)
def get_me() -> Account:
    """Read your account; an API key has none."""
    return _shown(_account())


@service.operation(
    "PATCH", "/api/v1/me", scope="account:write", rule=Rule.OWN, body=AccountChange, answer=Account
)
def change_me(body: Partial) -> Account:
    """Change your name or time zone; for patients, this also changes their details.

    Administrators change the name of a practitioner, in the directory.
    """
    account = _account()
    return _shown(bearer.write(_change, account, body))


def _change(work: Work, account: AccountRow, body: Partial) -> AccountRow:
    if work.actor.patient_id is not None:
        patient = directory.patient(work.session, work.actor.patient_id)
        own.change_own_patient(work, merged(PatientDetails, patient, body))
        return queries.by_id(work.session, account.id) or account
    details = merged(AccountDetails, account, body)
    return own.change_own_account(work, details)


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
    """Delete your account, as a patient; upcoming appointments are cancelled, records are kept.

    Send your password to confirm, and a code if you have a second step. After several wrong ones
    the account has to wait, as on the sign-in page.
    """
    account = _account()
    check_may_delete(bearer.actor())
    prove(
        database(),
        settings(),
        account,
        body.password,
        body.code or "",
        field="password",
        address=request.remote_addr,
        now=now(),
    )
    bearer.write(delete_own_account)


@service.operation("GET", CREDENTIALS, scope="account:read", rule=Rule.OWN, answer=CredentialList)
def list_credentials() -> CredentialList:
    """List everything that opens your account besides your password."""
    items = credentials.credentials_of(bearer.work(), _account().id)
    return CredentialList(items=[_credential(item) for item in items], next=None)


@service.operation(
    "DELETE", CREDENTIALS, scope="account:write", rule=Rule.OWN, status=204, fresh=True
)
def end_credentials() -> None:
    """Sign out everywhere: end all browsers, programs and the calendar address, also this token.
    Identities and second steps stay."""
    bearer.write(credentials.end_all, _account().id)


@service.operation(
    "DELETE",
    f"{CREDENTIALS}/<kind>/<credential_id>",
    scope="account:write",
    rule=Rule.OWN,
    status=204,
    fresh=True,
    may_fail=(409,),
)
def end_credential(kind: str, credential_id: str) -> None:
    """End one browser, program or calendar address, or remove an identity or second step.

    The last second step of a role that needs one stays, and the only way to sign in.
    """
    if kind not in frozenset(CredentialKind):
        raise NotFound
    if bearer.caller().client_id and CredentialKind(kind) not in credentials.SIGNED_IN:
        raise Forbidden("Remove it on the pages. A program may not change how you sign in.")
    bearer.write(credentials.end_one, _account().id, CredentialKind(kind), credential_id)


@key_service.operation("GET", KEYS, scope="manage", rule=Rule.PROGRAMS, answer=KeyList)
def list_keys() -> KeyList:
    """List the active keys, newest first."""
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
    """Create a key; it has no more scopes and networks than the key that creates it, and ends with
    it."""
    may_run_network(bearer.actor())
    creator = bearer.caller()
    keys.check_hands_on(creator.scopes, creator.networks, body.scopes, body.networks)
    row, text = bearer.write(
        keys.create_key, body.name, body.scopes, body.networks, until=creator.ends_at
    )
    return MadeKey(**_key(row).model_dump(), key=text)


@key_service.operation(
    "DELETE", f"{KEYS}/<uuid:key_id>", scope="manage", rule=Rule.PROGRAMS, status=204
)
def revoke_key(key_id: uuid.UUID) -> None:
    """Revoke a key for good."""
    may_run_network(bearer.actor())
    bearer.write(keys.revoke_key, key_id)


def _account() -> AccountRow:
    account_id = bearer.actor().account_id
    account = queries.by_id(reader(), account_id) if account_id else None
    if account is None:
        raise Forbidden("A key has no account. Use an access token.")
    return account


def _credential(item: credentials.Credential) -> Credential:
    return Credential(
        kind=item.kind,
        id=item.id,
        made=item.made_at,
        used=item.used_at,
        ends=item.ends_at,
        agent=item.agent,
        address=item.address,
        factor=item.factor,
        left=item.left,
        scopes=None if item.scopes is None else list(item.scopes),
    )


def _shown(row: AccountRow) -> Account:
    actor = bearer.actor()
    return Account(
        id=row.id,
        email=row.email,
        name=row.name,
        role=Role(row.role),
        time_zone=row.time_zone,
        locale=row.locale,
        signed_in=row.signed_in_at,
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
        networks=[network for network in row.networks.split(",") if network],
        created=row.created_at,
        ends=row.ends_at,
        used=row.used_at,
    )
