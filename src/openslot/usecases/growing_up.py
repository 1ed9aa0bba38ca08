"""The end of a carer's access to the record of a child who grows up.

From ``carer_told_age`` on the carer is asked to hand the record over. At ``carer_ends_age`` the
access ends, a month after a mail said so, unless the care team confirms that it must go on, for
example because the carer is a guardian. Where only the year or month of birth is known, its last
day counts. Somebody who was of age when the carer added them is no child, and is left alone.
"""

from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from openslot.core import audit
from openslot.core.births import BirthDate
from openslot.core.clock import years_after
from openslot.core.errors import Forbidden, NotFound
from openslot.core.events import publish
from openslot.core.work import Work
from openslot.directory import queries
from openslot.directory.models import Dependent, Patient
from openslot.directory.rules import works_with_patients
from openslot.records import finding

WARNED_FOR = timedelta(days=30)
"""Time from the mail that says so until the access ends."""


class Topic(StrEnum):
    """What carers are told; the payload names the ``patient`` and the ``carer``."""

    TOLD = "dependent.told"
    WARNED = "dependent.warned"
    ENDED = "dependent.ended"


def look_after_ages(work: Work, *, limit: int) -> int:
    """Tell, warn, and end up to ``limit`` links that are due; return their number."""
    today = queries.today(work)
    ages = [age for age in (work.settings.carer_told_age, work.settings.carer_ends_age) if age]
    if not ages:
        return 0
    born_until = f"{today.year - min(ages) + 2:04}"
    done = 0
    for patient, link in queries.dependents_born_until(work.session, born_until):
        topic = _next_step(work, patient, link, today)
        if topic is not None and done < limit:
            _take(work, topic, link)
            done += 1
    return done


def ends_on(work: Work, patient: Patient, link: Dependent) -> date | None:
    """Return the day on which the carer's access ends, or None if it does not."""
    age = work.settings.carer_ends_age
    if not age or patient.born is None or link.continues_at is not None:
        return None
    birthday = reaches(patient.born, age)
    if birthday <= link.since.date():
        return None
    return max(birthday, (link.warned_at + WARNED_FOR).date()) if link.warned_at else birthday


def continue_caring(work: Work, patient_id: UUID) -> None:
    """Confirm that the carer's access must go on after the young person is of age.

    Raises Forbidden unless the actor works with patients, and NotFound for a practitioner who may
    not read the record, or without a carer.
    """
    if not works_with_patients(work.actor):
        raise Forbidden
    link = queries.dependent(work.session, patient_id)
    if link is None or not finding.may_change(work, patient_id):
        raise NotFound
    link.continues_at, link.continues_by = work.now, work.actor.account_id
    audit.record(work, "dependent.continued", f"patient:{patient_id}", carer=str(link.carer_id))


def reaches(born: BirthDate, age: int) -> date:
    """Return the birthday of an age; of a birth that is not known to the day, the last possible."""
    return years_after(born.last, age)


def _next_step(work: Work, patient: Patient, link: Dependent, today: date) -> Topic | None:
    settings = work.settings
    if patient.born is None or link.continues_at is not None:
        return None
    since = link.since.date()
    if settings.carer_ends_age:
        birthday = reaches(patient.born, settings.carer_ends_age)
        if birthday <= since:
            return None
        if link.warned_at is None and today >= birthday - WARNED_FOR:
            return Topic.WARNED
        if today >= birthday and link.warned_at and work.now >= link.warned_at + WARNED_FOR:
            return Topic.ENDED
    if settings.carer_told_age and link.told_at is None and link.warned_at is None:
        told = reaches(patient.born, settings.carer_told_age)
        return Topic.TOLD if since < told <= today else None
    return None


def _take(work: Work, topic: Topic, link: Dependent) -> None:
    patient_id, carer_id = link.patient_id, link.carer_id
    if topic is Topic.TOLD:
        link.told_at = work.now
    elif topic is Topic.WARNED:
        link.warned_at = work.now
    else:
        queries.remove_dependent(work.session, link)
    audit.record(work, topic, f"patient:{patient_id}", carer=str(carer_id))
    publish(work, topic, patient=patient_id, carer=carer_id)
