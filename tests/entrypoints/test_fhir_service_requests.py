"""Letters of referral through FHIR: written, read, searched, booked with, by whom they concern."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from engines import counting
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World, build, give_professions
from openslot.booking.models import Appointment
from openslot.core.audit import AuditEvent
from openslot.core.db import Database
from openslot.referrals.models import Referral
from serving import app_on

Json = dict[str, Any]

PATH = "/fhir/ServiceRequest"
DAY = (datetime.now(UTC) + timedelta(days=6)).date()
TEXT = "Pain at the upper left since May."


@pytest.fixture(autouse=True)
def _professions(network: Database, world: World) -> None:
    network.run(lambda session: give_professions(session, world))


@pytest.fixture
def gp(app: Flask, world: World) -> Program:
    return signed_in(app, world, "practitioner-owner")


@pytest.fixture
def dentist(app: Flask, world: World) -> Program:
    return signed_in(app, world, "practitioner-stranger")


@pytest.fixture
def patient(app: Flask, world: World) -> Program:
    return signed_in(app, world, "patient-owner")


@pytest.fixture
def ward(app: Flask, network: Database) -> Program:
    """A program of the network's."""
    return with_key(app, network, "*")


def link(kind: str, key: object) -> Json:
    return {"reference": f"{kind}/{key}"}


def letter(world: World, **more: Any) -> Json:
    body = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": link("Patient", world.patients["owner"]),
        "performer": [link("Practitioner", world.practitioners["stranger"])],
        "note": [{"text": TEXT}],
    }
    return {name: value for name, value in (body | more).items() if value is not None}


def written(gp: Program, world: World, **more: Any) -> Json:
    made = gp.send("POST", PATH, letter(world, **more))
    assert made.status_code == 201, made.text
    one: Json = made.json  # type: ignore[assignment] # an object
    get_fhir_model_class("ServiceRequest").model_validate(one)
    return one


def to_area(gp: Program, world: World, **more: Any) -> Json:
    return written(gp, world, performer=None, performerType={"text": "Dental"}, **more)


def change(program: Program, one: Json, **more: Any) -> TestResponse:
    return program.send("PUT", f"{PATH}/{one['id']}", one | more)


def issue(answer: TestResponse) -> Json:
    body: Json = answer.json  # type: ignore[assignment] # an object
    assert body["resourceType"] == "OperationOutcome", body
    found: Json = body["issue"][0]
    return found


def found(program: Program, query: str) -> list[str]:
    bundle = program.get(f"/fhir/{query}")
    kept = [one for one in bundle.get("entry", ()) if one["search"]["mode"] == "match"]
    assert bundle["total"] == len(kept)
    return [one["resource"]["id"] for one in kept]


def along(program: Program, query: str) -> list[str]:
    bundle = program.get(f"/fhir/{query}")
    return [
        f"{one['resource']['resourceType']}/{one['resource']['id']}"
        for one in bundle["entry"]
        if one["search"]["mode"] == "include"
    ]


def reads(network: Database) -> int:
    query = select(func.count()).where(AuditEvent.action == "referral.read")
    return network.read(lambda session: session.scalar(query)) or 0


# Letters


