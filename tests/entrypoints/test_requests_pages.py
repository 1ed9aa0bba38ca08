"""Departments ask each other in the browser; and nobody else sees of what they ask."""

import re
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert, select

from engines import counting
from entrypoints.browsing import Client, ClientFor, link_in, mails
from entrypoints.world import World
from factories import SYDNEY
from openslot.booking.models import Appointment
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.department_requests.models import Kept, ServiceRequest

STRANGERS = ("staff-stranger", "centre-admin-stranger")
OUTSIDERS = ("patient-owner", "practitioner-owner")


def soon(days: int = 2, hour: int = 9) -> str:
    """A time that is free, as forms carry it."""
    day = (datetime.now(UTC) + timedelta(days=days)).astimezone(SYDNEY).date()
    return datetime.combine(day, time(hour), SYDNEY).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shortly() -> str:
    """The next whole hour but one, so near that it may be completed already."""
    then = datetime.now(UTC) + timedelta(hours=2)
    return then.replace(minute=0, second=0).strftime("%Y-%m-%dT%H:%M:%SZ")


def ask(client: Client, world: World, **fields: object) -> str:
    """Surgery asks Radiology; the path of the request."""
    path = f"/services/{world.services['owner']}/request"
    typed = {
        "task": "CT head",
        "description": "After a fall",
        "priority": "urgent",
        "chosen": soon(),
        "minutes": 30,
    }
    answer = client.send(path, **{**typed, **fields})
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def of(network: Database, path: str) -> ServiceRequest:
    """The request at a path, as it is kept."""
    found = network.read(lambda session: session.get(ServiceRequest, UUID(path.rpartition("/")[2])))
    assert found is not None
    return found


def test_one_department_asks_and_the_other_accepts_completes_and_is_rated(
    client_for: ClientFor, world: World, network: Database
) -> None:
    surgery, radiology = client_for("staff-teammate"), client_for("staff-owner")
    path = ask(surgery, world, chosen=shortly())
    listed = radiology.get("/requests").text
    assert "Incoming, 1 to answer" in listed
    assert "CT head" in listed
    assert radiology.send(f"{path}/accept", page="/requests", version=1).status_code == 303
    assert "Accepted" in surgery.get("/requests?tab=outgoing").text
    assert radiology.send(f"{path}/complete", page=path).status_code == 303
    assert surgery.send(f"{path}/rate", page=path, stars=4).status_code == 303
    assert of(network, path).stars == 4
    profile = client_for(None).get(f"/departments/{world.departments['owner']}").text
    assert "4.0" in profile
    assert "CT head" in radiology.get("/requests?tab=closed").text


def test_another_time_is_proposed_and_taken(
    client_for: ClientFor, world: World, network: Database
) -> None:
    surgery, radiology = client_for("staff-teammate"), client_for("staff-owner")
    path = ask(surgery, world)
    answer = radiology.send(f"{path}/propose", chosen=soon(3), answer="Busy", version=1)
    assert answer.status_code == 303
    shown = surgery.get(path).text
    assert "Busy" in shown
    assert "Take this time" in shown
    assert surgery.send(f"{path}/agree", page=path).status_code == 303
    appointment = network.read(
        lambda session: session.scalar(
            select(Appointment).where(Appointment.id == of(network, path).appointment_id)
        )
    )
    assert appointment is not None
    assert appointment.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ") == soon(3)


def test_a_request_is_declined_with_a_reason_and_only_with_one(
    client_for: ClientFor, world: World
) -> None:
    path = ask(client_for("staff-teammate"), world)
    radiology = client_for("staff-owner")
    nothing = radiology.send(f"{path}/decline", answer=" ")
    assert nothing.status_code == 422
    assert "Give a reason." in nothing.text
    assert radiology.send(f"{path}/decline", answer="Use ultrasound").status_code == 303
    assert "Use ultrasound" in client_for("staff-teammate").get(path).text


