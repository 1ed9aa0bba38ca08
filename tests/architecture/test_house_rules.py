"""The house rules of CONTRIBUTING.md, read off the sources.

Each rule is a function from a module to the faults in it, with an example that breaks it:
one test finds no fault in the project, the other finds the fault in the example.
"""

import ast
import re
import runpy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from openslot.core.config import Settings

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/openslot"

MOST_LINES = 700

SQL_FILES = ("models.py", "queries.py", "search.py", "diaries.py", "schema.py")
SQL_FOLDERS = ("core", "migrations")
CLOCKS = ("core/clock.py", "core/ids.py")
PRESENT = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
PRESENT |= {"time.time_ns", "time.localtime", "time.gmtime"}
OVERRIDES = {"load_dialect_impl", "process_bind_param", "process_result_value"}
"""Methods whose meaning is SQLAlchemy's, not ours."""


@dataclass(frozen=True)
class Module:
    """A source file; ``path`` is relative to src/openslot."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def folders(self) -> tuple[str, ...]:
        return PurePosixPath(self.path).parts[:-1]

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    def imports(self) -> Iterator[str]:
        """Each imported module; ``package.Name`` where one name is taken from a module."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def modules() -> tuple[Module, ...]:
    files = sorted(SOURCE.rglob("*.py"))
    return tuple(
        Module(file.relative_to(SOURCE).as_posix(), file.read_text(encoding="utf-8"))
        for file in files
    )


def only_db_ends_transactions(module: Module) -> Iterator[str]:
    if module.path not in ("core/db.py", "core/sqlite.py", "core/statements.py"):
        yield from re.findall(r"\bcommit\(|\.rollback\(", module.text)


def aliases_have_their_columns(module: Module) -> Iterator[str]:
    """``alias_of`` says why."""
    if module.path != "core/tables.py":
        yield from re.findall(r"\baliased\(", module.text)


def flask_stays_in_entry_points(module: Module) -> Iterator[str]:
    for name in module.imports():
        root = name.partition(".")[0]
        web = root in ("flask", "werkzeug") or root.startswith("flask_")
        if web and module.path != "app.py" and module.folders[:1] != ("entrypoints",):
            yield name


def sql_stays_in_its_files(module: Module) -> Iterator[str]:
    if module.name in SQL_FILES or module.folders[:1] in {(folder,) for folder in SQL_FOLDERS}:
        return
    for name in module.imports():
        if name.partition(".")[0] == "sqlalchemy" and name != "sqlalchemy.orm.Session":
            yield name


def pages_are_written_in_one_file(module: Module) -> Iterator[str]:
    """Nobody else touches the table of diary pages, and so none forgets the version. The catalogue
    of exports says why it is left out."""
    home = ("schedules/diaries.py", "schedules/models.py", "transfers/catalogue.py")
    if module.path not in home and module.folders[:1] != ("migrations",):
        yield from re.findall(r"\bDiaryPage\b|\bdiary_page\b", module.text)


def entry_points_never_meet(module: Module) -> Iterator[str]:
    if len(module.folders) < 2 or module.folders[0] != "entrypoints":
        return
    for name in module.imports():
        parts = name.split(".")
        if parts[:2] == ["openslot", "entrypoints"] and parts[2] in other_entry_points(module):
            yield name


def other_entry_points(module: Module) -> set[str]:
    return {"web", "api", "fhir", "cli", "worker"} - {module.folders[1]}


LOADED_WHEN_NEEDED = {
    "entrypoints/web/history.py": {"openslot.exports"},
    "identity/passwords.py": {"zxcvbn", "zxcvbn.matching"},
}
"""Large modules that few requests need."""


