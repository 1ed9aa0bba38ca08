"""Text from bytes, in the encodings that spreadsheets and databases write."""

import codecs
import re

from openslot.importers.problems import Problems, Source

NOT_UTF8 = "This is not UTF-8 text. Save the file as UTF-8 and import it again."

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte-order marks; those of UTF-32 come first, because they begin like those of UTF-16."""

_BROKEN = re.compile("[\udc80-\udcff]")
"""The characters that Python uses for bytes that are not UTF-8."""

_FOREIGN = re.compile("[^\x00-\x7f]{3}|[a-z][À-ÖØ-ÞŠŽŒŸƒ‡ˆ‹]|[A-Z][ŠŽŒŸ][a-z]")
"""What no name in Windows-1252 has: three letters with marks in a row, or a capital inside a
word. Files in the code pages of other scripts or of older Macs are full of them."""

_SAMPLE = 2000


def is_broken(text: str, begin: int = 0, end: int | None = None) -> bool:
    """Return True if ``text`` has bytes between ``begin`` and ``end`` that were not decoded."""
    return _BROKEN.search(text, begin, len(text) if end is None else end) is not None


def decoded(name: str, data: bytes, problems: Problems, *, is_table: bool = False) -> str | None:
    """Return the text, or None after adding a problem.

    Tables may be in Windows-1252, which is noted. Other bytes that are not UTF-8 stay
    recognisable, so that their line is reported.
    """
    wide = _wide_encoding(data)
    if wide:
        try:
            return data.decode(wide).removeprefix("\ufeff")
        except UnicodeDecodeError:
            problems.add(Source(name), None, NOT_UTF8)
            return None
    text = data.decode("utf-8-sig", errors="surrogateescape")
    if is_table and is_broken(text):
        return _western(name, data, problems) or text
    return text


def _wide_encoding(data: bytes) -> str | None:
    """Return the encoding of text with two or four bytes a character, else None.

    Without a byte-order mark, it shows by the zeros beside the separators and column names.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    sample = data[:_SAMPLE]
    half = len(sample) // 2
    if half and sample[1::2].count(0) > half * 0.6 and not sample[0::2].count(0):
        return "utf-16-le"
    if half and sample[0::2].count(0) > half * 0.6 and not sample[1::2].count(0):
        return "utf-16-be"
    return None


def _western(name: str, data: bytes, problems: Problems) -> str | None:
    """Return text in Windows-1252, or None if it is something else, such as damaged UTF-8."""
    is_part_utf8 = bool(re.search("[^\x00-\x7f]", data.decode("utf-8", errors="ignore")))
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    if is_part_utf8 or _FOREIGN.search(text):
        return None
    problems.note(
        f"{name}: this file is not UTF-8 and was read as Windows-1252. Check letters such as é."
    )
    return text
