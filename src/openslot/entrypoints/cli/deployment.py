"""What every command stands on: the settings, and a database that answers."""

from collections.abc import Iterator
from functools import cached_property

import click
from pydantic import ValidationError

from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.migrations import run as migrations


class Deployment:
    """Settings and database of this machine, read when a command first needs them."""

    @cached_property
    def settings(self) -> Settings:
        """The settings; a wrong one stops the command with a sentence for each."""
        try:
            return Settings()
        except ValidationError as error:
            raise click.ClickException("\n".join(_wrong_settings(error))) from None

    @cached_property
    def database(self) -> Database:
        """The database, once it has answered; whether it has our tables is not asked."""
        url = self.settings.url
        try:
            database = Database(url, hurried=False)
            migrations.current(database.engine)
        except Exception as error:  # drivers have too many kinds, and each means the same here
            told = str(error.__cause__ or error).strip().splitlines()
            sentence = "The database does not answer. Check OPENSLOT_DATABASE_URL and that it runs."
            raise click.ClickException("\n".join([sentence, *told[:1]])) from None
        click.get_current_context().call_on_close(database.close)
        return database

    @property
    def ready_database(self) -> Database:
        """The database, with all tables as this version wants them.

        The embedded one is made at first use; any other, and any older one, is left to
        ``openslot db upgrade``.
        """
        engine = self.database.engine
        if not self.settings.database_url and migrations.current(engine) is None:
            migrations.upgrade(engine)
        if not migrations.is_current(engine):
            sentence = "The database is not at the schema of this version. Run: openslot db upgrade"
            raise click.ClickException(sentence)
        return self.database


def _wrong_settings(error: ValidationError) -> Iterator[str]:
    for item in error.errors():
        name = str(item["loc"][0]).upper() if item["loc"] else ""
        yield f"OPENSLOT_{name}: {item['msg'].removeprefix('Value error, ')}"


pass_deployment = click.make_pass_decorator(Deployment, ensure=True)
