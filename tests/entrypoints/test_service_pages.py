"""Pages and operations of the services that practitioners offer."""

import re
from typing import NamedTuple

import pytest
from sqlalchemy.orm import Session

import factories
from entrypoints.browsing import ClientFor, next_week
from entrypoints.programs import Program, with_key
from entrypoints.world import World
from openslot.core.db import Database
from openslot.directory.models import Mode, Practitioner
from openslot.schedules.models import Schedule


class Offers(NamedTuple):
    """What the practitioner ``owner`` offers: a follow-up, and a call by video."""

    schedule: int
    follow_up: int
    video: int
    practitioner: int


@pytest.fixture
def offers(network: Database, world: World) -> Offers:
    def set_up(session: Session) -> Offers:
        follow_up = factories.offered_service(session, None, "Follow-up", minutes=30)
        video = factories.offered_service(
            session,
            world.centres["own"],
            "Video call",
            minutes=60,
            mode=Mode.VIDEO,
            video_url="https://meet.example.org/{id}",
            instructions="Find a quiet room.",
            price="$85",
        )
        factories.offer(session, world.schedules["owner"], follow_up, video)
        schedule = session.get_one(Schedule, world.schedules["owner"])
        assert schedule.practitioner_id is not None
        return Offers(schedule.id, follow_up.id, video.id, schedule.practitioner_id)

    return network.run(set_up)


def starts(page: str) -> list[str]:
    return re.findall(r'<button[^>]* name="start" value="([^"]+)"', page)


def test_a_patient_chooses_what_it_is_for_and_then_the_time(
    client_for: ClientFor, offers: Offers
) -> None:
    patient = client_for("patient-owner")
    page = patient.get(f"/book/{offers.schedule}?week={next_week()}")
    assert "What is it for?" in page.text
    assert "Follow-up" in page.text
    assert "By video" in page.text
    path = f"/book/{offers.schedule}?week={next_week()}&service={offers.video}"
    chosen = patient.get(path)
    assert "Find a quiet room." in chosen.text
    held = patient.send(
        f"/book/{offers.schedule}/hold",
        page=path,
        start=starts(chosen.text)[-1],
        minutes=60,
        service=offers.video,
    )
    hold = re.search(r"hold=([0-9a-f-]+)", held.location)
    assert hold
    booked = patient.send(
        f"/book/{offers.schedule}",
        page=held.location.partition("#")[0],
        chosen=starts(chosen.text)[-1],
        chosen_minutes=60,
        service=offers.video,
        hold=hold[1],
    )
    assert booked.status_code == 303, booked.text
    shown = patient.get(booked.location).text
    assert "Video call" in shown
    assert "The link is here from 15 minutes before." in shown


def test_another_service_releases_the_hold_and_keeps_what_was_typed(
    client_for: ClientFor, offers: Offers
) -> None:
    patient = client_for("patient-owner")
    path = f"/book/{offers.schedule}?week={next_week()}&service={offers.video}"
    start = starts(patient.get(path).text)[-1]
    held = patient.send(
        f"/book/{offers.schedule}/hold", page=path, start=start, minutes=60, service=offers.video
    )
    hold = re.search(r"hold=([0-9a-f-]+)", held.location)
    assert hold
    other = patient.send(
        f"/book/{offers.schedule}/look",
        page=held.location.partition("#")[0],
        hold=hold[1],
        service=offers.video,
        to_service=offers.follow_up,
        reason="A sore knee",
    )
    assert other.status_code == 200
    assert "A sore knee" in other.text
    assert "Held for you" not in other.text


def test_a_practitioner_with_one_service_shows_times_at_once(
    client_for: ClientFor, network: Database, world: World
) -> None:
    def one(session: Session) -> None:
        service = factories.offered_service(session, None, "Review", minutes=30)
        factories.offer(session, world.schedules["owner"], service)

    network.run(one)
    path = f"/book/{world.schedules['owner']}?week={next_week()}"
    page = client_for("patient-owner").get(path).text
    assert "What is it for?" not in page
    assert "Review" in page
    assert starts(page)


