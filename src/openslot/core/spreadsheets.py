"""Text that spreadsheets open as it is."""

import unicodedata

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Characters that a spreadsheet takes for the start of a formula."""


def harmless(cell: str) -> str:
    """Return the cell, prefixed with an apostrophe if it starts like a formula, also in the wide
    characters of East Asian keyboards."""
    start = unicodedata.normalize("NFKC", cell.lstrip(" \u00a0\u3000")[:1])
    return f"'{cell}" if start in FORMULA else cell


def as_meant(cell: str) -> str:
    """Return the cell as it was before :func:`harmless`."""
    bare = cell.removeprefix("'")
    return bare if cell == harmless(bare) else cell