def test_a_letter_is_sent_read_and_taken_back(world: World, gp: Program, patient: Program) -> None:
    made = gp.send("POST", PATH, letter(world))
    one: Json = made.json  # type: ignore[assignment] # an object
    version = one["meta"]["versionId"]
    assert made.status_code == 201
    assert made.headers["Location"] == f"http://localhost{PATH}/{one['id']}/_history/{version}"
    assert made.headers["ETag"] == f'W/"{version}"'
    assert (one["status"], one["intent"]) == ("active", "order")
    assert one["requester"]["reference"] == f"Practitioner/{world.practitioners['owner']}"
    assert one["performer"][0]["reference"] == f"Practitioner/{world.practitioners['stranger']}"
    assert one["note"][0]["text"] == TEXT
    assert one["occurrencePeriod"]["start"] == one["authoredOn"]
    assert patient.get(f"{PATH}/{one['id']}") == one
    assert patient.get(f"{PATH}/{one['id']}/_history/{version}") == one
    known = patient.send("GET", f"{PATH}/{one['id']}", If_None_Match=made.headers["ETag"])
    assert known.status_code == 304

    assert change(gp, one).json == one
    stale = gp.send("PUT", f"{PATH}/{one['id']}", one | {"status": "revoked"}, If_Match='W/"1"')
    assert (stale.status_code, issue(stale)["code"]) == (412, "conflict")
    ended = gp.send(
        "PUT", f"{PATH}/{one['id']}", one | {"status": "revoked"}, If_Match=made.headers["ETag"]
    )
    assert (ended.status_code, ended.json["status"]) == (200, "revoked")  # type: ignore[index]
    assert ended.headers["ETag"] != made.headers["ETag"]
    again = change(gp, one)
    assert (again.status_code, "wrong-state" in issue(again)["diagnostics"]) == (409, True)


def test_a_draft_is_its_author_s_until_it_is_active(
    world: World, gp: Program, patient: Program, dentist: Program
) -> None:
    one = to_area(gp, world, status="draft")
    path = f"{PATH}/{one['id']}"
    assert (one["status"], "occurrencePeriod" in one) == ("draft", False)
    assert one["performerType"]["text"] == "Dental"
    for program in (patient, dentist):
        assert program.send("GET", path).status_code == 404
    named = [link("Practitioner", world.practitioners["stranger"])]
    other = change(gp, one, note=[{"text": "Pain since June."}], performer=named)
    two: Json = other.json  # type: ignore[assignment] # an object
    assert (other.status_code, two["note"][0]["text"]) == (200, "Pain since June.")
    assert "performerType" not in two
    assert two["meta"]["versionId"] != one["meta"]["versionId"]
    sent: Json = change(gp, two, status="active").json  # type: ignore[assignment] # an object
    assert sent["status"] == "active"
    for program in (patient, dentist):
        assert program.get(path) == sent
    refused = change(gp, sent, note=[{"text": "Another text"}])
    assert refused.status_code == 409
    assert change(patient, sent, note=[{"text": "Mine"}]).status_code == 403


def test_searches_do_not_give_the_text_away(
    world: World, network: Database, gp: Program, dentist: Program, patient: Program
) -> None:
    one = written(gp, world)
    for program in (gp, dentist, patient):
        for query in ("?", f"?_id={one['id']}", f"?patient={world.patients['owner']}"):
            bundle = program.get(f"{PATH}{query}")
            (shown,) = (entry["resource"] for entry in bundle["entry"])
            get_fhir_model_class("ServiceRequest").model_validate(shown)
            assert TEXT not in str(bundle)
            assert shown["meta"]["tag"][0]["code"] == "SUBSETTED"
            assert shown["id"] == one["id"]
    assert reads(network) == 0


def test_each_time_a_specialist_opens_it_is_written_down(
    world: World, network: Database, gp: Program, dentist: Program, patient: Program
) -> None:
    one = written(gp, world)
    path = f"{PATH}/{one['id']}"
    for program in (gp, patient):
        assert program.get(path)["note"][0]["text"] == TEXT
    assert reads(network) == 0
    version = f"{path}/_history/{one['meta']['versionId']}"
    for number, address in enumerate((path, version), start=1):
        assert dentist.get(address)["note"][0]["text"] == TEXT
        assert reads(network) == number
    assert change(dentist, one).json == one
    assert reads(network) == 3


def test_who_has_no_part_in_it_does_not_learn_of_it(
    app: Flask, world: World, network: Database, gp: Program, dentist: Program, ward: Program
) -> None:
    one = to_area(gp, world)
    people = ("patient-stranger", "practitioner-teammate", "staff-owner", "network-admin")
    programs = [signed_in(app, world, who) for who in people]
    programs += [dentist, ward, with_key(app, network, "system/ServiceRequest.cruds")]
    for program in programs:
        assert found(program, "ServiceRequest") == []
        assert found(program, f"ServiceRequest?_id={one['id']}") == []
        nothing = program.send("GET", f"{PATH}/{uuid4()}")
        hidden = program.send("GET", f"{PATH}/{one['id']}")
        assert (hidden.status_code, hidden.json) == (404, nothing.json)
        assert change(program, one, status="revoked").status_code == 404
    assert reads(network) == 0


