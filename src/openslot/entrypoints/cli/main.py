"""The openslot command: each subcommand with its manual; what it does stands beside."""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import click
from alembic.util import CommandError

from openslot.core.db import Database
from openslot.core.errors import Failure
from openslot.entrypoints.cli import (
    accounts,
    checking,
    clients,
    demonstration,
    importing,
    keys,
    serving,
)
from openslot.entrypoints.cli.deployment import Deployment, pass_deployment
from openslot.identity.models import Role
from openslot.migrations import run as migrations

MOST_PROCESSES = 4

host_option = click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 is all."
)
port_option = click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port."
)
processes_option = click.option(
    "--workers",
    default=min(os.cpu_count() or 1, MOST_PROCESSES),
    show_default="one for each processor, at most 4",
    type=click.IntRange(1, 64),
    help="Processes that answer requests.",
)
stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
)


class Manual(click.Group):
    """Commands in the order in which they are written, and refusals as sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands."""
        del ctx
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what the rules refuse is told without a traceback."""
        try:
            return super().invoke(ctx)
        except Failure as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Manual, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="openslot", prog_name="openslot")
def cli() -> None:
    """Appointments for a health network: find, book and manage care.

    To look around, with invented people and nothing else to set up:

    \b
        openslot demo

    To run your own network, make the tables, bring in your data or an administrator, and
    serve:

    \b
        openslot db upgrade
        openslot import my-data/
        openslot account create --role network-admin --email you@example.org --name "You"
        openslot serve

    Settings are environment variables that begin with OPENSLOT_, or lines of a file .env;
    docs/settings.md lists them. Without any, everything lies in the folder data/.
    """


@cli.command()
@host_option
@port_option
@processes_option
@click.option("--no-worker", is_flag=True, help="Leave sending mail to `openslot worker`.")
@pass_deployment
def serve(deployment: Deployment, host: str, port: int, workers: int, no_worker: bool) -> None:
    """Answer requests, until stopped with Ctrl-C or SIGTERM.

    Requests under way are finished first. The worker, which sends mail, runs beside the
    server and is started again should it die. Behind a reverse proxy, set
    OPENSLOT_TRUSTED_PROXIES and OPENSLOT_SECURE_COOKIES.
    """
    with serving.claim_address(host, port):
        deployment.ready_database.close()
        serving.serve(host, port, workers=workers, beside=not no_worker)


@cli.command(hidden=True)
@host_option
@port_option
def web(host: str, port: int) -> None:
    """Answer requests as one process of `openslot serve`, which starts it; ends with it."""
    serving.answer(host, port)


@cli.command()
@click.option("--once", is_flag=True, help="Do what is due, then end.")
@click.option("--until-stdin-closes", is_flag=True, hidden=True)
@pass_deployment
def worker(deployment: Deployment, once: bool, until_stdin_closes: bool) -> None:
    """Send mail and do what else waits in the outbox, until stopped.

    Only needed where `openslot serve --no-worker` runs, for example on another machine. Any
    number of workers may run at once; no message is done by two of them.
    """
    deployment.ready_database.close()
    serving.work(
        Database(deployment.settings.url),
        deployment.settings,
        once=once,
        until_stdin_closes=until_stdin_closes,
    )


@cli.command()
@host_option
@port_option
@processes_option
@click.option("--fresh", is_flag=True, help="Delete the demonstration first and load it anew.")
@click.option("--no-serve", is_flag=True, help="Load the demonstration and end.")
@pass_deployment
def demo(
    deployment: Deployment, host: str, port: int, workers: int, fresh: bool, no_serve: bool
) -> None:
    """Load a demonstration network, show its logins, and serve it.

    Real centres and departments with invented people and appointments around today. The second
    start keeps what you did; --fresh starts over. A database that holds anything else is
    never touched.
    """
    with nullcontext() if no_serve else serving.claim_address(host, port):
        demonstration.prepare(deployment.database, deployment.settings, fresh=fresh)
        deployment.database.close()
        demonstration.show_logins(serving.address_of(host, port))
        if not no_serve:
            serving.serve(host, port, workers=workers, beside=True)


@cli.group()
def db() -> None:
    """Make and change the tables of the database."""


@db.command()
@pass_deployment
def upgrade(deployment: Deployment) -> None:
    """Bring the tables to this version; nothing happens where they are. Back up first."""
    migrations.upgrade(deployment.database.engine)
    click.echo(f"The tables are at revision {migrations.head()}, the newest.")


@db.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_deployment
def downgrade(deployment: Deployment, revision: str, yes: bool) -> None:
    """Take the tables back to REVISION; `base` drops all of them, with all data."""
    if not yes:
        click.confirm(f"Data that revision {revision} has no place for is lost. Go on?", abort=True)
    try:
        migrations.downgrade(deployment.database.engine, revision)
    except CommandError as error:
        raise click.ClickException(f"{error}.") from None
    click.echo(f"The tables are at revision {revision}.")


@db.command()
@pass_deployment
def status(deployment: Deployment) -> None:
    """Show the revision of the tables; exit code 1 where `openslot db upgrade` is due."""
    current = migrations.current(deployment.database.engine)
    click.echo(f"tables: {current or 'none'}\nnewest: {migrations.head()}")
    if current != migrations.head():
        raise click.ClickException("Run: openslot db upgrade")


@cli.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--time-zone",
    "zone",
    metavar="ZONE",
    help="Time zone of new centres, such as Europe/Dublin; else OPENSLOT_TIME_ZONE.",
)
@click.option("--dry-run", is_flag=True, help="Check and count everything, and write nothing.")
@pass_deployment
def import_(
    deployment: Deployment, paths: tuple[Path, ...], zone: str | None, dry_run: bool
) -> None:
    """Bring in centres, practitioners, patients and departments from PATHS.

    Takes files and folders: the CSV files of MediSoft and the documents that MongoDB exports
    from the Medical Services Manager, one JSON document a line. All is checked first, every
    problem is shown with its file, line and column, and all is written or nothing. Importing
    the same files again changes nothing. docs/import.md describes the files.
    """
    if zone is not None and zone not in available_timezones():
        raise click.UsageError(f"{zone} is no time zone. Name one such as Australia/Sydney.")
    importing.run_import(deployment, paths, zone, rehearse=dry_run)


@cli.command()
@click.option(
    "--repair", is_flag=True, help="Write wrong pages anew from appointments and absences."
)
@pass_deployment
def check(deployment: Deployment, repair: bool) -> None:
    """Prove that no time is booked twice, or taken by nothing, and that the audit is whole.

    Rebuilds every diary from its appointments, holds and absences and compares; counts every seal
    of the audit anew. Exit code 1 where faults are left. Keep the digest of the newest seal that is
    printed somewhere else: it proves later that nothing before it was changed.
    """
    checking.run_check(deployment.ready_database, repair=repair)


@cli.group()
def account() -> None:
    """Create and list accounts, and set passwords."""


@account.command()
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--email", required=True, help="What its owner signs in with.")
@click.option("--name", required=True, help="First and last name.")
@click.option("--centre", type=int, metavar="ID", help="Where staff or its administrator works.")
@click.option("--department", type=int, metavar="ID", help="The department of staff.")
@stdin_option
@pass_deployment
def create(
    deployment: Deployment,
    role: str,
    email: str,
    name: str,
    centre: int | None,
    department: int | None,
    password_stdin: bool,
) -> None:
    """Create an account; without --password-stdin a password is made and shown once."""
    accounts.create(
        deployment,
        Role(role),
        email,
        name,
        from_stdin=password_stdin,
        centre_id=centre,
        department_id=department,
    )


@account.command("list")
@click.option("--role", default="", type=click.Choice(["", *(role.value for role in Role)]))
@pass_deployment
def list_(deployment: Deployment, role: str) -> None:
    """List all accounts, or those of one role."""
    accounts.show_all(deployment, role)


@account.command()
@click.argument("email")
@stdin_option
@pass_deployment
def password(deployment: Deployment, email: str, password_stdin: bool) -> None:
    """Set the password of the account EMAIL and end its sessions."""
    accounts.set_password(deployment, email, from_stdin=password_stdin)


@cli.group()
def key() -> None:
    """Make, list and end the keys of programs."""


@key.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="SCOPE",
    help="What it may do, such as appointments:read; '*' is everything.",
)
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="CIDR",
    help="From where it works, such as 10.0.0.0/8; from anywhere if none is named.",
)
@pass_deployment
def create_key(
    deployment: Deployment, name: str, scopes: tuple[str, ...], networks: tuple[str, ...]
) -> None:
    """Make a key for the program NAME and print it, this once."""
    keys.create(deployment, name, scopes, networks)


@key.command("list")
@pass_deployment
def list_keys(deployment: Deployment) -> None:
    """List the keys that work."""
    keys.show_all(deployment)


@key.command("revoke")
@click.argument("key_id", metavar="ID")
@pass_deployment
def revoke_key(deployment: Deployment, key_id: str) -> None:
    """End a key for good; `openslot key list` shows its ID."""
    keys.revoke(deployment, key_id)


@cli.group()
def client() -> None:
    """Register programs that prove themselves with keys of their own (SMART)."""


@client.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="SCOPE",
    help="What it may do, such as system/Slot.rs; '*' is everything.",
)
@click.option(
    "--jwks",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with its public keys, a JWK set.",
)
@click.option("--jwks-url", metavar="URL", help="Address of its public keys instead.")
@pass_deployment
def create_client(
    deployment: Deployment,
    name: str,
    scopes: tuple[str, ...],
    jwks: Path | None,
    jwks_url: str | None,
) -> None:
    """Register the program NAME and print its client id."""
    clients.create(deployment, name, scopes, jwks, jwks_url)


if __name__ == "__main__":
    cli()
