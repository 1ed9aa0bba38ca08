"""Services that practitioners offer, as FHIR shows, finds, books and publishes them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask import Flask
from sqlalchemy.orm import Session

import factories
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.published import MANIFEST, lines, link_of, of_schedule
from entrypoints.world import World, build
from openslot.booking import check
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.directory.models import BookableBy, Service
from openslot.schedules.commands import ScheduleDetails, change_schedule
from serving import app_on
from working import work

Json = dict[str, Any]

DAY = (datetime.now(UTC) + timedelta(days=6)).date()
WINDOW = f"start=ge{DAY}T00:00:00Z&start=lt{DAY}T06:00:00Z"
PERIOD = f"start={DAY}T00:00:00Z&end={DAY}T06:00:00Z"


class Offers(NamedTuple):
    """Ids of the services that the owner's schedule offers, in this order."""

    schedule: int
    short: int
    new: int
    staff: int
    other: int
    """One that only the teammate's schedule offers."""


def offer(session: Session, world: World) -> Offers:
    """The first takes 30 minutes; a new patient 60, with 30 before and 15 after. All can start each
    half hour."""
    centre_id, schedule_id = world.centres["own"], world.schedules["owner"]
    short = factories.offered_service(session, None, "Follow-up", minutes=30)
    new = factories.offered_service(
        session,
        centre_id,
        "New patient",
        category="Assessments",
        minutes=60,
        minutes_before=30,
        minutes_after=15,
    )
    staff = factories.offered_service(
        session, centre_id, "Review", minutes=30, bookable_by=BookableBy.COLLEAGUES
    )
    other = factories.offered_service(session, None, "Dry needling", minutes=30)
    factories.offer(session, schedule_id, short, new, staff)
    factories.offer(session, world.schedules["teammate"], other)
    unit = work(session, SYSTEM, datetime.now(UTC))
    change_schedule(unit, schedule_id, ScheduleDetails(step_minutes=30))
    return Offers(schedule_id, short.id, new.id, staff.id, other.id)


@pytest.fixture
def offers(network: Database, world: World) -> Iterator[Offers]:
    """The services of the small network; its diaries are right at the end."""
    yield network.run(lambda session: offer(session, world))
    assert check.faults(network) == []


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


@pytest.fixture
def patient(app: Flask, world: World) -> Program:
    return signed_in(app, world, "patient-owner")


def found(program: Program, path: str) -> list[Json]:
    """The matches of a search, each valid FHIR."""
    entries = program.get(f"/fhir/{path}").get("entry", [])
    shown = [one["resource"] for one in entries if one["search"]["mode"] == "match"]
    for one in shown:
        get_fhir_model_class(one["resourceType"]).model_validate(one)
    return shown


def slots(program: Program, offers: Offers, **more: str) -> list[Json]:
    query = urlencode({"schedule": f"Schedule/{offers.schedule}", "_count": "200", **more})
    return found(program, f"Slot?{WINDOW}&{query}")


def proposals(program: Program, **more: object) -> list[Json]:
    return found(program, f"Appointment/$find?{PERIOD}&{urlencode({'_count': '200', **more})}")


def types(one: Json) -> list[str]:
    return [concept["text"] for concept in one.get("serviceType", [])]


def minutes(one: Json) -> int:
    starts, ends = (datetime.fromisoformat(one[name]) for name in ("start", "end"))
    return int((ends - starts) / timedelta(minutes=1))


def of_patient(world: World, who: str = "owner") -> Json:
    return {"actor": {"reference": f"Patient/{world.patients[who]}"}, "status": "accepted"}


def with_actor(kind: str, key: int) -> Json:
    return {"actor": {"reference": f"{kind}/{key}"}, "status": "accepted"}


def request(world: World, *actors: Json, **more: Any) -> Json:
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "participant": [of_patient(world), *actors],
        **more,
    }


