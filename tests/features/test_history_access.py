"""Who may read a history: one row for each case that the rule knows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import factories
from factories import HALF_HOUR, MONDAY_9, NOW
from openslot.booking.models import Appointment, Status
from openslot.core import audit
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.directory import dependents
from openslot.directory.details import DependentDetails
from openslot.directory.models import Patient, Practitioner
from openslot.records import commands
from openslot.records.access import Access, Facts, decide, may_read, open_history, open_to, readable
from openslot.records.details import EmergencyDetails, NoteDetails
from openslot.records.queries import entries
from town import Town, build_town
from working import work

CARE, EMERGENCY, OWN = Access.CARE, Access.EMERGENCY, Access.OWN
LATER = MONDAY_9 + timedelta(days=30)
DAY = timedelta(days=1)
REASON = EmergencyDetails(reason="Unconscious, allergies unknown.")


# The decision alone

WHO = uuid4()
DOCTOR = Actor(role=Role.PRACTITIONER, practitioner_id=1)
SEEN = Facts(last_appointment=NOW)
OPENED = Facts(emergency_until=NOW + DAY)

DECISIONS = [
    # who asks, what ties them to the patient, days after the last appointment, when; why they may
    (Actor(role=Role.PATIENT, patient_id=WHO), Facts(), 0, NOW, OWN),
    (
        Actor(role=Role.PATIENT, patient_id=uuid4(), dependents=frozenset({WHO})),
        Facts(),
        0,
        NOW,
        OWN,
    ),
    (Actor(role=Role.PATIENT, patient_id=uuid4()), Facts(), 0, NOW, None),
    (Actor(), Facts(), 0, NOW, None),
    (Actor(role=Role.STAFF, centre_id=1, department_id=1), SEEN, 0, NOW, None),
    (Actor(role=Role.CENTRE_ADMIN, centre_id=1), SEEN, 0, NOW, None),
    (Actor(role=Role.NETWORK_ADMIN), SEEN, 0, NOW, None),
    (Actor(role=Role.NETWORK_ADMIN, practitioner_id=1), SEEN, 0, NOW, None),
    (DOCTOR, Facts(), 0, NOW, None),
    (DOCTOR, SEEN, 0, NOW + 9000 * DAY, CARE),
    (DOCTOR, SEEN, 30, NOW - DAY, CARE),
    (DOCTOR, SEEN, 30, NOW + 30 * DAY - HALF_HOUR, CARE),
    (DOCTOR, SEEN, 30, NOW + 30 * DAY, None),
    (DOCTOR, OPENED, 0, NOW, EMERGENCY),
    (DOCTOR, OPENED, 0, NOW + DAY - HALF_HOUR, EMERGENCY),
    (DOCTOR, OPENED, 0, NOW + DAY, None),
    (DOCTOR, Facts(last_appointment=NOW, emergency_until=NOW + DAY), 0, NOW, CARE),
    (DOCTOR, Facts(last_appointment=NOW - 2 * DAY, emergency_until=NOW + DAY), 1, NOW, EMERGENCY),
]


@pytest.mark.parametrize(("actor", "facts", "days", "now", "expected"), DECISIONS)
def test_the_rule(
    actor: Actor, facts: Facts, days: int, now: datetime, expected: Access | None
) -> None:
    assert decide(actor, WHO, facts, now=now, access_days=days) is expected


# The facts: a GP at A and B, a radiographer at B, a GP at C, and one whom nobody appointments


class Network:
    """The town with more people, and appointments of its first patient."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.town = build_town(database)
        self.patient = self.town.patients[0]
        self.gp = self.town.doctor
        made = database.run(
            lambda session: [
                _another(session, self.town, one)
                for one in ("Radiographer", "GP", "Physiotherapist")
            ]
        )
        (self.radiographer, self.imaging), (self.other_gp, self.surgery), (self.stranger, _) = made

    def appointment(
        self, schedule: int, status: Status, *, at: datetime = MONDAY_9, patient: int = 0
    ) -> Appointment:
        """An appointment of this status, whatever it went through."""

        patient_id = self.town.patients[patient]
        return self.database.run(
            lambda session: factories.appointment_row(session, schedule, patient_id, status, at)
        )

    def access(
        self, actor: Actor, *, now: datetime = NOW, days: int = 0, patient: UUID | None = None
    ) -> Access | None:
        """What the actor may now; searches find the same."""
        whom = patient or self.patient
        found = self.database.read(
            lambda session: may_read(work(session, actor, now, access_days=days), whom)
        )
        fits = open_to(actor, Patient.id, now=now, access_days=days)
        listed = self.database.read(
            lambda session: set(session.scalars(select(Patient.id).where(fits)))
        )
        assert (whom in listed) is (found is not None)
        return found

    def note(self, actor: Actor, text: str) -> None:
        """Record something."""
        self.database.run(
            lambda session: commands.add(
                work(session, actor, NOW, access_days=0), self.patient, NoteDetails(text=text)
            )
        )

    def texts(self) -> list[str]:
        """What the history holds."""
        found = self.database.read(lambda session: entries(session, self.patient))
        return sorted(one.entry.text for one in found)


