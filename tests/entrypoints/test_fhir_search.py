"""Searches of FHIR: every parameter, prefix and modifier, by GET and by POST, page by page."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import factories
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World, book_for, build
from factories import SYDNEY
from openslot.booking.models import Appointment
from openslot.core.db import Database
from openslot.directory.models import Centre, Patient, Practitioner
from openslot.entrypoints.fhir import numbers
from openslot.entrypoints.fhir.parameters import Choice
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.rules import Rule
from serving import app_on

Json = dict[str, Any]


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


def ids(bundle: Json, mode: str = "match") -> list[str]:
    return [
        entry["resource"]["id"]
        for entry in bundle.get("entry", ())
        if entry["search"]["mode"] == mode
    ]


def found(program: Program, query: str) -> list[str]:
    bundle = program.get(f"/fhir/{query}")
    assert bundle["total"] == len(ids(bundle))
    return ids(bundle)


def link(bundle: Json, relation: str) -> str | None:
    links = {one["relation"]: one["url"] for one in bundle["link"]}
    return links.get(relation)


def day() -> str:
    """The date at the centre of everybody's appointment in the world."""
    return f"{(datetime.now(UTC) + timedelta(days=3)).astimezone(SYDNEY):%Y-%m-%d}"


SEARCHES = [
    ("Organization?name=banksia", ["centre-1"]),
    ("Organization?name=general", ["centre-1"]),
    ("Organization?name=anksia", []),
    ("Organization?name:contains=anksia", ["centre-1"]),
    ("Organization?name:exact=Banksia General Hospital", ["centre-1"]),
    ("Organization?name:exact=Banksia", []),
    ("Organization?partof=Organization/centre-1", ["department-1", "department-2"]),
    ("Organization?partof.name=wattle", ["department-3"]),
    ("Organization?type=hospital", ["centre-1", "centre-2"]),
    ("Organization?_id=department-3,centre-1,nonsense", ["centre-1", "department-3"]),
    ("Organization?address-city=randwick&active=true", ["centre-1", "centre-2"]),
    ("Location?name=wattle", ["2"]),
    ("Location?organization=Organization/centre-2", ["2"]),
    ("Location?organization=centre-2", ["2"]),
    ("Location?status=inactive", []),
    ("Location?status:not=inactive", ["1", "2"]),
    ("Location?_sort=-name", ["2", "1"]),
    ("Location?_sort=name", ["1", "2"]),
    ("HealthcareService?organization=Organization/department-2", ["2"]),
    ("HealthcareService?location=Location/1", ["1", "2"]),
    ("HealthcareService?service-type=surgery appointment", ["2"]),
    ("Practitioner?name=priya o", ["1"]),
    ("Practitioner?name=owner,stranger", ["1", "3"]),
    ("Practitioner?name=PRIYÁ Ô", ["1"]),
    ("Practitioner?name:contains=RÍYA O", ["1"]),
    ("Practitioner?name:exact=PRIYA OWNER", []),
    ("Practitioner?name=pri.a", []),
    ("Practitioner?name=(,[a-z],.*,^", []),
    ("Practitioner?name=owner&name=priya", ["1"]),
    ("PractitionerRole?practitioner=Practitioner/1", ["{owner}"]),
    ("PractitionerRole?practitioner=1", ["{owner}"]),
    ("PractitionerRole?practitioner:Practitioner=1", ["{owner}"]),
    ("PractitionerRole?practitioner=http://localhost/fhir/Practitioner/1", ["{owner}"]),
    ("PractitionerRole?practitioner=Patient/1", []),
    ("PractitionerRole?practitioner.name=stranger", ["{stranger}"]),
    ("PractitionerRole?location=Location/2", ["{stranger}"]),
    ("PractitionerRole?specialty=physiotherapist&location=2", ["{stranger}"]),
    ("PractitionerRole?specialty=http://elsewhere|physiotherapist", []),
    ("PractitionerRole?specialty=GP", []),
    ("PractitionerRole?service=HealthcareService/1", []),
    ("Schedule?actor=Practitioner/1", ["{owner}"]),
    ("Schedule?actor=HealthcareService/1", ["1"]),
    ("Schedule?actor=Location/2&active=true", ["3", "{stranger}"]),
    ("Schedule?actor:Practitioner.name=owner", ["{owner}"]),
    ("Schedule?service-type=radiology appointment", ["1"]),
    ("Schedule?date=lt1999", []),
    ("Schedule?date=gt2199", []),
    ("Schedule?actor=PractitionerRole/{owner}&date=ge2020", ["{owner}"]),
    ("Patient?name=aroha o", ["[owner]"]),
    ("Patient?birthdate=1980-03-31&name=owner", ["[owner]"]),
    ("Patient?birthdate=1980-03&name=owner", ["[owner]"]),
    ("Patient?birthdate=gt1980-03-31", []),
    ("Patient?birthdate=ge1980-03-31&name=owner", ["[owner]"]),
    ("Patient?birthdate=lt1980-03-31", []),
    ("Patient?birthdate=ne1980", []),
    ("Patient?identifier=urn:ietf:rfc:3986|urn:uuid:[owner]", ["[owner]"]),
    ("Patient?identifier=nothing", []),
    ("Patient?identifier=urn:ietf:rfc:3986|&name=owner", ["[owner]"]),
    ("Patient?identifier=http://elsewhere|", []),
    ("Patient?identifier=|", []),
    ("Appointment?identifier=urn:ietf:rfc:3986|&location=2", ["<stranger>"]),
    ("Appointment?identifier=urn:ward|", []),
    ("Appointment?patient=Patient/[owner]", ["<owner>"]),
    ("Appointment?patient=[owner]", ["<owner>"]),
    ("Appointment?patient=no-uuid", []),
    ("Appointment?patient.identifier=urn:uuid:[owner]", ["<owner>"]),
    ("Appointment?patient.name=aroha owner", ["<owner>"]),
    ("Appointment?patient.name=nobody", []),
    ("Appointment?patient.name:exact=Aroha Owner", ["<owner>"]),
    ("Appointment?patient.name:exact=Aroha", []),
    ("Appointment?patient:Patient.name:contains=roha o", ["<owner>"]),
    ("Appointment?actor.name:exact=Aroha Owner", ["<owner>"]),
    ("Appointment?location.status:not=active", []),
    ("Appointment?practitioner=1", ["<owner>"]),
    ("Appointment?practitioner.name=priya s", ["<stranger>"]),
    ("Appointment?location=2", ["<stranger>"]),
    ("Appointment?actor=Location/2", ["<stranger>"]),
    ("Appointment?actor:Patient.name=stranger", ["<stranger>"]),
    ("Appointment?status=booked&location=2", ["<stranger>"]),
    ("Appointment?status=cancelled,noshow", []),
    ("Appointment?status:not=booked", []),
    ("Appointment?identifier=urn:uuid:<owner>", ["<owner>"]),
    ("Appointment?date={day}&location=2", ["<stranger>"]),
    ("Appointment?date=eq{day}T10:00:00{plus}&location=2", ["<stranger>"]),
    ("Appointment?date=ge{day}T10:00:00{space}&location=2", ["<stranger>"]),
    ("Appointment?date=gt{day}", []),
    ("Appointment?date=sa{day}T10:00:00{plus}", []),
    ("Appointment?date=le{day}T10:00{plus}&location=2", ["<stranger>"]),
    ("Appointment?date=lt{day}T10:00:00{plus}", []),
    ("Appointment?date=eb{day}", []),
    ("Appointment?date=ne{day}", []),
    ("Appointment?_lastUpdated=gt2020&location=2", ["<stranger>"]),
    ("Appointment?_lastUpdated=lt2020", []),
    ("Patient?family=owner", ["[owner]"]),
    ("Patient?family=OWN&given=aro", ["[owner]"]),
    ("Patient?family=aroha", []),
    ("Patient?given=owner", []),
    ("Patient?family:exact=Owner", ["[owner]"]),
    ("Patient?family:exact=owner", []),
    ("Patient?family:contains=wne", ["[owner]"]),
    ("Patient?family=wner", []),
    ("Patient?given:exact=Aroha&family=owner", ["[owner]"]),
    ("Patient?telecom=email|patient-owner@example.com", ["[owner]"]),
    ("Patient?telecom=patient-owner@example.com", ["[owner]"]),
    ("Patient?telecom=phone|patient-owner@example.com", []),
    ("Patient?telecom=phone|0400123456&family=owner", ["[owner]"]),
    ("Practitioner?family=owner&given=priya", ["1"]),
    ("Practitioner?telecom=practitioner-owner@example.org", ["1"]),
    ("Appointment?patient.family=owner", ["<owner>"]),
    ("AuditEvent?subtype=no-such-thing", []),
]