def expect(answer: Any, status: int, element: str = "") -> Json:
    assert answer.status_code == status, answer.text
    body: Json = answer.json
    if element:
        assert body["issue"][0]["expression"] == [element]
    return body


def moved_to(one: Json) -> Json:
    return {name: one[name] for name in ("start", "end", "slot")}


def test_a_schedule_lists_its_services_and_is_found_by_them(
    program: Program, offers: Offers
) -> None:
    shown = program.get(f"/fhir/Schedule/{offers.schedule}")
    get_fhir_model_class("Schedule").model_validate(shown)
    assert types(shown) == ["Physiotherapist", "Follow-up", "New patient", "Review"]
    assert [one["text"] for one in shown["serviceCategory"]] == ["Assessments"]
    references = [one["reference"] for one in shown["actor"]]
    assert f"HealthcareService/{offers.new}" in references
    for query in (
        f"actor=HealthcareService/{offers.new}",
        "actor:HealthcareService.name=new",
        "service-type=new patient",
        "service-type=urn:openslot:codesystem:service-type|New patient",
        "service-category=assessments",
    ):
        assert [one["id"] for one in found(program, f"Schedule?{query}")] == [
            str(offers.schedule)
        ], query
    (role,) = found(program, f"PractitionerRole?service={offers.new}")
    assert f"HealthcareService/{offers.new}" in [
        one["reference"] for one in role["healthcareService"]
    ]
    path = f"/fhir/HealthcareService?_id={offers.new}&_revinclude=PractitionerRole:service"
    assert [one["resource"]["id"] for one in program.get(path)["entry"]][1:] == [role["id"]]
    other = "urn:openslot:codesystem:specialty|New patient"
    assert found(program, f"Schedule?service-type={other}") == []


def test_a_schedule_has_a_new_version_when_its_service_changes(
    program: Program, network: Database, offers: Offers
) -> None:
    before = program.get(f"/fhir/Schedule/{offers.schedule}")["meta"]

    def rename(session: Session) -> None:
        later = datetime.now(UTC) + timedelta(seconds=5)
        service = session.get_one(Service, offers.new)
        service.description, service.changed_at = "Bring letters.", later

    network.run(rename)
    after = program.get(f"/fhir/Schedule/{offers.schedule}")["meta"]
    assert after["lastUpdated"] > before["lastUpdated"]
    query = urlencode({"_lastUpdated": f"ge{after['lastUpdated']}"})
    assert [one["id"] for one in found(program, f"Schedule?{query}")] == [str(offers.schedule)]


def test_slots_are_of_the_usual_service_or_of_those_that_are_named(
    program: Program, patient: Program, offers: Offers
) -> None:
    usual = slots(program, offers, status="free")
    assert {(*types(one), minutes(one)) for one in usual} == {("Follow-up", 30)}
    assert all(one["id"].endswith(f"-30-{offers.short}") for one in usual)
    new = slots(program, offers, status="free", **{"service-type": "New patient"})
    assert {(*types(one), minutes(one)) for one in new} == {("New patient", 60)}
    assert new == slots(
        program, offers, status="free", **{"schedule.actor": f"HealthcareService/{offers.new}"}
    )
    assert new == slots(program, offers, status="free", **{"service-category": "Assessments"})
    both = slots(program, offers, status="free", **{"service-type": "New patient,Follow-up"})
    assert sorted(one["id"] for one in both) == sorted(one["id"] for one in usual + new)
    assert slots(program, offers, **{"service-type": "Physiotherapist"}) == slots(program, offers)
    # Each term narrows: nothing here is both.
    crossed = {"service-type": "Follow-up", "service-category": "Assessments"}
    assert slots(program, offers, status="free", **crossed) == []
    assert slots(program, offers, status="free", **{"service-type": "Review"})
    assert slots(patient, offers, status="free", **{"service-type": "Review"}) == []


