"""Rule: what the documents point to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
MAKE = re.compile(r"\bmake ([a-z]+)\b(?=[ `\n]*(?:[A-Z]+=|[`\n]))")


def names(documents: list[Path]) -> list[str]:
    return [str(document.relative_to(ROOT)) for document in documents]


@pytest.mark.parametrize("document", names(DOCUMENTS))
def test_every_link_leads_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    folder = (ROOT / document).parent
    assert [link for link in LINK.findall(text) if not (folder / link).exists()] == []


def test_every_make_command_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    named = set(MAKE.findall(text))
    assert {"run", "test", "setup"} <= named
    assert named <= targets


def test_the_licence_is_the_whole_apache_licence() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert len(text.encode()) == 11_358
    assert "Version 2.0, January 2004" in text
    assert text.rstrip().endswith("limitations under the License.")
