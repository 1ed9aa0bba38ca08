"""A patient's whole health record as a PDF: selectable text on A4, in every script for which there
is a font. Each page says whose it is, of what day, and which of how many."""

import logging
import unicodedata
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from fpdf import FPDF
from fpdf.bidi import BidiParagraph, auto_detect_base_direction
from fpdf.enums import TableBordersLayout, TextDirection, VAlign, XPos, YPos
from fpdf.fonts import FontFace
from fpdf.line_break import Fragment, TextLine

from openslot.booking.models import Appointment, Status
from openslot.core import formats
from openslot.core.language import Language
from openslot.exports import typefaces
from openslot.exports.history import REFERRAL_READ, WHAT, History, What
from openslot.records.access import Access
from openslot.records.events import Topic
from openslot.records.models import AllergyState, Entry, EntryKind, Severity
from openslot.records.queries import Look, Opened, Record
from openslot.referrals.models import Referral, State

FONT = "DejaVu"
BOX = "\N{WHITE SQUARE}"
"""Stands for a character that no font has."""
PAGES = "\uffff"
"""Stands for the number of pages until it is known; no text has this character."""
MARGIN, LINE = 18.0, 5.2
"""Millimetres."""
SMALL, NORMAL, HEADING, TITLE = 8.5, 10, 13, 18
"""Points."""
GREY, BLACK, SHADE, HAIR = (75, 92, 99), (19, 36, 42), (233, 239, 239), (200, 212, 214)

log = structlog.get_logger(__name__)

# It warns of each character that the first font does not have.
logging.getLogger("fpdf").setLevel(logging.ERROR)
# It tells what it leaves out of each font.
logging.getLogger("fontTools").setLevel(logging.ERROR)


def pdf(history: History, *, language: Language, zone: ZoneInfo, network: str) -> bytes:
    """Return the PDF; times without a centre are in ``zone``.

    A character that no font has appears as a box and is logged; the JSON document has it.
    """
    return _Paper(history, language, zone, network).written()


class _Line(TextLine):
    """A line whose pieces are put in order as UAX 9 (L2) says."""

    def get_ordered_fragments(self) -> list[Fragment]:
        """Return the pieces from left to right: from the deepest level up, each run of pieces that
        are at least so deep is turned round."""
        levels = [(one.text_shaping_parameters or {})["level"] for one in self.fragments]
        ordered = list(zip(levels, self.fragments, strict=True))
        for level in range(max(levels, default=0), 0, -1):
            runs = groupby(ordered, key=lambda piece: piece[0] >= level)
            ordered = [
                piece for is_deep, run in runs for piece in (list(run)[::-1] if is_deep else run)
            ]
        return [fragment for _level, fragment in ordered]


