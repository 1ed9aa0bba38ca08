"""Absences through the API: looked at first, decided in the same request, taken back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.booking.absences import AbsenceDetails, enter_absence
from openslot.core.actor import Actor, Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.entrypoints.worker.main import handle_next
from openslot.schedules.models import AbsenceKind
from receiver import LOOPBACK, Receiver
from working import work

PATH = "/api/v1/absences"


def away(days: int = 3, **more: Any) -> dict[str, Any]:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=days - 1)
    return {
        "start": start.isoformat(),
        "end": (start + timedelta(days=2)).isoformat(),
        "reason": "Course",
        **more,
    }


@pytest.fixture
def away_from(app: Flask, world: World) -> Program:
    return signed_in(app, world, "practitioner-owner")


def test_a_dry_run_tells_what_lies_inside_and_enters_nothing(
    world: World, away_from: Program
) -> None:
    answer = away_from.send("POST", f"{PATH}?dry_run=true", away())
    assert answer.status_code == 200, answer.text
    found: Any = answer.json
    [hit] = found["hits"]
    assert (found["id"], hit["appointment"]) == (None, str(world.appointments["owner"]))
    assert hit["alternatives"]
    assert away_from.get(PATH) == {"items": [], "next": None}


def test_every_appointment_inside_is_decided(world: World, away_from: Program) -> None:
    refused = away_from.send("POST", PATH, away())
    assert (refused.status_code, refused.json["code"]) == (409, "decisions-out-of-date")
    keep = {"appointment": str(world.appointments["owner"]), "choice": "keep"}
    made = away_from.send("POST", PATH, away(decisions=[keep]))
    assert made.status_code == 201, made.text
    [listed] = away_from.get(PATH)["items"]
    assert (listed["id"], listed["reason"]) == (made.json["id"], "Course")
    slots = f"/api/v1/slots?schedule={world.schedules['owner']}&limit=500"
    starts = [datetime.fromisoformat(one["start"]) for one in away_from.get(slots)["items"]]
    blocked = [datetime.fromisoformat(listed[side]) for side in ("start", "end")]
    assert any(start > blocked[1] for start in starts)
    assert not [start for start in starts if blocked[0] <= start < blocked[1]]


def test_an_absence_is_taken_back_once(away_from: Program) -> None:
    made: Any = away_from.send("POST", PATH, away(20)).json
    one = f"{PATH}/{made['id']}"
    assert away_from.send("DELETE", one).status_code == 204
    assert away_from.send("DELETE", f"{one}?withdraw=true").status_code == 404
    assert away_from.get(PATH) == {"items": [], "next": None}


def test_a_part_is_opened_again(away_from: Program) -> None:
    made: Any = away_from.send("POST", PATH, away(20)).json
    start = datetime.fromisoformat(made["start"])
    middle = {
        "start": (start + timedelta(hours=12)).isoformat(),
        "end": (start + timedelta(hours=24)).isoformat(),
    }
    assert away_from.send("POST", f"{PATH}/reopenings", middle).status_code == 204
    left = away_from.get(PATH)["items"]
    hours = [
        (datetime.fromisoformat(one[side]) - start) / timedelta(hours=1)
        for one in left
        for side in ("start", "end")
    ]
    assert hours == [0, 12, 24, 48]
    assert [one["reason"] for one in left] == ["Course", "Course"]
    again = away_from.send("POST", f"{PATH}/reopenings", middle)
    assert (again.status_code, again.json["code"]) == (422, "nothing-blocked")
    odd = away_from.send("POST", f"{PATH}/reopenings", {**middle, "end": middle["start"]})
    assert odd.status_code == 422


@pytest.mark.parametrize("person", ["patient-owner", "staff-owner", "practitioner-teammate"])
def test_others_neither_see_nor_enter_nor_end_it(
    app: Flask, world: World, away_from: Program, person: str
) -> None:
    made: Any = away_from.send("POST", PATH, away(20)).json
    other, who = signed_in(app, world, person), world.practitioners["owner"]
    assert other.send("GET", f"{PATH}?practitioner={who}").status_code == 403
    assert other.send("POST", PATH, away(30, practitioner=who)).status_code == 403
    assert other.send("DELETE", f"{PATH}/{made['id']}").status_code == 404


def test_who_runs_the_centre_enters_it_for_a_practitioner(app: Flask, world: World) -> None:
    who = world.practitioners["owner"]
    admin = signed_in(app, world, "centre-admin-owner")
    assert admin.send("POST", PATH, away(20, practitioner=who)).status_code == 201
    stranger = signed_in(app, world, "centre-admin-stranger")
    assert stranger.send("POST", PATH, away(30, practitioner=who)).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"start": "2027-01-01T09:00:00"},
        {"end": "2020-01-01T00:00:00Z"},
        {"start": "9999-12-31T00:00:00Z", "end": "9999-12-31T23:59:59Z"},
        {"start": "0001-01-01T00:00:00+14:00"},
        {"kind": "holiday"},
        {"practitioner": 0},
        {"decisions": [{"appointment": "x", "choice": "keep"}]},
        {"decisions": [{"appointment": "0190b0c0-0000-7000-8000-000000000000", "choice": "move"}]},
        {"reason": "x" * 201},
        {"other": 1},
    ],
)
def test_odd_absences_are_refused(away_from: Program, change: dict[str, Any]) -> None:
    answer = away_from.send("POST", PATH, away(20) | change)
    assert answer.status_code == 422, answer.text


def test_a_key_names_the_practitioner(app: Flask, network: Database, world: World) -> None:
    program = with_key(app, network, "care:read", "care:write")
    assert program.send("GET", PATH).status_code == 422
    there = f"{PATH}?practitioner={world.practitioners['owner']}"
    assert program.get(there) == {"items": [], "next": None}
    assert program.send("GET", f"{PATH}?practitioner=99999").status_code == 404
    late = f"{PATH}?practitioner={world.practitioners['owner']}&from=9999-12-31T00:00:00Z"
    assert program.send("GET", late).status_code == 422


def pages(program: Program, address: str) -> list[Any]:
    """Everything on the pages of a list."""
    found: list[Any] = []
    following: str | None = address
    while following:
        part = program.get(following)
        found += part["items"]
        following = part["next"]
    return found


def test_absences_are_read_page_by_page(away_from: Program) -> None:
    made = [away_from.send("POST", PATH, away(days)) for days in (40, 20, 30)]
    ids = [one.json["id"] for one in (made[1], made[2], made[0])]  # type: ignore[index]
    assert [one["id"] for one in pages(away_from, f"{PATH}?limit=1")] == ids


@pytest.fixture
def standing(network: Database, world: World) -> str:
    """An absence over the appointment, about which nobody has decided."""
    actor = Actor(role=Role.PRACTITIONER, practitioner_id=world.practitioners["owner"])
    given = away()
    details = AbsenceDetails(
        kind=AbsenceKind.LEAVE,
        starts_at=datetime.fromisoformat(given["start"]),
        ends_at=datetime.fromisoformat(given["end"]),
    )
    return str(
        network.run(
            lambda session: (
                enter_absence(
                    work(session, actor, datetime.now(UTC)), world.practitioners["owner"], details
                ).id
            )
        )
    )


def test_appointments_inside_an_absence_that_stands_are_listed_until_somebody_decides(
    world: World, away_from: Program, standing: str
) -> None:
    [hit] = pages(away_from, f"{PATH}/appointments?limit=1")
    assert (hit["absence"], hit["appointment"]) == (standing, str(world.appointments["owner"]))
    assert (hit["choice"], hit["problem"]) == (None, None)
    assert hit["alternatives"]
    keep = {"decisions": [{"appointment": hit["appointment"], "choice": "keep"}]}
    assert away_from.send("POST", f"{PATH}/decisions", keep).status_code == 204
    assert pages(away_from, f"{PATH}/appointments") == []


@pytest.mark.parametrize("choice", ["move", "cancel"])
def test_a_decision_is_carried_out_as_the_page_has_it_done(
    app: Flask, network: Database, world: World, away_from: Program, standing: str, choice: str
) -> None:
    [hit] = away_from.get(f"{PATH}/appointments")["items"]
    slot = hit["alternatives"][0]
    where = {"schedule": slot["schedule"], "start": slot["start"]} if choice == "move" else {}
    decision = {"appointment": hit["appointment"], "choice": choice, **where}
    answer = away_from.send("POST", f"{PATH}/decisions", {"decisions": [decision]})
    assert answer.status_code == 204, answer.text
    while handle_next(network, Settings(_env_file=None)):
        pass
    patient = signed_in(app, world, "patient-owner")
    appointment = patient.get(f"/api/v1/appointments/{hit['appointment']}")
    offers = patient.get("/api/v1/offers")["items"]
    if choice == "cancel":
        assert (appointment["status"], offers) == ("cancelled", [])
    else:
        assert appointment["status"] == "booked"
        assert [(one["start"], one["rebooking"]) for one in offers] == [(slot["start"], True)]


@pytest.mark.usefixtures("standing")
@pytest.mark.parametrize("person", ["patient-owner", "staff-owner", "practitioner-teammate"])
def test_others_decide_nothing(app: Flask, world: World, person: str) -> None:
    other, who = signed_in(app, world, person), world.practitioners["owner"]
    keep = [{"appointment": str(world.appointments["owner"]), "choice": "keep"}]
    body = {"practitioner": who, "decisions": keep}
    assert other.send("POST", f"{PATH}/decisions", body).status_code == 403
    assert other.send("GET", f"{PATH}/appointments?practitioner={who}").status_code == 403


def test_an_appointment_outside_is_not_decided_about(world: World, away_from: Program) -> None:
    keep = {"decisions": [{"appointment": str(world.appointments["owner"]), "choice": "keep"}]}
    answer: Any = away_from.send("POST", f"{PATH}/decisions", keep)
    assert (answer.status_code, answer.json["code"]) == (409, "outside-absence")
    assert away_from.send("POST", f"{PATH}/decisions", {"decisions": []}).status_code == 422


def test_a_calendar_elsewhere_is_set_read_and_deleted(
    away_from: Program, network: Database, settings: Settings, there: Receiver
) -> None:
    calendar, there.status = f"{PATH}/calendar", 404
    settings.webhook_networks = LOOPBACK  # which administrators enter
    refused = away_from.send("PUT", calendar, {"url": there.url})
    assert refused.json["code"] == "private-address"
    settings.calendar_networks = LOOPBACK
    assert away_from.send("PUT", calendar, {"url": "http://10.0.0.1/"}).json["code"] == (
        "private-address"
    )
    made = away_from.send("PUT", calendar, {"url": there.url})
    assert (made.status_code, made.json["host"], made.json["read"]) == (200, "127.0.0.1", None)
    assert there.url not in made.text
    while handle_next(network, settings):
        pass
    assert away_from.get(calendar)["problem"] == "The server answered with status 404."
    assert away_from.send("DELETE", calendar).status_code == 204
    assert away_from.send("GET", calendar).status_code == 404


def test_nobody_enters_busy_time_elsewhere(away_from: Program) -> None:
    refused = away_from.send("POST", PATH, away(days=40, kind="elsewhere"))
    assert refused.status_code == 422
    assert away_from.get(PATH) == {"items": [], "next": None}
