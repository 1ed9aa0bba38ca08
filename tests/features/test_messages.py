"""What mails say: when, where and with whom in the reader's words, and never why."""

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from unittest.mock import Mock
from uuid import UUID

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from sqlalchemy.orm import Session

from clinic import (
    NOW,
    REASON,
    START,
    Clinic,
    Mails,
    book,
    both,
    cancel,
    event_of,
    move,
    open_clinic,
    words,
)
from factories import change
from openslot.app import create_app
from openslot.core import language as languages
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory import commands as directory
from openslot.directory import queries as directory_queries
from openslot.directory.details import PatientDetails
from openslot.directory.models import Dependent, Patient, Practitioner
from openslot.identity.commands import NewAccount, create_account
from openslot.identity.models import Account
from openslot.notifications.ics import page_of
from openslot.notifications.preferences import Kind, stop_link
from working import work

URL = "https://book.example.org"
LATER = START + timedelta(days=7)
WHEN = "Monday 23 November 2026, 10:30 am, Sydney time (UTC+11:00)"


# What is told


def test_a_booking_tells_patient_and_practitioner(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    appointment = book(sqlite_database, clinic)
    sent = mails.new()
    assert sent.keys() == {"ann@example.org", "toby@example.org"}
    to_ann, to_toby = sent["ann@example.org"], sent["toby@example.org"]
    assert to_ann["subject"] == "Your appointment is booked: Monday 23 November 2026, 10:30 am"
    assert to_toby["subject"] == "New appointment: Monday 23 November 2026, 10:30 am"
    for part in both(to_ann):
        assert WHEN in part
        assert "30 minutes" in part
        assert "Toby Turner" in part
        assert "Royal Randwick Hospital, Barker St, Randwick" in part
        assert "(02) 9382 2222" in part
        assert "move or cancel this appointment online until 2 hours before it starts" in part
        assert "In an emergency call 000." in part
        assert "Eastern Health" in part
    for part in both(to_toby):
        assert WHEN in part
        assert "Ann Example" in part
    page = f"{URL}/appointments/{appointment.id}"
    assert all(page in mail[part] for mail in sent.values() for part in ("text", "html"))


def without_time(link: str) -> str:
    """A link without the second at which it was signed, and the signature of that."""
    return link.rsplit(".", 2)[0]


def test_the_text_reads_well(
    sqlite_database: Database, clinic: Clinic, mails: Mails, settings: Settings
) -> None:
    appointment = book(sqlite_database, clinic)
    stop = stop_link(settings, clinic.patient_account, Kind.APPOINTMENTS)
    text, _, stopping = mails.new()["ann@example.org"]["text"].rpartition("\n")
    assert text == (
        "Your appointment is booked\n\n"
        "Hello Ann Example,\n\n"
        "Here are the details.\n\n"
        "With: Toby Turner\n"
        f"When: {WHEN}\n"
        "How long: 30 minutes\n"
        "Where: Royal Randwick Hospital, Barker St, Randwick\n"
        "Phone: (02) 9382 2222\n\n"
        "You can move or cancel this appointment online until 2 hours before it starts.\n\n"
        f"View the appointment:\n{URL}/appointments/{appointment.id}\n\n"
        "-- \n"
        "Eastern Health\n"
        "In an emergency call 000.\n\n"
        "Stop emails about appointments:"
    )
    assert without_time(stopping) == without_time(stop)


def test_a_move_tells_the_old_time_and_the_new(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    appointment = book(sqlite_database, clinic)
    first = mails.new()
    move(sqlite_database, appointment, LATER)
    second = mails.new()
    assert second.keys() == first.keys()
    for address, mail in second.items():
        assert "Monday 30 November 2026, 10:30 am" in mail["subject"]
        for part in both(mail):
            assert re.search(r"When:? Monday 30 November 2026, 10:30 am, Sydney time", part)
            assert re.search(r"Old time:? Monday 23 November 2026, 10:30 am, Sydney time", part)
        old, new = event_of(first[address]), event_of(mail)
        assert mail["method"] == "REQUEST"
        assert old["uid"] == new["uid"]
        assert new["sequence"] > old["sequence"]
        assert new["dtstart"].dt == LATER


@pytest.mark.parametrize(
    ("by", "ann_reads", "toby_reads"),
    [
        ("patient_account", "You", "Ann Example"),
        ("practitioner_account", "Toby Turner", "You"),
        ("staff_account", "Royal Randwick Hospital", "Royal Randwick Hospital"),
    ],
)
def test_a_cancellation_tells_who_and_why(
    sqlite_database: Database,
    clinic: Clinic,
    mails: Mails,
    by: str,
    ann_reads: str,
    toby_reads: str,
) -> None:
    appointment = book(sqlite_database, clinic)
    mails.new()
    cancel(sqlite_database, appointment, by=getattr(clinic, by), why="The train is not running")
    sent = mails.new()
    for address, reads in (("ann@example.org", ann_reads), ("toby@example.org", toby_reads)):
        mail = sent[address]
        assert "cancelled: Monday 23 November 2026, 10:30 am" in mail["subject"]
        assert f"Cancelled by: {reads}\nReason: The train is not running" in mail["text"]
        assert f"Cancelled by {reads} Reason The train is not running" in words(mail)
        assert mail["method"] == "CANCEL"
        assert event_of(mail)["status"] == "CANCELLED"
        assert "train" not in mail["calendar"] + mail["subject"]


def carer_of_ann(database: Database, clinic: Clinic, *, email: str | None) -> UUID:
    """Let Mara, who has an account, care for Ann, whose address is then ``email``."""

    def do(session: Session) -> UUID:
        new = NewAccount("mara@example.org", "Mara Example", "-", Role.PATIENT, confirmed_at=NOW)
        account = create_account(work(session, Actor(), NOW), new)
        details = PatientDetails(name="Mara Example", born=date(1960, 1, 2))
        mara = directory.add_patient(work(session, SYSTEM, NOW), details, account_id=account.id)
        ann = session.get_one(Patient, clinic.patient)
        ann.email = email
        if email is None:
            ann.account_id = None
        link = Dependent(patient_id=ann.id, carer_id=mara.id, since=NOW)
        directory_queries.add_dependent(session, link)
        return account.id

    return database.run(do)


@pytest.mark.parametrize(
    ("email", "family_address", "family_reads"),
    [(None, "mara@example.org", "You"), ("ann@example.org", "ann@example.org", "Mara Example")],
)
def test_a_cancellation_by_the_carer_is_the_carers(
    sqlite_database: Database,
    clinic: Clinic,
    mails: Mails,
    email: str | None,
    family_address: str,
    family_reads: str,
) -> None:
    mara = carer_of_ann(sqlite_database, clinic, email=email)
    appointment = book(sqlite_database, clinic)
    mails.new()
    cancel(sqlite_database, appointment, by=mara)
    sent = mails.new()
    assert f"Cancelled by: {family_reads}\n" in sent[family_address]["text"]
    practice_reads = sent["toby@example.org"]["text"]
    assert "Cancelled by: Mara Example, the patient’s carer\n" in practice_reads


def test_those_who_run_the_network_and_deleted_accounts_are_not_the_centre(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    def administrator(session: Session) -> UUID:
        new = NewAccount("n@example.org", "Nadia", "-", Role.NETWORK_ADMIN, confirmed_at=NOW)
        return create_account(work(session, Actor(), NOW), new).id

    nadia = sqlite_database.run(administrator)
    for account_is_gone, reads in ((False, "Cancelled by: Eastern Health\n"), (True, None)):
        appointment = book(sqlite_database, clinic)
        mails.new()
        cancel(sqlite_database, appointment, by=nadia)
        if account_is_gone:
            sqlite_database.run(lambda session: session.delete(session.get_one(Account, nadia)))
        for mail in mails.new().values():
            assert (reads or "Mon") in mail["text"]
            assert ("Cancelled by" in mail["text"]) == (reads is not None)


def test_a_cancellation_by_nobody_known_names_nobody(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    appointment = book(sqlite_database, clinic)
    cancel(sqlite_database, appointment)
    for mail in mails.new().values():
        assert "Cancelled by" not in mail["text"]
        assert "Reason" not in mail["text"]


def test_the_reason_for_an_appointment_stands_in_no_mail(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    appointment = book(sqlite_database, clinic)
    assert appointment.reason == REASON
    sent = [mails.new()]
    move(sqlite_database, appointment, LATER)
    sent.append(mails.new())
    cancel(sqlite_database, appointment, why="Moved away")
    sent.append(mails.new())
    assert [len(some) for some in sent] == [2, 2, 2]
    assert "itches" not in json.dumps(sent)


def test_no_subject_names_a_person_or_a_place(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    book(sqlite_database, clinic, schedule=clinic.service_schedule)
    book(sqlite_database, clinic, at=LATER)
    for mail in mails.new().values():
        assert not re.search("Ann|Toby|Randwick|X-ray|Radiology", mail["subject"])


def test_a_service_is_told_through_its_department(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    book(sqlite_database, clinic, schedule=clinic.service_schedule)
    sent = mails.new()
    assert sent.keys() == {"ann@example.org", "radiology@example.org"}
    to_ann, to_them = sent["ann@example.org"], sent["radiology@example.org"]
    assert "Service: Chest X-ray" in to_ann["text"]
    assert "Phone: (02) 9382 3333" in to_ann["text"]
    assert "X-ray" not in to_ann["calendar"]
    assert event_of(to_ann)["summary"] == "Appointment with Royal Randwick Hospital"
    assert "Patient: Ann Example\nService: Chest X-ray" in to_them["text"]
    assert event_of(to_them)["summary"] == "Appointment: A. E."


def test_patients_see_with_whom_in_their_calendar_and_practices_initials(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    book(sqlite_database, clinic)
    sent = mails.new()
    for address, called in (
        ("ann@example.org", "Appointment with Toby Turner"),
        ("toby@example.org", "Appointment: A. E."),
    ):
        event = event_of(sent[address])
        assert event["summary"] == called
        assert event["attendee"] == f"mailto:{address}"
    assert "Example" not in sent["toby@example.org"]["calendar"]


def test_without_a_patients_address_that_of_the_account_serves(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    change(sqlite_database, Patient, clinic.patient, email=None)
    change(sqlite_database, Practitioner, 1, email=None)
    book(sqlite_database, clinic)
    assert mails.new().keys() == {"patient@accounts.example", "practitioner@accounts.example"}


def test_who_has_no_address_is_not_written_to(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    change(sqlite_database, Patient, clinic.patient, email=None, account_id=None)
    change(sqlite_database, Practitioner, 1, email=None, account_id=None)
    book(sqlite_database, clinic)
    assert mails.new() == {}


def test_without_a_public_address_no_link_is_made_up(
    sqlite_database: Database, clinic: Clinic
) -> None:
    book(sqlite_database, clinic)
    for mail in Mails(sqlite_database, Settings(_env_file=None)).new().values():
        assert not re.search("https?://|online", mail["text"] + mail["html"])


def test_the_link_leads_to_the_page_of_the_appointment(tmp_path: Path) -> None:
    app = create_app(Settings(_env_file=None, data_dir=tmp_path))
    pages = {f"{URL}{rule.rule}" for rule in app.url_map.iter_rules(endpoint="appointments.show")}
    appointment = Mock(id="<uuid:appointment_id>")
    assert pages == {page_of(appointment, f"{URL}/")}
    app.extensions["openslot"].database.close()


# In whose words


def test_dates_are_written_in_the_language_of_the_account(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    change(sqlite_database, Account, clinic.patient_account, locale="en_US")
    book(sqlite_database, clinic)
    sent = mails.new()
    assert "Monday, November 23, 2026, 10:30 AM, Sydney time" in sent["ann@example.org"]["text"]
    assert "Monday 23 November 2026, 10:30 am" in sent["toby@example.org"]["text"]


@pytest.fixture
def irish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalogue with a few sentences in Irish."""
    catalogue = Catalog(locale="ga")
    catalogue.add(
        "Your appointment is booked: %(when)s", "Tá do choinne curtha in áirithe: %(when)s"
    )
    catalogue.add("Hello %(name)s,", "Dia duit <%(name)s>,")
    catalogue.add("When", "Cathain")
    file = tmp_path / "ga/LC_MESSAGES/messages.mo"
    file.parent.mkdir(parents=True)
    with file.open("wb") as written:
        write_mo(written, catalogue)
    monkeypatch.setattr(languages, "CATALOGUES", tmp_path)
    languages.language_of.cache_clear()
    yield
    languages.language_of.cache_clear()


@pytest.mark.usefixtures("irish")
def test_sentences_come_from_the_catalogue_of_the_account(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    change(sqlite_database, Account, clinic.patient_account, locale="ga")
    book(sqlite_database, clinic)
    mail = mails.new()["ann@example.org"]
    assert mail["subject"].startswith("Tá do choinne curtha in áirithe: Dé Luain 23 Samhain 2026")
    assert "Cathain: Dé Luain 23 Samhain 2026" in mail["text"]
    assert "Dia duit <Ann Example>," in mail["text"]
    assert "Dia duit &lt;<bdi>Ann Example</bdi>&gt;," in mail["html"]
    assert '<html lang="ga" dir="ltr">' in mail["html"]


def test_an_unknown_locale_is_no_reason_not_to_write(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    change(sqlite_database, Account, clinic.patient_account, locale="tlh_QQ")
    book(sqlite_database, clinic)
    assert WHEN in mails.new()["ann@example.org"]["text"]


def test_a_reader_in_another_zone_hears_how_far_their_clock_is(
    sqlite_database: Database, clinic: Clinic, mails: Mails
) -> None:
    change(sqlite_database, Patient, clinic.patient, time_zone="Australia/Adelaide")
    book(sqlite_database, clinic)
    sent = mails.new()
    behind = "Your own clock, in Adelaide, is 30 minutes behind."
    assert all(behind in part for part in both(sent["ann@example.org"]))
    assert "clock" not in sent["toby@example.org"]["text"]


@pytest.mark.parametrize(("hours", "until"), [(0, "until it starts"), (1, "until 1 hour before")])
def test_the_cut_off_is_that_of_the_settings(
    sqlite_database: Database, clinic: Clinic, settings: Settings, hours: int, until: str
) -> None:
    book(sqlite_database, clinic)
    sent = Mails(sqlite_database, settings.model_copy(update={"cancel_cutoff_hours": hours})).new()
    assert (
        f"You can move or cancel this appointment online {until}" in sent["ann@example.org"]["text"]
    )


def test_names_cannot_bring_markup_along(
    sqlite_database: Database, settings: Settings, mails: Mails
) -> None:
    clinic = open_clinic(sqlite_database, patient_name='<img src="x"> & {{ 7 * 7 }} %(x)s')
    book(sqlite_database, clinic)
    for mail in mails.new().values():
        assert "<img" not in mail["html"]
        assert "&lt;img src=&#34;x&#34;&gt; &amp; {{ 7 * 7 }} %(x)s" in mail["html"]
        assert '<img src="x"> & {{ 7 * 7 }} %(x)s' in mail["text"]


def test_stored_names_keep_their_direction_to_themselves(
    sqlite_database: Database, mails: Mails
) -> None:
    book(sqlite_database, open_clinic(sqlite_database, patient_name="عمر خيام"))
    assert "<bdi>عمر خيام</bdi>" in mails.new()["toby@example.org"]["html"]