@pytest.mark.parametrize(("query", "expected"), SEARCHES)
def test_a_parameter_finds_what_it_says(
    program: Program, world: World, query: str, expected: list[str]
) -> None:
    at = datetime.fromisoformat(f"{day()}T10:00:00").replace(tzinfo=SYDNEY).isoformat()[-6:]

    def filled(text: str) -> str:
        for who, key in world.schedules.items():
            text = text.replace(f"{{{who}}}", str(key))
        for who in world.patients:
            text = text.replace(f"[{who}]", str(world.patients[who]))
            text = text.replace(f"<{who}>", str(world.appointments[who]))
        text = text.replace("{day}", day()).replace("{plus}", at.replace("+", "%2B"))
        return text.replace("{space}", at)  # a + in an address is a space

    assert found(program, filled(query)) == [filled(one) for one in expected]


def test_names_are_found_without_their_accents(
    program: Program, world: World, network: Database
) -> None:
    """Whatever engine keeps them; letters of other scripts among them."""
    factories.change(network, Practitioner, 1, name="Siobhán Ó Dálaigh")
    factories.change(network, Patient, world.patients["owner"], name="Łukasz ŠÁRKA Ёлкин 김민준")
    factories.change(network, Centre, 2, name="Hôpital Sainte-Thérèse")
    for query in ("siobhan", "SIOBHÁN", "o dalaigh", "Ø", "dalaigh,nobody"):
        assert found(program, f"Practitioner?name={query}") == ["1"], query
    owner = str(world.patients["owner"])
    for query in ("sarka", "Šárka", "łukasz", "елкин", "ЁЛКИН", "김민"):
        assert found(program, f"Patient?name={query}") == [owner], query
    assert found(program, "Patient?name=arka") == []
    assert found(program, "Patient?name:contains=arka") == [owner]
    assert found(program, "Location?name=hopital sainte-therese") == ["2"]
    assert found(program, "Organization?name=herese") == []
    assert found(program, "Organization?name:contains=therese") == ["centre-2"]
    assert found(program, "Appointment?patient.name=sarka") == [str(world.appointments["owner"])]


