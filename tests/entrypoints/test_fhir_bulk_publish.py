"""Free times for everybody: what the published files say, and what they never do."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask import Flask
from sqlalchemy import select

from entrypoints.programs import Program, demonstration, with_key
from entrypoints.published import MANIFEST, REGISTRY, Json, lines, link_of
from factories import NOW
from openslot.booking.models import Appointment
from openslot.directory.models import BookableBy, Centre, Patient, Practitioner, Service
from openslot.entrypoints.fhir import numbers, publishing
from openslot.entrypoints.fhir.elements import Site, references
from openslot.schedules.models import Schedule

KINDS = ["HealthcareService", "Location", "PractitionerRole", "Schedule"]
PLACE = "https://book.example"


@pytest.fixture(scope="module")
def demo(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The demonstration network as it is at NOW."""
    with demonstration(sqlite_template, tmp_path_factory.mktemp("published"), f"{PLACE}/") as app:
        yield app


@pytest.fixture(scope="module")
def manifest(demo: Flask) -> Json:
    found: Json = Program(demo).get(MANIFEST)
    return found


@pytest.fixture(scope="module")
def published(demo: Flask, manifest: Json) -> dict[str, list[Json]]:
    """All that is published, by kind; of the slots those of the second day."""
    found: dict[str, list[Json]] = {}
    for one in manifest["output"]:
        if one["type"] != "Slot" or "2026-11-23" in one["url"]:
            path = urlsplit(one["url"]).path
            found.setdefault(one["type"], []).extend(lines(Program(demo).send("GET", path)))
    return found


def test_the_manifest_is_as_the_guide_has_it(manifest: Json) -> None:
    assert manifest["request"] == f"{PLACE}/fhir/$bulk-publish"
    assert manifest["transactionTime"] == "2026-11-22T08:00:00+00:00"
    assert manifest["requiresAccessToken"] is False
    assert manifest["error"] == []
    assert sorted({one["type"] for one in manifest["output"]}) == sorted([*KINDS, "Slot"])
    days = {one["url"][-17:-7] for one in manifest["output"] if one["type"] == "Slot"}
    first = NOW.date()
    assert days == {(first + timedelta(days=count)).isoformat() for count in range(57)}


def test_files_say_which_states_they_are_about(manifest: Json) -> None:
    told = {
        one["url"].rpartition("/")[2]: one.get("extension", {}).get("state")
        for one in manifest["output"]
    }
    assert told["locations.ndjson"] == ["IE", "NSW", "SA", "WA"]
    assert told["slots-AU-NSW-2026-11-23.ndjson"] == ["NSW"]
    assert told["slots-IE-2026-11-23.ndjson"] == ["IE"]
    assert told["slots-2026-11-23.ndjson"] is None


def test_every_file_of_the_manifest_is_there(demo: Flask, manifest: Json) -> None:
    for one in manifest["output"]:
        answer = Program(demo).send("HEAD", urlsplit(one["url"]).path)
        assert (answer.status_code, answer.data) == (200, b""), one
        assert answer.headers["ETag"]


def test_every_line_is_right_fhir(published: dict[str, list[Json]]) -> None:
    for kind, found in published.items():
        assert found, kind
        for one in found:
            assert one["resourceType"] == kind
            get_fhir_model_class(kind).model_validate(one)
            assert re.search(r'""|null|\[\]|\{\}', json.dumps(one)) is None


def test_ids_are_unique(published: dict[str, list[Json]]) -> None:
    for kind, found in published.items():
        assert len({one["id"] for one in found}) == len(found), kind


