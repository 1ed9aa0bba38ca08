"""What may be changed of whom: pages, the API and the dashboard against the one table."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy.orm import Session

import factories
from entrypoints.browsing import ClientFor
from entrypoints.programs import signed_in
from entrypoints.world import World
from openslot.core import audit, clock
from openslot.core.actor import Actor, Role
from openslot.core.db import Database
from openslot.core.fields import Details
from openslot.directory import commands, dependents
from openslot.directory.details import (
    AccountDetails,
    CentreDetails,
    DepartmentDetails,
    DependentDetails,
    PatientDetails,
    PractitionerDetails,
    ProfessionDetails,
    ServiceDetails,
    StaffOwnDetails,
)
from openslot.directory.editing import MAY_CHANGE, Editor, NotYoursToChange
from openslot.directory.models import (
    Centre,
    Department,
    Patient,
    Practitioner,
    Service,
    StaffMember,
)
from openslot.entrypoints.api.partial import Partial
from openslot.entrypoints.fhir.writers import WRITERS
from openslot.identity.models import Account
from openslot.records.access import subject_of
from openslot.records.finding import MADE
from openslot.resources.commands import GroupDetails, RoomDetails
from openslot.schedules.commands import OWN_SCHEDULE, ScheduleDetails
from working import work

CONTACT = {"phone": "02 9999 0000", "email": "new@example.test"}
OTHER: Mapping[type[Details], Mapping[str, Any]] = {
    CentreDetails: {
        "name": "St Elsewhere",
        "type": "Pharmacy",
        "suburb": "Elsewhere",
        **CONTACT,
        "time_zone": "Europe/Dublin",
        "address": "2 Low Street",
        "business_number": "99 999",
        "description": "Another.",
        "holiday_region": "IE",
        "picture_url": "https://a.example/b.png",
        "latitude": 1.5,
        "longitude": 2.5,
    },
    DepartmentDetails: {
        "name": "Elsewhere",
        "description": "Another.",
        **CONTACT,
        "picture_url": "https://a.example/b.png",
    },
    ServiceDetails: {
        "name": "Elsewhere",
        "category": "Others",
        "minutes": 45,
        "minutes_before": 5,
        "minutes_after": 10,
        "places": 3,
        "mode": "video",
        "video_url": "https://meet.example.org/{id}",
        "bookable_by": "colleagues",
        "notice_minutes": 60,
        "horizon_days": 14,
        "cancel_hours": 48,
        "most_a_day": 1,
        "most_ahead": 2,
        "instructions": "Come early.",
        "price": "$10",
        "description": "Another.",
        **CONTACT,
    },
    PractitionerDetails: {
        "name": "Dr Evil",
        "profession": "Nurse",
        "expertise": "Everything",
        "provider_number": "2426621B",
        **CONTACT,
        "languages": "Latin",
        "gender": "other",
        "about": "Nothing.",
        "either_place": True,
    },
    PatientDetails: {
        "name": "Somebody Else",
        "born": "1999-09-09",
        **CONTACT,
        "medicare_number": "5444130921",
        "time_zone": "Europe/Dublin",
        "language": "Irish",
    },
    AccountDetails: {"name": "Dr Evil", "time_zone": "Europe/Dublin"},
    StaffOwnDetails: {"name": "Somebody Else", "phone": "02 9999 0000"},
    ScheduleDetails: {
        "slot_minutes": 15,
        "step_minutes": 60,
        "starts_from": "midnight",
        "flush": True,
        "max_slots": 1,
        "notice_minutes": 60,
        "horizon_days": 10,
        "room": "7",
    },
}
"""Another value for each field that there is."""

Cast = tuple[type[Details], Editor, str]
CASES: list[Cast] = [
    (CentreDetails, Editor.CENTRE, "centre-admin-owner"),
    (CentreDetails, Editor.NETWORK, "network-admin"),
    (DepartmentDetails, Editor.DEPARTMENT, "staff-owner"),
    (DepartmentDetails, Editor.CENTRE, "centre-admin-owner"),
    (DepartmentDetails, Editor.NETWORK, "network-admin"),
    (ServiceDetails, Editor.DEPARTMENT, "staff-owner"),
    (ServiceDetails, Editor.CENTRE, "centre-admin-owner"),
    (ServiceDetails, Editor.NETWORK, "network-admin"),
    (PractitionerDetails, Editor.OWNER, "practitioner-owner"),
    (PractitionerDetails, Editor.ONE_CENTRE, "centre-admin-stranger"),
    (PractitionerDetails, Editor.CENTRE, "centre-admin-owner"),
    (PractitionerDetails, Editor.NETWORK, "network-admin"),
    (PatientDetails, Editor.OWNER, "patient-owner"),
    (PatientDetails, Editor.CARER, "patient-owner"),
    (PatientDetails, Editor.KEEPER, "staff-owner"),
    (PatientDetails, Editor.CARE_TEAM, "staff-owner"),
    (PatientDetails, Editor.CARE_TEAM, "practitioner-owner"),
    (PatientDetails, Editor.NETWORK, "network-admin"),
    (AccountDetails, Editor.OWNER, "staff-owner"),
    (AccountDetails, Editor.OWNER, "centre-admin-owner"),
    (AccountDetails, Editor.OWNER, "network-admin"),
    (AccountDetails, Editor.PRACTITIONER, "practitioner-owner"),
    (StaffOwnDetails, Editor.OWNER, "staff-owner"),
    (StaffOwnDetails, Editor.OWNER, "centre-admin-owner"),
]
"""Somebody of the network for each row of the table."""


def test_the_table_has_a_row_and_another_value_for_whatever_can_be_changed() -> None:
    assert {(kind, editor) for kind, editor, _ in CASES} == {
        (kind, editor) for kind, row in MAY_CHANGE.items() for editor in row
    }
    for kind, values in OTHER.items():
        assert values.keys() == kind.model_fields.keys()
    changes = {kind.__name__: set(kind.model_fields) for kind in Partial.__subclasses__()}
    known = {
        "CentreChange": CentreDetails,
        "DepartmentChange": DepartmentDetails,
        "ServiceChange": ServiceDetails,
        "PractitionerChange": PractitionerDetails,
        "PatientChange": PatientDetails,
        "AccountChange": AccountDetails,
    }
    expected = {name: set(kind.model_fields) for name, kind in known.items()}
    expected["ServiceChange"] |= {"needs", "questions"}
    expected["ResourceChange"] = set(RoomDetails.model_fields)
    expected["GroupChange"] = set(GroupDetails.model_fields)
    expected["ProfessionChange"] = set(ProfessionDetails.model_fields)
    expected["ScheduleChange"] = {*ScheduleDetails.model_fields, "hours", "services"}
    assert changes == expected
    # FHIR writes nothing of the directory; who a letter or an appointment is about stays as it is.
    assert WRITERS.keys() == {"Appointment", "QuestionnaireResponse", "ServiceRequest"}


FOLLOWING = {"changed_at", "email_changed_at"}
"""Columns that follow from a change."""


class Stage:
    """Each object of the table, in the network."""

    def __init__(self, network: Database, world: World) -> None:
        self.network, self.world = network, world
        network.run(self._work_elsewhere)
        self.patients = {
            Editor.OWNER: world.patients["owner"],
            Editor.CARE_TEAM: world.patients["owner"],
            Editor.NETWORK: world.patients["owner"],
            Editor.KEEPER: network.run(self._register),
            Editor.CARER: network.run(self._care),
        }

    def _register(self, session: Session) -> UUID:
        born = date(1948, 3, 14)
        patient = factories.patient(session, "Ilse Brandt", born=born, now=clock.now())
        keeper = Actor(account_id=self.world.accounts["staff-owner"])
        audit.record(work(session, keeper, clock.now()), MADE, subject_of(patient.id))
        return patient.id

    def _care(self, session: Session) -> UUID:
        carer = Actor(role=Role.PATIENT, patient_id=self.world.patients["owner"])
        details = DependentDetails(name="Tama Owner", born=date(2020, 1, 2))
        return dependents.add(work(session, carer, clock.now()), details).id

    def key(self, kind: type[Details], editor: Editor, person: str) -> tuple[type, Any]:
        """The row whose fields are changed."""
        world = self.world
        if kind is PractitionerDetails:
            who = "teammate" if editor is Editor.ONE_CENTRE else "owner"
            return Practitioner, world.practitioners[who]
        return {
            CentreDetails: (Centre, world.centres["own"]),
            DepartmentDetails: (Department, world.departments["owner"]),
            ServiceDetails: (Service, world.services["owner"]),
            PatientDetails: (Patient, self.patients.get(editor)),
            AccountDetails: (Account, world.accounts[person]),
            StaffOwnDetails: (Account, world.accounts[person]),
        }[kind]

    def _work_elsewhere(self, session: Session) -> None:
        teammate = self.world.practitioners["teammate"]
        factories.schedule(session, self.world.centres["other"], practitioner_id=teammate, hours=())

    def values(self, kind: type[Details], row: tuple[type, Any]) -> dict[str, Any]:
        """The fields as they are, in JSON's words."""

        def read(session: Session) -> dict[str, Any]:
            found = session.get_one(*row)
            member = session.get(StaffMember, row[1]) if kind is StaffOwnDetails else None
            known = {
                name: getattr(member if name == "phone" and member else found, name)
                for name in kind.model_fields
            }
            return {k: v.isoformat() if isinstance(v, date) else v for k, v in known.items()}

        return self.network.read(read)

    def rest(self, kind: type[Details], row: tuple[type, Any]) -> dict[str, Any]:
        """All other columns."""

        def read(session: Session) -> dict[str, Any]:
            found = session.get_one(*row)
            names = {one.key for one in found.__table__.columns if "key of" not in one.info}
            names -= kind.model_fields.keys()
            return {name: getattr(found, name) for name in names - FOLLOWING}

        return self.network.read(read)


