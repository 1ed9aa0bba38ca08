"""Names in sentences of the other direction: isolated, so that they turn nothing around them."""

from collections.abc import Callable
from typing import Any
from unicodedata import bidirectional

from flask import Flask
from flask_babel import get_locale
from jinja2 import pass_context
from jinja2.runtime import Context

from openslot.core.language import settled

OTHERS = {"ltr": frozenset({"R", "AL"}), "rtl": frozenset({"L"})}
"""Bidirectional classes of the letters that run against a page, by its direction."""

ISOLATED = "\N{FIRST STRONG ISOLATE}%s\N{POP DIRECTIONAL ISOLATE}"


def install(app: Flask) -> None:
    """Isolate what templates put into sentences, as ``<bdi>`` does, also in attributes and titles,
    which cannot have one."""
    words: dict[str, Any] = app.jinja_env.globals
    words |= {name: _isolating(words[name]) for name in ("gettext", "ngettext")}


def isolated(text: str, direction: str) -> str:
    """Return a text that has letters against the direction of the page isolated, others as they
    are."""
    others = OTHERS[direction]
    return ISOLATED % text if any(bidirectional(sign) in others for sign in text) else text


def _isolating(translate: Callable[..., Any]) -> Callable[..., Any]:
    @pass_context
    def translate_isolating(template: Context, *texts: Any, **values: Any) -> Any:
        direction = settled(get_locale()).text_direction
        plain = {key: value for key, value in values.items() if type(value) is str}
        values |= {key: isolated(value, direction) for key, value in plain.items()}
        return translate(template, *texts, **values)

    return translate_isolating
