"""What was entered in a form comes back if the form is refused, in every field of every form."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, NoReturn
from urllib.parse import quote

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from entrypoints.belongings import addresses, furnish
from entrypoints.browsing import ClientFor, next_week
from entrypoints.world import World
from openslot.core.db import Database
from openslot.core.errors import Conflict
from openslot.entrypoints.web import context

TYPED = "Zq"
PEOPLE = ("patient-owner", "practitioner-owner", "centre-admin-owner", "network-admin")

ASKED = (
    "/book/{schedule_id}?patient={patient_id}",
    "/book/{schedule_id}?patient={patient_id}&start={start}",
    "/book/{schedule_id}/series?patient={patient_id}&start={start}&every=1&unit=week&count=3",
    "/desk/book/{schedule_id}?start={start}",
    "/waiting-list/new?schedule={schedule_id}&patient={patient_id}",
)
"""Pages that show more with something in their address."""


@dataclass
class Form:
    """A form of a page, and what a browser sends of it if people type into every text field."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


class Forms(HTMLParser):
    """Reads the forms of a page that are sent by POST."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.open: Form | None = None
        self.chosen: set[str] = set()
        self.select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values: dict[str, Any] = dict(attrs)
        name, kind = values.get("name"), values.get("type", "text")
        if tag == "form":
            is_sent = values.get("method") == "post"
            self.open = Form(values.get("action") or "") if is_sent else None
            self.found += [self.open] if self.open else []
        elif self.open is None:
            return
        elif tag == "option" and self.select:
            self.open.fields.append((self.select, values.get("value", "")))
            self.select = None
        elif not name:
            return
        elif tag == "select":
            self.select = name
        elif tag == "textarea" or (tag == "input" and kind in ("text", "search")):
            self.open.fields.append((name, f"{TYPED}{len(self.open.texts)}"))
            self.open.texts.append(name)
        elif tag == "input" and kind == "radio":
            self._choose(name, values.get("value", "on"))
        elif tag == "input" and kind not in ("checkbox", "submit", "file"):
            self.open.fields.append((name, values.get("value") or ""))

    def handle_endtag(self, tag: str) -> None:
        self.open = None if tag == "form" else self.open

    def _choose(self, name: str, value: str) -> None:
        if self.open and name not in dict(self.open.fields):
            self.open.fields.append((name, value))


TICKED = ("radio", "checkbox")


class Shown(HTMLParser):
    """Reads what the fields of a page hold, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.values: set[tuple[str, str]] = set()
        self.select: str | None = None
        self.textarea: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values: dict[str, Any] = dict(attrs)
        name, value = values.get("name") or "", values.get("value") or ""
        if tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in values:
            self.values.add((self.select, value))
        elif tag == "textarea":
            self.textarea = name
        elif tag == "input" and ("checked" in values or values.get("type") not in TICKED):
            self.values.add((name, value))

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.values.add((self.textarea, data.strip()))

    def handle_endtag(self, tag: str) -> None:
        self.textarea = None if tag == "textarea" else self.textarea


MADE_ANEW = frozenset({"challenge", "csrf_token", "secret"})
"""Hidden fields that a page seals, or asks a device for, anew each time."""

TOGETHER = {"from_day": "starts", "to_day": "ends"}
"""Fields that come back in another one: days as the instants that they begin and end at."""


def lost_fields(form: Form, page: str) -> list[str]:
    """Names of the fields that a page does not hold as they were sent."""
    reader = Shown()
    reader.feed(page)
    filled = {name for name, value in reader.values if value}
    return [
        name
        for name, value in form.fields
        if name not in MADE_ANEW
        and value
        and (name, value) not in reader.values
        and TOGETHER.get(name) not in filled
    ]


def refuse(*_args: object, **_more: object) -> NoReturn:
    raise Conflict("Refused for the test.")


@pytest.mark.parametrize("person", PEOPLE)
def test_what_was_typed_comes_back(
    app: Flask,
    client_for: ClientFor,
    network: Database,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    person: str,
) -> None:
    parts = furnish(network, world)
    start = quote(f"{next_week()}T11:00:00+11:00")
    pages = [
        one.path
        for one in addresses(app, world, parts)
        if one.method == "GET" and not hasattr(app.view_functions[one.endpoint], "operation")
    ]
    pages += [page.format(start=start, **parts) for page in ASKED]
    client = client_for(person)
    monkeypatch.setattr(context, "write", refuse)
    tried, lost = set(), []
    for path in pages:
        page = client.get(path)
        reader = Forms()
        if page.mimetype == "text/html":
            reader.feed(page.text)
        for form in reader.found:
            key = (form.action.partition("?")[0], *form.texts)
            if not form.texts or key in tried:
                continue
            tried.add(key)
            action = form.action.split("#")[0] or path
            answer = client.http.post(action, data=MultiDict(form.fields))
            if answer.status_code >= 400 and (names := lost_fields(form, answer.text)):
                lost.append((path, form.action, answer.status_code, names))
    assert len(tried) > 5
    assert lost == []
