"""Operations on appointments (IHE ITI Scheduling): $find proposes, $hold and $book take what was
proposed. A proposal is a free slot, and its id is that slot's."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import request

from openslot.core.errors import Malformed
from openslot.entrypoints.fhir import asking, received, slot, subject
from openslot.entrypoints.fhir.answers import JSONS
from openslot.entrypoints.fhir.bundle import links_of
from openslot.entrypoints.fhir.elements import Json, Site, instant, reference, resource
from openslot.entrypoints.fhir.outcome import issue, outcome
from openslot.entrypoints.fhir.search import Found, Query
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
    "organization": ("organization", "Organization"),
    "location-string": ("location-string", ""),
    "_count": ("_count", ""),
}
"""What $find is asked with, as a search for slots: the parameter, and the kind of a bare id."""

_TEXTS = (
    "valueDateTime",
    "valueInstant",
    "valueDate",
    "valueString",
    "valueUri",
    "valueUrl",
    "valueCode",
    "valueId",
    "valueCanonical",
)
_APPOINTMENTS = ("appointment", "appt-resource", "appointment-resource")
_REFERENCES = ("appointment-reference", "appt-id")
_PATIENTS = ("patient-reference", "patient", "patient-id", "patient-resource")


def slot_search(pairs: Pairs) -> list[tuple[str, str]]:
    """The search for free slots that $find means; what it does not know stays as it is.

    The same parameter again means or, unlike in a search (IHE ITI Scheduling, appointment-find).
    """
    found, either = [("status", "free")], defaultdict[tuple[str, str], list[str]](list)
    for name, value in pairs:
        if name in ("start", "end"):
            found.append(("start", _bound(name, value)))
        elif name.startswith("_") or (name not in RENAMED and name not in _PATIENTS):
            found.append((name, value))
        elif name in RENAMED and value:
            known, kind = RENAMED[name]
            either[known, kind].append(_of_kind(kind, value) if kind else value)
    return found + [(known, ",".join(values)) for (known, _), values in either.items()]


def patient_of(pairs: Pairs, body: Json, base: str) -> UUID | None:
    """The patient for whom $find looks, by reference or as a resource. Malformed for another."""
    named = [value for name, value in (*pairs, *parameters(body)) if name in _PATIENTS and value]
    if not named:
        return None
    key = named[0] if isinstance(named[0], str) else str(named[0].get("id", ""))
    try:
        return UUID(key.removeprefix(f"{base}/").removeprefix("Patient/"))
    except ValueError:
        raise Malformed("Refer to a patient of this server.", field="patient-reference") from None


def _of_kind(kind: str, value: str) -> str:
    """References between commas, those to a bare id as ones to this kind."""
    return ",".join(one if "/" in one else f"{kind}/{one}" for one in value.split(","))


def ignored(pairs: Pairs, query: Query) -> list[str]:
    """Of the parameters of $find those that changed nothing, as nothing here knows them."""
    applied = {name for name, _ in query.applied if not name.startswith(("_include", "_rev"))}
    own = {"start", "end", "_after", *RENAMED, *_PATIENTS, *asking.ABOUT_THE_ANSWER, *applied}
    return list(dict.fromkeys(name for name, value in pairs if value and name not in own))


def _bound(name: str, value: str) -> str:
    """The day or instant as a condition; a day that ends it belongs to it."""
    if value[:2].isalpha():
        return value
    if name == "start":
        return f"ge{value}"
    return f"lt{value}" if "T" in value else f"le{value}"


def proposals(pairs: Pairs, query: Query, found: Found, site: Site) -> Json:
    """The Bundle of $find: free slots as proposed appointments, and always an outcome, which
    also says what was asked for and not understood."""
    count = len(found.rows)
    said = issue("informational", f"{count} of {found.total} proposed.", severity="information")
    if not found.total:
        said = issue("not-found", "No time is free. Ask for other days.", severity="warning")
    unknown = ignored(pairs, query)
    warnings = [
        issue(
            "not-supported",
            f"There is no parameter {name[:60]} here; it changed nothing.",
            severity="warning",
        )
        for name in unknown[:20]
    ]
    applied = [
        (name, value)
        for name, value in pairs
        if value and name not in (*unknown, "_after", *asking.ABOUT_THE_ANSWER)
    ]
    applied += [("end", value) for _, value in found.applied]
    bundle = _bundle([_proposal(row, site) for row in found.rows], site, said, *warnings)
    links = links_of(f"{site.base}/Appointment/$find", applied, found.after)
    return bundle | {"total": found.total, "link": links}


def done(appointment: Json, site: Site) -> Json:
    """The Bundle of $hold and $book."""
    return _bundle([appointment], site, issue("informational", "Done.", severity="information"))


def _bundle(appointments: Sequence[Json], site: Site, *said: Json) -> Json:
    """Appointments and what there is to say about them."""
    entries: list[Json] = [
        {
            "fullUrl": f"{site.base}/Appointment/{one['id']}",
            "resource": one,
            "search": {"mode": "match"},
        }
        for one in appointments
    ]
    entries.append({"resource": outcome(*said), "search": {"mode": "outcome"}})
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(appointments),
        "entry": entries,
    }


def _proposal(row: slot.Row, site: Site) -> Json:
    cell, known = row
    zone, key = known.zone, slot.write_id(cell.key)
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
        participant=[
            {"actor": actor, "required": "required", "status": "needs-action"}
            for actor in actors
            if actor
        ],
    )


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
        inner = one.get("resource")
        pairs.append((one["name"], inner if isinstance(inner, dict) else _text(one)))
    return pairs


def _text(one: Json) -> str:
    """A value as a search has it."""
    for name in _TEXTS:
        if isinstance(one.get(name), str):
            return str(one[name])
    if isinstance(one.get("valueInteger"), int):
        return str(one["valueInteger"])
    link, coding, concept = (
        one.get(f"value{kind}") for kind in ("Reference", "Coding", "CodeableConcept")
    )
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
    raise Malformed(
        "The value of {name} cannot be read.", field=one["name"][:60], name=one["name"][:60]
    )


def texts(found: Json) -> list[tuple[str, str]]:
    """The parameters that are texts."""
    return [(name, value) for name, value in parameters(found) if isinstance(value, str)]


def wanted(found: Json, base: str) -> tuple[Json, str | None]:
    """The appointment that $hold or $book is about, and the id where it stands here already.

    It comes as it is, in Parameters, or as a reference to a proposal or an appointment. Of one
    that is only referred to, {}: read it, and make it :func:`for_patient`.
    """
    if found.get("resourceType") == "Appointment":
        return _sorted_out(dict(found))
    given = dict(parameters(found))
    for name in _APPOINTMENTS:
        if isinstance(given.get(name), dict):
            return _sorted_out(for_patient(dict(given[name]), found))
    for name in _REFERENCES:
        if isinstance(given.get(name), str):
            key = given[name].removeprefix(f"{base}/").removeprefix("Appointment/")
            if slot.read_id(key) is None:
                return {}, key
            return for_patient(_taking(key), found), None
    raise Malformed(
        "Send the parameter appointment or appointment-reference.", field="Parameters.parameter"
    )


def _taking(key: str) -> Json:
    place = {"type": [{"text": "The place of the slot"}], "status": "needs-action"}
    return {
        "resourceType": "Appointment",
        "status": "proposed",
        "participant": [place],
        "slot": [{"reference": f"Slot/{key}"}],
    }


def for_patient(one: Json, found: Json) -> Json:
    """With the patient whom the Parameters name as a participant, if they name one; should it
    name another already, writing.py refuses the two."""
    if found.get("resourceType") != "Parameters":
        return one
    given = dict(parameters(found))
    named = next((given[name] for name in _PATIENTS if name in given), None)
    there = one.get("participant")
    if named is None or not isinstance(there, list):
        return one
    key = named if isinstance(named, str) else named.get("id")
    if not isinstance(key, str):
        raise Malformed("Refer to a patient of this server.", field="Parameters.parameter")
    link = key if "/" in key else f"Patient/{key}"
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