def test_who_cannot_book_the_first_service_gets_the_next(
    client_for: ClientFor, network: Database, world: World
) -> None:
    def staff_first(session: Session) -> int:
        first = factories.offered_service(session, None, "Review", bookable_by="colleagues")
        second = factories.offered_service(session, None, "Check-up", minutes=30)
        factories.offer(session, world.schedules["owner"], first, second)
        return second.id

    second = network.run(staff_first)
    patient, path = client_for("patient-owner"), f"/book/{world.schedules['owner']}"
    page = patient.get(f"{path}?week={next_week()}").text
    assert "Check-up" in page
    assert "Review" not in page
    held = patient.send(
        f"{path}/hold", page=f"{path}?week={next_week()}", start=starts(page)[-1], minutes=30
    )
    assert held.status_code == 303, held.text
    assert str(second) in patient.get(held.location.partition("#")[0]).text


def test_an_administrator_adds_a_service_and_says_who_offers_it(
    client_for: ClientFor, world: World
) -> None:
    admin = client_for("centre-admin-owner")
    centre = f"/admin/centres/{world.centres['own']}"
    added = admin.send(
        f"{centre}/services/new",
        name="New patient",
        minutes=60,
        minutes_before=15,
        minutes_after=0,
        mode="in-person",
        bookable_by="public",
    )
    assert added.location == centre, added.text
    page = admin.get(centre).text
    key = re.search(rf"{centre}/services/(\d+)\"", page)
    assert key
    path = f"/admin/schedules/{world.schedules['owner']}/services"
    assert "New patient" in admin.get(path).text
    saved = admin.send(path, **{"services": key[1], f"minutes-{key[1]}": "45"})
    assert saved.status_code == 303, saved.text
    assert 'value="45"' in admin.get(path).text
    refused = admin.send(path, **{"services": key[1], f"minutes-{key[1]}": "7"})
    assert refused.status_code == 422
    assert "in steps of 5" in refused.text


def test_only_the_network_makes_services_for_all_centres(
    client_for: ClientFor, world: World
) -> None:
    path = f"/admin/centres/{world.centres['own']}/services/new"
    assert "Every centre of the network" not in client_for("centre-admin-owner").get(path).text
    assert "Every centre of the network" in client_for("network-admin").get(path).text


@pytest.fixture
def program(network: Database, app: object) -> Program:
    return with_key(app, network, "*")


def test_programs_find_and_book_a_service(program: Program, offers: Offers, world: World) -> None:
    found = program.get(f"/api/v1/slots?service={offers.video}")["items"]
    assert {slot["service"]["name"] for slot in found} == {"Video call"}
    assert {slot["schedule"] for slot in found} == {offers.schedule}
    booked = program.send(
        "POST",
        "/api/v1/appointments",
        {
            "schedule": offers.schedule,
            "service": offers.video,
            "start": found[-1]["start"],
            "patient": str(world.patients["owner"]),
            "second_appointment": True,
        },
    )
    assert booked.status_code == 201, booked.text
    assert booked.json["service"] == {
        "id": offers.video,
        "name": "Video call",
        "department": None,
        "mode": "video",
    }
    listed = program.get(f"/api/v1/appointments?service={offers.video}")["items"]
    assert [one["id"] for one in listed] == [booked.json["id"]]


def test_programs_learn_where_an_appointment_can_move(
    program: Program, offers: Offers, world: World
) -> None:
    """Its own time is free for it."""
    found = program.get(f"/api/v1/slots?service={offers.video}")["items"]
    booked = program.send(
        "POST",
        "/api/v1/appointments",
        {
            "schedule": offers.schedule,
            "service": offers.video,
            "start": found[-1]["start"],
            "patient": str(world.patients["owner"]),
            "second_appointment": True,
        },
    ).json
    day = found[-1]["start"][:10]
    moves = f"/api/v1/appointments/{booked['id']}/slots?from={day}&to={day}"
    assert found[-1]["start"] in {slot["start"] for slot in program.get(moves)["items"]}
    elsewhere = program.send("GET", f"{moves}&schedule={world.schedules['stranger']}")
    assert elsewhere.status_code == 404


def test_programs_add_services_and_have_schedules_offer_them(
    program: Program, world: World
) -> None:
    made = program.send(
        "POST", "/api/v1/services", {"name": "Shots", "minutes": 10, "price": "free"}
    )
    assert made.status_code == 201, made.text
    schedule = f"/api/v1/schedules/{world.schedules['owner']}"
    changed = program.send(
        "PATCH", schedule, {"services": [{"service": made.json["id"], "minutes": 15}]}
    )
    assert changed.json["services"] == [
        {
            "service": made.json["id"],
            "name": "Shots",
            "mode": "in-person",
            "minutes": 15,
            "places": 1,
        }
    ]
    both = program.send(
        "POST",
        "/api/v1/services",
        {"name": "X", "department_id": world.departments["owner"], "centre_id": 1},
    )
    assert both.status_code == 422


