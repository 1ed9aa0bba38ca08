"""Lists of the directory are sifted by where things are and what they are called."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from entrypoints.programs import Program, with_key
from entrypoints.world import World
from openslot.core.db import Database
from openslot.directory.models import Centre


@pytest.fixture
def program(app: Flask, network: Database, world: World) -> Program:
    """A network with one centre in Randwick and one in Glenelg."""

    def move(session: Session) -> None:
        session.get_one(Centre, world.centres["other"]).suburb = "Glenelg"

    network.run(move)
    return with_key(app, network, "directory:read")


def found(program: Program, address: str) -> set[str]:
    return {one["name"] for one in program.get(f"/api/v1/{address}")["items"]}


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("centres?name=wattle+clinic", {"Wattle Clinic"}),
        ("centres?name=wattle", set()),
        ("departments?suburb=glenelg", {"Pathology"}),
        ("departments?suburb=Randwick&name=surgery", {"Surgery"}),
        ("services?suburb=GLENELG", {"Pathology appointment"}),
        ("services?suburb=Perth", set()),
        ("practitioners?suburb=glenelg", {"Priya Stranger"}),
        ("practitioners?suburb=randwick", {"Priya Owner", "Priya Teammate"}),
    ],
)
def test_lists_are_sifted(program: Program, address: str, names: set[str]) -> None:
    assert found(program, address) == names


def test_services_are_sifted_by_centre(program: Program, world: World) -> None:
    own, other = world.centres["own"], world.centres["other"]
    assert found(program, f"services?centre={other}") == {"Pathology appointment"}
    assert found(program, f"services?centre={own}") == {
        "Radiology appointment",
        "Surgery appointment",
    }
    assert found(program, f"services?centre={own}&suburb=Glenelg") == set()
