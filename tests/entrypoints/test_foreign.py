"""Every door × everybody × what belongs to others: the outcome stands in a table.

The doors are the operations of the API and of the doctor-schedule service, FHIR, pages,
calendars and downloads; all of them, for an address that the table does not name fails the test.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from joserfc.jwk import ECKey
from werkzeug.test import TestResponse

from entrypoints.belongings import SECRET, Address, Parts, addresses, at, furnish
from entrypoints.browsing import Client, ClientFor
from entrypoints.outcomes import CALLERS, OUTCOMES
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.test_looking import Kept
from entrypoints.world import World, password_hash
from openslot.core import clock
from openslot.core.actor import Actor
from openslot.core.db import Database
from openslot.directory import commands as directory
from openslot.directory.details import SignUp
from openslot.entrypoints.api.operations import Operation
from openslot.entrypoints.fhir.access import Interaction
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.rules import Rule, Scoped
from openslot.identity.assertions import create_client
from openslot.identity.commands import confirm_email
from openslot.identity.keys import issue_for_client
from openslot.identity.scopes import SCOPES
from working import work

PROGRAMS = ("api_", "fhir.", "fhir_export.", "fhir_publish.", "smart.")
"""How the endpoints of programs begin; all others are pages."""

SIGNING = frozenset({"accounts.sign_out", "api_me.end_credentials", "system.ready"})
"""What would end the walk, and what says that a test's database bears no migration."""

FORMS = frozenset({"fhir.search_by_post", "smart.introspect", "smart.revoke", "smart.token"})
"""Where programs send a form."""

LEADS = frozenset(
    {
        "accounts.confirm",
        "accounts.reset",
        "hand_over.take_over",
        "notifications.feed",
        "notifications.stop",
        "offers.show",
        "offers.take",
        "offers.decline",
    }
)
"""Whoever has the link has read the owner's mail: it is the proof."""

AT_THE_CENTRE = frozenset({"department"})
"""Callers who may know of the appointments at the owner's centre, and so of who comes."""

REGISTER = frozenset(
    {
        "api_patients.list_patients",
        "api_patients.get_patient",
        "patients.show",
        "patients.edit",
        "booking.week_page",
        "waiting.ask",
        "search.results",
        "api_patients.change_patient",
        "patients.find",
        "booking.go_on",
        "booking.hold",
        "booking.confirm",
        "booking.look",
    }
)
"""Where who works at a desk finds any patient of the network."""
SEARCHED = frozenset({"patients.find"})
"""Pages whose searches are sent by POST."""
DESKS = frozenset({"staff", "department", "admin"})


@pytest.fixture
def parts(network: Database, world: World) -> Parts:
    return furnish(network, world)


@pytest.fixture
def newcomer(network: Database, world: World) -> None:
    """Somebody who has just signed up, and to whom nothing belongs."""
    new = SignUp(name="Nele New", born="1990-01-02", email="new@example.com", password="-" * 20)

    def act(session: Any) -> UUID:
        account = directory.sign_up(work(session, now=clock.now()), new, password_hash())
        confirm_email(work(session, Actor(), clock.now()), account.id)
        return account.id

    world.emails["newcomer"], world.accounts["newcomer"] = new.email, network.run(act)


# What is sent