def test_a_system_alone_finds_all_of_its_numbers(
    program: Program, world: World, network: Database
) -> None:
    factories.change(network, Practitioner, 1, provider_number="1234567A")
    factories.change(network, Practitioner, 2, provider_number="of another country")
    factories.change(network, Patient, world.patients["owner"], medicare_number="2123 45670-1")
    factories.change(network, Centre, 2, business_number="51 824 753 556")
    factories.change(network, Centre, 1, business_number="1111")
    factories.change(network, Appointment, world.appointments["owner"], external_id="urn:ward|7")
    factories.change(
        network, Appointment, world.appointments["stranger"], external_id="urn:wards|7"
    )
    assert found(program, f"Practitioner?identifier={numbers.PROVIDER}|") == ["1"]
    owner = str(world.patients["owner"])  # whose number is encrypted, so nobody can tell its kind
    assert found(program, f"Patient?identifier={numbers.MEDICARE}|2123456701") == [owner]
    assert program.send("GET", f"/fhir/Patient?identifier={numbers.MEDICARE}|").status_code == 400
    assert found(program, f"Location?identifier={numbers.BUSINESS}|") == ["2"]
    assert found(program, f"Organization?identifier={numbers.BUSINESS}|") == ["centre-2"]
    other = numbers.OTHERS[numbers.BUSINESS]
    for query in (f"{other}|", f"{other}|1111", "1111"):
        assert found(program, f"Location?identifier={query}") == ["1"], query
        assert found(program, f"Organization?identifier={query}") == ["centre-1"], query
    assert found(program, f"Location?identifier={numbers.BUSINESS}|1111") == []
    assert found(program, "Appointment?identifier=urn:ward|") == [str(world.appointments["owner"])]


def test_an_error_of_a_search_names_the_parameter(program: Program) -> None:
    answer = program.send("GET", "/fhir/Slot?start=yesterday")
    assert answer.json["issue"][0]["expression"] == ["start"]  # type: ignore[index] # an object


