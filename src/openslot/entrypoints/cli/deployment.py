"""Settings and database for the commands."""

from collections.abc import Callable, Iterator
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
from openslot.core.work import Work, doing
from openslot.identity.providers import BadProviders, providers_of
from openslot.migrations import revisions
from openslot.migrations import run as migrations
from openslot.notifications.sms import BadProvider, provider_of

P = ParamSpec("P")
T = TypeVar("T")


class Deployment:
    """Settings and database of this machine, read when a command first needs them."""

    @cached_property
    def settings(self) -> Settings:
        """Return the settings, or raise ClickException with a line for each wrong one."""
        try:
            settings = Settings()
            if settings.sends_sms:
                provider_of(settings)
            providers_of(settings)
            return settings
        except ValidationError as error:
            raise click.ClickException("\n".join(_wrong_settings(error))) from None
        except BadProvider as error:
            raise click.ClickException(f"OPENSLOT_SMS_PROVIDER: {error}") from None
        except BadProviders as error:
            raise click.ClickException(f"OPENSLOT_IDENTITY_PROVIDERS: {error}") from None

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
            migrations.upgrade(engine)
        if not revisions.is_current(engine):
            sentence = "The database tables do not match this version. Run: openslot db upgrade"
            raise click.ClickException(sentence)
        keys = self.settings.encryption_keys
        if not self.database.read(lambda session: facts.knows_keys(session, keys)):
            self.database.run(lambda session: facts.note_keys(session, keys))
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


def _no_answer(error: Exception) -> click.ClickException:
    details = str(error.__cause__ or error).strip().splitlines()
    sentence = (
        "The database does not answer. Check that it is running and that OPENSLOT_DATABASE_URL is "
        "right."
    )
    return click.ClickException("\n".join([sentence, *details[:1]]))


def _wrong_settings(error: ValidationError) -> Iterator[str]:
    for item in error.errors():
        name = str(item["loc"][0]).upper() if item["loc"] else ""
        yield f"OPENSLOT_{name}: {item['msg'].removeprefix('Value error, ')}"


pass_deployment = click.make_pass_decorator(Deployment, ensure=True)
