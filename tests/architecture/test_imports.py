"""Rule: everything imports downwards only (the contract in pyproject.toml)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def linted(root: Path) -> subprocess.CompletedProcess[str]:
    """import-linter's answer for the package under ``root``/src."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The project in a place where it may be broken."""
    shutil.copytree(
        ROOT / "src/openslot",
        tmp_path / "src/openslot",
        ignore=lambda _folder, names: [name for name in names if not keeps(name)],
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def keeps(name: str) -> bool:
    return name.endswith(".py") or ("." not in name and name != "__pycache__")


def test_the_project_imports_downwards() -> None:
    answer = linted(ROOT)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("core/clock.py", "openslot.directory.models"),
        ("schedules/availability.py", "openslot.booking.models"),
        ("booking/models.py", "openslot.entrypoints"),
    ],
)
def test_an_import_upwards_is_found(copied: Path, low: str, high: str) -> None:
    with (copied / "src/openslot" / low).open("a") as module:
        module.write(f"\nimport {high}\n")
    answer = linted(copied)
    assert answer.returncode == 1
    importer = f"openslot.{low.removesuffix('.py').replace('/', '.')}"
    assert f"{importer} -> {high}" in answer.stdout


def test_the_copy_passes_before_it_is_broken(copied: Path) -> None:
    answer = linted(copied)
    assert answer.returncode == 0, answer.stdout + answer.stderr
