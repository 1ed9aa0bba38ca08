"""Every mail of the table is rendered whole, under its subject, and can be translated."""

import re
from datetime import UTC, datetime, timedelta
from gettext import NullTranslations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from babel import Locale
from babel.messages.extract import extract_from_dir
from jinja2 import UndefinedError
from sqlalchemy.orm import Session

from openslot.booking.events import AppointmentChanged
from openslot.booking.models import Appointment, Priority, Status
from openslot.core.actor import SYSTEM, Role
from openslot.core.births import BirthDate
from openslot.core.config import Settings
from openslot.core.language import Language, language
from openslot.core.work import Work
from openslot.department_requests.models import Kept, ServiceRequest
from openslot.directory.models import Centre, Department, Patient, Practitioner, Service
from openslot.identity.events import Change
from openslot.identity.models import Account
from openslot.notifications import contents, mails
from openslot.notifications.events import (
    AppointmentEvent,
    AppointmentsEvent,
    ContactEvent,
    DependentEvent,
    EmergencyEvent,
    OfferEvent,
    ReferralEvent,
    RequestEvent,
    SecondStepEvent,
    SessionMessage,
)
from openslot.notifications.mails import MAILS, AccountMail
from openslot.notifications.preferences import Kind
from openslot.notifications.recipients import (
    Recipient,
    Side,
    carer,
    contact_changed,
    patient,
    patient_of_all,
    rebooked,
    waiting,
)
from openslot.notifications.rendering import TEMPLATES, Rendered, render, render_short
from openslot.notifications.sms import SHIPPED
from openslot.records.models import EmergencyAccess
from openslot.referrals.models import Referral
from openslot.schedules.models import Schedule
from openslot.waiting_list.models import Offer

ENGLISH = language("en")
START = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
WHEN = "Monday 23 November 2026, 10:30 am"
ID = UUID("01930000-0000-7000-8000-000000000001")
SETTINGS = Settings(
    _env_file=None, public_url="https://book.example.org", secret_key="a key for tests"
)

SUBJECTS = {
    "account_alarm": ["Unusual sign-ins or requests"],
    "account_many_read": ["Unusually many patients opened"],
    "account_unreviewed": ["Emergency accesses wait for review"],
    "account_confirm": ["Confirm your email address"],
    "account_email_changed": ["Your email address has changed"],
    "account_hand_over": ["Manage your own appointments"],
    "account_invitation": ["Your new account"],
    "account_known": ["You already have an account"],
    "account_second_step": ["A passkey was added to your account"],
    "account_reset": ["Choose a new password"],
    "account_staff_declined": ["Your registration was declined"],
    "account_staff_welcome": ["You can now sign in"],
    "appointment_booked": [
        f"Your appointment is booked: {WHEN}",
        f"An appointment is booked: {WHEN}",
    ],
    "appointment_booked_practice": [f"New appointment: {WHEN}"],
    "appointment_cancelled": [
        f"Your appointment is cancelled: {WHEN}",
        f"An appointment is cancelled: {WHEN}",
    ],
    "appointment_cancelled_practice": [f"Appointment cancelled: {WHEN}"],
    "appointment_moved": [
        f"Your appointment has moved: {WHEN}",
        f"An appointment has moved: {WHEN}",
    ],
    "appointment_moved_practice": [f"Appointment moved: {WHEN}"],
    "appointment_reminder": [
        f"Reminder of your appointment: {WHEN}",
        f"Reminder of an appointment: {WHEN}",
    ],
    "appointments_booked": [
        f"Your appointments are booked: from {WHEN}",
        f"Appointments are booked: from {WHEN}",
    ],
    "appointments_booked_practice": [f"New appointments: from {WHEN}"],
    "appointments_cancelled": [
        f"Your appointments are cancelled: from {WHEN}",
        f"Appointments are cancelled: from {WHEN}",
    ],
    "appointments_cancelled_practice": [f"Appointments cancelled: from {WHEN}"],
    "appointments_moved": [
        f"Your appointments have moved: from {WHEN}",
        f"Appointments have moved: from {WHEN}",
    ],
    "appointments_moved_practice": [f"Appointments moved: from {WHEN}"],
    "contact_changed": ["An email address was changed"] * 2,
    "dependent_ended": ["", "Your access to a record has ended"],
    "dependent_told": ["", "Somebody you care for can manage their own record"],
    "dependent_warned": ["", "Your access to a record ends soon"],
    "emergency_access": [
        "Your health record was opened in an emergency",
        "A health record was opened in an emergency",
    ],
    "emergency_access_administrator": ["A health record was opened in an emergency"],
    "offer_new_time": [
        f"A new time for your appointment: {WHEN}",
        f"A new time for an appointment: {WHEN}",
    ],
    "offer_waiting_list": [
        f"An appointment is available: {WHEN}",
        f"An appointment is available: {WHEN}",
    ],
    "referral_answered": ["Your referral has been answered"],
    "referral_sent": ["You have a referral", "There is a new referral"],
    "referral_sent_specialist": ["A patient has been referred to you"],
    "referral_withdrawn": ["Your referral has been withdrawn", "A referral has been withdrawn"],
    "referral_withdrawn_specialist": ["A referral to you has been withdrawn"],
    "request_accepted": ["A request has been accepted"],
    "request_appointment_cancelled": ["A request has been cancelled"],
    "request_appointment_moved": ["A request has a new time"],
    "request_cancelled": ["A request has been cancelled"],
    "request_changed": ["A request has changed"],
    "request_completed": ["A request has been completed"],
    "request_declined": ["A request has been declined"],
    "request_made": ["New request"],
    "request_new_time": ["Another time has been proposed"],
    "session_message": [
        f"A message about your appointment: {WHEN}",
        f"A message about an appointment: {WHEN}",
    ],
}
"""To whom it is about, and to their carer if the mail goes to one."""