def bodies(parts: Parts, now: datetime) -> dict[str, Any]:
    """What each operation with a body is sent: sound, and about what the owners have."""
    start, day = at(now, 8).isoformat(), at(now, 8).date().isoformat()
    patient, schedule = str(parts["patient_id"]), parts["schedule_id"]
    practitioner, service = parts["practitioner_id"], parts["service_id"]
    booked = {"schedule": schedule, "start": start, "patient": patient}
    doctor = {"doctor_id": practitioner, "date": day, "time": "14:00"}
    hours = {"monday": [["09:00", "10:00"]]}
    return {
        "api_tokens.create": {"email": "patient-owner@example.com", "password": "wrong"},
        "api_tokens.refresh": {"refresh_token": "osr_wrong"},
        "api_me.change_me": {},
        "api_me.delete_me": {"password": "wrong"},
        "api_dependents.create_dependent": {"name": "Ned", "born": "2019-01-01"},
        "api_notifications.change_mail": {},
        "api_centres.create_centre": {
            "name": "X",
            "type": "Hospital",
            "suburb": "Y",
            "time_zone": "Australia/Sydney",
        },
        "api_centres.change_centre": {"name": "Mine"},
        "api_closures.create_closure": {
            "start": start,
            "end": at(now, 9).isoformat(),
            "reason": "Mine",
        },
        "api_departments.create_department": {"name": "Mine", "centre_id": parts["centre_id"]},
        "api_departments.change_department": {"name": "Mine"},
        "api_departments.create_service": {"name": "Mine", "department_id": parts["department_id"]},
        "api_departments.change_service": {"name": "Mine"},
        "api_practitioners.create_practitioner": {"name": "Mine", "profession": "GP"},
        "api_practitioners.change_practitioner": {"phone": "02 9999 9999"},
        "api_professions.create_profession": {"name": "Mine"},
        "api_professions.change_profession": {"may_refer": False},
        "api_schedules.create_schedule": {
            "centre": parts["centre_id"],
            "hours": [],
            "practitioner": practitioner,
        },
        "api_schedules.change_schedule": {"max_slots": 2},
        "api_appointments.create_hold": booked,
        "api_appointments.create_appointment": booked,
        "api_appointments.change_appointment": {"reason": "Mine"},
        "api_series.preview_series": {
            "schedule": schedule,
            "patient": patient,
            "start": start,
            "rule": "FREQ=WEEKLY;COUNT=2",
        },
        "api_series.create_series": {
            "schedule": schedule,
            "patient": patient,
            "starts": [start, at(now, 15).isoformat()],
        },
        "api_answers.change_answers": {"answers": [{"question": 1, "answer": "Mine"}]},
        "api_series.cancel_series": {},
        "api_series.preview_series_move": {"start": start},
        "api_series.move_series": {"start": start},
        "api_itineraries.search_itineraries": {
            "patient": patient,
            "steps": [{"schedule": schedule}, {"service": service}],
        },
        "api_itineraries.create_itinerary": {
            "patient": patient,
            "steps": [
                {"schedule": schedule, "start": start},
                {"schedule": schedule, "start": at(now, 9).isoformat()},
            ],
        },
        "api_itineraries.cancel_itinerary": {},
        "api_sessions.create_session": {"schedule": schedule, "start": start},
        "api_sessions.change_session": {"places": 9},
        "api_sessions.write_to_session": {"message": "Mine"},
        "api_patients.create_patient": {"name": "Pat New", "born": "1970-01-01"},
        "api_patients.change_patient": {"phone": "0400 999 999"},
        "api_merges.create_merge": {"duplicate_id": patient},
        "api_records.create_note": {"text": "Mine"},
        "api_records.create_prescription": {"medication": "Mine", "dose": "1"},
        "api_records.create_allergy": {"substance": "Mine"},
        "api_records.create_no_allergies": {},
        "api_records.correct_entry": {"text": "Mine"},
        "api_records.open_in_emergency": {
            "name": "Aroha Owner",
            "born": "1990-01-01",
            "reason": "I have no idea",
        },
        "api_emergencies.review_emergency": {"verdict": "appropriate", "remark": "Mine"},
        "api_referrals.create_referral": {
            "patient": patient,
            "expertise": "Dental",
            "letter": "Mine",
        },
        "api_referrals.change_referral": {"letter": "Mine"},
        "api_requests.create_request": {
            "task": "Mine",
            "service": service,
            "start": start,
            "minutes": 30,
        },
        "api_requests.amend_request": {"task": "Mine"},
        "api_requests.propose_time": {"start": start},
        "api_requests.decline_request": {"answer": "Mine"},
        "api_requests.rate_consultation": {"stars": 1},
        "api_waitlist.create_waiting": {
            "patient": patient,
            "schedule": schedule,
            "from": start,
            "to": at(now, 9).isoformat(),
        },
        "api_absences.set_calendar": {
            "practitioner": practitioner,
            "url": "https://calendar.example/c.ics",
        },
        "api_absences.decide": {
            "practitioner": practitioner,
            "decisions": [{"appointment": str(parts["appointment_id"]), "decision": "cancel"}],
        },
        "api_absences.create_absence": {
            "practitioner": practitioner,
            "start": start,
            "end": at(now, 9).isoformat(),
        },
        "api_absences.reopen": {
            "practitioner": practitioner,
            "start": start,
            "end": at(now, 9).isoformat(),
        },
        "api_feedback.put_rating": {"stars": 1},
        "api_keys.create_key": {"name": "Mine", "scopes": ["manage"]},
        "api_webhooks.create_webhook": {
            "url": "https://mine.example/",
            "events": ["appointment.booked"],
        },
        "api_webhooks.change_webhook": {"active": False},
        "api_doctors.create_doctor": {
            "name": "Mine",
            "locations": ["1 Mine St"],
            "schedule": hours,
        },
        "api_doctors.change_doctor": {
            "name": "Mine",
            "locations": ["1 Mine St"],
            "schedule": hours,
        },
        "api_doctors.create_appointment": doctor
        | {"location_id": parts["centre_id"], "patient_id": patient},
        "api_doctors.cancel_appointment": doctor,
    }


