"""The form of a request between departments: nothing typed is lost, nothing is asked twice."""

import re

import pytest
from sqlalchemy import select

from entrypoints.browsing import ClientFor
from entrypoints.test_requests_pages import ask, of, soon
from entrypoints.world import World
from openslot.core.db import Database
from openslot.core.ids import new_id
from openslot.department_requests.models import Kept, ServiceRequest


def test_a_form_that_is_sent_twice_asks_once(
    client_for: ClientFor, world: World, network: Database
) -> None:
    surgery = client_for("staff-teammate")
    path = f"/services/{world.services['owner']}/request"
    found = re.search(r'name="request_id" type="hidden" value="([^"]+)"', surgery.get(path).text)
    assert found
    first, second = (ask(surgery, world, request_id=found[1]) for _ in range(2))
    assert first == second == f"/requests/{found[1]}"
    assert network.read(lambda session: session.query(ServiceRequest).count()) == 1


def test_nobody_takes_the_name_of_anothers_request(client_for: ClientFor, world: World) -> None:
    kept = ask(client_for("staff-teammate"), world).rpartition("/")[2]
    path = f"/services/{world.services['teammate']}/request"
    other = client_for("staff-owner").send(path, chosen=soon(), task="Stitches", request_id=kept)
    assert other.status_code == 404


@pytest.mark.parametrize("pressed", [{"look": "2027-01-04"}, {"find": "yes", "who": "aroha"}])
def test_looking_at_other_times_or_for_a_patient_keeps_what_was_typed(
    client_for: ClientFor, world: World, network: Database, pressed: dict[str, str]
) -> None:
    client, path = client_for("staff-teammate"), f"/services/{world.services['owner']}/request"
    typed = {
        "task": "CT head",
        "description": "Ward 3",
        "priority": "urgent",
        "chosen": soon(),
        "minutes": "60",
        "request_id": str(new_id()),
    }
    page = client.send(path, **typed, **pressed)
    assert page.status_code == 200
    for shown in (
        'value="CT head"',
        ">Ward 3<",
        'value="urgent" checked',
        f'value="{soon()}"',
        'value="60" selected',
        typed["request_id"],
    ):
        assert shown in page.text.replace("\n", "").replace("\r", ""), shown
    assert "?" not in re.findall(r'formaction="([^"]*)"', page.text)[0]
    assert network.read(lambda session: session.scalar(select(ServiceRequest.id))) is None


def test_a_patient_is_found_and_chosen_without_leaving_the_form(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client, path = client_for("staff-teammate"), f"/services/{world.services['owner']}/request"
    typed = {"task": "CT head", "chosen": soon(), "minutes": 30}
    key = str(world.patients["owner"])
    assert f'name="whom" value="{key}"' in client.send(path, **typed, who="aroha").text
    unsure = client.send(path, **typed, who="aroha")
    assert (unsure.status_code, "Choose a patient from the list" in unsure.text) == (422, True)
    assert "No patient found" in client.send(path, **typed, who="zzz", find="yes").text
    chosen = client.send(path, **typed, who="aroha", whom=key)
    assert f'name="patient" value="{key}"' in chosen.text
    without = client.send(path, **typed, patient=key, whom="none")
    assert 'name="patient"' not in without.text
    sent = client.send(path, **typed, patient=key)
    assert of(network, str(sent.location)).patient_id == world.patients["owner"]


def test_a_form_that_is_out_of_date_shows_what_changed_and_can_be_sent_again(
    client_for: ClientFor, world: World, network: Database
) -> None:
    surgery, radiology = client_for("staff-teammate"), client_for("staff-owner")
    path = ask(surgery, world)
    surgery.send(f"{path}/amend", task="CT neck", chosen=soon(), minutes=30)
    late = radiology.send(f"{path}/propose", chosen=soon(3), answer="Busy", version=1)
    assert (
        late.status_code,
        "CT neck" in late.text,
        ">Busy<" in late.text.replace("\n", "").replace("\r", ""),
    ) == (412, True, True)
    version = re.search(r'name="version" value="(\d+)"', late.text)
    assert version
    again = radiology.send(f"{path}/propose", chosen=soon(3), answer="Busy", version=version[1])
    assert again.status_code == 303
    assert of(network, path).status == Kept.PROPOSED


def test_what_can_no_longer_be_done_is_said_on_the_requests_own_page(
    client_for: ClientFor, world: World
) -> None:
    surgery, radiology = client_for("staff-teammate"), client_for("staff-owner")
    path = ask(surgery, world)
    surgery.send(f"{path}/cancel")
    for page in ("decline", "propose"):
        answer = radiology.get(f"{path}/{page}")
        assert answer.status_code == 409
        assert "answered or changed in the meantime" in answer.text
        assert "CT head" in answer.text


def test_asking_again_carries_over_what_was_asked(client_for: ClientFor, world: World) -> None:
    surgery, radiology = client_for("staff-teammate"), client_for("staff-owner")
    path = ask(surgery, world)
    declined = radiology.send(f"{path}/decline", answer="Use ultrasound")
    assert declined.status_code == 303, declined.text
    again = f"/services/{world.services['owner']}/request?again={path.rpartition('/')[2]}"
    assert again in surgery.get(path).text
    form = surgery.get(again).text
    for shown in ('value="CT head"', "After a fall", 'value="urgent" checked'):
        assert shown in form
    assert client_for("staff-stranger").get(again).status_code == 404


def test_headings_say_whose_requests_a_list_holds(client_for: ClientFor, world: World) -> None:
    ask(client_for("staff-teammate"), world)
    surgery = client_for("staff-teammate")
    page = surgery.get("/requests?tab=outgoing").text
    assert "Requests from Surgery" in page
    assert '<th role="columnheader" scope="col">To</th>' in page
    assert "Closed requests of Surgery" in surgery.get("/requests?tab=closed").text