def imports_stand_at_the_top(module: Module) -> Iterator[str]:
    large = LOADED_WHEN_NEEDED.get(module.path, set())
    for function in ast.walk(module.tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and node.module in large:
                    continue
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield f"line {node.lineno}"


def files_fit_the_head(module: Module) -> Iterator[str]:
    lines = len(module.text.splitlines())
    if lines > MOST_LINES:
        yield f"{lines} lines"


def public_things_say_what_they_promise(module: Module) -> Iterator[str]:
    if ast.get_docstring(module.tree) is None:
        yield "the module"
    for parent in (module.tree, *public(module.tree, ast.ClassDef)):
        for node in public(parent, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node) is None and node.name not in OVERRIDES:
                yield node.name


def public(parent: ast.AST, kinds: Any) -> Iterator[Any]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node


def only_the_clock_asks_the_time(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and module.path not in CLOCKS:
            spelled = ".".join(ast.unparse(node).split(".")[-2:])
            if spelled in PRESENT:
                yield f"{spelled} in line {node.lineno}"


def packages_hold_a_docstring_only(module: Module) -> Iterator[str]:
    if module.name == "__init__.py" and len(module.tree.body) > 1:
        yield "more than a docstring"


Rule = Callable[[Module], Iterator[str]]

RULES: list[tuple[Rule, Module]] = [
    (only_db_ends_transactions, Module("booking/commands.py", "session.commit()")),
    (only_db_ends_transactions, Module("app.py", "session.rollback()")),
    (aliases_have_their_columns, Module("booking/queries.py", "_HOLD = aliased(Appointment)")),
    (flask_stays_in_entry_points, Module("booking/rules.py", "from flask import g")),
    (flask_stays_in_entry_points, Module("core/db.py", "import werkzeug.exceptions")),
    (flask_stays_in_entry_points, Module("identity/models.py", "import flask_login")),
    (flask_stays_in_entry_points, Module("identity/rules.py", "import flask_wtf")),
    (sql_stays_in_its_files, Module("booking/commands.py", "from sqlalchemy import select")),
    (sql_stays_in_its_files, Module("entrypoints/web/x.py", "import sqlalchemy")),
    (pages_are_written_in_one_file, Module("booking/queries.py", "update(DiaryPage)")),
    (
        entry_points_never_meet,
        Module("entrypoints/api/x.py", "from openslot.entrypoints.web import forms"),
    ),
    (imports_stand_at_the_top, Module("booking/rules.py", "def f():\n    import os")),
    (files_fit_the_head, Module("booking/rules.py", "pass\n" * (MOST_LINES + 1))),
    (public_things_say_what_they_promise, Module("x.py", "'''.'''\ndef f(): pass")),
    (public_things_say_what_they_promise, Module("x.py", "'''.'''\nclass A: pass")),
    (
        public_things_say_what_they_promise,
        Module("x.py", "'''.'''\nclass A:\n    '''.'''\n    def f(self): pass"),
    ),
    (public_things_say_what_they_promise, Module("x.py", "a = 1")),
    (only_the_clock_asks_the_time, Module("booking/rules.py", "datetime.now(UTC)")),
    (only_the_clock_asks_the_time, Module("booking/rules.py", "at = datetime.datetime.now")),
    (only_the_clock_asks_the_time, Module("core/db.py", "time.time()")),
    (packages_hold_a_docstring_only, Module("booking/__init__.py", "'''.'''\nimport os")),
]


@pytest.mark.parametrize("rule", dict(RULES), ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    faults = {module.path: found for module in modules() if (found := list(rule(module)))}
    assert faults == {}


@pytest.mark.parametrize(
    ("rule", "example"), RULES, ids=lambda value: getattr(value, "__name__", "")
)
def test_breaking_the_rule_is_noticed(rule: Rule, example: Module) -> None:
    assert len(list(rule(example))) == 1


@pytest.mark.parametrize(
    ("rule", "example"),
    [
        (sql_stays_in_its_files, "from sqlalchemy.orm import Session"),
        (only_the_clock_asks_the_time, "time.monotonic()"),
        (only_the_clock_asks_the_time, "clock.now()"),
    ],
)
def test_what_the_rule_allows_passes(rule: Rule, example: str) -> None:
    assert list(rule(Module("booking/commands.py", example))) == []


# Settings


def test_every_setting_has_a_description() -> None:
    fields = Settings.model_fields.items()
    assert [name for name, field in fields if not field.description] == []


def test_the_page_of_settings_is_current() -> None:
    written = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    page = runpy.run_path(str(ROOT / "scripts/settings_doc.py"))["page"]()
    assert written == page, "run python scripts/settings_doc.py"
    for name in Settings.model_fields:
        assert f"`OPENSLOT_{name.upper()}`" in written


def test_every_file_of_tests_has_a_name_of_its_own() -> None:
    """Of two with one name, pytest reads the first only, and says so after all other tests."""
    names = [path.name for path in Path(__file__).parents[1].rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