@pytest.fixture
def stage(network: Database, world: World) -> Stage:
    """The objects."""
    return Stage(network, world)


def path(kind: type[Details], key: Any) -> str:
    """Where the API changes them."""
    return {
        CentreDetails: f"/api/v1/centres/{key}",
        DepartmentDetails: f"/api/v1/departments/{key}",
        ServiceDetails: f"/api/v1/services/{key}",
        PractitionerDetails: f"/api/v1/practitioners/{key}",
        PatientDetails: f"/api/v1/patients/{key}",
        AccountDetails: "/api/v1/me",
    }[kind]


def page(kind: type[Details], editor: Editor, key: Any) -> str:
    """Where a page changes them."""
    if kind is PatientDetails and editor is Editor.CARER:
        return f"/profile/dependents/{key}"
    if editor in (Editor.OWNER, Editor.PRACTITIONER):
        return "/account/details"
    return {
        CentreDetails: f"/admin/centres/{key}/edit",
        DepartmentDetails: f"/admin/departments/{key}/edit",
        ServiceDetails: f"/admin/services/{key}",
        PractitionerDetails: f"/admin/practitioners/{key}/edit",
        PatientDetails: f"/patients/{key}/edit",
    }[kind]


Ask = Callable[[Mapping[str, Any]], Any]