def every_reference(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from references(value, ())
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from every_reference(part)


def test_every_reference_leads_to_a_published_line(published: dict[str, list[Json]]) -> None:
    known = {f"{kind}/{one['id']}" for kind, found in published.items() for one in found}
    named = set(every_reference(list(published.values())))
    assert len(named) > 100
    assert named <= known


def test_places_have_what_readers_show(published: dict[str, list[Json]]) -> None:
    (place,) = (one for one in published["Location"] if one["name"] == "Prince of Wales Hospital")
    assert place["telecom"][0]["system"] == "phone"
    states = {one["address"].get("state") for one in published["Location"]}
    assert states == {None, "NSW", "SA", "WA"}
    codes = {one["name"]: one["address"].get("postalCode") for one in published["Location"]}
    assert codes["Royal Randwick Hospital"] == "2031"
    for one in published["Location"]:
        for number in one.get("identifier", ()):
            assert number["system"] in (numbers.BUSINESS, numbers.OTHERS[numbers.BUSINESS])


@pytest.mark.parametrize(
    ("address", "country", "code"),
    [
        ("5 Anderson Court, Chatswood NSW 2067", "AU", "2067"),
        ("1 High Street", "AU", None),
        ("Unit 12345", "AU", None),
        ("2067", "AU", "2067"),
        ("Main Street, Dublin, D02 X285", "IE", "D02 X285"),
        ("Main Street, Dublin D02X285 ", "IE", "D02X285"),
        ("Main Street 2067", "IE", None),
        ("Main Street 2067", "", None),
        (None, "AU", None),
    ],
)
def test_a_postal_code_is_what_an_address_ends_with(
    address: str | None, country: str, code: str | None
) -> None:
    centre = Centre(
        id=1,
        name="A",
        type="Hospital",
        suburb="B",
        address=address,
        holiday_region=country,
        time_zone="UTC",
        active=True,
        changed_at=NOW,
    )
    shown = publishing.location_of(centre, Site("http://localhost/fhir", NOW))
    assert shown["address"].get("postalCode") == code


def test_schedules_name_the_place_first_and_then_whom_they_book(
    published: dict[str, list[Json]],
) -> None:
    roles = {one["id"]: one["practitioner"]["display"] for one in published["PractitionerRole"]}
    for one in published["Schedule"]:
        place, *others = one["actor"]
        assert place["type"] == "Location"
        assert place["display"]
        for who in others:
            key = who["reference"].partition("PractitionerRole/")[2]
            assert who["display"] == roles.get(key, who["display"])
        assert one["serviceType"][0]["text"]
    systems = {
        (one["serviceType"][0]["text"], coding["code"])
        for one in published["Schedule"]
        for coding in one["serviceType"][0]["coding"]
        if coding["system"] == "http://terminology.hl7.org/CodeSystem/service-type"
    }
    assert {("GP", "124"), ("Physiotherapist", "65"), ("Pharmacist", "64")} <= systems


def test_all_is_published_that_can_be_booked_without_a_referral(
    demo: Flask, published: dict[str, list[Json]]
) -> None:
    database = demo.extensions["openslot"].database
    with database.reading() as session:
        specialists = {
            str(key)
            for key in session.scalars(
                select(Schedule.id)
                .join(Practitioner, Practitioner.id == Schedule.practitioner_id)
                .where(Practitioner.profession == "Specialist")
            )
        }
        kept = {
            str(key)
            for key in session.scalars(
                select(Schedule.id)
                .join(Service, Service.id == Schedule.service_id)
                .where(Service.bookable_by != BookableBy.PUBLIC)
            )
        }
    program = with_key(demo, database, "system/*.rs")
    bookable = {
        one["resource"]["id"]
        for one in program.get("/fhir/Schedule?active=true&_count=200")["entry"]
        if one["resource"]["active"]
    }
    assert specialists & bookable
    assert kept & bookable
    ids = {one["id"].partition("-")[0] for one in published["Schedule"]}
    assert ids == bookable - specialists - kept
    asked = "status=free&start=ge2026-11-23T00:00:00Z&start=lt2026-11-24T00:00:00Z&_count=200"
    free, address = set(), f"/fhir/Slot?{asked}"
    while address:
        page = program.get(address)
        free |= {one["resource"]["id"] for one in page["entry"]}
        links = {link["relation"]: link["url"] for link in page["link"]}
        address = links.get("next", "").removeprefix(PLACE)
    wanted = {one for one in free if one.partition("-")[0] not in specialists | kept}
    assert set() < wanted < free
    found = {one["id"] for one in published["Slot"]}
    assert wanted < found  # the search shows only the usual service of each schedule
    assert {one.split("-")[0] for one in found - wanted} <= {one.split("-")[0] for one in wanted}
    assert {one["status"] for one in published["Slot"]} == {"free"}


def test_every_link_opens_the_booking_page_at_that_time(
    demo: Flask, published: dict[str, list[Json]]
) -> None:
    slots = {one["schedule"]["reference"]: one for one in published["Slot"]}
    assert len(slots) > 50
    for slot in slots.values():
        link = link_of(slot)
        assert link.startswith(f"{PLACE}/book/")
        client = demo.test_client()
        page = client.get(f"{link.removeprefix(PLACE)}&source=finder&booking-referral=34d1")
        assert page.status_code == 200
        booking = re.search(
            r'action="/book/\d+/go-on">.*?name="start" value="([^"]+)"', page.text, re.S
        )
        assert booking, link
        assert datetime.fromisoformat(booking[1]) == datetime.fromisoformat(slot["start"])


def test_slots_give_a_number_to_call(published: dict[str, list[Json]]) -> None:
    phones = {
        one["valueString"]
        for slot in published["Slot"]
        for one in slot["extension"]
        if one["url"] == f"{REGISTRY}/booking-phone"
    }
    assert len(phones) > 5


def test_nothing_of_patients_is_published(demo: Flask, published: dict[str, list[Json]]) -> None:
    with demo.extensions["openslot"].database.reading() as session:
        patients = session.scalars(select(Patient)).all()
        said = {str(one) for one in session.scalars(select(Appointment.id))}
    for one in patients:
        said |= {str(one.id), one.name, one.email or one.name}
    assert len(said) > 1000
    text = json.dumps(published, ensure_ascii=False)
    assert [one for one in sorted(said) if one in text] == []


def test_the_capability_statement_names_the_operations(demo: Flask) -> None:
    (rest,) = Program(demo).get("/fhir/metadata")["rest"]
    assert [one["name"] for one in rest["operation"]] == ["bulk-publish", "export"]