def resources(parts: Parts, now: datetime) -> dict[str, Any]:
    """What each door of FHIR that takes a body is sent, by endpoint or by endpoint and kind."""
    tick = int(at(now, 8).timestamp()) // 300
    slot, patient = f"Slot/{parts['schedule_id']}-{tick}-30", f"Patient/{parts['patient_id']}"
    appointment = {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": slot}],
        "participant": [{"actor": {"reference": patient}, "status": "accepted"}],
    }
    letter = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": patient},
        "performerType": {"text": "Dental"},
        "note": [{"text": "Mine"}],
    }
    answers = {
        "resourceType": "QuestionnaireResponse",
        "id": str(parts["appointment_id"]),
        "status": "in-progress",
        "extension": [
            {
                "url": "urn:openslot:extension:appointment",
                "valueReference": {"reference": f"Appointment/{parts['appointment_id']}"},
            }
        ],
        "item": [{"linkId": "1", "answer": [{"valueString": "Left"}]}],
    }
    named = {
        "name": "appointment-reference",
        "valueReference": {"reference": f"Appointment/{parts['appointment_id']}"},
    }
    return {
        "fhir.create Appointment": appointment,
        "fhir.update Appointment": appointment | {"id": str(parts["appointment_id"])},
        "fhir.create QuestionnaireResponse": answers,
        "fhir.update QuestionnaireResponse": answers,
        "fhir.create ServiceRequest": letter,
        "fhir.update ServiceRequest": letter
        | {"id": str(parts["referral_id"]), "status": "revoked"},
        "fhir.take": {"resourceType": "Parameters", "parameter": [named]},
        "fhir.cancel": {"resourceType": "Parameters", "parameter": []},
        "fhir.find_appointments": {"resourceType": "Parameters", "parameter": []},
    }


def queries(parts: Parts) -> dict[str, list[str]]:
    """Parameters with which reading is asked for others' things besides."""
    patient, practitioner = parts["patient_id"], parts["practitioner_id"]
    return {
        "api_appointments.list_appointments": [f"patient={patient}"],
        "api_patients.list_patients": ["q=aroha", "name=Aroha+Owner&born=1980-03-30"],
        "api_referrals.list_referrals": [f"patient={patient}"],
        "api_absences.list_absences": [f"practitioner={practitioner}"],
        "api_absences.get_calendar": [f"practitioner={practitioner}"],
        "api_absences.list_undecided": [f"practitioner={practitioner}"],
        "api_absences.list_needing": [f"practitioner={practitioner}"],
        "fhir.search_by_get": [
            f"patient={patient}",
            f"_id={patient}",
            "_count=0",
            "_include=*&_revinclude=*",
        ],
        "patients.find": ["q=aroha", "name=Aroha+Owner&identifier=30+3+1980"],
        "search.results": [f"patient={patient}"],
        "booking.week_page": [f"patient={patient}", f"hold={parts['hold_id']}"],
        "series.plan": [f"patient={patient}&start=2030-01-01T00:00:00Z&every=1"],
        "itineraries.plan": [f"patient={patient}"],
        "waiting.ask": [
            f"schedule={parts['schedule_id']}&patient={patient}",
            f"appointment={parts['appointment_id']}",
        ],
        "request_form.ask": [f"who=aroha&patient={patient}"],
        "admin_audit.listing": [f"subject=patient:{patient}"],
        "admin_audit.download": [f"subject=patient:{patient}"],
        "absences.listing": [f"practitioner={practitioner}"],
        "reports.download": [f"centre={parts['centre_id']}"],
        "referrals.listing": [f"patient={patient}"],
        "profiles.practitioner": [f"patient={patient}"],
        "dashboard.show": [f"patient={patient}"],
    }


