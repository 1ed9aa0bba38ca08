"""A time that can be pressed is what it says: with whom, where and when, for this patient, and
this reader can book it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.test import TestResponse

import factories
from entrypoints.browsing import Client, ClientFor, next_week
from entrypoints.programs import signed_in, with_key
from entrypoints.world import World
from factories import SYDNEY
from openslot.booking.models import Appointment, Status
from openslot.core import clock
from openslot.core.actor import Actor
from openslot.core.db import Database
from openslot.schedules import diaries
from timetable import Timetable, fill, occupy
from working import found

NAMES = {"owner": "Aroha Owner", "child": "Tama Owner"}


@pytest.fixture
def table(network: Database, world: World) -> Timetable:
    return fill(network, world)


# What a page offers to press


@dataclass(frozen=True)
class Button:
    """A time that can be pressed: its address, what it sends, and the words that readers hear."""

    path: str
    start: str
    words: str

    @property
    def schedule(self) -> int:
        return int(self.path.split("/")[2])


PRESSED = re.compile(r'<(a|button)\b([^>]*\bclass="os-slot"[^>]*)>(.*?)</\1>', re.S)


def buttons(page: str) -> list[Button]:
    found = []
    for _tag, attributes, inner in PRESSED.findall(page):
        values = {
            key: unescape(value) for key, value in re.findall(r'([\w-]+)="([^"]*)"', attributes)
        }
        words = " ".join(unescape(re.sub(r"<[^>]+>", "", inner)).split())
        if "href" in values:
            address = urlsplit(values["href"])
            found.append(Button(values["href"], parse_qs(address.query)["start"][0], words))
        else:
            found.append(Button(values.get("formaction", ""), values["value"], words))
    return found


def starts(page: str) -> set[datetime]:
    return {datetime.fromisoformat(button.start) for button in buttons(page)}


def fields(page: str, form_id: str = "book") -> dict[str, str]:
    """What the form of a page sends when nothing is changed."""
    form = page.partition(f'id="{form_id}"')[2].partition("</form>")[0]
    sent = {}
    for kind, attributes in re.findall(r"<(input|textarea)\b([^>]*)>", form):
        values = {
            key: unescape(value) for key, value in re.findall(r'([\w-]+)="([^"]*)"', attributes)
        }
        if values.get("type") not in ("radio", "checkbox") or "checked" in attributes:
            sent[values["name"]] = values.get("value", "")
        if kind == "textarea":
            sent["reason"] = unescape(
                form.partition("<textarea")[2].partition(">")[2].partition("<")[0]
            )
    return sent


def press(client: Client, page: str, button: Button) -> TestResponse:
    """Press the time as a browser does, and come to its booking page."""
    if not button.path.endswith("/hold"):
        return client.get(button.path)
    form = fields(page, "book" if 'id="book"' in page else "hold")
    kept = client.http.post(button.path, data={**form, "start": button.start})
    assert kept.status_code == 303, kept.text
    return client.get(kept.location)


# Every reader, every page


READERS = [
    ("patient-owner", None),
    ("patient-owner", "child"),
    ("practitioner-owner", "owner"),
    ("staff-owner", "owner"),
    ("centre-admin-stranger", "owner"),
    ("network-admin", "child"),
]

PAGES: list[tuple[str, str]] = [
    ("/?", ""),
    ("/search?sort=earliest", ""),
    ("/search?q=gp&sort=earliest", "Noor Aziz, GP"),
    ("/search?q=gp+wattle", "Noor Aziz, GP, at Wattle Clinic"),
    ("/search?q=mri", "MRI, Radiology, at Banksia"),
    ("/search?q=physiotherapist&when=week", "Physiotherapist"),
    ("/search?q=dental", "Amy Winehouse"),
    ("/centres/{own}?", "at Banksia General Hospital"),
    ("/departments/{department}?", "Radiology"),
    ("/practitioners/{gp}?", "Noor Aziz, GP"),
]


@pytest.mark.parametrize(("person", "whose"), READERS)
def test_every_time_leads_to_what_it_says_and_can_be_booked(
    client_for: ClientFor,
    network: Database,
    world: World,
    table: Timetable,
    person: str,
    whose: str | None,
) -> None:
    client = client_for(person)
    patient = {"owner": world.patients["owner"], "child": table.child, None: None}[whose]
    if patient:
        found(network, Actor(account_id=world.accounts[person]), patient, clock.now())
    pressed = 0
    for address, wanted in PAGES:
        path = address.format(
            own=world.centres["own"], department=world.departments["owner"], gp=table.gp
        )
        path += f"&patient={patient}" if patient else ""
        page = client.get(path).text
        for button in {one.schedule: one for one in buttons(page)}.values():
            assert wanted in button.words, (path, button)
            said = press(client, page, button)
            assert said.status_code == 200
            _is_said_and_booked(client, network, said.text, button, NAMES[whose or "owner"])
            pressed += 1
            page = client.get(path).text
    assert pressed >= 3


def _is_said_and_booked(
    client: Client, network: Database, page: str, button: Button, name: str
) -> None:
    """The form names whom, where and when; Confirm books that, and the appointment's page names
    it."""
    with_whom, _, rest = button.words.removeprefix("with ").partition(", ")
    centre = rest.partition(", at ")[2].partition(", ")[0]
    form = fields(page)
    assert form["chosen"] == button.start
    summary = page.partition('id="booking"')[2]
    for word in (with_whom, centre, name):
        assert word in unescape(summary), (word, button)
    assert f"/book/{button.schedule}" in page
    answer = client.http.post(f"/book/{button.schedule}", data=form)
    assert answer.status_code == 303, (button, answer.text)
    booked = client.get(answer.location)
    for word in (with_whom, centre, name):
        assert word in unescape(booked.text), (word, button)
    _undo(network, UUID(answer.location.partition("?")[0].rpartition("/")[2]))


def _undo(network: Database, appointment: UUID) -> None:
    network.run(
        lambda session: factories.change_status(
            session, appointment, Status.CANCELLED, now=datetime.now(UTC)
        )
    )


def test_visitors_come_to_the_time_and_are_asked_to_sign_in(
    client_for: ClientFor, world: World, table: Timetable
) -> None:
    client = client_for(None)
    page = client.get(f"/search?q=gp&patient={table.child}").text
    [first, *_] = buttons(page)
    form = client.get(first.path).text
    assert "Sign in to book" in form
    back = unescape(re.findall(r'href="/login\?next=([^"]+)"', form)[-1])
    assert str(table.child) in back
    assert "start%3D" in back or "start=" in back


# What was asked for


@pytest.mark.parametrize(
    ("query", "words"),
    [("banksia general", "Choose who to see"), ("radiology", "Choose a service")],
)
def test_what_is_found_by_its_name_alone_shows_no_times(
    client_for: ClientFor, table: Timetable, query: str, words: str
) -> None:
    kind = "centre" if query.startswith("banksia") else "department"
    page = client_for("patient-owner").get(f"/search?q={query}&kind={kind}").text
    assert words in page
    assert not buttons(page)


@pytest.mark.parametrize("typed", ["physioterapist", "mental", "ent", "ari"])
def test_a_guess_is_a_question_and_has_no_times(
    client_for: ClientFor, table: Timetable, typed: str
) -> None:
    page = client_for("patient-owner").get(f"/search?q={typed}").text
    assert not buttons(page)
    if typed in ("physioterapist", "mental"):
        assert "Did you mean" in page


def test_near_matches_of_some_words_show_times_of_what_bears_one_itself(
    client_for: ClientFor, table: Timetable
) -> None:
    """No GP is in such a place: GPs have times, and those who are only near have none."""
    page = client_for("patient-owner").get("/search?q=gp+banksia+nowhere").text
    assert {"Noor Aziz" in button.words for button in buttons(page)} == {True}


# For this patient


def test_times_are_free_for_whom_they_are(
    client_for: ClientFor, network: Database, world: World, table: Timetable
) -> None:
    """The owner has an appointment at ten in three days; the child has not."""
    client, at = client_for("patient-owner"), _ten(3)
    week = f"/book/{table.gp_here}?week={at.date()}"
    assert at not in starts(client.get(week).text)
    assert at + timedelta(hours=1) in starts(client.get(week).text)
    assert at in starts(client.get(f"{week}&patient={table.child}").text)
    profile = starts(client.get(f"/book/{world.schedules['owner']}?week={at.date()}").text)
    assert at.date() not in {start.astimezone(SYDNEY).date() for start in profile}


def test_who_books_for_patients_may_add_a_second_appointment_knowingly(
    client_for: ClientFor, world: World
) -> None:
    client, at = client_for("staff-owner"), _ten(3)
    week = f"/book/{world.schedules['owner']}?week={at.date()}&patient={world.patients['owner']}"
    later = at + timedelta(hours=2)
    assert later not in starts(client.get(week).text)
    page = client.get(f"{week}&second=yes").text
    assert later in starts(page)
    button = next(one for one in buttons(page) if datetime.fromisoformat(one.start) == later)
    form = fields(press(client, page, button).text)
    answer = client.http.post(f"/book/{button.schedule}", data=form)
    assert answer.status_code == 303, answer.text


def _ten(days: int) -> datetime:
    day = (datetime.now(UTC) + timedelta(days=days)).astimezone(SYDNEY)
    return day.replace(hour=10, minute=0, second=0, microsecond=0)


@pytest.mark.parametrize("most", [1, 2000])
def test_busy_times_count_in_large_networks_too(
    client_for: ClientFor, table: Timetable, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Of very many diaries those of patients are not read along."""
    monkeypatch.setattr(diaries, "MOST_IDS_NAMED", most)
    at = _ten(3)
    assert at not in starts(
        client_for("patient-owner").get(f"/book/{table.gp_here}?week={at.date()}").text
    )


