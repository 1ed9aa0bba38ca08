"""One of everything, belonging to the people called ``owner``, for tests that walk over all doors.

Among the texts that people wrote each bears SECRET, so that a body that shows one can be found.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import cast
from uuid import UUID

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

import factories
from entrypoints.world import World, give_professions, password_hash
from factories import HALF_HOUR, SYDNEY
from openslot.booking import absences, claims
from openslot.booking.absences import AbsenceDetails
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment, Status
from openslot.booking.sessions import places
from openslot.core.actor import SYSTEM, Actor
from openslot.core.audit import AuditEvent
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import OutboxMessage
from openslot.department_requests import commands as requests
from openslot.department_requests.details import RequestDetails
from openslot.directory import dependents, registration
from openslot.directory.commands import actor_of
from openslot.directory.dependents import HandOverDetails
from openslot.directory.details import DependentDetails
from openslot.directory.queries import profession_called
from openslot.directory.registration import StaffSignUp
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.web import context, desk_links, hand_over
from openslot.exports.models import BulkExport
from openslot.feedback import commands as feedback
from openslot.identity import links as account_links
from openslot.identity.keys import create_key
from openslot.identity.models import Account
from openslot.identity.programs import ProgramDetails, create_program
from openslot.notifications.feeds import make_feed
from openslot.notifications.preferences import Kind as MailKind
from openslot.notifications.preferences import stop_token
from openslot.questions.commands import QuestionDetails, set_questions
from openslot.questions.models import AppointmentAnswer, Kind
from openslot.records.models import AllergyState, EmergencyAccess, Entry, EntryKind
from openslot.referrals.models import Kept, Referral
from openslot.resources.commands import GroupDetails, RoomDetails, create_group, create_room
from openslot.schedules import commands as schedules
from openslot.schedules import queries as schedule_queries
from openslot.schedules.availability import span_between
from openslot.schedules.models import AbsenceKind
from openslot.usecases import itineraries, merging, series
from openslot.waiting_list import waiting
from openslot.waiting_list.details import WaitingDetails
from openslot.waiting_list.links import token_of
from openslot.waiting_list.models import Offer
from openslot.webhooks.models import Delivery, Endpoint
from working import work

SECRET = "zwieback"
"""A word that nothing else bears."""
DAY = timedelta(days=1)

Parts = dict[str, object]
"""Ids, by the names that addresses give them."""


def furnish(database: Database, world: World) -> Parts:
    """Give the owners of the world one of everything; its ids."""
    now = datetime.now(UTC)
    found = database.run(lambda session: _furnish(session, world, now))
    assert waiting.expire_due(database, Settings(_env_file=None), lambda: now) == 1
    return found | database.read(_made_meanwhile)


def _furnish(session: Session, world: World, now: datetime) -> Parts:
    give_professions(session, world, specialists=("teammate",))
    session.flush()
    question = QuestionDetails(words="Which side?")
    set_questions(work(session, SYSTEM, now), world.services["owner"], [question])
    return (
        {
            "centre_id": world.centres["own"],
            "department_id": world.departments["owner"],
            "service_id": world.services["owner"],
            "schedule_id": world.schedules["owner"],
            "practitioner_id": world.practitioners["owner"],
            "doctor_id": world.practitioners["owner"],
            "profession_id": profession_called(session, "GP").id,
            "subject_id": world.practitioners["owner"],
            "patient_id": world.patients["owner"],
            "appointment_id": world.appointments["owner"],
            "staff_id": world.accounts["staff-owner"],
        }
        | _of_the_patient(session, world, now)
        | _of_the_practitioner(session, world, now)
        | _of_the_department(session, world, now)
        | _of_the_network(session, world, now)
    )


def _actor(session: Session, world: World, person: str) -> Actor:
    return actor_of(session, session.get_one(Account, world.accounts[person]), "127.0.0.1")


def at(now: datetime, days: int, hour: int = 14) -> datetime:
    """A whole hour in some days, in Sydney."""
    return datetime.combine((now + days * DAY).astimezone(SYDNEY).date(), time(hour), SYDNEY)


def _of_the_patient(session: Session, world: World, now: datetime) -> Parts:
    actor, patient = _actor(session, world, "patient-owner"), world.patients["owner"]
    session.get_one(Appointment, world.appointments["owner"]).reason = f"{SECRET} reason"
    session.add(
        AppointmentAnswer(
            appointment_id=world.appointments["owner"],
            position=0,
            kind=Kind.TEXT,
            words="Which side?",
            answer=f"{SECRET} side",
        )
    )
    schedule = world.schedules["owner-service"]
    hold = factories.hold(session, schedule, at(now, 5), patient, length=HALF_HOUR, now=now)
    child = dependents.add(
        work(session, actor, now),
        DependentDetails(name="Mia Zwieback", born=now.date() - 3000 * DAY),
    )
    dependents.invite(work(session, actor, now), child.id, HandOverDetails(email="mia@example.com"))
    feedback.rate(work(session, actor, now), "practitioner", world.practitioners["owner"], 2)
    feedback.add_favourite(work(session, actor, now), "practitioner", world.practitioners["owner"])
    entry = waiting.join(
        work(session, actor, now),
        WaitingDetails(
            appointment_id=world.appointments["owner"],
            schedule_id=world.schedules["owner"],
            starts_from=now,
            starts_until=now + 9 * DAY,
        ),
    )
    wanted = BookingRequest(world.schedules["owner"], at(now, 10), 30, patient)
    by = work(session, SYSTEM, now)
    starts = [wanted.start, wanted.start + 7 * DAY]
    recurring = series.book(by, wanted, starts)
    plan = itineraries.book(by, [replace(wanted, start=at(now, days)) for days in (11, 13)])
    return {
        "series_id": recurring[0].series_id,
        "itinerary_id": plan[0].itinerary_id,
        "hold_id": hold.id,
        "child_id": child.id,
        "waiting_id": entry.id,
        "feed": make_feed(work(session, actor, now), world.accounts["patient-owner"]),
    }


def _of_the_practitioner(session: Session, world: World, now: datetime) -> Parts:
    patient, own = world.patients["owner"], world.practitioners["owner"]
    letter = Referral(
        patient_id=patient,
        gp_id=own,
        practitioner_id=world.practitioners["teammate"],
        letter=f"{SECRET} letter",
        status=Kept.SENT,
        created_at=now,
        sent_at=now,
        expires_at=now + 90 * DAY,
    )
    session.add(letter)
    over = factories.appointment_row(
        session, world.schedules["owner"], patient, Status.FULFILLED, at(now, -9), now=now
    )
    session.flush()
    note = Entry(
        patient_id=patient,
        practitioner_id=own,
        centre_id=world.centres["own"],
        appointment_id=over.id,
        kind=EntryKind.NOTE,
        text=f"{SECRET} note",
        recorded_at=now,
    )
    pills = Entry(
        patient_id=patient,
        practitioner_id=own,
        centre_id=world.centres["own"],
        text="",
        appointment_id=over.id,
        kind=EntryKind.PRESCRIPTION,
        medication=f"{SECRET} pills",
        dose="one",
        recorded_at=now,
    )
    access = EmergencyAccess(
        patient_id=patient,
        practitioner_id=own,
        reason=f"{SECRET} glass",
        starts_at=now - 9 * DAY,
        ends_at=now - 8 * DAY,
    )
    allergy = Entry(
        patient_id=patient,
        practitioner_id=own,
        text=f"{SECRET} rash",
        kind=EntryKind.ALLERGY,
        substance=f"{SECRET} latex",
        state=AllergyState.ACTIVE,
        recorded_at=now,
    )
    session.add_all([note, pills, allergy, access])
    session.flush()
    leave = AbsenceDetails(
        kind=AbsenceKind.LEAVE,
        starts_at=at(now, 3, 9),
        ends_at=at(now, 3, 12),
        reason=f"{SECRET} leave",
    )
    absence = absences.enter_absence(work(session, SYSTEM, now), own, leave)
    return {
        "referral_id": letter.id,
        "past_id": over.id,
        "session_id": _session(session, world, now),
        "entry_id": note.id,
        "pills_id": pills.id,
        "allergy_id": allergy.id,
        "absence_id": absence.id,
        "access_id": access.id,
    }


def _session(session: Session, world: World, now: datetime) -> UUID:
    """A session of the practitioner's, in which the patient has a place."""
    own = world.schedules["owner"]
    place = schedule_queries.places(session)[own]._replace(places=2)
    span = span_between(at(now, 12, 7), at(now, 12, 7) + HALF_HOUR)
    claims.take_for_session(work(session, SYSTEM, now), place, span)
    group = places.begin(work(session, SYSTEM, now), place, span, by_staff=True)
    row = factories.appointment_row(
        session, own, world.patients["owner"], Status.BOOKED, group.starts_at, now=now
    )
    row.session_id, row.diary_id = group.id, None
    return group.id