def test_scopes_say_what_a_key_may(app: Flask, world: World, network: Database) -> None:
    reader = with_key(app, network, "system/Appointment.rs")
    for path in (PATH, f"{PATH}/{uuid4()}", "/fhir/Appointment?based-on.status=active"):
        refused = reader.send("GET", path)
        assert (refused.status_code, issue(refused)["code"]) == (403, "forbidden")
    assert reader.send("POST", PATH, letter(world)).status_code == 403
    assert with_key(app, network, "system/ServiceRequest.rs").get(PATH)["total"] == 0


@pytest.mark.parametrize(
    ("person", "code"),
    [
        ("practitioner-stranger", "only-gps"),
        ("patient-owner", "only-gps"),
        ("staff-owner", "only-gps"),
        ("network-admin", "only-gps"),
    ],
)
def test_only_gps_write(app: Flask, world: World, person: str, code: str) -> None:
    refused = signed_in(app, world, person).send("POST", PATH, letter(world))
    assert (refused.status_code, code in issue(refused)["diagnostics"]) == (403, True)


def test_a_gp_refers_whom_they_may_read_and_learns_of_nobody_else(
    world: World, gp: Program
) -> None:
    subjects = (world.patients["stranger"], uuid4(), "nobody")
    answers = [
        gp.send("POST", PATH, letter(world, subject=link("Patient", one))) for one in subjects
    ]
    assert {one.status_code for one in answers} == {422}
    assert len({one.text for one in answers}) == 1
    assert issue(answers[0])["expression"] == ["ServiceRequest.subject"]


@pytest.mark.parametrize(
    "more",
    [
        {"resourceType": "Patient"},
        {"status": None},
        {"status": "sent"},
        {"intent": None},
        {"intent": "wish"},
        {"subject": None},
        {"subject": "me"},
        {"note": "x"},
        {"note": [{}]},
        {"note": []},
        {"colour": "red"},
        {"doNotPerform": "no"},
        {"modifierExtension": [{}]},
        {"orderDetail": [{"text": "Left"}]},
        {"note": [{"text": "a\x00b"}]},
    ],
    ids=str,
)
def test_what_is_no_service_request_is_malformed(world: World, gp: Program, more: Json) -> None:
    refused = gp.send("POST", PATH, letter(world, **more))
    assert (refused.status_code, issue(refused)["code"]) == (400, "invalid"), refused.text


