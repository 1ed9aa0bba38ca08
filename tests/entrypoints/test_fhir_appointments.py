"""Appointments made and changed through FHIR: versions, conditions, refusals, and who sees what."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from factories import SYDNEY
from openslot.core.db import Database

Json = dict[str, Any]


def at(hour: int, days: int = 5) -> datetime:
    day = (datetime.now(UTC) + timedelta(days=days)).astimezone(SYDNEY).date()
    return datetime.combine(day, time(hour), SYDNEY)


def wanted_appointment(world: World, *, hour: int = 9, who: str = "owner", **more: Any) -> Json:
    """An appointment of the patient with the practitioner ``who``, by participants."""
    actors = [f"Patient/{world.patients[who]}", f"Practitioner/{world.practitioners[who]}"]
    body = {
        "resourceType": "Appointment",
        "status": "booked",
        "participant": [{"actor": {"reference": one}, "status": "accepted"} for one in actors],
        "start": at(hour).isoformat(),
        "end": (at(hour) + timedelta(minutes=30)).isoformat(),
        "reasonCode": [{"text": "Sore knee"}],
        **more,
    }
    return {name: value for name, value in body.items() if value is not None}


def outcome(answer: TestResponse) -> Json:
    body: Json = answer.json  # type: ignore[assignment] # an object
    assert body["resourceType"] == "OperationOutcome", body
    assert answer.content_type.startswith("application/fhir+json")
    issue: Json = body["issue"][0]
    return issue


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


def create(program: Program, body: Json, **headers: str) -> TestResponse:
    return program.send("POST", "/fhir/Appointment", body, **headers)


@pytest.mark.parametrize(
    "address",
    [
        "?",
        "Appointment?",
        "/fhir/Appointment?",
        "http://localhost/fhir/Appointment?",
        "http://127.0.0.1:8000/fhir/Appointment?",
        "https://other.example/fhir/Appointment/_search?",
    ],
)
def test_a_condition_may_be_a_whole_address(program: Program, world: World, address: str) -> None:
    """Clients on HAPI send it so."""
    body = wanted_appointment(world, identifier=[{"system": "urn:example:pas", "value": "A-1?"}])
    condition = {"If_None_Exist": f"{address}identifier=urn:example:pas|A-1?"}
    first, again = (create(program, body, **condition) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200), first.text


def test_an_identifier_of_a_patient_takes_none_from_others_and_tells_nothing(
    app: Flask, world: World, program: Program
) -> None:
    number = {"system": "urn:example:pas", "value": "A-1"}
    squatter, owner = (signed_in(app, world, f"patient-{who}") for who in ("teammate", "owner"))
    taken = create(squatter, wanted_appointment(world, who="teammate", identifier=[number]))
    assert taken.status_code == 201, taken.text
    desk = create(program, wanted_appointment(world, identifier=[number]))
    assert desk.status_code == 201, desk.text
    mine = wanted_appointment(world, hour=15, who="owner", identifier=[number])
    mine["participant"][1]["actor"]["reference"] = f"Practitioner/{world.practitioners['teammate']}"
    made = create(owner, mine)
    assert made.status_code == 201, "the same answer whoever else has it"
    assert number in made.json["identifier"]  # type: ignore[index] # an object
    query = "/fhir/Appointment?identifier=urn:example:pas|A-1"
    found = [one["resource"]["id"] for one in squatter.get(query)["entry"]]
    assert found == [taken.json["id"]]  # type: ignore[index] # an object
    for text in ("A-1", "urn:example:pas|", "urn:example:pas|A-1"):
        assert program.get(f"/fhir/Appointment?identifier={text}")["total"] == 3
    assert program.get("/fhir/Appointment?identifier=urn:example:pas|a-1")["total"] == 0
    again = create(
        owner,
        mine,
        If_None_Exist="identifier=urn:example:pas|A-1&practitioner="
        f"{world.practitioners['teammate']}",
    )
    assert again.status_code == 200, again.text
    path = f"/fhir/Appointment/{made.json['id']}"  # type: ignore[index] # an object
    kept = owner.send("PUT", path, made.json)
    assert kept.status_code == 200, "what GET returns can be sent back"
    twice = create(owner, mine | {"start": at(16).isoformat(), "end": at(17).isoformat()})
    assert twice.status_code == 409, "for oneself it is unique"


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        ("http://localhost/fhir/Patient?identifier=x|1", "Patient"),
        ("Slot?identifier=x|1", "Slot"),
        ("http://127.0.0.1:8000/fhir/Appointment", "identifier"),
        ("Appointment?identifer.0.x=1", "identifer.0.x"),
        ("Appointment?date=soon", "date"),
    ],
)
def test_a_bad_condition_is_refused_and_not_blamed_on_the_body(
    program: Program, world: World, condition: str, word: str
) -> None:
    refused = create(program, wanted_appointment(world), If_None_Exist=condition)
    assert refused.status_code == 400
    assert word in outcome(refused)["details"]["text"]
    assert outcome(refused)["expression"] == ["If-None-Exist"]


def test_an_appointment_is_booked_read_moved_and_cancelled(program: Program, world: World) -> None:
    made = create(program, wanted_appointment(world))
    assert made.status_code == 201
    one: Json = made.json  # type: ignore[assignment] # an object
    assert made.headers["Location"] == f"http://localhost/fhir/Appointment/{one['id']}/_history/1"
    assert made.headers["ETag"] == 'W/"1"'
    assert made.headers["Last-Modified"].endswith("GMT")
    assert program.get(f"/fhir/Appointment/{one['id']}") == one
    slot = one["slot"][0]["reference"]
    assert program.get(f"/fhir/{slot}")["status"] == "busy"

    moved = program.send(
        "PUT",
        f"/fhir/Appointment/{one['id']}",
        one | {"start": at(11).isoformat(), "end": (at(11) + timedelta(minutes=60)).isoformat()},
        If_Match='W/"1"',
    )
    assert moved.status_code == 200, moved.text
    two: Json = moved.json  # type: ignore[assignment] # an object
    assert (two["meta"]["versionId"], two["minutesDuration"], len(two["slot"])) == ("2", 60, 2)
    assert program.get(f"/fhir/{slot}")["status"] == "free"

    stale = program.send("PUT", f"/fhir/Appointment/{one['id']}", two, If_Match='W/"1"')
    assert (stale.status_code, outcome(stale)["code"]) == (412, "conflict")
    off = two | {"status": "cancelled", "cancelationReason": {"text": "Feeling better"}}
    ended = program.send("PUT", f"/fhir/Appointment/{one['id']}", off)
    assert ended.json["cancelationReason"] == {"text": "Feeling better"}  # type: ignore[index]
    assert "slot" not in ended.json  # type: ignore[operator] # an object


def test_putting_back_what_was_read_changes_nothing(program: Program, world: World) -> None:
    path = f"/fhir/Appointment/{world.appointments['owner']}"
    one = program.get(path)
    answer = program.send("PUT", path, one)
    assert (answer.status_code, answer.json) == (200, one)
    other = program.send("PUT", path, one | {"priority": 1, "reasonCode": [{"text": "Worse"}]})
    assert (other.json["priority"], other.json["meta"]["versionId"]) == (1, "2")  # type: ignore[index]


def test_an_appointment_is_booked_by_its_slots(program: Program, world: World) -> None:
    path = f"/fhir/Slot?schedule={world.schedules['owner']}&start={at(9).date()}&status=free"
    free = program.get(path)["entry"]
    slots = [{"reference": f"Slot/{one['resource']['id']}"} for one in free[2:4]]
    body = wanted_appointment(world, start=None, end=None, slot=slots)
    made = create(program, body)
    assert made.status_code == 201, made.text
    assert [one["reference"] for one in made.json["slot"]] == [  # type: ignore[index] # an object
        one["reference"] for one in slots
    ]
    apart = [slots[0], {"reference": f"Slot/{free[9]['resource']['id']}"}]
    refused = create(program, body | {"slot": apart})
    assert (refused.status_code, outcome(refused)["code"]) == (422, "business-rule")
    differs = create(program, wanted_appointment(world, hour=20, slot=slots))
    assert differs.status_code == 422


def test_pending_keeps_the_time_and_is_gone_when_let_go(program: Program, world: World) -> None:
    made = create(program, wanted_appointment(world, status="pending"))
    one: Json = made.json  # type: ignore[assignment] # an object
    assert one["status"] == "pending"
    assert program.get(f"/fhir/{one['slot'][0]['reference']}")["status"] == "busy-tentative"
    path = f"/fhir/Appointment/{one['id']}"
    off = program.send("PUT", path, one | {"status": "cancelled"})
    assert (off.status_code, off.json["status"]) == (200, "cancelled")  # type: ignore[index]
    for answer in (program.send("GET", path), program.send("PUT", path, one)):
        assert (answer.status_code, outcome(answer)["code"]) == (410, "deleted")
    again = create(program, wanted_appointment(world, status="pending"))
    path = f"/fhir/Appointment/{again.json['id']}"  # type: ignore[index] # an object
    booked = program.send("PUT", path, again.json | {"status": "booked"})  # type: ignore[operator]
    assert (booked.status_code, booked.json["status"]) == (200, "booked")  # type: ignore[index]


def test_a_conditional_create_makes_one(program: Program, world: World) -> None:
    body = wanted_appointment(world, identifier=[{"system": "urn:example:pas", "value": "A-1"}])
    condition = {"If_None_Exist": "identifier=urn:example:pas|A-1"}
    first, again = (create(program, body, **condition) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    assert first.headers["Location"] == again.headers["Location"]
    assert {"system": "urn:example:pas", "value": "A-1"} in first.json["identifier"]  # type: ignore[index]
    for query in ("urn:example:pas|A-1", "A-1"):
        assert program.get(f"/fhir/Appointment?identifier={query}")["total"] == 1
    for query in ("urn:example:other|A-1", "|A-1", "A-2"):
        assert program.get(f"/fhir/Appointment?identifier={query}")["total"] == 0
    taken = create(program, body | wanted_appointment(world, hour=15, who="teammate"))
    assert taken.status_code == 409
    several = create(program, wanted_appointment(world, hour=16), If_None_Exist="status=booked")
    assert several.status_code == 412
    for bad in ("", "colour=red", "status=booked&colour=red", "date=never", "_count=1"):
        assert create(program, body, If_None_Exist=bad).status_code == 400


@pytest.mark.parametrize(
    "value",
    ["urn:uuid:5f0c9e52-8a57-4b7e-9a53-5f1c1c3a2b10", "urn:oid:1.2.36.1", "https://a.example/7"],
)
def test_an_identifier_that_is_a_uri_is_kept_like_any_other(
    program: Program, world: World, value: str
) -> None:
    given = {"system": "urn:ietf:rfc:3986", "value": value}
    body = wanted_appointment(world, identifier=[given])
    condition = {"If_None_Exist": f"identifier={value}"}
    first, again = (create(program, body, **condition) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200), again.text
    made: Any = first.json
    own = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{made['id']}"}
    assert made["identifier"] == [own, given]
    for query in (value, f"{own['system']}|{value}", own["value"], f"{own['system']}|{made['id']}"):
        assert program.get(f"/fhir/Appointment?identifier={query}")["total"] == 1
    sent_back = program.send("PUT", f"/fhir/Appointment/{made['id']}", made)
    assert sent_back.status_code == 200, sent_back.text


def test_a_taken_slot_is_a_conflict_that_names_others(program: Program, world: World) -> None:
    assert create(program, wanted_appointment(world)).status_code == 201
    doctor = wanted_appointment(world)["participant"][1]
    patient = {"reference": f"Patient/{world.patients['teammate']}"}
    other = wanted_appointment(
        world, participant=[doctor, {"actor": patient, "status": "accepted"}]
    )
    refused = create(program, other)
    assert (refused.status_code, outcome(refused)["code"]) == (409, "conflict")
    assert "free instead" in outcome(refused)["diagnostics"]


@pytest.mark.parametrize(
    "more",
    [
        {"status": None},
        {"status": "nonsense"},
        {"participant": None},
        {"participant": []},
        {"participant": [{"status": "accepted"}]},
        {"participant": [{"actor": {"reference": "x"}}]},
        {"participant": "me"},
        {"start": None},
        {"end": None},
        {"start": "2027-03-08"},
        {"start": "2027-03-08T09:00:00"},
        {"start": 7},
        {"start": "2027-02-30T09:00:00Z"},
        {"end": "2020-01-01T09:00:00Z"},
        {"cancelationReason": {"text": "x"}},
        {"colour": "red"},
        {"resourceType": "Patient"},
        {"slot": "x"},
        {"description": ""},
        {"comment": "a\x00b"},
        {"comment": "\ud800"},
        {"identifier": [{"system": "urn:a"}]},
        {"priority": "high"},
        {"implicitRules": "http://example.org"},
        {"reasonCode": [None]},
        {"x\ud800": 1},
    ],
)
def test_what_is_no_appointment_is_malformed(program: Program, world: World, more: Json) -> None:
    body = {
        name: value
        for name, value in (wanted_appointment(world) | more).items()
        if value is not None
    }
    refused = create(program, body)
    assert refused.status_code == 400, refused.text
    assert outcome(refused)["severity"] == "error"
    if more == {"participant": []}:
        assert outcome(refused)["expression"] == ["Appointment.participant"]


@pytest.mark.parametrize(
    "more",
    [
        {"status": "arrived"},
        {"status": "proposed"},
        {"start": "2020-01-01T09:00:00Z", "end": "2020-01-01T09:30:00Z"},
        {"start": "2199-01-01T09:00:00Z", "end": "2199-01-01T09:30:00Z"},
        {"start": at(9).isoformat(), "end": at(23).isoformat()},
        {"start": at(9).replace(minute=7).isoformat(), "end": at(9).replace(minute=37).isoformat()},
        {"slot": [{"reference": "Slot/999999-1-30"}], "start": None, "end": None},
        {"slot": [{"reference": "Slot/x"}], "start": None, "end": None},
        {"participant": [{"actor": {"reference": "Device/1"}, "status": "accepted"}]},
        {"participant": [{"actor": {"reference": "Practitioner/99"}, "status": "accepted"}]},
        {"participant": [{"actor": {"reference": "Location/1"}, "status": "accepted"}]},
        {"identifier": [{"value": "a"}, {"value": "b"}]},
    ],
)
def test_what_a_rule_refuses_is_unprocessable(program: Program, world: World, more: Json) -> None:
    body = {
        name: value
        for name, value in (wanted_appointment(world) | more).items()
        if value is not None
    }
    refused = create(program, body)
    assert refused.status_code == 422, refused.text
    assert outcome(refused)["code"] == "business-rule"


def test_other_media_methods_and_addresses_are_refused_as_outcomes(
    app: Flask, program: Program, world: World
) -> None:
    auth = {"Authorization": f"Bearer {program.token}"}
    client = app.test_client(use_cookies=False)
    xml = client.get("/fhir/Patient", headers={**auth, "Accept": "application/fhir+xml"})
    assert (xml.status_code, outcome(xml)["code"]) == (406, "not-supported")
    assert client.get("/fhir/Patient?_format=xml", headers=auth).status_code == 406
    assert client.get("/fhir/Patient?_format=json", headers=auth).status_code == 200
    sent = {"data": "<Appointment/>", "headers": auth, "content_type": "application/fhir+xml"}
    assert client.post("/fhir/Appointment", **sent).status_code == 415
    broken = client.post(
        "/fhir/Appointment", data="{", headers=auth, content_type="application/fhir+json"
    )
    assert (broken.status_code, outcome(broken)["code"]) == (400, "invalid")
    for method, path, status in (
        ("GET", "/fhir", 404),
        ("GET", "/fhir/Nothing", 404),
        ("GET", "/fhir/Patient/nobody", 404),
        ("GET", "/fhir/Slot/7-1-30", 404),
        ("GET", "/fhir/a/b/c/d", 404),
        ("DELETE", f"/fhir/Appointment/{world.appointments['owner']}", 405),
        ("POST", "/fhir/Patient", 405),
        ("PUT", "/fhir/Patient/1", 405),
        ("GET", "/fhir/Organization/centre-99999999999", 404),
        ("GET", f"/fhir/Appointment/{world.appointments['owner']}/_history/9", 404),
    ):
        answer = client.open(path, method=method, headers=auth)
        assert answer.status_code == status, path
        outcome(answer)
    nobody = client.get("/fhir/Patient")
    assert (nobody.status_code, outcome(nobody)["code"]) == (401, "login")
    assert nobody.headers["WWW-Authenticate"].startswith("Bearer")


def test_what_is_known_is_not_sent_again(program: Program, world: World) -> None:
    schedule = world.schedules["owner"]
    slot = program.get(f"/fhir/Slot?schedule={schedule}&start={at(9).date()}&_count=1")
    for name in (
        f"Appointment/{world.appointments['owner']}",
        f"Patient/{world.patients['owner']}",
        "Organization/centre-1",
        f"Slot/{slot['entry'][0]['resource']['id']}",
    ):
        first = program.send("GET", f"/fhir/{name}")
        tag = first.headers["ETag"]
        again = program.send("GET", f"/fhir/{name}", If_None_Match=tag)
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
        assert program.send("GET", f"/fhir/{name}", If_None_Match='W/"0"').status_code == 200
    version = program.get(f"/fhir/Appointment/{world.appointments['owner']}/_history/1")
    assert version["meta"]["versionId"] == "1"


def test_scopes_say_what_a_key_may(app: Flask, network: Database, world: World) -> None:
    def status(scope: str, path: str, body: Json | None = None) -> int:
        program = with_key(app, network, scope)
        return program.send("POST" if body else "GET", f"/fhir/{path}", body).status_code

    appointment = f"Appointment/{world.appointments['owner']}"
    assert status("system/*.rs", appointment) == 200
    assert status("system/Appointment.r", appointment) == 200
    assert status("system/Appointment.r", "Appointment") == 403
    assert status("system/Appointment.read", "Appointment") == 200
    assert status("system/Patient.cruds", appointment) == 403
    assert status("appointments:read", appointment) == 403
    assert status("system/*.rs", "Appointment", wanted_appointment(world)) == 403
    assert status("system/Appointment.c", "Appointment", wanted_appointment(world)) == 201
    assert status("system/Appointment.rs", "Appointment?patient.name=a") == 403
    program = with_key(app, network, "system/Appointment.rs")
    bundle = program.get("/fhir/Appointment?_include=Appointment:patient")
    assert {one["search"]["mode"] for one in bundle["entry"]} == {"match"}


@pytest.mark.parametrize(
    ("person", "appointments"),
    [
        ("patient-owner", {"owner"}),
        ("practitioner-owner", {"owner"}),
        ("staff-owner", {"owner", "teammate"}),
        ("centre-admin-stranger", {"stranger"}),
        ("network-admin", {"owner", "teammate", "stranger"}),
    ],
)
def test_everybody_sees_their_own_and_learns_of_nothing_else(
    app: Flask, world: World, person: str, appointments: set[str]
) -> None:
    program = signed_in(app, world, person)
    for kind, keys in (("Appointment", world.appointments), ("Patient", world.patients)):
        bundle = program.get(f"/fhir/{kind}")
        shown = {one["resource"]["id"] for one in bundle["entry"]}
        assert shown == {str(keys[who]) for who in appointments}
        assert bundle["total"] == len(appointments)
        for who in ("owner", "teammate", "stranger"):
            answer = program.send("GET", f"/fhir/{kind}/{keys[who]}")
            assert answer.status_code == (200 if who in appointments else 404)
            one = program.get(f"/fhir/{kind}?_id={keys[who]}")
            assert one["total"] == (1 if who in appointments else 0)
    named = program.get("/fhir/Appointment?patient.name=aroha")
    assert named["total"] == len(appointments)
    events = program.get("/fhir/AuditEvent")
    assert (events["total"] > 0) == (person == "network-admin")
    assert program.get("/fhir/Practitioner")["total"] == 3


def test_a_patient_books_for_themselves_only(app: Flask, world: World) -> None:
    program = signed_in(app, world, "patient-owner")
    assert create(program, wanted_appointment(world, hour=13)).status_code == 201
    other = create(program, wanted_appointment(world, hour=14, who="stranger"))
    assert (other.status_code, outcome(other)["code"]) == (403, "forbidden")
    path = f"/fhir/Appointment/{world.appointments['stranger']}"
    hidden = program.send(
        "PUT", path, wanted_appointment(world) | {"id": str(world.appointments["stranger"])}
    )
    assert hidden.status_code == 404


def test_whom_an_appointment_is_for_stays(program: Program, world: World) -> None:
    path = f"/fhir/Appointment/{world.appointments['owner']}"
    one = program.get(path)
    other = one | {
        "participant": [
            {"actor": {"reference": f"Patient/{world.patients['stranger']}"}, "status": "accepted"}
        ]
    }
    assert program.send("PUT", path, other).status_code == 422
    assert program.send("PUT", path, one | {"id": "x"}).status_code == 400
    assert program.send("PUT", path, one, If_Match="x").status_code == 400
    assert program.send("PUT", path, one, If_Match="*").status_code == 200
    early = program.send("PUT", path, one | {"status": "noshow"})
    assert (early.status_code, outcome(early)["code"]) == (409, "conflict")


def test_a_minimal_answer_has_no_body(program: Program, world: World) -> None:
    made = create(program, wanted_appointment(world), Prefer="return=minimal, handling=strict")
    assert (made.status_code, made.data) == (201, b"")
    assert "Location" in made.headers


def test_the_capability_statement_names_what_there_is(app: Flask, program: Program) -> None:
    open_to_all = Program(app)
    statement = open_to_all.get("/fhir/metadata")
    kinds = {one["type"]: one for one in statement["rest"][0]["resource"]}
    assert {one["code"] for one in kinds["Appointment"]["interaction"]} == {
        "read",
        "vread",
        "search-type",
        "create",
        "update",
    }
    for name, one in kinds.items():
        window = "start=2027-03-08" if name == "Slot" else "_count=1"
        for include in one.get("searchInclude", ()):
            path = f"/fhir/{name}?{window}&_include={include}"
            assert program.send("GET", path, Prefer="handling=strict").status_code == 200
        for include in one.get("searchRevInclude", ()):
            path = f"/fhir/{name}?{window}&_revinclude={include}"
            assert program.send("GET", path, Prefer="handling=strict").status_code == 200
    smart = open_to_all.get("/.well-known/smart-configuration")
    assert "system/Appointment.crus" in smart["scopes_supported"]
    assert open_to_all.get("/fhir/.well-known/smart-configuration") == smart


@pytest.mark.parametrize(
    ("minutes", "status"),
    [(-5, 400), (0, 400), ("30", 400), (30.5, 400), (True, 400), (31, 422), (30, 201), (20, 201)],
)
def test_minutes_are_as_many_as_there_are(
    program: Program, world: World, minutes: Any, status: int
) -> None:
    """R4: it can be less than the duration between start and end."""
    answer = create(program, wanted_appointment(world, minutesDuration=minutes))
    assert answer.status_code == status, answer.text
    if status != 201:
        assert outcome(answer)["expression"] == ["Appointment.minutesDuration"]


def test_the_element_to_blame_is_written_as_a_path(program: Program, world: World) -> None:
    body = wanted_appointment(world)
    body["participant"][1]["status"] = "perhaps"
    answer = create(program, body)
    assert outcome(answer)["expression"] == ["Appointment.participant[1].status"]
    body["participant"][1] = {"actor": {"reference": None}}
    answer = create(program, body)
    assert outcome(answer)["expression"] == ["Appointment.participant[1].actor.reference"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("Location", {"GET", "HEAD"}),
        ("Location/1", {"GET", "HEAD"}),
        ("Location/1/_history/1", {"GET", "HEAD"}),
        ("Location/_search", {"POST"}),
        ("Slot", {"GET", "HEAD"}),
        ("Slot/1-2-30", {"GET", "HEAD"}),
        ("Slot/1-2-30/_history/1", set()),
        ("Appointment", {"GET", "HEAD", "POST"}),
        ("Appointment/x", {"GET", "HEAD", "PUT"}),
        ("Appointment/$hold", {"POST"}),
        ("Appointment/$find", {"GET", "HEAD", "POST"}),
        ("Appointment/x/$cancel", {"POST"}),
    ],
)
def test_what_is_allowed_is_what_can_be_done(
    program: Program, path: str, methods: set[str]
) -> None:
    for asked in ("OPTIONS", "DELETE"):
        answer = program.send(asked, f"/fhir/{path}")
        assert answer.status_code == (200 if asked == "OPTIONS" else 405)
        assert answer.headers.getlist("Allow") == [", ".join([*sorted(methods), "OPTIONS"])]
    for asked in set() if "$" in path else {"PUT", "POST"} - methods:
        answer = program.send(asked, f"/fhir/{path}", {"resourceType": "Location"})
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == {*methods, "OPTIONS"}


def test_includes_that_are_listed_one_way_are_listed_the_other(program: Program) -> None:
    """And a reference that is never shown is in neither list."""
    kinds = program.get("/fhir/metadata")["rest"][0]["resource"]
    forward = {name for one in kinds for name in one.get("searchInclude", ())}
    reverse = {name for one in kinds for name in one.get("searchRevInclude", ())}
    assert reverse - forward == set()
    assert "PractitionerRole:service" in reverse
    assert "Appointment:slot" not in forward
    answer = program.send(
        "GET", "/fhir/Appointment?_include=Appointment:slot", Prefer="handling=strict"
    )
    assert answer.status_code == 400