def _of_the_department(session: Session, world: World, now: datetime) -> Parts:
    """Asked for by the teammate's department, of the owner's."""
    made = requests.make(
        work(session, _actor(session, world, "staff-teammate"), now),
        world.services["owner"],
        RequestDetails(task=f"{SECRET} task"),
        start=at(now, 6),
        minutes=30,
        patient_id=world.patients["owner"],
    )
    waits = registration.register(
        work(session, now=now),
        StaffSignUp(
            email="waits@example.com",
            name=f"Wanda {SECRET}",
            password="-" * 20,
            centre_id=world.centres["own"],
        ),
        password_hash(),
    )
    closure = schedules.close_centre(
        work(session, SYSTEM, now),
        world.centres["own"],
        starts=at(now, 25),
        ends=at(now, 26),
        reason=f"{SECRET} closed",
    )
    things = _of_the_centre(session, world, now)
    return things | {"request_id": made.id, "account_id": waits.id, "closure_id": closure.id}


def _of_the_centre(session: Session, world: World, now: datetime) -> Parts:
    unit, centre_id = work(session, SYSTEM, now), world.centres["own"]
    room = create_room(unit, centre_id, RoomDetails(name=f"{SECRET} room"))
    group = create_group(unit, centre_id, GroupDetails(name=f"{SECRET} rooms"))
    period = absences.OutOfUse(
        starts_at=at(now, 30), ends_at=at(now, 31), reason=f"{SECRET} repair"
    )
    out = absences.take_out_of_use(unit, room.id, period)
    own = {"room_id": room.id, "resource_id": room.id, "group_id": group.id}
    return own | {"period_id": out.id}