@pytest.mark.parametrize(
    ("more", "element"),
    [
        ({"status": "completed"}, "status"),
        ({"intent": "plan"}, "intent"),
        ({"doNotPerform": True}, "doNotPerform"),
        ({"subject": {"reference": "Group/1"}}, "subject"),
        ({"requester": {"reference": "Practitioner/999"}}, "requester"),
        ({"performer": None}, "performer"),
        ({"performer": [{"reference": "Practitioner/x"}]}, "performer"),
        (
            {"performer": [{"reference": "Practitioner/1"}, {"reference": "Practitioner/3"}]},
            "performer",
        ),
        ({"performer": [{"reference": "Practitioner/1"}]}, "performer"),
        ({"performerType": {"text": "x" * 101}, "performer": None}, "performerType"),
        ({"note": None}, "note"),
        ({"note": [{"text": "a"}, {"text": "b"}]}, "note"),
        ({"note": [{"text": "x" * 10_001}]}, "note"),
        ({"note": [{"text": " "}]}, "note"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_a_rule_refuses_is_unprocessable(
    world: World, gp: Program, more: Json, element: str
) -> None:
    refused = gp.send("POST", PATH, letter(world, **more))
    assert (refused.status_code, issue(refused)["code"]) == (422, "business-rule"), refused.text
    assert issue(refused)["expression"] == [f"ServiceRequest.{element}"]


def test_nobody_in_the_area_is_a_conflict(world: World, gp: Program) -> None:
    refused = gp.send(
        "POST", PATH, letter(world, performer=None, performerType={"text": "Astrology"})
    )
    assert (refused.status_code, issue(refused)["expression"]) == (
        409,
        ["ServiceRequest.performer"],
    )


def test_a_conditional_create_makes_one(world: World, gp: Program) -> None:
    condition = {"If_None_Exist": f"patient={world.patients['owner']}&status=active"}
    first, again = (gp.send("POST", PATH, letter(world), **condition) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["id"] == again.json["id"]  # type: ignore[index] # an object
    assert TEXT not in again.text
    assert len(found(gp, "ServiceRequest")) == 1
    written(gp, world)
    assert gp.send("POST", PATH, letter(world), **condition).status_code == 412
    foreign = gp.send("POST", PATH, letter(world), If_None_Exist="identifier=urn:example|1")
    assert foreign.status_code == 400


def test_what_stays_cannot_be_changed(world: World, gp: Program) -> None:
    one = written(gp, world)
    other = link("Patient", world.patients["stranger"])
    assert change(gp, one, subject=other).status_code == 422
    assert change(gp, one, requester=link("Practitioner", 2)).status_code == 422
    assert change(gp, one, status="completed").status_code == 422
    assert change(gp, one, doNotPerform=True).status_code == 422
    path = f"{PATH}/{one['id']}"
    assert gp.send("PUT", path, one | {"id": str(uuid4())}).status_code == 400
    assert gp.send("PUT", path, one, If_Match="first").status_code == 400
    assert gp.send("PUT", f"{PATH}/{uuid4()}", one).status_code == 404
    assert gp.send("PUT", f"{PATH}/nothing", one).status_code == 404
    assert gp.get(path) == one


# Searches


def test_a_parameter_finds_what_it_says(
    app: Flask, network: Database, world: World, gp: Program
) -> None:
    draft, named, area = (
        written(gp, world, status="draft"),
        written(gp, world),
        to_area(gp, world),
    )
    ended = written(gp, world)
    change(gp, ended, status="revoked")
    every = {one["id"] for one in (draft, named, area, ended)}
    owner, stranger = world.practitioners["owner"], world.practitioners["stranger"]
    mine = world.patients["owner"]
    today = datetime.now(UTC).date()
    for query, wanted in (
        ("", every),
        (f"patient=Patient/{mine}", every),
        (f"subject={mine}", every),
        (f"subject:Patient={mine}", every),
        (f"patient={world.patients['stranger']}", set()),
        ("patient.name=aroha owner", every),
        ("patient.name=aroha stranger", set()),
        (f"requester=Practitioner/{owner}", every),
        (f"requester={stranger}", set()),
        ("requester.name=priya", every),
        (f"performer=Practitioner/{stranger}", every - {area["id"]}),
        ("performer.name=priya stranger", every - {area["id"]}),
        ("performer-type=dental", {area["id"]}),
        ("status=draft", {draft["id"]}),
        ("status=active", {named["id"], area["id"]}),
        ("status=revoked,draft", {ended["id"], draft["id"]}),
        ("status:not=active", {ended["id"], draft["id"]}),
        ("status=completed", set()),
        ("status=on-hold", set()),
        ("status=urn:other|active", set()),
        ("status=http://hl7.org/fhir/request-status|draft", {draft["id"]}),
        (f"authored=ge{today - timedelta(days=2)}", every),
        (f"authored=lt{today - timedelta(days=2)}", set()),
        ("_lastUpdated=gt2020", every),
        ("_lastUpdated=lt2020", set()),
        (f"_id={draft['id']},{area['id']},x", {draft["id"], area["id"]}),
    ):
        assert set(found(gp, f"ServiceRequest?{query}")) == wanted, query
    in_order = [draft["id"], named["id"], area["id"], ended["id"]]
    assert found(gp, "ServiceRequest?_sort=authored,_id") == in_order
    assert found(gp, "ServiceRequest?_sort=-authored,-_id") == in_order[::-1]
    for query in ("status=sent", "authored=never", "requester:Patient=1", "status:exact=active"):
        assert gp.send("GET", f"{PATH}?{query}").status_code == 400, query
    form = app.test_client(use_cookies=False).post(
        f"{PATH}/_search", data={"status": "draft"}, headers={"Authorization": f"Bearer {gp.token}"}
    )
    assert form.json["entry"][0]["resource"]["id"] == draft["id"]  # type: ignore[index]


def test_what_runs_out_is_revoked_and_says_why(
    world: World, network: Database, gp: Program, patient: Program
) -> None:
    one = written(gp, world)
    run_out(network, one["id"])
    shown = patient.get(f"{PATH}/{one['id']}")
    get_fhir_model_class("ServiceRequest").model_validate(shown)
    assert shown["status"] == "revoked"
    assert shown["extension"][0]["valueCodeableConcept"] == {"text": "Expired"}
    assert shown["meta"]["versionId"] != one["meta"]["versionId"]
    assert found(patient, "ServiceRequest?status=revoked") == [one["id"]]
    assert found(patient, "ServiceRequest?status=active") == []


def run_out(network: Database, key: str) -> None:
    then = datetime.now(UTC) - timedelta(minutes=1)
    mine = Referral.id == UUID(key)
    network.run(
        lambda session: session.execute(update(Referral).where(mine).values(expires_at=then))
    )


def test_statements_do_not_grow_with_the_answer(app: Flask, world: World, gp: Program) -> None:
    database = app.extensions["openslot"].database
    for _ in range(4):
        written(gp, world)
    gp.get("/fhir/ServiceRequest")  # writes down whom it shows, once an hour
    for query in (
        "ServiceRequest?",
        "ServiceRequest?patient.name=a&_include=ServiceRequest:requester",
        "ServiceRequest?_include=ServiceRequest:*&_revinclude=Appointment:based-on",
    ):
        counts = []
        for count in (1, 4):
            with counting(database) as counted:
                bundle = gp.get(f"/fhir/{query}&_count={count}")
            assert [one["search"]["mode"] for one in bundle["entry"]].count("match") == count
            counts.append(counted.count)
        assert counts[0] == counts[1], (query, counts)


def test_letters_are_found_page_by_page_on_every_engine(database: Database, tmp_path: Path) -> None:
    world = build(database)
    database.run(lambda session: give_professions(session, world))
    with app_on(database, tmp_path) as app:
        gp, patient = (
            signed_in(app, world, who) for who in ("practitioner-owner", "patient-owner")
        )
        made = [written(gp, world)["id"], to_area(gp, world)["id"]]
        assert (
            book(patient, appointment(free(patient, world)[0], world, made[0])).status_code == 201
        )
        for sort in ("authored", "_lastUpdated", "performer-type", "_id"):
            first = gp.get(f"{PATH}?_sort={sort}&_count=1")
            (following,) = (each["url"] for each in first["link"] if each["relation"] == "next")
            rest = gp.get(following.removeprefix("http://localhost"))
            shown = [page["entry"][0]["resource"]["id"] for page in (first, rest)]
            assert sorted(shown) == sorted(made), sort
        assert found(gp, "ServiceRequest?status=completed&patient.name=aroha") == made[:1]
        assert found(gp, "ServiceRequest?status:not=completed") == made[1:]
        assert len(found(patient, "Appointment?based-on.status=completed")) == 1
        one = gp.get(f"{PATH}/{made[0]}")
        assert datetime.fromisoformat(one["meta"]["lastUpdated"]).tzinfo is not None


# Booking


def free(program: Program, world: World, count: int = 2) -> list[Json]:
    """Times of the dentist as $find proposes them."""
    query = f"start={DAY}T00:00:00Z&end={DAY}T04:00:00Z"
    answer = program.get(
        f"/fhir/Appointment/$find?{query}&practitioner={world.practitioners['stranger']}"
    )
    found = [entry["resource"] for entry in answer["entry"]]
    return [one for one in found if one["resourceType"] == "Appointment"][:count]


def appointment(one: Json, world: World, based_on: object = None, who: str = "owner") -> Json:
    """The proposal as a wish of the patient's, with the letter."""
    person = {"actor": link("Patient", world.patients[who]), "status": "accepted"}
    booking_request = one | {"status": "booked", "participant": [*one["participant"], person]}
    booking_request.pop("id")
    return booking_request | ({"basedOn": [link("ServiceRequest", based_on)]} if based_on else {})


def book(program: Program, body: Json) -> TestResponse:
    return program.send("POST", "/fhir/Appointment", body)


def operate(program: Program, operation: str, one: Json) -> Json:
    body = {"resourceType": "Parameters", "parameter": [{"name": "appointment", "resource": one}]}
    answer = program.send("POST", f"/fhir/Appointment/{operation}", body)
    assert answer.status_code in (200, 201), answer.text
    made: Json = answer.json["entry"][0]["resource"]  # type: ignore[index] # an object
    return made


def test_a_letter_goes_from_hold_to_appointment_and_back_when_it_is_cancelled(
    world: World, gp: Program, ward: Program, patient: Program
) -> None:
    one, area = written(gp, world), to_area(gp, world)
    path = f"{PATH}/{area['id']}"
    first, second = free(ward, world)
    kept = operate(ward, "$hold", appointment(first, world, area["id"]))
    based_on = {"reference": f"ServiceRequest/{area['id']}", "type": "ServiceRequest"}
    assert kept["status"] == "pending"
    versions = [area["meta"]["versionId"], gp.get(path)["meta"]["versionId"]]
    assert gp.get(path)["status"] == "active"
    made = operate(ward, "$book", kept)
    assert (made["id"], made["status"]) == (kept["id"], "booked")
    assert patient.get(f"/fhir/Appointment/{made['id']}")["basedOn"] == [based_on]
    versions.append(gp.get(path)["meta"]["versionId"])
    assert gp.get(path)["status"] == "completed"
    assert found(gp, "ServiceRequest?status=completed") == [area["id"]]

    taken = book(ward, appointment(second, world, area["id"]))
    assert (taken.status_code, issue(taken)["expression"]) == (409, ["Appointment.basedOn"])
    assert change(gp, gp.get(path), status="revoked").status_code == 409
    ended = ward.send("POST", f"/fhir/Appointment/{made['id']}/$cancel")
    assert ended.status_code == 200
    assert patient.get(f"/fhir/Appointment/{made['id']}")["basedOn"] == [based_on]
    versions.append(gp.get(path)["meta"]["versionId"])
    assert gp.get(path)["status"] == "active"
    assert len(set(versions)) == 4
    again = book(ward, appointment(second, world, area["id"]))
    assert again.status_code == 201
    assert gp.get(path)["status"] == "completed"
    assert gp.get(path)["meta"]["lastUpdated"] > area["meta"]["lastUpdated"]
    assert gp.get(f"{PATH}/{one['id']}")["status"] == "active"


def test_an_appointment_finds_its_letter_and_a_letter_its_appointment(
    world: World, gp: Program, dentist: Program, patient: Program, ward: Program
) -> None:
    one = written(gp, world)
    made: Json = book(patient, appointment(free(ward, world)[0], world)).json  # type: ignore[assignment]
    get_fhir_model_class("Appointment").model_validate(made)
    assert made["basedOn"][0]["reference"] == f"ServiceRequest/{one['id']}"
    key = one["id"]
    for program in (patient, dentist, ward):
        for query in (f"ServiceRequest/{key}", key, f"{key},{uuid4()}"):
            assert found(program, f"Appointment?based-on={query}") == [made["id"]]
        assert found(program, f"Appointment?based-on={uuid4()}") == []
    assert found(patient, "Appointment?based-on.status=completed") == [made["id"]]
    assert found(patient, "Appointment?based-on.status=active") == []
    assert found(ward, "Appointment?based-on.status=completed") == []

    query = f"Appointment?_id={made['id']}&_include=Appointment:based-on"
    assert along(dentist, query) == [f"ServiceRequest/{key}"]
    assert TEXT not in str(dentist.get(f"/fhir/{query}"))
    assert along(ward, query) == []
    back = f"ServiceRequest?_id={key}&_revinclude=Appointment:based-on"
    assert along(patient, back) == [f"Appointment/{made['id']}"]
    forth = "&".join(
        f"_include=ServiceRequest:{name}" for name in ("patient", "requester", "performer")
    )
    assert set(along(gp, f"ServiceRequest?{forth}")) == {
        f"Patient/{world.patients['owner']}",
        f"Practitioner/{world.practitioners['owner']}",
        f"Practitioner/{world.practitioners['stranger']}",
    }


def test_an_appointment_leads_to_its_letter_only_who_may_read_it(
    app: Flask,
    network: Database,
    world: World,
    gp: Program,
    dentist: Program,
    patient: Program,
    ward: Program,
) -> None:
    one = written(gp, world)
    made: Json = book(patient, appointment(free(ward, world)[0], world)).json  # type: ignore[assignment]
    desk = signed_in(app, world, "centre-admin-stranger")
    seen = 0
    for program in (patient, dentist, ward, desk, with_key(app, network, "appointments:read")):
        answer = program.send("GET", f"/fhir/Appointment/{made['id']}")
        if answer.status_code != 200:
            continue
        seen += 1
        letters = [part["reference"] for part in answer.json.get("basedOn", ())]  # type: ignore[union-attr]
        reads = program.send("GET", f"{PATH}/{one['id']}").status_code == 200
        assert letters == ([f"ServiceRequest/{one['id']}"] if reads else [])
        listed = program.get(f"/fhir/Appointment?_id={made['id']}")["entry"][0]["resource"]
        assert listed.get("basedOn") == answer.json.get("basedOn")  # type: ignore[union-attr]
    assert seen >= 3
    again = change_of(ward, made["id"])
    assert again.status_code == 200, "what is not shown is not asked for"


def change_of(program: Program, key: str) -> TestResponse:
    """The appointment as it was read, sent back."""
    path = f"/fhir/Appointment/{key}"
    return program.send("PUT", path, program.get(path))


def test_a_specialist_is_booked_with_a_letter_that_fits_only(
    app: Flask, network: Database, world: World, gp: Program, ward: Program
) -> None:
    (time,) = free(ward, world, 1)
    mine, ended, over, draft = (
        written(gp, world),
        written(gp, world),
        written(gp, world),
        written(gp, world, status="draft"),
    )
    change(gp, ended, status="revoked")
    run_out(network, over["id"])
    stranger = signed_in(app, world, "patient-stranger")
    body = appointment(time, world, mine["id"])
    for program, booking_request, status, code in (
        (ward, appointment(time, world, who="stranger"), 403, "referral-required"),
        (stranger, appointment(time, world, mine["id"], "stranger"), 403, "referral-required"),
        (ward, appointment(time, world, mine["id"], "stranger"), 403, "referral-required"),
        (ward, appointment(time, world, uuid4()), 403, "referral-required"),
        (ward, appointment(time, world, draft["id"]), 403, "referral-required"),
        (ward, appointment(time, world, ended["id"]), 409, "referral-spent"),
        (ward, appointment(time, world, over["id"]), 409, "referral-spent"),
        (ward, appointment(time, world, "nothing"), 422, None),
        (ward, body | {"basedOn": [link("CarePlan", mine["id"])]}, 422, None),
        (ward, body | {"basedOn": body["basedOn"] * 2}, 422, None),
    ):
        for status_wanted in ("booked", "pending"):
            refused = book(program, booking_request | {"status": status_wanted})
            assert refused.status_code == status, refused.text
            assert issue(refused)["expression"] == ["Appointment.basedOn"]
            assert issue(refused).get("diagnostics") == code
    assert book(ward, body | {"basedOn": "me"}).status_code == 400
    made = book(ward, body)
    assert made.status_code == 201, made.text


def test_the_letter_of_an_appointment_stays_the_same(
    world: World, gp: Program, ward: Program
) -> None:
    one, other = written(gp, world), written(gp, world)
    made: Json = book(ward, appointment(free(ward, world)[0], world, one["id"])).json  # type: ignore[assignment]
    path = f"/fhir/Appointment/{made['id']}"
    assert ward.send("PUT", path, made).json == made
    without = {name: value for name, value in made.items() if name != "basedOn"}
    assert ward.send("PUT", path, without).json == made
    refused = ward.send("PUT", path, made | {"basedOn": [link("ServiceRequest", other["id"])]})
    assert (refused.status_code, issue(refused)["expression"]) == (422, ["Appointment.basedOn"])


def test_a_kept_time_is_not_booked_with_a_letter_that_was_taken_back(
    world: World, gp: Program, ward: Program
) -> None:
    one, other = written(gp, world), written(gp, world)
    kept = operate(ward, "$hold", appointment(free(ward, world)[0], world, one["id"]))
    change(gp, one, status="revoked")
    path = f"/fhir/Appointment/{kept['id']}"
    refused = ward.send("PUT", path, kept | {"status": "booked"})
    assert (refused.status_code, issue(refused)["expression"]) == (409, ["Appointment.basedOn"])
    assert ward.get(path)["status"] == "pending"
    assert gp.get(f"{PATH}/{other['id']}")["status"] == "active"


def test_a_time_that_we_offered_is_booked_with_its_letter(
    world: World, network: Database, gp: Program, ward: Program, patient: Program
) -> None:
    one = written(gp, world)
    kept = operate(ward, "$hold", appointment(free(ward, world)[0], world, one["id"]))
    mine = Appointment.id == UUID(kept["id"])
    network.run(
        lambda session: session.execute(update(Appointment).where(mine).values(offered=True))
    )
    made = operate(ward, "$book", kept)
    assert (made["status"], made["start"]) == ("booked", kept["start"])
    assert ward.get(f"/fhir/Appointment/{made['id']}") == made
    shown = patient.get(f"/fhir/Appointment/{made['id']}")
    assert shown["basedOn"][0]["reference"] == f"ServiceRequest/{one['id']}"


def test_the_specialist_answers_with_a_second_note(
    world: World, gp: Program, dentist: Program, patient: Program, ward: Program
) -> None:
    one = written(gp, world)
    path = f"{PATH}/{one['id']}"
    notes = [*one["note"], {"text": "A root canal."}]
    early = change(dentist, dentist.get(path), note=notes)
    assert (early.status_code, "no-appointment-yet" in issue(early)["diagnostics"]) == (409, True)
    assert book(patient, appointment(free(ward, world)[0], world)).status_code == 201
    for program in (gp, patient):
        assert change(program, program.get(path), note=notes).status_code == 403
    answer = change(dentist, dentist.get(path), note=notes)
    told: Json = answer.json  # type: ignore[assignment] # an object
    assert answer.status_code == 200, answer.text
    get_fhir_model_class("ServiceRequest").model_validate(told)
    assert told["note"][1]["text"] == "A root canal."
    author = told["note"][1]["authorReference"]["reference"]
    assert author == f"Practitioner/{world.practitioners['stranger']}"
    assert gp.get(path) == told
    assert change(dentist, told).status_code == 200
    again = change(dentist, told, note=[*one["note"], {"text": "More."}])
    assert again.status_code == 409
    many = change(dentist, told, note=[*told["note"], {"text": "More."}])
    assert many.status_code == 422


def test_it_is_declared(ward: Program) -> None:
    kinds = {one["type"]: one for one in ward.get("/fhir/metadata")["rest"][0]["resource"]}
    one = kinds["ServiceRequest"]
    assert {each["code"] for each in one["interaction"]} == {
        "create",
        "read",
        "search-type",
        "update",
        "vread",
    }
    assert "ServiceRequest:requester" in one["searchInclude"]
    assert "Appointment:based-on" in one["searchRevInclude"]
    assert "Appointment:based-on" in kinds["Appointment"]["searchInclude"]
    smart = ward.get("/.well-known/smart-configuration")
    assert "system/ServiceRequest.crus" in smart["scopes_supported"]
