"""Rule: a name whose letters run against the page turns nothing of the sentence around it."""

import pytest

from openslot.entrypoints.web.directions import ISOLATED, isolated


@pytest.mark.parametrize(
    ("text", "direction", "is_isolated"),
    [
        ("Jack Black", "ltr", False),
        ("王小明, 10:30 am", "ltr", False),
        ("محمد", "ltr", True),
        ("Clinic של Haifa", "ltr", True),
        ("Jack Black", "rtl", True),
        ("محمد", "rtl", False),
        ("10:30", "rtl", False),
    ],
)
def test_only_what_runs_against_the_page_is_isolated(
    text: str, direction: str, is_isolated: bool
) -> None:
    assert isolated(text, direction) == (ISOLATED % text if is_isolated else text)
