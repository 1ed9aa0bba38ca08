"""Rule: exact means exact, letter by letter, on every engine and whatever a server's defaults."""

import unicodedata
from functools import partial

import pytest
from sqlalchemy import Engine, func, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import engines
from engines import DATA_KEYS
from openslot.core import folding
from openslot.core.db import Database
from openslot.core.engines import make_engine
from openslot.core.errors import AlreadyThere, Conflict
from openslot.core.refusals import taken_columns
from openslot.core.tables import Base
from openslot.directory.models import Centre, Diary
from openslot.migrations import run
from openslot.schema import metadata

ALIKE = [
    "Cafe",
    "Café",
    "cafe",
    "CAFE",
    "Cafe ",
    " Cafe",
    "Strasse",
    "Straße",
    "😀",
    "😁",
    "Ärzte",
    "ärzte",
    "Łódź",
    "Lodz",
    unicodedata.normalize("NFD", "Café"),
]
"""What one engine or another takes for the same, with its defaults."""

on_mariadb = pytest.mark.parametrize(
    "engine_name", [name for name in engines.engine_names() if name == "mariadb"], indirect=True
)


def add_centre(session: Session, number: int, **values: object) -> None:
    session.execute(insert(Diary).values(id=number, kind="centre"))
    given = {
        "name": f"Centre {number}",
        "type": "Hospital",
        "suburb": "Randwick",
        "time_zone": "UTC",
        "active": True,
        **values,
    }
    session.execute(insert(Centre).values(id=number, diary_id=number, **given))


def centres_that(session: Session, *where: object) -> list[int]:
    return sorted(session.scalars(select(Centre.id).where(*where)))  # type: ignore[arg-type]


@pytest.mark.parametrize("column", ["name", "business_number", "external_id"])
def test_values_that_look_alike_are_kept_apart(database: Database, column: str) -> None:
    def work(session: Session) -> None:
        for number, value in enumerate(ALIKE, 1):
            add_centre(session, number, **{column: value})

    database.run(work)
    for number, value in enumerate(ALIKE, 1):
        found = database.read(
            lambda session, value=value: centres_that(session, getattr(Centre, column) == value)
        )
        assert found == [number], value


def test_a_beginning_and_an_end_mind_the_case(database: Database) -> None:
    database.run(lambda session: add_centre(session, 1, external_id="urn:Ward|aB1"))
    column = Centre.external_id
    for where, there in (
        (column.startswith("urn:Ward|"), True),
        (column.startswith("urn:ward|"), False),
        (column.endswith("|aB1"), True),
        (column.endswith("|ab1"), False),
    ):
        found = database.read(lambda session, where=where: centres_that(session, where))
        assert found == ([1] if there else []), str(where)


def test_searches_without_case_know_all_letters_and_both_forms_of_an_accent(
    database: Database,
) -> None:
    database.run(lambda session: add_centre(session, 1, name="École Élan", suburb="Łódź"))
    for where in (
        folding.is_text(Centre.suburb, "ŁÓDŹ"),
        folding.is_text(Centre.suburb, unicodedata.normalize("NFD", " łódź ")),
        folding.has_words("éLAN école", Centre.name),
        folding.has_words(unicodedata.normalize("NFD", "élan"), Centre.name),
        Centre.name.icontains("ÉCOLE"),
        Centre.name.ilike("école élan"),
    ):
        assert database.read(lambda session, where=where: centres_that(session, where)) == [1]
    plain = folding.is_text(Centre.suburb, "lodz")
    assert database.read(lambda session: centres_that(session, plain)) == [1]


def test_text_that_is_too_long_is_refused_and_never_cut_off(database: Database) -> None:
    """SQLite has no lengths; there the fields keep them."""
    if database.engine.dialect.name == "sqlite":
        return
    with pytest.raises(DBAPIError):
        database.run(lambda session: add_centre(session, 1, name="x" * 201))
    assert database.read(lambda session: session.scalar(select(func.count(Centre.id)))) == 0


