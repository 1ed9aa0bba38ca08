"""The commands for messages that were given up."""

from uuid import UUID

import click

from openslot.core import audit, outbox
from openslot.core.work import Work
from openslot.entrypoints.cli.deployment import Deployment


def show_all(deployment: Deployment) -> None:
    """Print a line for each: id, kind, when it was made, and why it was given up."""
    for message in deployment.ready_database.read(outbox.given_up):
        made = f"{message.created_at:%Y-%m-%d %H:%M} UTC"
        click.echo(f"{message.id}  {message.topic}  {made}  {message.error or ''}")


def try_again(deployment: Deployment, message_id: UUID) -> None:
    """Have the worker try a message again."""
    if not deployment.write(_try_again, message_id):
        raise _no_such(message_id)


def remove(deployment: Deployment, message_id: UUID) -> None:
    """Delete a message."""
    if not deployment.write(_remove, message_id):
        raise _no_such(message_id)


def _try_again(work: Work, message_id: UUID) -> bool:
    is_done = outbox.try_again(work.session, message_id, now=work.now)
    if is_done:
        audit.record(work, "mail.tried-again", f"message:{message_id}")
    return is_done


def _remove(work: Work, message_id: UUID) -> bool:
    is_done = outbox.remove(work.session, message_id)
    if is_done:
        audit.record(work, "mail.removed", f"message:{message_id}")
    return is_done


def _no_such(message_id: UUID) -> click.ClickException:
    return click.ClickException(f"No message with the id {message_id} was given up.")
