"""The old words do not come back in names; docs/vocabulary.md says which words are used."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

INSTEAD = {
    "visit": "appointment",
    "visits": "appointments",
    "wish": "booking request",
    "wishes": "booking requests",
    "admission": "referral authorisation",
    "admissions": "referral authorisations",
    "retire": "deactivate",
    "retired": "deactivated",
    "lapse": "expire",
    "lapsed": "expired",
}

_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def old_words(text: str) -> Iterator[str]:
    """Yield each name in a Python source that has an old word in it."""
    for node in ast.walk(ast.parse(text)):
        for name in _names(node):
            if name.startswith("__"):  # a library's or Python's own
                continue
            if INSTEAD.keys() & {part.lower() for part in _PARTS.findall(name)}:
                yield name


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Name():
            yield node.id
        case ast.Attribute():
            yield node.attr
        case ast.arg():
            yield node.arg
        case ast.alias():
            yield from (node.asname or node.name).split(".")


@pytest.mark.parametrize("folder", ["src", "tests", "bench", "scripts"])
def test_names_use_the_words_of_the_vocabulary(folder: str) -> None:
    found = {
        file.relative_to(ROOT).as_posix(): sorted(names)
        for file in (ROOT / folder).rglob("*.py")
        if "migrations" not in file.parts
        and (names := {*old_words(file.read_text(encoding="utf-8")), *_of_file(file)})
    }
    assert found == {}


def _of_file(file: Path) -> Iterator[str]:
    if INSTEAD.keys() & set(file.stem.split("_")):
        yield file.name


def test_an_old_word_would_be_found() -> None:
    source = "def book_visit(wish): ...\nclass Admission: ...\nx.retire(LAPSED_HOLDS)"
    assert set(old_words(source)) == {"book_visit", "wish", "Admission", "retire", "LAPSED_HOLDS"}
    assert set(old_words("def visitors(visited, relapse): ...")) == set()
