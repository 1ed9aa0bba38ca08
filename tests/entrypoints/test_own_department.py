"""Staff without a department ask for one; none puts themselves into one."""

import pytest
from sqlalchemy.orm import Session

from entrypoints.browsing import Client, ClientFor
from entrypoints.world import World
from openslot.core.db import Database
from openslot.directory.models import StaffMember


@pytest.fixture
def newcomer(client_for: ClientFor, network: Database, world: World) -> Client:
    """Staff of the own centre who are in no department yet."""

    def act(session: Session) -> None:
        session.get_one(StaffMember, world.accounts["staff-owner"]).department_id = None

    network.run(act)
    return client_for("staff-owner")


def department_of(network: Database, world: World) -> int | None:
    found = network.read(lambda s: s.get_one(StaffMember, world.accounts["staff-owner"]))
    return found.department_id


def test_an_administrator_decides_who_works_in_a_department(
    newcomer: Client, client_for: ClientFor, network: Database, world: World
) -> None:
    centre, department = world.centres["own"], world.departments["teammate"]
    page = newcomer.get("/admin/department").text
    choice = f'name="workplace" value="{centre}:{department}"'
    assert choice in page
    asked = newcomer.send(
        "/account/workplace", page="/admin/department", workplace=f"{centre}:{department}"
    )
    assert asked.status_code == 303
    assert department_of(network, world) is None
    again = newcomer.get("/admin/department").text
    assert "You have asked already." in again
    assert f"{choice} checked" in again
    admin, account = client_for("centre-admin-owner"), world.accounts["staff-owner"]
    admin.send(f"/admin/workplaces/{account}/admit", page="/admin/accounts")
    assert department_of(network, world) == department


def test_nobody_puts_themselves_into_a_department(
    newcomer: Client, network: Database, world: World
) -> None:
    answer = newcomer.post("/admin/department", department_id=world.departments["teammate"])
    assert answer.status_code in (404, 405)
    assert department_of(network, world) is None
