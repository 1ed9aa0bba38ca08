"""The demonstration network: whole or not at all, once, the same each time, and alive."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import professions
from engines import DATA_KEYS
from factories import NOW, SYDNEY
from importing import QUICK, counts, found_demo
from openslot.booking import check, queries
from openslot.booking.models import Appointment
from openslot.core.actor import Role
from openslot.core.db import Database
from openslot.core.outbox import OutboxMessage
from openslot.demo import load as demo
from openslot.demo.desk import DESK
from openslot.demo.load import LOGINS, PASSWORD, is_demo, load_demo
from openslot.department_requests.models import ServiceRequest
from openslot.directory.commands import actor_of
from openslot.directory.models import (
    Centre,
    Department,
    Dependent,
    Patient,
    Practitioner,
    Service,
)
from openslot.feedback.models import Favourite, Rating
from openslot.identity.commands import sign_in, source_of
from openslot.identity.models import Account
from openslot.importers.progress import Silent
from openslot.records.models import Entry, EntryKind
from openslot.referrals.models import Referral
from openslot.schedules.models import Absence, Closure
from openslot.waiting_list.models import WaitingEntry


def load(database: Database, now: datetime = NOW) -> None:
    load_demo(database, QUICK, now=now, progress=Silent())


def found(database: Database, kind: Any) -> list[Any]:
    return database.read(lambda session: list(session.scalars(select(kind))))


def appointments(database: Database) -> list[Appointment]:
    return database.read(queries.appointments)


def test_it_is_loaded_on_each_engine_and_only_once(database: Database) -> None:
    assert not is_demo(database)
    load(database)
    assert is_demo(database)
    assert check.faults(database) == []
    rows = counts(database)
    load(database, NOW + timedelta(days=3))
    assert counts(database) == rows


def test_it_is_all_or_nothing(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the power is cut")

    before = counts(sqlite_database)
    with monkeypatch.context() as patched:
        patched.setattr(demo, "write_appointments", fail)
        with pytest.raises(RuntimeError):
            load(sqlite_database)
    assert counts(sqlite_database) == before
    load(sqlite_database)
    assert is_demo(sqlite_database)


def test_it_comes_out_the_same_each_time(sqlite_database: Database, tmp_path: Any) -> None:
    def story(database: Database) -> list[tuple[object, ...]]:
        return [
            (
                appointment.starts_at,
                appointment.status,
                appointment.with_whom,
                appointment.patient.name if appointment.patient else None,
                appointment.reason,
            )
            for appointment in appointments(database)
        ]

    load(sqlite_database)
    again = Database(f"sqlite:///{tmp_path}/again.sqlite3", DATA_KEYS)
    with again.engine.begin() as connection:
        Account.metadata.create_all(connection)
    load(again)
    assert sorted(map(str, story(again))) == sorted(map(str, story(sqlite_database)))
    again.close()


@pytest.mark.parametrize("login", LOGINS, ids=lambda login: login.role)
def test_each_login_opens_an_account_of_its_role(
    demo_database: Database, login: demo.Login
) -> None:
    account = sign_in(
        demo_database,
        QUICK,
        login.email,
        login.password,
        source=source_of("test"),
        address="test",
        now=NOW,
    ).account
    actor = demo_database.read(lambda session: actor_of(session, account, None))
    expected = {
        "Patient": Role.PATIENT,
        "Practitioner (pathologist)": Role.PRACTITIONER,
        "Practitioner (GP)": Role.PRACTITIONER,
        "Department staff": Role.STAFF,
        "Receptionist": Role.STAFF,
        "Centre administrator": Role.CENTRE_ADMIN,
        "Network administrator": Role.NETWORK_ADMIN,
    }
    assert actor.role is expected[login.role]
    stands_for = (actor.patient_id, actor.practitioner_id, actor.centre_id)
    assert any(stands_for) or actor.is_a(Role.NETWORK_ADMIN)
    assert bool(actor.department_id) == (login.role == "Department staff")


@pytest.fixture(scope="module")
def demo_database(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One demonstration for the tests that only read it."""
    file = tmp_path_factory.mktemp("demo") / "demo.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{file}", DATA_KEYS)
    found_demo(database)
    yield database
    database.close()


def test_the_demo_password_is_long_enough() -> None:
    assert len(PASSWORD) >= 12