def form(parts: Parts, now: datetime) -> dict[str, object]:
    """Fields of forms: one for all, since each view takes the ones it knows."""
    return {
        "name": "Mine",
        "anyway": "yes",
        "active": "no",
        "patient": parts["patient_id"],
        "yes": "1",
        "stars": 1,
        "practitioner": parts["practitioner_id"],
        "reason": "Mine, since I say so",
        "answer": "M",
        "text": "Mine",
        "start": at(now, 8).isoformat(),
        "date": [at(now, 8).isoformat(), at(now, 15).isoformat()],
        "wanted": [at(now, 8).isoformat(), at(now, 15).isoformat()],
        "schedule": parts["schedule_id"],
        "letter": "Mine",
        "status": "cancelled",
        "keep": "yes",
        "appointment": parts["appointment_id"],
        "places": 9,
        "message": "Mine",
        "department": parts["department_id"],
    }


# Walking


class Walk:
    """Somebody at every door."""

    def __init__(self, who: str, program: Program, browser: Client, parts: Parts):
        self.who, self.program, self.browser, self.parts = who, program, browser, parts
        now = datetime.now(UTC)
        self.bodies, self.form = bodies(parts, now) | resources(parts, now), form(parts, now)

    def ask(self, one: Address, query: str = "") -> TestResponse:
        """The answer, by a token where programs are meant, else in a browser."""
        path = f"{one.path}?{query}" if query else one.path
        if one.endpoint in FORMS:
            return self.program.send_form(path, {"_count": "50"})
        if one.endpoint.startswith(PROGRAMS):
            body = self.bodies.get(one.name, {})
            return self.program.send(one.method, path, None if one.method == "GET" else body)
        if one.method == "GET":
            is_search = one.endpoint in SEARCHED and bool(query)
            return self.browser.search(path) if is_search else self.browser.get(path)
        if one.method == "POST":
            return self.browser.post(path, **self.form)
        return self.browser.http.open(path, method=one.method, json={})


def outcome(one: Address, answer: TestResponse) -> str:
    """The status; a page that sends to where one signs in is 401."""
    to_login = answer.status_code == 303 and (answer.location or "").startswith("/login?")
    return "401" if to_login and one.method == "GET" else str(answer.status_code)


def line(one: Address) -> str:
    """How the table names a door."""
    operation = one.path.rpartition("/")[2]
    return f"{one.method} {one.name} {operation if operation.startswith('$') else ''}".strip()


def foreign(parts: Parts) -> re.Pattern[str]:
    """What only the owners, and who has to do with them, may read."""
    private = (
        "patient_id",
        "appointment_id",
        "hold_id",
        "child_id",
        "waiting_id",
        "offer_id",
        "referral_id",
        "past_id",
        "entry_id",
        "pills_id",
        "allergy_id",
        "request_id",
        "feed",
        "key_id",
        "endpoint_id",
        "delivery_id",
        "account_id",
        "series_id",
        "itinerary_id",
        "absence_id",
    )
    words = (SECRET, "Aroha Owner", "Mia Zwieback", "patient-owner@example")
    return re.compile("|".join([*words, *(re.escape(str(parts[name])) for name in private)]), re.I)


def shown(one: Address, answer: TestResponse, query: str, form: dict[str, object]) -> str:
    """The body without what was sent, which an answer may repeat."""
    text = answer.text
    posted = "" if one.method == "GET" else str(form)
    for sent in re.findall(r"[0-9a-f-]{36}|aroha\+owner", f"{one.path} {query} {posted}", re.I):
        text = re.sub(re.escape(sent.replace("+", " ")), "", text, flags=re.I)
    return text


def is_let(one: Address, who: str) -> bool:
    """Whether the caller may learn of the owners here."""
    desk = who in DESKS and one.endpoint in REGISTER
    return one.endpoint in LEADS or who in AT_THE_CENTRE or who == "network" or desk


def is_wrong(change: str, who: str, own: str) -> bool:
    """Whether something of the owners was changed or removed by who may not."""
    if who in ("department", "network") or " None -> " in change or own in change:
        return False
    counts, by_desk = change.startswith("directory_version "), change.startswith("patient ")
    return not counts and not (by_desk and who in DESKS)


