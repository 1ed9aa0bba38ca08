"""Invented patients, and the accounts of staff and administrators."""

from datetime import date, timedelta
from itertools import count, product
from random import Random

from sqlalchemy.orm import Session

from openslot.core.actor import Role
from openslot.core.work import Work
from openslot.demo.desk import DESK
from openslot.demo.network import Invented, email_of, open_account
from openslot.directory import commands as directory
from openslot.directory.details import PatientDetails
from openslot.directory.models import Centre
from openslot.directory.queries import centre_by, departments

STAFF_AT = ("Naas General Hospital", "Radiology")
ADMINISTERED = "Sydney Children Hospital"

_FICTION = (
    "570 006",
    "570 110",
    "570 156",
    "570 157",
    "570 158",
    "570 159",
    "571 266",
    "571 491",
    "571 804",
    "572 549",
    "572 665",
    "572 983",
    "573 087",
    "573 770",
    "574 118",
    "574 632",
)
"""Mobile numbers that the Australian regulator (ACMA) reserves for fiction."""


def open_logins(work: Work, password_hash: str) -> None:
    """Create an account for department staff, a receptionist, a centre administrator and a network
    administrator."""
    for email, name, role, centre, department in (
        ("staff@demo.example", "Nora Demo", Role.STAFF, *STAFF_AT),
        ("desk@demo.example", "Dora Demo", Role.STAFF, DESK, None),
        ("centre@demo.example", "Carl Demo", Role.CENTRE_ADMIN, ADMINISTERED, None),
        ("admin@demo.example", "Ada Demo", Role.NETWORK_ADMIN, None, None),
    ):
        account = open_account(work, email, name, role, password_hash)
        if centre:
            place = _place(work.session, centre, department)
            directory.place_staff(work, account.id, *place)


def _place(session: Session, centre: str, department: str | None) -> tuple[int, int | None]:
    centre_row = centre_by(session, Centre.name == centre)
    if centre_row is None:
        raise LookupError(centre)
    department_ids = {row.name: row.id for row in departments(session, centre_row.id)}
    return centre_row.id, department_ids[department] if department else None


def write_patients(work: Work, invented: Invented, password_hash: str) -> None:
    """Write patients with accounts; each lives near the centres of a time zone."""
    for number, invented_patient in enumerate(invented.patients):
        email = email_of(invented_patient.name, "example.com")
        account = open_account(work, email, invented_patient.name, Role.PATIENT, password_hash)
        details = PatientDetails(
            name=invented_patient.name,
            born=invented_patient.born,
            email=email,
            phone=_phone(invented_patient.zone, number),
            medicare_number=f"20000{number:04}1",
            time_zone=invented_patient.zone,
            language=invented_patient.language,
        )
        directory.add_patient(work, details, account_id=account.id)


def write_neighbours(work: Work, invented: Invented) -> None:
    """Write adult patients without accounts, as practices register them."""
    rng = Random("neighbours")  # noqa: S311 # nosec B311 - the same choices each time
    numbers = count(1)
    known = {patient.name for patient in invented.patients}
    for group in invented.neighbours:
        names = [" ".join(pair) for pair in product(group.given, group.family)]
        for name in rng.sample([name for name in names if name not in known], group.count):
            number = next(numbers)
            details = PatientDetails(
                name=name,
                born=_YOUNGEST - timedelta(days=rng.randrange(72 * 365)),
                phone=_phone(group.zone, number),
                medicare_number=f"30000{number:04}1",
                time_zone=group.zone,
            )
            directory.add_patient(work, details)


_YOUNGEST = date(2006, 1, 1)


def _phone(zone: str, number: int) -> str:
    if zone == "Europe/Dublin":
        return f"+353 20 913 {number:04}"
    return f"0491 {_FICTION[number % len(_FICTION)]}"
