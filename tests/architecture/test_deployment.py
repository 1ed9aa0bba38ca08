"""Rule: what deploy/ has for machines and containers is sound, as far as this machine can tell."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from architecture.test_made_documents import ROOT, command

UNITS = ROOT / "deploy/systemd"
SERVICES = sorted(file.name for file in UNITS.glob("*.service"))
PROGRAM = "/opt/openslot/.venv/bin/openslot"
MOST_EXPOSED = 11
"""Tenths of what `systemd-analyze security` counts from 0 (best) to 10."""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A root folder with the units, and a program in the place of openslot."""
    shutil.copytree(UNITS, tmp_path / "etc/systemd/system")
    shutil.copytree("/usr/lib/systemd", tmp_path / "usr/lib/systemd", symlinks=True)
    (tmp_path / PROGRAM[1:]).parent.mkdir(parents=True)
    shutil.copy("/bin/true", tmp_path / PROGRAM[1:])
    return tmp_path


def analyze(root: Path, *words: str) -> str:
    """What systemd-analyze says about the units under ``root``; it fails where that is bad."""
    found = subprocess.run(
        ["systemd-analyze", f"--root={root}", *words], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_units_are_right_and_expose_little(installed: Path) -> None:
    units = [file.name for file in UNITS.iterdir() if file.is_file()]
    assert analyze(installed, "verify", *units) == ""
    for service in SERVICES:
        analyze(installed, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", service)


def test_units_and_container_call_commands_that_there_are() -> None:
    texts = {service: (UNITS / service).read_text() for service in SERVICES}
    assert len(texts) == 3
    for service, text in texts.items():
        (line,) = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
        program, *words = shlex.split(line)
        assert (program, command(words)) == (PROGRAM, None), service
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    (words,) = re.findall(r"^CMD \[(.+)\]$", dockerfile, re.MULTILINE)
    assert command(shlex.split(words.replace(",", ""))) is None


def test_the_container_copies_files_that_there_are_and_runs_as_nobody_special() -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    allowed = (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE):
        for name in line.split()[:-1]:
            assert (ROOT / name).exists(), name
            assert f"!{name}" in allowed
    (user,) = re.findall(r"^USER (\d+):\d+$", dockerfile, re.MULTILINE)
    assert f"--uid {user} " in dockerfile
    python = (ROOT / ".python-version").read_text().strip()
    assert re.findall(r"^FROM python:([\d.]+)-", dockerfile, re.MULTILINE) == [python, python]


def test_patroni_looks_at_itself_and_takes_the_lead_from_nobody() -> None:
    """Our trials on one machine cannot see either: all addresses there are the machine's own."""
    config = yaml.safe_load((ROOT / "deploy/patroni.yml").read_text())
    rules = [rule.split() for rule in config["postgresql"]["pg_hba"]]
    own = [who for kind, base, who, address, *_ in rules if (base, address) == OWN_REPLICATION]
    assert own == [config["postgresql"]["authentication"]["replication"]["username"]]
    assert "etcd" in config
    assert "etcd3" not in config


OWN_REPLICATION = ("replication", "127.0.0.1/32")


# Where packages come from


def test_nothing_names_the_host_of_a_package_registry() -> None:
    """Whoever installs decides where packages come from: many hospitals have a mirror."""
    hosts = re.compile(r"\b(pypi|pythonhosted|npmjs|debian)\.(org|com)\b")
    kept = [ROOT / name for name in ("requirements.txt", "pyproject.toml", "Makefile", ".ci/run")]
    folders = [ROOT / name for name in ("scripts", "deploy", "docs")]
    files = kept + [file for one in folders for file in one.rglob("*") if file.is_file()]
    read = {file: file.read_text(errors="replace") for file in files if file.suffix != ".png"}
    assert [file for file, content in read.items() if hosts.search(content)] == []


# The bill of materials


def test_every_locked_package_is_in_the_bill_with_hashes_and_a_permitted_licence() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    locked = set(re.findall(r"^([a-z0-9][\w.-]*)==([^\s;\\]+)", lock, re.MULTILINE))
    bill = json.loads((ROOT / "docs/sbom.cdx.json").read_text())
    parts = bill["components"]
    assert {(part["name"], part["version"]) for part in parts} == locked
    hashes = {
        digest["content"] for part in parts for digest in part["externalReferences"][0]["hashes"]
    }
    assert hashes == set(re.findall(r"--hash=sha256:(\w+)", lock))
    licences = {
        word
        for part in parts
        for word in re.split(r" OR | AND ", part["licenses"][0]["expression"])
    }
    assert licences <= PERMITTED, "a decision is needed, see docs/adr/0005-libraries.md"
    known = {part["bom-ref"] for part in [bill["metadata"]["component"], *parts]}
    wanted = [set(one["dependsOn"]) for one in bill["dependencies"]]
    assert set().union(*wanted) == known - {"openslot"}, "each is needed by something"


PERMITTED = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MIT-CMU"}
PERMITTED |= {"LGPL-3.0-only", "OFL-1.1", "PSF-2.0", "Unlicense"}
