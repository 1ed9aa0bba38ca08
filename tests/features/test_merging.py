"""Merging a duplicate: all of it moves or nothing, and undoing gives all of it back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW, change
from openslot.booking import check
from openslot.booking.errors import BothBusy, InvalidTransition
from openslot.booking.models import Appointment, Status
from openslot.core import audit
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.core.errors import DomainError, Forbidden, NotFound
from openslot.core.tables import Base
from openslot.directory.errors import (
    AlreadyUndone,
    BothManaged,
    CareForEachOther,
    CarerCaredFor,
    MergedFurther,
    SamePatient,
)
from openslot.directory.merges import queries as merges
from openslot.directory.models import Dependent, Patient, PatientMerge
from openslot.feedback.models import Favourite, Rating
from openslot.identity.models import Account
from openslot.records import commands as records
from openslot.records.details import EmergencyDetails, NoteDetails
from openslot.records.models import Entry
from openslot.referrals.models import Referral
from openslot.usecases import merging
from referring import TUESDAY_9, Dentists
from town import Town, build_town
from waitroom import wait
from working import work

WEDNESDAY_9 = MONDAY_9 + timedelta(days=2)


@pytest.fixture
def town(database: Database) -> Town:
    return build_town(database, patients=4)


def merge(
    database: Database, into: UUID, duplicate: UUID, *, now: datetime = NOW, **more: Any
) -> PatientMerge:
    return database.run(
        lambda session: merging.merge(work(session, SYSTEM, now), into, duplicate, **more)
    )


def unmerge(database: Database, row: PatientMerge) -> PatientMerge:
    return database.run(lambda session: merging.unmerge(work(session, SYSTEM, NOW), row.id))


def book(database: Database, town: Town, patient: int, **more: Any) -> Appointment:
    return database.run(
        lambda session: factories.appointment(
            session,
            more.pop("schedule", town.gp_at_hospital),
            more.pop("start", MONDAY_9),
            town.patients[patient],
        )
    )


def owners(database: Database) -> dict[str, Any]:
    """Who owns what: every column of every table that points to a patient, by row."""

    def look(session: Session) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for table in Base.metadata.sorted_tables:
            if table.name in ("patient", "patient_merge"):
                continue
            for key in table.foreign_keys:
                if key.column.table is Patient.__table__:
                    ids = [column for column in table.primary_key if column is not key.parent]
                    rows = session.execute(table.select()).mappings()
                    found[f"{table.name}.{key.parent.name}"] = {
                        (tuple(str(row[column]) for column in ids), str(row[key.parent]))
                        for row in rows
                    }
        people = session.query(Patient)
        found["accounts"] = {(str(one.id), str(one.account_id)) for one in people}
        found["details"] = {(str(one.id), one.name, one.phone, one.active) for one in people}
        found["keys"] = {(str(one.id), one.one_a_day) for one in session.query(Appointment)}
        return found

    return database.read(look)


def fill(database: Database, town: Town, patient: int) -> None:
    """Give a patient one of everything."""
    patient_id = town.patients[patient]
    dentists = Dentists(database, town)
    dentists.sent(patient=patient)
    dentists.book(dentists.booking_request(patient=patient), by=town.patient(patient))
    wait(database, town, patient, schedule_id=town.physio_at_hospital)

    def more(session: Session) -> None:
        note = NoteDetails(text="Sprained ankle")
        records.add(work(session, town.doctor, NOW, access_days=0), patient_id, note)
        physio = Actor(role=Role.PRACTITIONER, practitioner_id=town.physio)
        reason = EmergencyDetails(reason="Collapsed in the street")
        records.break_glass(work(session, physio, NOW), patient_id, reason)
        session.add(Rating(patient_id=patient_id, practitioner_id=town.gp, stars=4, rated_at=NOW))
        child = factories.patient(session, "Mia")
        session.add(Dependent(patient_id=child.id, carer_id=patient_id, since=NOW))
        account = factories.account(session, f"p{patient}@example.net")
        row = session.get_one(Patient, patient_id)
        row.account_id, row.phone = account.id, "0400 123 456"

    database.run(more)


def test_everything_moves_and_everything_comes_back(database: Database, town: Town) -> None:
    fill(database, town, 1)
    before = owners(database)
    row = merge(database, town.patients[0], town.patients[1])

    def left(session: Session) -> list[str]:
        tables = [*merges.tables_of_patients().values(), *map(_table, merges.OWN_WAY)]
        return [
            table.name
            for table in tables
            if "patient_id" in table.c
            and table.name not in ("patient_merge", "appointment")
            and session.execute(
                table.select().where(table.c.patient_id == town.patients[1])
            ).first()
        ]

    assert database.read(left) == []
    merged = database.read(lambda session: session.get_one(Patient, town.patients[1]))
    assert (merged.active, merged.merged_into) == (False, town.patients[0])
    kept = database.read(lambda session: session.get_one(Patient, town.patients[0]))
    assert kept.phone == "0400 123 456"
    assert kept.account_id is not None
    assert check.faults(database) == []
    unmerge(database, row)
    assert owners(database) == before
    assert check.faults(database) == []


def _table(name: str) -> Any:
    return Base.metadata.tables[name]


def test_every_table_that_names_a_patient_is_merged_in_some_way() -> None:
    """A new table must be moved by its rows, or have a way of its own."""
    pointing = {
        table.name
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table is Patient.__table__
    }
    assert pointing == merges.tables_of_patients().keys() | merges.OWN_WAY
    for table in merges.tables_of_patients().values():
        columns = [k.parent.name for k in table.foreign_keys if k.column.table.name == "patient"]
        assert columns == ["patient_id"]


def test_the_time_moves_to_the_diary_of_the_patient(database: Database, town: Town) -> None:
    book(database, town, 1)
    merge(database, town.patients[0], town.patients[1])
    with pytest.raises(DomainError) as busy:
        book(database, town, 0, schedule=town.physio_at_hospital)
    assert busy.value.code == "patient-busy"


def test_if_both_are_busy_at_once_nothing_is_merged(database: Database, town: Town) -> None:
    book(database, town, 1, start=MONDAY_9 + HALF_HOUR)
    book(database, town, 1, start=WEDNESDAY_9)
    book(database, town, 0, start=WEDNESDAY_9, schedule=town.physio_at_hospital)
    before = owners(database)
    with pytest.raises(BothBusy) as refused:
        merge(database, town.patients[0], town.patients[1])
    assert "2026-11-25 09:00" in str(refused.value)
    assert owners(database) == before
    assert check.faults(database) == []


def test_own_holds_are_released_and_do_not_stand_in_the_way(database: Database, town: Town) -> None:
    book(database, town, 1)
    database.run(lambda s: factories.hold(s, town.physio_at_hospital, MONDAY_9, town.patients[0]))
    merge(database, town.patients[0], town.patients[1])
    assert check.faults(database) == []


def test_two_on_one_day_with_one_practitioner_stay_and_get_their_keys_back(
    database: Database, town: Town
) -> None:
    book(database, town, 0)
    book(database, town, 1, start=MONDAY_9 + 4 * HALF_HOUR)
    before = owners(database)
    row = merge(database, town.patients[0], town.patients[1])
    keys = database.read(lambda s: [one.one_a_day for one in s.query(Appointment)])
    assert keys.count(None) == 1
    unmerge(database, row)
    assert owners(database) == before


def test_what_hangs_on_a_moved_entry_goes_back_and_the_rest_stays(
    database: Database, town: Town
) -> None:
    appointment = book(database, town, 1)
    doctor = town.doctor

    def note(text: str, patient: int, **more: Any) -> UUID:
        entry = database.run(
            lambda s: records.add(
                work(s, doctor, MONDAY_9, access_days=0),
                town.patients[patient],
                NoteDetails(text=text),
                **more,
            )
        )
        return entry.id

    old = note("Left ankle", 1)
    row = merge(database, town.patients[0], town.patients[1])
    fixed = database.run(
        lambda s: records.correct(work(s, doctor, MONDAY_9), old, NoteDetails(text="Right ankle"))
    ).id
    at_appointment = note("At the moved appointment", 0, appointment_id=appointment.id)
    new = note("Written since", 0)
    unmerge(database, row)
    whose = database.read(lambda s: {one.id: one.patient_id for one in s.query(Entry)})
    assert [whose[one] for one in (old, fixed, at_appointment)] == [town.patients[1]] * 3
    assert whose[new] == town.patients[0]


def test_what_was_cancelled_or_moved_since_goes_back_as_it_is(
    database: Database, town: Town
) -> None:
    first, second = book(database, town, 1), book(database, town, 1, start=TUESDAY_9)
    row = merge(database, town.patients[0], town.patients[1])
    database.run(lambda s: factories.change_status(s, first.id, Status.CANCELLED, now=NOW))
    book(database, town, 0, schedule=town.physio_at_hospital)
    unmerge(database, row)
    rows = database.read(lambda s: {one.id: one for one in s.query(Appointment)})
    assert rows[first.id].status is Status.CANCELLED
    assert rows[second.id].patient_id == rows[first.id].patient_id == town.patients[1]
    assert check.faults(database) == []


def test_a_merge_gives_no_more_time_to_undo_a_cancellation(database: Database, town: Town) -> None:
    appointment = book(database, town, 1)

    def change(to: Status, minutes: int) -> None:
        at = NOW + timedelta(minutes=minutes)
        database.run(lambda s: factories.change_status(s, appointment.id, to, now=at))

    change(Status.CANCELLED, 0)
    merge(database, town.patients[0], town.patients[1], now=NOW + timedelta(minutes=9))
    with pytest.raises(InvalidTransition):
        change(Status.BOOKED, 11)
    change(Status.BOOKED, 10)


def test_a_referral_used_since_goes_back_with_its_appointment(
    database: Database, town: Town
) -> None:
    dentists = Dentists(database, town)
    letter = dentists.sent(patient=1)
    row = merge(database, town.patients[3], town.patients[1])
    used = dentists.book(dentists.booking_request(patient=3), by=town.patient(3))
    unmerge(database, row)
    rows = database.read(
        lambda s: (
            s.get_one(Referral, letter).patient_id,
            s.get_one(Appointment, used.id).patient_id,
        )
    )
    assert rows == (town.patients[1], town.patients[1])


def test_of_two_ratings_the_newer_counts_until_the_merge_is_undone(
    database: Database, town: Town
) -> None:
    def rate(session: Session) -> None:
        for number, patient in enumerate(town.patients[:2]):
            at = NOW + timedelta(days=number)
            session.add(
                Rating(patient_id=patient, centre_id=town.clinic, stars=number + 1, rated_at=at)
            )

    database.run(rate)
    before = owners(database)
    row = merge(database, town.patients[0], town.patients[1])
    given = database.read(lambda s: [(one.patient_id, one.stars) for one in s.query(Rating)])
    assert given == [(town.patients[0], 2)]
    unmerge(database, row)
    assert owners(database) == before


# Accounts and carers


def with_account(database: Database, patient_id: UUID, email: str) -> UUID:
    def act(session: Session) -> UUID:
        account = factories.account(session, email)
        session.get_one(Patient, patient_id).account_id = account.id
        return account.id

    return database.run(act)


def with_carer(database: Database, patient_id: UUID, carer_id: UUID) -> None:
    link = {"patient_id": patient_id, "carer_id": carer_id, "since": NOW}
    database.run(lambda session: session.add(Dependent(**link)))


def carer(database: Database, patient_id: UUID) -> UUID | None:
    link = database.read(lambda session: session.get(Dependent, patient_id))
    return link.carer_id if link else None


def test_two_accounts_are_refused_unless_one_loses_access(database: Database, town: Town) -> None:
    kept = with_account(database, town.patients[0], "kept@example.net")
    ended = with_account(database, town.patients[1], "ended@example.net")
    database.run(
        lambda s: s.add_all(
            Favourite(account_id=one, centre_id=centre, since=NOW)
            for one, centre in ((kept, town.clinic), (ended, town.clinic), (ended, town.hospital))
        )
    )
    with pytest.raises(BothManaged):
        merge(database, town.patients[0], town.patients[1])
    row = merge(database, town.patients[0], town.patients[1], end_access=True)
    active = database.read(lambda s: {one.id: one.active for one in s.query(Account)})
    assert active == {kept: True, ended: False}
    likes = database.read(lambda s: sorted(str(one.account_id) for one in s.query(Favourite)))
    assert likes.count(str(kept)) == 2
    unmerge(database, row)
    assert database.read(lambda s: s.get_one(Account, ended).active)
    likes = database.read(lambda s: sorted(str(one.account_id) for one in s.query(Favourite)))
    assert likes.count(str(ended)) == 2


def test_a_carer_moves_with_the_record_and_comes_back(database: Database, town: Town) -> None:
    with_carer(database, town.patients[1], town.patients[2])
    row = merge(database, town.patients[0], town.patients[1])
    assert carer(database, town.patients[0]) == town.patients[2]
    unmerge(database, row)
    assert carer(database, town.patients[0]) is None
    assert carer(database, town.patients[1]) == town.patients[2]


@pytest.mark.parametrize("has", ["account", "carer"])
def test_a_carer_does_not_get_the_record_of_somebody_who_has_their_own(
    database: Database, town: Town, has: str
) -> None:
    if has == "account":
        with_account(database, town.patients[0], "own@example.net")
    else:
        with_carer(database, town.patients[0], town.patients[3])
    with_carer(database, town.patients[1], town.patients[2])
    with pytest.raises(BothManaged):
        merge(database, town.patients[0], town.patients[1])
    row = merge(database, town.patients[0], town.patients[1], end_access=True)
    assert carer(database, town.patients[0]) == (None if has == "account" else town.patients[3])
    unmerge(database, row)
    assert carer(database, town.patients[1]) == town.patients[2]


def test_one_carer_of_both_stays_the_carer(database: Database, town: Town) -> None:
    for number in (0, 1):
        with_carer(database, town.patients[number], town.patients[2])
    row = merge(database, town.patients[0], town.patients[1])
    assert carer(database, town.patients[0]) == town.patients[2]
    unmerge(database, row)
    assert {carer(database, town.patients[n]) for n in (0, 1)} == {town.patients[2]}


def test_those_who_care_for_each_other_are_two_people(database: Database, town: Town) -> None:
    with_carer(database, town.patients[1], town.patients[0])
    for pair in ((0, 1), (1, 0)):
        with pytest.raises(CareForEachOther):
            merge(database, town.patients[pair[0]], town.patients[pair[1]])


def test_who_has_a_carer_becomes_nobodys_carer(database: Database, town: Town) -> None:
    """Or two children could end as each other's carer, and nobody could sign in for them."""
    first, second, una, vera = town.patients
    for child, of in ((first, una), (second, vera)):
        with_carer(database, child, of)
        with_account(database, of, f"{of.hex}@example.net")
    with pytest.raises(CarerCaredFor):
        merge(database, first, vera, end_access=True)
    merge(database, vera, first, end_access=True)
    assert carer(database, vera) is None


