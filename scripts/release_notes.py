"""Make the files of a release, and signed notes that have their hashes, in dist/.

    python scripts/release_notes.py 1.2.0 --key ~/.ssh/id_ed25519

Everything is of the last commit; what is not committed does not count. Needs git, and ssh-keygen of
Debian's openssh-client. docs/releases.md says what comes before and after, and how the notes are
checked. The key can also be the public half of one that an agent or a security key holds.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIGNERS = "deploy/allowed_signers"
NAME = "openslot-release"
"""Of the signers in that file, and of what their signatures are for."""

BUILD = """
from setuptools import build_meta
for build in build_meta.build_sdist, build_meta.build_wheel:
    build("made")
"""

NOTES = """# OpenSlot {version}

Made from commit `{commit}`. docs/releases.md says how to check this page and the files. SHA-256:

{hashes}

{changes}
"""


def release(root: Path, version: str, key: Path) -> list[Path]:
    """Make the files, notes and signature of ``version`` in ``dist`` of the repository ``root``."""
    with tempfile.TemporaryDirectory(prefix="openslot-release-") as folder:
        source = Path(folder)
        commit = unpack(root, source)
        changes = changes_of(version, (source / "CHANGELOG.md").read_text(encoding="utf-8"))
        check_version(version, source)
        made = build(version, source, run("git", "log", "-1", "--format=%ct", folder=root))
        notes = source / f"openslot-{version}.notes.md"
        hashes = "\n".join(f"    {digest(file)}  {file.name}" for file in made)
        notes.write_text(
            NOTES.format(version=version, commit=commit, hashes=hashes, changes=changes),
            encoding="utf-8",
        )
        made += [notes, sign(notes, key, source / SIGNERS)]
        (root / "dist").mkdir(exist_ok=True)
        return [Path(shutil.copy(file, root / "dist")) for file in made]


def unpack(root: Path, folder: Path) -> str:
    """Write the last commit of the repository ``root`` into ``folder``; return its name."""
    commit = run("git", "rev-parse", "HEAD", folder=root)
    archive = folder / "commit.zip"
    run("git", "archive", f"--output={archive}", commit, folder=root)
    shutil.unpack_archive(archive, folder)
    archive.unlink()
    return commit


def changes_of(version: str, changelog: str) -> str:
    """Return the section of ``version``, or exit with what to do where it is missing or empty."""
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n"
    found = re.search(rf"{heading}(.+?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    changes = found[1].strip() if found else ""
    if not changes:
        raise SystemExit(
            f"CHANGELOG.md of the last commit tells nothing about {version}. Change "
            f"“## [Unreleased]” to “## [{version}] - ” and the date (YYYY-MM-DD), begin a new "
            "“## [Unreleased]” above it, and commit."
        )
    return changes


def check_version(version: str, source: Path) -> None:
    """Exit unless the program says that it is ``version``."""
    text = (source / "pyproject.toml").read_text(encoding="utf-8")
    declared = tomllib.loads(text)["project"]["version"]
    if declared != version:
        raise SystemExit(
            f"pyproject.toml of the last commit says {declared}. Change it to {version}, run "
            "python scripts/sbom.py, and commit."
        )


def build(version: str, source: Path, made_at: str) -> list[Path]:
    """Make sdist and wheel; add what they need, as the lock and as the bill of materials."""
    dated = {**os.environ, "SOURCE_DATE_EPOCH": made_at}
    (source / "made").mkdir()
    run(sys.executable, "-c", BUILD, folder=source, environment=dated)
    for name in ("requirements.txt", "docs/sbom.cdx.json"):
        named = f"openslot-{version}.{Path(name).name.removeprefix('sbom.')}"
        shutil.copy(source / name, source / "made" / named)
    return sorted((source / "made").iterdir())


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def sign(notes: Path, key: Path, signers: Path) -> Path:
    """Sign ``notes``; exit unless whoever has ``signers`` will accept that."""
    signed = subprocess.run(["ssh-keygen", "-Y", "sign", "-f", key, "-n", NAME, notes], check=False)
    if signed.returncode:
        raise SystemExit(f"ssh-keygen did not sign with {key}. Nothing was made.")
    signature = notes.with_name(f"{notes.name}.sig")
    verify = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", NAME, "-n", NAME]
    with notes.open("rb") as text:
        verified = subprocess.run([*verify, "-s", signature], stdin=text, check=False)
    if verified.returncode:
        raise SystemExit(
            f"{SIGNERS} of the last commit does not accept {key}. docs/releases.md says how a "
            "maintainer adds a key. Nothing was made."
        )
    return signature


def run(*words: str, folder: Path, environment: dict[str, str] | None = None) -> str:
    """Return what a command says; exit with its own words where it fails."""
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{words[0]} failed. Nothing was made.\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("version", help="as in CHANGELOG.md")
    parser.add_argument("--key", type=Path, required=True, help="the SSH key that signs")
    asked = parser.parse_args()
    for file in release(ROOT, asked.version, asked.key):
        print(file)