NAMES_PATIENT = {
    "appointment_booked_practice",
    "appointment_moved_practice",
    "appointment_cancelled_practice",
    "appointments_booked_practice",
    "appointments_moved_practice",
    "appointments_cancelled_practice",
    "referral_sent_specialist",
    "referral_withdrawn_specialist",
    "referral_answered",
}
"""Mails to those who give care; carers read the name of their dependent besides."""

CENTRE = Centre(
    name="Royal Randwick Hospital", address=None, suburb="Randwick", time_zone="Australia/Sydney"
)
ANN = Patient(name="Ann Example")
KID = Patient(name="Tama Example", born=BirthDate("2010-03-31"))
TOBY = Practitioner(name="Toby Turner")
RADIOLOGY = Department(id=1, name="Radiology", centre=CENTRE)
SURGERY = Department(id=2, name="Surgery", centre=CENTRE)


def appointment() -> Appointment:
    return Appointment(
        id=ID,
        starts_at=START,
        ends_at=START + timedelta(minutes=30),
        status=Status.BOOKED,
        status_reason="The train is not running",
        version=1,
        created_at=START,
        changed_at=START,
        schedule=Schedule(id=7, centre=CENTRE, practitioner=TOBY),
        patient=ANN,
        series_id=ID,
    )


def request() -> ServiceRequest:
    return ServiceRequest(
        id=ID,
        service=Service(name="Chest X-ray", department=RADIOLOGY),
        department_id=SURGERY.id,
        requesting_department=SURGERY,
        patient=ANN,
        status=Kept.NEW,
        priority=Priority.ROUTINE,
        starts_at=START,
        minutes=30,
        version=1,
    )