@pytest.mark.parametrize("goes", ["account", "carer"])
def test_what_a_moved_account_or_carer_entered_goes_back_with_it(
    database: Database, town: Town, goes: str
) -> None:
    paula, victor = town.patients[0], town.patients[1]
    if goes == "account":
        with_account(database, victor, "victor@example.net")
    else:
        with_carer(database, victor, town.patients[2])
    row = merge(database, paula, victor)
    entered = {"email": "new@example.net", "phone": "0411 999 888", "medicare_number": "2428778132"}

    def enter(session: Session) -> None:
        for name, value in entered.items():
            setattr(session.get_one(Patient, paula), name, value)

    database.run(enter)
    unmerge(database, row)
    for patient_id, values in ((paula, (None, None, None)), (victor, tuple(entered.values()))):
        one = database.read(lambda s, key=patient_id: s.get_one(Patient, key))
        assert (one.email, one.phone, one.medicare_number) == values


def test_an_address_to_sign_in_with_goes_back_with_its_account(
    database: Database, town: Town
) -> None:
    paula, victor = town.patients[0], town.patients[1]
    set_email(database, paula, "paula@example.net")
    with_account(database, victor, "victor@example.net")
    row = merge(database, paula, victor)
    set_email(database, paula, "victor@example.net")
    unmerge(database, row)
    emails = database.read(lambda s: [s.get_one(Patient, one).email for one in (paula, victor)])
    assert emails == [None, "victor@example.net"]