# A key that every try meets again


def add_anyway(session: Session, *, tries: list[int], values: dict[str, object]) -> None:
    tries.append(1)
    add_centre(session, 2, **values)


def test_a_key_that_is_taken_for_good_is_a_conflict_at_once(database: Database) -> None:
    name = "It's for key 'uq_centre_name'"  # what MariaDB says of a key may stand in a value
    database.run(lambda session: add_centre(session, 1, name=name, business_number="' for key '2"))
    for values, field in (
        ({"name": name}, "name"),
        ({"business_number": "' for key '2"}, "business_number"),
    ):
        tries: list[int] = []
        with pytest.raises(AlreadyThere) as refused:
            database.run(partial(add_anyway, tries=tries, values=values))
        assert len(tries) == 2
        assert refused.value.field == field
        assert "There is already one with this" in str(refused.value)


def test_a_key_that_nobody_fills_in_is_a_conflict_without_a_field(database: Database) -> None:
    database.run(lambda session: add_centre(session, 1))

    def work(session: Session) -> None:
        session.execute(insert(Diary).values(id=1, kind="centre"))

    with pytest.raises(Conflict) as refused:
        database.run(work)
    assert not isinstance(refused.value, AlreadyThere)
    assert refused.value.field is None


def test_a_key_that_points_to_nothing_is_tried_twice_and_is_then_a_mistake(
    database: Database,
) -> None:
    tries = []

    def work(session: Session) -> None:
        tries.append(1)
        add_centre(session, 1)
        session.execute(update(Centre).values(diary_id=99))

    with pytest.raises(DBAPIError):
        database.run(work)
    assert len(tries) == 2


def test_every_unique_key_is_told_by_its_columns(database: Database) -> None:
    """Whatever the engine calls it: rows are written twice, one key at a time."""
    database.run(lambda session: add_centre(session, 1, external_id="a", business_number="b"))
    for values, columns in (
        ({"name": "Centre 1"}, ("name",)),
        ({"external_id": "a"}, ("external_id",)),
        ({"business_number": "b"}, ("business_number",)),
    ):
        with pytest.raises(DBAPIError) as refused, Session(database.engine) as session:
            add_centre(session, 2, **values)
        assert taken_columns(Base.metadata, refused.value) == columns


# Servers that are set up otherwise


@pytest.fixture(params=["latin1", "utf8mb4 COLLATE utf8mb4_general_ci"])
def odd_engine(blank_engine: Engine, request: pytest.FixtureRequest) -> Engine:
    """A MariaDB database whose own default is another."""
    with blank_engine.begin() as connection:
        name = connection.scalar(text("SELECT DATABASE()"))
        connection.execute(text(f"ALTER DATABASE {name} CHARACTER SET {request.param}"))
    return blank_engine


FOLDING = text(
    "SELECT c.table_name, c.column_name FROM information_schema.columns c"
    " WHERE c.table_schema = DATABASE() AND c.table_name <> 'alembic_version'"
    " AND c.collation_name <> 'utf8mb4_nopad_bin'"
)


def opaque() -> set[tuple[str, str]]:
    """JSON, which is kept and never compared."""
    return {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        if column.type.__visit_name__ == "JSON"
    }


@on_mariadb
def test_every_text_of_the_schema_is_exact(odd_engine: Engine) -> None:
    """Read from the server itself, on tables that the migrations made; so a column that a later
    one adds without it is found, too."""
    run.upgrade(odd_engine)
    with odd_engine.connect() as connection:
        assert {tuple(row) for row in connection.execute(FOLDING)} == opaque()


@on_mariadb
def test_the_models_make_exact_tables_too(odd_engine: Engine) -> None:
    metadata.create_all(odd_engine)
    with odd_engine.connect() as connection:
        assert {tuple(row) for row in connection.execute(FOLDING)} == opaque()


