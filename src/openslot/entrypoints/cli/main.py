"""The openslot command line: subcommands, options and help texts."""

import os
import signal
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from alembic.util import CommandError

from openslot.backups.commands import Found
from openslot.core import tracing
from openslot.core.actor import Role
from openslot.core.errors import Failure
from openslot.core.version import version
from openslot.entrypoints.cli import (
    accounts,
    backups,
    checking,
    clients,
    data_keys,
    demonstration,
    importing,
    keys,
    messages,
    patients,
    serving,
    tenants,
    transferring,
)
from openslot.entrypoints.cli.deployment import Deployment, pass_deployment, pass_installation
from openslot.migrations import revisions
from openslot.migrations import run as migrations
from openslot.transfers.commands import Contents
from openslot.transfers.packages import is_export

MOST_PROCESSES = 4

host_option = click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all."
)
port_option = click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="Port to listen on.",
)
processes_option = click.option(
    "--workers",
    default=min(os.cpu_count() or 1, MOST_PROCESSES),
    show_default="one per processor, at most 4",
    type=click.IntRange(1, 64),
    help="Processes that answer requests.",
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from one line of standard input."
)

LASTING = frozenset({"serve", "worker", "demo"})
"""Commands that run until they are told to end, and see to that themselves."""


class Manual(click.Group):
    """A group that lists commands in the order of this file and shows errors as sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        del ctx
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; show a Failure as its sentence, without a traceback."""
        try:
            return super().invoke(ctx)
        except Failure as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Manual, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version(), prog_name="openslot")
@click.pass_context
def cli(context: click.Context) -> None:
    """Appointments for a health network: find, book and manage care.

    To try it out with invented people, with nothing to set up:

    \b
        openslot demo

    To run your own network, create the tables, import your data or create an
    administrator, and start the server:

    \b
        openslot db upgrade
        openslot import my-data/
        openslot account create --role network-admin --email you@example.org --name "You"
        openslot serve

    Settings are environment variables that start with OPENSLOT_, or lines in a file called
    .env. docs/settings.md lists them. By default, all data is stored in the folder data/.
    """
    os.umask(0o077)  # what is written here is for its owner only
    if context.invoked_subcommand not in LASTING:
        with suppress(ValueError):  # outside of the main thread
            # As Ctrl-C does, so that what a command had half written does not stay, in clear.
            signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


@cli.command()
@host_option
@port_option
@processes_option
@click.option(
    "--no-worker", is_flag=True, help="Do not start the worker; run `openslot worker` instead."
)
@click.option(
    "--insecure", is_flag=True, help="Listen on other addresses than this machine's without HTTPS."
)
@pass_installation
def serve(
    deployment: Deployment, host: str, port: int, workers: int, no_worker: bool, insecure: bool
) -> None:
    """Start the server. Stop it with Ctrl-C or SIGTERM.

    Running requests are finished first. The worker, which sends mail, runs next to the
    server and is restarted if it fails. Behind a reverse proxy, set
    OPENSLOT_TRUSTED_PROXIES and OPENSLOT_PUBLIC_URL.
    """
    serving.check_exposed(host, deployment.all_settings, insecure=insecure)
    with serving.claim_address(host, port) as claimed:
        tenants.prepare(deployment)
        serving.serve(claimed, host, port, workers=workers, beside=not no_worker)


@cli.command()
@click.option("--once", is_flag=True, help="Process what is due, then exit.")
@pass_installation
def worker(deployment: Deployment, once: bool) -> None:
    """Send mail and do other background work, until stopped.

    You only need this with `openslot serve --no-worker`, for example on another machine. Any
    number of workers can run at once; each message is handled by one of them.
    """
    tenants.prepare(deployment)
    tracing.begin()
    serving.work(deployment.installation, once=once)


@cli.command()
@host_option
@port_option
@processes_option
@click.option("--fresh", is_flag=True, help="Delete the demonstration data and load it again.")
@click.option("--no-serve", is_flag=True, help="Load the demonstration data and exit.")
@pass_deployment
def demo(
    deployment: Deployment, host: str, port: int, workers: int, fresh: bool, no_serve: bool
) -> None:
    """Load a demonstration network, show its logins, and start the server.

    It has real centres and departments, with invented people and appointments around today.
    Your changes are kept at the next start; --fresh starts over. A database with other data
    is never changed.
    """
    with nullcontext() if no_serve else serving.claim_address(host, port) as claimed:
        demonstration.prepare(deployment.database, deployment.settings, fresh=fresh)
        deployment.database.close()
        settings, here = deployment.settings, serving.address_of(host, port)
        demonstration.show_logins(f"{settings.public_url}/" if settings.tenant else here)
        if claimed:
            serving.serve(claimed, host, port, workers=workers, beside=True)


