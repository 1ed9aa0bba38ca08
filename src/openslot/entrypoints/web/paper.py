"""Printed pages: whose page it is, and which sheet of how many.

The margins of a sheet have no elements, so their words are strings of CSS.
"""

import re

from flask import Flask
from flask_babel import gettext as _
from markupsafe import Markup

from openslot.directory.models import Patient
from openslot.entrypoints.web.formats import born

_MEANS_SOMETHING = re.compile(r"[^\w .,:-]")


def install(app: Flask) -> None:
    """Register the filters and the global."""
    app.jinja_env.filters.update(on_paper=on_paper, css_text=css_text)
    app.jinja_env.globals.update(sheet_number=sheet_number)


def on_paper(patient: Patient) -> str:
    """Return the name and date of birth, which identify a patient on each sheet."""
    if patient.born is None:
        return patient.name
    return f"{patient.name}, {_('born %(day)s', day=born(patient.born))}"


def css_text(text: str) -> Markup:
    """Return text, or the text of markup, as a string of CSS inside a style element."""
    plain = text.striptags() if isinstance(text, Markup) else text
    # An escape ends with its space, so that no figure or letter after it belongs to it.
    escaped = _MEANS_SOMETHING.sub(lambda sign: f"\\{ord(sign[0]):x} ", plain)
    return Markup(f'"{escaped}"')  # noqa: S704 # nosec B704 - nothing that means something is left


def sheet_number() -> Markup:
    """Return the content of a margin that counts the sheets."""
    before, between, after = _("Page %(page)s of %(pages)s", page="\n", pages="\n").split("\n")
    counters = css_text(before), "counter(page)", css_text(between), "counter(pages)"
    return Markup(" ").join((*(Markup(part) for part in counters), css_text(after)))  # noqa: S704 # nosec B704
