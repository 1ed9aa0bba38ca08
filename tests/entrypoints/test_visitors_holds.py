"""Times are held for people while they sign in or up, and nobody can keep a diary so."""

import re
from datetime import datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from flask import Flask

import factories
from entrypoints.browsing import Client, ClientFor, next_week
from entrypoints.world import PASSWORD, World
from openslot.booking.models import Appointment, Status
from openslot.core import clock
from openslot.core.db import Database
from openslot.entrypoints import limits


def starts(world: World, client: Client) -> list[str]:
    page = client.get(f"/book/{world.schedules['owner']}?week={next_week()}").text
    return re.findall(r'<button[^>]* name="start" value="([^"]+)"', page)


def goes_on(world: World, client: Client, start: str, to: str = "sign-in") -> str:
    """Press the button, and return the address that signing in leads back to."""
    path = f"/book/{world.schedules['owner']}"
    answer = client.send(f"{path}/go-on", page=f"{path}?start={start}", start=start, to=to)
    assert answer.status_code == 303, answer.text
    assert answer.location.startswith("/sign-up?" if to == "sign-up" else "/login?")
    return parse_qs(urlsplit(answer.location).query)["next"][0]


def held(database: Database) -> list[str]:
    rows = database.read(
        lambda session: session.query(Appointment).filter_by(status=Status.HELD).all()
    )
    assert all(row.patient_id is None for row in rows)
    return [row.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ") for row in rows]


@pytest.mark.parametrize("in_same_browser", [True, False])
def test_a_time_is_held_while_somebody_signs_in_and_is_theirs_then(
    client_for: ClientFor, app: Flask, network: Database, world: World, in_same_browser: bool
) -> None:
    visitor = client_for(None)
    start = starts(world, visitor)[3]
    assert held(network) == [], "who only looks holds nothing"
    back = goes_on(world, visitor, start)
    assert held(network) == [start]
    assert "We hold " in visitor.get("/login").text
    assert start not in starts(world, client_for("patient-teammate")), "nobody else is offered it"
    page = visitor.get(f"/book/{world.schedules['owner']}?start={start}").text
    assert "Held for you" in page, "also after a step back"
    assert goes_on(world, visitor, start, "sign-up") == back, "it is held once"

    patient = visitor if in_same_browser else Client(app)
    patient.send("/login", email=world.emails["patient-owner"], password=PASSWORD)
    page = patient.get(back).text
    assert "Held for you" in page
    hold = re.search(r'name="hold" value="([^"]+)"', page)
    assert hold is not None
    child = {"patient": "new", "name": "Tama Ngata", "born": "2 April 2015"}
    whom = child if in_same_browser else {"patient": str(world.patients["owner"])}
    booked = patient.send(
        f"/book/{world.schedules['owner']}",
        page=back,
        chosen=start,
        chosen_minutes="30",
        hold=hold[1],
        **whom,
    )
    assert booked.status_code == 303, booked.text
    assert "booked=1" in booked.location
    assert held(network) == []


def test_a_browser_holds_one_time_and_strangers_two_of_a_schedule_once_an_hour(
    app: Flask, client_for: ClientFor, network: Database, world: World
) -> None:
    first, second, third, fourth = starts(world, client_for(None))[3:11:2]
    one, other, late = Client(app), Client(app), Client(app)
    goes_on(world, one, first)
    goes_on(world, one, second)
    assert held(network) == [second], "the one before is released"
    goes_on(world, other, third)
    assert "hold=" not in goes_on(world, late, fourth), "signing in goes on without"
    assert sorted(held(network)) == [second, third]
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=False):
        assert "hold=" not in goes_on(world, late, first), "it was held a moment ago"
        assert "hold=" in goes_on(world, late, fourth)
    with time_machine.travel(clock.now() + timedelta(minutes=62), tick=False):
        assert "hold=" in goes_on(world, Client(app), first)


def test_an_address_holds_only_so_many(
    app: Flask, network: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "VISITORS_HOLDS", limits.Limit(1, 3600))
    monkeypatch.setattr(app.extensions["openslot"].settings, "rate_limits", True)
    first, second = starts(world, Client(app))[3:7:3]
    goes_on(world, Client(app), first)
    assert "hold=" not in goes_on(world, Client(app), second)
    assert held(network) == [first]


def test_a_time_that_is_gone_leads_to_the_nearest_and_an_emergency_is_not_held(
    client_for: ClientFor, network: Database, world: World
) -> None:
    visitor = client_for(None)
    start, other = starts(world, visitor)[3:7:3]
    network.run(
        lambda session: factories.appointment(
            session,
            world.schedules["owner"],
            datetime.fromisoformat(start),
            world.patients["stranger"],
            now=clock.now(),
        )
    )
    path = f"/book/{world.schedules['owner']}"
    answer = visitor.send(f"{path}/go-on", page=f"{path}?start={other}", start=start)
    assert answer.status_code == 409
    assert "These are the nearest free times." in unescape(answer.text)
    urgent = {"priority": "urgent", "start": other}
    assert visitor.send(f"{path}/go-on", page=f"{path}?start={other}", **urgent).status_code == 422
    assert held(network) == []