def event_of(topic: str, **kept: Any) -> Any:
    """An event of the topic without a database; ``kept`` is what it would read from one."""
    about, unit = MAILS[topic].about, Work(Session(), SYSTEM, START, SETTINGS)
    change = AppointmentChanged(str(ID), 1, 7, "", "", "2026-11-20T23:30:00+00:00", str(ID))
    referral = Referral(id=ID, expires_at=START, patient=ANN, gp=TOBY, addressee=TOBY)
    access = EmergencyAccess(patient_id=ID, starts_at=START, ends_at=START)
    event: Any = {
        id(mails.APPOINTMENT): lambda: AppointmentEvent(unit, topic, "", change, appointment()),
        id(mails.APPOINTMENTS): lambda: AppointmentsEvent(
            unit, topic, "", change, appointment(), (appointment(), appointment()), False
        ),
        id(mails.SESSION): lambda: SessionMessage(
            unit, topic, "", change, appointment(), "Bring a mat, please"
        ),
        id(mails.REFERRAL): lambda: ReferralEvent(unit, topic, "", referral),
        id(mails.REQUEST): lambda: RequestEvent(unit, topic, "", request(), 1, None, False),
        id(mails.OFFER): lambda: OfferEvent(unit, topic, "", Offer(id=ID, expires_at=START)),
        id(mails.CONTACT): lambda: ContactEvent(unit, topic, "", ANN, True, False, None),
        id(mails.GROWING_UP): lambda: DependentEvent(unit, topic, "", KID, ANN),
        id(mails.SECOND_STEP): lambda: SecondStepEvent(
            unit, topic, "", Account(id=ID, name="Kim"), Change.PASSKEY_ADDED, START
        ),
        id(mails.EMERGENCY): lambda: EmergencyEvent(unit, topic, "", access),
    }[id(about)]()
    known = {
        "request": request() if about in (mails.APPOINTMENT, mails.SESSION) else None,
        "acting_account": Account(id=ID, name="Kit Example", role=Role.STAFF),
        "acting_centre": CENTRE,
        "acting_department": SURGERY,
        "appointment": appointment() if about is mails.OFFER else None,
        "replaced": None,
        "practitioner": TOBY,
        **kept,
    }
    vars(event).update((name, value) for name, value in known.items() if name not in vars(event))
    return event


def reader(side: Side, spoken: Language = ENGLISH) -> Recipient:
    dependent = ANN.name if side is Side.CARER else None
    return Recipient(side, "Kim", "kim@example.org", spoken, dependent=dependent, department_id=1)


def sides(to: Any) -> tuple[Side, ...]:
    """For whom a mail may be."""
    if to is carer:
        return (Side.CARER,)
    to_both = to in (patient, patient_of_all, waiting, rebooked, contact_changed)
    return (Side.PATIENT, Side.CARER) if to_both else (Side.PRACTICE,)


EVERY_MAIL = [
    pytest.param(topic, mail, side, id=f"{mail.template}-{side}")
    for topic, group in MAILS.items()
    for mail in group.mails
    for side in sides(mail.to)
]


def values_of(topic: str, mail: Any, to: Recipient, **kept: Any) -> dict[str, object]:
    content = mail.content or MAILS[topic].about.content
    return {
        **contents.for_every_mail(to.name, SETTINGS),
        **content(event_of(topic, **kept), to),
        "dependent": to.dependent,
        "kind": mail.kind,
        "stop_page": "https://book.example.org/unsubscribe/token" if mail.kind else None,
    }


def of_account(spoken: Language = ENGLISH, **values: object) -> dict[str, object]:
    link = "https://book.example.org/link"
    return {**contents.for_every_mail("Kim", SETTINGS), "page": link, **values}


def check_is_whole(rendered: Rendered) -> None:
    for part in (rendered.subject, rendered.text, rendered.html):
        assert part
        assert not re.search(r"%\(|\{\{|\{%|None|Undefined", part)
    assert re.search(r"\n\n[A-Z].+:\nhttps://book.example.org/", rendered.text), "its button"
    assert re.search(r'href="https://book.example.org/.+>[A-Z].+</a>', rendered.html)
    assert not re.search(r"\n\n\n|\n ", rendered.text)
    assert "<p></p>" not in rendered.html