def _another(session: Session, town: Town, profession: str) -> tuple[Actor, int]:
    person = factories.practitioner(session, f"Another {profession}", profession)
    schedule = factories.schedule(session, town.clinic, practitioner_id=person.id)
    return Actor(role=Role.PRACTITIONER, practitioner_id=person.id), schedule.id


@pytest.fixture
def net(database: Database) -> Network:
    return Network(database)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.BOOKED, CARE),
        (Status.ARRIVED, CARE),
        (Status.FULFILLED, CARE),
        (Status.HELD, None),
        (Status.EXPIRED, None),
        (Status.CANCELLED, None),
        (Status.NO_SHOW, None),
        (Status.ENTERED_IN_ERROR, None),
    ],
)
def test_only_appointments_that_happen_or_happened_give_access(
    net: Network, status: Status, expected: Access | None
) -> None:
    net.appointment(net.town.gp_at_hospital, status)
    assert net.access(net.gp) is expected


def test_a_gp_of_two_centres_reads_wherever_the_patient_came(net: Network) -> None:
    assert net.access(net.gp) is None
    net.appointment(net.town.gp_at_clinic, Status.BOOKED)
    assert net.access(net.gp) is CARE
    assert net.access(net.gp, patient=net.town.patients[1]) is None


def test_each_who_treats_a_patient_reads_what_the_others_wrote(net: Network) -> None:
    net.appointment(net.town.gp_at_hospital, Status.FULFILLED)
    net.note(net.gp, "Cough for three weeks.")
    assert net.access(net.radiographer) is None
    net.appointment(net.imaging, Status.BOOKED)
    assert net.access(net.radiographer) is CARE
    net.note(net.radiographer, "Chest film clear.")
    assert net.access(net.other_gp) is None
    net.appointment(net.surgery, Status.BOOKED, at=LATER)
    assert net.access(net.other_gp) is CARE
    assert net.texts() == ["Chest film clear.", "Cough for three weeks."]
    assert net.access(net.stranger) is None


def test_nobody_else_reads_it(net: Network) -> None:
    net.appointment(net.town.gp_at_hospital, Status.FULFILLED)
    net.appointment(net.town.scan, Status.FULFILLED, at=LATER)  # of a service: nobody's own patient
    others = [
        net.town.patient(1),
        net.town.clerk,
        Actor(role=Role.CENTRE_ADMIN, centre_id=net.town.hospital),
        SYSTEM,
        Actor(),
    ]
    assert [net.access(one) for one in others] == [None] * 5
    assert net.access(net.town.patient(0)) is OWN


