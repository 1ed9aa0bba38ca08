"""Fonts of PDFs: which one has a character, among those of packages and of the system.

DejaVu Sans comes with OpenSlot and has Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian and
Georgian. Others are looked at only when a text needs them.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from fontTools.ttLib import TTFont, TTLibError

OWN = Path(__file__).parent / "fonts"
REGULAR, BOLD = OWN / "DejaVuSans.ttf", OWN / "DejaVuSans-Bold.ttf"

SIMPLIFIED_CHINESE = 2
"""Face of the collection of Noto Sans CJK. All five have the same characters."""

PACKAGES = (
    ("fontpkg_noto_sans_devanagari", "files/NotoSansDevanagari[wdth,wght].ttf", 0),
    ("fontpkg_noto_sans_thai", "files/NotoSansThai[wdth,wght].ttf", 0),
    ("fontpkg_noto_sans_tamil", "files/NotoSansTamil[wdth,wght].ttf", 0),
    ("fontpkg_noto_sans_telugu", "files/NotoSansTelugu[wdth,wght].ttf", 0),
    ("fontpkg_noto_sans_khmer", "files/NotoSansKhmer[wdth,wght].ttf", 0),
    ("noto_cjk_sans_otc", "NotoSansCJK-Regular.ttc", SIMPLIFIED_CHINESE),
)
"""Packages of PyPI: module, file, and face in a collection."""

SYSTEM = Path("/usr/share/fonts")
SYSTEM_FONTS = (
    ("truetype/noto/NotoSans*-Regular.ttf", 0),
    ("opentype/noto/NotoSansCJK-Regular.ttc", SIMPLIFIED_CHINESE),
    ("truetype/ancient-scripts/Symbola_hint.ttf", 0),
)
"""Where Debian's fonts-noto-core, fonts-noto-cjk and fonts-symbola put their files."""

UNSEEN = frozenset({"Cf", "Mn", "Me", "Cc"})
"""Categories of characters that need no glyph of their own, such as joiners."""


class Typeface(NamedTuple):
    """A font file, and the face in it if it is a collection."""

    path: Path
    face: int

    @property
    def family(self) -> str:
        """The name by which a document knows it."""
        return "".join(filter(str.isalnum, self.path.name.lower()))


def is_own(char: str) -> bool:
    """Return whether the font that comes with OpenSlot has the character."""
    return ord(char) in characters(Typeface(REGULAR, 0))


@cache
def typeface_of(char: str) -> Typeface | None:
    """Return the first other font that has the character, or None."""
    return next((face for face in _others() if ord(char) in characters(face)), None)


def needs_glyph(char: str) -> bool:
    """Return whether a reader would miss the character."""
    return unicodedata.category(char) not in UNSEEN


@cache
def characters(typeface: Typeface) -> frozenset[int]:
    """Return the code points that a font has; none if it cannot be read."""
    try:
        with TTFont(typeface.path, fontNumber=typeface.face, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())
    except (OSError, TTLibError):
        return frozenset()


@cache
def _others() -> tuple[Typeface, ...]:
    return (*_of_packages(), *_of_the_system())


def _of_packages() -> Iterator[Typeface]:
    for module, name, face in PACKAGES:
        try:
            path = Path(str(files(module))) / name
        except ModuleNotFoundError:
            continue
        if path.is_file():
            yield Typeface(path, face)


def _of_the_system() -> Iterator[Typeface]:
    for pattern, face in SYSTEM_FONTS:
        for path in sorted(SYSTEM.glob(pattern)):
            yield Typeface(path, face)
