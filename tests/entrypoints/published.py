"""Reading what is published for everybody under ``/fhir/$bulk-publish``."""

import json
from typing import Any

from werkzeug.test import TestResponse

Json = dict[str, Any]

MANIFEST = "/fhir/$bulk-publish"
REGISTRY = "http://fhir-registry.smarthealthit.org/StructureDefinition"


def lines(answer: TestResponse) -> list[Json]:
    """The resources of a file."""
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/fhir+ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def link_of(slot: Json) -> str:
    """Where a slot is booked."""
    (link,) = (one for one in slot["extension"] if one["url"] == f"{REGISTRY}/booking-deep-link")
    return str(link["valueUrl"])


def of_schedule(found: list[Json], schedule_id: int) -> list[Json]:
    """The slots of one schedule."""
    return [one for one in found if one["schedule"]["reference"] == f"Schedule/{schedule_id}"]
