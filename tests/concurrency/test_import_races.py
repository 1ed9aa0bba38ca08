"""An import at the same moment as a bulk export: what it brings is in this export or the next."""

from concurrent.futures import ThreadPoolExecutor, TimeoutError
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from factories import NOW
from importing import bring_in, write
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.exports import bulk
from openslot.importers import commands
from working import work

PATIENT = {
    "patient.csv": "patient_email,patient_name,patient_phone,patient_medicare_number,password\n"
    "lena@example.org,Lena Marsh,0400 000 111,3333444455551,plum kettle orbit\n"
}


def test_an_export_waits_for_an_import_whose_instant_is_that_of_its_writing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, minutes = [], iter(range(60))
    hash_all, write_all = commands.make_hashes, commands.write_batch

    def passing() -> datetime:
        return NOW + timedelta(minutes=next(minutes))

    def hash_slowly(*given: Any, **named: Any) -> Any:
        began.append(passing())
        return hash_all(*given, **named)

    def write_slowly(writing: Any, batch: Any) -> Any:
        began.append(writing.work.now)
        asked = pool.submit(database.run, lambda session: begin(work(session, now=passing())))
        with pytest.raises(TimeoutError):
            asked.result(0.3)
        exports.append(asked)
        return write_all(writing, batch)

    def begin(unit: Any) -> datetime:
        return bulk.begin(unit, new_id(), "/fhir/$export", ["Patient"], None).asked_at

    monkeypatch.setattr(commands, "make_hashes", hash_slowly)
    monkeypatch.setattr(commands, "write_batch", write_slowly)
    exports: list[Any] = []
    with ThreadPoolExecutor(1) as pool:
        bring_in(database, write(tmp_path / "files", PATIENT), now=passing)
        hashed, written, asked = *began, exports[0].result(5)
    assert hashed < written < asked
