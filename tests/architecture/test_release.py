"""Rule: a release is made whole and signed, or not at all, and whoever changed it is found out."""

import runpy
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from architecture.test_made_documents import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
NOTES = f"openslot-{VERSION}.notes.md"
CHANGELOG = f"""# Changelog

## [Unreleased]

## [{VERSION}] - 2026-12-01

- The first of all releases.

## [0.0.1] - 2026-01-01

- Something older.
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which("ssh-keygen") and shutil.which("git")), reason="needs ssh-keygen and git"
)


def run(*words: str | Path, folder: Path) -> None:
    subprocess.run(words, cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    run("git", "add", "--all", folder=folder)
    author = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    run(
        "git",
        *author,
        "-c",
        "commit.gpgsign=false",
        "commit",
        "--quiet",
        "--message=A change",
        folder=folder,
    )


def new_key(file: Path) -> Path:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file, folder=file.parent)
    return file


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return new_key(tmp_path / "key")


@pytest.fixture
def repository(tmp_path: Path, key: Path) -> Path:
    """A small project with a change log, and a file that accepts ``key``."""
    root = tmp_path / "project"
    for folder in ("deploy", "docs", "src/openslot"):
        (root / folder).mkdir(parents=True)
    names = ("pyproject.toml", "README.md", "LICENSE", "requirements.txt", "docs/sbom.cdx.json")
    for name in names:
        shutil.copy(ROOT / name, root / name)
    (root / "src/openslot/__init__.py").touch()
    (root / "CHANGELOG.md").write_text(CHANGELOG)
    signer = f'openslot-release namespaces="openslot-release" {key.with_suffix(".pub").read_text()}'
    (root / "deploy/allowed_signers").write_text(signer)
    run("git", "init", "--quiet", folder=root)
    commit(root)
    return root


@pytest.fixture
def release(repository: Path) -> Callable[[Path], list[Path]]:
    made = runpy.run_path(str(ROOT / "scripts/release_notes.py"))["release"]
    return lambda key: made(repository, VERSION, key)


def accepted(repository: Path) -> bool:
    """Tell whether the commands of docs/releases.md accept what is in dist."""
    commands = (ROOT / "docs/releases.md").read_text().split("```sh\n")[1].partition("```")[0]
    commands = commands.replace("1.2.0", VERSION)
    shutil.copy(repository / "deploy/allowed_signers", repository / "dist")
    checked = subprocess.run(
        ["bash", "-ec", commands], cwd=repository / "dist", check=False, capture_output=True
    )
    return checked.returncode == 0


def test_a_release_has_signed_notes_that_find_every_changed_byte_and_other_signers(
    repository: Path, tmp_path: Path, key: Path, release: Callable[[Path], list[Path]]
) -> None:
    made = release(key)
    assert [file.name for file in made] == [
        f"openslot-{VERSION}-py3-none-any.whl",
        f"openslot-{VERSION}.cdx.json",
        f"openslot-{VERSION}.requirements.txt",
        f"openslot-{VERSION}.tar.gz",
        NOTES,
        f"{NOTES}.sig",
    ]
    notes = (repository / "dist" / NOTES).read_text()
    assert "The first of all" in notes
    assert "Something older" not in notes
    assert accepted(repository)
    for file in made:
        whole = file.read_bytes()
        file.write_bytes(whole[:-30] + bytes([whole[-30] ^ 1]) + whole[-29:])
        assert not accepted(repository), file.name
        file.write_bytes(whole)
    signature = repository / "dist" / f"{NOTES}.sig"
    signature.unlink()
    stranger = new_key(tmp_path / "stranger")
    sign = ("ssh-keygen", "-Y", "sign", "-f", stranger, "-n", "openslot-release", NOTES)
    run(*sign, folder=signature.parent)
    assert signature.exists()
    assert not accepted(repository)


def test_without_a_known_signer_a_section_or_the_version_nothing_is_made(
    repository: Path, tmp_path: Path, key: Path, release: Callable[[Path], list[Path]]
) -> None:
    with pytest.raises(SystemExit, match="allowed_signers of the last commit does not accept"):
        release(new_key(tmp_path / "stranger"))
    changelog, project = repository / "CHANGELOG.md", repository / "pyproject.toml"
    changelog.write_text(CHANGELOG.replace("- The first of all releases.", ""))
    commit(repository)
    changelog.write_text(CHANGELOG)
    with pytest.raises(SystemExit, match=r"of the last commit tells nothing about"):
        release(key)
    project.write_text(project.read_text().replace(f'version = "{VERSION}"', 'version = "99"'))
    commit(repository)
    with pytest.raises(SystemExit, match="says 99"):
        release(key)
    assert not (repository / "dist").exists()
