"""Commands for the networks (tenants) that one installation serves."""

import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import click

from openslot.core import clock, facts, schemas, tenants
from openslot.core.config import Settings
from openslot.core.data_keys import new_key
from openslot.core.db import Database
from openslot.core.errors import Failure
from openslot.core.files import our_files
from openslot.entrypoints.cli.deployment import Deployment, make_ready, pass_installation
from openslot.entrypoints.cli.serving import warn_of_another_key
from openslot.migrations import revisions
from openslot.migrations.readiness import check_ready

BACKED_UP_WITHIN = timedelta(days=1)
"""Age of a backup after which a network is no longer removed without being told to."""

FACTS_SINCE = "0016"
"""The first revision whose tables can say which network they are of."""

LET_GO_WITHIN = 3 * tenants.LOOKS_EVERY
"""Seconds in which servers have noticed that a network is gone."""


def prepare(deployment: Deployment) -> None:
    """See that the network can be served. Of several, say what is wrong with some, and go on."""
    if not deployment.installation.tenants:
        warn_of_another_key(deployment.ready_database, deployment.settings)
        deployment.database.close()
        return
    for fault in deployment.tenants.faults.values():
        click.echo(str(fault), err=True)
    for name in deployment.tenants.settings:
        one = deployment.of(name)
        try:
            warn_of_another_key(one.ready_database, one.settings)
            one.database.close()
        except Exception as error:  # whatever is wrong with one, the others are served
            click.echo(f"{name}: {_said(error)}", err=True)


def upgrade_one(deployment: Deployment) -> None:
    """Upgrade the tables, and have the database be that of the network from now on."""
    database, name = deployment.database, deployment.settings.tenant
    has_facts = (revisions.current(database.engine) or "") >= FACTS_SINCE
    other = database.read(facts.tenant_of) if name and has_facts else None
    if other not in (None, name) and other in deployment.tenants.settings:
        raise click.ClickException(
            f"The database of {name} is that of the network {other}. Nothing was changed."
        )
    make_ready(database, deployment.settings)


@click.group("tenant")
def tenant() -> None:
    """Create, list, upgrade and remove networks, if this installation serves several.

    OPENSLOT_TENANTS is the folder of their settings. docs/tenants.md says how to begin.
    """


@tenant.command("create")
@click.argument("name")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    required=True,
    metavar="HOST",
    help="Host name that people use, or the whole address if it is not https://HOST. The first one "
    "stands in mails; more can follow.",
)
@click.option("--network-name", metavar="TEXT", help="Name of the network, shown on every page.")
@click.option(
    "--database-url", metavar="URL", help="An empty database. Default: an embedded one (SQLite)."
)
@click.option(
    "--schema", is_flag=True, help="Make a schema and a role in the installation's PostgreSQL."
)
@click.option("--empty", is_flag=True, help="Create no tables, for `openslot restore`.")
@pass_installation
def create(
    deployment: Deployment,
    name: str,
    hosts: tuple[str, ...],
    network_name: str | None,
    database_url: str | None,
    schema: bool,
    empty: bool,
) -> None:
    """Create the network NAME: its settings, keys and tables. Servers notice it within seconds."""
    if schema and database_url:
        raise click.UsageError("Give one of --schema and --database-url.")
    installation, there = deployment.installation, deployment.tenants
    if not tenants.NAME.fullmatch(name):
        raise click.BadParameter(f"{tenants.NAMES}.", param_hint="NAME")
    if name in there.settings or name in there.faults:
        raise click.ClickException(f"There is a network {name} already.")
    written = _first_settings(hosts, network_name, database_url, is_embedded=not schema)
    new = tenants.settings_of(installation, name, written)
    tenants.check_apart(installation, new)
    undo = _nothing
    if schema:
        place, role = installation.url, schemas.schema_of(name)
        written["OPENSLOT_DATABASE_URL"] = schemas.make(place, role)
        undo = lambda: schemas.remove(place, role)  # noqa: E731
        new = tenants.settings_of(installation, name, written)
    try:
        if not empty:
            _fill(new)
        _write(tenants.file_of(installation, name), written)
    except BaseException:
        undo()
        raise
    _say_how_to_go_on(new, is_empty=empty)


def _first_settings(
    hosts: tuple[str, ...], network_name: str | None, database_url: str | None, *, is_embedded: bool
) -> dict[str, str]:
    """Return what is written into the file of a new network."""
    addresses = [host if "://" in host else f"https://{host}" for host in hosts]
    names = [urlsplit(address).hostname for address in addresses]
    if None in names:
        raise click.BadParameter("Write a name such as clinic.example.org.", param_hint="--host")
    written = {"OPENSLOT_PUBLIC_URL": addresses[0]}
    if len(names) > 1:
        written["OPENSLOT_TRUSTED_HOSTS"] = ",".join(str(one) for one in names)
    if network_name:
        written["OPENSLOT_NETWORK_NAME"] = network_name
    if database_url:
        written["OPENSLOT_DATABASE_URL"] = database_url
    if database_url or not is_embedded:
        written["OPENSLOT_SECRET_KEY"] = secrets.token_urlsafe(48)
        written["OPENSLOT_DATA_KEYS"] = new_key()
    return written


def _fill(settings: Settings) -> None:
    """Create the tables of a new network in an empty database."""
    if not settings.database_url:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(settings.url, settings.encryption_keys, hurried=False)
    try:
        if revisions.current(database.engine) is not None:
            raise click.ClickException("The database has tables already. Choose an empty one.")
        make_ready(database, settings)
        check_ready(database, settings)
    finally:
        database.close()


