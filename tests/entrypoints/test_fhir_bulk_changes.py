"""Free times for everybody: how the files change, and how they are sent."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy.orm import Session

import factories
from engines import counting
from entrypoints.browsing import ClientFor
from entrypoints.programs import Program
from entrypoints.published import MANIFEST, lines, link_of, of_schedule
from entrypoints.world import PASSWORD, World
from factories import ALL_DAY, SYDNEY
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Status
from openslot.core import clock
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.directory import commands as directory
from openslot.directory.details import CentreDetails
from openslot.directory.models import CentreType
from openslot.usecases.booking import book, hold
from working import work

MOMENT = datetime(2027, 3, 30, 0, 30, tzinfo=UTC)
"""Some days before Sydney and Adelaide leave summer time, on 3 April at 16:00 UTC."""

DAY = f"{MANIFEST}/slots-2027-04-02.ndjson"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """What the time is; tests may change it."""
    moment = [MOMENT]
    monkeypatch.setattr(clock, "now", lambda: moment[0])
    return moment


@pytest.fixture
def reader(app: Flask, at: list[datetime]) -> Program:
    """A program without any key."""
    return Program(app)


def booking_request(world: World, start: str = "2027-04-02T12:00:00+11:00") -> BookingRequest:
    return BookingRequest(
        world.schedules["owner"], datetime.fromisoformat(start), 30, world.patients["owner"]
    )


def tag(reader: Program, path: str = DAY) -> str:
    return reader.send("HEAD", path).headers["ETag"]


def test_times_bear_the_offset_of_their_place_in_summer_and_winter(
    reader: Program, world: World
) -> None:
    offsets = {}
    for day in ("2027-04-02", "2027-04-03", "2027-04-04"):
        found = lines(reader.send("GET", f"{MANIFEST}/slots-{day}.ndjson"))
        own = of_schedule(found, world.schedules["owner"])
        assert len(own) == 48  # of a day in UTC, whatever the clock on the wall shows twice
        for one in own:
            start, end = (datetime.fromisoformat(one[name]) for name in ("start", "end"))
            assert start.utcoffset() == start.astimezone(SYDNEY).utcoffset()
            assert end - start == timedelta(minutes=30)
            assert start.astimezone(UTC).date().isoformat() == day
            assert link_of(one).endswith(f"start={start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
        offsets[day] = {one["start"][-6:] for one in own}
    assert offsets == {
        "2027-04-02": {"+11:00"},
        "2027-04-03": {"+11:00", "+10:00"},
        "2027-04-04": {"+10:00"},
    }


def test_a_link_leads_through_signing_in_to_the_form(
    reader: Program, client_for: ClientFor, world: World
) -> None:
    (slot, *_rest) = of_schedule(lines(reader.send("GET", DAY)), world.schedules["owner"])
    path = link_of(slot).removeprefix("http://localhost")
    client = client_for(None)
    page = unescape(client.get(path).text)
    back = parse_qs(urlsplit(re.findall(r'href="(/login\?next=[^"]+)"', page)[-1]).query)["next"][0]
    answer = client.send(
        "/login", email=world.emails["patient-owner"], password=PASSWORD, next=back
    )
    assert answer.status_code == 303
    form = client.get(answer.location).text
    start = datetime.fromisoformat(slot["start"]).astimezone(UTC)
    assert f'name="start" value="{start:%Y-%m-%dT%H:%M:%SZ}"' in form
    assert "Confirm booking" in form


def test_a_booked_time_disappears_and_comes_back(
    reader: Program, network: Database, world: World
) -> None:
    other = DAY.replace("04-02", "04-05")
    before, elsewhere = tag(reader), tag(reader, other)
    known = {one["id"] for one in lines(reader.send("GET", DAY))}
    appointment = network.run(
        lambda session: book(work(session, SYSTEM, MOMENT), booking_request(world))
    )
    gone = known - {one["id"] for one in lines(reader.send("GET", DAY))}
    assert gone == {
        f"{world.schedules['owner']}-{int(appointment.starts_at.timestamp()) // 300}-30"
    }
    assert tag(reader) != before
    assert tag(reader, other) == elsewhere
    network.run(
        lambda session: factories.change_status(
            session, appointment.id, Status.CANCELLED, now=MOMENT
        )
    )
    assert {one["id"] for one in lines(reader.send("GET", DAY))} == known
    assert tag(reader) == before


def test_a_kept_time_comes_back_by_itself(
    reader: Program, network: Database, world: World, at: list[datetime]
) -> None:
    before = tag(reader)
    network.run(lambda session: hold(work(session, SYSTEM, MOMENT), booking_request(world)))
    assert tag(reader) != before
    at[0] = MOMENT + timedelta(minutes=11)
    assert tag(reader) == before


def test_times_that_pass_leave_the_file(reader: Program, at: list[datetime]) -> None:
    today = DAY.replace("04-02", "03-30")
    before, known = tag(reader, today), lines(reader.send("GET", today))
    at[0] = MOMENT + timedelta(minutes=20)
    left = lines(reader.send("GET", today))
    assert 0 < len(left) < len(known)
    assert all(datetime.fromisoformat(one["start"]) >= at[0] for one in left)
    assert tag(reader, today) != before


@pytest.mark.parametrize(
    "name", ["locations", "schedules", "practitioner-roles", "slots-2027-04-02"]
)
def test_a_change_of_the_directory_changes_the_tag(
    reader: Program, network: Database, world: World, name: str
) -> None:
    path = f"{MANIFEST}/{name}.ndjson"
    before = tag(reader, path)
    assert tag(reader, path) == before
    details = CentreDetails(
        name="Renamed",
        type=CentreType.HOSPITAL,
        suburb="Randwick",
        phone="02 5550 9999",
        time_zone="Australia/Sydney",
        latitude=-33.92,
        longitude=151.24,
    )
    network.run(
        lambda session: directory.change_centre(
            work(session, SYSTEM, MOMENT), world.centres["own"], details
        )
    )
    assert tag(reader, path) != before
    text = reader.send("GET", path).text
    assert {"locations": "151.24", "slots-2027-04-02": "02 5550 9999"}.get(name, "Renamed") in text


def test_only_the_files_that_name_the_day_change_with_it(
    reader: Program, at: list[datetime]
) -> None:
    names = ("locations", "schedules")
    before = [tag(reader, f"{MANIFEST}/{name}.ndjson") for name in names]
    at[0] = MOMENT + timedelta(days=1)
    after = [tag(reader, f"{MANIFEST}/{name}.ndjson") for name in names]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]


@pytest.mark.parametrize("path", [MANIFEST, DAY, f"{MANIFEST}/locations.ndjson"])
def test_what_a_client_has_already_is_not_sent_again(reader: Program, path: str) -> None:
    first = reader.send("GET", path)
    assert first.headers["Cache-Control"] == "public, max-age=300"
    known = first.headers["ETag"]
    assert known.startswith("W/"), "it is the same, compressed or not"
    for sent in (known, known.removeprefix("W/")):
        again = reader.send("GET", path, If_None_Match=f'"other", {sent}')
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", known)
    assert again.headers["Cache-Control"] == "public, max-age=300"
    assert reader.send("GET", path, If_None_Match='"other"').status_code == 200


def test_the_manifest_stays_for_a_minute(reader: Program, at: list[datetime]) -> None:
    before = tag(reader, MANIFEST)
    at[0] = MOMENT + timedelta(seconds=59)
    assert tag(reader, MANIFEST) == before
    at[0] = MOMENT + timedelta(seconds=60)
    assert tag(reader, MANIFEST) != before


@pytest.mark.parametrize("path", [MANIFEST, DAY])
def test_scripts_of_any_site_may_read_and_no_cookie_is_sent(
    reader: Program, client_for: ClientFor, path: str
) -> None:
    answer = client_for("patient-owner").get(path, Origin="https://finder.example")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Set-Cookie" not in answer.headers
    asked = reader.send("OPTIONS", path, Access_Control_Request_Headers="if-none-match")
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Headers"] == "If-None-Match"


@pytest.mark.parametrize("accept", ["application/fhir+ndjson", "application/json", "*/*", None])
def test_any_accept_is_good(reader: Program, accept: str | None) -> None:
    headers = {"Accept": accept} if accept else {}
    assert reader.send("GET", MANIFEST, **headers).content_type == "application/json"
    assert lines(reader.send("GET", DAY, **headers))


def test_parameters_change_nothing(reader: Program) -> None:
    plain = reader.send("GET", MANIFEST)
    asked = reader.send("GET", f"{MANIFEST}?_since=2027-03-29T00:00:00Z&_type=Slot&other=1")
    assert asked.json == plain.json


@pytest.mark.parametrize(
    "name", ["nonsense", "slots-2027-03-28", "slots-2027-05-26", "slots-AU-NSW-2027-04-02", "slots"]
)
def test_what_is_not_published_is_not_there(reader: Program, name: str) -> None:
    answer = reader.send("GET", f"{MANIFEST}/{name}.ndjson")
    assert answer.status_code == 404
    assert (answer.json or {})["resourceType"] == "OperationOutcome"
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_the_file_of_yesterday_ends_empty(reader: Program) -> None:
    assert lines(reader.send("GET", f"{MANIFEST}/slots-2027-03-29.ndjson")) == []
    assert lines(reader.send("GET", f"{MANIFEST}/slots-2027-05-25.ndjson"))


def test_the_statements_do_not_grow(
    reader: Program, network: Database, world: World, app: Flask
) -> None:
    def counted(path: str) -> int:
        reader.send("GET", path)
        with counting(app.extensions["openslot"].database) as found:
            assert reader.send("GET", path).status_code == 200
        return len(found.texts)

    paths = [MANIFEST, DAY, f"{MANIFEST}/schedules.ndjson"]
    before = [counted(path) for path in paths]
    network.run(lambda session: [_another(session, world, number) for number in range(20)])
    assert [counted(path) for path in paths] == before
    assert max(before) <= 4


def _another(session: Session, world: World, number: int) -> None:
    person = factories.practitioner(session, f"Another {number}", now=MOMENT)
    centre = world.centres["own"]
    factories.schedule(session, centre, practitioner_id=person.id, hours=ALL_DAY, now=MOMENT)


def test_a_slow_client_keeps_no_connection(
    app: Flask, reader: Program, network: Database, world: World
) -> None:
    answer = reader.client.get(DAY, buffered=False)
    assert "Content-Length" not in answer.headers
    pieces = iter(answer.response)
    first = next(pieces)
    pool = app.extensions["openslot"].database.engine.pool
    assert pool.status().endswith("Checked out connections: 0")
    network.run(lambda session: book(work(session, SYSTEM, MOMENT), booking_request(world)))
    assert b"".join([first, *pieces]).count(b"\n") == 6 * 48
    answer.close()
