"""From a template and its values to the subject, the text and the HTML of a mail.

One template writes both: ``layout.txt`` and ``layout.html`` give its blocks their form.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.ext import InternationalizationExtension
from jinja2.runtime import Context
from markupsafe import Markup, escape

from openslot.core.formats import NO_BREAK_SPACE
from openslot.core.language import Language

_BREAKS = re.compile(r"[ \t]*[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+[ \t]*")

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a reader sees of a mail."""

    subject: str
    text: str
    html: str


def render(template: str, language: Language, values: Mapping[str, object]) -> Rendered:
    """Return a mail written in a language.

    Raises UndefinedError for a value that the template reads and that is not given.
    """
    lines = {name: _on_one_line(value) for name, value in values.items()}
    values = {**lines, "locale": language.locale}
    as_text, as_html = (
        _environment(language, layout).get_template(f"mail/{template}.txt")
        for layout in ("layout.txt", "layout.html")
    )
    subject = "".join(as_text.blocks["subject"](as_text.new_context(dict(values))))
    return Rendered(
        subject=" ".join(_plain(subject).split()),
        text=re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", _plain(as_text.render(values))).strip(),
        html=as_html.render(values),
    )


def render_short(template: str, language: Language, values: Mapping[str, object]) -> str:
    """Return what a template says as a text message: its block ``sms``, on one line.

    Typographic quotes become plain ones: a message of ASCII has room for 160 characters, one with
    any other sign for 70 (GSM 03.38).
    """
    lines = {name: _on_one_line(value) for name, value in values.items()}
    short = _environment(language, "layout_sms.txt").get_template(f"{template}.txt")
    return " ".join(_plain(short.render(lines)).translate(_QUOTES).split())


_QUOTES = str.maketrans("‘’“”–", "''\"\"-")


class _Context(Context):
    """Values of a template that calls no function which wants them: to find out whether one does
    takes longer than to call it."""

    def call(
        self,
        function: Callable[..., object],
        /,
        *args: object,
        _block_vars: object = None,
        _loop_vars: object = None,
        **named: object,
    ) -> object:
        """Call a function that a template names."""
        return function(*args, **named)


@lru_cache
def _environment(language: Language, layout: str) -> Environment:
    is_html = layout.endswith(".html")
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        # The templates of mails are .txt in both: what decides is the layout.
        autoescape=select_autoescape(["txt", "html"] if is_html else []),
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.context_class = _Context
    environment.extend(newstyle_gettext=True)
    environment.add_extension(InternationalizationExtension)
    environment.policies["ext.i18n.trimmed"] = True
    gettext = _gettext_html(language) if is_html else language.gettext
    environment.globals.update(layout=layout, gettext=gettext, _=gettext)
    environment.filters["paragraphs"] = _paragraphs
    return environment


_APART = Markup("<bdi>%s</bdi>")


def _gettext_html(language: Language) -> Callable[..., Markup]:
    """Return gettext for HTML: what fills the places of a sentence is escaped, and set apart so
    that its direction of writing does not turn the rest around."""

    @cache
    def words(message: str) -> Markup:
        return escape(language.catalogue.gettext(message))

    @cache
    def alone(message: str) -> Markup:
        return words(message) % {}

    def gettext(message: str, **values: object) -> Markup:
        if not values:
            return alone(message)
        return words(message) % {name: _APART % value for name, value in values.items()}

    return gettext


def _paragraphs(markup: Markup) -> Markup:
    """Return HTML with a ``p`` for each part that blank lines set apart."""
    parts = (part.strip() for part in markup.split("\n\n"))
    return Markup("\n").join(Markup("<p>%s</p>") % part for part in parts if part)


def _on_one_line(value: object) -> object:
    """Return a text without line breaks: what somebody typed must not look like a part of the
    mail's own words."""
    return _BREAKS.sub(" ", value).strip() if isinstance(value, str) else value


def _plain(text: str) -> str:
    """Return the text with ordinary spaces: some mail programs show the others as a box."""
    return text.replace(NO_BREAK_SPACE, " ").replace("\u202f", " ")
