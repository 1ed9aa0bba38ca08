"""An export of everything in FHIR, and what happens after its import: nothing."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

import engines
from entrypoints import world
from entrypoints.belongings import SECRET, furnish
from openslot.booking import check
from openslot.booking.models import Appointment
from openslot.booking.queries import still_there
from openslot.core.audit import AuditEvent
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import OutboxMessage
from openslot.directory.models import Patient
from openslot.entrypoints.fhir import everything
from openslot.entrypoints.worker.main import handle_next
from openslot.importers.progress import Silent
from openslot.records.models import Entry
from openslot.referrals.models import Referral
from openslot.schema import metadata
from openslot.transfers import commands
from openslot.transfers.commands import Contents


def write(database: Database, settings: Settings, target: Path) -> dict[str, list[str]]:
    """Export everything; the lines of its files by their names."""
    commands.export_everything(
        database,
        settings,
        target,
        Contents(),
        everything.files,
        now=datetime.now(UTC),
        progress=Silent(),
    )
    return {
        str(path.relative_to(target)): path.read_text().split("\n")[:-1]
        for path in target.glob("*/*")
    }


def test_a_network_leaves_whole_and_arrives_without_a_sound(
    sqlite_database: Database, tmp_path: Path
) -> None:
    settings = Settings(
        data_dir=tmp_path / "data", secret_key="s" * 40, smtp_host="127.0.0.1", smtp_port=1
    )
    furnish(sqlite_database, world.build(sqlite_database))
    check.repair(sqlite_database, check.faults(sqlite_database))
    files = write(sqlite_database, settings, tmp_path / "before")

    with sqlite_database.reading() as session:
        for name, table, only in (
            ("Patient", Patient, ()),
            ("Appointment", Appointment, (still_there(datetime.now(UTC)),)),
            ("ServiceRequest", Referral, ()),
            ("AuditEvent", AuditEvent, ()),
        ):
            count = session.scalar(select(func.count()).select_from(table).where(*only))
            assert len(files[f"fhir/{name}.ndjson"]) == count, name
        texts = [entry.text for entry in session.scalars(select(Entry))]
    documents = "".join(files["fhir/DocumentReference.ndjson"])
    assert texts
    assert SECRET in "".join(files["fhir/ServiceRequest.ndjson"]), "letters are not held back"
    assert any("reasonCode" in line for line in files["fhir/Appointment.ndjson"])
    assert documents

    engines.empty(sqlite_database.engine, metadata)
    commands.import_everything(
        sqlite_database,
        settings,
        tmp_path / "before",
        None,
        now=datetime.now(UTC),
        progress=Silent(),
    )
    again = write(sqlite_database, settings, tmp_path / "after")
    assert {name: lines for name, lines in again.items() if again[name] != files[name]}.keys() <= {
        "fhir/AuditEvent.ndjson",
        "reading/audit_event.ndjson",
    }
    assert check.faults(sqlite_database) == []
    while handle_next(sqlite_database, settings):
        pass
    sent = sqlite_database.read(lambda session: session.scalars(select(OutboxMessage.topic)).all())
    assert set(sent) <= {"appointment.reminder"}, "nobody is told of what is imported"
