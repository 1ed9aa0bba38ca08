"""The audit page: who sees what, found how, in which words, and the same as a file."""

import ast
import csv
import importlib
import io
import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

import factories
import openslot
from engines import Counted
from entrypoints.browsing import ClientFor
from entrypoints.world import World, book_for
from openslot.booking.models import Status
from openslot.core import audit
from openslot.core.actor import Actor
from openslot.core.audit import AuditEvent
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.entrypoints.web import admin_audit
from openslot.entrypoints.web.audit_words import BEGINNINGS, TITLES, Group
from openslot.entrypoints.web.csv_file import MARK
from openslot.entrypoints.worker.main import seal_audit
from openslot.schedules.models import Schedule
from openslot.waiting_list.models import Choice, OfferStatus, Progress, Waiting
from working import work

SYSTEM = Actor()
LONG_AGO = datetime(2021, 5, 3, 2, 30, tzinfo=UTC)


def record(
    network: Database,
    action: str,
    subject: str,
    *,
    by: Actor = SYSTEM,
    at: datetime | None = None,
    **details: object,
) -> None:
    when = at or datetime.now(UTC)
    network.run(lambda session: audit.record(work(session, by, when), action, subject, **details))


def rows(client_for: ClientFor, person: str, query: str = "") -> list[str]:
    """The rows of the page, as words."""
    page = client_for(person).search(f"/admin/audit{query}")
    assert page.status_code == 200, page.text
    found = re.findall(r"<tr role=\"row\">\s*<td.*?</tr>", page.text, re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


# In words


def test_the_network_reads_who_did_what_to_what_and_from_where(
    client_for: ClientFor, network: Database, world: World
) -> None:
    origin = Actor(account_id=world.accounts["staff-owner"], address="203.0.113.9")
    subject = f"appointment:{world.appointments['owner']}"
    record(network, "appointment.cancelled", subject, by=origin, why="Her migraine is back")
    newest = rows(client_for, "network-admin", "?group=appointments")[0]
    assert "Sami Owner Department staff Cancelled an appointment" in newest
    assert "10:00 am Appointment" in newest
    assert newest.endswith("203.0.113.9")
    assert "migraine" not in newest


@pytest.mark.parametrize(
    ("by", "who"),
    [
        (Actor(), "System"),
        (Actor(address="203.0.113.9"), "Someone not signed in"),
        (Actor(account_id=new_id()), "A deleted account"),
        (Actor(address="203.0.113.9", program="key Front desk"), "key Front desk"),
    ],
)
def test_who_it_was_is_said_of_those_without_a_name_too(
    client_for: ClientFor, network: Database, world: World, by: Actor, who: str
) -> None:
    record(network, "centre.changed", f"centre:{world.centres['own']}", by=by, fields=["name"])
    newest = rows(client_for, "network-admin", "?group=directory")[0]
    assert f"{who} Changed a centre name Banksia General Hospital" in newest


def test_the_name_of_a_program_is_text_and_no_more(
    client_for: ClientFor, network: Database, world: World
) -> None:
    by = Actor(address="203.0.113.9", program="=key <b>Desk</b>")
    record(network, "centre.changed", f"centre:{world.centres['own']}", by=by, fields=["name"])
    client = client_for("network-admin")
    assert "=key &lt;b&gt;Desk&lt;/b&gt;" in client.get("/admin/audit?group=directory").text
    text = client.get("/admin/audit.csv?group=directory").text.removeprefix(MARK)
    newest = next(csv.DictReader(io.StringIO(text)))
    assert newest["account"] == "'=key <b>Desk</b>"


def test_the_newest_stand_first_and_the_rest_is_paged(
    client_for: ClientFor, network: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_audit, "PAGE_SIZE", 3)
    for number in range(7):
        at = LONG_AGO + timedelta(minutes=number // 2)  # some at the same moment
        record(network, "mail.read", f"mail:{number}", at=at)
    client, path, seen = client_for("network-admin"), "/admin/audit?group=other", []
    while path:
        page = client.get(path).text
        seen += re.findall(r"subject=mail:(\d)", page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert sorted(seen) == [str(number) for number in range(7)]
    assert [int(one) // 2 for one in seen] == [3, 2, 2, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?person=sami.owner", 1),
        ("?person=staff-owner", 1),
        ("?person=Sami&subject=mail:7", 1),
        ("?subject=mail:7", 2),
        ("?since=2021-05-03&until=2021-05-03&group=other", 1),
        ("?since=2021-05-04&group=other", 1),
        ("?until=2021-05-02", 0),
        ("?group=accounts&subject=mail:7", 0),
        ("?group=nonsense&subject=mail:7", 2),
    ],
)
def test_it_is_searched_by_person_kind_period_and_thing(
    client_for: ClientFor, network: Database, world: World, query: str, count: int
) -> None:
    origin = Actor(account_id=world.accounts["staff-owner"])
    record(network, "mail.read", "mail:7", by=origin)
    record(network, "mail.read", "mail:7", at=LONG_AGO)
    found = [row for row in rows(client_for, "network-admin", query) if "email kept here" in row]
    assert len(found) == count


@pytest.mark.parametrize(
    "query",
    [
        "?before=yesterday",
        "?before=2021-05-03_x",
        "?since=May",
        "?since=2021-05-03&until=2021-05-02",
    ],
)
def test_an_address_that_says_nothing_is_refused(client_for: ClientFor, query: str) -> None:
    assert client_for("network-admin").get(f"/admin/audit{query}").status_code == 400


def test_it_says_what_is_sealed(
    client_for: ClientFor, network: Database, settings: Settings
) -> None:
    client = client_for("network-admin")
    page = client.get("/admin/audit").text
    assert "Nothing is sealed yet" in page
    seal_audit(network, settings, lambda: datetime.now(UTC) + timedelta(hours=1))
    page = client.get("/admin/audit").text
    assert "Last sealed" in page
    assert "Not sealed yet" not in page


# Who sees what


def test_a_centre_sees_its_own_people_and_what_was_done_to_it(
    client_for: ClientFor, network: Database, world: World
) -> None:
    own, other = world.centres["own"], world.centres["other"]
    staff, stranger = world.accounts["staff-teammate"], world.accounts["staff-stranger"]
    seen = [
        ("mail.read", "mail:1", staff),
        ("patient.changed", f"patient:{world.patients['stranger']}", staff),
        ("record.read", "patient:1", world.accounts["practitioner-owner"]),
        ("centre.changed", f"centre:{own}", world.accounts["network-admin"]),
        ("department.changed", f"department:{world.departments['owner']}", None),
        ("service.changed", f"service:{world.services['owner']}", None),
        ("schedule.changed", f"schedule:{world.schedules['owner']}", None),
        ("account.changed", f"account:{staff}", None),
    ]
    unseen = [
        ("mail.read", "mail:2", stranger),
        ("centre.changed", f"centre:{other}", world.accounts["network-admin"]),
        ("department.changed", f"department:{world.departments['stranger']}", None),
        (
            "appointment.moved",
            f"appointment:{world.appointments['owner']}",
            world.accounts["patient-owner"],
        ),
        ("account.changed", f"account:{world.accounts['patient-owner']}", None),
        ("record.emergency-access", "patient:2", world.accounts["practitioner-stranger"]),
    ]
    for action, subject, account_id in [*seen, *unseen]:
        record(network, action, subject, by=Actor(account_id=account_id), at=LONG_AGO)
    text = client_for("centre-admin-owner").get("/admin/audit.csv?until=2021-12-31").text
    found = {
        (row["action"], row["subject"])
        for row in csv.DictReader(io.StringIO(text.removeprefix(MARK)))
    }
    assert found == {(action, subject) for action, subject, _ in seen}


def test_who_works_at_two_centres_is_watched_by_neither_but_in_emergencies(
    client_for: ClientFor, network: Database, world: World
) -> None:
    factories.change(
        network, Schedule, world.schedules["stranger"], practitioner_id=world.practitioners["owner"]
    )
    origin = Actor(account_id=world.accounts["practitioner-owner"])
    record(network, "record.read", "patient:1", by=origin, at=LONG_AGO)
    record(network, "record.emergency-access", "patient:2", by=origin, at=LONG_AGO)
    for person in ("centre-admin-owner", "centre-admin-stranger"):
        (found,) = rows(client_for, person, "?until=2021-12-31")
        assert "Opened a health record in an emergency" in found


@pytest.mark.parametrize(("who", "count"), [("owner", True), ("stranger", False)])
def test_all_about_an_appointment_is_for_its_centre(
    client_for: ClientFor, network: Database, world: World, who: str, count: bool
) -> None:
    subject = f"appointment:{world.appointments[who]}"
    record(
        network, "appointment.moved", subject, by=Actor(account_id=world.accounts["patient-owner"])
    )
    found = rows(client_for, "centre-admin-owner", f"?subject={subject}")
    assert bool(found) is count


def test_links_lead_only_where_the_reader_may_go(
    client_for: ClientFor, network: Database, world: World
) -> None:
    staff = Actor(account_id=world.accounts["staff-owner"])
    for subject in (
        f"centre:{world.centres['own']}",
        f"centre:{world.centres['other']}",
        f"department:{world.departments['owner']}",
        f"service:{world.services['owner']}",
        f"service:{world.services['stranger']}",
        f"schedule:{world.schedules['owner']}",
        f"schedule:{world.schedules['stranger']}",
        f"account:{world.accounts['staff-teammate']}",
        f"account:{world.accounts['patient-stranger']}",
        f"appointment:{world.appointments['owner']}",
        f"appointment:{world.appointments['stranger']}",
        f"practitioner:{world.practitioners['stranger']}",
    ):
        record(network, "centre.changed", subject, by=staff, at=LONG_AGO)
    for person, expected in (("centre-admin-owner", 7), ("network-admin", 12)):
        client = client_for(person)
        page = client.get("/admin/audit?until=2021-12-31").text
        links = re.findall(r"data-label=\"Affected\"><span><a href=\"([^\"]+)\"", page)
        assert len(links) == expected, person
        for href in links:
            assert client.get(href).status_code == 200, (person, href)


@pytest.mark.parametrize("person", ["patient-owner", "practitioner-owner", "staff-owner"])
def test_others_have_no_audit(client_for: ClientFor, person: str) -> None:
    for path in ("/admin/audit", "/admin/audit.csv"):
        assert client_for(person).get(path).status_code == 403


@pytest.mark.parametrize("person", ["network-admin", "centre-admin-owner"])
def test_it_takes_as_many_statements_however_much_happened(
    client_for: ClientFor,
    app: Flask,
    network: Database,
    world: World,
    person: str,
    statements: Callable[[Database], AbstractContextManager[Counted]],
) -> None:
    client, used = client_for(person), app.extensions["openslot"].database

    def happen(days: int) -> None:
        appointment = network.run(
            lambda session: book_for(session, world, "owner", now=datetime.now(UTC), days=days)
        )
        for subject in (f"appointment:{appointment.id}", f"centre:{world.centres['own']}"):
            record(
                network,
                "centre.changed",
                subject,
                by=Actor(account_id=world.accounts["staff-owner"]),
            )

    counts = []
    for days in range(4, 9):
        happen(days)
        with statements(used) as counted:
            assert client.get("/admin/audit").status_code == 200
        counts.append(counted.count)
    assert len(set(counts)) == 1, counts


# As a file


def table(client_for: ClientFor, query: str = "") -> list[dict[str, str]]:
    answer = client_for("network-admin").get(f"/admin/audit.csv{query}")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/csv")
    assert re.search(
        r'filename="audit-\d{4}-\d\d-\d\d\.csv"', answer.headers["Content-Disposition"]
    )
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix(MARK))))


