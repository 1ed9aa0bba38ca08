"""Commands of bulk exports."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from openslot.core import audit
from openslot.core.errors import NotFound
from openslot.core.locks import LONG_WORK, lock
from openslot.core.work import Work
from openslot.exports import queries
from openslot.exports.models import BulkExport

LASTS = timedelta(hours=24)
"""Time for which the files of an export can be read."""


def begin(
    work: Work, program_id: UUID, address: str, kinds: Sequence[str], since: datetime | None
) -> BulkExport:
    """Keep what a program asks for, and forget what is over. Raises Busy during an import, whose
    changes are of an instant long before they can be seen."""
    lock(work.session, LONG_WORK)
    queries.forget_until(work.session, work.now - LASTS)
    export = BulkExport(
        program_id=program_id,
        asked_at=work.now,
        address=address,
        kinds=",".join(kinds),
        since=since,
    )
    work.session.add(export)
    work.session.flush()
    audit.record(work, "export.begun", f"export:{export.id}", kinds=export.kinds)
    return export


def asked_by(work: Work, program_id: UUID, export_id: UUID) -> BulkExport:
    """Return an export of the program. Raises NotFound if it is another's, ended or over."""
    export = work.session.get(BulkExport, export_id)
    if export is None or export.program_id != program_id or export.asked_at < work.now - LASTS:
        raise NotFound
    return export


def end(work: Work, program_id: UUID, export_id: UUID) -> None:
    """Forget an export of the program, whose files cannot be read any more."""
    work.session.delete(asked_by(work, program_id, export_id))
    audit.record(work, "export.ended", f"export:{export_id}")


def note_read(work: Work, export: BulkExport, kind: str) -> None:
    """Audit that a file is read."""
    audit.record(work, "export.read", f"export:{export.id}", kinds=kind)
