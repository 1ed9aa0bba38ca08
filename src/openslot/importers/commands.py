"""The import: read and check everything, hash new passwords, then write all or nothing."""

from collections.abc import Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy.orm import Session

from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.locks import LONG_WORK, lock
from openslot.core.work import Work
from openslot.identity.passwords import PLACES, hash_patiently
from openslot.importers import queries
from openslot.importers.batch import Batch, read_batch
from openslot.importers.checks import Known, check_known, check_once
from openslot.importers.documents import UserDocument
from openslot.importers.origins import Origin, contents
from openslot.importers.outcome import Outcome
from openslot.importers.problems import Problems
from openslot.importers.progress import Progress
from openslot.importers.tables import LinkRow, OfferRow
from openslot.importers.writing import Writing
from openslot.importers.writing_documents import (
    write_appointments,
    write_departments,
    write_services,
    write_users,
)
from openslot.importers.writing_likes import write_likes
from openslot.importers.writing_resources import write_groups, write_needs, write_rooms
from openslot.importers.writing_services import write_offered_services, write_offers
from openslot.importers.writing_tables import (
    write_centres,
    write_links,
    write_patients,
    write_providers,
)

NOT_HASHED = "!"
"""A placeholder for a hash in a rehearsal; no password matches it."""


STEPS = (
    write_centres,
    write_departments,
    write_services,
    write_offered_services,
    write_rooms,
    write_groups,
    write_needs,
    write_providers,
    write_links,
    write_offers,
    write_patients,
    write_users,
    write_likes,
    write_appointments,
)
"""The steps of an import; each needs what those before it have written."""


class Unhashed(Exception):
    """Accounts with these email addresses were deleted after the first check.

    They are created again, and their passwords must be hashed first, outside the transaction.
    """

    def __init__(self, emails: Set[str]):
        self.emails = emails
        super().__init__()


class _Rehearsed(Exception):
    """Rolls back a rehearsal."""

    def __init__(self, outcome: Outcome):
        self.outcome = outcome
        super().__init__()


def import_all(
    database: Database,
    settings: Settings,
    origins: Sequence[Origin],
    *,
    zone: str,
    now: Callable[[], datetime],
    progress: Progress,
    rehearse: bool = False,
) -> Outcome:
    """Import files, folders and databases, all of them or nothing.

    ``zone`` is the usual time zone of new centres. Everything is of the instant ``now`` after the
    passwords are hashed, and long work, so that who asks what has changed misses nothing. With
    ``rehearse``, everything is checked and counted, and nothing is stored. Raise ImportRefused with
    all problems.
    """
    problems = Problems()
    batch = read_origins(origins, problems, progress, zone=zone)
    new = database.read(lambda session: check_against(session, batch, problems))
    problems.refuse_if_any()
    cost = None if rehearse else settings.password_iterations
    hashes = make_hashes(batch, new, time_cost=cost, progress=progress)

    def work(session: Session) -> Outcome:
        lock(session, LONG_WORK)
        outcome = write_batch(
            Writing(
                Work(session, SYSTEM, now(), settings),
                hashes,
                progress,
                Outcome(notices=list(problems.notices)),
                Problems(spellings=problems.spellings),
            ),
            batch,
        )
        if rehearse:
            raise _Rehearsed(outcome)
        return outcome

    while True:
        try:
            return database.run(work)
        except Unhashed as late:
            hashes |= make_hashes(batch, late.emails, time_cost=cost, progress=progress)
        except _Rehearsed as rehearsed:
            return rehearsed.outcome


def read_origins(
    origins: Sequence[Origin], problems: Problems, progress: Progress, *, zone: str
) -> Batch:
    """Return the contents of files, folders and databases; add problems to ``problems``."""
    batch = read_batch(contents(origins, zone, problems), problems, progress)
    check_once(batch, problems)
    return batch


def check_against(session: Session, batch: Batch, problems: Problems) -> frozenset[str]:
    """Check the batch against the database; return the email addresses of new accounts."""
    emails = {item.row.email for item in batch.people()}
    linked = {item.row.email for item in batch.of(LinkRow)}
    offering = {item.row.email for item in batch.of(OfferRow)}
    roles = queries.roles(session, emails | linked | offering)
    all_centres = queries.centres(session)
    known = Known(
        numbers={
            centre.business_number: centre.name for centre in all_centres if centre.business_number
        },
        professions=queries.professions(session),
        roles=roles,
    )
    key = known.key
    known.centres = {key(centre.name) for centre in all_centres}
    known.departments = {
        (key(centre.name), key(department.name))
        for department, centre in queries.departments(session)
    }
    known.services = {
        (key(centre.name), key(department.name), key(service.name))
        for service, department, centre in queries.services(session)
    }
    known.offered = {
        (key(centre.name if centre else None), key(service.name))
        for service, centre in queries.offered_services(session)
    }
    known.resources = {
        (key(centre.name), key(room.name)) for room, centre in queries.rooms(session)
    }
    known.groups = {
        (key(centre.name), key(group.name)) for group, centre in queries.groups(session)
    }
    check_known(batch, known, problems)
    return frozenset(emails - roles.keys())


def make_hashes(
    batch: Batch, emails: Set[str], *, time_cost: int | None, progress: Progress
) -> dict[str, str]:
    """Return the password hashes of new accounts; placeholders if ``time_cost`` is None.

    Hashing releases the GIL, so threads use all processors but one, which is left to people who
    sign in meanwhile.
    """
    users = batch.of(UserDocument)
    given_hashes = {item.row.email: item.row.password for item in users if item.row.email in emails}
    to_hash = emails - given_hashes.keys()
    new = (item.row for item in batch.people() if item.row.email in to_hash)
    passwords = {row.email: row.password or "" for row in new}
    if time_cost is None or not passwords:
        return given_hashes | dict.fromkeys(passwords, NOT_HASHED)
    with ThreadPoolExecutor(PLACES - 1) as pool:
        hashes = pool.map(
            lambda text: hash_patiently(text, time_cost=time_cost), passwords.values()
        )
        tracked = progress.track("Hashing passwords", hashes, len(passwords))
        return given_hashes | dict(zip(passwords, tracked, strict=True))


def write_batch(writing: Writing, batch: Batch) -> Outcome:
    """Write a checked batch in the caller's transaction; ImportRefused and Unhashed roll it back.

    The batch is checked again, because the database may have changed since the first check.
    """
    new = check_against(writing.work.session, batch, writing.problems)
    writing.problems.refuse_if_any()
    if late := new - writing.hashes.keys():
        raise Unhashed(late)
    for step in STEPS:
        step(writing, batch)
        writing.problems.refuse_if_any()
    return writing.outcome