def test_an_id_says_the_service_and_one_without_is_of_the_usual(
    program: Program, world: World, offers: Offers
) -> None:
    new = slots(program, offers, status="free", **{"service-type": "New patient"})[0]
    assert program.get(f"/fhir/Slot/{new['id']}") == new
    usual = slots(program, offers, status="free")[0]
    plain = usual["id"].removesuffix(f"-{offers.short}")
    assert program.get(f"/fhir/Slot/{plain}") == usual | {"id": plain}
    query = {"_id": f"{new['id']},{plain},{usual['id']}"}
    assert {one["id"] for one in slots(program, offers, **query)} == {
        new["id"],
        plain,
        usual["id"],
    }
    slot = [{"reference": f"Slot/{new['id']}"}]
    expect(program.send("POST", "/fhir/Appointment", request(world, slot=slot)), 201)
    # What it is for is shown no more, and any service would read the same.
    for service_id in (offers.new, offers.short):
        taken = new["id"].removesuffix(str(offers.new)) + str(service_id)
        shown = program.get(f"/fhir/Slot/{taken}")
        assert (shown["status"], types(shown)) == ("busy", [])
        assert [one["id"] for one in slots(program, offers, _id=taken)] == [taken]
    assert program.send("GET", f"/fhir/Slot/{plain}-999999").status_code == 404


def test_proposals_are_of_a_service_and_are_booked_for_it(
    program: Program, world: World, offers: Offers
) -> None:
    for parameter in ("service-type", "visit-type", "appointment-type"):
        proposed = proposals(
            program, practitioner=world.practitioners["owner"], **{parameter: "New patient"}
        )
        assert {(*types(one), one["minutesDuration"]) for one in proposed} == {("New patient", 60)}
    assert proposed == proposals(program, **{"service-type-reference": offers.new})
    one = proposed[0]
    actors = [part["actor"]["reference"] for part in one["participant"]]
    assert f"HealthcareService/{offers.new}" in actors
    parameters = [
        {"name": "appointment", "resource": one},
        {"name": "patient", "valueString": str(world.patients["owner"])},
    ]
    body = {"resourceType": "Parameters", "parameter": parameters}
    held = expect(program.send("POST", "/fhir/Appointment/$hold", body), 201)
    hold = held["entry"][0]["resource"]
    reference = {"reference": f"Appointment/{hold['id']}"}
    body["parameter"] = [{"name": "appointment-reference", "valueReference": reference}]
    booked = expect(program.send("POST", "/fhir/Appointment/$book", body), 200)
    appointment = booked["entry"][0]["resource"]
    assert appointment["id"] == hold["id"]
    assert types(appointment) == ["New patient"]
    assert appointment["slot"] == [{"reference": f"Slot/{one['id']}", "type": "Slot"}]
    for query in (
        "service-type=New patient",
        "service-category=Assessments",
        f"actor=HealthcareService/{offers.new}",
    ):
        assert appointment["id"] in [each["id"] for each in found(program, f"Appointment?{query}")]
    assert found(program, f"Appointment?actor=HealthcareService/{offers.short}") == []


def test_a_service_is_booked_by_participant_or_type(
    program: Program, world: World, offers: Offers
) -> None:
    practitioner = with_actor("Practitioner", world.practitioners["owner"])
    new = slots(program, offers, status="free", **{"service-type": "New patient"})
    ours = "urn:openslot:codesystem:service-type"
    named: list[tuple[list[Json], Json]] = [
        ([with_actor("HealthcareService", offers.new)], {}),
        ([], {"serviceType": [{"text": "new patient"}]}),
        ([], {"serviceType": [{"coding": [{"system": ours, "code": "New patient"}]}]}),
    ]
    for actors, more in named:
        time = {name: new[0][name] for name in ("start", "end")}
        sent = request(world, practitioner, *actors, **time, **more)
        appointment = expect(program.send("POST", "/fhir/Appointment", sent), 201)
        assert types(appointment) == ["New patient"]
        off = appointment | {"status": "cancelled"}
        expect(program.send("PUT", f"/fhir/Appointment/{appointment['id']}", off), 200)
    # Only one schedule offers it, so the service alone says where.
    alone = request(world, with_actor("HealthcareService", offers.new), **time)
    assert types(expect(program.send("POST", "/fhir/Appointment", alone), 201)) == ["New patient"]