class _Sheets(FPDF):
    """Pages with the same lines at the top and the bottom."""

    def __init__(self, language: Language) -> None:
        super().__init__(format="A4")
        self.say = language.gettext
        self.whose = self.of_day = self.network = ""
        self.missing: set[str] = set()
        self.set_margins(MARGIN, MARGIN + LINE, MARGIN)
        self.set_auto_page_break(True, MARGIN)
        self.add_font(FONT, "", typefaces.REGULAR)
        self.add_font(FONT, "B", typefaces.BOLD)
        self.set_text_shaping(True)
        self.alias_nb_pages(PAGES)

    def header(self) -> None:
        """Write whose record it is, and of what day."""
        self._edge(10, self.whose, self.printable(self.of_day), emphasis="B")
        self.set_xy(self.l_margin, self.t_margin)

    def footer(self) -> None:
        """Write the network and the number of the page."""
        number = self.say("Page %(number)s of %(total)s", number=self.page_no(), total=PAGES)
        self._edge(-14, self.network, number)

    def _edge(self, y: float, text: str, right: str, *, emphasis: str = "") -> None:
        """Write a line of every page: ``right`` whole, and the text cut to the space beside it."""
        self.set_y(y)
        self.set_text_color(*GREY)
        self.set_font(FONT, "", SMALL)
        room = self.epw - self.get_string_width(right) - 2 * LINE
        self.set_font(FONT, emphasis, SMALL)
        self.cell(room, LINE, self._cut(self.printable(text), room), align="L")
        self.set_font(FONT, "", SMALL)
        self.cell(0, LINE, right, align="R")

    def _cut(self, text: str, room: float) -> str:
        if self.get_string_width(text) <= room:
            return text
        length = bisect(
            range(len(text)), room, key=lambda end: self.get_string_width(f"{text[:end]}…")
        )
        return f"{text[: length - 1]}…"

    def printable(self, text: str) -> str:
        """Return the text as it can be printed, after adding the fonts that it needs."""
        return "".join(map(self._printable, text))

    def _printable(self, char: str) -> str:
        if char == "\n" or typefaces.is_own(char):
            return char
        typeface = typefaces.typeface_of(char)
        if typeface is not None:
            self._add(typeface)
            return char
        if not typefaces.needs_glyph(char):
            return ""
        self.missing.add(f"U+{ord(char):04X}")
        return BOX

    def _preload_bidirectional_text(self, text: str, markdown: bool) -> Sequence[Fragment]:
        """Split a text where its direction changes, for :class:`_Line`; fpdf2 does not keep how
        deep a piece is embedded, without which numbers in Arabic cannot be put in their place."""
        base = auto_detect_base_direction(text)
        shaping = self.text_shaping or {}
        shaping["paragraph_direction"] = base
        fragments: list[Fragment] = []
        characters = BidiParagraph(text, base, preserve_bn_chars=True).get_characters()
        for level, run in groupby(characters, key=lambda one: one.embedding_level):
            shaping["fragment_direction"] = TextDirection.RTL if level % 2 else TextDirection.LTR
            shaping["level"] = level
            fragments += self._preload_font_styles("".join(one.character for one in run), markdown)
        return fragments

    def _render_styled_text_line(self, text_line: TextLine, *more: Any, **others: Any) -> bool:
        return super()._render_styled_text_line(_Line(*text_line), *more, **others)

    def _add(self, typeface: typefaces.Typeface) -> None:
        if typeface.family in self.fonts:
            return
        self.add_font(typeface.family, "", typeface.path, collection_font_number=typeface.face)
        families = [name for name in self.fonts if not name.startswith(FONT.lower())]
        self.set_fallback_fonts(families, exact_match=False)


