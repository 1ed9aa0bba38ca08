"""Mail about referrals, requests, offers and emergency access, and for those who care."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

import factories
from clinic import NOW, START, Clinic, Mails, book, both, cancel, event_of, move
from factories import change
from openslot.app import create_app
from openslot.booking.models import Priority
from openslot.core.actor import Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.events import publish
from openslot.core.ids import new_id
from openslot.department_requests import events as requests
from openslot.department_requests.models import Kept, ServiceRequest
from openslot.directory.models import Department, Dependent, Patient, StaffMember
from openslot.identity.models import Account
from openslot.notifications.models import Preference
from openslot.records import events as records
from openslot.records.models import EmergencyAccess
from openslot.referrals import events as referrals
from openslot.referrals.models import Kept as ReferralStatus
from openslot.referrals.models import Referral
from openslot.schedules.models import Absence, AbsenceKind
from openslot.waiting_list import events as offers
from openslot.waiting_list.links import token_of
from openslot.waiting_list.models import (
    AbsenceDecision,
    Choice,
    Offer,
    OfferStatus,
    Progress,
    WaitingEntry,
)
from working import work

URL = "https://book.example.org"
LATER = START + timedelta(days=7)
SECRET = "Suspected melanoma"
"""What a letter, a request and a reason say; it must stand in no mail."""


def add(database: Database, row: Any) -> Any:
    """Write a row down."""

    def act(session: Session) -> None:
        session.add(row)

    database.run(act)
    return row


# Dependents


@pytest.fixture
def child(sqlite_database: Database, clinic: Clinic) -> UUID:
    """Mia, whom Ann cares for, and who has no e-mail address."""

    def act(session: Session) -> UUID:
        mia = factories.patient(session, "Mia Example", now=NOW)
        session.add(Dependent(patient_id=mia.id, carer_id=clinic.patient, since=NOW))
        return mia.id

    return sqlite_database.run(act)


def book_child(database: Database, clinic: Clinic, child: UUID) -> Any:
    return database.run(
        lambda session: factories.appointment(
            session, clinic.schedule, START, child, reason=SECRET, now=NOW
        )
    )


def test_who_cares_for_somebody_without_an_address_is_told_of_their_appointments(
    sqlite_database: Database, clinic: Clinic, mails: Mails, child: UUID
) -> None:
    appointment = book_child(sqlite_database, clinic, child)
    booked = mails.new()
    move(sqlite_database, appointment, LATER)
    moved = mails.new()
    cancel(sqlite_database, appointment, by=clinic.patient_account)
    cancelled = mails.new()
    expected = [(booked, "is booked"), (moved, "has moved"), (cancelled, "is cancelled")]
    for sent, words in expected:
        assert sent.keys() == {"ann@example.org", "toby@example.org"}
        mail = sent["ann@example.org"]
        assert f"An appointment {words}: " in mail["subject"]
        assert "Mia" not in mail["subject"]
        for part in both(mail):
            assert f"An appointment for Mia Example {words}" in part
            assert "Hello Ann Example," in part
        assert event_of(mail)["summary"] == "Mia Example: appointment with Toby Turner"
        assert event_of(mail)["attendee"] == "mailto:ann@example.org"
    assert "Cancelled by: You" in cancelled["ann@example.org"]["text"]
    assert SECRET not in json.dumps([booked, moved, cancelled])


def test_a_dependent_with_an_address_is_written_to_directly(
    sqlite_database: Database, clinic: Clinic, mails: Mails, child: UUID
) -> None:
    change(sqlite_database, Patient, child, email="mia@example.org")
    book_child(sqlite_database, clinic, child)
    sent = mails.new()
    assert sent.keys() == {"mia@example.org", "toby@example.org"}
    assert "Your appointment is booked" in sent["mia@example.org"]["text"]


# Referrals


@pytest.fixture
def specialist(sqlite_database: Database) -> int:
    return sqlite_database.run(
        lambda session: (
            factories.practitioner(
                session,
                "Amy Winehouse",
                "Specialist",
                expertise="Oncology",
                email="amy@example.org",
                now=NOW,
            ).id
        )
    )


def refer(database: Database, clinic: Clinic, **more: Any) -> Referral:
    values = {
        "id": new_id(),
        "patient_id": clinic.patient,
        "gp_id": 1,
        "letter": SECRET,
        "status": ReferralStatus.SENT,
        "created_at": NOW,
        "sent_at": NOW,
        "expires_at": NOW + timedelta(days=365),
        **more,
    }
    return add(database, Referral(**values))


def publish_referral(database: Database, topic: referrals.Topic, referral: Referral) -> None:
    database.run(
        lambda session: publish(work(session, now=NOW), topic, referral=referral.id, by=None)
    )


def test_a_referral_is_told_to_the_patient_and_to_the_specialist_it_names(
    sqlite_database: Database, clinic: Clinic, mails: Mails, specialist: int
) -> None:
    referral = refer(sqlite_database, clinic, practitioner_id=specialist)
    publish_referral(sqlite_database, referrals.Topic.SENT, referral)
    sent = mails.new()
    assert sent.keys() == {"ann@example.org", "amy@example.org"}
    to_ann, to_amy = sent["ann@example.org"], sent["amy@example.org"]
    assert to_ann["subject"] == "You have a referral"
    assert to_amy["subject"] == "A patient has been referred to you"
    for part in both(to_ann):
        assert "now book an appointment with a specialist" in part
        assert re.search("Referred to:? Amy Winehouse", part)
        assert re.search("Valid until:? Tuesday 2 November 2027", part)
    assert "Patient: Ann Example\nReferred by: Toby Turner" in to_amy["text"]
    for mail in sent.values():
        assert f"{URL}/referrals/{referral.id}" in mail["text"]
    assert not re.search(f"{SECRET}|Oncology", json.dumps(sent))


def test_a_referral_to_an_expertise_is_told_to_the_patient_only_and_does_not_name_it(
    sqlite_database: Database, clinic: Clinic, mails: Mails, specialist: int
) -> None:
    del specialist  # is one with that expertise
    referral = refer(sqlite_database, clinic, expertise="Oncology")
    publish_referral(sqlite_database, referrals.Topic.SENT, referral)
    sent = mails.new()
    assert sent.keys() == {"ann@example.org"}
    assert "Oncology" not in json.dumps(sent)


def test_a_referral_of_a_dependent_is_told_to_who_cares(
    sqlite_database: Database, clinic: Clinic, mails: Mails, child: UUID
) -> None:
    referral = refer(sqlite_database, clinic, patient_id=child, expertise="Dental")
    publish_referral(sqlite_database, referrals.Topic.SENT, referral)
    (mail,) = mails.new().values()
    assert (mail["to"], mail["subject"]) == ("ann@example.org", "There is a new referral")
    assert "There is a new referral for Mia Example" in mail["text"]


def test_a_referral_withdrawn_before_the_worker_came_is_not_announced(
    sqlite_database: Database, clinic: Clinic, mails: Mails, specialist: int
) -> None:
    referral = refer(sqlite_database, clinic, practitioner_id=specialist)
    publish_referral(sqlite_database, referrals.Topic.SENT, referral)
    change(sqlite_database, Referral, referral.id, status=ReferralStatus.REVOKED)
    publish_referral(sqlite_database, referrals.Topic.REVOKED, referral)
    assert {mail["subject"] for mail in mails.new().values()} == {
        "Your referral has been withdrawn",
        "A referral to you has been withdrawn",
    }


def test_an_answer_is_told_to_the_gp(
    sqlite_database: Database, clinic: Clinic, mails: Mails, specialist: int
) -> None:
    referral = refer(
        sqlite_database, clinic, practitioner_id=specialist, answer=SECRET, answered_at=NOW
    )
    publish_referral(sqlite_database, referrals.Topic.ANSWERED, referral)
    (mail,) = mails.new().values()
    assert (mail["to"], mail["subject"]) == ("toby@example.org", "Your referral has been answered")
    assert SECRET not in json.dumps(mail)


# Requests of departments


@pytest.fixture
def asking(sqlite_database: Database, clinic: Clinic) -> int:
    """The emergency department, which has two people of staff and no address."""

    def act(session: Session) -> int:
        department = factories.department(session, 1, "Emergency", now=NOW)
        for name in ("sam", "kim"):
            email = f"{name}@example.org"
            factories.staff(session, 1, department.id, email=email, name=name, now=NOW)
        return department.id

    del clinic
    return sqlite_database.run(act)


def account_of(database: Database, email: str) -> UUID:
    return database.read(
        lambda session: next(one.id for one in session.query(Account) if one.email == email)
    )


def ask(database: Database, asking: int, **more: Any) -> ServiceRequest:
    values = {
        "id": new_id(),
        "service_id": 1,
        "department_id": asking,
        "task": SECRET,
        "description": SECRET,
        "starts_at": START,
        "minutes": 30,
        "created_at": NOW,
        "changed_at": NOW,
        "status": Kept.NEW,
        "priority": Priority.ROUTINE,
        **more,
    }
    return add(database, ServiceRequest(**values))


def publish_request(
    database: Database, topic: requests.Topic, request: ServiceRequest, by: UUID | None = None
) -> None:
    database.run(
        lambda session: publish(
            work(session, now=NOW),
            topic,
            request=request.id,
            version=request.version,
            by=by,
            moved=False,
        )
    )


STATES = {
    requests.Topic.MADE: Kept.NEW,
    requests.Topic.AMENDED: Kept.NEW,
    requests.Topic.PROPOSED: Kept.PROPOSED,
    requests.Topic.ACCEPTED: Kept.ACCEPTED,
    requests.Topic.DECLINED: Kept.DECLINED,
    requests.Topic.CANCELLED: Kept.CANCELLED,
    requests.Topic.COMPLETED: Kept.ACCEPTED,
}
TO_ASKED = {requests.Topic.MADE, requests.Topic.AMENDED}


@pytest.mark.parametrize("topic", requests.Topic)
def test_a_request_is_told_to_the_other_department(
    sqlite_database: Database, mails: Mails, asking: int, topic: requests.Topic
) -> None:
    request = ask(sqlite_database, asking, status=STATES[topic])
    sam = account_of(sqlite_database, "sam@example.org")
    publish_request(sqlite_database, topic, request, by=sam if topic in TO_ASKED else None)
    sent = mails.new()
    asked, askers = {"radiology@example.org"}, {"sam@example.org", "kim@example.org"}
    if topic is requests.Topic.CANCELLED:
        assert sent.keys() == asked | askers  # by nobody of either
    else:
        assert sent.keys() == (asked if topic in TO_ASKED else askers)
    for mail in sent.values():
        assert not re.search("Chest|Emergency|Radiology", mail["subject"])
        for part in both(mail):
            assert "Chest X-ray" in part
            assert "Monday 23 November 2026, 10:30 am" in part
            assert f"{URL}/requests/{request.id}" in mail["text"]
    assert SECRET not in json.dumps(sent)


@pytest.mark.parametrize(("by_asking", "told"), [(True, 1), (False, 2)])
def test_who_cancels_a_request_is_not_told_of_it(
    sqlite_database: Database, mails: Mails, asking: int, by_asking: bool, told: int
) -> None:
    request = ask(sqlite_database, asking, status=Kept.CANCELLED)
    sam = account_of(sqlite_database, "sam@example.org")
    if not by_asking:
        change(sqlite_database, StaffMember, sam, department_id=1)
        add(sqlite_database, _staff(sqlite_database, "lou@example.org", asking))
    publish_request(sqlite_database, requests.Topic.CANCELLED, request, by=sam)
    sent = mails.new()
    assert len(sent) == told
    assert ("radiology@example.org" in sent) is by_asking


def _staff(database: Database, email: str, department_id: int) -> StaffMember:
    account = database.run(
        lambda session: factories.account(
            session, email, Role.STAFF, name="Lou", now=NOW, confirmed_at=NOW
        )
    )
    return StaffMember(account_id=account.id, centre_id=1, department_id=department_id)


def test_an_urgent_request_says_so(sqlite_database: Database, mails: Mails, asking: int) -> None:
    request = ask(sqlite_database, asking, priority=Priority.URGENT)
    publish_request(sqlite_database, requests.Topic.MADE, request)
    (mail,) = mails.new().values()
    assert mail["subject"] == "New urgent request"
    assert "Emergency urgently needs one of your services." in mail["text"]


def test_staff_who_wait_or_are_switched_off_are_not_written_to(
    sqlite_database: Database, mails: Mails, asking: int
) -> None:
    change(sqlite_database, Account, account_of(sqlite_database, "sam@example.org"), active=False)
    kim = account_of(sqlite_database, "kim@example.org")
    change(sqlite_database, StaffMember, kim, waits=True)
    publish_request(
        sqlite_database, requests.Topic.DECLINED, ask(sqlite_database, asking, status="declined")
    )
    assert mails.new() == {}


def test_a_request_answered_before_the_worker_came_is_not_told_as_new(
    sqlite_database: Database, mails: Mails, asking: int
) -> None:
    request = ask(sqlite_database, asking)
    publish_request(sqlite_database, requests.Topic.MADE, request)
    change(sqlite_database, ServiceRequest, request.id, status=Kept.CANCELLED)
    assert mails.new() == {}


# Offers


def offer(database: Database, clinic: Clinic, *, decided: bool = False, **more: Any) -> Offer:
    """A kept time a week after START for Ann, or whom ``patient`` names."""
    patient = more.pop("patient", clinic.patient)
    old = more.pop("instead_of", None)

    def act(session: Session) -> Offer:
        schedule = clinic.schedule if patient else clinic.service_schedule
        length = timedelta(hours=12)
        kept = factories.hold(session, schedule, LATER, patient, length=length, now=NOW)
        decision = _decision(session, old) if decided else None
        made = Offer(
            id=new_id(),
            hold_id=kept.id,
            status=OfferStatus.OPEN,
            made_at=NOW,
            expires_at=NOW + length,
            appointment_id=old.id if old else None,
            decision_id=decision,
            **more,
        )
        session.add(made)
        session.flush()
        publish(work(session, now=NOW), offers.Topic.MADE, offer=made.id)
        return made

    return database.run(act)


def _decision(session: Session, old: Any) -> UUID:
    absence = Absence(
        id=new_id(),
        diary_id=1,
        kind=AbsenceKind.LEAVE,
        starts_at=START,
        ends_at=LATER,
        created_at=NOW,
    )
    session.add(absence)
    session.flush()
    decision = AbsenceDecision(
        id=new_id(),
        absence_id=absence.id,
        appointment_id=old.id,
        choice=Choice.MOVE,
        progress=Progress.DONE,
        decided_at=NOW,
    )
    session.add(decision)
    session.flush()
    return decision.id


def test_an_offered_time_is_told_with_a_link_and_until_when_it_is_kept(
    sqlite_database: Database, clinic: Clinic, mails: Mails, settings: Settings
) -> None:
    made = offer(sqlite_database, clinic)
    (mail,) = mails.new().values()
    assert mail["to"] == "ann@example.org"
    assert mail["subject"] == "An appointment is available: Monday 30 November 2026, 10:30 am"
    assert f"{URL}/offers/{token_of(settings.key(), made.id)}" in mail["text"]
    for part in both(mail):
        assert "Monday 30 November 2026, 10:30 am, Sydney time (UTC+11:00)" in part
        assert "until Tuesday 3 November 2026, 12:00 am, Sydney time" in part
        assert "Toby Turner" in part
    assert mail["calendar"] is None


def test_an_earlier_time_tells_which_appointment_it_would_replace(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    old = book(sqlite_database, clinic)
    mails.new()
    offer(sqlite_database, clinic, instead_of=old)
    (mail,) = mails.new().values()
    assert mail["subject"].startswith("An earlier appointment is available: ")
    assert re.search("Instead of: Monday 23 November 2026, 10:30 am", mail["text"])


def test_a_rebooking_says_that_the_old_time_cannot_be_kept_whatever_offers_are_wanted(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    old = book(sqlite_database, clinic)
    mails.new()
    _switch_off(sqlite_database, clinic.patient_account, "offers")
    offer(sqlite_database, clinic, decided=True, instead_of=old)
    (mail,) = mails.new().values()
    assert mail["subject"].startswith("A new time for your appointment: ")
    assert "your appointment cannot take place at the old time." in mail["text"]


def test_an_offer_for_a_dependent_goes_to_who_cares(
    sqlite_database: Database, clinic: Clinic, mails: Mails, child: UUID
) -> None:
    offer(sqlite_database, clinic, patient=child)
    (mail,) = mails.new().values()
    assert mail["to"] == "ann@example.org"
    assert "For: Mia Example" in mail["text"]


def test_an_offer_for_a_department_goes_to_its_staff(
    sqlite_database: Database, clinic: Clinic, mails: Mails, asking: int
) -> None:
    entry = WaitingEntry(
        id=new_id(),
        department_id=asking,
        schedule_id=clinic.service_schedule,
        minutes=30,
        starts_from=START,
        starts_until=LATER,
        created_at=NOW,
    )
    add(sqlite_database, entry)
    offer(sqlite_database, clinic, patient=None, entry_id=entry.id)
    assert mails.new().keys() == {"sam@example.org", "kim@example.org"}


@pytest.mark.parametrize(
    "over",
    [{"status": OfferStatus.ACCEPTED}, {"status": OfferStatus.WITHDRAWN}, {"expires_at": NOW}],
)
def test_an_offer_that_is_over_is_not_told(
    sqlite_database: Database, clinic: Clinic, mails: Mails, over: dict[str, Any]
) -> None:
    made = offer(sqlite_database, clinic)
    change(sqlite_database, Offer, made.id, **over)
    assert mails.new() == {}


# Emergency access


def open_record(database: Database, patient: UUID) -> EmergencyAccess:
    access = EmergencyAccess(
        id=new_id(),
        patient_id=patient,
        practitioner_id=1,
        reason=SECRET,
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=24),
    )
    add(database, access)
    database.run(
        lambda session: publish(work(session, now=NOW), records.Topic.EMERGENCY, access=access.id)
    )
    return access


def test_emergency_access_is_told_to_the_patient_and_to_who_runs_the_centre(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    for account_id in (clinic.patient_account, clinic.staff_account):
        _switch_off(sqlite_database, account_id, "appointments", "referrals", "requests")
    open_record(sqlite_database, clinic.patient)
    sent = mails.new()
    admin = "centre-admin@accounts.example"
    assert sent.keys() == {"ann@example.org", admin}
    for mail in sent.values():
        assert mail["stop"] is None, "nobody can switch it off"
        assert "Practitioner: Toby Turner" in mail["text"]
        assert re.search("Open until:? Tuesday 3 November 2026, 12:00 pm", mail["text"])
    assert f"{URL}/history/reads" in sent["ann@example.org"]["text"]
    assert f"{URL}/admin/audit" in sent[admin]["text"]
    assert "Ann" not in json.dumps(sent[admin])
    assert SECRET not in json.dumps(sent)


def test_where_nobody_runs_the_centre_the_network_is_told_of_emergency_access(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    change(sqlite_database, Account, clinic.staff_account, role=Role.NETWORK_ADMIN)
    open_record(sqlite_database, clinic.patient)
    assert "centre-admin@accounts.example" in mails.new()


def test_who_cares_is_led_to_the_reads_of_the_dependent(
    sqlite_database: Database, clinic: Clinic, mails: Mails, child: UUID
) -> None:
    del clinic
    open_record(sqlite_database, child)
    mail = mails.new()["ann@example.org"]
    assert "The health record of Mia Example was opened in an emergency" in mail["text"]
    assert f"{URL}/history/{child}/reads" in mail["text"]


def test_every_link_of_a_mail_leads_to_a_page(tmp_path: Path) -> None:
    app = create_app(Settings(_env_file=None, data_dir=tmp_path))
    rules = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert {
        "/appointments/<uuid:appointment_id>",
        "/referrals/<uuid:referral_id>",
        "/requests/<uuid:request_id>",
        "/offers/<token>",
        "/history/reads",
        "/history/<uuid:patient_id>/reads",
        "/admin/audit",
        "/unsubscribe/<token>",
    } <= rules
    app.extensions["openslot"].database.close()


# What somebody has switched off


def _switch_off(database: Database, account_id: UUID, *kinds: str) -> None:
    wanted = dict.fromkeys(("appointments", "reminders", "offers", "referrals", "requests"), True)
    add(database, Preference(account_id=account_id, **wanted | dict.fromkeys(kinds, False)))


def test_what_is_switched_off_is_not_written(
    sqlite_database: Database, clinic: Clinic, mails: Mails, asking: int
) -> None:
    cases: list[tuple[str, UUID, Callable[[], object], set[str]]] = [
        (
            "appointments",
            clinic.patient_account,
            lambda: book(sqlite_database, clinic),
            {"toby@example.org"},
        ),
        ("offers", clinic.patient_account, lambda: offer(sqlite_database, clinic), set()),
        (
            "referrals",
            clinic.patient_account,
            lambda: publish_referral(
                sqlite_database,
                referrals.Topic.SENT,
                refer(sqlite_database, clinic, expertise="Dental"),
            ),
            set(),
        ),
        (
            "requests",
            account_of(sqlite_database, "sam@example.org"),
            lambda: publish_request(
                sqlite_database,
                requests.Topic.DECLINED,
                ask(sqlite_database, asking, status="declined"),
            ),
            {"kim@example.org"},
        ),
    ]
    for kind, account_id, act, told in cases:
        _switch_off(sqlite_database, account_id, kind)
        act()
        assert set(mails.new()) == told, kind
        sqlite_database.run(
            lambda session, one=account_id: session.delete(session.get_one(Preference, one))
        )


def test_a_department_keeps_its_mail_in_its_own_mailbox(
    sqlite_database: Database, mails: Mails, asking: int
) -> None:
    change(sqlite_database, Department, asking, email="emergency@example.org")
    publish_request(
        sqlite_database, requests.Topic.DECLINED, ask(sqlite_database, asking, status="declined")
    )
    (mail,) = mails.new().values()
    assert (mail["to"], mail["stop"]) == ("emergency@example.org", None)
