"""Finding a department to ask, and saying what is missing beside a form of its page."""

import pytest

import factories
from entrypoints.browsing import ClientFor
from entrypoints.world import World
from openslot.core.db import Database
from openslot.directory.models import Service


@pytest.mark.parametrize("text", ["surgrey", "SURGERY.", "appointment surgery"])
def test_departments_are_found_in_spite_of_typing_errors(
    client_for: ClientFor, world: World, text: str
) -> None:
    page = client_for("staff-owner").get(f"/departments?q={text}").text
    assert f'id="d{world.departments["teammate"]}"' in page


def test_x_ray_is_found_however_it_is_written(
    client_for: ClientFor, world: World, network: Database
) -> None:
    factories.change(network, Service, world.services["owner"], name="X-ray of the chest")
    for text in ("xray", "x ray", "X-Ray chest"):
        page = client_for("staff-teammate").get(f"/departments?q={text}")
        assert "X-ray of the chest" in page.text


def test_who_looks_for_what_their_own_department_offers_is_told(
    client_for: ClientFor, world: World
) -> None:
    page = client_for("staff-owner").get("/departments?q=radiology").text
    assert "This also matches your own department, <bdi>Radiology</bdi>" in page
    assert "Check the spelling" not in page
    assert "own department" not in client_for("staff-owner").get("/departments").text


def test_a_rating_without_stars_is_asked_for_beside_the_form(
    client_for: ClientFor, world: World
) -> None:
    for kind, key in (
        ("practitioner", world.practitioners["owner"]),
        ("centre", world.centres["own"]),
    ):
        answer = client_for("patient-owner").send(f"/ratings/{kind}/{key}", page=f"/{kind}s/{key}")
        assert answer.status_code == 422
        assert "Choose 1 to 5 stars." in answer.text
        assert "<title>Error: " in answer.text
        assert "Save the rating" in answer.text