@cli.group()
def db() -> None:
    """Create and upgrade the database tables."""


@db.command()
@pass_deployment
def upgrade(deployment: Deployment) -> None:
    """Upgrade the tables to this version, if needed. Make a backup first."""
    tenants.upgrade_one(deployment)
    click.echo(f"The tables are at the newest revision, {revisions.head()}.")


@db.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_deployment
def downgrade(deployment: Deployment, revision: str, yes: bool) -> None:
    """Downgrade the tables to REVISION; `base` deletes all tables and all data."""
    if not yes:
        click.confirm(f"Data that revision {revision} cannot store is lost. Continue?", abort=True)
    try:
        migrations.downgrade(deployment.database.engine, revision)
    except CommandError as error:
        raise click.ClickException(f"{error}.") from None
    click.echo(f"The tables are at revision {revision}.")


@db.command()
@pass_deployment
def status(deployment: Deployment) -> None:
    """Show the revision of the tables; exit code 1 if `openslot db upgrade` is needed."""
    current = revisions.current(deployment.database.engine)
    click.echo(f"tables: {current or 'none'}\nnewest: {revisions.head()}")
    if current != revisions.head():
        raise click.ClickException("Run: openslot db upgrade")


@cli.command("import")
@click.argument("places", metavar="PATHS...", nargs=-1, required=True)
@click.option(
    "--time-zone",
    "zones",
    metavar="[PATH=]ZONE",
    multiple=True,
    help="Time zone of new centres, for example Europe/Dublin, or of those from one of the paths, "
    "for example ireland/=Europe/Dublin. Default: OPENSLOT_TIME_ZONE.",
)
@click.option("--dry-run", is_flag=True, help="Check the files, but write nothing.")
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the secret key for an encrypted export.",
)
@pass_deployment
def import_(
    deployment: Deployment,
    places: tuple[str, ...],
    zones: tuple[str, ...],
    dry_run: bool,
    key: Path | None,
) -> None:
    """Import centres, practitioners, patients, departments and services from PATHS.

    PATHS are files or folders: CSV files of MediSoft, or exports and dumps of the Medical
    Services Manager from MongoDB; or the address of its database, such as
    mongodb://localhost/medical. All files are checked first, and
    every problem is shown with its file, line and column. Either everything is written or
    nothing. Importing the same files again changes nothing. docs/import.md describes the
    files.

    What `openslot export` wrote is imported alone, and into an empty database.
    """
    if any(is_export(Path(place)) for place in places):
        if len(places) > 1 or zones:
            raise click.UsageError("An export of everything is imported alone, without a zone.")
        transferring.run_import(deployment, Path(places[0]), key, rehearse=dry_run)
    else:
        importing.run_import(deployment, places, zones, rehearse=dry_run)


@cli.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--services", is_flag=True, help="Write only what can be booked, as CSV files to edit."
)
@click.option(
    "--recipient",
    "recipients",
    metavar="KEY",
    multiple=True,
    help="Public key (age1…) for which everything is encrypted, in one file.",
)
@click.option(
    "--with-credentials",
    is_flag=True,
    help="Write hashes of passwords, and what else lets people and programs in.",
)
@pass_deployment
def export(
    deployment: Deployment,
    target: Path,
    services: bool,
    recipients: tuple[str, ...],
    with_credentials: bool,
) -> None:
    """Write everything to TARGET, a new folder, while people book.

    `openslot import` brings it back into an empty database of this version, on any engine. The
    folder also has the audit log, and all of it in FHIR. NOTHING IN IT IS ENCRYPTED, except
    with --recipient: then TARGET is one file, encrypted as backups are.

    With --services, TARGET is a folder for services, the practitioners who offer them, rooms
    and machines with their groups, and what services need. These files have no data of
    patients, and can be edited and imported again.
    """
    if not services:
        transferring.run_export(deployment, target, Contents(with_credentials, recipients))
    elif recipients or with_credentials:
        raise click.UsageError("--services is for files to edit, with no other option.")
    else:
        importing.run_export(deployment, target)


@cli.command()
@click.option(
    "--repair", is_flag=True, help="Rebuild wrong diary pages from appointments and absences."
)
@pass_deployment
def check(deployment: Deployment, repair: bool) -> None:
    """Check the diaries, the audit log and the settings.

    Compares every diary with its appointments, holds and absences, and recomputes every seal
    of the audit log. Exit code 1 if faults remain. Store the printed digest of the newest seal
    in another place: it can prove later that nothing before it was changed. What the settings
    leave open is listed, and is no fault.
    """
    checking.run_check(deployment.ready_database, deployment.settings, repair=repair)