def test_a_file_holds_what_was_searched_for(
    client_for: ClientFor, network: Database, world: World
) -> None:
    origin = Actor(account_id=world.accounts["staff-owner"], address="203.0.113.9")
    record(network, "mail.read", "mail:7", by=origin, at=LONG_AGO, why="Her migraine")
    (row,) = table(client_for, "?subject=mail:7")
    assert row == {
        "time": "2021-05-03T02:30:00+00:00",
        "account": "staff-owner@example.com",
        "role": "staff",
        "action": "mail.read",
        "subject": "mail:7",
        "address": "203.0.113.9",
        "details": "",
        "seal": "",
    }


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_taken_for_a_formula(
    client_for: ClientFor, network: Database, cell: str
) -> None:
    record(network, "mail.read", "mail:7", fields=[cell])
    (row,) = table(client_for, "?subject=mail:7")
    assert row["details"] == f"'{cell}"


def test_a_file_is_written_piece_by_piece_and_ends(
    client_for: ClientFor, network: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_audit, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(admin_audit, "MOST_ROWS", 6)
    for number in range(5):
        record(network, "mail.read", f"mail:{number}", at=LONG_AGO)
    assert len({row["subject"] for row in table(client_for, "?until=2021-12-31")}) == 5
    for number in range(5, 9):
        record(network, "mail.read", f"mail:{number}", at=LONG_AGO)
    assert len(table(client_for, "?until=2021-12-31")) == 6


# Every act has a name

MADE_UP = {
    "appointment.": [f"appointment.{one}" for one in Status if one is not Status.EXPIRED],
    "offer.": [f"offer.{one}" for one in OfferStatus if one is not OfferStatus.OPEN],
    "waiting.": [f"waiting.{one}" for one in Waiting if one is not Waiting.WAITING],
    "absence.": ["absence.keep-done"]
    + [
        f"absence.{choice}-{end}"
        for choice in (Choice.MOVE, Choice.CANCEL)
        for end in (Progress.DONE, Progress.FAILED)
    ],
}
"""Acts that are put together of a kind and a status."""


def acts() -> set[str]:
    """The acts that the sources record, as far as they spell them."""
    found: set[str] = set()
    for file in Path(openslot.__file__).parent.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        module = ast.parse(source)
        path = file.relative_to(Path(openslot.__file__).parents[1]).with_suffix("")
        named = (
            vars(importlib.import_module(".".join(path.parts))) if "audit.record" in source else {}
        )
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("audit.record"):
                spelled = [one for one in ast.walk(node.args[1]) if isinstance(one, ast.Constant)]
                found |= {str(one.value) for one in spelled}
                names = [one.id for one in ast.walk(node.args[1]) if isinstance(one, ast.Name)]
                found |= {str(named[one]) for one in names if isinstance(named.get(one), str)}
    return {one for one in found if not one.endswith(".")}


def test_every_act_that_is_recorded_has_a_title() -> None:
    recorded = {one for one in acts() if "." in one}
    assert len(recorded) > 10
    recorded |= {one for acts_of_kind in MADE_UP.values() for one in acts_of_kind}
    assert recorded - set(TITLES) == set()


def test_no_title_is_a_sentence_of_a_page_which_other_languages_say_otherwise() -> None:
    templates = Path(admin_audit.__file__).parent / "templates"
    pages = "".join(page.read_text() for page in templates.rglob("*.html"))
    assert [title for title in TITLES.values() if f"_('{title}')" in pages] == []


def test_every_titled_act_is_found_in_one_group() -> None:
    for action in TITLES:
        groups = [
            group
            for group in Group
            if group is not Group.ALL and action.startswith(BEGINNINGS[group])
        ]
        assert len(groups) == 1, action


def test_an_act_without_a_title_is_shown_as_it_is(client_for: ClientFor, network: Database) -> None:
    record(network, "mail.sung", "mail:7")
    assert "mail.sung" in rows(client_for, "network-admin", "?subject=mail:7")[0]


def test_looking_is_an_event_of_its_own_and_changes_none(
    client_for: ClientFor, network: Database, world: World
) -> None:
    def events() -> Counter[tuple[str, str]]:
        return network.read(
            lambda session: Counter((one.action, one.subject) for one in session.query(AuditEvent))
        )

    client = client_for("network-admin")
    before = events()
    subject = f"centre:{world.centres['own']}"
    page = client.get(f"/admin/audit?subject={subject}").text
    assert "Read the audit log" not in page
    client.get("/admin/audit.csv")
    assert events() - before == Counter({("audit.read", "audit:all"): 2})


def test_details_without_content_leave_no_mark(client_for: ClientFor) -> None:
    client = client_for("network-admin")
    client.get("/admin/audit")  # without a filter, so that no field of one is told
    page = client.get("/admin/audit").text
    assert "Read the audit log" in page
    assert "; page" not in page
