"""Commands for registered programs: SMART clients with their own key pairs, and those that act for
people."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from pydantic import ValidationError

from openslot.core.errors import Invalid, NotFound
from openslot.core.fields import first_problem
from openslot.entrypoints.cli.deployment import Deployment
from openslot.identity import assertions, programs, queries
from openslot.identity.assertions import BadKeys
from openslot.identity.programs import ProgramDetails


def details(
    name: str,
    scopes: tuple[str, ...],
    redirects: tuple[str, ...],
    launch_url: str | None,
    operator: str | None,
) -> ProgramDetails:
    """Return what was typed of a program, or raise Invalid."""
    try:
        return ProgramDetails(
            name=name,
            operator=operator,
            redirects=redirects,
            launch_url=launch_url,
            scopes=scopes,
        )
    except ValidationError as error:
        raise first_problem(error) from None


def create(
    deployment: Deployment,
    sent: ProgramDetails,
    jwks: Path | None,
    jwks_url: str | None,
    *,
    secret: bool,
) -> None:
    """Register a client and print its id, which is not secret, and a secret if it has one."""
    keys = _read(jwks)
    if not sent.redirects:
        if secret or sent.launch_url or sent.operator:
            raise Invalid("Name an address with --redirect, or leave out what is for people.")
        client = deployment.write(
            assertions.create_client, sent.name, sent.scopes, jwks=keys, jwks_url=jwks_url
        )
        click.echo(client.id)
        return
    client, text = deployment.write(
        programs.create_program, sent, has_secret=secret, jwks=keys, jwks_url=jwks_url
    )
    click.echo(client.id)
    if text is not None:
        click.echo(text)
        click.echo("The secret is not shown again.", err=True)


def _read(jwks: Path | None) -> dict[str, Any] | None:
    try:
        return json.loads(jwks.read_text(encoding="utf-8")) if jwks else None
    except (OSError, ValueError):
        raise BadKeys(field="jwks") from None


def show_all(deployment: Deployment) -> None:
    """Print a line for each client that is not revoked."""
    with deployment.ready_database.reading() as session:
        for client in queries.clients(session):
            to = f"  to {client.redirects}" if client.redirects else ""
            click.echo(
                f"{client.id}  {client.created_at:%Y-%m-%d}  {client.name}  {client.scopes}{to}"
            )


def revoke(deployment: Deployment, client_id: str) -> None:
    """Revoke a client, or raise NotFound."""
    deployment.write(assertions.revoke_client, _id(client_id))
    click.echo("The client is revoked.")


def end_tokens(deployment: Deployment, client_id: str) -> None:
    """End all tokens of a program that acts for people, or raise NotFound."""
    deployment.write(programs.end_access, _id(client_id))
    click.echo("Everybody is signed out of it.")


def _id(client_id: str) -> UUID:
    try:
        return UUID(client_id)
    except ValueError:
        raise NotFound("Client not found. `openslot client list` shows all clients.") from None