# What cannot be booked


@pytest.mark.parametrize(
    ("person", "path", "words"),
    [
        ("patient-owner", "/search?q=dental", "A GP can write one"),
        (None, "/search?q=dental", "If you have one, sign in"),
        ("patient-owner", "/book/{specialist}", "You have no referral for this"),
        ("practitioner-owner", "/search?q=gp", "You can only book your own times"),
        ("practitioner-owner", "/search?q=dental", "Write a referral"),
        ("practitioner-owner", "/search?q=mri", "Call the department"),
        ("practitioner-owner", "/book/{gp_here}", "You can only book your own times"),
        ("staff-stranger", "/search?q=mri", "You can only book for your own centre"),
        ("staff-owner", "/search?q=dental", "Choose the patient first"),
    ],
)
def test_what_cannot_be_booked_says_why_and_what_to_do(
    client_for: ClientFor, table: Timetable, person: str | None, path: str, words: str
) -> None:
    address = path.format(specialist=table.specialist, gp_here=table.gp_here)
    page = client_for(person).get(address).text
    assert words in page
    assert not buttons(page)


# Nothing that was chosen or typed is lost


@pytest.fixture
def typed(client_for: ClientFor, table: Timetable) -> tuple[Client, dict[str, str], Button]:
    """Somebody who keeps a time for the child, and has typed a reason."""
    client = client_for("patient-owner")
    page = client.get(f"/book/{table.gp_here}?patient={table.child}&week={next_week()}").text
    button = buttons(page)[-1]
    form = fields(press(client, page, button).text) | {"reason": "Cough at night"}
    return client, form, button


