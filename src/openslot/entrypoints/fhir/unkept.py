"""What a program wrote and the server does not keep, as warnings of an OperationOutcome."""

from collections.abc import Iterator, Mapping
from typing import Any

from openslot.entrypoints.fhir.codes import EMERGENCY, WALK_IN
from openslot.entrypoints.fhir.elements import Json, target_of
from openslot.entrypoints.fhir.outcome import issue

_KEPT: Mapping[str, frozenset[str]] = {
    "Appointment": frozenset(
        {
            "comment",
            "description",
            "slot",
            "start",
            "end",
            "minutesDuration",
            "basedOn",
            "supportingInformation",
        }
    ),
    "ServiceRequest": frozenset({"note"}),
}
"""Elements that are kept in another form, are kept and not shown to everybody, or are refused if
they cannot be."""

_SERVERS = frozenset({"resourceType", "id", "meta", "status", "created"})
"""Elements that the server sets or refuses."""


def warnings(sent: Json, shown: Json, base: str) -> list[Json]:
    """Return a warning for each element of ``sent`` that ``shown`` has not, or has otherwise."""
    kind = shown["resourceType"]
    silent = _SERVERS | _KEPT.get(kind, frozenset())
    paths: list[str] = []
    for name, value in sent.items():
        if name == "participant":
            paths += _participants(value, shown, base)
        elif name == "reasonCode" and kind == "Appointment":
            paths += ["reasonCode.coding"] if any("coding" in part for part in value) else []
        elif _is_acted_on(name, value, sent):
            continue
        elif name not in silent and not _is_shown(value, shown.get(name)):
            paths.append(name)
    return [_warning(f"{kind}.{path}") for path in paths]


def _is_acted_on(name: str, value: Any, sent: Json) -> bool:
    """Return whether it was done and is not part of the appointment: answers, and special types."""
    if name == "contained":
        return "supportingInformation" in sent
    if name != "appointmentType":
        return False
    return any(one.get("code") in (EMERGENCY, WALK_IN) for one in value.get("coding", ()))


def _participants(sent: Any, shown: Json, base: str) -> Iterator[str]:
    """Yield the participants that are not kept, or not with their status."""
    statuses = {
        "/".join(target_of(part["actor"].get("reference"), base)): part["status"]
        for part in shown["participant"]
    }
    for place, part in enumerate(sent):
        actor = part.get("actor")
        if actor is None:
            continue
        kept = statuses.get("/".join(target_of(actor.get("reference"), base)))
        if kept is None and "PractitionerRole" not in str(actor.get("reference")):
            yield f"participant[{place}]"
        elif part.get("status") not in (kept, "accepted", "needs-action"):
            yield f"participant[{place}].status"


def _is_shown(sent: Any, shown: Any) -> bool:
    """Return whether everything in ``sent`` is in ``shown``, which may have more."""
    if isinstance(sent, dict) and isinstance(shown, dict):
        return all(_is_shown(value, shown.get(name)) for name, value in sent.items())
    if isinstance(sent, list) and isinstance(shown, list):
        return all(any(_is_shown(value, other) for other in shown) for value in sent)
    return bool(sent == shown)


def _warning(path: str) -> Json:
    sentence = f"{path} was not kept as you sent it."
    return issue("not-supported", sentence, severity="warning", more={"expression": [path]})
