"""Words in the margins of printed sheets are strings of CSS, whatever they hold."""

import re

import pytest
from markupsafe import Markup

from openslot.entrypoints.web.paper import css_text


@pytest.mark.parametrize(
    "text",
    [
        "Aroha Owner",
        'Ana "Nan" O’Brien',
        "O'Brien \\ Söhne",
        "</style><script>alert(1)</script>",
        '"; } body { display: none } /*',
        "two\nlines",
        "אנה 陈 é",
    ],
)
def test_a_text_reads_as_it_was_and_cannot_leave_its_string(text: str) -> None:
    written = css_text(text)
    assert re.fullmatch(r'"[^"\n<>{}&]*"', written)
    read = re.sub(r"\\([0-9a-f]{1,6}) ", lambda escape: chr(int(escape[1], 16)), written[1:-1])
    assert read == text


def test_markup_is_read_as_its_text() -> None:
    assert css_text(Markup("Referral to <bdi>Ana &amp; Co</bdi>")) == css_text(
        "Referral to Ana & Co"
    )
