"""Every route × every role: who is let in, who is not, and nobody meets a fault of ours."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from flask import Flask
from werkzeug.routing import Rule

from entrypoints.browsing import Client, ClientFor
from entrypoints.world import World
from openslot.core.actor import Role
from openslot.entrypoints.web.access import allowed_roles

PEOPLE = {
    None: None,
    "patient-owner": Role.PATIENT,
    "practitioner-owner": Role.PRACTITIONER,
    "staff-owner": Role.STAFF,
    "centre-admin-owner": Role.CENTRE_ADMIN,
    "network-admin": Role.NETWORK_ADMIN,
}
SKIPPED = frozenset({"static", "accounts.sign_out", "system.ready"})
"""Files; what would end the walk; and what says that a test's database bears no migration."""
BY_PROFESSION = frozenset({"referrals.new"})
"""For practitioners of one profession, which no role says."""
HUGE = 10**20


@dataclass(frozen=True)
class Way:
    """A route with its address filled in."""

    endpoint: str
    path: str
    methods: frozenset[str]


def values(world: World, who: str) -> dict[str, object]:
    """What stands for the parts of addresses: objects of ``who``."""
    centre = "other" if who == "stranger" else "own"
    return {
        "centre_id": world.centres[centre],
        "department_id": world.departments[who],
        "service_id": world.services[who],
        "schedule_id": world.schedules[who],
        "practitioner_id": world.practitioners[who],
        "patient_id": world.patients[who],
        "account_id": world.accounts[f"staff-{who}"],
        "appointment_id": world.appointments[who],
        "hold_id": world.appointments[who],
        "absence_id": uuid4(),
        "access_id": uuid4(),
        "entry_id": uuid4(),
        "merge_id": uuid4(),
        "message_id": uuid4(),
        "referral_id": uuid4(),
        "closure_id": 1,
        "room_id": 1,
        "resource_id": 1,
        "profession_id": 1,
        "group_id": 1,
        "period_id": uuid4(),
        "key_id": uuid4(),
        "client_id": uuid4(),
        "endpoint_id": uuid4(),
        "delivery_id": uuid4(),
        "webhook_id": uuid4(),
        "series_id": uuid4(),
        "itinerary_id": uuid4(),
        "token": "nonsense",
        "choice": "dark",
        "language": "en",
        "key": "nowhere",
        "kind": "practitioner",
        "request_id": uuid4(),
        "session_id": uuid4(),
        "subject_id": world.practitioners[who],
        "report_kind": "bookings",
    }


