"""What departments are told of a request and of the appointment that it has: each exactly once."""

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

import factories
from clinic import Mails, both
from factories import MONDAY_9, NOW, change
from openslot.booking import commands as booking
from openslot.booking.models import Priority, Status
from openslot.core.actor import Actor
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.department_requests import commands
from openslot.department_requests.details import RequestDetails
from openslot.department_requests.models import ServiceRequest
from openslot.directory.models import Department, Patient, StaffMember
from openslot.notifications.models import Preference
from wards import Wards, ask, book_scan, build_wards, look
from working import work

TUESDAY_9 = MONDAY_9 + timedelta(days=1)
SURGERY, RADIOLOGY = "surgery@example.org", "radiology@example.org"
MAILBOX = "scans@example.org"
WHY = "The scanner is being repaired"
NO_CUTOFF = timedelta(0)


@pytest.fixture
def wards(sqlite_database: Database) -> Wards:
    """Departments without a mailbox; each has one account of staff."""
    return build_wards(sqlite_database)


class Letters:
    """The mails that were written since the last look, however many to one address."""

    def __init__(self, database: Database) -> None:
        settings = Settings(
            _env_file=None, public_url="https://book.example.org", secret_key="a key for tests"
        )
        self.mails = Mails(database, settings, now=NOW)

    def new(self) -> list[dict[str, Any]]:
        """Do all that is due, and read what was kept."""
        return self.mails.fresh()

    def told(self) -> Counter[str]:
        """To whom how many new mails go."""
        return Counter(one["to"] for one in self.new())

    def to(self, address: str) -> dict[str, Any]:
        """The one new mail to an address."""
        (mail,) = (one for one in self.new() if one["to"] == address)
        return mail


@pytest.fixture
def letters(sqlite_database: Database) -> Letters:
    return Letters(sqlite_database)


@pytest.fixture
def request_made(sqlite_database: Database, wards: Wards, letters: Letters) -> ServiceRequest:
    made = ask(sqlite_database, wards, patient=True)
    assert letters.told() == {RADIOLOGY: 1}
    return made


@pytest.fixture
def accepted(
    sqlite_database: Database, wards: Wards, letters: Letters, request_made: ServiceRequest
) -> ServiceRequest:
    """Accepted, and everybody has been told."""
    sqlite_database.run(
        lambda session: commands.accept(work(session, wards.radiology, NOW), request_made.id)
    )
    assert letters.told() == {SURGERY: 1}, "those who accepted it know"
    return request_made


def appointment_of(database: Database, request: ServiceRequest) -> UUID:
    appointment = look(database, request).appointment
    assert appointment is not None
    return appointment.id


def move(database: Database, request: ServiceRequest, by: Actor) -> None:
    """On the page of the appointment."""
    appointment_id = appointment_of(database, request)
    database.run(
        lambda session: booking.move(
            work(session, by, NOW, cutoff=NO_CUTOFF), appointment_id, TUESDAY_9
        )
    )


def end(
    database: Database, request: ServiceRequest, by: Actor, to: Status = Status.CANCELLED
) -> None:
    """On the page of the appointment."""
    appointment_id = appointment_of(database, request)
    database.run(
        lambda session: factories.change_status(session, appointment_id, to, by=by, why=WHY)
    )


def amend(database: Database, wards: Wards, request: ServiceRequest, **more: Any) -> None:
    details = RequestDetails(task="CT neck", priority=Priority.URGENT)
    database.run(
        lambda session: commands.amend(
            work(session, wards.surgery, NOW), request.id, details, **more
        )
    )


def cancel(database: Database, request: ServiceRequest, by: Actor) -> None:
    """The request itself."""
    database.run(lambda session: commands.cancel(work(session, by, NOW), request.id))


# On the page of the appointment


def test_who_asked_is_told_that_others_moved_the_appointment(
    sqlite_database: Database, wards: Wards, letters: Letters, accepted: ServiceRequest
) -> None:
    move(sqlite_database, accepted, wards.ward)
    new = letters.new()
    assert Counter(one["to"] for one in new) == {SURGERY: 1, RADIOLOGY: 1}
    (mail,) = (one for one in new if one["to"] == SURGERY)
    assert mail["subject"] == "A request has a new time"
    for part in both(mail):
        assert re.search("Service:? Radiology scan", part)
        assert re.search("Department:? Radiology", part)
        assert re.search("When:? Tuesday 24 November 2026, 9:00 am", part)
        assert re.search("Old time:? Monday 23 November 2026, 9:00 am", part)
        assert re.search("Moved by:? Ward 3", part)
        assert not re.search("CT head|After a fall|Ilse", part)
    assert f"https://book.example.org/requests/{accepted.id}" in mail["text"]