@cli.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(1),
    metavar="N",
    help="Remove older backups of this database in the folder, so that N are left.",
)
@pass_deployment
def backup(deployment: Deployment, target: Path, keep: int | None) -> None:
    """Back up the database to TARGET, a folder or a new file, while people book.

    PostgreSQL and MariaDB need their client programs, pg_dump and mariadb-dump. With
    OPENSLOT_BACKUP_RECIPIENTS, the backup is encrypted for these keys, and has the secret key
    of the data folder in it.
    """
    backups.back_up(deployment, target, keep)


@cli.command("backup-key")
@click.argument("file", type=click.Path(path_type=Path))
def backup_key(file: Path) -> None:
    """Write a new secret key for backups to FILE, and print its public key.

    Set the public key as OPENSLOT_BACKUP_RECIPIENTS, and keep FILE on another machine: without
    it, no encrypted backup can be restored.
    """
    backups.new_key(file)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the secret key for an encrypted backup.",
)
@click.option(
    "--check", "tries", is_flag=True, help="Try the backup in a temporary place, and check it."
)
@click.option(
    "--without-seal", is_flag=True, help="Take a backup of an older version, which has no seal."
)
@pass_deployment
def restore(
    deployment: Deployment, file: Path, key: Path | None, tries: bool, without_seal: bool
) -> None:
    """Restore the backup FILE into the database of the settings, which must be empty.

    With --check, nothing of yours is changed: the backup is restored into a temporary database
    (on a server the database user needs the right to create one), upgraded to this version and
    checked as `openslot check` does, and removed again.

    A backup is sealed with a data key, which has to be set, so that nobody without it can have
    written it.
    """
    found = Found(file, key, may_be_unsealed=without_seal)
    backups.restore(deployment, found, tries=tries)


@cli.group()
def account() -> None:
    """Create and list accounts, set passwords, and sign people out."""


@account.command()
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--email", required=True, help="Email address to sign in with.")
@click.option("--name", required=True, help="First and last name.")
@click.option("--centre", type=int, metavar="ID", help="Centre of staff or a centre administrator.")
@click.option("--department", type=int, metavar="ID", help="Department of staff.")
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
    """Create an account; without --password-stdin, a password is generated and shown once."""
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


@account.command("sign-out")
@click.argument("email", required=False)
@click.option("--everybody", is_flag=True, help="Sign all accounts out.")
@pass_deployment
def sign_out(deployment: Deployment, email: str | None, everybody: bool) -> None:
    """Sign the account EMAIL out everywhere, or with --everybody all accounts."""
    if (email is None) is not everybody:
        raise click.UsageError("Name one account, or everybody with --everybody.")
    accounts.sign_out(deployment, email)


@account.command("remove-second-steps")
@click.argument("email")
@pass_deployment
def remove_second_steps(deployment: Deployment, email: str) -> None:
    """Remove the authenticator app, passkeys and recovery codes of the account EMAIL.

    For somebody who has lost them and knows no administrator who can do it on the pages.
    """
    accounts.remove_second_steps(deployment, email)


@cli.group()
def message() -> None:
    """List messages that were given up, have them tried again, or remove them."""


@message.command("list")
@pass_deployment
def list_messages(deployment: Deployment) -> None:
    """List the messages that were given up, with the reason; nothing of what they say."""
    messages.show_all(deployment)


@message.command("retry")
@click.argument("message_id", metavar="ID", type=click.UUID)
@pass_deployment
def retry_message(deployment: Deployment, message_id: UUID) -> None:
    """Have the message ID tried again, as if for the first time."""
    messages.try_again(deployment, message_id)


@message.command("remove")
@click.argument("message_id", metavar="ID", type=click.UUID)
@pass_deployment
def remove_message(deployment: Deployment, message_id: UUID) -> None:
    """Remove the message ID, which is not sent then."""
    messages.remove(deployment, message_id)


@cli.group()
def patient() -> None:
    """Merge duplicate records of patients, and erase people."""


@patient.command("merge")
@click.argument("patient_id", metavar="PATIENT", type=click.UUID)
@click.argument("duplicate_id", metavar="DUPLICATE", type=click.UUID)
@click.option(
    "--end-access",
    is_flag=True,
    help="If both have an account or a carer, that of DUPLICATE loses access.",
)
@yes_option
@pass_deployment
def merge_patients(
    deployment: Deployment, patient_id: UUID, duplicate_id: UUID, end_access: bool, yes: bool
) -> None:
    """Merge the record DUPLICATE into the record PATIENT, and print the id of the merge."""
    patients.merge(deployment, patient_id, duplicate_id, end_access=end_access, is_sure=yes)


