"""Commands for SMART clients, which have their own key pairs."""

import json
from pathlib import Path

import click

from openslot.core import clock
from openslot.directory.rules import SYSTEM
from openslot.entrypoints.cli.deployment import Deployment
from openslot.identity import assertions
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
    client = deployment.ready_database.run(
        lambda session: assertions.create_client(
            session, name, scopes, jwks=keys, jwks_url=jwks_url, by=SYSTEM.origin, now=clock.now()
        )
    )
    click.echo(client.id)