def test_who_is_asked_is_told_for_whom_and_by_whom_an_appointment_moved(
    sqlite_database: Database, wards: Wards, letters: Letters, accepted: ServiceRequest
) -> None:
    move(sqlite_database, accepted, wards.ward)
    mail = letters.to(RADIOLOGY)
    assert "Appointment moved" in mail["subject"]
    for part in both(mail):
        assert re.search("Requested by:? Surgery", part)
        assert re.search("Priority:? Routine", part)
        assert re.search("Moved by:? Ward 3", part)
    assert mail["method"] == "REQUEST", "their calendar follows"


def test_who_asked_is_told_that_the_appointment_was_cancelled_by_whom_and_why(
    sqlite_database: Database, wards: Wards, letters: Letters, accepted: ServiceRequest
) -> None:
    end(sqlite_database, accepted, wards.radiology)
    (mail,) = letters.new()
    assert (mail["to"], mail["subject"]) == (SURGERY, "A request has been cancelled")
    for part in both(mail):
        assert re.search("Cancelled by:? Radiology", part)
        assert re.search(f"Reason:? {WHY}", part)
        assert re.search("When:? Monday 23 November 2026, 9:00 am", part)


def test_an_appointment_entered_in_error_is_told_as_cancelled(
    sqlite_database: Database, wards: Wards, letters: Letters, accepted: ServiceRequest
) -> None:
    end(sqlite_database, accepted, wards.admin, Status.ENTERED_IN_ERROR)
    assert letters.told() == {SURGERY: 1, RADIOLOGY: 1}


def test_who_asked_is_not_told_what_they_did_themselves(
    sqlite_database: Database, wards: Wards, letters: Letters, accepted: ServiceRequest
) -> None:
    move(sqlite_database, accepted, wards.surgery)
    assert letters.told() == {RADIOLOGY: 1}
    end(sqlite_database, accepted, wards.surgery)
    assert letters.told() == {RADIOLOGY: 1}


def test_the_patient_is_not_named_to_who_asked(
    sqlite_database: Database, wards: Wards, letters: Letters, accepted: ServiceRequest
) -> None:
    own = sqlite_database.run(lambda session: _account_of_patient(session, wards))
    patient = Actor(account_id=own, patient_id=wards.patient)
    end(sqlite_database, accepted, patient)
    mail = letters.to(SURGERY)
    assert "Cancelled by: The patient" in mail["text"]
    assert "Ilse" not in mail["text"] + mail["html"]


def _account_of_patient(session: Session, wards: Wards) -> UUID:
    account = factories.account(session, "ilse@example.org", name="Ilse Brandt")
    session.get_one(Patient, wards.patient).account_id = account.id
    return account.id


# With the request's own verbs


def test_agreeing_is_told_once_with_the_entry_for_the_calendar(
    sqlite_database: Database, wards: Wards, letters: Letters, request_made: ServiceRequest
) -> None:
    sqlite_database.run(
        lambda session: commands.propose(
            work(session, wards.radiology, NOW), request_made.id, TUESDAY_9, answer=None
        )
    )
    assert letters.told() == {SURGERY: 1}
    sqlite_database.run(
        lambda session: commands.agree(work(session, wards.surgery, NOW), request_made.id)
    )
    (mail,) = letters.new()
    assert (mail["to"], mail["method"]) == (RADIOLOGY, "REQUEST")
    assert "Requested by: Surgery" in mail["text"]


def test_a_request_that_is_moved_is_told_once(
    sqlite_database: Database, wards: Wards, letters: Letters, accepted: ServiceRequest
) -> None:
    amend(sqlite_database, wards, accepted, start=TUESDAY_9)
    (mail,) = letters.new()
    assert (mail["to"], mail["method"]) == (RADIOLOGY, "REQUEST")
    assert "Appointment moved" in mail["subject"]
    assert "Priority: Urgent" in mail["text"]
    assert "Moved by: Surgery" in mail["text"]