@pytest.mark.parametrize(
    "query",
    [
        "Appointment?date=yesterday",
        "Appointment?date=2027-13-01",
        "Appointment?date=2027-02-30",
        "Appointment?date=zz2027",
        "Appointment?date=ap2027",
        "Appointment?date=2027-03-08T10:00",
        "Appointment?date=9999-12-31",
        "Appointment?date=0001",
        "Appointment?status=nonsense",
        "Appointment?status:exact=booked",
        "Appointment?patient:Practitioner=1",
        "Appointment?date:exact=2027",
        "Practitioner?active=maybe",
        "Practitioner?_count=-1",
        "Practitioner?_count=x",
        "Practitioner?name=%00",
        "Slot?",
        "Slot?status=free",
        "Slot?start=lt2027",
        "Slot?start=ge2027-01-01&start=lt2027-02-02",
        "Slot?start=2027",
        "Slot?start=2027-03-08&status=open",
        "Patient?name=" + "x" * 600,
        "Appointment?patient.name:not=a",
        "Appointment?actor.birthdate:exact=1980",
        "Appointment?patient.name:exact:contains=a",
        "Appointment?patient:exact:x=1",
        "Slot?schedule.actor:Patient=1&start=2027-03-08",
        "Slot?schedule.actor.name=a&start=2027-03-08",
        "Location?name:=a",
        "Location?name:x-y=a",
        "Patient?_has:Appointment:patient:status=waitlist",
        "Slot?start=2027-03-08&_has:Appointment:slot:status=booked",
        "Appointment?slot.schedule=Schedule/1",
        "Appointment?patient.colour=red",
        "Location?colour.name=a",
        "Practitioner?family:missing=true",
        "Practitioner?_total=perhaps",
        "Practitioner?_summary=short",
    ],
)
def test_what_is_no_value_is_refused_with_an_outcome(program: Program, query: str) -> None:
    answer = program.send("GET", f"/fhir/{query}")
    assert answer.status_code == 400
    assert answer.json["resourceType"] == "OperationOutcome"  # type: ignore[index] # an object
    assert answer.content_type.startswith("application/fhir+json")


@pytest.mark.parametrize(
    "query",
    [
        "Practitioner?colour=red",
        "Practitioner?colour:exact=red",
        "Patient?_sort=colour",
        "Patient?_include=Patient:colour",
        "Patient?_summary=true",
        "Slot?start=2027-03-08&_sort=-start",
        "Patient?_revinclude=Slot:schedule",
    ],
)
def test_the_unknown_is_left_out_of_the_self_link_or_refused_if_strict(
    program: Program, query: str
) -> None:
    bundle = program.get(f"/fhir/{query}")
    assert "colour" not in (link(bundle, "self") or "")
    (outcome,) = [one for one in bundle["entry"] if one["search"]["mode"] == "outcome"]
    unknown = re.split("[?&]", query)[-1].removesuffix("=red")
    assert unknown in outcome["resource"]["issue"][0]["details"]["text"]
    assert program.send("GET", f"/fhir/{query}", Prefer="handling=strict").status_code == 400
    lenient = program.send("GET", f"/fhir/{query}", Prefer="handling=lenient")
    assert lenient.status_code == 200


ABOUT_PEOPLE = [
    "Patient",
    "Appointment",
    "ServiceRequest",
    "Encounter",
    "DocumentReference",
    "MedicationRequest",
    "AllergyIntolerance",
    "QuestionnaireResponse",
    "AuditEvent",
]


@pytest.mark.parametrize("kind", ABOUT_PEOPLE)
@pytest.mark.parametrize("name", ["colour", "identifer", "_text", "gender:exact"])
def test_what_is_not_known_about_people_is_refused_by_its_name(
    program: Program, kind: str, name: str
) -> None:
    """Left aside, the answer would be everybody."""
    refused = program.send("GET", f"/fhir/{kind}?{name}=x")
    assert refused.status_code == 400
    issue = refused.json["issue"][0]  # type: ignore[index] # an object
    assert issue["expression"] == [name]
    assert name in issue["details"]["text"]
    assert "_lastUpdated" in issue["details"]["text"], "and what is known"
    posted = program.send_form(f"/fhir/{kind}/_search", {name: "x"})
    assert posted.status_code == 400
    lenient = program.send("GET", f"/fhir/{kind}?{name}=x", Prefer="handling=lenient")
    assert lenient.status_code == 200
    assert lenient.json["entry"][-1]["search"] == {"mode": "outcome"}  # type: ignore[index]


