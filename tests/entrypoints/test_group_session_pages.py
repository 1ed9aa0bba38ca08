"""Pages and operations of sessions, and of squeezing in."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy.orm import Session

import factories
from clinic import Mails
from entrypoints.browsing import ClientFor, next_week
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from imaging import need
from openslot.booking.models import Appointment, GroupSession, Status
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import RoomKind
from openslot.resources.commands import RoomDetails, create_room
from working import work


class Classes(NamedTuple):
    """The schedule of the practitioner ``owner``, who offers a class with three places."""

    schedule: int
    service: int


@pytest.fixture
def classes(network: Database, world: World) -> Classes:
    def set_up(session: Session) -> Classes:
        yoga = factories.offered_service(
            session, world.centres["own"], "Antenatal class", minutes=60, places=3
        )
        factories.offer(session, world.schedules["owner"], yoga)
        return Classes(world.schedules["owner"], yoga.id)

    return network.run(set_up)


@pytest.fixture
def admin(app: object, network: Database) -> Program:
    return with_key(app, network, "*")  # type: ignore[arg-type]


def first_start(admin: Program, classes: Classes) -> str:
    found = admin.get(f"/api/v1/slots?schedule={classes.schedule}&from={next_week()}")
    return str(found["items"][0]["start"])


def book(admin: Program, classes: Classes, world: World, who: str, start: str) -> dict[str, str]:
    body = {"schedule": classes.schedule, "start": start, "patient": str(world.patients[who])}
    booked = admin.send("POST", "/api/v1/appointments", body)
    assert booked.status_code == 201, booked.json
    return dict(booked.json)


def test_programs_read_places_book_them_and_manage_the_session(
    admin: Program, classes: Classes, world: World
) -> None:
    start = first_start(admin, classes)
    booked = book(admin, classes, world, "owner", start)
    slots = admin.get(f"/api/v1/slots?schedule={classes.schedule}&from={next_week()}")
    assert [slot["places_left"] for slot in slots["items"][:2]] == [2, 3]
    one = f"/api/v1/sessions/{booked['session']}"
    group = admin.get(one)
    assert (group["places"], group["taken"], group["made_by_staff"]) == (3, 1, False)
    listed = admin.get("/api/v1/sessions")["items"]
    assert [entry["id"] for entry in listed] == [booked["session"]]
    assert admin.send("PATCH", one, {"places": 1}).json["places"] == 1
    refused = admin.send(
        "POST",
        "/api/v1/appointments",
        {
            "schedule": classes.schedule,
            "start": start,
            "patient": str(world.patients["teammate"]),
        },
    )
    assert (refused.status_code, refused.json["code"]) == (409, "no-places-left")
    there = admin.get(f"/api/v1/appointments?session={booked['session']}")["items"]
    assert [entry["id"] for entry in there] == [booked["id"]]
    assert admin.send("POST", f"{one}/messages", {"message": "Bring a mat"}).json == {"patients": 1}
    assert admin.send("POST", f"{one}/cancel", {"why": "Illness"}).status_code == 204
    assert admin.get(f"/api/v1/appointments/{booked['id']}")["status"] == "cancelled"
    assert admin.send("GET", one).status_code == 404


def test_programs_make_and_move_a_session(admin: Program, classes: Classes, world: World) -> None:
    start = first_start(admin, classes)
    body = {"schedule": classes.schedule, "start": start, "places": 2}
    made = admin.send("POST", "/api/v1/sessions", body)
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/sessions/{made.json['id']}"
    booked = book(admin, classes, world, "owner", start)
    again = admin.send("POST", "/api/v1/sessions", body)
    assert (again.status_code, again.json["code"]) == (409, "session-exists")
    later = admin.get(f"/api/v1/slots?schedule={classes.schedule}&from={next_week()}")
    to = later["items"][5]["start"]
    moved = admin.send("PATCH", made.headers["Location"], {"start": to}).json
    assert moved["start"] == to
    assert admin.get(f"/api/v1/appointments/{booked['id']}")["start"] == to


def test_who_and_what_a_class_needs_is_shown_wherever_it_is(
    app: Flask,
    admin: Program,
    classes: Classes,
    client_for: ClientFor,
    network: Database,
    world: World,
) -> None:
    def set_up(session: Session) -> None:
        mats = RoomDetails(name="Pool", kind=RoomKind.ROOM)
        pool = create_room(work(session, SYSTEM, datetime.now(UTC)), world.centres["own"], mats)
        need(session, classes.service, resource=pool.id, profession="Physiotherapist")

    network.run(set_up)
    start = first_start(admin, classes)
    booked = [book(admin, classes, world, who, start) for who in ("owner", "teammate")]
    path = f"/sessions/{booked[0]['session']}"
    shown = [
        admin.get(f"/api/v1{path}"),
        *booked,
        admin.get(f"/api/v1/appointments?session={path[10:]}")["items"][0],
    ]
    names = [sorted(resource["name"] for resource in one["resources"]) for one in shown]
    assert names == [["Pool", "Priya Teammate"]] * 4
    staff = client_for("staff-owner")
    assert "Priya Teammate</bdi> (Physiotherapist)" in staff.get(path).text
    assert "Pool" in staff.get(f"/appointments/{booked[0]['id']}").text
    rooms = client_for("centre-admin-owner").get(f"/desk?day={start[:10]}&by=rooms").text
    assert rooms.count("<bdi>Pool</bdi>") == rooms.count("0 of 2 here") == 1
    in_fhir = admin.get(f"/fhir/Appointment/{booked[0]['id']}")["participant"]
    assert {"Pool", "Priya Teammate"} <= {one["actor"]["display"] for one in in_fhir}
    needed = client_for("practitioner-teammate").get(f"/calendar?day={start[:10]}").text
    assert needed.count("Antenatal class") == 1
    feed = signed_in(app, world, "practitioner-teammate")
    address = feed.send("POST", "/api/v1/me/calendar").json["address"]
    read = feed.client.get(address.removeprefix("http://localhost")).text
    assert read.count("SUMMARY:Needed by Priya Owner") == 1
    assert f"UID:{booked[0]['session']}" in read


def test_the_week_says_how_many_places_are_left(
    client_for: ClientFor, admin: Program, classes: Classes, world: World
) -> None:
    book(admin, classes, world, "owner", first_start(admin, classes))
    page = client_for("patient-teammate").get(f"/book/{classes.schedule}?week={next_week()}").text
    assert page.count("2 places left") == 1
    assert page.count("3 places left") > 1


def test_the_care_team_reads_the_roster_and_a_patient_only_their_own(
    client_for: ClientFor, admin: Program, classes: Classes, world: World
) -> None:
    start = first_start(admin, classes)
    booked = book(admin, classes, world, "owner", start)
    book(admin, classes, world, "teammate", start)
    path = f"/sessions/{booked['session']}"
    for who in ("practitioner-owner", "staff-owner"):
        page = client_for(who).get(path).text
        assert "2 of 3 places taken" in page
        assert "Aroha Owner" in page
        assert "Aroha Teammate" in page
    for who in ("practitioner-stranger", "practitioner-teammate", "staff-stranger"):
        assert client_for(who).get(path).status_code == 404
    own = client_for("patient-owner")
    assert own.get(path).status_code == 403
    mine = own.get(f"/appointments/{booked['id']}").text
    assert "With other patients" in mine
    assert "Teammate" not in mine
    assert (
        "Antenatal class"
        in client_for("practitioner-owner").get("/calendar?day=" + start[:10]).text
    )


def test_the_care_team_makes_changes_moves_writes_and_cancels(
    client_for: ClientFor, classes: Classes, network: Database, world: World, settings: Settings
) -> None:
    staff = client_for("staff-owner")
    monday = next_week()
    refused = staff.send(
        "/sessions/new", what=f"{classes.schedule}-{classes.service}", day=monday, clock="late"
    )
    assert (refused.status_code, "in steps of 5 minutes." in refused.text) == (422, True)
    made = staff.send(
        "/sessions/new", what=f"{classes.schedule}-{classes.service}", day=monday, clock="7.05 am"
    )
    assert made.status_code == 303, made.text
    assert "7:05" in staff.get(made.location).text
    there = made.location
    assert staff.send(f"{there}/places", page=there, places=0).status_code == 422
    staff.send(f"{there}/places", page=there, places=4)
    staff.send(f"{there}/move", page=there, day=monday, clock="7.30")
    group = network.read(lambda session: session.query(GroupSession).one())
    assert (group.places, f"{group.starts_at:%M}") == (4, "30")
    session_id = group.id

    def fill(session: Session) -> None:
        factories.appointment(
            session, classes.schedule, group.starts_at, world.patients["owner"], minutes=60
        )

    network.run(fill)
    sent = staff.send(f"{there}/message", page=there, message="Bring a mat\nand water")
    assert sent.status_code == 303
    assert "We write to 1 patient." in staff.get(there).text
    empty = staff.send(f"{there}/message", page=there, message=" ")
    assert (empty.status_code, "Fill in this field." in empty.text) == (422, True)
    mails = Mails(network, settings, now=group.starts_at - timedelta(days=1)).fresh()
    (message,) = [mail for mail in mails if mail["subject"].startswith("A message")]
    assert "“Bring a mat and water”" in message["text"]
    assert "Antenatal class" in message["text"]
    assert "with all appointments?" in staff.get(f"{there}/cancel").text
    staff.send(f"{there}/cancel", page=f"{there}/cancel", why="Illness")
    assert network.read(lambda session: booked_in(session, session_id)) == [Status.CANCELLED]
    assert staff.get(there).status_code == 404


def booked_in(session: Session, session_id: UUID) -> list[Status]:
    rows = session.query(Appointment).filter(Appointment.session_id == session_id)
    return [row.status for row in rows]


def test_the_practitioner_squeezes_in_and_sees_it_beside_what_it_overlaps(
    client_for: ClientFor, world: World, admin: Program
) -> None:
    schedule = world.schedules["teammate"]
    slots = admin.get(f"/api/v1/slots?schedule={schedule}&from={next_week()}")["items"]
    start = slots[20]["start"]
    body = {"schedule": schedule, "start": start, "patient": str(world.patients["owner"])}
    assert admin.send("POST", "/api/v1/appointments", body).status_code == 201
    doctor = client_for("practitioner-teammate")
    page = f"/book/{schedule}?patient={world.patients['teammate']}&week={start[:10]}"
    assert "Squeeze in over taken time" in doctor.get(page).text
    typed = {
        "patient": world.patients["teammate"],
        "squeeze_in": "yes",
        "day": start[:10],
        "clock": start[11:16],
    }
    refused = doctor.send(f"/book/{schedule}/squeeze-in", page=page, **typed)
    assert "Enter why this cannot wait" in refused.text
    added = doctor.send(f"/book/{schedule}/squeeze-in", page=page, reason="Bleeding", **typed)
    assert added.status_code == 303, added.text
    assert "Over time that was taken" in doctor.get(added.location).text
    week = doctor.get(f"/calendar?view=day&day={start[:10]}").text
    assert "(squeezed in)" in week
    assert len(set(re.findall(r"<li class=\"r\d+ n30 (c[12])\"", week))) == 2


def test_programs_of_others_do_not_squeeze_in(
    client_for: ClientFor, world: World, admin: Program
) -> None:
    schedule = world.schedules["teammate"]
    patient = client_for("patient-owner")
    answer = patient.send(
        f"/book/{schedule}/squeeze-in", page="/search", patient=world.patients["owner"]
    )
    assert answer.status_code == 403


def test_in_fhir_the_appointments_of_a_session_have_one_slot_that_stays_free(
    admin: Program, classes: Classes, world: World
) -> None:
    start = first_start(admin, classes)
    find = f"/fhir/Slot?schedule=Schedule/{classes.schedule}&start={start.replace('+', '%2B')}"
    (entry,) = [
        one["resource"]
        for one in admin.get(f"{find}&status=free")["entry"]
        if one["resource"]["start"] == start
    ]
    made = []
    for who in ("owner", "teammate", "stranger"):
        assert admin.get(f"/fhir/Slot/{entry['id']}")["status"] == "free"
        body = {
            "resourceType": "Appointment",
            "status": "booked",
            "slot": [{"reference": f"Slot/{entry['id']}"}],
            "participant": [
                {
                    "actor": {"reference": f"Patient/{world.patients[who]}"},
                    "status": "accepted",
                }
            ],
        }
        made.append(admin.send("POST", "/fhir/Appointment", body))
    assert [answer.status_code for answer in made] == [201] * 3, made[0].text
    assert {answer.json["slot"][0]["reference"] for answer in made} == {f"Slot/{entry['id']}"}
    assert admin.get(f"/fhir/Slot/{entry['id']}")["status"] == "busy"