@on_mariadb
def test_a_database_of_the_release_before_is_brought_over_with_its_data(odd_engine: Engine) -> None:
    run.upgrade(odd_engine, "0006")
    with odd_engine.begin() as connection:
        connection.execute(text("INSERT INTO diary (id, kind) VALUES (1, 'centre'), (2, 'centre')"))
        connection.execute(
            text(
                "INSERT INTO centre (id, diary_id, name, type, suburb, time_zone, active,"
                " description) VALUES (1, 1, 'Café', 'Hospital', 'Zürich', 'UTC', 1, 'Größe')"
            )
        )
    before = keys(odd_engine)
    run.upgrade(odd_engine, "0007")
    assert keys(odd_engine) == before
    run.upgrade(odd_engine)
    database = Database(odd_engine.url.render_as_string(hide_password=False), DATA_KEYS)
    database.run(lambda session: add_another(session, "Cafe"))
    database.run(lambda session: add_another(session, "王小明 😀"))
    with odd_engine.connect() as connection:
        names = connection.execute(text("SELECT name FROM centre ORDER BY id")).scalars().all()
        kept = connection.execute(text("SELECT suburb, description FROM centre LIMIT 1")).one()
    assert names == ["Café", "Cafe", "王小明 😀"]
    assert tuple(kept) == ("Zürich", "Größe")
    database.close()
    run.downgrade(odd_engine, "0006")
    run.upgrade(odd_engine, "0007")
    assert keys(odd_engine) == before


def add_another(session: Session, name: str) -> None:
    number = (session.scalar(select(func.max(Centre.id))) or 0) + 10
    add_centre(session, number, name=name)


def keys(engine: Engine) -> dict[str, object]:
    found = inspect(engine)
    return {
        table: (
            sorted(str(one) for one in found.get_foreign_keys(table)),
            sorted(str(one) for one in found.get_unique_constraints(table)),
        )
        for table in found.get_table_names()
    }


@on_mariadb
def test_an_upgrade_that_was_broken_off_goes_on(odd_engine: Engine) -> None:
    run.upgrade(odd_engine, "0006")
    with odd_engine.begin() as connection:
        connection.execute(text("SET SESSION foreign_key_checks = 0"))
        connection.execute(
            text(
                "ALTER TABLE centre DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin,"
                " MODIFY name VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL"
            )
        )
    run.upgrade(odd_engine)
    with odd_engine.connect() as connection:
        assert {tuple(row) for row in connection.execute(FOLDING)} == opaque()


@pytest.mark.parametrize(
    "engine_name", [name for name in engines.engine_names() if name == "postgresql"], indirect=True
)
def test_a_database_that_cannot_keep_every_letter_is_refused(blank_engine: Engine) -> None:
    """PostgreSQL's tables have the encoding of their database, which nothing changes later."""
    name = f"{blank_engine.url.database}_latin1"
    with blank_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        )
    latin = make_engine(blank_engine.url.set(database=name))
    with pytest.raises(run.CannotKeepText, match="LATIN1, which cannot keep every name"):
        run.upgrade(latin)
    assert inspect(latin).get_table_names() == []
    latin.dispose()


@on_mariadb
def test_the_connection_says_how_it_reads_whatever_the_address_or_the_server_says(
    blank_engine: Engine,
) -> None:
    engine = make_engine(blank_engine.url.update_query_dict({"charset": "latin1"}))
    with engine.connect() as connection:
        names = (
            "character_set_client",
            "character_set_connection",
            "collation_connection",
            "sql_mode",
        )
        found = connection.execute(text(f"SELECT {', '.join(f'@@{name}' for name in names)}")).one()
    engine.dispose()
    assert found[:3] == ("utf8mb4", "utf8mb4", "utf8mb4_nopad_bin")
    assert "STRICT_ALL_TABLES" in found[3]
