"""What services ask before appointments, and the answers, through FHIR and with a booking."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

import factories
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import World
from openslot.booking.models import Appointment
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.questions import commands, queries
from openslot.questions.commands import QuestionDetails
from openslot.questions.models import Kind
from working import work

Json = dict[str, Any]

DAY = (datetime.now(UTC) + timedelta(days=6)).date()
PATH = "/fhir/QuestionnaireResponse"
LINK = "urn:openslot:extension:appointment"
ASKED = (
    QuestionDetails(words="Which knee?", kind=Kind.CHOICE, choices=("Left", "Right")),
    QuestionDetails(words="Do you smoke?", kind=Kind.YES_NO, required=True),
    QuestionDetails(words="How heavy are you?", kind=Kind.NUMBER),
    QuestionDetails(words="Since when?", kind=Kind.DATE),
    QuestionDetails(words="Anything else?", kind=Kind.TEXT),
    QuestionDetails(words="I agree to a photo.", kind=Kind.CONSENT),
)
VALUES: tuple[Json, ...] = (
    {"valueString": "Left"},
    {"valueBoolean": False},
    {"valueDecimal": 82.5},
    {"valueDate": "2026-05-01"},
    {"valueString": "No."},
    {"valueBoolean": True},
)


class Asking(NamedTuple):
    """A service that the owner's schedule offers, and what it asks."""

    schedule: int
    service: int
    questions: tuple[int, ...]


@pytest.fixture
def asking(network: Database, world: World) -> Asking:
    def set_up(session: Session) -> Asking:
        service = factories.offered_service(session, None, "Review", minutes=30)
        factories.offer(session, world.schedules["owner"], service)
        commands.set_questions(work(session, SYSTEM, datetime.now(UTC)), service.id, ASKED)
        session.flush()
        asked = queries.questions(session, [service.id])[service.id]
        return Asking(world.schedules["owner"], service.id, tuple(one.id for one in asked))

    return network.run(set_up)


@pytest.fixture
def patient(app: Flask, world: World) -> Program:
    return signed_in(app, world, "patient-owner")


@pytest.fixture
def program(app: Flask, network: Database) -> Program:
    return with_key(app, network, "*")


def book(who: Program, asking: Asking, **more: Any) -> TestResponse:
    slot = who.get(f"/api/v1/slots?schedule={asking.schedule}&from={DAY}")["items"][0]
    body = {"schedule": asking.schedule, "start": slot["start"], **more}
    return who.send("POST", "/api/v1/appointments", body)


def booked(who: Program, asking: Asking, **more: Any) -> str:
    made = book(who, asking, **more)
    assert made.status_code == 201, made.text
    key: str = made.json["id"]  # type: ignore[index]
    return key


def response(asking: Asking, key: str, *values: Json, **more: Any) -> Json:
    items = [
        {"linkId": str(question), "answer": [value]}
        for question, value in zip(asking.questions, values, strict=False)
        if value
    ]
    body = {
        "resourceType": "QuestionnaireResponse",
        "status": "in-progress",
        "extension": [{"url": LINK, "valueReference": {"reference": f"Appointment/{key}"}}],
        "questionnaire": f"http://localhost/fhir/Questionnaire/{asking.service}",
        "item": items,
        **more,
    }
    return {name: value for name, value in body.items() if value}


def answers(one: Json) -> list[Json]:
    return [item["answer"][0] for item in one["item"]]


def refused(answer: TestResponse) -> tuple[int, str]:
    body: Json = answer.json  # type: ignore[assignment] # an object
    return answer.status_code, body["issue"][0].get("expression", [""])[0]


def found(who: Program, query: str) -> list[str]:
    return [one["resource"]["id"] for one in who.get(f"/fhir/{query}").get("entry", ())]


def test_a_questionnaire_has_the_questions_of_a_service(
    network: Database, program: Program, asking: Asking
) -> None:
    one = program.get(f"/fhir/Questionnaire/{asking.service}")
    get_fhir_model_class("Questionnaire").model_validate(one)
    assert [(item["linkId"], item["type"], item["required"]) for item in one["item"]] == [
        (str(key), kind, details.required)
        for key, kind, details in zip(
            asking.questions,
            ("choice", "boolean", "decimal", "date", "text", "boolean"),
            ASKED,
            strict=True,
        )
    ]
    assert one["item"][0]["answerOption"] == [{"valueString": "Left"}, {"valueString": "Right"}]
    assert one["useContext"][0]["valueReference"]["reference"] == (
        f"HealthcareService/{asking.service}"
    )
    for query in ("title=rev", "status=active", f"url={one['url']}"):
        assert found(program, f"Questionnaire?{query}") == [str(asking.service)]
    assert found(program, "Questionnaire?status=retired") == []

    def ask_no_more(session: Session) -> None:
        unit = work(session, SYSTEM, datetime.now(UTC) + timedelta(seconds=1))
        commands.set_questions(unit, asking.service, ASKED[:1])

    network.run(ask_no_more)
    again = program.get(f"/fhir/Questionnaire/{asking.service}")
    assert (len(again["item"]), again["meta"] != one["meta"]) == (1, True)
    network.run(lambda session: commands.set_questions(work(session, SYSTEM), asking.service, ()))
    assert program.send("GET", f"/fhir/Questionnaire/{asking.service}").status_code == 404


