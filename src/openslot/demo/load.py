"""The demonstration network: two real exports, and an invented network around them.

Dates are relative to ``now``; everything else is the same each time. Invented people have email
addresses under example domains (RFC 2606) and telephone numbers reserved for fiction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from sqlalchemy.orm import Session

from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.work import Work
from openslot.demo.appointments import write_appointments
from openslot.demo.network import (
    open_to_patients,
    put_on_map,
    read_invented,
    set_hours,
    write_network,
)
from openslot.demo.people import open_logins, write_neighbours, write_patients
from openslot.identity import queries as identities
from openslot.identity.passwords import hash_patiently
from openslot.importers import queries
from openslot.importers.batch import Batch
from openslot.importers.commands import read_origins, write_batch
from openslot.importers.origins import Origin
from openslot.importers.problems import Problems
from openslot.importers.progress import Progress
from openslot.importers.writing import Writing

DATA = Path(__file__).parent / "data"
PARTS = (("medisoft", "Australia/Sydney"), ("departments", "Europe/Dublin"))
"""The exports, and the time zone of the centres in each."""

MARKER = "admin@demo.example"
"""The account that marks a database with the demonstration network."""

PASSWORD = "openslot-demo-2026"  # noqa: S105 # nosec B105 - shown to everybody
FILE_PASSWORD = "cs1531"  # noqa: S105 # nosec B105 - of the public files


@dataclass(frozen=True, slots=True)
class Login:
    """An account for trying out the demonstration."""

    role: str
    email: str
    password: str


LOGINS = (
    Login("Patient", "jack@gmail.com", FILE_PASSWORD),
    Login("Practitioner (pathologist)", "toby@gmail.com", FILE_PASSWORD),
    Login("Practitioner (GP)", "samuel@gmail.com", FILE_PASSWORD),
    Login("Department staff", "staff@demo.example", PASSWORD),
    Login("Receptionist", "desk@demo.example", PASSWORD),
    Login("Centre administrator", "centre@demo.example", PASSWORD),
    Login("Network administrator", MARKER, PASSWORD),
)


def load_demo(
    database: Database, settings: Settings, *, now: datetime, progress: Progress
) -> tuple[Login, ...]:
    """Fill an empty database with the demonstration network, all or nothing; return the logins.

    Nothing happens if the network is there already.
    """
    if is_demo(database):
        return LOGINS
    batches = [_batch(part, zone, progress) for part, zone in PARTS]
    cost = settings.password_iterations
    shared = hash_patiently(PASSWORD, time_cost=cost)
    hashes = _hashes(batches, cost)

    def work(session: Session) -> None:
        unit = Work(session, SYSTEM, now, settings)
        for batch in batches:
            write_batch(Writing(unit, hashes, progress), batch)
        _write_invented(unit, shared, progress=progress)

    database.run(work)
    return LOGINS


def is_demo(database: Database) -> bool:
    """Return True if the database contains the demonstration network."""
    return database.read(lambda session: queries.has_account(session, MARKER))


def _hashes(batches: Sequence[Batch], time_cost: int) -> dict[str, str]:
    """Return hashes by email address. The passwords are public, so equal ones share a hash."""

    @cache
    def hashed(password: str) -> str:
        is_hash = password.startswith("pbkdf2:")
        return password if is_hash else hash_patiently(password, time_cost=time_cost)

    people = (item.row for batch in batches for item in batch.people())
    return {row.email: hashed(row.password or "") for row in people}


def _batch(part: str, zone: str, progress: Progress) -> Batch:
    problems = Problems()
    batch = read_origins([Origin(DATA / part)], problems, progress, zone=zone)
    problems.refuse_if_any()
    return batch


def _write_invented(work: Work, password_hash: str, *, progress: Progress) -> None:
    invented = read_invented(DATA / "invented.json")
    write_network(work, invented, password_hash)
    set_hours(work, invented)
    put_on_map(work, invented.spots)
    open_to_patients(work, invented.open_services)
    open_logins(work, password_hash)
    write_patients(work, invented, password_hash)
    write_neighbours(work, invented)
    write_appointments(work, invented, progress=progress)
    queries.settle_outbox(work)
    for login in LOGINS:  # everybody knows these on purpose
        account = identities.by_email(work.session, login.email)
        if account is not None:
            account.must_change_password = False