def test_invented_people_have_mail_under_example_domains(demo_database: Database) -> None:
    domains = {one.email.partition("@")[2] for one in found(demo_database, Account)}
    invented = domains - {"gmail.com"}  # MediSoft's own people
    assert all(domain.endswith(("example", "example.com", "example.org")) for domain in invented)
    centres = {one.email.partition("@")[2] for one in found(demo_database, Centre) if one.email}
    assert all(domain.endswith(".example") for domain in centres)


def test_the_network_is_large_and_varied(demo_database: Database) -> None:
    centres = found(demo_database, Centre)
    assert len(centres) == 20
    assert len({centre.suburb for centre in centres}) > 10
    assert {centre.time_zone for centre in centres} == {
        "Australia/Sydney",
        "Australia/Perth",
        "Australia/Adelaide",
        "Europe/Dublin",
    }
    assert {"AU-NSW", "AU-WA", "AU-SA", "IE", None} == {one.holiday_region for one in centres}
    practitioners = found(demo_database, Practitioner)
    assert {one.profession for one in practitioners} >= set(professions.CODES[:10])
    invented = [one for one in practitioners if one.email.endswith("@example.org")]
    assert len(invented) >= 40
    assert len([one for one in invented if one.either_place]) == 2
    assert all(one.about and one.languages for one in invented)
    assert len({one.name for one in practitioners}) == len(practitioners)
    assert len(found(demo_database, Patient)) == 365


def test_calendars_are_alive(demo_database: Database) -> None:
    statuses = Counter(appointment.status for appointment in appointments(demo_database))
    assert set(statuses) == {"booked", "arrived", "fulfilled", "cancelled", "no-show"}
    assert statuses["fulfilled"] > 300
    assert statuses["booked"] > 150
    assert len(found(demo_database, Absence)) >= 2
    assert len(found(demo_database, Closure)) == 1
    assert len(found(demo_database, Rating)) > 200


