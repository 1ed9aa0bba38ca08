"""Worlds that several features are tested in."""

from collections.abc import Iterator

import pytest

from clinic import Clinic, open_clinic
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
def post() -> Iterator[PostOffice]:
    """A mail server of this test's own, which takes everything."""
    with post_office() as serving:
        yield serving