def _program() -> ProgramDetails:
    back = "https://chart.example/back"  # the audit log says it
    return ProgramDetails(
        name=f"{SECRET} chart",
        redirects=(back,),
        launch_url=back,
        scopes=("launch", "patient/*.rs"),
    )


def _of_the_network(session: Session, world: World, now: datetime) -> Parts:
    key, _ = create_key(work(session, Actor(), now), f"{SECRET} key", ["directory:read"], [])
    client, _ = create_program(work(session, Actor(), now), _program(), has_secret=True)
    endpoint = Endpoint(
        url=f"https://{SECRET}.example/",
        events="appointment.booked",
        secret="whsec_zwieback",
        created_at=now,
        misses=0,
    )
    session.add(endpoint)
    session.flush()
    delivery = Delivery(
        endpoint_id=endpoint.id,
        event="appointment.booked",
        payload={"id": SECRET},
        attempts=1,
        created_at=now,
        state="failed",
    )
    session.add(delivery)
    duplicate = factories.patient(session, f"Olive {SECRET}")
    session.flush()
    administrator = _actor(session, world, "network-admin")
    merge = merging.merge(work(session, administrator, now), world.patients["owner"], duplicate.id)
    export = BulkExport(program_id=key.id, asked_at=now, address="", kinds="Patient")
    session.add(export)
    session.flush()
    return {
        "merge_id": merge.id,
        "client_id": client.id,
        "program_id": client.id,
        "key_id": key.id,
        "export_id": export.id,
        "endpoint_id": endpoint.id,
        "webhook_id": endpoint.id,
        "delivery_id": delivery.id,
    }


def _made_meanwhile(session: Session) -> dict[str, object]:
    """The offer that the sweep made, and a mail that waits to be sent."""
    offer: UUID = session.scalars(select(Offer.id)).one()
    message = session.scalars(select(OutboxMessage.id)).first()
    event = session.scalars(
        select(AuditEvent.id).where(AuditEvent.action == "appointment.held")
    ).first()
    starts = session.get_one(Appointment, session.get_one(Offer, offer).appointment_id).starts_at
    return {
        "offer_id": offer,
        "message_id": message,
        "event_id": event,
        "tick": int(starts.timestamp()) // 300,
    }