CHANGES: list[dict[str, object]] = [
    {"look": "2026-12-07"},
    {"minutes": 60, "look": "2026-12-07"},
    {"extend": True},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_another_week_or_length_keeps_person_reason_and_time(
    typed: tuple[Client, dict[str, str], Button], table: Timetable, change: dict[str, object]
) -> None:
    client, form, button = typed
    path = f"/book/{table.gp_here}/look"
    if change.pop("extend", None):
        path = f"/holds/{form['hold']}/extend"
    answer = client.http.post(path, data={**form, **change})
    assert "Cough" not in (answer.location or "")
    page = client.get(answer.location).text
    differ = {"week": "", "csrf_token": ""}  # a token has the second in which it was made
    assert fields(page) | differ == form | differ
    assert "Held for you until" in page
    assert form["chosen"] == button.start


def test_another_time_keeps_person_and_reason(
    typed: tuple[Client, dict[str, str], Button], table: Timetable
) -> None:
    client, form, button = typed
    hold = form["hold"]
    week = f"week={next_week()}"
    page = client.get(f"/book/{table.gp_here}?patient={table.child}&hold={hold}&{week}").text
    other = buttons(page)[0]
    kept = client.http.post(other.path, data={**form, "start": other.start, "minutes": 60})
    shown = fields(client.get(kept.location).text)
    assert (shown["patient"], shown["reason"]) == (str(table.child), "Cough at night")
    assert (shown["chosen"], shown["chosen_minutes"]) == (other.start, "60")
    assert other.start != button.start


def test_a_reason_without_a_kept_time_is_not_lost_either(
    client_for: ClientFor, table: Timetable
) -> None:
    client = client_for("patient-owner")
    form = fields(client.get(f"/book/{table.gp_here}?patient={table.child}").text)
    later = (date.fromisoformat(form["week"]) + timedelta(days=7)).isoformat()
    form |= {"reason": "Cough at night", "look": later}
    shown = client.http.post(f"/book/{table.gp_here}/look", data=form)
    assert shown.status_code == 200
    assert fields(shown.text)["reason"] == "Cough at night"
    assert fields(shown.text)["week"] == later


def test_another_person_takes_the_kept_time_along(
    typed: tuple[Client, dict[str, str], Button], network: Database, world: World, table: Timetable
) -> None:
    client, form, button = typed
    form |= {"patient": str(world.patients["owner"]), "look": form["week"]}
    answer = client.http.post(f"/book/{table.gp_here}/look", data=form)
    shown = fields(client.get(answer.location).text)
    assert (shown["chosen"], shown["reason"]) == (button.start, "Cough at night")
    assert shown["patient"] == str(world.patients["owner"])
    kept = network.read(
        lambda session: [
            one.patient_id for one in session.query(Appointment) if one.status == Status.HELD
        ]
    )
    assert kept == [world.patients["owner"]]


def test_going_back_books_for_whom_the_page_shows(
    typed: tuple[Client, dict[str, str], Button], network: Database, world: World, table: Timetable
) -> None:
    """The page of the child is confirmed once more, after the time went to the carer."""
    client, form, _button = typed
    carer = {**form, "patient": str(world.patients["owner"]), "look": form["week"]}
    client.http.post(f"/book/{table.gp_here}/look", data=carer)
    answer = client.http.post(f"/book/{table.gp_here}", data=form)
    booked = network.read(
        lambda session: [
            one.patient_id
            for one in session.query(Appointment)
            if one.schedule_id == table.gp_here and one.status == Status.BOOKED
        ]
    )
    if answer.status_code == 303:
        assert booked == [table.child]
    else:
        assert not booked
        assert fields(answer.text)["patient"] == str(table.child)


def test_a_time_that_others_took_keeps_week_person_and_reason_and_names_free_ones(
    client_for: ClientFor, network: Database, world: World, table: Timetable
) -> None:
    """The nearest times are not those at which the child is busy."""
    client, at = client_for("patient-owner"), _ten(9)
    page = client.get(f"/book/{table.gp_here}?patient={table.child}&week={at.date()}").text
    form = fields(page) | {"reason": "Cough at night", "minutes": "30"}
    occupy(network, table.gp_here, world.patients["teammate"], days=9, hour=10)
    occupy(network, table.bloods, table.child, days=9, hour=9, minutes=60)
    pressed = {**form, "start": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    refused = client.http.post(f"/book/{table.gp_here}/hold", data=pressed)
    assert refused.status_code == 409
    kept = ("patient", "reason", "week")
    assert [fields(refused.text)[name] for name in kept] == [form[name] for name in kept]
    alert = refused.text.partition('role="alert"')[2].partition("</ul>")[0]
    nearest = starts(alert.replace("os-slot flex-column py-1", "os-slot"))
    assert len(nearest) == 3
    busy = {at - timedelta(minutes=30), at - timedelta(hours=1), at}
    assert not nearest & busy


# Programs


Ask = Callable[[str], Any]


def test_programs_see_times_that_are_free_for_the_patient(
    app: Flask, network: Database, world: World, table: Timetable
) -> None:
    at, own = _ten(3), world.patients["owner"]
    span = f"schedule={table.gp_here}&from={at.date()}&limit=100"
    key, token = with_key(app, network, "*"), signed_in(app, world, "patient-owner")

    def times(answer: Any) -> set[datetime]:
        return {datetime.fromisoformat(one["start"]) for one in answer["items"]}

    assert at in times(key.get(f"/api/v1/slots?{span}"))
    assert at not in times(key.get(f"/api/v1/slots?{span}&patient={own}"))
    assert at not in times(token.get(f"/api/v1/slots?{span}"))
    assert at in times(token.get(f"/api/v1/slots?{span}&patient={table.child}"))
    specialist = f"/api/v1/slots?schedule={table.specialist}"
    assert key.get(specialist)["items"]
    assert not token.get(specialist)["items"]
    [dental] = token.get("/api/v1/search?q=winehouse")["items"]
    assert (dental["next_free"], dental["no_times"]) == ([], "referral")


def test_programs_find_times_of_what_they_ask_for(
    app: Flask, network: Database, table: Timetable
) -> None:
    key = with_key(app, network, "*")
    for one in key.get("/api/v1/search?q=mri")["items"]:
        assert {slot["service"]["name"] for slot in one["next_free"]} == {"MRI"}
    [department] = key.get("/api/v1/search?q=radiology&kind=department")["items"]
    assert (department["next_free"], department["no_times"]) == ([], "choose")


def test_fhir_proposes_times_that_are_free_for_the_patient(
    app: Flask, network: Database, world: World, table: Timetable
) -> None:
    at, own = _ten(3), world.patients["owner"]
    query = f"schedule={table.gp_here}&start={at.date()}&end={at.date()}&_count=100"
    key, token = with_key(app, network, "*"), signed_in(app, world, "patient-owner")

    def times(answer: Any) -> set[datetime]:
        return {
            datetime.fromisoformat(one["resource"]["start"])
            for one in answer["entry"]
            if one["resource"]["resourceType"] == "Appointment"
        }

    find = f"/fhir/Appointment/$find?{query}"
    assert at in times(key.get(find))
    assert at not in times(key.get(f"{find}&patient-reference=Patient/{own}"))
    assert key.send("GET", f"{find}&patient=nobody").status_code == 400
    stranger = signed_in(app, world, "patient-stranger")
    assert stranger.send("GET", f"{find}&patient={own}").status_code in (403, 404)
    assert token.send("GET", f"{find}&patient={own}").status_code in (200, 403)


@pytest.mark.parametrize("path", ["/api/v1/slots", "/api/v1/search"])
def test_nobody_learns_when_a_stranger_is_busy(
    app: Flask, network: Database, world: World, path: str
) -> None:
    address = f"{path}?patient={world.patients['owner']}"
    assert signed_in(app, world, "patient-stranger").send("GET", address).status_code == 404
    assert with_key(app, network, "directory:read").send("GET", address).status_code == 403
    unknown = f"{path}?patient={UUID(int=7)}"
    assert with_key(app, network, "*").send("GET", unknown).status_code == 404


@pytest.mark.parametrize("path", ["/search", "/", "/book/{gp_here}", "/practitioners/{gp}"])
def test_pages_name_no_stranger(
    client_for: ClientFor, world: World, table: Timetable, path: str
) -> None:
    address = path.format(gp_here=table.gp_here, gp=table.gp)
    stranger = client_for("patient-stranger")
    assert stranger.get(f"{address}?patient={world.patients['owner']}").status_code == 404


def test_programs_of_practitioners_see_no_times_of_patients_whom_they_do_not_know(
    app: Flask, world: World, table: Timetable
) -> None:
    """What is missing among the times would say when the patient is busy."""
    stranger, own = signed_in(app, world, "practitioner-stranger"), world.patients["owner"]
    treats = signed_in(app, world, "practitioner-owner")
    day = f"start={_ten(3).date()}&end={_ten(3).date()}"
    for address in (
        f"/api/v1/slots?schedule={table.bloods}&patient={own}",
        f"/api/v1/search?q=gp&patient={own}",
        f"/fhir/Appointment/$find?schedule={table.bloods}&{day}&patient-reference=Patient/{own}",
    ):
        assert stranger.send("GET", address).status_code == 404, address
        assert treats.send("GET", address).status_code == 200, address