def test_fhir_shows_a_service_of_the_network(program: Program, offers: Offers) -> None:
    shown = program.get(f"/fhir/HealthcareService/{offers.follow_up}")
    assert shown["name"] == "Follow-up"
    assert "providedBy" not in shown
    found = program.get("/fhir/HealthcareService?name=video")
    assert [one["resource"]["name"] for one in found["entry"]] == ["Video call"]


def test_a_profile_leads_to_each_service(
    client_for: ClientFor, offers: Offers, world: World
) -> None:
    page = client_for("patient-owner").get(f"/practitioners/{world.practitioners['owner']}").text
    links = re.findall(rf"/book/{offers.schedule}\?service=(\d+)", page)
    assert [int(key) for key in links] == [offers.follow_up, offers.video]
    assert "By video" in page


def test_a_profile_has_the_services_first_and_says_in_sight_what_a_time_is_for(
    client_for: ClientFor, offers: Offers, world: World
) -> None:
    patient = client_for("patient-owner")

    def in_sight(path: str) -> str:
        page = re.sub(r'<span class="visually-hidden">.*?</span>', "", patient.get(path).text)
        return re.sub(r"<[^>]+>", "", page)

    profile = in_sight(f"/practitioners/{offers.practitioner}")
    what, times = profile.index("What is it for?"), profile.index("Next free times")
    assert profile.index("Video call") in range(what, times)
    assert "Follow-up · at Banksia General Hospital" in profile[times:]
    assert "Follow-up · Next free:" in in_sight(f"/centres/{world.centres['own']}")


def test_only_the_care_team_sees_the_mail_and_number_of_a_practitioner(
    client_for: ClientFor, world: World, network: Database
) -> None:
    key = world.practitioners["owner"]
    factories.change(network, Practitioner, key, provider_number="2426621B")
    for who in (None, "patient-owner", "staff-owner"):
        page = client_for(who).get(f"/practitioners/{key}").text
        assert "9382 2222" in page
        is_care_team = who == "staff-owner"
        assert ("mailto:" in page) is is_care_team
        assert ("2426621B" in page) is is_care_team


def test_a_search_for_a_service_finds_who_offers_it_and_its_times(
    client_for: ClientFor, program: Program, offers: Offers, world: World
) -> None:
    patient = client_for("patient-owner")
    page = patient.get("/search?q=video+call&kind=practitioner")
    [action] = set(re.findall(r'formaction="(/book/[^"]+)"', page.text))
    assert action == f"/book/{offers.schedule}/hold?service={offers.video}"
    held = patient.send(action, page=f"/book/{offers.schedule}", start=starts(page.text)[0])
    assert "Find a quiet room." in patient.get(held.headers["Location"]).text
    usual, video = (
        program.get(f"/api/v1/search?q={words}&kind=practitioner")["items"]
        for words in ("follow-up", "video+call")
    )
    assert [one["name"] for one in usual] == [one["name"] for one in video]
    assert {slot["service"]["id"] for slot in usual[0]["next_free"]} == {offers.follow_up}
    assert {slot["service"]["id"] for slot in video[0]["next_free"]} == {offers.video}


def test_who_is_not_known_reads_why_and_chooses_something_else(
    client_for: ClientFor, network: Database, world: World
) -> None:
    def two(session: Session) -> int:
        known = factories.offered_service(session, None, "Review", bookable_by="known")
        other = factories.offered_service(session, None, "First visit", minutes=30)
        factories.offer(session, world.schedules["owner"], known, other)
        return other.id

    other = network.run(two)
    path = f"/book/{world.schedules['owner']}?week={next_week()}"
    page = client_for("patient-stranger").get(path).text
    assert "For patients who have been here before" in page
    assert "Choose something else, or call the centre." in page
    assert not starts(page)
    assert f"service={other}" in page
    chosen = client_for("patient-stranger").get(f"{path}&service={other}").text
    assert starts(chosen)


