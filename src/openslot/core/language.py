"""A reader's language: the locale for notation, and the catalogue of translations.

The code holds its sentences in English, as gettext message ids with ``%(name)s`` placeholders.
A catalogue is a folder ``translations/<locale>/LC_MESSAGES`` with ``messages.mo``. Without one,
the English is used.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.support import Translations

HOME = Locale("en", "AU")
"""Locale of the source texts, also used for English without a country."""

CATALOGUES = Path(__file__).parents[1] / "translations"

TRANSLATED = ("ar", "es", "fr", "ga", "zh_Hans")
LANGUAGES = ("en", *TRANSLATED)
"""What readers choose from: English, and the languages with a catalogue."""


@dataclass(frozen=True, slots=True)
class Language:
    """A locale and its catalogue."""

    locale: Locale
    catalogue: NullTranslations

    def gettext(self, message: str, **params: object) -> str:
        """Return the translated sentence with its placeholders filled in."""
        return self.catalogue.gettext(message) % params

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Return the translated singular or plural, with ``%(num)s`` replaced by the count."""
        return self.catalogue.ngettext(one, many, count) % {"num": count}


def first_offered(tags: Iterable[str]) -> str | None:
    """Return the first of these languages that is offered, of whatever country; tags are as
    browsers send them, for example ``es-MX``."""
    offered = {name.split("_")[0]: name for name in LANGUAGES}
    return next(filter(None, (offered.get(tag.lower().split("-")[0]) for tag in tags)), None)


def own_name(name: str) -> str:
    """Return what the speakers of a language call it."""
    return str(Locale.parse(name).get_display_name()).split("(")[0].strip().capitalize()


def load() -> None:
    """Read the languages on offer, so that processes that are forked afterwards share them."""
    for name in LANGUAGES:
        own_name(name)
        language(name)


def settled(locale: Locale | None) -> Locale:
    """Return the locale, with Australia as the country of English without one."""
    if locale is None or (locale.language == "en" and locale.territory is None):
        return HOME
    return locale


def language(*names: str | None) -> Language:
    """Return the language of the first valid locale name, or English."""
    locales = (_parse(name) for name in names if name)
    return language_of(settled(next((locale for locale in locales if locale), None)))


@lru_cache
def _parse(name: str) -> Locale | None:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return None


@lru_cache
def language_of(locale: Locale) -> Language:
    """Return the language of a locale."""
    # A country without a catalogue uses that of its language.
    names = [str(locale), locale.language]
    return Language(locale, Translations.load(CATALOGUES, names))