def test_a_day_is_as_people_work(demo_database: Database) -> None:
    """Nobody comes at night, twice on a day, or to a midwife without reason; weeks thin out."""
    of_people = [one for one in appointments(demo_database) if one.practitioner]
    hours = {one.starts_at.astimezone(one.zone).hour for one in of_people}
    assert 7 <= min(hours) <= max(hours) < 20
    days = Counter(
        (one.patient.id, one.starts_at.astimezone(one.zone).date())
        for one in of_people
        if one.patient and one.patient.email != "jack@gmail.com"
    )
    assert max(days.values()) <= 2, "a class beside an appointment at most"
    ahead = [(one.starts_at - NOW).days // 7 for one in of_people if one.status == "booked"]
    weeks = [ahead.count(week) for week in range(4)]
    assert weeks == sorted(weeks, reverse=True)
    assert weeks[0] > 3 * weeks[3] > 0


def test_what_is_past_is_over_and_what_is_booked_is_to_come(demo_database: Database) -> None:
    for appointment in appointments(demo_database):
        if appointment.status == "booked":
            assert appointment.starts_at >= NOW
        if appointment.status in ("fulfilled", "no-show"):
            assert appointment.starts_at <= NOW
        assert appointment.created_at < appointment.starts_at


@pytest.mark.parametrize("hour", [0, 11, 23], ids=lambda hour: f"at {hour} o'clock in Sydney")
def test_today_is_busy_for_some_and_somebody_has_arrived(
    sqlite_database: Database, hour: int
) -> None:
    now = datetime(2026, 11, 22, hour, 7, tzinfo=SYDNEY).astimezone(UTC)
    load(sqlite_database, now)
    today = [
        appointment
        for appointment in appointments(sqlite_database)
        if appointment.starts_at.astimezone(SYDNEY).date() == now.astimezone(SYDNEY).date()
        and appointment.practitioner
        and appointment.practitioner.email == "toby@gmail.com"
    ]
    assert 5 <= len(today) < 10, "of ten times with a break, some are free"
    assert len([appointment for appointment in today if appointment.status == "arrived"]) == 1
    assert check.faults(sqlite_database) == []


def test_the_day_of_the_desk_is_as_far_as_the_clock(sqlite_database: Database) -> None:
    now = datetime(2026, 11, 22, 11, 7, tzinfo=SYDNEY).astimezone(UTC)
    load(sqlite_database, now)
    today = [
        appointment
        for appointment in appointments(sqlite_database)
        if appointment.centre.name == DESK
        and appointment.starts_at.astimezone(SYDNEY).date() == now.astimezone(SYDNEY).date()
    ]
    came = [one for one in today if one.day_number is not None]
    assert sorted(one.day_number or 0 for one in came) == list(range(1, len(came) + 1))
    assert all(one.came_at and one.came_at <= now for one in came)
    waiting = [one for one in came if one.status == "arrived" and one.called_at is None]
    assert waiting
    assert [one.status for one in today if one.late_minutes] == ["booked"]
    assert {"fulfilled", "arrived", "booked"} <= {one.status for one in today}


def test_the_demo_patient_has_a_past_and_a_future(demo_database: Database) -> None:
    def own(session: Session) -> list[Appointment]:
        return queries.appointments(session, Patient.email == "jack@gmail.com")

    statuses = [appointment.status for appointment in demo_database.read(own)]
    past = ["fulfilled", "fulfilled", "cancelled", "fulfilled"]
    assert statuses == past + (2 + 5 + 2) * ["booked"], "among them a series and an itinerary"


def test_nobody_is_told_of_what_was_only_invented(demo_database: Database) -> None:
    messages = found(demo_database, OutboxMessage)
    assert messages
    assert {message.state for message in messages} == {"done"}


def test_departments_have_urgent_and_routine_requests_to_come(demo_database: Database) -> None:
    coming = [
        appointment
        for appointment in appointments(demo_database)
        if appointment.service and appointment.starts_at > NOW
    ]
    assert {appointment.priority for appointment in coming} == {"routine", "urgent"}
    invented = [one for one in appointments(demo_database) if not one.task]
    requests = [one for one in found(demo_database, ServiceRequest) if one.status != "accepted"]
    assert all(one.patient for one in invented), "no CT for nobody"
    assert all(one.patient_id for one in requests)


def test_what_was_seen_is_recorded_by_whoever_saw_it(demo_database: Database) -> None:
    seen = {
        (appointment.patient.id, appointment.practitioner.id)
        for appointment in appointments(demo_database)
        if appointment.status == "fulfilled" and appointment.patient and appointment.practitioner
    }
    entries = found(demo_database, Entry)
    assert len(entries) > 200
    assert {entry.kind for entry in entries} == set(EntryKind)
    assert {(entry.patient_id, entry.practitioner_id) for entry in entries} == seen


def test_every_appointment_to_a_specialist_used_a_referral_of_its_own(
    demo_database: Database,
) -> None:
    to_specialists = [
        appointment
        for appointment in appointments(demo_database)
        if appointment.practitioner and appointment.practitioner.needs_referral
    ]
    used = [one.referral_id for one in to_specialists]
    assert len(used) > 10
    assert None not in used
    assert len(set(used)) == len(used)
    assert {one.status for one in to_specialists if one.referral_use is None} == {"cancelled"}
    free = [one for one in found(demo_database, Referral) if one.id not in used]
    assert Counter(one.expertise for one in free) == {
        "Cardiology": 2,
        "Dermatology": 1,
        "Dental": 1,
    }
    assert {one.status for one in free} == {"sent"}


def test_departments_ask_each_other_inside_a_centre(demo_database: Database) -> None:
    services = {one.id: one.department_id for one in found(demo_database, Service)}
    centres = {one.id: one.centre_id for one in found(demo_database, Department)}
    requests = found(demo_database, ServiceRequest)
    assert Counter(one.status for one in requests) > Counter(new=4, proposed=1, accepted=20)
    for one in requests:
        asked = services[one.service_id]
        assert asked != one.department_id
        assert centres[asked] == centres[one.department_id]
        assert (one.appointment_id is not None) == (one.status == "accepted")


def test_the_demo_patient_has_a_family_favourites_and_waits(demo_database: Database) -> None:
    assert len(found(demo_database, Dependent)) == 1
    assert len(found(demo_database, Favourite)) >= 4
    entries = found(demo_database, WaitingEntry)
    [for_service] = [one for one in entries if one.profession]
    assert for_service.service.name == "Assessment"
    assert len([one for one in entries if one.appointment_id]) == 1
    assert len({one.patient_id for one in entries}) > 3
    assert all(one.starts_until > NOW for one in entries)


def test_ratings_are_by_patients_who_were_there(demo_database: Database) -> None:
    seen = {
        (one.patient_id, one.schedule_id)
        for one in found(demo_database, Appointment)
        if one.status == "fulfilled"
    }
    raters = {patient_id for patient_id, _ in seen}
    assert {rating.patient_id for rating in found(demo_database, Rating)} <= raters
    assert {rating.stars for rating in found(demo_database, Rating)} <= {1, 2, 3, 4, 5}
