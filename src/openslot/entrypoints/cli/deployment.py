"""Settings and database for the commands."""

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Concatenate, ParamSpec, TypeVar

import click
from pydantic import ValidationError

from openslot.core import clock, facts
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Busy, Unavailable
from openslot.core.files import close_files, open_files
from openslot.core.setting_values import wrong_settings
from openslot.core.tenants import Tenants, read
from openslot.core.work import Work, doing
from openslot.identity.providers import BadProviders, providers_of
from openslot.migrations import revisions
from openslot.migrations import run as migrations
from openslot.migrations.readiness import check_ready
from openslot.notifications.sms import BadProvider, provider_of

ONE_NETWORK = (
    "This installation serves one network. To serve several, set OPENSLOT_TENANTS to the folder of "
    "their settings; docs/tenants.md says how."
)

P = ParamSpec("P")
T = TypeVar("T")


class Deployment:
    """Settings and database of this machine, read when a command first needs them; where there are
    several networks (tenants), those of one of them."""

    tenant: str | None = None
    """The name of the network that the command was given."""

    @cached_property
    def installation(self) -> Settings:
        """Return the settings of the whole installation, or raise ClickException with a line for
        each wrong one."""
        try:
            return Settings()
        except ValidationError as error:
            raise click.ClickException("\n".join(wrong_settings(error))) from None

    @cached_property
    def tenants(self) -> Tenants:
        """Return the networks; raise ClickException if the installation has only one."""
        if not self.installation.tenants:
            raise click.ClickException(ONE_NETWORK)
        return read(self.installation)

    @cached_property
    def settings(self) -> Settings:
        """Return the settings of the one network, or raise ClickException with a line for each
        wrong one; of several, never guess which is meant."""
        settings = self._of_tenant() if self.installation.tenants else self._of_all()
        try:
            if settings.sends_sms:
                provider_of(settings)
            providers_of(settings)
        except BadProvider as error:
            raise click.ClickException(f"OPENSLOT_SMS_PROVIDER: {error}") from None
        except BadProviders as error:
            raise click.ClickException(f"OPENSLOT_IDENTITY_PROVIDERS: {error}") from None
        return settings

    def _of_all(self) -> Settings:
        if self.tenant or self.installation.tenant:
            raise click.ClickException(ONE_NETWORK)
        return self.installation

    def _of_tenant(self) -> Settings:
        name = self.tenant or self.installation.tenant
        names = sorted([*self.tenants.settings, *self.tenants.faults])
        if not name and len(names) != 1:
            there = f"They are: {', '.join(names)}." if names else "There is none yet."
            raise click.ClickException(f"Say which network this is for: --tenant NAME. {there}")
        return self.tenants.of(name or names[0])

    @property
    def all_settings(self) -> list[Settings]:
        """Return the settings of each network that is served. Of several, some may not work."""
        if not self.installation.tenants:
            return [self.settings]
        return list(self.tenants.settings.values())

    def of(self, name: str) -> "Deployment":
        """Return the deployment of one network of this installation."""
        other = Deployment()
        other.tenant, other.installation, other.tenants = name, self.installation, self.tenants
        return other

    @cached_property
    def database(self) -> Database:
        """Return the database, with or without tables; raise ClickException if it is away."""
        url, keys = self.settings.url, self.settings.encryption_keys
        self._close_files()
        try:
            database = Database(url, keys, hurried=False)
        except Exception as error:
            raise _no_answer(error) from None
        try:
            with suppress(Busy):  # it answers, and is being upgraded
                revisions.current(database.engine)
        except Exception as error:  # each driver has its own errors, and all mean the same here
            with suppress(Unavailable):
                check_file(database)
            raise _no_answer(error) from None
        click.get_current_context().call_on_close(database.close)
        return database

    def _close_files(self) -> None:
        """Keep the embedded database to its owner, or raise ClickException if it cannot be."""
        if self.settings.database_url:
            return
        with suppress(PermissionError):
            close_files(self.settings)
        if found := open_files(self.settings):
            raise click.ClickException("\n".join(found))

    @property
    def ready_database(self) -> Database:
        """Return the database with the tables of this version, or raise ClickException; raise
        DataKeyMissing if it cannot be read with the keys that are set.

        The tables of the embedded database are created at first use. Other databases and older
        tables need ``openslot db upgrade``.
        """
        engine = self.database.engine
        if not self.settings.database_url and revisions.current(engine) is None:
            make_ready(self.database, self.settings)
        check_ready(self.database, self.settings)
        return self.database

    def write(
        self, command: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do a command in its own transaction and return its result."""
        return self.ready_database.run(
            doing(SYSTEM, clock.now(), self.settings, command, *args, **kwargs)
        )


def check_file(database: Database) -> None:
    """Print what is damaged in SQLite's file, and raise ClickException if anything is."""
    damaged = database.damage()
    for line in damaged:
        click.echo(line)
    if damaged:
        raise click.ClickException(
            "The database file is damaged. Stop the server, keep a copy of the file, and restore "
            "the newest backup that passes `openslot check`."
        )


def make_ready(database: Database, settings: Settings) -> None:
    """Bring the tables to this version, and note the network that they are of from now on."""
    if not revisions.is_current(database.engine):
        database.scrub(patiently=True)  # first, so that it is done again if it is interrupted
        migrations.upgrade(database.engine)
    if settings.tenant:
        database.run(lambda session: facts.note_tenant(session, settings.tenant))


def _no_answer(error: Exception) -> click.ClickException:
    details = str(error.__cause__ or error).strip().splitlines()
    sentence = (
        "The database does not answer. Check that it is running and that OPENSLOT_DATABASE_URL is "
        "right."
    )
    return click.ClickException("\n".join([sentence, *details[:1]]))


def _choose(context: click.Context, _option: click.Parameter, name: str | None) -> None:
    if name:
        context.ensure_object(Deployment).tenant = name


_pass = click.make_pass_decorator(Deployment, ensure=True)


def pass_installation(command: Callable[Concatenate[Deployment, P], T]) -> Callable[P, T]:
    """Give a command the deployment, whatever networks it has."""
    return _pass(command)


def pass_deployment(command: Callable[Concatenate[Deployment, P], T]) -> Callable[P, T]:
    """Give a command the deployment of one network, which ``--tenant`` chooses among several."""
    choice = click.option(
        "--tenant",
        metavar="NAME",
        expose_value=False,
        callback=_choose,
        help="Network that this is for, if there are several. Default: OPENSLOT_TENANT.",
    )
    return choice(_pass(command))