def test_hours_can_be_for_some_services_only(
    client_for: ClientFor, offers: Offers, program: Program
) -> None:
    admin, path = client_for("centre-admin-owner"), f"/admin/schedules/{offers.schedule}"
    typed = {
        "slot_minutes": "30",
        "max_slots": "2",
        "notice_minutes": "0",
        "horizon_days": "90",
        "hours-1-0-starts": "9",
        "hours-1-0-ends": "12",
        "hours-1-0-services": str(offers.video),
    }
    preview = admin.send(path, **typed, preview="yes")
    assert "only Video call" in preview.text
    saved = admin.send(path, **typed)
    assert saved.status_code == 303, saved.text
    (period,) = program.get(f"/api/v1/schedules/{offers.schedule}")["hours"]
    assert period["services"] == [offers.video]
    box = f'name="hours-1-0-services" value="{offers.video}" checked'
    assert box in admin.get(path).text
    profile = client_for("patient-owner").get(f"/practitioners/{offers.practitioner}").text
    assert "only Video call" in profile
    refused = program.send(
        "PATCH",
        f"/api/v1/schedules/{offers.schedule}",
        {"hours": [{**period, "services": [999]}]},
    )
    assert (refused.status_code, refused.json["code"]) == (422, "hours-name-others")


def test_a_service_asks_and_its_patient_answers(
    client_for: ClientFor, network: Database, program: Program, world: World
) -> None:
    network.run(lambda session: factories.offer(session, world.schedules["owner"]))
    service, who = world.services["owner"], client_for("centre-admin-owner")
    path = f"/admin/services/{service}/questions"
    half = client_for("network-admin").send(path, **{"question-0-choices": "Left\nRight"})
    assert half.status_code == 422, "a question without words is not dropped in silence"
    assert "Left\nRight" in half.text
    typed = {
        "question-0-words": "When did it begin?",
        "question-0-kind": "date",
        "question-0-order": "2",
        "question-0-required": "yes",
        "question-1-words": "Which side?",
        "question-1-kind": "choice",
        "question-1-order": "1",
        "question-1-choices": "Left\r\nRight",
    }
    preview = who.send(path, **typed, preview="yes")
    assert "Nothing is saved yet" in preview.text
    assert re.search(r'type="radio" name="answer-\d+" value="Left"', preview.text)
    wrong = who.send(path, **{**typed, "question-1-choices": "Left"})
    assert (wrong.status_code, "Question 1: Enter two or more" in wrong.text) == (422, True)
    assert who.send(path, **typed).status_code == 303
    asked = program.get(f"/api/v1/services/{service}")["questions"]
    assert [one["words"] for one in asked] == ["Which side?", "When did it begin?"]

    made = program.send(
        "POST",
        "/api/v1/appointments",
        {
            "schedule": world.schedules["owner-service"],
            "patient": str(world.patients["owner"]),
            "start": program.get(
                f"/api/v1/slots?schedule={world.schedules['owner-service']}&from={next_week()}"
            )["items"][0]["start"],
        },
    )
    assert made.status_code == 201, made.text
    key = made.json["id"]
    patient, there = client_for("patient-owner"), f"/appointments/{key}"
    assert "1 question is still to be answered" in patient.get(there).text
    since, side = f"answer-{asked[1]['id']}", f"answer-{asked[0]['id']}"
    refused = patient.send(f"{there}/questions", **{since: "May", side: "Left"})
    assert (refused.status_code, "enter a date such as" in refused.text) == (422, True)
    assert 'value="Left" checked' in refused.text
    assert patient.send(f"{there}/questions", **{since: "2026-05-01"}).status_code == 303
    assert "2026-05-01" in patient.get(there).text
    assert "2026-05-01" not in who.get(there).text
    assert who.get(f"{there}/questions").status_code == 404

    answers = f"/api/v1/appointments/{key}/answers"
    sent = {"answers": [{"question": asked[0]["id"], "answer": "Right"}]}
    changed = program.send("PATCH", answers, sent)
    assert changed.status_code == 200, changed.text
    assert [one["answer"] for one in changed.json["answers"]] == ["Right", "2026-05-01"]
    assert changed.json["left"] == 0
    bad = program.send(
        "PATCH", answers, {"answers": [{"question": asked[0]["id"], "answer": "Up"}]}
    )
    assert (bad.status_code, bad.json["code"]) == (422, "bad-answer")