def test_every_resource_about_people_is_tried(program: Program) -> None:
    people = {name for name, kind in RESOURCES.items() if kind.rule is not Rule.PUBLIC}
    assert people == set(ABOUT_PEOPLE)


def test_a_search_for_the_number_or_for_some_elements(program: Program, world: World) -> None:
    counted = program.get("/fhir/Appointment?status=booked&_summary=count&_count=2")
    assert (counted["total"], counted.get("entry")) == (3, None)
    bundle = program.get("/fhir/Appointment?_elements=start,priority&_count=1&_include=*")
    shown = bundle["entry"][0]["resource"]
    assert set(shown) == {
        *("resourceType", "id", "meta", "status", "participant", "start", "priority")
    }
    assert shown["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert "_elements=start%2Cpriority" in (link(bundle, "next") or "")
    assert "total" not in program.get("/fhir/Patient?_total=none")
    assert program.get("/fhir/Patient?_total=accurate")["total"] == 3
    assert (link(program.get("/fhir/Patient?_count=5000"), "self") or "").endswith("_count=200")


def test_slots_between_a_start_and_an_end(program: Program, world: World) -> None:
    own = f"schedule={world.schedules['owner']}"
    first, last = f"{day()}T01:00:00Z", f"{day()}T02:00:00Z"
    starting = found(program, f"Slot?{own}&start=ge{first}&start=lt{last}")
    assert len(starting) == 2
    assert found(program, f"Slot?{own}&start=ge{first}&end=le{last}") == starting
    assert found(program, f"Slot?{own}&start=ge{first}&end=lt{last}") == starting[:1]
    two_days = found(program, f"Slot?{own}&start=ge{first}&end=gt{last}&start=lt{last}")
    assert two_days == []


def test_a_search_by_post_is_the_same_and_its_links_can_be_got(
    app: Flask, program: Program
) -> None:
    form = {"name": "aroha", "_count": "2", "_sort": "-name"}
    headers = {"Authorization": f"Bearer {program.token}"}
    client = app.test_client(use_cookies=False)
    posted = client.post("/fhir/Patient/_search", data=form, headers=headers)
    assert posted.status_code == 200
    got = program.get("/fhir/Patient?name=aroha&_count=2&_sort=-name")
    assert posted.json == got
    following = link(got, "next") or ""
    assert following.startswith("http://localhost/fhir/Patient?")
    rest = program.get(following.removeprefix("http://localhost"))
    assert rest["total"] == 3
    assert len(set(ids(got) + ids(rest))) == 3


def test_pages_are_complete_and_without_doubles_while_data_changes(
    program: Program, network: Database, world: World
) -> None:
    now = datetime.now(UTC)
    for days in range(4, 9):
        network.run(
            lambda session, days=days: book_for(session, world, "owner", now=now, days=days)
        )
    path = f"/fhir/Appointment?practitioner={world.practitioners['owner']}&_count=2&_sort=-date"
    first = program.get(path)
    everything = found(program, path.removeprefix("/fhir/").replace("_count=2", "_count=50"))
    network.run(lambda session: book_for(session, world, "owner", now=now, days=10))
    seen, address = ids(first), link(first, "next")
    while address:
        page = program.get(address.removeprefix("http://localhost"))
        seen += ids(page)
        address = link(page, "next")
    assert seen == everything


def test_the_next_page_of_slots_goes_on_where_one_was_taken(
    program: Program, network: Database, world: World
) -> None:
    path = f"/fhir/Slot?schedule={world.schedules['owner']}&start={day()}&status=free&_count=20"
    first = program.get(path)
    assert first["total"] == 47  # all day, but for one appointment
    now = datetime.now(UTC)
    network.run(lambda session: book_for(session, world, "owner", now=now, days=2))
    seen, address = ids(first), link(first, "next")
    while address:
        page = program.get(address.removeprefix("http://localhost"))
        seen += ids(page)
        address = link(page, "next")
    assert len(seen) == len(set(seen)) == 47


def test_includes_come_once_and_as_includes(program: Program, world: World) -> None:
    path = "/fhir/Appointment?_include=Appointment:actor&_include=Appointment:patient"
    bundle = program.get(path)
    assert bundle["total"] == 3
    along = [one["fullUrl"] for one in bundle["entry"] if one["search"]["mode"] == "include"]
    assert len(along) == len(set(along)) == 3 + 3 + 2  # patients, practitioners, centres
    only = program.get("/fhir/Appointment?_include=Appointment:actor:Location")
    assert ids(only, "include") == ["1", "2"]
    back = program.get("/fhir/Patient?name=owner&_revinclude=Appointment:patient")
    assert ids(back, "include") == [str(world.appointments["owner"])]
    chain = program.get(
        f"/fhir/Slot?start={day()}&schedule={world.schedules['owner']}&_count=1"
        "&_include=Slot:schedule&_include:iterate=Schedule:actor"
    )
    kinds = [one["resource"]["resourceType"] for one in chain["entry"]]
    assert kinds == ["Slot", "Schedule", "Location", "Practitioner", "PractitionerRole"]


def test_a_slot_search_names_the_end_that_it_assumed(program: Program) -> None:
    bundle = program.get("/fhir/Slot?start=ge2099-01-01&status=free")
    assert (bundle["total"], "entry" in bundle) == (0, False)
    assert "start=lt2099-02-01" in (link(bundle, "self") or "")


def test_slots_are_found_by_the_kind_of_actor(program: Program, world: World) -> None:
    def schedules(condition: str) -> set[str]:
        bundle = program.get(f"/fhir/Slot?{condition}&start={day()}&status=free&_count=200")
        return {entry["resource"]["schedule"]["reference"] for entry in bundle.get("entry", ())}

    own = {f"Schedule/{world.schedules['owner']}"}
    number = world.practitioners["owner"]
    for name in ("schedule.actor:Practitioner", "schedule:Schedule.actor:Practitioner"):
        assert schedules(f"{name}={number}") == own
    assert schedules(f"schedule:Schedule.actor=Practitioner/{number}") == own
    assert schedules("schedule.actor:HealthcareService=1") == {"Schedule/1"}


def test_slots_say_what_is_taken(program: Program, world: World) -> None:
    path = f"Slot?schedule={world.schedules['owner']}&start={day()}"
    bundle = program.get(f"/fhir/{path}")
    assert bundle["total"] == 48
    busy = program.get(f"/fhir/{path}&status=busy")["entry"]
    assert [one["resource"]["start"][11:16] for one in busy] == ["10:00"]
    assert found(program, f"{path}&status:not=free,busy") == []
    assert found(program, f"Slot?_id={busy[0]['resource']['id']}") == [busy[0]["resource"]["id"]]
    assert found(program, f"Appointment?slot=Slot/{busy[0]['resource']['id']}") == [
        str(world.appointments["owner"])
    ]
    chained = f"Slot?schedule.actor=Practitioner/1&start={day()}&status=busy"
    assert found(program, chained) == [busy[0]["resource"]["id"]]


def test_every_search_runs_on_every_engine(database: Database, tmp_path: Path) -> None:
    world = build(database)
    with app_on(database, tmp_path) as app:
        ask_everything(app, database, world)


def ask_everything(app: Flask, database: Database, world: World) -> None:
    program = with_key(app, database, "*")
    person = signed_in(app, world, "practitioner-owner")
    for name, resource in RESOURCES.items():
        window = f"&start={day()}" if name == "Slot" else ""
        some, few = (60, 60) if name == "Slot" else (3, 1)  # a day has hundreds of times
        for parameter, declared in resource.parameters.items():
            value = {"date": "ge2020-01-01", "reference": "1"}.get(declared.kind, "true")
            value = {"status": "active", "start": day(), "_id": "1"}.get(parameter, value)
            value = "booked" if (name, parameter) == ("Appointment", "status") else value
            value = "free" if (name, parameter) == ("Slot", "status") else value
            if isinstance(declared, Choice) and value not in declared.values:
                value = next(iter(declared.values))
            bundle = program.get(f"/fhir/{name}?{parameter}={value}{window}&_count={some}")
            if declared.order is not None and declared.descends:
                bundle = program.get(f"/fhir/{name}?_sort=-{parameter},_id{window}&_count={few}")
            while (address := link(bundle, "next")) and name != "AuditEvent":
                bundle = program.get(address.removeprefix("http://localhost"))
        person.get(f"/fhir/{name}?_count=2{window}")
    assert program.get("/fhir/Patient?_sort=-name&_count=1&name:contains=%25")["total"] == 0