class _Paper:
    """The PDF while it is written."""

    def __init__(self, history: History, language: Language, zone: ZoneInfo, network: str) -> None:
        self.history, self.language, self.zone = history, language, zone
        self.say = language.gettext
        self.sheets = _Sheets(language)
        self.sheets.set_title(self.say("Health record"))
        self.sheets.set_creator(network)
        self.sheets.set_lang(str(language.locale).replace("_", "-"))
        self.sheets.set_creation_date(history.now)
        date = formats.day_long(language, history.now, zone, year=True)
        self.sheets.whose = history.patient.name
        self.sheets.of_day = self.say("Printed on %(day)s", day=date)
        self.sheets.network = network

    def written(self) -> bytes:
        """Write all sections and return the PDF."""
        self.sheets.add_page()
        self._head()
        self._entries()
        self._appointments()
        self._referrals()
        self._emergencies()
        self._looks()
        if self.sheets.missing:
            log.warning("pdf.no-font", characters=sorted(self.sheets.missing))
        return bytes(self.sheets.output())

    # Sections

    def _head(self) -> None:
        patient = self.history.patient
        self._text(self.say("Health record"), size=TITLE, bold=True)
        self._text(patient.name, size=HEADING, bold=True)
        if patient.born:
            born = formats.born(self.language, patient.born)
            self._text(self.say("Born %(day)s", day=born))
        if patient.medicare_number:
            self._text(self.say("Medicare number %(number)s", number=patient.medicare_number))
        created = formats.day_time(self.language, self.history.now, self.zone, year=True)
        city = formats.zone_city(self.language, self.zone)
        self._text(self.say("As of %(when)s, %(zone)s", when=created, zone=city), quiet=True)
        self._text(self.say("Times are in the time zone of each centre."), quiet=True)

    def _entries(self) -> None:
        self._heading(self.say("Notes, medication and allergies"), self.history.records)
        for record in self.history.records:
            with self._together():
                self._entry(record)

    def _entry(self, record: Record) -> None:
        entry, author = record.entry, record.author
        frames = {
            EntryKind.NOTE: self.say("Note"),
            EntryKind.PRESCRIPTION: self.say("Medication"),
            EntryKind.ALLERGY: self.say("Allergy"),
            EntryKind.NO_ALLERGIES: self.say("No known allergies"),
        }
        self._text(f"{frames[record.kind]}, {author.name}, {author.profession_name}", bold=True)
        centre = record.centre
        when = self._when(entry.recorded_at, centre.time_zone if centre else None)
        self._text(", ".join(filter(None, [when, centre.name if centre else ""])), quiet=True)
        if record.corrects:
            was = self._when(record.corrects.recorded_at, centre.time_zone if centre else None)
            self._text(self.say("Corrects the entry of %(when)s.", when=was), quiet=True)
        if record.corrected_by:
            new = self._when(record.corrected_by.recorded_at, centre.time_zone if centre else None)
            self._text(
                self.say("No longer valid: corrected on %(when)s.", when=new), bold=True, size=SMALL
            )
        if entry.medication:
            self._text(f"{entry.medication}, {entry.dose}")
        if entry.substance:
            self._text(", ".join(filter(None, [entry.substance, self._severity(entry)])))
        if entry.state == AllergyState.RESOLVED:
            self._text(self.say("The patient no longer has this allergy."))
        if entry.state == AllergyState.IN_ERROR:
            self._text(self.say("Recorded in error."))
        self._text(entry.text)

    def _severity(self, entry: Entry) -> str:
        severities = {
            Severity.MILD: self.say("mild"),
            Severity.MODERATE: self.say("moderate"),
            Severity.SEVERE: self.say("severe"),
        }
        return severities[Severity(entry.severity)] if entry.severity else ""

    def _appointments(self) -> None:
        self._heading(self.say("Appointments"), self.history.appointments)
        self._table(
            [self.say("When"), self.say("With"), self.say("Where"), self.say("Status")],
            (27, 26, 34, 13),
            (self._appointment(appointment) for appointment in self.history.appointments),
        )

    def _appointment(self, appointment: Appointment) -> list[str]:
        status_labels = {
            Status.BOOKED: self.say("Booked"),
            Status.ARRIVED: self.say("Arrived"),
            Status.FULFILLED: self.say("Completed"),
            Status.CANCELLED: self.say("Cancelled"),
            Status.NO_SHOW: self.say("Missed"),
        }
        profession = appointment.practitioner.profession_name if appointment.practitioner else None
        department = appointment.department.name if appointment.department else None
        reason = appointment.reason
        return [
            self._when(appointment.starts_at, appointment.centre.time_zone),
            ", ".join(filter(None, [appointment.with_whom, profession or department])),
            appointment.centre.name + (f"\n{self.say('Reason:')} {reason}" if reason else ""),
            status_labels.get(appointment.status, appointment.status.value),
        ]

    def _referrals(self) -> None:
        self._heading(self.say("Referrals"), self.history.referrals)
        for referral in self.history.referrals:
            with self._together():
                self._referral(referral)

    def _referral(self, referral: Referral) -> None:
        to = referral.addressee.name if referral.addressee else referral.expertise or ""
        self._text(self.say("From %(gp)s to %(name)s", gp=referral.gp.name, name=to), bold=True)
        state_labels = {
            State.SENT: self.say("To be booked"),
            State.USED: self.say("Used"),
            State.REVOKED: self.say("Revoked"),
            State.EXPIRED: self.say("Expired"),
        }
        sent = self._when(referral.sent_at or referral.created_at, None)
        self._text(f"{sent} · {state_labels[referral.state_at(self.history.now)]}", quiet=True)
        self._text(referral.letter)
        if referral.answer:
            self._text(self.say("Answer"), bold=True, size=SMALL)
            self._text(referral.answer)

    def _emergencies(self) -> None:
        emergencies = self.history.emergencies
        self._heading(self.say("Emergency access"), emergencies)
        self._table(
            [self.say("When"), self.say("Who"), self.say("Why")],
            (32, 26, 42),
            (self._emergency(opened) for opened in emergencies),
        )

    def _emergency(self, opened: Opened) -> list[str]:
        from_ = self._when(opened.access.starts_at, None)
        until = self._when(opened.access.ends_at, None)
        practitioner = f"{opened.practitioner.name}, {opened.practitioner.profession_name}"
        span = self.say("%(start)s to %(end)s", start=from_, end=until)
        return [span, practitioner, opened.access.reason]

    def _looks(self) -> None:
        self._heading(self.say("Who read this record"), self.history.looks)
        self._table(
            [self.say("When"), self.say("Who"), self.say("Why")],
            (30, 35, 35),
            (self._look(look) for look in self.history.looks),
        )

    def _look(self, look: Look) -> list[str]:
        profession = look.practitioner.profession_name if look.practitioner else None
        reader = ", ".join(filter(None, [look.name or self.say("Deleted account"), profession]))
        return [self._when(look.event.at, None), reader, self._why(look)]

    def _why(self, look: Look) -> str:
        if look.event.action == REFERRAL_READ:
            return self.say("Read a referral")
        if WHAT[look.event.action] is What.DETAILS:
            return self.say("Saw details or an appointment")
        if look.event.action == Topic.EMERGENCY:
            return self.say("Opened the record in an emergency")
        reasons = {
            Access.OWN.value: self.say("The patient or their carer"),
            Access.CARE.value: self.say("Has or had an appointment with the patient"),
            Access.SELF_BOOKED.value: self.say(
                "Booked the appointment with the patient themselves"
            ),
            Access.EMERGENCY.value: self.say("Emergency access"),
        }
        return reasons.get(look.how or "", "")

    # Pieces

    def _heading(self, text: str, items: Sequence[object]) -> None:
        self.sheets.ln(LINE)
        if self.sheets.will_page_break(4 * LINE):
            self.sheets.add_page()
        self._text(text, size=HEADING, bold=True)
        if not items:
            self._text(self.say("None"), quiet=True)

    def _text(
        self, text: str, *, size: float = NORMAL, bold: bool = False, quiet: bool = False
    ) -> None:
        if text:
            self.sheets.set_font(FONT, "B" if bold else "", size)
            self.sheets.set_text_color(*(GREY if quiet else BLACK))
            height = size * LINE / NORMAL
            for paragraph in self.sheets.printable(text).split("\n"):
                align = "R" if _is_right_to_left(paragraph) else "L"
                self.sheets.multi_cell(
                    0, height, paragraph, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT
                )

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Keep the head of an entry off the end of a page, and leave space after the entry."""
        if self.sheets.will_page_break(4 * LINE):
            self.sheets.add_page()
        yield
        self.sheets.ln(LINE / 2)

    def _table(
        self, head: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]]
    ) -> None:
        """Write a table whose head is repeated on each page; nothing without rows."""
        cells = [[self.sheets.printable(text) for text in row] for row in rows]
        if not cells:
            return
        self.sheets.set_font(FONT, size=SMALL)
        self.sheets.set_text_color(*BLACK)
        self.sheets.set_draw_color(*HAIR)
        with self.sheets.table(
            [head, *cells],
            col_widths=tuple(widths),
            line_height=LINE * 0.9,
            text_align="L",
            v_align=VAlign.T,
            padding=1,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            headings_style=FontFace(emphasis="BOLD", fill_color=SHADE),
        ):
            pass  # the table is drawn at the end of the block

    def _when(self, at: datetime, zone: str | None) -> str:
        return formats.day_time(self.language, at, zone or self.zone, year=True, short=True)


def _is_right_to_left(text: str) -> bool:
    """Return whether the first letter with a direction runs to the left (UAX 9, P2)."""
    directions = map(unicodedata.bidirectional, text)
    return next((way != "L" for way in directions if way in ("L", "R", "AL")), False)