def ways(app: Flask, parts: dict[str, object]) -> Iterator[Way]:
    """Every route of ours with ``parts`` in its address."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        is_page = not hasattr(app.view_functions[rule.endpoint], "operation")
        if rule.endpoint not in SKIPPED and is_page:
            own = {name: parts[name] for name in rule.arguments}
            path = adapter.build(rule.endpoint, own, method=_any_method(rule))
            yield Way(rule.endpoint, path, frozenset(rule.methods or ()) & {"GET", "POST"})


def _any_method(rule: Rule) -> str:
    return sorted(rule.methods or {"GET"})[0]


@pytest.mark.parametrize("person", PEOPLE)
def test_roles_are_let_in_as_declared(
    app: Flask, client_for: ClientFor, world: World, person: str | None
) -> None:
    client, role = client_for(person), PEOPLE[person]
    wrong = []
    for way in ways(app, values(world, "owner")):
        allowed = allowed_roles(app.view_functions[way.endpoint]) or frozenset()
        for method in sorted(way.methods):
            if method == "POST" and role in allowed:
                continue  # it might do what it is for
            status = _ask(client, method, way.path)
            if way.endpoint in BY_PROFESSION and role is Role.PRACTITIONER:
                assert status == 403
            elif not _is_expected(status, method, role, role in allowed):
                wrong.append((method, way.path, status))
    assert wrong == []


def _ask(client: Client, method: str, path: str) -> int:
    answer = client.get(path) if method == "GET" else client.post(path)
    if method == "GET" and answer.status_code == 303 and answer.location.startswith("/login?"):
        return 401  # a page sends people to where they sign in
    return answer.status_code


def _is_expected(status: int, method: str, role: Role | None, is_allowed: bool) -> bool:
    if is_allowed:
        return status < 500 and status not in (401, 403)
    return status == (401 if role is None else 403)


STRANGERS = [
    ("patient-owner", "/patients/{patient}", 404),
    ("patient-owner", "/appointments/{appointment}", 404),
    ("patient-owner", "/history/{patient}", 404),
    ("practitioner-owner", "/appointments/{appointment}", 404),
    ("practitioner-owner", "/patients/{patient}", 404),
    ("practitioner-owner", "/patients/{patient}/notes/new", 404),
    ("practitioner-owner", "/patients/{patient}/emergency", 404),
    ("staff-owner", "/appointments/{appointment}", 404),
    ("staff-owner", "/admin/departments/{department}", 403),
    ("staff-owner", "/services/{service}/request", 404),
    ("staff-owner", "/admin/departments/{department}/edit", 403),
    ("staff-owner", "/admin/departments/{department}/services/new", 403),
    ("staff-owner", "/admin/services/{service}", 403),
    ("staff-owner", "/admin/services/{service}/active", 403),
    ("centre-admin-owner", "/appointments/{appointment}", 404),
    ("centre-admin-owner", "/admin/centres/{centre}", 403),
    ("centre-admin-owner", "/admin/centres/{centre}/edit", 403),
    ("centre-admin-owner", "/admin/centres/{centre}/closures", 403),
    ("centre-admin-owner", "/admin/centres/{centre}/departments/new", 403),
    ("centre-admin-owner", "/admin/departments/{department}", 403),
    ("centre-admin-owner", "/admin/departments/{department}/active", 403),
    ("centre-admin-owner", "/admin/services/{service}", 403),
    ("centre-admin-owner", "/admin/practitioners/{practitioner}", 403),
    ("centre-admin-owner", "/admin/practitioners/{practitioner}/edit", 403),
    ("centre-admin-owner", "/admin/practitioners/{practitioner}/active", 403),
    ("centre-admin-owner", "/admin/schedules/{schedule}", 403),
    ("centre-admin-owner", "/admin/schedules/{schedule}/active", 403),
    ("centre-admin-owner", "/admin/accounts/{account}", 404),
    ("centre-admin-owner", "/admin/accounts/{account}/active", 404),
]


@pytest.mark.parametrize(("person", "address", "status"), STRANGERS)
def test_what_belongs_to_others_is_closed(
    client_for: ClientFor, world: World, person: str, address: str, status: int
) -> None:
    parts = values(world, "stranger")
    path = address.format_map({name.removesuffix("_id"): part for name, part in parts.items()})
    client = client_for(person)
    assert client.get(path).status_code == status
    assert client.post(path, active="no", name="x").status_code in (status, 405)


def test_a_teammate_of_staff_keeps_the_own_department_only(
    client_for: ClientFor, world: World
) -> None:
    client = client_for("staff-teammate")
    assert client.get(f"/admin/departments/{world.departments['teammate']}").status_code == 200
    assert client.get(f"/admin/departments/{world.departments['owner']}").status_code == 403


@pytest.mark.parametrize("person", PEOPLE)
def test_addresses_of_nothing_are_no_fault_of_ours(
    app: Flask, client_for: ClientFor, world: World, person: str | None
) -> None:
    client = client_for(person)
    known = values(world, "owner")
    for odd in (0, 2**31 - 1, 2**31, HUGE):
        parts = {
            name: uuid4() if isinstance(part, UUID) else odd if isinstance(part, int) else "odd"
            for name, part in known.items()
        }
        for way in _buildable(app, parts):
            status = client.get(way).status_code
            assert status < 500, (way, status)


def _buildable(app: Flask, parts: dict[str, object]) -> Iterator[str]:
    """Addresses written by hand, as some of these no converter of ours would build."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint in SKIPPED or "GET" not in (rule.methods or ()) or not rule.arguments:
            continue
        path = re.sub(
            r"<(?:[^:>]+:)?([^>]+)>", lambda part: str(parts.get(part[1], "odd")), rule.rule
        )
        yield path