def test_pressing_a_time_keeps_what_was_typed_and_asks_nobody(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client, path = client_for("staff-teammate"), f"/services/{world.services['owner']}/request"
    answer = client.send(path, start=soon(), task="CT head", description="Ward 3")
    assert answer.status_code == 200
    assert 'value="CT head"' in answer.text
    assert f'name="chosen" value="{soon()}"' in answer.text
    assert network.read(lambda session: session.scalar(select(ServiceRequest.id))) is None


def test_a_form_that_comes_back_says_what_to_do(client_for: ClientFor, world: World) -> None:
    client, path = client_for("staff-teammate"), f"/services/{world.services['owner']}/request"
    nothing = client.send(path, task="CT head")
    assert (nothing.status_code, "Choose a time." in nothing.text) == (422, True)
    wordless = client.send(path, chosen=soon(), task="")
    assert (wordless.status_code, "Say what needs doing." in wordless.text) == (422, True)
    past = client.send(path, chosen=soon(-3), task="CT head")
    assert (past.status_code, "This time is over" in past.text) == (422, True)


def test_a_time_that_is_gone_offers_the_nearest_and_keeps_what_was_typed(
    client_for: ClientFor, world: World
) -> None:
    surgery, radiology = client_for("staff-teammate"), client_for("staff-owner")
    first, second = ask(surgery, world), ask(surgery, world, task="CT neck")
    assert radiology.send(f"{first}/accept", page=first).status_code == 303
    taken = radiology.send(f"{second}/accept", page=second)
    assert (taken.status_code, "was booked a moment ago" in taken.text) == (409, True)
    assert f"{second}/propose?start=" in taken.text
    path = f"/services/{world.services['owner']}/request"
    again = surgery.send(path, chosen=soon(), task="CT spine")
    assert (again.status_code, 'value="CT spine"' in again.text) == (409, True)
    assert again.text.count("os-slot flex-column") == 3


def test_an_answer_from_a_page_that_is_out_of_date_is_refused(
    client_for: ClientFor, world: World, network: Database
) -> None:
    surgery, radiology = client_for("staff-teammate"), client_for("staff-owner")
    path = ask(surgery, world)
    changed = surgery.send(f"{path}/amend", task="CT neck", chosen=soon(), minutes=30)
    assert changed.status_code == 303
    late = radiology.send(f"{path}/accept", page=path, version=1)
    assert late.status_code == 412
    assert of(network, path).status == Kept.NEW


@pytest.mark.parametrize("person", STRANGERS)
def test_strangers_are_told_that_nothing_is_here(
    client_for: ClientFor, world: World, person: str
) -> None:
    path = ask(client_for("staff-teammate"), world)
    client = client_for(person)
    for page in ("", "/decline", "/cancel"):
        assert client.get(f"{path}{page}").status_code == 404
    for act in ("accept", "agree", "complete", "rate", "decline", "cancel"):
        assert client.post(f"{path}/{act}", stars=5, answer="x").status_code == 404
    assert "CT head" not in client.get("/requests").text


@pytest.mark.parametrize("person", OUTSIDERS)
def test_who_belongs_to_no_department_has_no_requests(
    client_for: ClientFor, world: World, person: str
) -> None:
    path = ask(client_for("staff-teammate"), world)
    client = client_for(person)
    assert [client.get(one).status_code for one in (path, "/requests", "/departments")] == [403] * 3


@pytest.mark.parametrize("person", ["centre-admin-owner", "network-admin"])
def test_administrators_see_what_departments_ask_and_may_take_it_back(
    client_for: ClientFor, world: World, network: Database, person: str
) -> None:
    path = ask(client_for("staff-teammate"), world)
    client = client_for(person)
    assert "CT head" in client.get("/requests").text
    assert client.post(f"{path}/accept").status_code == 403
    assert client.send(f"{path}/cancel").status_code == 303
    assert of(network, path).status == Kept.CANCELLED


def test_lists_are_filtered_by_service_and_urgency(client_for: ClientFor, world: World) -> None:
    surgery, radiology = client_for("staff-teammate"), client_for("staff-owner")
    ask(surgery, world)
    ask(surgery, world, task="CT wrist", priority="routine")
    assert "CT wrist" not in radiology.get("/requests?priority=urgent").text
    assert "CT head" not in radiology.get("/requests?priority=routine").text
    own = world.services["owner"]
    assert "CT wrist" in radiology.get(f"/requests?service={own}").text
    assert "No matching requests" in radiology.get("/requests?service=99999").text


def test_a_list_of_500_takes_as_many_statements_as_a_short_one(
    client_for: ClientFor, world: World, network: Database
) -> None:
    surgery, radiology = client_for("staff-teammate"), client_for("staff-owner")
    ask(surgery, world)
    database: Database = radiology.http.application.extensions["openslot"].database
    with counting(database) as short:
        radiology.get("/requests")
    now = datetime.now(UTC)
    rows = [
        {
            "id": new_id(),
            "service_id": world.services["owner"],
            "department_id": world.departments["teammate"],
            "task": f"Task {number}",
            "priority": "routine",
            "starts_at": now,
            "minutes": 30,
            "status": Kept.NEW,
            "version": 1,
            "created_at": now,
            "changed_at": now,
            "created_by": world.accounts["staff-teammate"],
        }
        for number in range(500)
    ]
    network.run(lambda session: session.execute(insert(ServiceRequest), rows))
    with counting(database) as long:
        page = radiology.get("/requests?page=2").text
    assert "26 to 50 of 501" in page
    assert long.count == short.count


def test_a_patient_goes_with_the_request_and_must_be_known(
    client_for: ClientFor, world: World, network: Database
) -> None:
    surgery = client_for("staff-teammate")
    path = f"/services/{world.services['owner']}/request"
    with_patient = f"{path}?patient={world.patients['owner']}"
    assert "Aroha Owner" in surgery.get(with_patient).text
    answer = surgery.send(with_patient, chosen=soon(), task="CT head")
    assert of(network, str(answer.location)).patient_id == world.patients["owner"]
    unknown = f"{path}?patient={new_id()}"
    assert surgery.get(unknown).status_code == 404
    found = surgery.search(f"/patients?q=aroha&service={world.services['owner']}").text
    assert f"{path}?patient={world.patients['owner']}" in found


def test_services_with_open_requests_are_not_taken_out(client_for: ClientFor, world: World) -> None:
    ask(client_for("staff-teammate"), world)
    page = f"/admin/services/{world.services['owner']}/active"
    answer = client_for("staff-owner").send(page, active="no")
    assert answer.status_code == 409
    assert "Open requests: 1." in answer.text


# Departments and favourites


def test_favourite_departments_stand_first_and_one_press_is_undone_by_another(
    client_for: ClientFor, world: World
) -> None:
    client = client_for("staff-teammate")
    page = client.get("/departments").text
    assert "Radiology appointment" in page
    assert "Pathology" not in page
    kept = f"/favourites/department/{world.departments['owner']}"
    answer = client.send(kept, page="/departments", keep="yes", back="/departments")
    assert answer.location == "/departments"
    after = client.get("/departments").text
    assert "Undo" in after
    assert "Remove from favourites" in after
    assert "Radiology" in client.get("/profile/favourites").text
    client.send(kept, page="/departments", keep="no", back="//evil.example")
    assert "No favourites yet" in client.get("/profile/favourites").text


def test_search_results_of_favourites_are_marked(client_for: ClientFor, world: World) -> None:
    client = client_for("patient-owner")
    client.send(
        f"/favourites/practitioner/{world.practitioners['stranger']}",
        page="/search?q=physio",
        keep="yes",
    )
    page = client.get("/search?q=physio").text
    assert page.index("Priya Stranger") < page.index("Priya Owner")
    assert page.count("Your favourite<") == 1
    assert "Your favourite<" not in client_for(None).get("/search?q=physio").text


# Ratings


def test_a_patient_rates_changes_and_takes_back(client_for: ClientFor, world: World) -> None:
    client = client_for("patient-owner")
    profile = f"/practitioners/{world.practitioners['owner']}"
    rate = f"/ratings/practitioner/{world.practitioners['owner']}"
    assert "No ratings yet" in client.get(profile).text
    for stars in (2, 4):
        answer = client.send(rate, page=profile, stars=stars)
        assert answer.location == f"{profile}#ratings"
    shown = client.get(profile).text
    assert "4.0" in shown
    assert "0 after an appointment" in shown
    assert "Aroha" not in shown.partition("<main")[2]
    assert client.post(rate, stars=9).status_code == 422
    client.send(f"{rate}/withdraw", page=profile)
    assert "No ratings yet" in client.get(profile).text


def test_only_patients_see_the_form_and_may_send_it(client_for: ClientFor, world: World) -> None:
    profile = f"/centres/{world.centres['own']}"
    for person, status in ((None, 401), ("staff-owner", 403), ("practitioner-owner", 403)):
        client = client_for(person)
        assert "Save the rating" not in client.get(profile).text
        assert client.post(f"/ratings/centre/{world.centres['own']}", stars=5).status_code == status
    assert "Save the rating" in client_for("patient-owner").get(profile).text


# Registration


def register(client: Client, world: World, **fields: object) -> str:
    place = f"{world.centres['own']}:{world.departments['owner']}"
    typed = {
        "name": "Ned New",
        "email": "ned@example.org",
        "place": place,
        "password": "orchard lantern velvet seven",
    }
    answer = client.send("/sign-up/staff", **{**typed, **fields})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_staff_register_wait_are_let_in_and_sign_in(
    client_for: ClientFor, world: World, network: Database
) -> None:
    ned = client_for(None)
    register(ned, world)
    entry = {"email": "ned@example.org", "password": "orchard lantern velvet seven"}
    waits = ned.send("/login", **entry)
    assert (waits.status_code, "has not let you in yet" in waits.text) == (401, True)
    wrong = ned.send("/login", email="ned@example.org", password="guessed")
    assert "let you in" not in wrong.text
    assert "ned@example.org" not in client_for("centre-admin-stranger").get("/admin/accounts").text
    admin = client_for("centre-admin-owner")
    page = admin.get("/admin/accounts").text
    assert "Ned New" in page
    admit = page.partition("/admit")[0].rpartition('"')[2] + "/admit"
    assert admin.send(admit, page="/admin/accounts").status_code == 303
    assert mails(network)[0]["subject"] == "You can now sign in"
    assert ned.send("/login", **entry).status_code == 303
    assert "Requests to Radiology" in ned.get("/requests").text


def test_who_is_declined_is_told_and_forgotten(
    client_for: ClientFor, world: World, network: Database
) -> None:
    ned, admin = client_for(None), client_for("network-admin")
    register(ned, world)
    ned.send(link_in(mails(network)[0]))
    page = admin.get("/admin/accounts").text
    decline = page.partition("/decline")[0].rpartition('"')[2] + "/decline"
    assert "Decline Ned New?" in admin.get(decline).text
    assert admin.send(decline).status_code == 303
    assert mails(network)[0]["subject"] == "Your registration was declined"
    assert "ned@example.org" not in admin.get("/admin/accounts").text


def test_the_answer_is_the_same_for_known_and_unknown_e_mails(
    client_for: ClientFor, world: World, network: Database
) -> None:
    known = world.emails["patient-owner"]
    first = register(client_for(None), world)
    second = register(client_for(None), world, email=known)
    answers = [first.replace("ned@example.org", ""), second.replace(known, "")]
    same, other = (re.sub(r'nonce="[^"]*"', "", answer) for answer in answers)
    assert same == other
    assert mails(network)[0]["to"] == known


def test_a_registration_that_comes_back_names_each_field(
    client_for: ClientFor, world: World
) -> None:
    answer = client_for(None).send("/sign-up/staff", name="", email="x", place="1:x", password="")
    assert answer.status_code == 422
    for words in ("Enter your full name.", "Choose your department.", "Enter an email address"):
        assert words in answer.text


def test_staff_without_a_department_make_theirs_from_a_template(
    client_for: ClientFor, world: World
) -> None:
    ned, admin = client_for(None), client_for("centre-admin-owner")
    register(ned, world, place=f"{world.centres['own']}:")
    page = admin.get("/admin/accounts").text
    assert "Department not listed" in page
    admin.send(page.partition("/admit")[0].rpartition('"')[2] + "/admit", page="/admin/accounts")
    ned.token = None
    ned.send("/login", email="ned@example.org", password="orchard lantern velvet seven")
    assert ned.get("/requests").location == "/admin/department"
    nothing = ned.send("/admin/department/new", page="/admin/department", template="")
    assert (nothing.status_code, "Choose a type of department." in nothing.text) == (422, True)
    taken = ned.send("/admin/department/new", page="/admin/department", template="radiology")
    assert (taken.status_code, "This name is taken" in taken.text) == (409, True)
    made = ned.send("/admin/department/new", page="/admin/department", template="podiatry")
    assert made.status_code == 303
    assert "Diabetic foot check" in ned.get("/admin/department").text
    assert "Podiatry" in client_for("staff-owner").get("/departments").text


def test_the_overview_says_to_whom_requests_go(client_for: ClientFor, world: World) -> None:
    surgery = client_for("staff-teammate")
    ask(surgery, world)
    table = surgery.get("/dashboard").text.partition('id="outgoing"')[2].partition("</table>")[0]
    assert ">To</th>" in table
    assert ">From</th>" not in table