# Addresses

STATIC = frozenset({"static"})
"""Files that are the same for everybody."""


@dataclass(frozen=True)
class Address:
    """A method on an address that leads to what the owners have; of FHIR with the resource."""

    endpoint: str
    method: str
    path: str
    kind: str = ""

    @property
    def name(self) -> str:
        """What a table calls it: the method, and the address with names for its parts."""
        return f"{self.endpoint} {self.kind}".strip()

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.name})"


def links(app: Flask, world: World, parts: Parts) -> dict[str, str]:
    """What the links in mails carry, by the endpoint that they lead to."""
    waits = app.extensions["openslot"].settings
    account_id, offer = world.accounts["patient-owner"], cast(UUID, parts["offer_id"])
    with app.test_request_context():
        account = context.reader().get_one(Account, account_id)
        return {
            "accounts.confirm": account_links.confirmation_token(waits.key(), account),
            "accounts.reset": account_links.reset_token(waits.key(), account),
            "check_in.kiosk": desk_links.check_in(world.centres["own"]),
            "check_in.screen": desk_links.screen(world.centres["own"]),
            "check_in.screen_now": desk_links.screen(world.centres["own"]),
            "hand_over.take_over": hand_over.token_for(
                cast(UUID, parts["child_id"]), world.patients["owner"], "mia@example.com"
            ),
            "notifications.feed": str(parts["feed"]),
            "notifications.stop": stop_token(waits, account_id, MailKind.REMINDERS),
            **dict.fromkeys(
                ("offers.show", "offers.take", "offers.decline"), token_of(waits.key(), offer)
            ),
        }


def addresses(app: Flask, world: World, parts: Parts) -> Iterator[Address]:
    """Every method on every address of the app, but for files."""
    adapter, tokens = app.url_map.bind("localhost"), links(app, world, parts)
    for rule in app.url_map.iter_rules():
        if rule.endpoint in STATIC:
            continue
        own = parts | _others(rule.endpoint, parts) | {"token": tokens.get(rule.endpoint)}
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            for kind in RESOURCES if rule.rule.startswith("/fhir/<kind>") else ("",):
                filled = own | ({"kind": kind, "key": fhir_key(kind, parts)} if kind else {})
                defaults = dict(rule.defaults or {})
                asked = {name: filled[name] for name in rule.arguments - defaults.keys()}
                path = adapter.build(rule.endpoint, asked | defaults, method)
                yield Address(rule.endpoint, method, path, kind)


def _others(endpoint: str, parts: Parts) -> Parts:
    """Parts of addresses that mean something of their own in some places."""
    if endpoint.startswith("dependents."):
        return {"patient_id": parts["child_id"]}
    if endpoint in ("waiting.leave", "api_waitlist.delete_waiting"):
        return {"entry_id": parts["waiting_id"]}
    if endpoint.startswith("admin_accounts."):
        return {"account_id": parts["staff_id"]}
    if endpoint == "fhir_export.file":
        return {"name": "Patient"}
    if endpoint == "api_me.end_credential":
        return {"kind": "calendar", "credential_id": "calendar"}
    return {
        "choice": "dark",
        "language": "en",
        "kind": "practitioners" if "rating" in endpoint else "practitioner",
        "report_kind": "bookings",
        "key": parts["appointment_id"],
        "version": "1",
        "name": "locations.ndjson",
    }


def fhir_key(kind: str, parts: Parts) -> object:
    """The id of something of the owners', as FHIR writes it."""
    known = {
        "AuditEvent": "event_id",
        "Encounter": "past_id",
        "DocumentReference": "entry_id",
        "HealthcareService": "service_id",
        "Location": "centre_id",
        "MedicationRequest": "pills_id",
        "AllergyIntolerance": "allergy_id",
        "Patient": "patient_id",
        "Practitioner": "practitioner_id",
        "PractitionerRole": "schedule_id",
        "Questionnaire": "service_id",
        "Schedule": "schedule_id",
        "ServiceRequest": "referral_id",
    }
    if kind == "Organization":
        return f"centre-{parts['centre_id']}"
    if kind == "Slot":
        return f"{parts['schedule_id']}-{parts['tick']}-30"
    if kind == "CodeSystem":
        return "specialty"
    return parts[known.get(kind, "appointment_id")]