def set_email(database: Database, patient_id: UUID, email: str) -> None:
    database.run(lambda s: setattr(s.get_one(Patient, patient_id), "email", email))


def test_what_the_patient_has_stays_and_what_is_missing_is_filled(
    sqlite_database: Database,
) -> None:
    kept, duplicate = build_town(sqlite_database, patients=2).patients
    change(sqlite_database, Patient, kept, phone="0400 111 111", email=None)
    change(sqlite_database, Patient, duplicate, phone="0400 222 222", email="two@example.net")
    merge(sqlite_database, kept, duplicate)
    one = sqlite_database.read(lambda session: session.get_one(Patient, kept))
    assert (one.phone, one.email) == ("0400 111 111", "two@example.net")


def test_a_merge_and_its_undoing_change_both_records(database: Database, town: Town) -> None:
    """So that programs that keep them notice."""

    def changed() -> list[Any]:
        return database.read(
            lambda s: [s.get_one(Patient, one).changed_at for one in town.patients[:2]]
        )

    before = changed()
    row = merge(database, town.patients[0], town.patients[1])
    merged = changed()
    later = NOW + timedelta(hours=1)
    database.run(lambda s: merging.unmerge(work(s, SYSTEM, later), row.id))
    undone = changed()
    for number in range(2):
        assert len({before[number], merged[number], undone[number]}) == 3


