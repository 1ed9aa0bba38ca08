"""Rule: stored names are isolated wherever they stand among other words, so that one of the other
direction turns nothing around it."""

from html.parser import HTMLParser

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from entrypoints.browsing import ClientFor
from entrypoints.world import World
from openslot.core.db import Database
from openslot.directory.changes.queries import mark_changed
from openslot.directory.models import Centre, Department, Patient, Practitioner, Room, Service

HEBREW = "\N{HEBREW LETTER SHIN}"
NAMED = (Centre, Department, Patient, Practitioner, Room, Service)
APART = {"bdi", "option", "script", "style", "textarea", "title"}
BY_STYLE = {"ev", "os-avatar", "visually-hidden"}
"""Elements of these classes are isolated by the style sheets, or only heard."""


class Words(HTMLParser):
    """The words of a page that have a Hebrew name between others, and do not isolate it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, set[str]]] = []
        self.turned: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append((tag, set((dict(attrs).get("class") or "").split())))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        is_apart = any(tag in APART or classes & BY_STYLE for tag, classes in self.open)
        is_alone = data.strip().startswith(HEBREW) and not set(data) & set(",;:·?")
        if HEBREW in data and not is_apart and not is_alone and "\u2068" not in data:
            self.turned.append(data.strip())


def _rename(session: Session) -> None:
    for kind in NAMED:
        for row in session.scalars(select(kind)):
            row.name = f"{HEBREW}{row.name}"
            if kind is not Patient:
                mark_changed(session, kind.__tablename__, row.id)


PAGES = {
    "patient-owner": [
        "/search?q=priya",
        "/book/{schedule}",
        "/centres/{centre}",
        "/departments/{department}",
        "/appointments/{appointment}",
        "/appointments/{appointment}/move",
    ],
    "practitioner-owner": ["/calendar", "/appointments/{appointment}"],
    "staff-owner": ["/desk", "/desk/list", "/requests", "/departments"],
}


@pytest.mark.parametrize("person", PAGES)
def test_names_of_the_other_direction_turn_nothing(
    network: Database, world: World, client_for: ClientFor, person: str
) -> None:
    parts = {
        "appointment": world.appointments["owner"],
        "centre": world.centres["own"],
        "department": world.departments["owner"],
        "schedule": world.schedules["owner"],
    }
    network.run(_rename)
    client, words = client_for(person), Words()
    for path in PAGES[person]:
        page = client.get(path.format(**parts)).text
        assert HEBREW in page, path
        words.feed(page)
    assert words.turned == []
