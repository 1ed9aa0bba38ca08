import gc
import threading

import pytest

import factories
from engines import DATA_KEY
from openslot import app
from openslot.core.db import Database
from openslot.entrypoints.request import EXTENSION
from openslot.search.results import Names


def test_what_is_loaded_before_a_fork_has_no_thread_and_no_connection_and_reads_ahead_after_it(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_database.run(lambda session: factories.centre(session, "Early Clinic"))
    monkeypatch.setenv("OPENSLOT_DATABASE_URL", sqlite_database.engine.url.render_as_string())
    monkeypatch.setenv("OPENSLOT_DATA_KEYS", DATA_KEY)
    made, create = [], app.create_app
    monkeypatch.setattr(
        app, "create_app", lambda settings: made.append(create(settings)) or made[0]
    )
    threads, threshold = threading.enumerate(), gc.get_threshold()

    loaded = app.load(threads=2)

    gc.set_threshold(*threshold)
    services = made[0].extensions[EXTENSION]
    assert threading.enumerate() == threads
    assert services.database.idle == 0
    assert loaded.read_ahead is not None
    loaded.read_ahead()
    monkeypatch.setattr(Names, "read", lambda session: pytest.fail("it was read ahead"))
    names = services.database.read(services.network.fresh)
    assert [entry.name for entry in names.entries.values()] == ["Early Clinic"]
    services.database.close()