# Who, twice, and in a row


def test_only_administrators_of_the_network_merge(database: Database, town: Town) -> None:
    row = merge(database, town.patients[0], town.patients[1])
    actors = (
        town.patient(2),
        town.doctor,
        town.clerk,
        Actor(role=Role.CENTRE_ADMIN, centre_id=town.hospital),
        Actor(),
    )
    attempts: tuple[Callable[[Session, Actor], Any], ...] = (
        lambda s, by: merging.merge(work(s, by, NOW), town.patients[0], town.patients[2]),
        lambda s, by: merging.preview(work(s, by, NOW), town.patients[0], town.patients[2]),
        lambda s, by: merging.unmerge(work(s, by, NOW), row.id),
    )
    for actor in actors:
        for attempt in attempts:
            with pytest.raises(Forbidden):
                database.run(lambda s, attempt=attempt, actor=actor: attempt(s, actor))


def test_what_cannot_be_merged_is_said(database: Database, town: Town) -> None:
    with pytest.raises(SamePatient):
        merge(database, town.patients[0], town.patients[0])
    with pytest.raises(NotFound):
        merge(database, town.patients[0], uuid4())
    merge(database, town.patients[0], town.patients[1])
    for pair in ((0, 1), (1, 0), (1, 2)):
        with pytest.raises(NotFound):
            merge(database, town.patients[pair[0]], town.patients[pair[1]])