@pytest.fixture
def doors(app: Flask, world: World, parts: Parts) -> list[Address]:
    return [one for one in addresses(app, world, parts) if one.endpoint not in SIGNING]


@pytest.mark.parametrize("who", CALLERS)
def test_what_belongs_to_others_is_closed(
    app: Flask,
    network: Database,
    world: World,
    parts: Parts,
    newcomer: None,
    client_for: ClientFor,
    doors: list[Address],
    who: str,
) -> None:
    person = CALLERS[who]
    program = signed_in(app, world, person) if person else Program(app)
    walk = Walk(who, program, client_for(person), parts)
    walk.browser.token_of("/forgot")
    kept, asks, secret = Kept(network), queries(parts), foreign(parts)
    own = str(world.accounts.get(person or ""))
    wrong, leaks = [], []
    for one in doors:
        expected = OUTCOMES.get(line(one), {}).get(who, "no line")
        if expected == "-":
            continue
        answer = walk.ask(one)
        if outcome(one, answer) != expected:
            wrong.append(f"{line(one)}: {who} {outcome(one, answer)}, not {expected}")
        for query in ["", *asks.get(one.endpoint, ())] if one.method == "GET" else [""]:
            answer = walk.ask(one, query) if query else answer
            if not is_let(one, who) and (
                found := secret.search(shown(one, answer, query, walk.form))
            ):
                leaks.append(f"{line(one)}?{query}: {found[0]}")
    assert wrong == []
    assert leaks == []
    assert [one for one in kept.changes() if is_wrong(one, who, own)] == []


SIGNED_BY_PEOPLE = {"api_emergencies.list_emergencies"}
"""What administrators review and sign: a program, which nobody can ask why, does neither."""


@pytest.mark.parametrize("is_client", [False, True])
def test_a_key_of_one_scope_opens_what_that_is_for(
    app: Flask, network: Database, doors: list[Address], is_client: bool
) -> None:
    """So does a client's token; and neither reads what is confidential."""
    scopes = [*SCOPES, *(f"system/{kind}.cruds" for kind in RESOURCES)]
    programs = {one: single(app, network, one, is_client) for one in scopes}
    for one in (one for one in doors if one.method == "GET"):
        declared = app.view_functions[one.endpoint].operation if is_program(one) else None  # type: ignore[attr-defined]
        if declared is None or declared.scope is None or isinstance(declared, Scoped):
            continue
        wanted, rule = wants(one, declared)
        other = scopes[(scopes.index(wanted) + 1) % len(scopes)]
        assert programs[other].send("GET", one.path).status_code == 403, str(one)
        answer = programs[wanted].send("GET", one.path)
        assert answer.status_code != 401, str(one)
        is_for_people = rule in (Rule.OWN, Rule.RELATED) or one.endpoint in SIGNED_BY_PEOPLE
        assert answer.status_code != 403 or is_for_people, str(one)
        if rule is Rule.CONFIDENTIAL:
            assert SECRET not in answer.text, str(one)


def is_program(one: Address) -> bool:
    return one.endpoint.startswith(PROGRAMS)


def wants(one: Address, declared: Operation | Interaction) -> tuple[str, Rule]:
    """The scope that a door asks of programs, and its rule about the actor."""
    if isinstance(declared, Operation):
        return str(declared.scope), declared.rule
    kind = one.kind or "Slot"
    return f"system/{kind}.cruds", RESOURCES[kind].rule


def single(app: Flask, network: Database, scope: str, is_client: bool) -> Program:
    """A program that holds one scope, as a key or as a registered client."""
    if not is_client:
        return with_key(app, network, scope)
    keys = {"keys": [ECKey.generate_key("P-384", {"kid": "a"}).as_dict(private=False)]}

    def act(session: Any) -> str:
        now = clock.now()
        client = create_client(
            work(session, Actor(), now), scope, [scope], jwks=keys, jwks_url=None
        )
        session.flush()
        return issue_for_client(work(session, now=now), client, [scope], timedelta(minutes=5))

    return Program(app, network.run(act))


def test_the_table_names_every_door_and_no_other(doors: list[Address]) -> None:
    assert {line(one) for one in doors} == set(OUTCOMES)
