"""Commands for SMART clients, which have their own key pairs."""

import json
from pathlib import Path

import click

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
    client = deployment.write(assertions.create_client, name, scopes, jwks=keys, jwks_url=jwks_url)
    click.echo(client.id)
