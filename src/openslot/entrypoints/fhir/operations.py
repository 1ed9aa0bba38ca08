"""Operations on appointments (IHE ITI Scheduling): $find proposes, $hold and $book take what was
proposed. A proposal is a free slot, and its id is that slot's."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import request

from openslot.core.errors import Malformed
from openslot.entrypoints.fhir import received, slot, subject
from openslot.entrypoints.fhir.answers import JSONS
from openslot.entrypoints.fhir.elements import Json, Site, instant, reference, resource
from openslot.entrypoints.fhir.outcome import issue, outcome
from openslot.entrypoints.problems import UnsupportedMedia
from openslot.schedules.availability import instant_of

Pairs = Sequence[tuple[str, str]]

RENAMED: Mapping[str, tuple[str, str]] = {
    "practitioner": ("schedule.actor", "Practitioner"),
    "location": ("schedule.actor", "Location"),
    "location-reference": ("schedule.actor", "Location"),
    "service-type-reference": ("schedule.actor", "HealthcareService"),
    "schedule": ("schedule", "Schedule"),
    "service-type": ("service-type", ""),
    "visit-type": ("service-type", ""),
    "service-category": ("service-category", ""),
    "specialty": ("specialty", ""),
    "_count": ("_count", ""),
}
"""What $find is asked with, as a search for slots: the parameter, and the kind of a bare id."""

_TEXTS = ("valueDateTime", "valueInstant", "valueDate", "valueString", "valueUri", "valueUrl",
          "valueCode", "valueId", "valueCanonical")  # fmt: skip
_APPOINTMENTS = ("appointment", "appt-resource", "appointment-resource")
_REFERENCES = ("appointment-reference", "appt-id")
_PATIENTS = ("patient-reference", "patient", "patient-id")


def slot_search(pairs: Pairs) -> list[tuple[str, str]]:
    """The search for free slots that $find means; what it does not know stays as it is."""
    found = [("status", "free")]
    for name, value in pairs:
        if name in ("start", "end"):
            found.append(("start", _bound(name, value)))
        elif name in RENAMED:
            known, kind = RENAMED[name]
            is_bare = kind and "/" not in value
            found.append((known, f"{kind}/{value}" if is_bare else value))
        elif name not in _PATIENTS:
            found.append((name, value))
    return found


def _bound(name: str, value: str) -> str:
    """The day or instant as a condition; a day that ends it belongs to it."""
    if value[:2].isalpha():
        return value
    if name == "start":
        return f"ge{value}"
    return f"lt{value}" if "T" in value else f"le{value}"


def proposals(rows: Sequence[slot.Row], site: Site) -> Json:
    """The Bundle of $find: free slots as proposed appointments, and always an outcome."""
    count = len(rows)
    said = issue("informational", f"{count} proposed.", severity="information")
    if not rows:
        said = issue("not-found", "No time is free. Ask for other days.", severity="warning")
    return _bundle([_proposal(row, site) for row in rows], said, site)


def done(appointment: Json, site: Site) -> Json:
    """The Bundle of $hold and $book."""
    return _bundle([appointment], issue("informational", "Done.", severity="information"), site)


def _bundle(appointments: Sequence[Json], said: Json, site: Site) -> Json:
    """Appointments and what there is to say about them."""
    entries: list[Json] = [
        {"fullUrl": f"{site.base}/Appointment/{one['id']}", "resource": one,
         "search": {"mode": "match"}}
        for one in appointments
    ]  # fmt: skip
    entries.append({"resource": outcome(said), "search": {"mode": "outcome"}})
    return {"resourceType": "Bundle", "type": "searchset", "total": len(appointments),
            "entry": entries}  # fmt: skip


def _proposal(row: slot.Row, site: Site) -> Json:
    cell, known = row
    zone, key = subject.zone(known), slot.write_id(cell.key)
    person, service = known.practitioner, known.service
    actors = (
        reference("Practitioner", person.id, person.name) if person else None,
        reference("HealthcareService", service.id, service.name) if service else None,
        reference("Location", known.centre.id, known.centre.name),
    )
    return resource(
        "Appointment",
        key,
        None,
        status="proposed",
        serviceCategory=subject.service_category(known, site),
        serviceType=subject.service_type(known, site),
        specialty=subject.specialty(known, site),
        start=instant(instant_of(cell.tick), zone),
        end=instant(instant_of(cell.tick + cell.minutes // 5), zone),
        minutesDuration=cell.minutes,
        slot=[reference("Slot", key)],
        participant=[{"actor": actor, "required": "required", "status": "needs-action"}
                     for actor in actors if actor],
    )  # fmt: skip


def body() -> Json:
    """The JSON of this request, {} where nothing was sent."""
    if not request.get_data():
        return {}
    if request.mimetype not in JSONS:
        raise UnsupportedMedia("Send Parameters as application/fhir+json.")
    found = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise Malformed("Send Parameters as a JSON object.")
    received.check_json(found, "Parameters")
    return found


def parameters(found: Json) -> list[tuple[str, Any]]:
    """Names and values of Parameters; a resource as it is, everything else as a text."""
    if not found:
        return []
    listed = found.get("parameter", [])
    if found.get("resourceType") != "Parameters" or not isinstance(listed, list):
        raise Malformed("Send Parameters.", field="Parameters")
    pairs = []
    for one in listed:
        if not isinstance(one, dict) or not isinstance(one.get("name"), str):
            raise Malformed("Give each parameter a name.", field="Parameters.parameter")
        pairs.append((one["name"], one.get("resource") or _text(one)))
    return pairs


def _text(one: Json) -> str:
    """A value as a search has it."""
    for name in _TEXTS:
        if isinstance(one.get(name), str):
            return str(one[name])
    if isinstance(one.get("valueInteger"), int):
        return str(one["valueInteger"])
    link, coding, concept = (one.get(f"value{kind}") for kind in
                             ("Reference", "Coding", "CodeableConcept"))  # fmt: skip
    if isinstance(link, dict) and isinstance(link.get("reference"), str):
        return str(link["reference"])
    if isinstance(concept, dict):
        codings = concept.get("coding", [])
        coding = codings[0] if isinstance(codings, list) and codings else concept
    if isinstance(coding, dict):
        code = coding.get("code") or coding.get("text") or coding.get("display")
        if isinstance(code, str):
            system = coding.get("system")
            plain = code.replace("\\", "\\\\").replace(",", "\\,")
            return f"{system}|{plain}" if isinstance(system, str) else plain
    raise Malformed("The value of {name} cannot be read.", field=one["name"][:60],
                    name=one["name"][:60])  # fmt: skip


def texts(found: Json) -> list[tuple[str, str]]:
    """The parameters that are texts."""
    return [(name, value) for name, value in parameters(found) if isinstance(value, str)]


def wanted(found: Json, base: str) -> tuple[Json, str | None]:
    """The appointment that $hold or $book is about, and the id where it stands here already.

    It comes as it is, in Parameters, or as a reference to a proposal or an appointment.
    """
    if found.get("resourceType") == "Appointment":
        return _sorted_out(dict(found))
    given = dict(parameters(found))
    for name in _APPOINTMENTS:
        if isinstance(given.get(name), dict):
            return _sorted_out(_for_patient(dict(given[name]), given))
    for name in _REFERENCES:
        if isinstance(given.get(name), str):
            key = given[name].removeprefix(f"{base}/").removeprefix("Appointment/")
            if slot.read_id(key) is None:
                return {}, key
            return _for_patient(_taking(key), given), None
    raise Malformed("Send the parameter appointment or appointment-reference.",
                    field="Parameters.parameter")  # fmt: skip


def _taking(key: str) -> Json:
    place = {"type": [{"text": "The place of the slot"}], "status": "needs-action"}
    return {"resourceType": "Appointment", "status": "proposed", "participant": [place],
            "slot": [{"reference": f"Slot/{key}"}]}  # fmt: skip


def _for_patient(one: Json, given: Mapping[str, Any]) -> Json:
    """With the patient as a participant, where one is named."""
    patient = next((given[name] for name in _PATIENTS if isinstance(given.get(name), str)), None)
    there = one.get("participant")
    if patient is None or not isinstance(there, list):
        return one
    link = patient if "/" in patient else f"Patient/{patient}"
    return one | {"participant": [*there, {"actor": {"reference": link}, "status": "accepted"}]}


def _sorted_out(one: Json) -> tuple[Json, str | None]:
    """The id of a proposal is that of a slot, and goes."""
    key = one.get("id")
    if not isinstance(key, str):
        return one, None
    if slot.read_id(key) is None:
        return one, key
    one.pop("id")
    one.setdefault("slot", [{"reference": f"Slot/{key}"}])
    return one, None


def reason(found: Json) -> Json | None:
    """Why $cancel is called, as a CodeableConcept."""
    names = ("reason", "cancelation-reason", "cancellation-reason")
    words = next((value for name, value in texts(found) if name in names), None)
    return {"text": words} if words else None