def test_what_is_not_offered_is_refused(program: Program, world: World, offers: Offers) -> None:
    practitioner = with_actor("Practitioner", world.practitioners["owner"])
    one = slots(program, offers, status="free")[0]
    time = {name: one[name] for name in ("start", "end")}
    slot = [{"reference": f"Slot/{one['id']}"}]
    unknown = [{"reference": f"Slot/{one['id'].removesuffix(str(offers.short))}{offers.other}"}]
    other = with_actor("HealthcareService", offers.other)
    ours = {"system": "urn:openslot:codesystem:service-type", "code": "Dry needling"}
    refused = [
        (request(world, practitioner, other, **time), "Appointment.participant"),
        (request(world, slot=unknown), "Appointment.slot"),
        (
            request(world, practitioner, serviceType=[{"coding": [ours]}], **time),
            "Appointment.serviceType",
        ),
        (
            request(world, practitioner, serviceType=[{"text": "Massage"}], **time),
            "Appointment.serviceType",
        ),
        (
            request(world, slot=slot, serviceType=[{"text": "New patient"}]),
            "Appointment.serviceType",
        ),
    ]
    for sent, element in refused:
        body = expect(program.send("POST", "/fhir/Appointment", sent), 422, element)
        assert "offered" in body["issue"][0]["details"]["text"] or sent.get("slot") == slot
    # The profession, and codes of others, are no choice.
    profession = [{"coding": [{"system": "http://example.org", "code": "X"}]}, {"text": "x"}]
    profession[1]["text"] = "Physiotherapist"
    sent = request(world, practitioner, serviceType=profession, **time)
    assert types(expect(program.send("POST", "/fhir/Appointment", sent), 201)) == ["Follow-up"]


def test_an_appointment_moves_with_its_service_and_past_its_own_time(
    program: Program, network: Database, world: World, offers: Offers
) -> None:
    new = slots(program, offers, status="free", **{"service-type": "New patient"})
    first, half_later = new[0], new[1]
    slot = [{"reference": f"Slot/{first['id']}"}]
    made = request(world, slot=slot)
    appointment = expect(program.send("POST", "/fhir/Appointment", made), 201)
    path = f"/fhir/Appointment/{appointment['id']}"
    # Others see the time as taken; who asks for the appointment itself does not.
    named = {"service-type": "New patient"}
    assert half_later["id"] not in {one["id"] for one in slots(program, offers, **named)}
    proposed = proposals(program, **{"appointment-reference": f"Appointment/{appointment['id']}"})
    assert {types(one)[0] for one in proposed} == {"New patient"}
    (other,) = (one for one in proposed if one["id"] == half_later["id"])
    moved = expect(program.send("PUT", path, appointment | moved_to(other)), 200)
    assert (moved["start"], types(moved)) == (half_later["start"], ["New patient"])
    assert moved["slot"] == [{"reference": f"Slot/{half_later['id']}", "type": "Slot"}]
    usual = slots(program, offers, status="free")[-1]
    to_usual = moved | {name: usual[name] for name in ("start", "end")}
    to_usual["slot"] = [{"reference": f"Slot/{usual['id']}"}]
    expect(program.send("PUT", path, to_usual), 422, "Appointment.slot")
    renamed = moved | {"serviceType": [{"text": "Follow-up"}]}
    expect(program.send("PUT", path, renamed), 422, "Appointment.serviceType")
    # What the schedule offers no more does not stand in the way of a cancellation.
    network.run(lambda session: factories.offer(session, offers.schedule))
    expect(program.send("PUT", path, moved | {"status": "cancelled"}), 200)