def test_a_request_of_which_the_words_change_is_told_once(
    sqlite_database: Database, wards: Wards, letters: Letters, accepted: ServiceRequest
) -> None:
    amend(sqlite_database, wards, accepted)
    (mail,) = letters.new()
    assert (mail["to"], mail["subject"]) == (RADIOLOGY, "A request has changed")


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("surgery", {RADIOLOGY: 1}),
        ("radiology", {SURGERY: 1}),
        ("admin", {SURGERY: 1, RADIOLOGY: 1}),
    ],
)
def test_a_request_that_is_cancelled_with_its_appointment_is_told_once(
    sqlite_database: Database,
    wards: Wards,
    letters: Letters,
    accepted: ServiceRequest,
    who: str,
    told: dict[str, int],
) -> None:
    cancel(sqlite_database, accepted, getattr(wards, who))
    assert letters.told() == told


def test_a_request_accepted_and_at_once_cancelled_on_its_page_is_not_told_as_accepted(
    sqlite_database: Database, wards: Wards, letters: Letters, request_made: ServiceRequest
) -> None:
    sqlite_database.run(
        lambda session: commands.accept(work(session, wards.radiology, NOW), request_made.id)
    )
    end(sqlite_database, request_made, wards.radiology)
    assert [(one["to"], one["subject"]) for one in letters.new()] == [
        (SURGERY, "A request has been cancelled")
    ]


def test_a_declined_request_is_told_with_the_time_that_was_wanted(
    sqlite_database: Database, wards: Wards, letters: Letters, request_made: ServiceRequest
) -> None:
    sqlite_database.run(
        lambda session: commands.propose(
            work(session, wards.radiology, NOW), request_made.id, TUESDAY_9, answer=None
        )
    )
    assert "Tuesday 24 November 2026" in letters.to(SURGERY)["text"]
    sqlite_database.run(
        lambda session: commands.decline(
            work(session, wards.radiology, NOW), request_made.id, answer="No"
        )
    )
    mail = letters.to(SURGERY)
    assert mail["subject"] == "A request has been declined"
    assert "Monday 23 November 2026" in mail["text"]
    assert "Tuesday" not in mail["text"]


# Appointments of a service that nobody has asked for


def test_a_department_without_an_address_is_told_of_its_appointments_through_its_staff(
    sqlite_database: Database, wards: Wards, letters: Letters
) -> None:
    book_scan(sqlite_database, wards, wards.patient)
    (mail,) = letters.new()
    assert (mail["to"], mail["method"]) == (RADIOLOGY, "REQUEST")
    assert "Requested by:" not in mail["text"]


def test_staff_may_switch_mail_about_appointments_off(
    sqlite_database: Database, wards: Wards, letters: Letters
) -> None:
    kinds = {"appointments": False, "reminders": True, "offers": True, "referrals": True}

    def switch_off(session: Session) -> None:
        owner = wards.radiology.account_id
        session.add(Preference(account_id=owner, requests=True, **kinds))

    sqlite_database.run(switch_off)
    book_scan(sqlite_database, wards, wards.patient)
    assert letters.new() == []


def test_a_mailbox_is_told_also_what_its_own_department_did(
    sqlite_database: Database, wards: Wards, letters: Letters, accepted: ServiceRequest
) -> None:
    department = wards.radiology.department_id
    change(sqlite_database, Department, department, email=MAILBOX)
    move(sqlite_database, accepted, replace(wards.radiology, address="10.0.0.2"))
    assert letters.told() == {SURGERY: 1, MAILBOX: 1}, "its calendar lives on mail"


def test_mails_to_several_staff_are_told_apart(
    sqlite_database: Database, wards: Wards, letters: Letters, accepted: ServiceRequest
) -> None:
    from_ward = wards.ward.account_id
    assert from_ward is not None
    sqlite_database.run(lambda session: _sit_in(session, from_ward, wards))
    move(sqlite_database, accepted, wards.admin)
    new = letters.new()
    assert Counter(one["to"] for one in new) == {SURGERY: 1, RADIOLOGY: 1, "ward@example.org": 1}
    assert len({one["key"] for one in new}) == len(new)


def _sit_in(session: Session, account_id: UUID, wards: Wards) -> None:
    staff = session.get_one(StaffMember, account_id)
    staff.department_id = wards.radiology.department_id