def test_answers_are_written_read_found_and_changed(
    patient: Program, asking: Asking, world: World
) -> None:
    key = booked(patient, asking)
    assert patient.send("GET", f"{PATH}/{key}").status_code == 404
    made = patient.send("POST", PATH, response(asking, key, *VALUES, status="completed"))
    assert made.status_code == 201, made.text
    one: Json = made.json  # type: ignore[assignment] # an object
    get_fhir_model_class("QuestionnaireResponse").model_validate(one)
    assert (one["id"], one["status"], answers(one)) == (key, "completed", list(VALUES))
    assert one["subject"]["reference"] == f"Patient/{world.patients['owner']}"
    assert patient.get(f"{PATH}/{key}") == one
    for query in (
        f"patient={world.patients['owner']}",
        f"appointment={key}&_include=QuestionnaireResponse:patient",
        f"questionnaire={one['questionnaire']}&status=completed",
    ):
        assert found(patient, f"QuestionnaireResponse?{query}")[0] == key
    assert found(patient, "QuestionnaireResponse?status=in-progress") == []

    again = patient.send("POST", PATH, response(asking, key, {"valueString": "Right"}))
    assert again.status_code == 409
    fewer = one | {"item": one["item"][:1], "status": "in-progress"}
    fewer["item"][0]["answer"] = [{"valueCoding": {"display": "Right"}}]
    changed = patient.send("PUT", f"{PATH}/{key}", fewer, If_Match=made.headers["ETag"])
    assert changed.status_code == 200, changed.text
    assert (answers(changed.json), changed.json["status"]) == (  # type: ignore[arg-type, index]
        [{"valueString": "Right"}],
        "in-progress",
    )
    stale = patient.send("PUT", f"{PATH}/{key}", fewer, If_Match=made.headers["ETag"])
    assert stale.status_code == 412


def test_a_question_that_is_gone_leaves_its_answer(
    network: Database, patient: Program, asking: Asking
) -> None:
    key = booked(patient, asking)
    patient.send("POST", PATH, response(asking, key, *VALUES[:2]))
    kept = QuestionDetails(id=asking.questions[0], **ASKED[0].model_dump(exclude={"id"}))
    network.run(
        lambda session: commands.set_questions(work(session, SYSTEM), asking.service, [kept])
    )
    one = patient.get(f"{PATH}/{key}")
    assert answers(one) == list(VALUES[:2])
    back = patient.send("PUT", f"{PATH}/{key}", one)
    assert (back.status_code, answers(back.json)) == (200, list(VALUES[:2]))  # type: ignore[arg-type]


WRONG: dict[str, tuple[Json, str]] = {
    "another kind of value": ({"item": [({"valueString": "no"}, 1)]}, "item[0].answer"),
    "no such choice": ({"item": [({"valueString": "Both"}, 0)]}, "item"),
    "no such day": ({"item": [({"valueDate": "2026-02-30"}, 3)]}, "item"),
    "nothing": ({"item": []}, "item"),
    "a required one is missing": ({"status": "completed"}, "status"),
    "entered in error": ({"status": "entered-in-error"}, "status"),
    "another questionnaire": ({"questionnaire": "Questionnaire/1"}, "questionnaire"),
    "another patient": ({"subject": {"reference": "Patient/1"}}, "subject"),
    "no appointment": ({"extension": []}, "extension"),
}


@pytest.fixture
def ours(patient: Program, asking: Asking) -> str:
    """An appointment without answers."""
    return booked(patient, asking)


def test_what_cannot_be_an_answer_is_refused_by_name(
    patient: Program, asking: Asking, ours: str
) -> None:
    for name, (change, element) in WRONG.items():
        body = response(asking, ours, VALUES[0]) | change
        if "item" in change:
            body["item"] = [
                {"linkId": str(asking.questions[place]), "answer": [value]}
                for value, place in change["item"]
            ]
        body = {key: value for key, value in body.items() if value}
        answer = patient.send("POST", PATH, body)
        assert refused(answer) == (422, f"QuestionnaireResponse.{element}"), name
    unknown = response(asking, ours, VALUES[0])
    unknown["item"][0]["linkId"] = "999999"
    assert refused(patient.send("POST", PATH, unknown))[0] == 422
    twice = response(asking, ours, VALUES[0])
    twice["item"] *= 2
    assert refused(patient.send("POST", PATH, twice))[0] == 400
    assert found(patient, "QuestionnaireResponse") == []


