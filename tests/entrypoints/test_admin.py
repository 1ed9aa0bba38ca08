"""Centres, departments, services, closures and mail, for those who run them."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from entrypoints.browsing import ClientFor, mails
from entrypoints.world import World
from factories import SYDNEY
from openslot.core import audit, outbox
from openslot.core.db import Database
from openslot.directory import queries as directory
from openslot.directory.models import Service
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Weekly
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place

CENTRE = {
    "name": "Coogee Bay Clinic",
    "type": "Medical centre",
    "suburb": "Coogee",
    "time_zone": "Australia/Sydney",
}
LIMITS = {"slot_minutes": "15", "max_slots": "2", "notice_minutes": "60", "horizon_days": "90"}
SERVICE = {"name": "X-ray", "minutes": "15", "room": "Room 4", **LIMITS}
HOURS = {"hours-0-0-starts": "9", "hours-0-0-ends": "12:30"}


def place_of(database: Database, service_id: int) -> Place:
    """How a service is booked."""
    found = database.read(
        lambda session: schedules.places(session, Schedule.service_id == service_id)
    )
    return next(iter(found.values()))


def services(database: Database, department_id: int) -> dict[str, Service]:
    """The services of a department by name, also those taken out."""
    found = database.read(
        lambda session: directory.services(session, [department_id], inactive=True)
    )
    return {one.name: one for one in found}


def test_the_network_adds_a_centre_and_changes_it(client_for: ClientFor) -> None:
    client = client_for("network-admin")
    answer = client.send("/admin/centres/new", **CENTRE)
    assert answer.status_code == 303
    changed = client.send(f"{answer.location}/edit", **{**CENTRE, "phone": "02 9000 0000"})
    assert changed.status_code == 303
    assert "Coogee Bay Clinic" in client.get("/admin/centres").text


@pytest.mark.parametrize(
    ("field", "typed", "status", "sentence"),
    [
        ("name", "", 422, "Enter a name."),
        ("name", "Wattle Clinic", 409, "This name is taken"),
        ("time_zone", "Sydney", 422, "Choose a time zone"),
        ("holiday_region", "AU-XYZ", 422, "region of public holidays"),
        ("latitude", "nan", 422, "Latitude"),
        ("picture_url", "ftp://x", 422, "begins with https://"),
    ],
)
def test_what_is_wrong_with_a_centre_is_said(
    client_for: ClientFor, field: str, typed: str, status: int, sentence: str
) -> None:
    answer = client_for("network-admin").send("/admin/centres/new", **{**CENTRE, field: typed})
    assert answer.status_code == status
    assert sentence in answer.text
    assert f'href="#{field}"' in answer.text


def test_an_administrator_of_a_centre_sees_that_one_only(client_for: ClientFor) -> None:
    page = client_for("centre-admin-owner").get("/admin/centres").text
    assert "Banksia General Hospital" in page
    assert "Wattle Clinic" not in page
    assert "/admin/centres/new" not in page


def test_a_centre_with_appointments_to_come_is_not_taken_out(
    client_for: ClientFor, world: World
) -> None:
    client, path = client_for("network-admin"), f"/admin/centres/{world.centres['own']}/active"
    answer = client.send(path, active="no")
    assert answer.status_code == 409
    assert "Upcoming appointments: 2" in answer.text


def test_a_department_is_added_taken_out_and_taken_back(
    client_for: ClientFor, world: World
) -> None:
    client, centre = client_for("centre-admin-owner"), world.centres["own"]
    answer = client.send(f"/admin/centres/{centre}/departments/new", name="Cardiology")
    assert answer.status_code == 303
    path = f"{answer.location}/active"
    for wanted, shown in (("no", True), ("no", True), ("yes", False)):
        assert client.send(path, active=wanted).status_code == 303
        assert ("Inactive" in client.get(answer.location).text) is shown


def test_staff_add_a_service_that_can_be_booked_at_once(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client, department = client_for("staff-owner"), world.departments["owner"]
    path = f"/admin/departments/{department}/services/new"
    answer = client.send(path, copy="yes", **SERVICE, **HOURS)
    assert answer.status_code == 303
    place = place_of(network, services(network, department)["X-ray"].id)
    assert place.hours == tuple(Weekly(weekday, 540, 750) for weekday in range(5))
    assert (place.slot_minutes, place.max_slots) == (15, 2)
    assert place.room_id is not None
    assert "X-ray" in client.get("/admin/department").text


def test_a_service_is_changed_and_shows_what_it_has(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client, service = client_for("staff-owner"), world.services["owner"]
    path = f"/admin/services/{service}"
    shown = client.get(path).text
    assert 'value="00:00"' in shown
    assert 'value="24:00"' in shown
    answer = client.send(path, **SERVICE, **{"hours-6-0-starts": "22:00", "hours-6-0-ends": "2"})
    assert answer.status_code == 303
    place = place_of(network, service)
    assert place.hours == (Weekly(6, 1320, 120),), "a night that ends on the next day"
    assert 'value="Room 4"' in client.get(path).text


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"hours-2-0-starts": "9"}, "Wednesday: Enter hours"),
        ({"hours-2-0-starts": "25", "hours-2-0-ends": "26"}, "Wednesday: Enter hours"),
        ({"hours-2-0-starts": "9:03", "hours-2-0-ends": "10"}, "Wednesday: Enter hours"),
        ({"hours-2-0-starts": "9", "hours-2-0-ends": "9"}, "Wednesday: Enter hours"),
        (
            {
                "hours-2-0-starts": "9",
                "hours-2-0-ends": "12",
                "hours-2-1-starts": "11",
                "hours-2-1-ends": "13",
            },
            "Wednesday: These periods overlap",
        ),
        (
            {"hours-2-0-starts": "9", "hours-2-0-ends": "12", "hours-2-0-since": "2026-13-01"},
            "Wednesday: Enter dates such as",
        ),
        (
            {
                "hours-0-0-starts": "22",
                "hours-0-0-ends": "6",
                "hours-1-0-starts": "5",
                "hours-1-0-ends": "9",
            },
            "These hours overlap",
        ),
    ],
)
def test_hours_that_cannot_be_kept_are_refused_beside_their_day(
    client_for: ClientFor, world: World, network: Database, typed: Any, sentence: str
) -> None:
    client, department = client_for("staff-owner"), world.departments["owner"]
    path = f"/admin/departments/{department}/services/new"
    answer = client.send(path, **SERVICE, **typed)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert [f'value="{text}"' in answer.text for text in typed.values()] == [True] * len(typed)
    assert list(services(network, department)) == ["Radiology appointment"]


def test_hours_for_a_season_are_kept_and_shown(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client, path = client_for("staff-owner"), f"/admin/services/{world.services['owner']}"
    season = {"hours-0-0-since": "2026-12-01", "hours-0-0-until": "2027-02-28"}
    assert client.send(path, **SERVICE, **HOURS, **season).status_code == 303
    [period] = place_of(network, world.services["owner"]).hours
    assert (str(period.valid_from), str(period.valid_until)) == ("2026-12-01", "2027-02-28")
    assert 'value="2026-12-01"' in client.get(path).text


def test_a_service_is_taken_out_by_its_staff(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client = client_for("staff-owner")
    path = f"/admin/services/{world.services['owner']}/active"
    assert client.send(path, active="no").status_code == 303
    found = services(network, world.departments["owner"])["Radiology appointment"]
    assert not found.active


def test_a_closure_is_in_the_time_of_the_centre(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client, centre = client_for("centre-admin-owner"), world.centres["own"]
    path = f"/admin/centres/{centre}/closures"
    now = datetime.now(UTC)
    day = now.astimezone(SYDNEY).date() + timedelta(days=40)
    fields = {"first": day.isoformat(), "starts": "13:00", "reason": "Lift repair"}
    assert client.send(path, **fields).status_code == 303
    [closure] = network.read(
        lambda session: schedules.closures(session, centre, now, now + timedelta(days=80))
    )
    assert closure.starts_at == datetime.combine(day, time(13), SYDNEY)
    midnight = datetime.combine(day + timedelta(days=1), time(), SYDNEY)
    assert closure.ends_at == midnight, "midnight in Sydney"
    assert "Lift repair" in client.get(path).text
    assert client.send(f"{path}/{closure.id}/end", page=path).status_code == 303
    assert "Lift repair" not in client.get(path).text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"first": "2027-02-30", "reason": "x"}, "Enter a date such as"),
        ({"first": "2027-01-26", "starts": "1 o'clock", "reason": "x"}, "Enter a time such as"),
        ({"first": "2027-01-26", "last": "2027-01-20", "reason": "x"}, "an end that is after"),
        ({"first": "2027-01-26", "reason": ""}, "Give a reason."),
    ],
)
def test_a_closure_that_cannot_be_is_refused(
    client_for: ClientFor, world: World, fields: dict[str, str], sentence: str
) -> None:
    client = client_for("centre-admin-owner")
    answer = client.send(f"/admin/centres/{world.centres['own']}/closures", **fields)
    assert answer.status_code == 422
    assert sentence in answer.text


def test_appointments_inside_a_closure_are_pointed_out(client_for: ClientFor, world: World) -> None:
    client, path = client_for("network-admin"), f"/admin/centres/{world.centres['own']}/closures"
    today = datetime.now(UTC).date()
    client.send(path, first=today.isoformat(), last=f"{today.year + 1}-01-31", reason="Flood")
    assert "Appointments in this time: 2" in client.get(path).text


def test_staff_without_a_department_ask_for_one(
    client_for: ClientFor, world: World, network: Database
) -> None:
    account_id = world.accounts["staff-owner"]

    def unplace(session: Any) -> None:
        member = directory.staff_member(session, account_id)
        assert member
        member.department_id = None

    network.run(unplace)
    client = client_for("staff-owner")
    page = client.get("/admin/department").text
    assert 'action="/account/workplace"' in page
    chosen = f"{world.centres['own']}:{world.departments['teammate']}"
    assert client.send("/account/workplace", workplace=chosen).status_code == 303
    assert "You have asked already" in client.get("/admin/department").text
    admitted = client_for("centre-admin-owner").post(f"/admin/workplaces/{account_id}/admit")
    assert admitted.status_code == 303
    assert "Surgery" in client.get("/admin/department").text


def keep(session: Session, message_id: UUID) -> None:
    """What the worker does with mail where no mail server is set."""
    message = session.get(outbox.OutboxMessage, message_id)
    assert message
    message.state = outbox.State.KEPT


def test_kept_mail_is_read_by_the_network_and_the_reading_is_kept(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client_for(None).send("/forgot", email=world.emails["patient-owner"])
    client = client_for("network-admin")
    assert mails(network)[0]["subject"] in client.get("/admin/outbox").text
    message = network.read(lambda session: outbox.messages(session, "mail", limit=1, offset=0)[0])
    path = f"/admin/outbox/{message.id}"
    assert "/reset/" not in client.get(path).text, "it may still be carried away"
    network.run(lambda session: keep(session, message.id))
    assert "/reset/" in client.get(path).text
    [event] = network.read(lambda session: audit.events_of(session, f"mail:{message.id}"))
    assert event.account_id == world.accounts["network-admin"]
