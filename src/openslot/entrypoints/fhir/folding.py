"""Texts as patterns that case and accents do not matter to (FHIR R4, search, string).

Names are not kept in a folded form, and no function that takes accents off is in every engine;
regular expressions are. What a pattern finds is found in one statement, as with LIKE.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from itertools import chain

_LETTERS = chain(range(0x41, 0x530), range(0x1E00, 0x2000))
"""Latin, Greek and Cyrillic letters, those with accents among them."""


def _plain(letter: str) -> str:
    """The letter in lower case without its accents."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", letter).casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _variants() -> Mapping[str, str]:
    found = defaultdict[str, list[str]](list)
    for letter in map(chr, _LETTERS):
        if letter.isalpha():
            found[_plain(letter)].append(letter)
    return {plain: "".join(letters) for plain, letters in found.items() if len(plain) == 1}


_VARIANTS = _variants()


def pattern(text: str) -> str:
    """A regular expression that finds the text whatever its case and accents are."""
    return "".join(map(_any_of, unicodedata.normalize("NFC", text)))


def _any_of(sign: str) -> str:
    letters = _VARIANTS.get(_plain(sign))
    return f"[{letters}]" if letters else re.escape(sign)