def test_answers_are_of_those_who_may_see_why_the_patient_comes(
    app: Flask, world: World, patient: Program, program: Program, asking: Asking
) -> None:
    key = booked(patient, asking)
    body = response(asking, key, *VALUES)
    stranger = signed_in(app, world, "patient-stranger")
    assert refused(stranger.send("POST", PATH, body))[0] == 422
    admin = signed_in(app, world, "network-admin")
    assert admin.send("POST", PATH, body).status_code == 403
    assert patient.send("POST", PATH, body).status_code == 201
    for who in (patient, program, signed_in(app, world, "practitioner-owner")):
        assert found(who, "QuestionnaireResponse") == [key]
    for who in (stranger, admin, signed_in(app, world, "centre-admin-owner")):
        assert found(who, "QuestionnaireResponse") == []
        assert who.send("GET", f"{PATH}/{key}").status_code == 404
        assert who.send("PUT", f"{PATH}/{key}", body | {"id": key}).status_code == 404


def test_a_booking_brings_its_answers_or_neither_is_kept(
    network: Database, patient: Program, asking: Asking
) -> None:
    smokes = {"question": asking.questions[1], "answer": "yes"}
    for wrong in (
        [smokes | {"answer": "perhaps"}],
        [{"question": 999999, "answer": "yes"}],
    ):
        assert book(patient, asking, answers=wrong).status_code in (404, 422)
    number = select(func.count()).where(Appointment.service_id == asking.service)
    assert network.read(lambda session: session.scalar(number)) == 0
    key = booked(patient, asking, answers=[smokes])
    told = patient.get(f"/api/v1/appointments/{key}/answers")
    assert ([one["answer"] for one in told["answers"]], told["left"]) == (["yes"], 0)


@pytest.mark.parametrize("is_contained", [True, False])
def test_an_appointment_in_fhir_brings_its_answers_or_neither_is_kept(
    app: Flask,
    network: Database,
    world: World,
    patient: Program,
    asking: Asking,
    is_contained: bool,
) -> None:
    slot = patient.get(f"/api/v1/slots?schedule={asking.schedule}&from={DAY}")["items"][0]
    who = {"reference": f"Patient/{world.patients['owner']}"}
    actors = [who, {"reference": f"Practitioner/{world.practitioners['owner']}"}]
    wanted = {
        "resourceType": "Appointment",
        "status": "booked" if is_contained else "proposed",
        "start": slot["start"],
        "end": slot["end"],
        "participant": [{"actor": one, "status": "accepted"} for one in actors],
    }

    def send(by: Program, answered: Json) -> TestResponse:
        if is_contained:
            link = [{"reference": "#mine"}]
            contained = {"contained": [answered | {"id": "mine"}], "supportingInformation": link}
            return by.send("POST", "/fhir/Appointment", wanted | contained)
        named = {"appointment": wanted, "questionnaire-response": answered}
        parameters = [{"name": name, "resource": one} for name, one in named.items()]
        body = {"resourceType": "Parameters", "parameter": parameters}
        return by.send("POST", "/fhir/Appointment/$book", body)

    right = response(asking, "", *VALUES, extension=None, status="completed")
    wrong = response(asking, "", {"valueString": "Both"}, extension=None)
    other = f"http://localhost/fhir/Questionnaire/{asking.service + 1}"
    assert refused(send(patient, wrong)) == (422, "QuestionnaireResponse.item")
    assert refused(send(patient, right | {"questionnaire": other}))[1].endswith(".questionnaire")
    assert refused(send(patient, right | {"subject": {"reference": "Patient/1"}}))[0] == 422
    assert refused(send(patient, response(asking, str(UUID(int=1)), *VALUES)))[1].endswith(
        ".extension"
    )
    narrow = with_key(app, network, "system/Appointment.cruds")
    assert refused(send(narrow, right))[0] == 403
    number = select(func.count()).where(Appointment.service_id == asking.service)
    assert network.read(lambda session: session.scalar(number)) == 0
    made = send(patient, right)
    assert made.status_code == 201, made.text
    assert [entry["status"] for entry in found_answers(patient)] == ["completed"]


def found_answers(who: Program) -> list[Json]:
    return [one["resource"] for one in who.get(f"{PATH}?status=completed").get("entry", ())]
