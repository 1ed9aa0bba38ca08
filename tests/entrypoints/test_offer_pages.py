"""Offers answered from the link in a mail, and the pages of the waiting list."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from entrypoints.browsing import ClientFor
from entrypoints.world import World
from factories import SYDNEY, change
from openslot.booking import check
from openslot.booking.absences import AbsenceDetails
from openslot.booking.models import Appointment, Status
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.schedules.models import AbsenceKind
from openslot.usecases import rebooking
from openslot.waiting_list import waiting
from openslot.waiting_list.details import WaitingDetails
from openslot.waiting_list.links import token_of
from openslot.waiting_list.models import Offer, OfferStatus, Waiting, WaitingEntry
from working import work


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def offer(network: Database, world: World) -> Offer:
    """An earlier time for the appointment of the patient ``owner``."""
    actor = Actor(role=Role.PATIENT, patient_id=world.patients["owner"])
    details = WaitingDetails(
        appointment_id=world.appointments["owner"],
        schedule_id=world.schedules["owner"],
        starts_from=now(),
        starts_until=now() + timedelta(days=9),
    )
    network.run(lambda session: waiting.join(work(session, actor, now()), details))
    assert waiting.expire_due(network, Settings(_env_file=None), now) == 1
    return only(network, Offer)


@pytest.fixture
def link(offer: Offer, settings: Settings) -> str:
    return f"/offers/{token_of(settings.key(), offer.id)}"


def only(network: Database, kind: type[Any]) -> Any:
    [found] = network.read(lambda session: list(session.query(kind)))
    return found


def row(network: Database, kind: type[Any], key: UUID) -> Any:
    return network.read(lambda session: session.get(kind, key))


# From the link


def test_looking_changes_nothing_however_often(
    client_for: ClientFor, network: Database, offer: Offer, link: str
) -> None:
    for _ in range(3):
        page = client_for(None).get(link)
        assert page.status_code == 200
        assert page.headers["Cache-Control"] == "no-store"
    assert row(network, Offer, offer.id).version == offer.version
    assert client_for(None).get(f"{link}/take").status_code == 405


def test_the_page_says_when_and_where_and_nothing_about_health(
    client_for: ClientFor, offer: Offer, link: str
) -> None:
    page = client_for(None).get(link).text
    assert "Priya Owner" in page
    assert "Banksia General Hospital" in page
    assert "Instead of" in page
    for secret in ("Sore knee", "Aroha", "patient-owner@example.com"):
        assert secret not in page


def test_the_time_is_taken_without_signing_in(
    client_for: ClientFor, network: Database, world: World, offer: Offer, link: str
) -> None:
    client = client_for(None)
    answer = client.send(f"{link}/take", page=link)
    assert (answer.status_code, answer.location) == (303, link)
    assert "Your appointment has moved to the new time" in client.get(link).text
    hold = row(network, Appointment, offer.hold_id)
    appointment = row(network, Appointment, world.appointments["owner"])
    assert (appointment.starts_at, hold.status) == (hold.starts_at, Status.EXPIRED)
    assert only(network, WaitingEntry).status == Waiting.SERVED
    again = client.post(f"{link}/take")
    assert again.status_code == 410
    assert "Your appointment has moved" in again.text
    assert check.faults(network) == []


def test_without_the_token_of_the_form_nothing_is_taken(
    client_for: ClientFor, network: Database, offer: Offer, link: str
) -> None:
    assert client_for(None).http.post(f"{link}/take").status_code == 400
    assert row(network, Offer, offer.id).status == OfferStatus.OPEN


def test_leaving_the_time_keeps_the_appointment_and_the_wait(
    client_for: ClientFor, network: Database, world: World, offer: Offer, link: str
) -> None:
    client = client_for(None)
    before = row(network, Appointment, world.appointments["owner"]).starts_at
    assert client.send(f"{link}/decline", page=link).status_code == 303
    assert "You are still waiting for an earlier one" in client.get(link).text
    assert row(network, Appointment, world.appointments["owner"]).starts_at == before
    assert only(network, WaitingEntry).status == Waiting.WAITING


@pytest.mark.parametrize("how", ["ran out", "withdrawn", "taken long ago"])
def test_an_offer_that_is_over_says_how_to_go_on_and_no_more(
    client_for: ClientFor, network: Database, offer: Offer, link: str, how: str
) -> None:
    yesterday = now() - timedelta(days=1)
    values: dict[str, Any] = {
        "ran out": {"expires_at": yesterday},
        "withdrawn": {"status": OfferStatus.WITHDRAWN},
        "taken long ago": {"status": OfferStatus.ACCEPTED, "expires_at": yesterday},
    }[how]
    client = client_for(None)
    client.token_of(link)
    change(network, Offer, offer.id, **values)
    page = client.get(link)
    assert page.status_code == 200
    assert "Take this time" not in page.text
    assert "Priya Owner" not in page.text
    assert "/move" in page.text or "Open the appointment" in page.text
    assert client.post(f"{link}/take").status_code == 410
    assert client.post(f"{link}/decline").status_code == 410


def test_links_that_we_did_not_sign_as_offers_lead_nowhere(
    client_for: ClientFor, offer: Offer, link: str, settings: Settings
) -> None:
    client = client_for(None)
    token = link.rpartition("/")[2]
    forged = [token[:-2], token + "A", "A" + token, token_of("another key", offer.id), "nonsense"]
    for text in forged:
        assert client.get(f"/offers/{text}").status_code == 404
        assert client.post(f"/offers/{text}/take").status_code == 404
    mail = client_for("patient-owner").get("/account").text
    assert token not in mail


def test_who_is_signed_in_is_led_to_the_appointment(
    client_for: ClientFor, world: World, offer: Offer, link: str
) -> None:
    client = client_for("patient-owner")
    assert link in client.get("/offers").text
    assert link in client.get("/waiting").text
    answer = client.send(f"{link}/take", page=link)
    assert answer.location == f"/appointments/{world.appointments['owner']}"
    assert link not in client.get("/offers").text


def test_others_see_none_of_it(client_for: ClientFor, offer: Offer, link: str) -> None:
    for person in ("patient-stranger", "staff-stranger", "practitioner-stranger"):
        client = client_for(person)
        assert link not in client.get("/offers").text
        assert link not in client.get("/waiting").text


def test_who_gives_the_care_answers_for_a_patient_on_the_telephone(
    client_for: ClientFor, world: World, offer: Offer, link: str
) -> None:
    client = client_for("practitioner-owner")
    page = client.get("/waiting").text
    assert link in page
    assert "Aroha Owner" in page
    answer = client.send(f"{link}/take", page=link)
    assert answer.location == f"/appointments/{world.appointments['owner']}"


# The waiting list


def blocked(network: Database, world: World, day: date) -> None:
    """Nobody can be booked with the practitioner ``owner`` that day and the one before."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=SYDNEY)
    details = AbsenceDetails(
        kind=AbsenceKind.LEAVE, starts_at=noon - timedelta(days=2), ends_at=noon + timedelta(days=2)
    )
    network.run(
        lambda session: rebooking.enter(
            work(session, SYSTEM, now()), world.practitioners["owner"], details, {}
        )
    )


