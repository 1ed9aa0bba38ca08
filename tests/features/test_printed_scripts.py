"""A printed health record shows every script that it is given, in its order, and marks the rest."""

from dataclasses import dataclass

import pypdfium2
import pytest
from structlog.testing import capture_logs

from factories import NOW, SYDNEY
from openslot.core.language import language
from openslot.directory.models import Patient
from openslot.exports.history import History
from openslot.exports.history_pdf import BOX, pdf

LEFT_TO_RIGHT = {
    "Devanagari": "रोगी को तीन दिन से सिरदर्द है",
    "Thai": "ผู้ป่วยปวดศีรษะมาสามวันแล้ว",
    "Chinese": "患者头痛三天没有发烧",
    "Japanese": "頭痛が三日間続いています",
    "Korean": "환자는 삼일 동안 두통이 있습니다",
    "Tamil": "தலைவலி மூன்று நாட்கள்",
    "Greek": "Πονοκέφαλος τρεις ημέρες",
    "Vietnamese": "Bệnh nhân đau đầu ba ngày",
}
RIGHT_TO_LEFT = {
    "Arabic": "صباح الخير يا نور",
    "Hebrew": "כאב ראש שלושה ימים",
    "Persian": "درد سینه گل",
}
"""Texts whose first and last letters occur only once."""

A4_WIDTH, MARGIN = 595, 50
"""Points."""

MISSING = "\U000e0041\U0001fa7b\U00013000"
"""A tag, which nobody sees, and two characters that no font here has."""


@dataclass(frozen=True)
class Printed:
    """The first page of a record: its letters in the order of the text, and where they are."""

    text: str
    boxes: list[tuple[float, float, float, float]]

    ink: int

    def left_of(self, letter: str) -> float:
        """Where the letter begins the last time it occurs."""
        return self.boxes[self.text.rindex(letter)][0]


def printed(name: str) -> Printed:
    patient = Patient(name=name, born=None, medicare_number=None)
    history = History(patient, [], [], [], [], [], NOW)
    made = pdf(history, language=language("en_AU"), zone=SYDNEY, network="Harbour Network")
    document = pypdfium2.PdfDocument(made)
    try:
        page = document[0]
        letters = page.get_textpage()
        boxes = [letters.get_charbox(index) for index in range(letters.count_chars())]
        picture = page.render(scale=2, grayscale=True)
        ink = sum(value < 128 for value in bytes(picture.buffer))
        return Printed(letters.get_text_range(), boxes, ink)
    finally:
        document.close()


@pytest.fixture(scope="module")
def bare() -> int:
    """The ink of a page without a name."""
    return printed(" ").ink


@pytest.mark.parametrize("script", [*LEFT_TO_RIGHT, *RIGHT_TO_LEFT])
def test_a_script_is_printed_and_not_left_out(script: str, bare: int) -> None:
    name = (LEFT_TO_RIGHT | RIGHT_TO_LEFT)[script]
    with capture_logs() as logs:
        page = printed(name)
    assert logs == []
    assert BOX not in page.text
    assert page.ink > bare + 60 * len(name)


@pytest.mark.parametrize("script", ["Chinese", "Japanese", "Korean", "Greek", "Vietnamese"])
def test_what_is_printed_can_be_copied(script: str) -> None:
    together = "".join(printed(LEFT_TO_RIGHT[script]).text.split())
    assert "".join(LEFT_TO_RIGHT[script].split()) in together


@pytest.mark.parametrize("script", RIGHT_TO_LEFT)
def test_arabic_and_hebrew_run_from_right_to_left(script: str) -> None:
    name = RIGHT_TO_LEFT[script]
    page = printed(name)
    assert page.left_of(name[0]) > page.left_of(name[-1])


def test_numbers_within_arabic_stand_between_the_words_that_they_belong_to() -> None:
    page = printed("Dose أعطه 59 ملغ الآن")
    order = [page.left_of(letter) for letter in "ن59أ"]
    assert order == sorted(order)


def test_a_long_name_is_cut_on_the_edge_of_a_page_and_whole_in_its_head() -> None:
    name = f"Ann {{nb}} {'Featherstonehaugh ' * 11}Jones"
    page = printed(name)
    text = " ".join(page.text.split())
    assert name in text
    assert "Featherst… Printed on" in text
    assert text.endswith("Page 1 of 1")
    assert max(right for _left, _bottom, right, _top in page.boxes) < A4_WIDTH - MARGIN


def test_what_no_font_has_is_a_box_and_is_logged(bare: int) -> None:
    with capture_logs() as logs:
        page = printed(f"Emma {MISSING} 😀")
    assert f"Emma {BOX}{BOX} 😀" in page.text
    assert logs == [
        {
            "event": "pdf.no-font",
            "log_level": "warning",
            "characters": ["U+13000", "U+1FA7B"],
        }
    ]
    assert page.ink > bare
