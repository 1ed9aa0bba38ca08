"""Practitioners whom services of others need: their overview, their calendar, their absences."""

from datetime import datetime, timedelta
from uuid import UUID

import icalendar
import pytest
import time_machine
from flask import Flask
from sqlalchemy.orm import Session

import factories
from entrypoints.browsing import ClientFor, next_week
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from imaging import need
from openslot.core.db import Database

HOUR = timedelta(hours=1)


@pytest.fixture
def start(network: Database, app: Flask, world: World) -> datetime:
    """The start of an appointment with the owner that needs the teammate, with a margin."""

    def set_up(session: Session) -> None:
        service = factories.offered_service(
            session, world.centres["own"], "Lifting", minutes=60, minutes_before=30
        )
        need(session, service.id, profession="Physiotherapist")
        factories.offer(session, world.schedules["owner"], service)

    network.run(set_up)
    program = with_key(app, network, "*")
    slots = program.get(f"/api/v1/slots?schedule={world.schedules['owner']}&from={next_week()}")
    first: str = slots["items"][0]["start"]
    made = program.send(
        "POST",
        "/api/v1/appointments",
        {
            "schedule": world.schedules["owner"],
            "start": first,
            "patient": str(world.patients["stranger"]),
        },
    )
    assert [one["name"] for one in made.json["resources"]] == ["Priya Teammate"]  # type: ignore[index]
    return datetime.fromisoformat(first)


def test_the_overview_of_the_day_says_where_one_is_needed(
    client_for: ClientFor, start: datetime
) -> None:
    with time_machine.travel(start, tick=False):
        page = client_for("practitioner-teammate").get("/dashboard").text
        assert "You are also needed" in page
        assert "<bdi>Lifting</bdi>, <bdi>Priya Owner</bdi>" in page
        assert "Aroha" not in page.partition("You are also needed")[2]
        assert "also needed" not in client_for("practitioner-owner").get("/dashboard").text


def test_the_calendar_has_the_time_and_nothing_of_the_patient(
    app: Flask, world: World, start: datetime
) -> None:
    teammate = signed_in(app, world, "practitioner-teammate")
    address = teammate.send("POST", "/api/v1/me/calendar").json["address"]  # type: ignore[index]
    feed = teammate.client.get(address.removeprefix("http://localhost"))
    events = {str(one["summary"]): one for one in icalendar.Calendar.from_ical(feed.text).events}
    event = events["Needed by Priya Owner"]
    assert event["dtstart"].dt == start - HOUR / 2
    assert event["dtend"].dt == start + HOUR
    assert not {"URL", "DESCRIPTION"} & event.keys()
    assert "Lifting" not in event.to_ical().decode()


def test_who_is_absent_and_needed_is_listed(app: Flask, world: World, start: datetime) -> None:
    path, teammate = "/api/v1/absences", signed_in(app, world, "practitioner-teammate")
    assert teammate.get(f"{path}/needing")["items"] == []
    period = {"start": start.isoformat(), "end": (start + HOUR).isoformat()}
    assert teammate.send("POST", path, period).status_code == 201

    def listed(program: Program, query: str = "") -> tuple[datetime, str, UUID | None]:
        [one] = program.get(f"{path}/needing{query}")["items"]
        return datetime.fromisoformat(one["start"]), one["service"]["name"], one["appointment"]

    assert listed(teammate) == (start, "Lifting", None)
    query = f"?practitioner={world.practitioners['teammate']}"
    admin = listed(signed_in(app, world, "centre-admin-owner"), query)
    assert admin[:2] == (start, "Lifting")
    assert admin[2] is not None
    stranger = signed_in(app, world, "practitioner-stranger")
    assert stranger.send("GET", f"{path}/needing{query}").status_code in (403, 404)
