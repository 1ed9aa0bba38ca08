"""What is written in a mail, before it is text or HTML, and how it becomes both."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from openslot.core.config import Settings
from openslot.core.formats import NO_BREAK_SPACE
from openslot.core.language import Language

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A gettext message id, with what fills its ``%(name)s`` places."""

    message: str
    params: Mapping[str, str] = field(default_factory=dict)

    def plain(self, language: Language) -> str:
        """The sentence as text."""
        return _plain(language.gettext(self.message, **self.params))

    def markup(self, language: Language) -> Markup:
        """The sentence as HTML; what fills its places is escaped, and set apart so that its
        direction of writing does not turn the rest around."""
        apart = {name: Markup("<bdi>%s</bdi>") % value for name, value in self.params.items()}
        return escape(language.catalogue.gettext(self.message)) % apart


@dataclass(frozen=True, slots=True)
class Letter:
    """A heading, sentences, facts as (label, value), and at most one button (label, address).

    Labels and values are in the reader's language already.
    """

    heading: Sentence
    sentences: Sequence[Sentence]
    facts: Sequence[tuple[str, str]] = ()
    closing: Sequence[Sentence] = ()
    button: tuple[str, str] | None = None


def marked(message: str) -> str:
    """Mark a sentence for the catalogues; it is translated where it is written."""
    return message


_ = marked


def greeting(name: str) -> Sentence:
    """Greet by name, but for names that a mail program would turn into a link: whoever
    registers somebody else's address must not have us deliver their advertisement."""
    if not name or re.search(r"\w\.\w|[/@]", name):
        return Sentence(_("Hello,"))
    return Sentence(_("Hello %(name)s,"), {"name": name})


def written(
    letter: Letter, language: Language, settings: Settings, *, stop: tuple[str, str] | None = None
) -> tuple[str, str]:
    """The letter as text and as HTML; ``stop`` is what switches such letters off, as a label
    and an address."""
    label, address = letter.button or (None, None)
    stop_label, stop_address = stop or (None, None)
    context = {
        "letter": letter,
        "locale": str(language.locale),
        "text_direction": language.locale.text_direction,
        "network_name": settings.network_name,
        "emergency_number": settings.emergency_number,
        "action_label": label,
        "action_url": address,
        "stop_label": stop_label,
        "stop_url": stop_address,
    }
    text, html = (
        _environment(language).get_template(f"letter.{kind}").render(context)
        for kind in ("txt", "html")
    )
    return _plain(text), html


@lru_cache
def _environment(language: Language) -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["_"] = language.gettext
    made.filters["plain"] = lambda sentence: sentence.plain(language)
    made.filters["markup"] = lambda sentence: sentence.markup(language)
    return made


def _plain(text: str) -> str:
    """Text and subjects are read by all kinds of programs; some show the mark as a box."""
    return text.replace(NO_BREAK_SPACE, " ").replace("\u202f", " ")
