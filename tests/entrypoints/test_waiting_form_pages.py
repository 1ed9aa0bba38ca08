"""The form of the waiting list: whose days are meant, which lengths there are, what it refuses."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

import factories
from entrypoints.browsing import ClientFor
from entrypoints.test_offer_pages import day_ahead, form
from entrypoints.world import World
from openslot.core.db import Database
from openslot.directory.models import Centre

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
