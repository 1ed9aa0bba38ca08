"""Pages of referrals, for each role, and booking a specialist through them."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from entrypoints.browsing import Client, ClientFor, next_week
from entrypoints.world import World, give_professions
from openslot.booking.models import Appointment, Status
from openslot.core.actor import Actor
from openslot.core.db import Database
from openslot.directory.models import Dependent
from openslot.referrals.models import Kept, Referral
from working import found

LETTER = "Palpitations at night since May."
ANSWER = "A harmless extra beat."
OTHERS = ("staff-owner", "centre-admin-owner", "network-admin")


@pytest.fixture
def network(network: Database, world: World) -> Iterator[Database]:
    """The owner is a GP, the stranger and the teammate are heart specialists."""
    network.run(
        lambda session: give_professions(
            session, world, specialists=("stranger", "teammate"), expertise="Cardiology"
        )
    )
    return network


def only(network: Database) -> Referral:
    [found] = network.read(lambda session: session.query(Referral).all())
    return found


def write(doctor: Client, world: World, *, act: str, to: str = "area:Cardiology") -> Any:
    page = f"/patients/{world.patients['owner']}/referrals/new"
    return doctor.send(page, act=act, addressee=to, letter=LETTER)


@pytest.fixture
def sent(network: Database, client_for: ClientFor, world: World) -> str:
    """The address of a letter to the area that was sent."""
    answer = write(client_for("practitioner-owner"), world, act="send")
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def free_start(client: Client, world: World, who: str = "stranger", **more: object) -> str:
    query = "&".join(f"{name}={value}" for name, value in more.items())
    page = client.get(f"/book/{world.schedules[who]}?week={next_week()}&{query}").text
    found = re.findall(r'name="start" value="([^"]+)"', page)
    assert found
    return found[-1]


def book_with(patient: Client, world: World, who: str) -> str:
    """The path of an appointment that the patient books with the letter."""
    start, book = free_start(patient, world, who), f"/book/{world.schedules[who]}"
    hold = re.search(
        r"hold=([0-9a-f-]{36})", patient.post(f"{book}/hold", start=start, minutes=30).location
    )
    assert hold
    made = patient.post(book, start=start, minutes=30, hold=hold[1])
    return str(made.location).partition("?")[0]


# Writing


def test_a_letter_written_at_an_appointment_returns_there(
    client_for: ClientFor, world: World
) -> None:
    doctor = client_for("practitioner-owner")
    appointment = f"/appointments/{world.appointments['owner']}"
    link = re.search(r'href="([^"]+/referrals/new[^"]*)"', doctor.get(appointment).text)
    assert link
    form = doctor.get(link[1].replace("&amp;", "&")).text
    back = re.search(r'name="back" value="([^"]+)"', form)
    assert back
    assert back[1] == f"{appointment}#history"
    page = f"/patients/{world.patients['owner']}/referrals/new"
    for act in ("draft", "send"):
        answer = doctor.send(
            page, act=act, addressee="area:Cardiology", letter=LETTER, back=back[1]
        )
        assert answer.location == f"{appointment}#history"
    away = doctor.send(
        page, act="draft", addressee="area:Cardiology", letter=LETTER, back="https://evil.example/"
    )
    assert away.location.startswith("/referrals/")


def test_a_gp_saves_a_draft_changes_it_and_sends_it(
    client_for: ClientFor, network: Database, world: World
) -> None:
    doctor = client_for("practitioner-owner")
    page = write(doctor, world, act="draft").location
    assert "Draft" in doctor.get(page).text
    person = f"person:{world.practitioners['stranger']}"
    answer = doctor.send(f"{page}/edit", act="send", addressee=person, letter="Better words.")
    assert answer.location == page
    row = only(network)
    assert (row.status, row.letter) == (Kept.SENT, "Better words.")
    assert row.practitioner_id == world.practitioners["stranger"]
    assert row.expires_at
    assert row.expires_at - datetime.now(UTC) > timedelta(days=360)


def test_finding_a_specialist_keeps_what_was_typed(
    client_for: ClientFor, network: Database, world: World
) -> None:
    doctor = client_for("practitioner-owner")
    page = f"/patients/{world.patients['owner']}/referrals/new"
    answer = doctor.send(page, act="find", q="priya", letter=LETTER, addressee="area:Cardiology")
    assert answer.status_code == 200
    assert LETTER in answer.text
    assert 'value="area:Cardiology" checked' in answer.text
    for who in ("stranger", "teammate"):
        assert f'value="person:{world.practitioners[who]}"' in answer.text
    assert f'value="person:{world.practitioners["owner"]}"' not in answer.text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"addressee": "", "letter": LETTER}, "Choose a specialist, or an area of expertise."),
        ({"addressee": "area:Cardiology", "letter": " "}, "Write the referral."),
        ({"addressee": "area:Alchemy", "letter": LETTER}, "sees patients here now"),
        ({"addressee": "person:999999", "letter": LETTER}, "sees patients here now"),
        ({"addressee": "person:-1", "letter": LETTER}, "There is a problem"),
        ({"addressee": "person:x", "letter": LETTER}, "There is a problem"),
        ({"addressee": "person:" + "9" * 40, "letter": LETTER}, "There is a problem"),
        ({"addressee": "nobody", "letter": LETTER}, "Choose a specialist"),
        ({"addressee": "area:" + "x" * 300, "letter": LETTER}, "There is a problem"),
        ({"addressee": "area:Cardiology", "letter": "x" * 10001}, "Shorten this"),
        ({"addressee": "area:Cardiology", "letter": "a\x00b"}, "cannot be seen"),
    ],
)
def test_what_cannot_be_sent_is_shown_again_with_a_sentence(
    client_for: ClientFor, network: Database, world: World, fields: dict[str, str], sentence: str
) -> None:
    doctor = client_for("practitioner-owner")
    page = f"/patients/{world.patients['owner']}/referrals/new"
    answer = doctor.send(page, act="send", **fields)
    assert answer.status_code in (409, 422)
    assert sentence in answer.text
    assert network.read(lambda session: session.query(Referral).count()) == 0


def test_only_the_patients_own_gp_writes(
    client_for: ClientFor, network: Database, world: World
) -> None:
    page = f"/patients/{world.patients['owner']}/referrals/new"
    for person, status in (
        *((other, 403) for other in OTHERS),
        ("patient-owner", 403),
        ("practitioner-stranger", 403),
    ):
        assert client_for(person).get(page).status_code == status, person
    doctor = client_for("practitioner-owner")
    for unseen in (world.patients["stranger"], uuid4()):
        assert doctor.get(f"/patients/{unseen}/referrals/new").status_code == 404
        answer = doctor.post(
            f"/patients/{unseen}/referrals/new",
            act="send",
            letter=LETTER,
            addressee="area:Cardiology",
        )
        assert answer.status_code == 404
    assert "/login" in client_for(None).get(page).location


# Reading


def test_strangers_get_the_answer_of_what_is_not_there(
    client_for: ClientFor, network: Database, world: World, sent: str
) -> None:
    for person in ("patient-stranger", "practitioner-stranger", "practitioner-teammate"):
        stranger = client_for(person)
        assert stranger.get(sent).status_code == 404
        assert stranger.get(f"/referrals/{uuid4()}").status_code == 404
        assert LETTER not in stranger.get("/referrals").text
    for person in OTHERS:
        assert client_for(person).get(sent).status_code == 403
        assert client_for(person).get("/referrals").status_code == 403
    for act in ("send", "revoke", "discard", "answer"):
        stranger = client_for("practitioner-teammate")
        assert stranger.post(f"{sent}/{act}", answer="x").status_code == 404, act
        assert client_for("patient-owner").post(f"{sent}/{act}").status_code == 403, act


def test_the_patient_reads_the_letter_and_nobody_reads_a_draft(
    client_for: ClientFor, network: Database, world: World
) -> None:
    doctor, patient = client_for("practitioner-owner"), client_for("patient-owner")
    page = write(doctor, world, act="draft").location
    assert patient.get(page).status_code == 404
    assert "No referrals yet" in patient.get("/referrals").text
    doctor.post(f"{page}/send")
    shown = patient.get(page)
    assert LETTER in shown.text
    assert "Choose a specialist" in shown.text
    assert page in patient.get("/referrals").text


def test_a_letter_is_text_and_not_markup(
    client_for: ClientFor, network: Database, world: World
) -> None:
    doctor = client_for("practitioner-owner")
    page = f"/patients/{world.patients['owner']}/referrals/new"
    answer = doctor.send(
        page, act="send", addressee="area:Cardiology", letter="<script>alert(1)</script> {{ 7*7 }}"
    )
    shown = client_for("patient-owner").get(answer.location).text
    assert "<script>alert(1)" not in shown
    assert "{{ 7*7 }}" in shown


def test_a_gp_revokes_on_a_page_that_asks(
    client_for: ClientFor, network: Database, world: World, sent: str
) -> None:
    doctor = client_for("practitioner-owner")
    assert "Keep the referral" in doctor.get(f"{sent}/revoke").text
    doctor.send(f"{sent}/revoke")
    assert only(network).status == Kept.REVOKED
    assert doctor.get(f"{sent}/revoke").status_code == 409
    assert doctor.post(f"{sent}/discard").status_code == 409
    assert "Revoked" in client_for("patient-owner").get(sent).text


def test_what_can_no_longer_be_done_is_said_on_the_letters_own_page(
    client_for: ClientFor, network: Database, world: World, sent: str
) -> None:
    doctor = client_for("practitioner-owner")
    for answer in (
        doctor.get(f"{sent}/edit"),
        doctor.post(f"{sent}/send"),
        doctor.post(f"{sent}/edit", act="draft", letter="New"),
    ):
        assert answer.status_code == 409
        assert "The status of this referral has changed" in answer.text
        assert LETTER in answer.text


def test_lists_are_sifted_by_state(
    client_for: ClientFor, network: Database, world: World, sent: str
) -> None:
    doctor = client_for("practitioner-owner")
    write(doctor, world, act="draft")
    assert doctor.get("/referrals").text.count("Aroha Owner") == 2
    for state, count in (("draft", 1), ("sent", 1), ("used", 0), ("revoked", 0), ("expired", 0)):
        assert doctor.get(f"/referrals?state={state}").text.count("Aroha Owner") == count, state
    for odd in ("state=nonsense", "page=99999999", "page=0"):
        assert doctor.get(f"/referrals?{odd}").status_code == 200
    assert doctor.get("/referrals?page=x").status_code == 400


# Booking


def test_from_letter_to_answer(
    client_for: ClientFor, network: Database, world: World, sent: str
) -> None:
    patient, specialist = client_for("patient-owner"), client_for("practitioner-stranger")
    book = f"/book/{world.schedules['stranger']}"
    assert "You are booking with the referral from" in patient.get(book).text
    start = free_start(patient, world)
    held = patient.post(f"{book}/hold", start=start, minutes=30)
    hold = re.search(r"hold=([0-9a-f-]{36})", held.location)
    assert hold
    appointment = patient.post(book, start=start, minutes=30, hold=hold[1]).location
    row = only(network)
    bearers = network.read(
        lambda session: session.query(Appointment).filter_by(referral_use=row.id).count()
    )
    assert (appointment.endswith("booked=1"), bearers) == (True, 1)
    assert LETTER in specialist.get(sent).text
    assert "Aroha Owner" in specialist.get("/referrals").text
    assert specialist.send(f"{sent}/answer", page=sent, answer=" ").status_code == 422
    assert specialist.send(f"{sent}/answer", page=sent, answer=ANSWER).status_code == 303
    assert specialist.post(f"{sent}/answer", answer="Again").status_code == 409
    doctor = client_for("practitioner-owner")
    assert ANSWER in doctor.get(sent).text
    assert "Answered" in doctor.get("/referrals?state=used").text
    assert client_for("practitioner-teammate").get(sent).status_code == 404


def test_the_next_specialist_answers_too_and_nothing_that_was_written_is_lost(
    client_for: ClientFor, network: Database, world: World, sent: str
) -> None:
    patient, first = client_for("patient-owner"), client_for("practitioner-stranger")
    appointment = book_with(patient, world, "stranger")
    assert first.send(f"{sent}/answer", page=sent, answer=ANSWER).status_code == 303
    assert patient.send(f"{appointment}/cancel").status_code == 303
    assert "By <bdi>Priya Stranger</bdi>" in first.get(sent).text
    book_with(patient, world, "teammate")
    second = client_for("practitioner-teammate")
    assert first.post(f"{sent}/answer", answer="More from me").status_code == 409
    assert second.send(f"{sent}/answer", page=sent, answer="No beat at all.").status_code == 303
    assert second.post(f"{sent}/answer", answer="Again").status_code == 409
    kept = only(network).answer or ""
    assert re.fullmatch(
        rf"No beat at all\.\n\nPriya Stranger, \d+ \w+ \d{{4}}:\n{re.escape(ANSWER)}", kept
    )
    assert "By <bdi>Priya Teammate</bdi>" in client_for("practitioner-owner").get(sent).text


def test_without_a_referral_the_week_says_what_to_do(
    client_for: ClientFor, network: Database, world: World
) -> None:
    patient = client_for("patient-owner")
    book = f"/book/{world.schedules['stranger']}"
    page = patient.get(book).text
    assert "You have no referral for this" in page
    assert "/search?q=GP" in page
    assert 'name="start"' not in page
    refused = patient.post(f"{book}/hold", start="2199-11-23T09:00:00Z", minutes=30)
    assert refused.status_code == 403
    assert "Find a GP" in refused.text
    assert "If you have one, sign in" in client_for(None).get(book).text


def test_who_books_for_the_patient_learns_that_there_is_a_letter_and_no_more(
    client_for: ClientFor, network: Database, world: World, sent: str
) -> None:
    book = f"/book/{world.schedules['stranger']}?patient={world.patients['owner']}"
    clerk = client_for("staff-stranger")
    assert clerk.get(book).status_code == 404
    desk = Actor(account_id=world.accounts["staff-stranger"])
    for who in ("owner", "teammate"):
        found(network, desk, world.patients[who], datetime.now(UTC))
    page = clerk.get(book).text
    assert "The patient has a referral, which this appointment will use." in page
    assert "Priya Owner" not in page
    elsewhere = client_for("staff-owner").get(book).text
    assert "has a referral" not in elsewhere
    assert "has no referral" not in elsewhere
    none = clerk.get(f"/book/{world.schedules['stranger']}?patient={world.patients['teammate']}")
    assert "no referral that can be used here" in none.text
    start = free_start(clerk, world, patient=world.patients["owner"])
    booked = clerk.post(book, start=start, minutes=30, patient=world.patients["owner"])
    assert booked.status_code == 303


def test_a_named_referral_is_kept_on_the_way(
    client_for: ClientFor, network: Database, world: World, sent: str
) -> None:
    patient = client_for("patient-owner")
    row = only(network)
    book = f"/book/{world.schedules['stranger']}"
    page = patient.get(f"{book}?referral={row.id}").text
    assert f'name="referral" value="{row.id}"' in page
    start = free_start(patient, world)
    held = patient.post(f"{book}/hold", start=start, minutes=30, referral=row.id)
    assert f"referral={row.id}" in held.location
    assert patient.post(book, start=start, minutes=30, referral=uuid4()).status_code == 403
    assert patient.get(f"{book}?referral=x").status_code == 400


def test_results_say_whom_the_patient_can_book_with_the_letter(
    client_for: ClientFor,
    network: Database,
    world: World,
    sent: str,
    statements: Callable[[Database], AbstractContextManager[Any]],
) -> None:
    patient = client_for("patient-owner")
    address = "/search?expertise=Cardiology"
    assert patient.get(address).text.count("Book with your referral") == 2
    stranger = client_for("patient-stranger")
    assert stranger.get(f"{address}&patient={world.patients['owner']}").status_code == 404
    desk = Actor(account_id=world.accounts["staff-stranger"])
    found(network, desk, world.patients["owner"], datetime.now(UTC))
    for other in ("staff-stranger", None):
        text = client_for(other).get(f"{address}&patient={world.patients['owner']}").text
        assert "Book with" not in text
        assert text.count("Needs a referral") == 2

    def dependent(session: Session) -> None:
        link = Dependent(
            patient_id=world.patients["owner"],
            carer_id=world.patients["teammate"],
            since=datetime.now(UTC),
        )
        session.add(link)

    network.run(dependent)
    carer = client_for("patient-teammate")
    assert "Book with" not in carer.get(address).text
    for_owner = carer.get(f"{address}&patient={world.patients['owner']}").text
    assert for_owner.count("Book with the referral") == 2
    assert "You are searching for care for" in for_owner
    assert carer.get(sent).status_code == 200


@pytest.mark.parametrize("odd", ["x", "0", "%00", "../1", str(UUID(int=0))])
def test_odd_addresses_are_answered_in_words(
    client_for: ClientFor, network: Database, world: World, odd: str
) -> None:
    doctor = client_for("practitioner-owner")
    for page in ("/referrals/{}", "/referrals/{}/edit", "/patients/{}/referrals/new"):
        assert doctor.get(page.format(odd)).status_code in (400, 404)


def test_the_page_of_a_referral_leads_to_a_follow_up(
    client_for: ClientFor, network: Database, world: World, sent: str
) -> None:
    patient = client_for("patient-owner")
    made = book_with(patient, world, "stranger")
    assert "Book a follow-up" not in patient.get(sent).text

    def take_place(session: Session) -> None:
        appointment = session.get(Appointment, UUID(made.rpartition("/")[2]))
        assert appointment is not None
        appointment.status = Status.FULFILLED
        appointment.one_a_day = None

    network.run(take_place)
    page = patient.get(sent).text
    link = re.search(r'href="(/book/[^"]+)"[^>]*><span>Book a follow-up at', page)
    assert link
    assert f"/book/{world.schedules['stranger']}" in link[1]
    assert (
        "You are booking a follow-up with the referral from"
        in patient.get(
            f"{unescape(link[1])}&week={next_week()}&start={free_start(patient, world)}"
        ).text
    )
    assert book_with(patient, world, "stranger").startswith("/appointments/")
    specialist, whose = client_for("practitioner-stranger"), world.patients["owner"]
    start = free_start(specialist, world, patient=whose)
    page = f"/book/{world.schedules['stranger']}?patient={whose}&week={next_week()}&start={start}"
    assert "This is a follow-up" in specialist.get(page).text
