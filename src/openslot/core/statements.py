"""Statements that are made once, and then sent by the driver itself.

SQLAlchemy takes as long again as its driver to run a statement that it knows. Here it only makes
the text, with what turns values into the engine's and back. Who listens to the statements of an
engine hears of these too, rows are encrypted, and errors explained, as everywhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter, methodcaller
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Delete, Insert, Select, Table, Update
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from openslot.core.encryption import encrypted_rows
from openslot.core.errors import Unavailable

T = TypeVar("T")

_CURSOR = "cursor"

Values = Mapping[str, Any]
Processor = Callable[[Any], Any] | None
Statement = Select[*tuple[Any, ...]] | Insert | Update | Delete


class Prepared:
    """A statement whose parameters are all named and single, no lists. An INSERT names its columns
    by ``names``, and is given a value for each."""

    def __init__(self, statement: Statement, names: Sequence[str] = ()):
        self.statement = statement
        self._names = list(names) or None
        self._made: WeakKeyDictionary[Dialect, _Made] = WeakKeyDictionary()

    def made_for(self, connection: Connection) -> "_Made":
        """Return the statement as an engine takes it. Raises TypeError if it is of another kind."""
        made = self._made.get(connection.dialect)
        if made is None:
            made = _make(self.statement, connection.engine, self._names)
            self._made[connection.dialect] = made
        return made


class Parameter(NamedTuple):
    """A parameter that a value is given for."""

    place: str
    name: str
    process: Processor


@dataclass(frozen=True, slots=True)
class _Made:
    """The text of a statement, and how its parameters and rows are turned."""

    text: str
    table: Table | None
    fixed: dict[str, Any]
    given: list[Parameter]
    order: Sequence[str] | None
    columns: Sequence[tuple[int, Callable[[Any], Any]]]
    """The places of the columns that are turned, and how."""
    heard: Any
    """Who hears of the statements of the engine."""

    def parameters(self, values: Values) -> dict[str, Any] | tuple[Any, ...]:
        """Return the values as the driver takes them."""
        found = dict(self.fixed)
        for place, name, process in self.given:
            value = values[name]
            found[place] = process(value) if process is not None else value
        return found if self.order is None else tuple(found[place] for place in self.order)

    def rows(self, found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return the rows that the driver has found."""
        return [self._turned(row) for row in found] if self.columns else found

    def _turned(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for at, process in self.columns:
            values[at] = process(values[at])
        return tuple(values)


def _make(statement: Statement, engine: Any, names: list[str] | None) -> _Made:
    dialect: Dialect = engine.dialect
    compiled = statement.compile(dialect=dialect, column_keys=names)
    assert isinstance(compiled, SQLCompiler)
    if compiled.post_compile_params or compiled.literal_execute_params or compiled.prefetch:
        raise TypeError(f"this statement cannot be made once: {statement}")
    fixed: dict[str, Any] = {}
    given = []
    for parameter, place in compiled.bind_names.items():
        process = parameter.type.dialect_impl(dialect).bind_processor(dialect)
        if parameter.required:
            given.append(Parameter(place, parameter.key, process))
        else:
            value = parameter.effective_value
            fixed[place] = process(value) if process is not None else value
    table = statement.table if isinstance(statement, Insert) else None
    assert table is None or isinstance(table, Table)
    kinds = [column.type for column in getattr(statement, "selected_columns", ())]
    columns = [kind.dialect_impl(dialect).result_processor(dialect, None) for kind in kinds]
    return _Made(
        text=compiled.string,
        table=table,
        fixed=fixed,
        given=given,
        order=compiled.positiontup if compiled.positional else None,
        columns=[(at, process) for at, process in enumerate(columns) if process is not None],
        heard=_first(engine).dispatch,
    )


def _first(engine: Any) -> Any:
    """Return the engine that one with options was made of: both have the same listeners."""
    proxied = getattr(engine, "_proxied", None)
    return engine if proxied is None else _first(proxied)


def read(connection: Connection, prepared: Prepared, values: Values) -> list[tuple[Any, ...]]:
    """Return all rows of a SELECT."""
    made = prepared.made_for(connection)
    parameters = made.parameters(values)
    found = _answer(connection, made, parameters, methodcaller("fetchall"), several=False)
    return made.rows(list(found))


def write(connection: Connection, prepared: Prepared, *rows: Values) -> int:
    """Execute an INSERT, UPDATE or DELETE, for each of the rows, and return how many it changed."""
    made = prepared.made_for(connection)
    if made.table is not None:
        rows = tuple(encrypted_rows(connection, made.table, rows))
    several = len(rows) != 1
    parameters: Any = [made.parameters(row) for row in rows]
    if not several:
        [parameters] = parameters
    changed: int = _answer(connection, made, parameters, attrgetter("rowcount"), several=several)
    return changed


@contextmanager
def in_one_go(connection: Connection) -> Iterator[None]:
    """Send the statements in the block, which write, and a COMMIT without waiting for the answer to
    each, if the driver can: a refusal is raised at the end, and how many rows each has changed is
    not known. With other drivers, whoever owns the connection commits as ever."""
    driver: Any = connection.connection.driver_connection
    if not getattr(driver, "can_pipeline", False):
        yield
        return
    try:
        with driver.pipeline():
            yield
            driver.execute("COMMIT", prepare=False)  # commit() would wait for the answer
    except connection.dialect.loaded_dbapi.Error as error:
        if driver.pgconn.pipeline_status:
            driver.close()  # it was lost on the way, and is of no use, though it is not broken yet
        try:
            connection._handle_dbapi_exception(error, None, None, None, None)
        except Unavailable as unavailable:
            unavailable.may_come = driver.was_silent
            raise


def _answer(
    connection: Connection,
    made: _Made,
    parameters: Any,
    asked: Callable[[Any], T],
    *,
    several: bool,
) -> T:
    """Return what is ``asked`` of the driver's cursor after the statement, which serves for the
    next one too. Raises what SQLAlchemy would raise; SQLite looks for most rows only then."""
    cursor, text = None, made.text
    try:
        driver = connection.connection
        cursor = driver.info.pop(_CURSOR, None) or driver.cursor()
        for tell in made.heard.before_cursor_execute:
            text, parameters = tell(connection, cursor, text, parameters, None, several)
        if several:
            cursor.executemany(text, parameters)
        else:
            cursor.execute(text, parameters)
        for tell in made.heard.after_cursor_execute:
            tell(connection, cursor, text, parameters, None, several)
        answer = asked(cursor)
    except BaseException as error:
        # What SQLAlchemy does with an error of its own, and has no public name for.
        connection._handle_dbapi_exception(error, text, parameters, cursor, None)
    driver.info[_CURSOR] = cursor
    return answer
