"""Erasing a person: what names them goes for good, what the law has kept stays without a name.

The name, contacts, numbers and account go, the date of birth shrinks to its year, and so do the
reasons of appointments, and the mails and messages to sessions about them; other messages, webhooks
for example, have only ids. The health record stays with the nameless
patient until its time is over (usecases/retention.py), or goes at once. The audit log has ids only
and is not touched, so that its seals stay whole.

``Database.scrub`` afterwards rewrites the file of the embedded database, where deleted text stays
otherwise until it is written over.
"""

import html
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from openslot.booking import claims, reassigning
from openslot.booking import queries as booking
from openslot.booking.commands import change_status
from openslot.booking.errors import HasDependents
from openslot.booking.events import Topic
from openslot.booking.models import Appointment, Status
from openslot.core import audit, idempotency, outbox
from openslot.core.births import BirthDate
from openslot.core.errors import NotFound
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.department_requests import queries as requests
from openslot.directory import contacts, queries
from openslot.directory.errors import MergedFurther, PatientErased
from openslot.directory.merges import queries as merges
from openslot.directory.models import Patient
from openslot.directory.rules import may_run_network
from openslot.identity import commands as identity
from openslot.identity import queries as identities
from openslot.questions.queries import remove_answers
from openslot.records import queries as records
from openslot.referrals import queries as referrals
from openslot.waiting_list import queries as offers
from openslot.waiting_list import search
from openslot.waiting_list.models import OfferStatus, Waiting
from openslot.waiting_list.offering import close_offer, end_entry

NAMELESS = "Erased patient"
"""The name of an erased patient."""

SHORTEST = 4
"""Words that name a person are looked for in messages if they have this many letters."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removes: numbers of rows."""

    appointments: int
    cancelled: int
    entries: int
    referrals: int
    messages: int
    has_account: bool
    keeps_record: bool


def preview(work: Work, patient_id: UUID, *, keep_record: bool = True) -> Erased:
    """Return what :func:`erase` would remove, and change nothing. Raises what it raises."""
    people = _people(work, patient_id)
    messages = sum(1 for _ in _messages(work, _names(work, people)))
    return replace(_counted(work, people, keep_record=keep_record), messages=messages)


def erase(work: Work, patient_id: UUID, *, keep_record: bool = True) -> Erased:
    """Erase a person, with the duplicates that were merged into their record, for good.

    Upcoming appointments are cancelled. Unless ``keep_record``, the health record goes at once.
    Raises Forbidden, NotFound, PatientErased, MergedFurther for a merged duplicate, and
    HasDependents if the person cares for others, whose records must be handed over first.
    """
    lock(work.session, f"merging {patient_id}")
    people = _people(work, patient_id)
    erased = _counted(work, people, keep_record=keep_record)
    for person in people:
        _end_what_is_ahead(work, person.id)
    names = _names(work, people)
    for person in people:
        remove_texts(work, person.id)
        if not keep_record:
            remove_record(work, person.id)
    messages = _clean_messages(work, names)
    for person in people:
        _make_nameless(work, person)
    audit.record(
        work, "patient.erased", f"patient:{patient_id}", record="kept" if keep_record else "removed"
    )
    return replace(erased, messages=messages)


def remove_texts(work: Work, patient_id: UUID) -> None:
    """Remove what was written about appointments, requests and emergency accesses, and the answers
    to questions before appointments."""
    for appointment in booking.whole(work.session, Appointment.patient_id == patient_id):
        appointment.reason, appointment.status_reason = None, None
        appointment.task, appointment.external_id = None, None
    remove_answers(work.session, patient_id)
    requests.remove_texts(work.session, patient_id)
    work.session.flush()


def remove_record(work: Work, patient_id: UUID) -> int:
    """Remove the health record: entries, emergency accesses, and the letters of referrals. Returns
    the number of entries."""
    referrals.remove_letters(work.session, patient_id)
    return records.remove_record(work.session, patient_id)


# Steps


def _people(work: Work, patient_id: UUID) -> list[Patient]:
    """Return the patient and their merged duplicates, as they are now."""
    may_run_network(work.actor)
    ids = [patient_id, *merges.duplicates_of(work.session, patient_id)]
    people = [queries.patient(work.session, one, inactive=True) for one in ids]
    for person in people:
        work.session.refresh(person)
    patient = people[0]
    if patient.erased_at is not None:
        raise PatientErased
    if patient.merged_into is not None:
        other = queries.patient(work.session, patient.merged_into, inactive=True)
        raise MergedFurther(name=other.name)
    if not patient.active:
        raise NotFound
    if queries.dependents_of(work.session, patient_id):
        raise HasDependents
    return people


