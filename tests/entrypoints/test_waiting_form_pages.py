"""The form of the waiting list: whose days are meant, which lengths there are, what it refuses."""

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy.orm import Session

import factories
from entrypoints.browsing import ClientFor
from entrypoints.programs import signed_in
from entrypoints.test_offer_pages import day_ahead, form
from entrypoints.world import World
from factories import SYDNEY
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.directory.models import Centre
from openslot.schedules.commands import close_centre
from working import work

READER = "Pacific/Kiritimati"
PHYSIOTHERAPISTS = "/waiting/new?profession=Physiotherapist"


@pytest.fixture
def abroad(network: Database, world: World) -> None:
    """The other centre, first by its name, is a day behind the reader."""
    factories.change(
        network,
        Centre,
        world.centres["other"],
        name="Ardmore Clinic",
        time_zone="Pacific/Pago_Pago",
    )


def test_days_are_those_of_the_reader_where_centres_differ(
    client_for: ClientFor, abroad: None
) -> None:
    patient = client_for("patient-owner")
    patient.http.set_cookie("tz", READER)
    page = patient.get(PHYSIOTHERAPISTS).text
    today = datetime.now(ZoneInfo(READER)).date()
    assert f'id="from_day" name="from_day" required min="{today}"' in page
    assert "Days are in the centre’s time zone" not in page


def test_days_are_those_of_the_centres_that_are_chosen(
    client_for: ClientFor, abroad: None, world: World, network: Database
) -> None:
    patient = client_for("patient-owner")
    patient.http.set_cookie("tz", READER)
    day = day_ahead()
    typed = form(world, day, scope="profession:Physiotherapist", centre=str(world.centres["other"]))
    page = patient.send(PHYSIOTHERAPISTS, **typed).text
    assert "No need to wait" in page
    assert "Days are in the centre’s time zone: Pago Pago time" in page


def test_lengths_are_those_of_the_schedules(client_for: ClientFor, world: World) -> None:
    page = client_for("patient-owner").get(f"/waiting/new?schedule={world.schedules['owner']}").text
    assert re.findall(r'<option value="(\d+)"', page.partition('id="minutes"')[2]) == [
        "30",
        "60",
        "90",
        "120",
    ]


def test_an_end_before_the_start_is_called_that(client_for: ClientFor, world: World) -> None:
    path = f"/waiting/new?schedule={world.schedules['owner']}"
    until = (day_ahead() - timedelta(days=1)).isoformat()
    answer = client_for("patient-owner").send(path, **form(world, day_ahead(), until_day=until))
    assert answer.status_code == 422
    assert "The last day is before the first one." in answer.text


def test_what_it_is_for_is_chosen_where_services_are_offered(
    client_for: ClientFor, world: World, network: Database, app: Flask
) -> None:
    def offer(session: Session) -> int:
        short = factories.offered_service(session, None, "Follow-up", minutes=30)
        new = factories.offered_service(session, None, "New patient", minutes=60)
        staff = factories.offered_service(session, None, "Review", bookable_by="colleagues")
        factories.offer(session, world.schedules["owner"], short, new, staff)
        return new.id

    new = network.run(offer)
    patient, path = client_for("patient-owner"), f"/waiting/new?schedule={world.schedules['owner']}"
    week = patient.get(f"/book/{world.schedules['owner']}?service={new}").text
    assert f"schedule={world.schedules['owner']}&amp;service={new}" in week
    page = patient.get(f"{path}&service={new}").text
    assert f'<option value="{new}" selected>New patient, 1 hour' in page
    assert ("Review" in page, 'id="minutes"' in page) == (False, False)
    found = patient.send(path, **form(world, day_ahead(), service=new, minutes="")).text
    assert "No need to wait" in found
    assert f'name="service" value="{new}"' in found
    midnight = datetime.combine(day_ahead(), time(0), SYDNEY)
    network.run(
        lambda session: close_centre(
            work(session, SYSTEM, datetime.now(UTC)),
            world.centres["own"],
            starts=midnight,
            ends=midnight + timedelta(days=1),
            reason="Training",
        )
    )
    refused = patient.send(path, **form(world, day_ahead(), service=999, minutes=""))
    assert refused.status_code == 422
    assert 'id="service-error"' in refused.text
    joined = patient.send(path, **form(world, day_ahead(), service=new, minutes=""))
    assert joined.status_code == 303
    assert "<bdi>New patient</bdi> · " in patient.get("/waiting").text
    [entry] = signed_in(app, world, "patient-owner").get("/api/v1/waitlist")["items"]
    assert (entry["service"]["id"], entry["minutes"]) == (new, 60)
