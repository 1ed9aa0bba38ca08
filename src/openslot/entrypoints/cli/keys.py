"""Keys of programs from the command line."""

from uuid import UUID

import click
from sqlalchemy.orm import Session

from openslot.core import clock
from openslot.core.errors import NotFound
from openslot.directory.rules import SYSTEM
from openslot.entrypoints.cli.deployment import Deployment
from openslot.identity import keys, queries


def create(
    deployment: Deployment, name: str, scopes: tuple[str, ...], networks: tuple[str, ...]
) -> None:
    """Make a key and show it, this once."""
    _, text = deployment.ready_database.run(
        lambda session: keys.create_key(
            session, name, scopes, networks, by=SYSTEM.origin, now=clock.now()
        )
    )
    click.echo(text)
    click.echo("This key is shown only now: keep it where the program finds it.", err=True)


def show_all(deployment: Deployment) -> None:
    """A line for each key that works."""
    with deployment.ready_database.reading() as session:
        for key in queries.keys(session):
            where = f"  from {key.networks}" if key.networks else ""
            click.echo(f"{key.id}  {key.created_at:%Y-%m-%d}  {key.name}  {key.scopes}{where}")


def revoke(deployment: Deployment, key_id: str) -> None:
    """End a key."""

    def work(session: Session) -> None:
        try:
            wanted = UUID(key_id)
        except ValueError:
            raise NotFound("There is no such key. `openslot key list` shows them.") from None
        keys.revoke_key(session, wanted, by=SYSTEM.origin, now=clock.now())

    deployment.ready_database.run(work)
    click.echo("The key opens nothing any more.")