def check_fields(stage: Stage, case: Cast, ask: Ask) -> None:
    """Each field alone changes or is refused with its name, as the table says."""
    kind, editor, person = case
    row = stage.key(kind, editor, person)
    before = stage.values(kind, row)
    assert ask(before).status_code == 200, "what is there may be sent back"
    for name, value in OTHER[kind].items():
        answer = ask({name: value})
        now = stage.values(kind, row)
        if name in MAY_CHANGE[kind][editor]:
            assert (answer.status_code, now[name]) == (200, value), (name, answer.text)
            before = now
        else:
            assert answer.status_code == 403, (name, answer.text)
            assert name in answer.text
            assert now == before, name


@pytest.mark.parametrize("case", [one for one in CASES if one[0] is not StaffOwnDetails], ids=str)
def test_the_api_goes_by_the_table(app: Flask, world: World, stage: Stage, case: Cast) -> None:
    kind, editor, person = case
    program = signed_in(app, world, person)
    _, key = stage.key(kind, editor, person)
    check_fields(stage, case, lambda body: program.send("PATCH", path(kind, key), dict(body)))


@pytest.mark.parametrize(
    "case",
    [
        (PatientDetails, Editor.OWNER, "patient-owner"),
        (PractitionerDetails, Editor.OWNER, "practitioner-owner"),
        (StaffOwnDetails, Editor.OWNER, "staff-owner"),
        (StaffOwnDetails, Editor.OWNER, "centre-admin-owner"),
    ],
    ids=str,
)
def test_the_dashboard_goes_by_the_table(client_for: ClientFor, stage: Stage, case: Cast) -> None:
    client = client_for(case[2])
    check_fields(stage, case, lambda body: client.http.put("/dashboard", json=dict(body)))