@pytest.mark.parametrize(("topic", "mail", "side"), EVERY_MAIL)
def test_each_mail_of_the_table_is_whole(topic: str, mail: Any, side: Side) -> None:
    rendered = render(mail.template, ENGLISH, values_of(topic, mail, reader(side)))
    subject = SUBJECTS[mail.template][1 if side is Side.CARER else 0]
    assert rendered.subject == subject
    check_is_whole(rendered)
    assert "Ann" not in rendered.subject
    assert ("Ann Example" in rendered.text) is (
        side is Side.CARER or mail.template in NAMES_PATIENT
    )


@pytest.mark.parametrize("kind", AccountMail)
def test_each_mail_about_an_account_is_whole(kind: AccountMail) -> None:
    rendered = render(kind, ENGLISH, of_account())
    assert [rendered.subject] == SUBJECTS[kind]
    check_is_whole(rendered)


def test_an_urgent_request_and_an_earlier_time_have_subjects_of_their_own() -> None:
    made, offered = mails.Request.MADE, mails.Offer.MADE
    values = values_of(made, MAILS[made].mails[0], reader(Side.PRACTICE), request=None)
    assert render("request_made", ENGLISH, {**values, "is_urgent": True}).subject == (
        "New urgent request"
    )
    waiting_list = MAILS[offered].mails[0]
    values = values_of(offered, waiting_list, reader(Side.PATIENT), replaced=appointment())
    assert render("offer_waiting_list", ENGLISH, values).subject == (
        f"An earlier appointment is available: {WHEN}"
    )


def test_every_template_is_in_the_table() -> None:
    used = {mail.template for group in MAILS.values() for mail in group.mails} | set(AccountMail)
    assert used == {file.stem for file in (TEMPLATES / "mail").iterdir()}
    assert used == set(SUBJECTS)


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\u2028\u2028", "\u2029", "\v\v", "\x85\x85"])
def test_what_somebody_typed_cannot_look_like_a_part_of_the_mail(end: str) -> None:
    forged = f"Feels better.{end}Pay your bill here: https://evil.example{end}"
    topic = mails.Appointment.CANCELLED
    mail = MAILS[topic].mails[0]
    values = values_of(topic, mail, reader(Side.PATIENT), acting_account=None, acting_centre=None)
    rendered = render(mail.template, ENGLISH, values | {"reason": forged, "name": f"Kim{end}Hi"})
    assert "Reason: Feels better. Pay your bill here: https://evil.example\n" in rendered.text
    assert "Kim Hi" in rendered.text
    lines = re.split(r"[\n\r\v\x85\u2028\u2029]", rendered.text)
    assert not [line for line in lines if line.startswith(("Pay", "Hi"))]


def test_a_value_that_is_not_given_is_an_error() -> None:
    values = of_account()
    del values["page"]
    with pytest.raises(UndefinedError, match="page"):
        render(AccountMail.RESET, ENGLISH, values)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_that_can_be_stopped_says_so(kind: Kind) -> None:
    values = of_account(kind=kind, stop_page="https://book.example.org/unsubscribe/token")
    rendered = render(AccountMail.RESET, ENGLISH, values)
    assert re.search(r"\n\nStop [a-z ]+:\nhttps://book.example.org/unsubscribe/", rendered.text)
    assert re.search(r'unsubscribe/token" style="[^"]+">Stop [a-z ]+</a>', rendered.html)


# Translations


