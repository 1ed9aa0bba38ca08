from sqlalchemy.orm import Session

from openslot.core.db import Database
from openslot.directory.changes import queries


def test_a_change_has_the_number_of_its_version_whatever_was_noted_before(
    sqlite_database: Database,
) -> None:
    def change(session: Session) -> None:
        queries.note_version(session, queries.version(session))
        queries.mark_changed(session, "centre", 1)

    before = sqlite_database.read(queries.version)
    for _ in range(2):
        sqlite_database.run(change)
    since = sqlite_database.read(lambda session: queries.changes_since(session, before + 1))
    assert since == [("centre", 1)]