NOT_ON_THE_PAGE = {
    **{
        # The page of a department's service asks for the limits of its schedule.
        (ServiceDetails, editor): {"notice_minutes", "horizon_days"}
        for editor in (Editor.DEPARTMENT, Editor.CENTRE, Editor.NETWORK)
    },
    (PatientDetails, Editor.OWNER): {"language"},
    (AccountDetails, Editor.OWNER): {"time_zone"},
    (AccountDetails, Editor.PRACTITIONER): {"time_zone"},
}
"""What is the editor's, and has no field on their page."""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pages_go_by_the_table_whatever_else_is_posted(
    client_for: ClientFor, stage: Stage, case: Cast
) -> None:
    kind, editor, person = case
    client = client_for(person)
    row = stage.key(kind, editor, person)
    before, rest = stage.values(kind, row), stage.rest(kind, row)
    hidden = {
        "role": "network-admin",
        "active": "",
        "account_id": "",
        "centre_id": "2",
        "department_id": "2",
        "must_change_password": "",
        "waits": "",
        "email": "",
        "confirmed_at": "2020-01-01",
        "password_hash": "x",
    }
    given = {**hidden, **OTHER[kind], **hours()}
    client.send(page(kind, editor, row[1]), page="/account", **given)
    now = stage.values(kind, row)
    changed = {name for name in now if now[name] != before[name]}
    expected = MAY_CHANGE[kind][editor] - NOT_ON_THE_PAGE.get((kind, editor), set())
    assert changed == expected
    assert stage.rest(kind, row) == rest


def hours() -> dict[str, str]:
    """How a service is booked, as its form asks."""
    return {"slot_minutes": "30", "max_slots": "4", "notice_minutes": "0", "horizon_days": "180"}


def test_practitioners_keep_their_hours_and_nothing_else_of_their_schedules(
    app: Flask, world: World
) -> None:
    program = signed_in(app, world, "practitioner-owner")
    address = f"/api/v1/schedules/{world.schedules['owner']}"
    for name, value in OTHER[ScheduleDetails].items():
        answer = program.send("PATCH", address, {name: value})
        assert (answer.status_code == 200) is (name in OWN_SCHEDULE), name
        assert name in answer.text
    before = program.get(address)
    assert program.send("PATCH", address, {"slot_minutes": before["slot_minutes"]}).json == before
    changed = program.send("PATCH", address, {"hours": before["hours"][:1]})
    assert changed.json["hours"] == before["hours"][:1]


def test_a_new_name_in_the_directory_is_the_account_s_too(
    app: Flask, world: World, network: Database
) -> None:
    address = f"/api/v1/practitioners/{world.practitioners['owner']}"
    signed_in(app, world, "network-admin").send("PATCH", address, {"name": "Priya Married"})
    account = world.accounts["practitioner-owner"]
    assert network.read(lambda session: session.get_one(Account, account).name) == "Priya Married"


@pytest.mark.usefixtures("stage")
def test_who_runs_one_of_several_centres_sees_absences_and_enters_none(
    app: Flask, client_for: ClientFor, world: World
) -> None:
    who = world.practitioners["teammate"]
    start = {"practitioner": who, "start": "2031-03-03T08:00:00Z", "end": "2031-03-03T09:00:00Z"}
    own = signed_in(app, world, "practitioner-teammate")
    absence = own.send("POST", "/api/v1/absences", start).json["id"]
    for person in ("centre-admin-stranger", "centre-admin-owner"):
        program = signed_in(app, world, person)
        refused = program.send("POST", "/api/v1/absences", start)
        assert (refused.status_code, refused.json["code"]) == (403, "works-elsewhere")
        ended = program.send("DELETE", f"/api/v1/absences/{absence}")
        assert (ended.status_code, ended.json["code"]) == (403, "works-elsewhere")
        listed = program.get(f"/api/v1/absences?practitioner={who}&from=2031-01-01T00:00:00Z")
        assert [one["id"] for one in listed["items"]] == [absence]
        listing = client_for(person).get(f"/calendar/absences?practitioner={who}").text
        assert "Change their hours at your centre" in listing
    network_admin = signed_in(app, world, "network-admin")
    assert network_admin.send("DELETE", f"/api/v1/absences/{absence}").status_code == 204


def test_no_command_renames_a_practitioner_for_who_runs_one_of_several_centres(
    world: World, network: Database
) -> None:
    person, centres = world.practitioners["teammate"], frozenset(world.centres.values())
    chief = Actor(role=Role.CENTRE_ADMIN, centre_id=world.centres["other"])

    def rename(session: Session) -> None:
        known = session.get_one(Practitioner, person)
        values = {name: getattr(known, name) for name in PractitionerDetails.model_fields}
        details = PractitionerDetails.model_validate({**values, "name": "Dr Evil"})
        commands.change_practitioner(
            work(session, chief, clock.now()), person, details, centre_ids=centres
        )

    with pytest.raises(NotYoursToChange, match="This person also works at another centre"):
        network.run(rename)
