"""Identity providers, where people who work in the network sign in by OpenID Connect: what the file
in the settings says of them."""

import os
import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from openslot.core.actor import Role
from openslot.core.config import Settings
from openslot.core.setting_values import networks_named, roles_named
from openslot.core.watched import Watched
from openslot.identity.errors import SignInThere

LOOPBACK = ("127.0.0.0/8", "::1/128")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")

Texts = tuple[Annotated[str, Field(min_length=1, max_length=200)], ...]
Number = Annotated[int, Field(ge=1, le=10**9 - 1)]


def _working(names: tuple[str, ...]) -> tuple[str, ...]:
    roles = roles_named(names)
    if Role.PATIENT in roles:
        raise ValueError("patients sign in here, with a password or a passkey")
    return roles


def is_loopback(url: str) -> bool:
    """Return whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_secure(url: str) -> bool:
    """Return whether an address has https, which only this machine does without. Raises ValueError
    for a port that there cannot be."""
    parts = urlsplit(url)
    is_whole = bool(parts.hostname) and parts.port != 0
    return is_whole and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)))


def _issuer(url: str) -> str:
    if not is_secure(url) or urlsplit(url).query or urlsplit(url).fragment:
        raise ValueError("the issuer is an address with https:// and without ? and #")
    return url


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Group(_Part):
    """The role that a group at the provider stands for, and where; staff and centre administrators
    have a centre. A practitioner is of the directory, and so gets no account by a group."""

    name: str
    role: Literal[Role.STAFF, Role.CENTRE_ADMIN, Role.NETWORK_ADMIN] = Role.STAFF
    centre: Number | None = None
    department: Number | None = None

    @model_validator(mode="after")
    def _check_place(self) -> "Group":
        if (self.role is Role.NETWORK_ADMIN) == (self.centre is not None):
            raise ValueError("staff and centre administrators have a centre, and they alone")
        if self.department is not None and self.role is not Role.STAFF:
            raise ValueError("only staff have a department")
        return self


class Claims(_Part):
    """What the provider calls the claims that are read."""

    email: str = "email"
    email_verified: str = "email_verified"
    name: str = "name"
    groups: str = "groups"


class Provider(_Part):
    """An identity provider. docs/signing-in.md describes each entry."""

    key: str
    label: str = Field(min_length=1, max_length=40)
    issuer: Annotated[str, Field(max_length=300), AfterValidator(_issuer)]
    client_id: str = Field(min_length=1, max_length=200)
    client_secret_file: Path | None = None
    client_secret_variable: str | None = None
    scopes: Texts = ("openid", "email", "profile")
    algorithms: tuple[
        Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"],
        ...,
    ] = Field(("RS256", "PS256", "ES256"), min_length=1)
    networks: Annotated[tuple[str, ...], AfterValidator(networks_named)] = ()
    roles: Annotated[tuple[str, ...], AfterValidator(_working)] = (Role.PRACTITIONER, Role.STAFF)
    passwords: bool = True
    trusts_email: bool = False
    required_acr: Texts = ()
    required_amr: Texts = ()
    second_step_acr: Texts = ()
    second_step_amr: Texts = ()
    claims: Claims = Claims()
    makes_accounts: bool = False
    follows_groups: bool = False
    groups: tuple[Group, ...] = ()

    @model_validator(mode="after")
    def _check_together(self) -> "Provider":
        if self.client_secret_file and self.client_secret_variable:
            raise ValueError("the secret is in a file or in a variable, not in both")
        if "openid" not in self.scopes:
            raise ValueError("scopes must have openid")
        if (self.makes_accounts or self.follows_groups) and not self.groups:
            raise ValueError("makes_accounts and follows_groups need groups")
        if not {group.role for group in self.groups} <= set(self.roles):
            raise ValueError("a group has a role that is not among the roles")
        self.secret()
        return self

    def secret(self) -> str | None:
        """Return the secret of the client; None for a public one. Raises ValueError if it is not
        where the file says."""
        if self.client_secret_file:
            try:
                return self.client_secret_file.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ValueError(str(error)) from None
        if self.client_secret_variable and not os.environ.get(self.client_secret_variable):
            raise ValueError(f"{self.client_secret_variable} is not set")
        return os.environ.get(self.client_secret_variable or "")

    @property
    def reached(self) -> tuple[str, ...]:
        """Return the networks, besides the public one, where the provider may be."""
        return (*self.networks, *(LOOPBACK if is_loopback(self.issuer) else ()))


class BadProviders(ValueError):
    """The file of identity providers cannot be used; its text is the reason."""


def providers_of(settings: Settings) -> Mapping[str, Provider]:
    """Return the identity providers by key, in the order of the file. Raises BadProviders."""
    if settings.identity_providers is None:
        return {}
    if not settings.public_url:
        raise BadProviders("OPENSLOT_PUBLIC_URL is missing.")
    return _FILES.of(settings.identity_providers)


def _read(file: Path) -> Mapping[str, Provider]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
        found = {key: _provider(key, table) for key, table in tables.items()}
        if len({one.issuer for one in found.values()}) < len(found):
            raise ValueError("two providers have the same issuer")
    except (OSError, ValueError) as error:
        raise BadProviders(f"{file}: {error}") from None
    return found


_FILES = Watched(_read)


def _provider(key: str, table: object) -> Provider:
    if not _NAME.fullmatch(key) or not isinstance(table, dict):
        raise ValueError(f"{key}: begin with [name], in small letters, digits and hyphens")
    try:
        return Provider.model_validate({**table, "key": key})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, (key, *first["loc"])))
        raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None


def of_issuer(settings: Settings, issuer: str) -> Provider | None:
    """Return the provider with this issuer; None if the settings no longer name it."""
    return next((one for one in providers_of(settings).values() if one.issuer == issuer), None)


def admitting(settings: Settings, role: str) -> list[Provider]:
    """Return the providers where accounts of this role can sign in."""
    return [one for one in providers_of(settings).values() if role in one.roles]


def is_only_way(settings: Settings, role: str) -> bool:
    """Return whether neither a password nor a passkey signs in to accounts of this role: the first
    step is at a provider."""
    return any(not one.passwords for one in admitting(settings, role))


def check_signs_in_here(settings: Settings, role: str) -> None:
    """Raise SignInThere if accounts of this role sign in at a provider alone."""
    if is_only_way(settings, role):
        labels = [one.label for one in admitting(settings, role)]
        raise SignInThere(label=" / ".join(labels))
