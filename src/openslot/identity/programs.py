"""Programs that act for people: registered by administrators, changed and ended."""

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import Field
from sqlalchemy.orm import Session

from openslot.core import audit
from openslot.core.errors import Invalid, NotFound
from openslot.core.fields import Details, Line, OptionalLine
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.identity import queries
from openslot.identity.assertions import check_keys
from openslot.identity.models import ApiClient
from openslot.identity.scopes import check_scopes
from openslot.identity.sessions import token_hash

SECRET = "osp_"  # noqa: S105 # nosec B105 - how secrets of programs begin
LONGEST = 500
"""Characters of an address."""

_SCHEME_OF_APP = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
"""A private scheme is a domain name backwards (RFC 8252, 7.1)."""

_LOOPBACK = re.compile(r"\A(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?(?=[/?]|\Z)")
_SCHEME_AND_HOST = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]*:(//[^/?#]*)?")
_LOCAL = ("127.0.0.1", "::1", "localhost")


class BadAddress(Invalid):
    """Enter addresses that begin with https://, without # and names of users: {address}.

    Programs on the reader's own device can have http://127.0.0.1, or a scheme of their own.
    """


class ProgramDetails(Details):
    """What an administrator registers of a program that acts for people."""

    name: Line
    operator: OptionalLine = None
    redirects: Annotated[tuple[str, ...], Field(max_length=10)]
    launch_url: str | None = None
    scopes: Annotated[tuple[str, ...], Field(max_length=100)]


def create_program(
    work: Work,
    details: ProgramDetails,
    *,
    has_secret: bool = False,
    jwks: Mapping[str, Any] | None = None,
    jwks_url: str | None = None,
) -> tuple[ApiClient, str | None]:
    """Register a program, and return it with its secret if it is to have one, which is not stored.

    With neither a secret nor keys it is public. Raises BadAddress, BadKeys and UnknownScope.
    """
    if jwks is not None or jwks_url is not None:
        check_keys(jwks, jwks_url)
        has_secret = False
    secret = SECRET + secrets.token_urlsafe(32) if has_secret else None
    client = ApiClient(
        id=new_id(),
        jwks=dict(jwks) if jwks is not None else None,
        jwks_url=jwks_url,
        secret_hash=token_hash(secret) if secret else None,
        created_at=work.now,
        **_checked(details),
    )
    work.session.add(client)
    _record(work, "client.created", client)
    return client, secret


def change_program(work: Work, client_id: UUID, details: ProgramDetails) -> ApiClient:
    """Replace the details of a program. Its tokens have no more scopes than it has by then."""
    client = program(work.session, client_id)
    for name, value in _checked(details).items():
        setattr(client, name, value)
    _record(work, "client.changed", client)
    return client


def _record(work: Work, action: str, client: ApiClient) -> None:
    """Record what a program is registered with: also where what people agree to is sent."""
    details = {"scopes": client.scopes, "redirects": client.redirects}
    audit.record(work, action, f"client:{client.id}", **details)


def new_secret(work: Work, client_id: UUID) -> str:
    """Give a program another secret in place of the one that it has, and return it. Raises NotFound
    if it has none."""
    client = program(work.session, client_id)
    if client.secret_hash is None:
        raise NotFound
    secret = SECRET + secrets.token_urlsafe(32)
    client.secret_hash = token_hash(secret)
    audit.record(work, "client.secret-changed", f"client:{client_id}")
    return secret


def end_access(work: Work, client_id: UUID) -> None:
    """End all tokens of a program, and what people let it do: it asks them again."""
    program(work.session, client_id)
    queries.end_client(work.session, client_id)
    audit.record(work, "client.access-ended", f"client:{client_id}")


def program(session: Session, client_id: UUID) -> ApiClient:
    """Return a program that acts for people. Raises NotFound if there is none, or it is revoked."""
    client = session.get(ApiClient, client_id)
    if client is None or client.revoked_at is not None or client.redirects is None:
        raise NotFound
    return client


def leads_to(client: ApiClient, address: str) -> bool:
    """Return whether the program may have people sent to an address: exactly one that is
    registered, but with any port on the reader's own device (RFC 8252, 7.3)."""
    return _without_port(address) in map(_without_port, (client.redirects or "").split())


def is_certain(address: str) -> bool:
    """Return whether only the program itself receives what is sent to an address."""
    return _normal(address).startswith("https://")


def has_origin(clients: Iterable[ApiClient], origin: str) -> bool:
    """Return whether pages of an origin are those of one of the programs."""
    known = {
        _without_port(f"{parts.scheme}://{parts.netloc}")
        for client in clients
        for parts in map(urlsplit, (client.redirects or "").split())
    }
    return _without_port(origin) in known


def _without_port(address: str) -> str:
    return _LOOPBACK.sub(r"\1", _normal(address))


def _normal(address: str) -> str:
    """Return an address with its scheme and host in small letters (RFC 3986, 6.2.2.1)."""
    return _SCHEME_AND_HOST.sub(lambda found: found[0].lower(), address)


def _checked(details: ProgramDetails) -> dict[str, Any]:
    """Return the details as they are stored."""
    if not details.redirects:
        raise Invalid("Enter at least one address to return to.", field="redirects")
    for address in details.redirects:
        _check_address(address, "redirects", may_be_app=True)
    if details.launch_url:
        _check_address(details.launch_url, "launch_url")
    return {
        "name": details.name,
        "operator": details.operator,
        "redirects": " ".join(dict.fromkeys(map(_normal, details.redirects))),
        "launch_url": details.launch_url or None,
        "scopes": check_scopes(details.scopes, of_people=True),
    }


def _check_address(address: str, field: str, *, may_be_app: bool = False) -> None:
    refused = BadAddress(field=field, address=address[:100])
    is_plain = (
        address.isascii() and address.isprintable() and not set(address) & set(' "<>\\^`{|}#')
    )
    if not is_plain or len(address) > LONGEST:
        raise refused
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise refused from None
    is_web = parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL)
    if is_web and host and "@" not in parts.netloc:
        return
    if not (may_be_app and _SCHEME_OF_APP.fullmatch(parts.scheme) and ":" in address):
        raise refused
