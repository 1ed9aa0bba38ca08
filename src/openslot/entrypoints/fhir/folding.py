"""Patterns that match text without regard to case and accents (FHIR R4, search, string).

Names are not stored in a folded form, and not every engine can remove accents, but all have
regular expressions.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from itertools import chain

_LETTERS = chain(range(0x41, 0x530), range(0x1E00, 0x2000))
"""Latin, Greek and Cyrillic letters, with and without accents."""


def _plain(letter: str) -> str:
    """Return the letter in lower case, without accents."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", letter).casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _variants() -> Mapping[str, str]:
    by_plain = defaultdict[str, list[str]](list)
    for letter in map(chr, _LETTERS):
        if letter.isalpha():
            by_plain[_plain(letter)].append(letter)
    return {plain: "".join(letters) for plain, letters in by_plain.items() if len(plain) == 1}


_VARIANTS = _variants()


def pattern(text: str) -> str:
    """Return a regular expression that matches the text with any case and accents."""
    return "".join(map(_any_of, unicodedata.normalize("NFC", text)))


def _any_of(sign: str) -> str:
    letters = _VARIANTS.get(_plain(sign))
    return f"[{letters}]" if letters else re.escape(sign)