def _write(file: Path, written: Mapping[str, str]) -> None:
    """Write a file of settings at once, for its owner only."""
    lines = (
        f"{variable}='{value.replace(chr(92), chr(92) * 2).replace(chr(39), chr(92) + chr(39))}'"
        for variable, value in written.items()
    )
    draft = file.with_name(f".{file.name}")
    draft.touch(mode=0o600)
    draft.write_text("\n".join([*lines, ""]), encoding="utf-8")
    draft.rename(file)


def _say_how_to_go_on(settings: Settings, *, is_empty: bool) -> None:
    name = settings.tenant
    click.echo(f"The network {name} will be at {settings.public_url}/")
    keys = f"{settings.data_dir}/data_keys"
    if settings.database_url and settings.tenants:
        keys = str(settings.tenants / f"{name}{tenants.ENDING}")
    click.echo(f"Keep a copy of its keys apart from its backups: {keys}", err=True)
    if is_empty:
        restore = f"openslot restore --tenant {name} FILE"
        click.echo(f"Run: {restore}, then: openslot tenant upgrade {name}")
    else:
        click.echo(f"Run: openslot account create --tenant {name} --role network-admin …")


def _nothing() -> None:
    """Undo nothing."""


@tenant.command("list")
@click.option("--names", is_flag=True, help="Print the names only, for scripts.")
@pass_installation
def list_(deployment: Deployment, names: bool) -> None:
    """List the networks: state, revision of the tables, size, and hosts."""
    for name in deployment.tenants.settings:
        click.echo(name if names else _line(deployment.of(name)))
    for name, fault in deployment.tenants.faults.items():
        if not names:
            click.echo(f"{name:<20} unusable: {fault}")


def _line(one: Deployment) -> str:
    try:
        engine = one.database.engine
        revision, size = revisions.current(engine) or "none", schemas.size_of(engine)
        state = _state(one)
        one.database.close()
    except Exception as error:
        return f"{one.tenant:<20} away: {_said(error).splitlines()[-1]}"
    hosts = " ".join(one.settings.hosts)
    return f"{one.tenant:<20} {state:<8} {revision:<6} {size / 1_000_000:>9.1f} MB  {hosts}"


def _state(one: Deployment) -> str:
    try:
        check_ready(one.database, one.settings)
    except Failure as error:
        return error.code
    return "ready"


@tenant.command("upgrade")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "everybody", is_flag=True, help="Upgrade all networks.")
@pass_installation
def upgrade(deployment: Deployment, names: tuple[str, ...], everybody: bool) -> None:
    """Upgrade the tables of networks to this version. Make backups first.

    Each is upgraded whole or, on MariaDB, can be upgraded further. One that fails does not stop the
    others; the exit code is 1 then.
    """
    if bool(names) is everybody:
        raise click.UsageError("Name networks, or all with --all.")
    failed = [str(fault) for fault in deployment.tenants.faults.values()] if everybody else []
    for name in names or deployment.tenants.settings:
        one = deployment.of(name)
        try:
            upgrade_one(one)
            click.echo(f"{name}: at revision {revisions.head()}.")
            one.database.close()
        except Exception as error:
            failed.append(f"{name}: {_said(error)}")
    if failed:
        raise click.ClickException("\n".join(failed))


@tenant.command("remove")
@click.argument("name")
@click.option("--confirm", metavar="NAME", help="The name once more, instead of being asked.")
@click.option(
    "--without-backup", is_flag=True, help="Remove it though there is no backup of the last day."
)
@pass_installation
def remove(deployment: Deployment, name: str, confirm: str | None, without_backup: bool) -> None:
    """Remove the network NAME with its data. Its keys stay: without them no backup can be read."""
    one = deployment.of(name)
    settings = one.settings
    if not without_backup:
        _check_backup(one)
    again = confirm or click.prompt(f"All data of {name} will be lost. Enter its name to go on")
    if again != name:
        raise click.ClickException("That is another name. Nothing was removed.")
    if "database" in vars(one):
        one.database.close()
    file = tenants.file_of(deployment.installation, name)
    kept = file.with_suffix(f".removed-{clock.now():%Y%m%d%H%M%S}")
    file.rename(kept)
    time.sleep(LET_GO_WITHIN)
    try:
        _remove_data(deployment.installation, settings)
    except Failure:
        kept.rename(file)  # all is there still, and can be tried again
        raise
    click.echo(f"Removed. Its settings and keys are kept in {kept}", err=True)


def _check_backup(one: Deployment) -> None:
    made = one.database.read(facts.last_backup)
    if made is None or clock.now() - made > BACKED_UP_WITHIN:
        raise click.ClickException(
            f"There is no backup of {one.tenant} of the last day. Run: openslot backup --tenant "
            f"{one.tenant} FOLDER. Or add --without-backup."
        )


def _remove_data(installation: Settings, settings: Settings) -> None:
    """Remove the database, if we have made it."""
    if not settings.database_url:
        for file in our_files(settings):
            if file.name.startswith("openslot.sqlite3"):
                file.unlink(missing_ok=True)
        return
    role = schemas.schema_of(settings.tenant)
    if schemas.is_of(settings.url, role) and installation.database_url:
        schemas.remove(installation.url, role)
    else:
        where = schemas.without_password(settings.url)
        click.echo(f"Its database is left: {where}. Drop it on its server.", err=True)


def _said(error: Exception) -> str:
    said = error.format_message() if isinstance(error, click.ClickException) else str(error)
    return said or type(error).__name__
