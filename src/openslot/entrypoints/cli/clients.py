"""Commands for SMART clients, which have their own key pairs."""

import json
from pathlib import Path
from uuid import UUID

import click

from openslot.core.errors import NotFound
from openslot.entrypoints.cli.deployment import Deployment
from openslot.identity import assertions, queries
from openslot.identity.assertions import BadKeys


def create(
    deployment: Deployment,
    name: str,
    scopes: tuple[str, ...],
    jwks: Path | None,
    jwks_url: str | None,
) -> None:
    """Register a client and print its id, which is not secret."""
    try:
        keys = json.loads(jwks.read_text(encoding="utf-8")) if jwks else None
    except (OSError, ValueError):
        raise BadKeys(field="jwks") from None
    client = deployment.write(assertions.create_client, name, scopes, jwks=keys, jwks_url=jwks_url)
    click.echo(client.id)


def show_all(deployment: Deployment) -> None:
    """Print a line for each client that is not revoked."""
    with deployment.ready_database.reading() as session:
        for client in queries.clients(session):
            click.echo(f"{client.id}  {client.created_at:%Y-%m-%d}  {client.name}  {client.scopes}")


def revoke(deployment: Deployment, client_id: str) -> None:
    """Revoke a client, or raise NotFound."""
    try:
        parsed_id = UUID(client_id)
    except ValueError:
        raise NotFound("Client not found. `openslot client list` shows all clients.") from None
    deployment.write(assertions.revoke_client, parsed_id)
    click.echo("The client is revoked.")