def test_only_who_knows_an_appointment_asks_where_it_can_move(
    app: Flask, program: Program, world: World
) -> None:
    stranger = signed_in(app, world, "patient-stranger")
    query = urlencode({"appointment-reference": f"Appointment/{world.appointments['owner']}"})
    path = f"/fhir/Appointment/$find?{PERIOD}&{query}"
    assert stranger.send("GET", path).status_code == 404
    assert signed_in(app, world, "patient-owner").send("GET", path).status_code == 200
    assert program.send("GET", f"{path}x").status_code == 400


def test_each_public_service_is_published_with_a_link_that_chooses_it(
    app: Flask, program: Program, offers: Offers
) -> None:
    manifest = program.get(MANIFEST)
    files = {one["type"]: one for one in manifest["output"] if one["type"] != "Slot"}

    def lines_of(kind: str) -> list[Json]:
        shown = lines(program.send("GET", urlsplit(files[kind]["url"]).path))
        for one in shown:
            get_fhir_model_class(kind).model_validate(one)
        return shown

    keys = [f"{offers.schedule}-{service_id}" for service_id in (offers.short, offers.new)]
    schedules = {one["id"]: one for one in lines_of("Schedule")}
    assert [key for key in schedules if key.startswith(f"{offers.schedule}-")] == keys
    assert types(schedules[keys[1]]) == ["Physiotherapist", "New patient"]
    assert {f"HealthcareService/{offers.new}"} <= {
        one["reference"] for one in schedules[keys[1]]["actor"]
    }
    assert str(offers.new) in {one["id"] for one in lines_of("HealthcareService")}
    assert str(offers.staff) not in {one["id"] for one in lines_of("HealthcareService")}
    (day,) = (one["url"] for one in manifest["output"] if str(DAY) in one["url"])
    published = lines(program.send("GET", urlsplit(day).path))
    own = [one for one in published if one["schedule"]["reference"] == f"Schedule/{keys[1]}"]
    assert {(*types(one), minutes(one)) for one in own} == {("New patient", 60)}
    get_fhir_model_class("Slot").model_validate(own[0])
    address = urlsplit(link_of(own[0]))
    page = app.test_client().get(f"{address.path}?{address.query}")
    assert page.status_code == 200
    assert "service=" + str(offers.new) in address.query
    assert "New patient" in page.text
    assert of_schedule(published, offers.schedule) == []


def test_services_are_found_alike_on_every_engine(database: Database, tmp_path: Path) -> None:
    world = build(database)
    offers = database.run(lambda session: offer(session, world))
    named = {"service-type": "new PATIENT", "service-category": "Assessments"}
    with app_on(database, tmp_path) as app:
        program = with_key(app, database, "*")
        new = slots(program, offers, **named, status="free")
        assert {types(one)[0] for one in new} == {"New patient"}
        # Those that are taken differ by nothing but what is booked.
        every = {one["id"]: one["status"] for one in slots(program, offers, **named)}
        assert {key for key, status in every.items() if status == "free"} == {
            one["id"] for one in new
        }
        made = request(world, slot=[{"reference": f"Slot/{new[0]['id']}"}])
        booked = expect(program.send("POST", "/fhir/Appointment", made), 201)
        query = f"service-type=New patient&actor=HealthcareService/{offers.new}"
        assert [one["id"] for one in found(program, f"Appointment?{query}")] == [booked["id"]]
        query = f"service-type=New patient&actor=HealthcareService/{offers.new}"
        assert [one["id"] for one in found(program, f"Schedule?{query}")] == [str(offers.schedule)]
        query = "service-type:not=New patient"
        assert str(offers.schedule) not in {
            one["id"] for one in found(program, f"Schedule?{query}")
        }
        reference = {"appointment-reference": f"Appointment/{booked['id']}"}
        assert new[1]["id"] in {one["id"] for one in proposals(program, **reference)}
