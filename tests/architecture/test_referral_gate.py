"""Only referrals decide who may see a specialist: nobody else makes a ReferralAuthorisation."""

import ast
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "src" / "openslot"
HOME = "referrals/queries.py"


def makers(text: str) -> list[int]:
    """The lines that call something named ReferralAuthorisation, however it was imported."""
    tree = ast.parse(text)
    names = {"ReferralAuthorisation"} | {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == "ReferralAuthorisation" and alias.asname
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node.func) in names
    ]


def _called(function: ast.expr) -> str | None:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


def test_authorisations_are_made_in_one_file() -> None:
    found = {
        str(file.relative_to(SOURCES))
        for file in SOURCES.rglob("*.py")
        if makers(file.read_text(encoding="utf-8"))
    }
    assert found == {HOME}


def test_a_maker_elsewhere_would_be_found() -> None:
    assert makers("ReferralAuthorisation(referral_id=1)") == [1]
    assert makers("from openslot.booking import rules\nrules.ReferralAuthorisation(1)") == [2]
    assert makers("from openslot.booking.rules import ReferralAuthorisation as Pass\nPass(1)") == [
        2
    ]
    assert makers("def f(authorisation: ReferralAuthorisation | None) -> None: ...") == []


def test_entry_points_book_through_the_use_case_only() -> None:
    """``booking.commands.make`` knows no referrals: it would let nobody in to specialists."""
    for file in (SOURCES / "entrypoints").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "openslot.booking.commands":
                assert {alias.name for alias in node.names}.isdisjoint({"make", "confirm"}), file
            if isinstance(node, ast.Attribute):
                assert ast.unparse(node) not in ("booking.make", "booking.confirm"), file
