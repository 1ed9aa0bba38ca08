"""Commands for API keys."""

from uuid import UUID

import click

from openslot.core.errors import NotFound
from openslot.entrypoints.cli.deployment import Deployment
from openslot.identity import keys, queries


def create(
    deployment: Deployment, name: str, scopes: tuple[str, ...], networks: tuple[str, ...]
) -> None:
    """Create a key and print it; it is not shown again."""
    _, text = deployment.write(keys.create_key, name, scopes, networks)
    click.echo(text)
    click.echo("This key is not shown again. Store it where the program can read it.", err=True)


def show_all(deployment: Deployment) -> None:
    """Print a line for each active key."""
    with deployment.ready_database.reading() as session:
        for key in queries.keys(session):
            where = f"  from {key.networks}" if key.networks else ""
            click.echo(f"{key.id}  {key.created_at:%Y-%m-%d}  {key.name}  {key.scopes}{where}")


def revoke(deployment: Deployment, key_id: str) -> None:
    """Revoke a key, or raise NotFound."""
    try:
        parsed_id = UUID(key_id)
    except ValueError:
        raise NotFound("Key not found. `openslot key list` shows all keys.") from None
    deployment.write(keys.revoke_key, parsed_id)
    click.echo("The key is revoked.")