@patient.command("unmerge")
@click.argument("merge_id", metavar="MERGE", type=click.UUID)
@pass_deployment
def unmerge_patients(deployment: Deployment, merge_id: UUID) -> None:
    """Undo the merge MERGE: what was moved goes back."""
    patients.unmerge(deployment, merge_id)


@patient.command("erase")
@click.argument("patient_id", metavar="PATIENT", type=click.UUID)
@click.option("--remove-record", is_flag=True, help="Remove the health record too, now.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, but remove nothing.")
@yes_option
@pass_deployment
def erase_patient(
    deployment: Deployment, patient_id: UUID, remove_record: bool, dry_run: bool, yes: bool
) -> None:
    """Erase a person for good: name, contacts, numbers, account, reasons and messages.

    The health record stays without a name until OPENSLOT_RECORD_YEARS are over, unless
    --remove-record is given. Backups still have everything.
    """
    patients.erase(
        deployment, patient_id, keep_record=not remove_record, rehearse=dry_run, is_sure=yes
    )


@cli.group()
def key() -> None:
    """Create, list and revoke API keys."""


@key.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="SCOPE",
    help="Allowed scope, for example appointments:read; '*' for all.",
)
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="CIDR",
    help="Allowed network, for example 10.0.0.0/8. Default: any.",
)
@pass_deployment
def create_key(
    deployment: Deployment, name: str, scopes: tuple[str, ...], networks: tuple[str, ...]
) -> None:
    """Create a key for the program NAME and print it; it is not shown again."""
    keys.create(deployment, name, scopes, networks)


@key.command("list")
@pass_deployment
def list_keys(deployment: Deployment) -> None:
    """List the active keys."""
    keys.show_all(deployment)


@key.command("revoke")
@click.argument("key_id", metavar="ID")
@pass_deployment
def revoke_key(deployment: Deployment, key_id: str) -> None:
    """Revoke a key for good; `openslot key list` shows its ID."""
    keys.revoke(deployment, key_id)


@cli.group("keys")
def data_key_group() -> None:
    """Make and replace the keys that health data are encrypted with in the database."""


@data_key_group.command("new")
def new_data_key() -> None:
    """Print a new key for OPENSLOT_DATA_KEYS."""
    data_keys.new()


@data_key_group.command("rotate")
@pass_deployment
def rotate_data_keys(deployment: Deployment) -> None:
    """Encrypt everything with the newest key, while people work.

    Give all servers and workers the new key first, and restart them. If this is interrupted, run
    it again: it goes on where it was. docs/encryption.md says how to replace a key.
    """
    data_keys.rotate(deployment)


@cli.group()
def client() -> None:
    """Register programs that sign in with their own key pair, or act for people (SMART)."""


@client.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="SCOPE",
    help="Allowed scope, for example system/Slot.rs, or patient/Appointment.cruds of people.",
)
@click.option(
    "--redirect",
    "redirects",
    multiple=True,
    metavar="URL",
    help="Address that people return to. The program then acts for people.",
)
@click.option("--launch-url", metavar="URL", help="Address that opens it for a patient.")
@click.option("--operator", metavar="NAME", help="Who runs it.")
@click.option("--secret", is_flag=True, help="Print a secret too, for a program on a server.")
@click.option(
    "--jwks",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the public keys, as a JWK set.",
)
@click.option("--jwks-url", metavar="URL", help="Address of the public keys, instead of a file.")
@pass_deployment
def create_client(
    deployment: Deployment,
    name: str,
    scopes: tuple[str, ...],
    redirects: tuple[str, ...],
    launch_url: str | None,
    operator: str | None,
    secret: bool,
    jwks: Path | None,
    jwks_url: str | None,
) -> None:
    """Register the program NAME and print its client id, and its secret if it has one.

    With --redirect it acts for people who let it; without, it acts for the network and needs keys.
    """
    details = clients.details(name, scopes, redirects, launch_url, operator)
    clients.create(deployment, details, jwks, jwks_url, secret=secret)


@client.command("list")
@pass_deployment
def list_clients(deployment: Deployment) -> None:
    """List the clients that are not revoked."""
    clients.show_all(deployment)


@client.command("revoke")
@click.argument("client_id", metavar="ID")
@pass_deployment
def revoke_client(deployment: Deployment, client_id: str) -> None:
    """Revoke a client and its tokens for good; `openslot client list` shows its ID."""
    clients.revoke(deployment, client_id)


@client.command("end-tokens")
@click.argument("client_id", metavar="ID")
@pass_deployment
def end_client_tokens(deployment: Deployment, client_id: str) -> None:
    """Sign everybody out of a program that acts for people; it asks them again."""
    clients.end_tokens(deployment, client_id)


cli.add_command(tenants.tenant)


if __name__ == "__main__":
    cli()