class Recorded(NullTranslations):
    """A catalogue that sets each sentence in brackets, and remembers which were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def gettext(self, message: str) -> str:
        self.asked.add(message)
        return f"⟦{message}⟧"


def without_words(values: dict[str, object]) -> dict[str, object]:
    """The values with a number for each text: what words remain are those of the template."""
    kept = ("kind",)
    return {
        name: ["1"]
        if name == "times"
        else "1"
        if isinstance(value, str) and name not in kept
        else value
        for name, value in values.items()
    }


def check_is_translated(template: str, recorded: Recorded, values: dict[str, object]) -> None:
    rendered = render(template, Language(Locale("en", "AU"), recorded), without_words(values))
    seen = re.sub(r"<style>.*?</style>|<[^>]+>", "", rendered.html, flags=re.DOTALL)
    for part in (rendered.subject, rendered.text, seen):
        assert "⟦" in part
        assert not re.search("[A-Za-z]", re.sub("⟦[^⟦⟧]*⟧", "", part)), part


@pytest.fixture(scope="module")
def extracted() -> set[str]:
    """What Babel finds, as it does in the templates of pages."""
    options = {"trimmed": "true", "newstyle_gettext": "true", "trim_blocks": "true"}
    found = extract_from_dir(
        TEMPLATES,
        method_map=[("**.txt", "jinja2"), ("**.html", "jinja2")],
        options_map={"**.txt": options, "**.html": options},
        keywords={"_": None, "gettext": None},
    )
    return {str(message) for _file, _line, message, _comments, _context in found}


@pytest.mark.parametrize(("topic", "mail", "side"), EVERY_MAIL)
def test_each_sentence_is_translated_and_found_by_babel(
    topic: str, mail: Any, side: Side, extracted: set[str]
) -> None:
    recorded = Recorded()
    values = values_of(topic, mail, reader(side))
    check_is_translated(mail.template, recorded, values)
    assert recorded.asked <= extracted


@pytest.mark.parametrize("kind", AccountMail)
def test_each_sentence_about_an_account_is_translated_and_found_by_babel(
    kind: AccountMail, extracted: set[str]
) -> None:
    recorded = Recorded()
    check_is_translated(kind, recorded, of_account())
    assert recorded.asked <= extracted


# Text messages


BY_SMS = [case for case in EVERY_MAIL if case.values[1].sms]


@pytest.mark.parametrize(("topic", "mail", "side"), BY_SMS)
def test_each_text_message_is_short_and_names_nobody(topic: str, mail: Any, side: Side) -> None:
    for asks in (None, object()):
        values = values_of(topic, mail, reader(side)) | {"asks": asks, "replies": bool(asks)}
        text = render_short(f"mail/{mail.template}", ENGLISH, values | {"page": None})
        assert "Mon 23 Nov, 10:30 am" in text
        assert text.isascii()
        assert len(text) <= 160, text
        assert not re.search("Ann|Toby|Kim|X-ray", text)


@pytest.mark.parametrize(("topic", "mail", "side"), BY_SMS)
def test_each_sentence_of_a_text_message_is_translated_and_found_by_babel(
    topic: str, mail: Any, side: Side, extracted: set[str]
) -> None:
    values = values_of(topic, mail, reader(side)) | {"asks": object(), "replies": True}
    check_short_is_translated(f"mail/{mail.template}", values, extracted)


@pytest.mark.parametrize("answer", ["confirmed", "declined", "too-late", "unknown"])
def test_each_answer_to_a_reply_is_translated_and_found_by_babel(
    answer: str, extracted: set[str]
) -> None:
    for phone in (None, "1"):
        values = {"centre": "1", "short": "1", "phone": phone, "answer": answer}
        check_short_is_translated("reply", values, extracted)


def check_short_is_translated(
    template: str, values: dict[str, object], extracted: set[str]
) -> None:
    recorded = Recorded()
    kept = {name: values[name] for name in ("answer",) if name in values}
    spoken = Language(Locale("en", "AU"), recorded)
    text = render_short(template, spoken, without_words(values) | kept)
    assert recorded.asked <= extracted
    assert not re.search("[A-Za-z]", re.sub("⟦[^⟦⟧]*⟧", "", text)), text
    assert text.startswith("⟦")


def test_the_templates_are_part_of_the_package() -> None:
    packaged = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert {file.suffix for file in TEMPLATES.rglob("*.*") if file.is_file()} <= {".txt", ".html"}
    assert '"**/*.html", "**/*.txt"' in packaged


def test_the_providers_of_text_messages_are_part_of_the_package() -> None:
    packaged = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert {file.suffix for file in SHIPPED.iterdir()} == {".toml"}
    assert '"**/*.toml"' in packaged
