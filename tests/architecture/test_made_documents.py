"""Rule: documents that are made from the code are current, and what they name exists."""

import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from openslot.entrypoints.cli.main import cli

ROOT = Path(__file__).parents[2]

MADE = {
    "docs/data-model.md": ("scripts/data_model.py", "page"),
    "docs/pictures/layers.svg": ("scripts/architecture_picture.py", "picture"),
    "docs/sbom.cdx.json": ("scripts/sbom.py", "bom"),
    "docs/licences.md": ("scripts/sbom.py", "page"),
}
"""What is made, by which function of which script."""

OPENSLOT = re.compile(r"^(?: {4}|.*?`)?openslot ([^`\n]+?)(?:`|$)", re.MULTILINE)
CALLED_MAKE = re.compile(r"\bmake ([a-z]+)")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", MADE)
def test_what_is_made_from_the_code_is_current(document: str) -> None:
    script, function = MADE[document]
    made = runpy.run_path(str(ROOT / script))[function]()
    assert text(document) == made, f"run python {script}"


# Risks


def risks() -> list[list[str]]:
    """The rows of the table of risks: number, risk, likelihood, impact, control, test."""
    lines = text("docs/risk-assessment.md").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if re.match(r"\| R\d+ ", line)
    ]


def test_every_risk_is_numbered_weighed_controlled_and_tested() -> None:
    assert [row[0] for row in risks()] == [f"R{number}" for number in range(1, len(risks()) + 1)]
    assert len(risks()) >= 20
    for number, _risk, likelihood, impact, control, test in risks():
        assert {likelihood, impact} <= {"low", "medium", "high"}, number
        assert control, number
        assert test, number


def test_the_files_that_risks_name_exist() -> None:
    missing = [
        f"{row[0]}: {path}"
        for row in risks()
        for path in re.findall(r"`([\w/.-]+\.\w+)`", " ".join(row[4:]))
        if not ((ROOT / path).exists() or (ROOT / "src/openslot" / path).exists())
    ]
    assert missing == []


def test_every_risk_names_a_test_or_says_what_is_done_instead() -> None:
    for row in risks():
        assert re.search(r"`tests/[\w/]+\.py`", row[5]) or row[5].startswith("none:"), row[0]


# Commands


def command(words: list[str]) -> str | None:
    """What is wrong with a call of openslot; None if nothing is."""
    found: click.Command = cli
    for word in words:
        if isinstance(found, click.Group) and not word.startswith("-"):
            if word not in found.commands:
                return f"no command {word}"
            found = found.commands[word]
    known = {name for one in found.params for name in [*one.opts, *one.secondary_opts]}
    known |= {"--help", "-h", "--version"}
    unknown = [word for word in words if word.startswith("--") and word not in known]
    return f"{words[0]} has no {unknown[0]}" if unknown else None


def test_a_command_that_there_is_not_would_be_found() -> None:
    assert command(["serve", "--port", "80"]) is None
    assert command(["db", "upgrade"]) is None
    assert command(["fly"]) == "no command fly"
    assert command(["serve", "--fast"]) == "serve has no --fast"


def test_the_procfile_calls_commands_that_there_are() -> None:
    lines = dict(line.split(": ", 1) for line in text("Procfile").splitlines())
    assert set(lines) == {"web", "worker", "release"}
    for line in lines.values():
        # The hosts install requirements.txt only, which does not install the project.
        assert line.startswith("PYTHONPATH=src python -m openslot ")
        assert command(shlex.split(line)[4:]) is None


def test_a_checkout_runs_without_being_installed(tmp_path: Path) -> None:
    program = "from openslot.core.version import version; print(version())"
    hidden = "import importlib.metadata as m; m.distributions = lambda **_: iter(()); "
    hidden += "m.Distribution.discover = classmethod(lambda *_, **__: iter(())); "
    shown = subprocess.run(
        [sys.executable, "-c", hidden + program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == tomllib.loads(text("pyproject.toml"))["project"]["version"]


def test_jenkins_calls_targets_that_there_are() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", text("Makefile"), re.MULTILINE))
    called = re.findall(r"sh '([^']+)'", text("Jenkinsfile"))
    assert [CALLED_MAKE.findall(step) for step in called] == [["setup"], ["lint"], ["test"]]
    assert {"setup", "lint", "test"} <= targets
    assert text("Jenkinsfile").count("{") == text("Jenkinsfile").count("}")


def documents() -> list[str]:
    found = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    return [str(document.relative_to(ROOT)) for document in found]


@pytest.mark.parametrize("document", documents())
def test_documents_name_commands_that_there_are(document: str) -> None:
    calls = [shlex.split(call.split("#")[0]) for call in OPENSLOT.findall(text(document))]
    faults = [command(words) for words in calls if words and words[0] != "…"]
    assert [fault for fault in faults if fault] == []


# Pictures and the index


def test_pictures_of_the_guides_are_small_and_taken_by_the_script() -> None:
    shots = set(re.findall(r'Shot\(\s*"([a-z-]+)"', text("scripts/screenshots.py")))
    files = {file.stem: file.stat().st_size for file in ROOT.glob("docs/pictures/*.png")}
    assert set(files) <= shots, "a picture that nothing takes"
    assert sum(files.values()) < 2_000_000


@pytest.mark.parametrize("document", [one for one in documents() if one.startswith("docs/guides")])
def test_every_picture_of_a_guide_has_words_for_who_cannot_see_it(document: str) -> None:
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text(document))
    assert pictures
    assert [path for words, path in pictures if len(words) < 15] == []


def test_the_index_leads_to_every_document() -> None:
    index = text("docs/README.md")
    for file in ROOT.glob("docs/**/*.md"):
        name = str(file.relative_to(ROOT / "docs"))
        if name != "README.md" and not name.startswith("adr/"):
            assert f"]({name})" in index, name
