"""A reader's language: the locale that decides notation, and the catalogue of sentences.

Sentences stand in the code in English, as gettext message ids with ``%(name)s`` places. A
catalogue is a folder ``translations/<locale>/LC_MESSAGES`` with ``messages.mo``; where there
is none, the English stands.
"""

from dataclasses import dataclass
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.support import Translations

HOME = Locale("en", "AU")
"""English of no country is read as that of the texts, Australian."""

CATALOGUES = Path(__file__).parents[1] / "translations"


@dataclass(frozen=True, slots=True)
class Language:
    """A locale and its catalogue."""

    locale: Locale
    catalogue: NullTranslations

    def gettext(self, message: str, **params: object) -> str:
        """The sentence in this language, its places filled."""
        return self.catalogue.gettext(message) % params

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The sentence for a number of things, with ``%(num)s`` for the number."""
        return self.catalogue.ngettext(one, many, count) % {"num": count}


def settled(locale: Locale | None) -> Locale:
    """The locale to write in: the one given, with a country where it is English."""
    if locale is None or (locale.language == "en" and locale.territory is None):
        return HOME
    return locale


def language(*names: str | None) -> Language:
    """The first of the named locales that there is, such as ``en_AU``; English if none is."""
    known = (_parsed(name) for name in names if name)
    return _language(settled(next((one for one in known if one), None)))


def _parsed(name: str) -> Locale | None:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return None


@lru_cache
def _language(locale: Locale) -> Language:
    # The catalogue of the bare language serves all countries that have none of their own.
    names = [str(locale), locale.language]
    return Language(locale, Translations.load(CATALOGUES, names))