def test_merges_in_a_row_are_undone_in_turn(database: Database, town: Town) -> None:
    book(database, town, 0)
    before = owners(database)
    first = merge(database, town.patients[1], town.patients[0])
    second = merge(database, town.patients[2], town.patients[1])
    duplicates = database.read(lambda s: merges.duplicates_of(s, town.patients[2]))
    assert set(duplicates) == {town.patients[0], town.patients[1]}
    with pytest.raises(MergedFurther):
        unmerge(database, first)
    unmerge(database, second)
    unmerge(database, first)
    assert owners(database) == before
    with pytest.raises(AlreadyUndone):
        unmerge(database, first)


def test_a_merged_record_cannot_be_booked(database: Database, town: Town) -> None:
    merge(database, town.patients[0], town.patients[1])
    with pytest.raises(NotFound):
        book(database, town, 1)


def test_what_was_written_at_the_same_moment_follows(database: Database, town: Town) -> None:
    row = merge(database, town.patients[0], town.patients[1])

    def write(session: Session) -> None:
        session.add(
            Entry(
                patient_id=town.patients[1],
                practitioner_id=town.gp,
                kind="note",
                text="Late",
                recorded_at=NOW,
            )
        )

    database.run(write)
    assert database.run(lambda s: merging.follow(work(s, SYSTEM, NOW))) == 1
    assert database.run(lambda s: merging.follow(work(s, SYSTEM, NOW))) == 0
    assert database.read(lambda s: [one.patient_id for one in s.query(Entry)]) == [town.patients[0]]
    unmerge(database, row)
    assert database.read(lambda s: [one.patient_id for one in s.query(Entry)]) == [town.patients[1]]


def test_both_records_say_in_the_audit_what_happened(database: Database, town: Town) -> None:
    unmerge(database, merge(database, town.patients[0], town.patients[1]))
    actions = (("patient.merged", "patient.unmerged"), ("patient.closed", "patient.reopened"))
    for patient, own in zip(town.patients[:2], actions, strict=True):
        events = database.read(lambda s, one=patient: audit.events_of(s, f"patient:{one}"))
        assert [one.action for one in events][-2:] == [*own]
        assert events[-1].details["duplicate"] == str(town.patients[1])
