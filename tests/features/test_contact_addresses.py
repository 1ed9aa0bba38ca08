"""Accounts, as far as an engine can matter."""

import pytest

import factories
from openslot.core.db import Database
from openslot.identity import queries
from openslot.identity.errors import EmailTaken
from openslot.identity.models import Account


def create(database: Database, email: str) -> Account:
    return database.run(lambda session: factories.account(session, email))


def test_an_accent_makes_another_address_on_each_engine(database: Database) -> None:
    plain, accented = create(database, "jose@example.org"), create(database, "josé@example.org")
    assert plain.id != accented.id
    found = database.read(lambda session: queries.by_email(session, "josé@example.org"))
    assert found is not None
    assert found.id == accented.id
    with pytest.raises(EmailTaken):
        create(database, "josé@example.org")