def form(world: World, day: date, who: str = "owner", **more: object) -> dict[str, object]:
    return {
        "scope": f"schedule:{world.schedules[who]}",
        "from_day": day.isoformat(),
        "until_day": day.isoformat(),
        "minutes": "30",
        **more,
    }


def day_ahead() -> date:
    return (now() + timedelta(days=10)).astimezone(SYDNEY).date()


def test_times_that_are_free_are_offered_instead_of_a_wait(
    client_for: ClientFor, world: World, network: Database
) -> None:
    path = f"/waiting/new?schedule={world.schedules['owner']}"
    answer = client_for("patient-owner").send(path, **form(world, day_ahead()))
    assert answer.status_code == 200
    assert "No need to wait" in answer.text
    assert f'action="/book/{world.schedules["owner"]}/hold"' in answer.text
    assert network.read(lambda session: session.query(WaitingEntry).count()) == 0


def test_a_patient_waits_and_leaves_the_list(
    client_for: ClientFor, world: World, network: Database
) -> None:
    blocked(network, world, day_ahead())
    client = client_for("patient-owner")
    path = f"/waiting/new?practitioner={world.practitioners['owner']}"
    # What is urgent those say who give the care.
    assert client.send(path, **form(world, day_ahead(), priority="urgent")).status_code == 422
    answer = client.send(path, **form(world, day_ahead()))
    assert (answer.status_code, answer.location) == (303, "/waiting")
    entry = only(network, WaitingEntry)
    assert (entry.patient_id, entry.priority) == (world.patients["owner"], "routine")
    twice = client.send(path, **form(world, day_ahead()))
    assert twice.status_code == 409
    assert "Aroha Owner" in client_for("practitioner-owner").get("/waiting").text
    assert client_for("patient-stranger").post(f"/waiting/{entry.id}/leave").status_code == 404
    page = client.get("/waiting").text
    assert "Priya Owner" in page
    assert client.send(f"/waiting/{entry.id}/leave", page="/waiting").status_code == 303
    assert "You left the list" in client.get("/waiting").text
    assert client.post(f"/waiting/{entry.id}/leave").status_code == 303