def _counted(work: Work, people: Iterable[Patient], *, keep_record: bool) -> Erased:
    """Count all but the messages, of which each has to be read."""
    people = list(people)
    ids = [person.id for person in people]
    appointments = booking.whole(work.session, Appointment.patient_id.in_(ids))
    tables = merges.tables_of_patients()
    entries, letters = (
        sum(len(merges.rows_of(work.session, tables[name], one)) for one in ids)
        for name in ("history_entry", "referral")
    )
    return Erased(
        appointments=len(appointments),
        cancelled=sum(_is_ahead(one, work) for one in appointments),
        entries=0 if keep_record else entries,
        referrals=0 if keep_record else letters,
        messages=0,
        has_account=any(person.account_id for person in people),
        keeps_record=keep_record,
    )


def _is_ahead(appointment: Appointment, work: Work) -> bool:
    return appointment.status is Status.BOOKED and appointment.ends_at > work.now


def _end_what_is_ahead(work: Work, patient_id: UUID) -> None:
    for offer in offers.open_offers(work, patient_ids=[patient_id]):
        close_offer(work, offer, OfferStatus.WITHDRAWN)
    for entry in search.open_entries(work.session, patient_id):
        end_entry(work, entry, Waiting.LEFT)
    patient = queries.patient(work.session, patient_id, inactive=True)
    reassigning.close_diary(work, patient)
    appointments = booking.whole(work.session, Appointment.patient_id == patient_id)
    claims.expire(work, [one for one in appointments if one.status is Status.HELD])
    for appointment in appointments:
        if _is_ahead(appointment, work):
            change_status(work, appointment.id, Status.CANCELLED)


def _make_nameless(work: Work, patient: Patient) -> None:
    link = queries.dependent(work.session, patient.id)
    if link is not None:
        queries.remove_dependent(work.session, link)
    contacts.forget_number(work, patient, patient.phone)
    account_id, patient.account_id = patient.account_id, None
    patient.name = NAMELESS
    patient.born = BirthDate(patient.born[:4]) if patient.born else None
    patient.email = patient.phone = patient.medicare_number = patient.email_changed_at = None
    patient.time_zone = patient.language = None
    patient.active, patient.erased_at = False, work.now
    work.session.flush()
    if account_id is not None:
        account = identities.by_id(work.session, account_id)
        if account is not None:
            identities.remove_failures(work.session, account.email)
            identity.delete_account(work, account_id)


# Messages


def _names(work: Work, people: Iterable[Patient]) -> frozenset[str]:
    """Return the words and ids by which messages are about these people, as they may be written."""
    words: set[str] = set()
    ids: set[UUID] = set()
    for person in people:
        number = contacts.mobile_of(person.phone, work.settings)
        details = (person.name, person.email, person.phone, number, person.medicare_number)
        words.update(filter(None, details))
        account = identities.by_id(work.session, person.account_id) if person.account_id else None
        if account is not None:
            words.update((account.name, account.email))
            ids.add(account.id)
        ids.add(person.id)
        ids.update(
            one.id for one in booking.whole(work.session, Appointment.patient_id == person.id)
        )
        for table in merges.tables_of_patients().values():
            ids.update(merges.rows_of(work.session, table, person.id))
    known = {word for word in words if len(word) >= SHORTEST} | {str(one) for one in ids}
    return frozenset(form for word in known for form in _forms(word))


def _forms(word: str) -> set[str]:
    """Return how a text may stand in a text, in HTML, and in an answer in JSON."""
    return {word, html.escape(word), json.dumps(word)[1:-1], json.dumps(html.escape(word))[1:-1]}


def _messages(work: Work, names: frozenset[str]) -> Iterable[Callable[[], None]]:
    """Yield what removes each message, delivery and stored answer that is about the people."""
    for topic in (outbox.MAIL, outbox.SMS, contacts.Topic.CHANGED, Topic.MESSAGE):
        for message in outbox.all_messages(work.session, topic):
            if _tells(message.payload, names):
                yield partial(outbox.drop, work.session, message)
    for answer in idempotency.all_answers(work.session):
        if _tells([answer.headers, answer.body], names):
            yield partial(idempotency.empty, answer)


def _clean_messages(work: Work, names: frozenset[str]) -> int:
    found = list(_messages(work, names))
    for remove in found:
        remove()
    work.session.flush()
    return len(found)


def _tells(value: Any, names: frozenset[str]) -> bool:
    text = "\n".join(_texts(value)).replace("\r\n ", "")
    return any(name in text for name in names)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of what is stored as JSON, as they were written."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
