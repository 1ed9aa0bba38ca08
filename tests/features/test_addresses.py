"""Accounts, as far as an engine can matter."""

import pytest
from sqlalchemy.orm import Session

from factories import NOW
from openslot.core.actor import Actor, Role
from openslot.core.db import Database
from openslot.identity import queries
from openslot.identity.commands import NewAccount, create_account
from openslot.identity.errors import EmailTaken
from openslot.identity.models import Account
from working import work


def create(database: Database, email: str) -> Account:
    def act(session: Session) -> Account:
        new = NewAccount(email, "Somebody", "-", Role.PATIENT)
        return create_account(work(session, Actor(), NOW), new)

    return database.run(act)


def test_an_accent_makes_another_address_on_each_engine(database: Database) -> None:
    plain, accented = create(database, "jose@example.org"), create(database, "josé@example.org")
    assert plain.id != accented.id
    found = database.read(lambda session: queries.by_email(session, "josé@example.org"))
    assert found is not None
    assert found.id == accented.id
    with pytest.raises(EmailTaken):
        create(database, "josé@example.org")
