"""Bad input never meets a fault of ours, and is refused in the words of the entry point.

Every address for programs is asked, as the app has them, with odd parts of paths, parameters,
headers and bodies: see odd.py.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.routing import Rule

from entrypoints import odd
from entrypoints.odd import Sent, fault, send, spoiled, written
from entrypoints.programs import signed_in, with_key
from entrypoints.world import World, build
from openslot.core.db import Database
from openslot.entrypoints.api.operations import Operation
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.fhir.search import known_parameters
from serving import app_on

FEED = "notifications.feed"
PART = re.compile(r"<(?:([^:>]+):)?([^>]+)>")
PEOPLE = ("patient-owner", "practitioner-owner", "staff-owner", "centre-admin-owner")


@dataclass
class Asked:
    """The app on a small network, the tokens of all kinds of callers, and what is there."""

    app: Flask
    world: World
    tokens: dict[str, str]
    routes: list[Rule]

    @cached_property
    def bodies(self) -> list[tuple[Sent, Any]]:
        """Every request that has JSON for a body, and a body that may do."""
        return list(bodies(self))

    def ask(self, sent: Sent, who: str = "key") -> str:
        """What is wrong with the answer; "" where nothing is."""
        return fault(sent, send(self.app, sent, self.tokens.get(who)))


def made(app: Flask, database: Database, world: World) -> Asked:
    tokens = {who: str(signed_in(app, world, who).token) for who in PEOPLE}
    tokens["key"] = str(with_key(app, database, "*").token)
    return Asked(app, world, tokens, [rule for rule in app.url_map.iter_rules() if ours(app, rule)])


def ours(app: Flask, rule: Rule) -> bool:
    """Whether programs ask there."""
    return rule.endpoint == FEED or hasattr(app.view_functions[rule.endpoint], "operation")


@pytest.fixture
def asked(app: Flask, network: Database, world: World) -> Asked:
    return made(app, network, world)


@pytest.fixture
def asked_everywhere(database: Database, tmp_path: Path) -> Iterator[Asked]:
    """The same on each engine in turn."""
    world = build(database)
    with app_on(database, tmp_path, password_iterations=1) as app:
        yield made(app, database, world)


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def known(world: World, name: str) -> list[str]:
    """What is there under the name of a part of an address, or of a field."""
    own = {
        "centre": world.centres["own"],
        "location": world.centres["own"],
        "department": world.departments["owner"],
        "service": world.services["owner"],
        "schedule": world.schedules["owner"],
        "practitioner": world.practitioners["owner"],
        "doctor": world.practitioners["owner"],
        "subject": world.practitioners["owner"],
        "patient": world.patients["owner"],
        "appointment": world.appointments["owner"],
        "key": world.appointments["owner"],
        "hold": world.appointments["owner"],
    }
    plain = name.removesuffix("_id")
    return [str(own[plain])] if plain in own else []


def kinds(rule: Rule) -> list[str]:
    return list(RESOURCES) if rule.rule.startswith("/fhir/<kind>") else ["practitioner"]


def filled(rule: Rule, world: World, part: str, kind: str, odd_name: str) -> str:
    """The address with ``part`` where ``odd_name`` stands, and what is known elsewhere."""

    def put(match: re.Match[str]) -> str:
        name = match[2]
        if name == odd_name:
            return part
        return kind if name == "kind" else next(iter(known(world, name)), part)

    return PART.sub(put, rule.rule)


def test_no_part_of_an_address_meets_a_fault(asked: Asked) -> None:
    wrong = []
    for rule in asked.routes:
        for name in [match[2] for match in PART.finditer(rule.rule)]:
            for kind in kinds(rule) if name != "kind" else [""]:
                for part in odd.IDS:
                    path = filled(rule, asked.world, part, kind, name)
                    for method in methods(rule):
                        sent = Sent(method, path)
                        if why := asked.ask(sent):
                            wrong.append((sent, why))
    assert wrong == []


def day() -> str:
    return f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"


def searches(every: int) -> Iterator[Sent]:
    """Every search parameter with each ``every``-th odd value, another next time."""
    values, cursors = cycle(odd.VALUES), cycle(odd.CURSORS)
    for name, resource in RESOURCES.items():
        window = f"&start={day()}" if name == "Slot" else ""
        for parameter in known_parameters(resource):
            for value in islice(values, len(odd.VALUES) // every):
                yield Sent("GET", f"/fhir/{name}", f"{parameter}={value}{window}")
            for after in islice(cursors, len(odd.CURSORS) // every):
                for sort in (parameter, f"-{parameter}"):
                    yield Sent("GET", f"/fhir/{name}", f"_sort={sort}&_after={after}{window}")


def pages(asked: Asked) -> Iterator[Sent]:
    """Every list of /api/v1 from every odd place on."""
    for rule in asked.routes:
        one = getattr(asked.app.view_functions[rule.endpoint], "operation", None)
        if isinstance(one, Operation) and one.query and "after" in one.query.model_fields:
            for after in odd.CURSORS:
                yield Sent("GET", filled(rule, asked.world, odd.NOBODY, "", ""), f"after={after}")


def sign_ins() -> Iterator[Sent]:
    """Odd words as the name of an account, which is looked for whatever it is."""
    for word in odd.WORDS[:8]:
        body = written({"email": word, "password": word})
        yield Sent("POST", "/api/v1/tokens", body=body, kind="application/json")


def test_no_search_meets_a_fault(asked: Asked) -> None:
    assert [(sent, why) for sent in searches(8) if (why := asked.ask(sent))] == []


def test_no_search_meets_a_fault_on_any_engine(asked_everywhere: Asked) -> None:
    sent = [*searches(50), *pages(asked_everywhere), *sign_ins()]
    assert [(one, why) for one in sent if (why := asked_everywhere.ask(one))] == []


DOORS = (
    "/fhir/Appointment",
    "/fhir/Appointment/$book",
    "/appointment",
    "/doctors",
    "/api/v1/appointments",
    "/oauth/token",
    "/calendars/x.ics",
    "/login",
)
"""An address or two of each entry point."""


@pytest.mark.parametrize("path", DOORS)
def test_no_whole_body_and_no_header_meets_a_fault(asked: Asked, path: str) -> None:
    sent = [
        Sent("POST", path, body=body, kind=kind)
        for body in odd.WHOLE
        for kind in ("application/json", "application/fhir+json", odd.FORM)
    ]
    sent += [Sent("POST", path, body=b"{}", kind=kind) for kind in odd.KINDS]
    sent += [
        Sent(method, path, body=b"{}", kind="application/json", headers=(header,))
        for header in odd.HEADERS
        for method in ("GET", "POST")
    ]
    assert [(one, why) for one in sent if (why := asked.ask(one))] == []


def test_no_form_for_a_token_meets_a_fault(asked: Asked) -> None:
    good = {
        "grant_type": "client_credentials",
        "client_assertion": "a.b.c",
        "scope": "x",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    for name in good:
        for value in odd.VALUES:
            form = "&".join(f"{key}={value if key == name else own}" for key, own in good.items())
            sent = Sent("POST", "/oauth/token", "", form.encode(), odd.FORM)
            assert asked.ask(sent) == "", sent


# Bodies


def example(schema: Any, models: Any, world: World, name: str = "") -> Any:
    """Something that fits a JSON Schema of ours, with what is known under the names."""
    if "$ref" in schema:
        return example(models[schema["$ref"].rpartition("/")[2]], models, world, name)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    for one in schema.get("anyOf", schema.get("oneOf", schema.get("allOf", ())))[:1]:
        return example(one, models, world, name)
    kind = schema.get("type")
    if kind == "object":
        named = schema.get("properties", {"monday": schema.get("additionalProperties", {})})
        return {key: example(one, models, world, key) for key, one in named.items()}
    if kind == "array":
        return [example(schema.get("items", {}), models, world, name.removesuffix("s"))]
    there = next(iter(known(world, name)), None)
    if kind == "integer":
        return int(there) if there and there.isdigit() else schema.get("minimum", 30)
    texts = {
        "uuid": there or odd.NOBODY,
        "date": day(),
        "date-time": f"{day()}T10:00:00+11:00",
        "email": "a@example.com",
        "uri": "https://example.com/",
    }
    clock = "09:00" if "24:00" in schema.get("pattern", "") else "Some words"
    return {"boolean": True, "number": 1.5}.get(kind, texts.get(schema.get("format", ""), clock))


def appointment(world: World) -> Any:
    actors = (f"Patient/{world.patients['owner']}", f"Practitioner/{world.practitioners['owner']}")
    return {
        "resourceType": "Appointment",
        "id": str(world.appointments["owner"]),
        "status": "booked",
        "identifier": [{"system": "urn:example:pas", "value": "A-1"}],
        "cancelationReason": {"text": "Rain"},
        "priority": 5,
        "description": "Knee",
        "comment": "x",
        "reasonCode": [{"text": "Sore knee", "coding": [{"code": "1", "display": "Knee"}]}],
        "participant": [{"actor": {"reference": one}, "status": "accepted"} for one in actors],
        "start": f"{day()}T10:00:00+11:00",
        "end": f"{day()}T10:30:00+11:00",
        "slot": [{"reference": f"Slot/{world.schedules['owner']}-5000000-30"}],
        "basedOn": [{"reference": f"ServiceRequest/{odd.NOBODY}"}],
        "meta": {"versionId": "1"},
    }


def letter(world: World) -> Any:
    return {
        "resourceType": "ServiceRequest",
        "id": odd.NOBODY,
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{world.patients['owner']}"},
        "requester": {"reference": f"Practitioner/{world.practitioners['owner']}"},
        "performer": [{"reference": f"HealthcareService/{world.services['owner']}"}],
        "priority": "routine",
        "reasonCode": [{"text": "Sore knee"}],
        "note": [{"text": "Please"}],
        "code": {"coding": [{"system": "urn:x", "code": "GP"}], "text": "Physiotherapist"},
        "occurrencePeriod": {"start": day(), "end": "2099-01-01"},
        "authoredOn": day(),
    }


def parameters(world: World) -> Any:
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "start", "valueDateTime": f"{day()}T00:00:00Z"},
            {"name": "end", "valueDate": day()},
            {"name": "_count", "valueInteger": 5},
            {"name": "schedule", "valueReference": {"reference": "Schedule/1"}},
            {"name": "specialty", "valueCodeableConcept": {"coding": [{"code": "GP"}]}},
            {"name": "reason", "valueString": "Rain"},
            {"name": "appointment-reference", "valueReference": {"reference": "Appointment/1-1-5"}},
            {"name": "patient-reference", "valueString": str(world.patients["owner"])},
            {"name": "appointment", "resource": appointment(world)},
        ],
    }


def bodies(asked: Asked) -> Iterator[tuple[Sent, Any]]:
    world = asked.world
    for rule in asked.routes:
        one = getattr(asked.app.view_functions[rule.endpoint], "operation", None)
        for method in methods(rule):
            path = filled(rule, world, odd.NOBODY, "Appointment", "")
            sent = Sent(method, path, kind="application/json")
            if isinstance(one, Operation) and one.body is not None:
                schema = one.body.model_json_schema(by_alias=True)
                yield sent, example(schema, schema.get("$defs", {}), world)
            elif path.startswith("/fhir/") and method != "GET" and not path.endswith("_search"):
                is_operation = "$" in path
                yield sent, (parameters if is_operation else appointment)(world)
                if not is_operation:
                    other = replace(sent, path=path.replace("Appointment", "ServiceRequest"))
                    yield other, letter(world)


TOGETHER = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
MANY = settings(max_examples=2 * settings().max_examples, suppress_health_check=TOGETHER)
FEW = settings(max_examples=settings().max_examples // 2, suppress_health_check=TOGETHER)


def try_a_body(asked: Asked, data: st.DataObject) -> None:
    sent, body = data.draw(st.sampled_from(asked.bodies))
    sent = replace(sent, body=data.draw(spoiled(body)))
    who = data.draw(st.sampled_from(("key", "key", *PEOPLE)))
    assert asked.ask(sent, who) == "", (sent, who)


def try_anything(asked: Asked, data: st.DataObject) -> None:
    draw = data.draw
    rule = draw(st.sampled_from(asked.routes))
    name = draw(st.sampled_from([match[2] for match in PART.finditer(rule.rule)] or [""]))
    kind = draw(st.sampled_from([*RESOURCES, "Appointment"]))
    path = filled(rule, asked.world, draw(st.sampled_from(odd.IDS)), kind, name)
    names = [*odd.SPECIAL, *(known_parameters(RESOURCES[kind]) if "kind" in rule.arguments else ())]
    one = getattr(asked.app.view_functions[rule.endpoint], "operation", None)
    if isinstance(one, Operation):  # what is unknown there is refused before all else
        fields = one.query.model_fields if one.query else {}
        names = [field.alias or key for key, field in fields.items()] or ["unknown"]
    values = st.sampled_from((*odd.VALUES, *odd.CURSORS))
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), values), max_size=2))
    sent = Sent(
        draw(st.sampled_from((*3 * methods(rule), "HEAD", "OPTIONS", "FOO", "PATCH"))),
        path,
        "&".join(f"{key}={value}" for key, value in pairs),
        draw(st.sampled_from(odd.WHOLE)),
        draw(st.sampled_from(odd.KINDS)),
        tuple(draw(st.lists(st.sampled_from(odd.HEADERS), max_size=2))),
    )
    who = draw(st.sampled_from(("key", "key", "nobody", *PEOPLE)))
    assert asked.ask(sent, who) == "", (sent, who)


@MANY
@given(data=st.data())
def test_no_body_meets_a_fault(asked: Asked, data: st.DataObject) -> None:
    try_a_body(asked, data)


@MANY
@given(data=st.data())
def test_nothing_that_comes_meets_a_fault(asked: Asked, data: st.DataObject) -> None:
    try_anything(asked, data)


@FEW
@given(data=st.data())
def test_every_engine_takes_what_comes(asked_everywhere: Asked, data: st.DataObject) -> None:
    try_a_body(asked_everywhere, data)
    try_anything(asked_everywhere, data)
