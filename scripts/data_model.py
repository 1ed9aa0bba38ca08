"""Write docs/data-model.md from the tables of the models and their docstrings.

python scripts/data_model.py            write the page
python scripts/data_model.py --check    write nothing; exit 1 when the page is stale
"""

import argparse
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

from openslot.core.encryption import Blind
from openslot.core.tables import Base, Word
from openslot.schema import metadata

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/data-model.md"

HEAD = """# Data model

The tables, by the part of the program that owns them: lower parts first, so that a table points
only to what stands before it, or to its own part. One installation serves one health network, so
no table has a tenant column ([decision](adr/0002-tenants.md)).

- **Instants** are kept in UTC to the microsecond; opening hours are wall-clock times of the
  centre's zone.
- **Ids** of people's data are UUIDs, ids of the directory are whole numbers.
- **Optional** columns may be null; all others must have a value.
- Constraints and indexes have names made by a convention (`core/tables.py`), so that migrations
  find them on every engine.
- In the pictures `PK` is a primary key, `FK` points to another table, `UK` is unique.

What other systems call it:

- HM System: the table `user` (`id`, `text`, `date_added`) is `account` (`id`, `name`,
  `created_at`), and `roles` (`id`, `title`) are the values of `account.role`: patient,
  practitioner, staff, centre-admin and network-admin.
- MediSoft: `patient.csv` and `provider.csv` are `account` with `patient` or `practitioner`;
  `health_centres.csv` is `centre`, `provider_health_centre.csv` is `schedule` with `opening_hours`.
- Medical Services Manager: `users` are `account` with `staff_member`, `facility` is `centre`,
  `departments` are `department` with `service`, `appointment` is `service_request` with
  `appointment`.
- Doctor schedule: a doctor is a `practitioner`, a location a `centre`.

This page is written by `python scripts/data_model.py`; the words come from the docstrings of the
models, so change those.
"""

TYPES = {
    "Instant": "instant",
    "Text": "long text",
    "Integer": "whole number",
    "Boolean": "yes or no",
    "Date": "date",
    "Double": "decimal number",
    "Uuid": "UUID",
    "JSON": "JSON",
    "EncryptedText": "[encrypted](encryption.md) text",
    "EncryptedJson": "[encrypted](encryption.md) JSON",
}


def page() -> str:
    """The whole page as it should be."""
    parts = [HEAD]
    for area in areas():
        parts += [f"\n## {area.capitalize()}\n\n{_docstring(f'openslot.{area}')}\n", _picture(area)]
        parts += [_section(model) for model in _models(area)]
    return "".join(parts)


def areas() -> list[str]:
    """The parts of the program that have tables, lowest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    names = [name.strip() for layer in reversed(layers) for name in layer.split("|")]
    owners = {_area(mapper.class_) for mapper in Base.registry.mappers}
    return [area for area in (name.removeprefix("openslot.") for name in names) if area in owners]


def _area(model: type) -> str:
    return model.__module__.split(".")[1]


def _models(area: str) -> list[type]:
    found = [one.class_ for one in Base.registry.mappers if _area(one.class_) == area]
    return sorted(found, key=_place)


def _place(model: type) -> tuple[str, int]:
    return model.__module__, inspect.getsourcelines(model)[1]


def _section(model: type) -> str:
    table: Table = metadata.tables[model.__tablename__]  # type: ignore[attr-defined] # all have one
    rows = "".join(_row(column) for column in table.columns)
    more = "".join(f"- {sentence}\n" for sentence in _rules(table))
    return (
        f"\n### `{table.name}`\n\n{_plain(model.__doc__ or '')}\n\n"
        f"| Column | Type | Key |\n| --- | --- | --- |\n{rows}" + (f"\n{more}" if more else "")
    )


def _row(column: Column[Any]) -> str:
    optional = ", optional" if column.nullable else ""
    return f"| `{column.name}` | {_type(column.type)}{optional} | {', '.join(_keys(column))} |\n"


def _keys(column: Column[Any]) -> Iterator[str]:
    if column.primary_key:
        yield "primary"
    if column.unique:
        yield "unique"
    for key in sorted(column.foreign_keys, key=lambda key: key.target_fullname):
        table = key.target_fullname.split(".")[0]
        gone = f", {key.ondelete.lower()} when it is deleted" if key.ondelete else ""
        yield f"[{table}](#{table}){gone}"


def _rules(table: Table) -> Iterator[str]:
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        columns = ", ".join(f"`{column.name}`" for column in index.columns)
        yield f"{'unique' if index.unique else 'index'}: {columns}"
    for rule in sorted(table.constraints, key=lambda rule: str(rule.name)):
        if isinstance(rule, UniqueConstraint) and len(rule.columns) > 1:
            yield f"unique together: {', '.join(f'`{column.name}`' for column in rule.columns)}"
        elif isinstance(rule, CheckConstraint):
            yield f"always: `{rule.sqltext}`"


def _type(kind: TypeEngine[Any]) -> str:
    name = type(kind).__name__
    if isinstance(kind, Blind):
        return "keyed hash"
    if isinstance(kind, String) and kind.length:
        return f"text up to {kind.length}"
    if isinstance(kind, Word):
        return "one of " + ", ".join(str(word) for word in kind.words)
    if isinstance(kind, LargeBinary):
        return f"{kind.length or ''} bytes".strip()
    return TYPES.get(name) or _plain(type(kind).__doc__ or name).split(".")[0]


# Pictures


def _picture(area: str) -> str:
    """The tables of an area with all that they point to, as a Mermaid diagram."""
    tables = [metadata.tables[model.__tablename__] for model in _models(area)]  # type: ignore[attr-defined]
    lines = [line for table in tables for line in (*_box(table), *_arrows(table))]
    return "\n```mermaid\nerDiagram\n" + "".join(f"    {line}\n" for line in lines) + "```\n"


def _box(table: Table) -> Iterator[str]:
    yield f"{table.name} {{"
    for column in table.columns:
        marks = [
            mark
            for mark, wanted in (
                ("PK", column.primary_key),
                ("FK", column.foreign_keys),
                ("UK", column.unique),
            )
            if wanted
        ]
        if marks:
            yield f"    {_word(column.type)} {column.name} {', '.join(marks)}"
    yield "}"


def _arrows(table: Table) -> Iterator[str]:
    for column in table.columns:
        for key in sorted(column.foreign_keys, key=lambda key: key.target_fullname):
            yield f"{_target(key)} {_ends(column)} {table.name} : {column.name}"


def _target(key: ForeignKey) -> str:
    return key.target_fullname.split(".")[0]


def _ends(column: Column[Any]) -> str:
    """Crow's feet: one or none on the left, one or many on the right."""
    alone = column.unique or (column.primary_key and len(column.table.primary_key.columns) == 1)
    return f"{'|o' if column.nullable else '||'}--{'o|' if alone else 'o{'}"


def _word(kind: TypeEngine[Any]) -> str:
    return "number" if isinstance(kind, Integer) else re.sub(r"\W.*", "", _type(kind)) or "text"


# Words


def _docstring(module: str) -> str:
    return _plain(import_module(module).__doc__ or "")


def _plain(doc: str) -> str:
    """A docstring as Markdown."""
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", inspect.cleandoc(doc)).replace("``", "`")


def main() -> None:
    """Write the page, or only compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 when the page is stale")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/data-model.md is stale: run python scripts/data_model.py")


if __name__ == "__main__":
    main()