def test_who_gives_the_care_puts_a_patient_on_the_list_as_urgent(
    client_for: ClientFor, world: World, network: Database
) -> None:
    blocked(network, world, day_ahead())
    path = f"/waiting/new?schedule={world.schedules['owner']}"
    assert "Find the patient" in client_for("practitioner-owner").get(path).text
    path += f"&patient={world.patients['owner']}"
    typed = form(world, day_ahead(), priority="urgent")
    answer = client_for("practitioner-owner").send(path, **typed)
    assert answer.status_code == 303
    assert only(network, WaitingEntry).priority == "urgent"
    # To somebody who does not know the patient there is none.
    assert client_for("practitioner-stranger").get(path).status_code == 404


def test_nobody_waits_for_other_patients_or_with_their_appointments(
    client_for: ClientFor, world: World
) -> None:
    client = client_for("patient-stranger")
    schedule = world.schedules["owner"]
    path = f"/waiting/new?schedule={schedule}&patient={world.patients['owner']}"
    assert client.get(path).status_code == 404
    assert client.post(path, **form(world, day_ahead())).status_code in (403, 404)
    appointment = f"/waiting/new?appointment={world.appointments['owner']}"
    assert client.get(appointment).status_code == 404
    assert client.post(appointment, **form(world, day_ahead())).status_code == 404


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"until_day": "2020-01-01"}, 422),
        ({"until_day": ""}, 422),
        ({"until_day": "2199-01-01"}, 422),
        ({"until_day": "soon"}, 400),
        ({"minutes": "25"}, 422),
        ({"scope": "nonsense"}, 422),
        ({"scope": "schedule:x"}, 422),
        ({"scope": "schedule:999999"}, 422),
        ({"scope": "profession:Wizard"}, 422),
        ({"scope": "profession:GP:999999999999999999"}, 422),
    ],
)
def test_what_cannot_be_waited_for_is_refused_in_words(
    client_for: ClientFor, world: World, more: dict[str, str], status: int
) -> None:
    path = f"/waiting/new?schedule={world.schedules['owner']}"
    answer = client_for("patient-owner").send(path, **{**form(world, day_ahead()), **more})
    assert answer.status_code == status
    if status == 422:
        assert "There is a problem" in answer.text


def test_an_earlier_time_is_waited_for_from_the_appointment(
    client_for: ClientFor, world: World
) -> None:
    client = client_for("patient-owner")
    path = f"/waiting/new?appointment={world.appointments['owner']}"
    assert (
        path.replace("&", "&amp;")
        in client.get(f"/appointments/{world.appointments['owner']}").text
    )
    assert "You keep your appointment on" in client.get(path).text


def test_a_time_that_was_taken_is_not_called_earlier_than_itself(
    client_for: ClientFor, network: Database, offer: Offer
) -> None:
    entry = only(network, WaitingEntry)
    change(network, WaitingEntry, entry.id, status=Waiting.SERVED)
    page = client_for("patient-owner").get("/waiting").text
    assert "An earlier time was taken: now" in page
    assert "Earlier than" not in page


def waits(client_for: ClientFor, person: str, appointment: UUID) -> int:
    """How often the page of an appointment offers to wait for an earlier time."""
    return (
        client_for(person)
        .get(f"/appointments/{appointment}")
        .text.count("/waiting/new?appointment=")
    )


@pytest.mark.parametrize("person", ["patient-owner", "staff-owner", "practitioner-owner"])
def test_the_page_of_an_appointment_offers_once_to_wait(
    client_for: ClientFor, world: World, person: str
) -> None:
    assert waits(client_for, person, world.appointments["owner"]) == 1


def test_who_is_offered_an_earlier_time_is_not_asked_to_wait_for_one(
    client_for: ClientFor, world: World, offer: Offer
) -> None:
    assert offer.appointment_id == world.appointments["owner"]
    for person in ("patient-owner", "staff-owner"):
        assert waits(client_for, person, world.appointments["owner"]) == 0


def test_a_department_may_wait_with_an_appointment_without_a_patient(
    client_for: ClientFor, world: World, network: Database
) -> None:
    change(network, Appointment, world.appointments["owner"], patient_id=None)
    assert waits(client_for, "staff-owner", world.appointments["owner"]) == 1
    assert waits(client_for, "centre-admin-owner", world.appointments["owner"]) == 0


def test_unknown_things_are_not_waited_for(client_for: ClientFor) -> None:
    client = client_for("patient-owner")
    for query in (
        "",
        "?schedule=999999",
        "?practitioner=999999",
        "?profession=Wizard",
        "?schedule=x",
        "?appointment=x",
    ):
        assert client.get(f"/waiting/new{query}").status_code in (400, 404)