def test_who_cares_for_somebody_reads_as_they_do(net: Network) -> None:
    carer = replace(net.town.patient(1), account_id=None)
    child = net.database.run(
        lambda session: dependents.add(
            work(session, carer, NOW), DependentDetails(name="Lily", born=date(2019, 5, 14))
        )
    ).id
    cares = replace(carer, dependents=frozenset({child}))
    assert net.access(cares, patient=child) is OWN
    assert net.access(carer, patient=child) is None


def test_access_ends_so_many_days_after_the_last_appointment(net: Network) -> None:
    net.appointment(net.town.gp_at_hospital, Status.FULFILLED)
    last = net.appointment(net.town.gp_at_clinic, Status.FULFILLED, at=MONDAY_9 + DAY)
    net.appointment(net.town.gp_at_clinic, Status.CANCELLED, at=LATER)
    end = last.ends_at + 7 * DAY
    assert net.access(net.gp, now=end - HALF_HOUR, days=7) is CARE
    assert net.access(net.gp, now=end, days=7) is None
    assert net.access(net.gp, now=end, days=0) is CARE


def test_who_has_left_the_directory_reads_nothing(net: Network) -> None:
    net.appointment(net.town.gp_at_hospital, Status.FULFILLED)
    factories.change(net.database, Practitioner, net.town.gp, active=False)
    assert net.access(net.gp) is None


def test_emergency_access_runs_out(net: Network) -> None:
    net.database.run(
        lambda session: commands.break_glass(
            work(session, net.stranger, NOW, access_days=0, emergency_access_hours=24),
            net.patient,
            REASON,
        )
    )
    assert net.access(net.stranger, now=NOW + timedelta(hours=23)) is EMERGENCY
    assert net.access(net.stranger, now=NOW + timedelta(hours=24)) is None
    assert net.access(net.other_gp) is None
    assert net.access(net.stranger, patient=net.town.patients[1]) is None


def test_it_takes_one_statement_however_many_patients(
    net: Network, statements: Callable[..., object]
) -> None:
    net.appointment(net.town.gp_at_hospital, Status.BOOKED)
    net.appointment(net.town.gp_at_hospital, Status.BOOKED, patient=1, at=LATER)
    with net.database.reading() as session, statements(net.database) as counted:  # type: ignore[attr-defined]
        found = readable(work(session, net.gp, NOW, access_days=0), net.town.patients)
    assert set(found) == set(net.town.patients[:2])
    assert counted.count == 1


# What is written down


def test_every_read_and_every_refusal_is_written_down(net: Network) -> None:
    net.appointment(net.town.gp_at_hospital, Status.BOOKED)
    nobody = uuid4()
    for actor, patient in (
        (net.gp, net.patient),
        (net.town.patient(0), net.patient),
        (net.stranger, net.patient),
        (net.stranger, nobody),
    ):
        net.database.run(
            lambda session, actor=actor, patient=patient: open_history(
                work(session, actor, NOW, access_days=0), patient
            )
        )
    assert sorted(_events(net, net.patient), key=str) == [
        ("record.read", {"how": "care"}),
        ("record.read", {"how": "own"}),
        ("record.refused", {}),
    ]
    assert _events(net, nobody) == [("record.refused", {})]


def _events(net: Network, patient: UUID) -> list[tuple[str, dict[str, object]]]:
    found = net.database.read(lambda session: audit.events_of(session, f"patient:{patient}"))
    return [(one.action, one.details) for one in found if one.action.startswith("record.")]


def test_a_refusal_takes_the_same_statements_for_a_stranger_and_for_nobody(
    net: Network, statements: Callable[..., object]
) -> None:
    counts = []
    for patient in (net.patient, uuid4()):
        with statements(net.database) as counted:  # type: ignore[attr-defined]
            net.database.run(
                lambda session, patient=patient: open_history(
                    work(session, net.stranger, NOW, access_days=0), patient
                )
            )
        counts.append(counted.count)
    assert counts == [2, 2]
