"""Pages of the demonstration network, each as who opens it, and the long ones of a busy place:
a day of 40 appointments, a history of 1,000 notes, 500 requests to a department.

What is counted is the time of the processor, since other work may share it.
"""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeVar

from flask.testing import FlaskClient
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from openslot.app import create_app
from openslot.booking.models import Appointment, Status
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.demo.load import FILE_PASSWORD, PASSWORD, load_demo
from openslot.department_requests.models import Kept, ServiceRequest
from openslot.directory.models import Patient, Practitioner, Service, StaffMember
from openslot.identity.models import Account
from openslot.importers.progress import Silent
from openslot.migrations import run as migrations
from openslot.records.models import Entry, EntryKind
from openslot.schedules.models import Schedule

ROUNDS = 15
APPOINTMENTS, NOTES, REQUESTS = 40, 1_000, 500

PATIENT, GP, STAFF = "jack@gmail.com", "samuel@gmail.com", "staff@demo.example"
T = TypeVar("T", Practitioner, Patient, StaffMember)
PAGES = {
    None: (
        "/",
        "/search?q=randwick",
        "/search?kind=practitioner&sort=earliest",
        "/centres/1",
        "/practitioners/1",
        "/book/1",
    ),
    PATIENT: ("/dashboard", "/history", "/history/reads", "/waiting"),
    GP: ("/dashboard", "/calendar", "/patients", "/referrals", "/patients/{patient}"),
    STAFF: ("/dashboard", "/requests", "/requests?tab=outgoing", "/departments"),
    "centre@demo.example": ("/dashboard", "/reports"),
    "admin@demo.example": ("/admin/accounts", "/admin/audit", "/reports"),
}


def figures() -> Iterator[str]:
    """Each figure as a line."""
    with TemporaryDirectory() as folder:
        settings = Settings(
            _env_file=None,
            data_dir=Path(folder),
            rate_limits=False,
            password_iterations=1,
            log_level="error",
        )
        app = create_app(settings)
        database: Database = app.extensions["openslot"].database
        migrations.upgrade(database.engine)
        now = datetime.now(UTC)
        load_demo(database, settings, now=now, progress=Silent())
        patient = database.run(lambda session: _fill(session, now))
        for email, paths in PAGES.items():
            client = _client(app.test_client(), email)
            for path in paths:
                took = _measured(client, path.format(patient=patient))
                yield f"page {path} of {email or 'nobody'}: {took}"
        database.close()


def _fill(session: Session, now: datetime) -> str:
    """A busy day of the GP, with one patient, and a busy department; the patient's id."""
    doctor = _whose(session, Practitioner, GP)
    gp = doctor.id
    patient = _whose(session, Patient, PATIENT).id
    clerk = _whose(session, StaffMember, STAFF)
    schedule = session.scalars(select(Schedule).where(Schedule.practitioner_id == gp)).all()[0]
    session.execute(
        insert(Appointment),
        [
            _appointment(schedule.id, patient, now + timedelta(minutes=10 * number - 200))
            | {"diary_id": doctor.diary_id}
            for number in range(APPOINTMENTS)
        ],
    )
    session.add_all(
        Entry(
            patient_id=patient,
            practitioner_id=gp,
            kind=EntryKind.NOTE,
            centre_id=schedule.centre_id,
            text="What was found, said and done. " * 8,
            recorded_at=now - timedelta(days=number),
        )
        for number in range(NOTES)
    )
    theirs = Service.department_id == clerk.department_id
    service = session.scalars(select(Service).where(theirs)).all()[0]
    asking = session.scalars(select(Service).where(~theirs)).all()[0]
    session.execute(
        insert(ServiceRequest),
        [
            {
                "id": new_id(),
                "service_id": service.id,
                "department_id": asking.department_id,
                "task": f"Task {number}",
                "priority": ("routine", "urgent")[number % 2],
                "starts_at": now + timedelta(hours=number),
                "minutes": 30,
                "status": Kept.NEW,
                "version": 1,
                "created_at": now,
                "changed_at": now,
                "created_by": clerk.account_id,
            }
            for number in range(REQUESTS)
        ],
    )
    return str(patient)


def _whose(session: Session, table: type[T], email: str) -> T:
    """The row of an account."""
    query = select(table).join(Account, Account.id == table.account_id)
    return session.scalars(query.where(Account.email == email)).one()


def _appointment(schedule: int, patient: object, starts: datetime) -> dict[str, object]:
    return {
        "id": new_id(),
        "schedule_id": schedule,
        "patient_id": patient,
        "starts_at": starts,
        "ends_at": starts + timedelta(minutes=10),
        "status": Status.BOOKED,
        "priority": "routine",
        "extensions": 0,
        "offered": False,
        "version": 1,
        "created_at": starts,
        "changed_at": starts,
    }


def _client(client: FlaskClient, email: str | None) -> FlaskClient:
    """A browser that is signed in."""
    if email:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login").text)
        assert token
        password = PASSWORD if email.endswith("demo.example") else FILE_PASSWORD
        form = {"csrf_token": token[1], "email": email, "password": password}
        assert client.post("/login", data=form).status_code == 303
    return client


def _measured(client: FlaskClient, path: str) -> str:
    took = []
    for _ in range(ROUNDS + 1):
        began = time.process_time()
        answer = client.get(path)
        took.append((time.process_time() - began) * 1000)
        assert answer.status_code == 200, (path, answer.status_code)
    first, *rest = took
    return (
        f"median {median(rest):.0f} ms ({min(rest):.0f} to {max(rest):.0f}, "
        f"the first {first:.0f}), {len(answer.data) / 1000:.0f} kB"
    )
