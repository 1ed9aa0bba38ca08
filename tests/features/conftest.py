"""Worlds that several features are tested in."""

from collections.abc import Iterator

import pytest

from clinic import Clinic, Mails, open_clinic
from openslot.core.config import Settings
from openslot.core.db import Database
from postoffice import PostOffice, post_office
from town import Town, build_town


@pytest.fixture
def town(sqlite_database: Database) -> Town:
    """Two centres with practitioners, patients and a service, on SQLite."""
    return build_town(sqlite_database)


@pytest.fixture
def clinic(sqlite_database: Database) -> Clinic:
    """One practitioner and one patient with mail addresses, on SQLite."""
    return open_clinic(sqlite_database)


@pytest.fixture
def settings() -> Settings:
    """No mail server, so mails are kept where tests can read them."""
    return Settings(
        _env_file=None,
        public_url="https://book.example.org",
        network_name="Eastern Health",
        secret_key="a key for tests",
    )


@pytest.fixture
def mails(sqlite_database: Database, settings: Settings) -> Mails:
    """The mails that are made of what happens in the clinic."""
    return Mails(sqlite_database, settings)


@pytest.fixture
def post() -> Iterator[PostOffice]:
    """A mail server of this test's own, which takes everything."""
    with post_office() as serving:
        yield serving
