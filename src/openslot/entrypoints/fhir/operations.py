"""Operations on appointments (IHE ITI Scheduling): $find proposes, $hold and $book accept.

A proposal is a free slot, and has the slot's id.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import request

from openslot.core.errors import Malformed
from openslot.entrypoints.fhir import asking, dates, received, slot, subject
from openslot.entrypoints.fhir.answers import sends_json
from openslot.entrypoints.fhir.bundle import left_aside, links_of
from openslot.entrypoints.fhir.codes import APPOINTMENT_TYPE, APPOINTMENT_TYPES, EMERGENCY
from openslot.entrypoints.fhir.elements import (
    SUBSETTED,
    Json,
    Site,
    reference,
    resource,
    target_of,
)
from openslot.entrypoints.fhir.outcome import issue, outcome
from openslot.entrypoints.fhir.parameters import split
from openslot.entrypoints.fhir.search import Found, Query
from openslot.entrypoints.problems import UnsupportedMedia

Pairs = Sequence[tuple[str, str]]

RENAMED: Mapping[str, tuple[str, str]] = {
    "practitioner": ("schedule.actor", "Practitioner"),
    "location": ("schedule.actor", "Location"),
    "location-reference": ("schedule.actor", "Location"),
    "service-type-reference": ("schedule.actor", "HealthcareService"),
    "schedule": ("schedule", "Schedule"),
    "service-type": ("service-type", ""),
    "visit-type": ("service-type", ""),
    "appointment-type": ("service-type", ""),
    "service-category": ("service-category", ""),
    "specialty": ("specialty", ""),
    "organization": ("organization", "Organization"),
    "location-string": ("location-string", ""),
    "_count": ("_count", ""),
}
"""Parameters of $find as parameters of a slot search, with the kind of a bare id."""

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
_EMERGENCY = {"coding": [{"system": APPOINTMENT_TYPE, "code": EMERGENCY}]}
_TYPES = ("visit-type", "appointment-type")
_APPOINTMENTS = ("appointment", "appt-resource", "appointment-resource")
_REFERENCES = ("appointment-reference", "appt-id")
_PATIENTS = ("patient-reference", "patient", "patient-id", "patient-resource")
_REPLACED = ("cancelled-appt-id", "cancelled-appointment-reference")
_ANSWERS = ("questionnaire-response",)
_REASONS = (
    "reason",
    "cancelation-reason",
    "cancellation-reason",
    "cancelationReason",
    "cancellationReason",
)

_KINDS = dict.fromkeys(_PATIENTS, "Patient") | dict.fromkeys(_REFERENCES, "Appointment")
"""The kinds of what other parameters refer to."""

HOLD = (_APPOINTMENTS + _REFERENCES, _PATIENTS)
BOOK = (*HOLD, _REPLACED, _ANSWERS)
CANCEL = (_REASONS,)
"""The parameters of each operation, in groups of names for the same thing."""

Groups = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Logical:
    """A reference by an identifier, as the value of a token."""

    token: str


class Unread:
    """A value of a type that no parameter has."""


def slot_search(pairs: Pairs, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Return the parameters of $find as a search for free slots; unknown ones stay unchanged.

    Raise Malformed if no time is after the start and before the end; days are those of ``zone``.

    A repeated parameter means "or", unlike in a search (IHE ITI Scheduling, appointment-find).
    """
    _check_order(pairs, zone)
    search, alternatives = [("status", "free")], defaultdict[tuple[str, str], list[str]](list)
    for name, value in pairs:
        if name in ("start", "end"):
            search.append(("start", _bound(name, value)))
        elif name.startswith("_") or name not in (*RENAMED, *_PATIENTS, *_REFERENCES):
            search.append((name, value))
        elif name in _TYPES and _is_for_any_time(value):
            continue
        elif name in RENAMED and value:
            parameter, kind = RENAMED[name]
            alternatives[parameter, kind].append(_of_kind(kind, value) if kind else value)
    return search + [
        (parameter, ",".join(values)) for (parameter, _), values in alternatives.items()
    ]


def _check_order(pairs: Pairs, zone: ZoneInfo) -> None:
    periods: Sequence[dates.Period] = [(None, None)]
    for name, value in pairs:
        if name in ("start", "end") and value and "," not in value:
            given = dates.read(name, _bound(name, value), zone)
            periods = dates.within(periods, given.periods())
    if not periods:
        raise Malformed("Send an end that is after the start.", field="end")


def _is_for_any_time(value: str) -> bool:
    """Return whether this is a type of appointment, for which every time can be booked."""
    system, code = split(value)
    return system == APPOINTMENT_TYPE or (system is None and code in APPOINTMENT_TYPES)


def is_in_emergency(pairs: Pairs) -> bool:
    """Return whether $find searches times for an emergency."""
    return any(
        name in _TYPES and _is_for_any_time(value) and split(value)[1] == EMERGENCY
        for name, value in pairs
    )


def patient_of(pairs: Pairs, body: Json, base: str) -> UUID | None:
    """Return the patient of $find, from a reference or a resource, or raise Malformed."""
    patients = [value for name, value in (*pairs, *parameters(body)) if name in _PATIENTS and value]
    if not patients:
        return None
    keys = [value if isinstance(value, str) else _id_of(value) for value in patients]
    found = {target_of(key, base) for key in keys if key}
    try:
        ((kind, key),) = found or {("", "")}
        if kind not in ("", "Patient"):
            raise ValueError(kind)
        return UUID(key)
    except ValueError:
        raise Malformed("Refer to a patient of this server.", field="patient-reference") from None


def moving(pairs: Pairs, base: str) -> UUID | None:
    """Return the appointment that $find searches other times for, or raise Malformed."""
    sent = {value for name, value in pairs if name in _REFERENCES and value}
    if not sent:
        return None
    try:
        ((kind, key),) = (target_of(value, base) for value in sent)
        if kind not in ("", "Appointment"):
            raise ValueError(kind)
        return UUID(key)
    except ValueError:
        field = "appointment-reference"
        raise Malformed("Refer to an appointment of this server.", field=field) from None


def _id_of(value: object) -> str:
    """Return the id of a resource; none of a reference that was found by its identifier."""
    return str(value.get("id", "-")) if isinstance(value, dict) else ""


def _of_kind(kind: str, value: str) -> str:
    """Add the kind to each bare id in a list of references."""
    return ",".join(link if "/" in link else f"{kind}/{link}" for link in value.split(","))


def ignored(pairs: Pairs, query: Query) -> list[str]:
    """Return the unknown parameters of $find, which were ignored."""
    applied = {name for name, _ in query.applied if not name.startswith(("_include", "_rev"))}
    own = {"start", "end", "_after", *RENAMED, *_PATIENTS, *_REFERENCES}
    own |= {*asking.ABOUT_THE_ANSWER, *applied}
    return list(dict.fromkeys(name for name, value in pairs if value and name not in own))


def _bound(name: str, value: str) -> str:
    """Return the value with a prefix; an end without a time includes that day."""
    if value[:2].isalpha():
        return value
    if name == "start":
        return f"ge{value}"
    return f"lt{value}" if "T" in value else f"le{value}"


def proposals(pairs: Pairs, query: Query, found: Found, site: Site) -> Json:
    """Return the Bundle of $find: free slots as proposed appointments, and an outcome.

    The outcome also lists the parameters that were ignored.
    """
    count = len(found.rows)
    summary = issue("informational", f"{count} of {found.total} proposed.", severity="information")
    if not found.total:
        summary = issue(
            "not-found", "No free times. Try other days, or ask for less.", severity="warning"
        )
    unknown = ignored(pairs, query)
    warnings = [left_aside(name) for name in unknown[:20]]
    applied = [
        (name, value)
        for name, value in pairs
        if value and name not in (*unknown, "_after", *asking.ABOUT_THE_ANSWER)
    ]
    applied += [("end", value) for _, value in found.applied]
    bundle = _bundle([_proposal(row, site) for row in found.rows], site, summary, *warnings)
    links = links_of(f"{site.base}/Appointment/$find", applied, found.after)
    return bundle | {"total": found.total, "link": links}


def written(appointment: Json) -> Json:
    """Return what a program that may write and not read learns of an appointment."""
    version = {"versionId": appointment["meta"]["versionId"], "tag": [SUBSETTED]}
    kept = {name: appointment[name] for name in ("resourceType", "id", "status")}
    return kept | {"meta": version}


def done(appointment: Json, operation: str, warnings: Sequence[Json], site: Site) -> Json:
    """Return the Bundle of $hold and $book, with what was not kept."""
    summary = issue("informational", "Done.", severity="information")
    address = f"{site.base}/Appointment/${operation}"
    return _bundle([appointment], site, summary, *warnings) | {"link": links_of(address, (), None)}


def _bundle(appointments: Sequence[Json], site: Site, *issues: Json) -> Json:
    entries: list[Json] = [
        {
            "fullUrl": f"{site.base}/Appointment/{appointment['id']}",
            "resource": appointment,
            "search": {"mode": "match"},
        }
        for appointment in appointments
    ]
    entries.append({"resource": outcome(*issues), "search": {"mode": "outcome"}})
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(appointments),
        "entry": entries,
    }


def _proposal(row: slot.Row, site: Site) -> Json:
    cell, schedule, service, _, in_emergency = row
    zone, key = schedule.zone, slot.write_id(cell.key)
    practitioner = schedule.practitioner
    service_id = cell.service_id or schedule.service_id
    actors = (
        reference("Practitioner", practitioner.id, practitioner.name) if practitioner else None,
        reference("HealthcareService", service_id, service.name) if service else None,
        reference("Location", schedule.centre.id, schedule.centre.name),
    )
    return resource(
        "Appointment",
        key,
        None,
        status="proposed",
        serviceCategory=[subject.service_category(service, site)],
        serviceType=[subject.service_type(service, site)],
        specialty=subject.specialty(schedule, site),
        appointmentType=_EMERGENCY if in_emergency else None,
        start=slot.tick_written(cell.tick, zone),
        end=slot.tick_written(cell.tick + cell.minutes // 5, zone),
        minutesDuration=cell.minutes,
        slot=[reference("Slot", key)],
        participant=[
            {"actor": actor, "required": "required", "status": "needs-action"}
            for actor in actors
            if actor
        ],
    )


def body() -> Json:
    """Return the JSON of this request, or {} if nothing was sent."""
    if not request.get_data():
        return {}
    if not sends_json():
        raise UnsupportedMedia("Send Parameters as application/fhir+json.")
    found = request.get_json(force=True, silent=True)
    if not isinstance(found, dict):
        raise Malformed("Send Parameters as a JSON object.")
    received.check_json(found, "Parameters")
    return found


def check_names(found: Json, groups: Groups) -> None:
    """Raise Malformed for parameters that the operation does not have, or that are repeated.

    What it would leave out could be what matters, for example an appointment to cancel.
    """
    known = [name for group in groups for name in group]
    sent = [name for name in request.args if name not in asking.ABOUT_THE_ANSWER]
    if found.get("resourceType", "Parameters") == "Parameters":
        sent += [name for name, _ in parameters(found)]
    for name in sent:
        if name not in known or name in request.args:
            raise Malformed(
                "The parameter {name} is unknown. Send Parameters with: {known}.",
                field=name[:60],
                name=name[:60],
                known=", ".join(known),
            )
        if sent.count(name) > 1:
            raise Malformed("Send the parameter {name} once.", field=name, name=name)


def parameters(found: Json) -> list[tuple[str, Any]]:
    """Return the names and values in Parameters: resources, text, Logical or Unread."""
    if not found:
        return []
    listed = found.get("parameter", [])
    if found.get("resourceType") != "Parameters" or not isinstance(listed, list):
        raise Malformed("Send a Parameters resource.", field="Parameters")
    pairs = []
    for parameter in listed:
        if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
            raise Malformed("Give each parameter a name.", field="Parameters.parameter")
        inner = parameter.get("resource")
        pairs.append((parameter["name"], inner if isinstance(inner, dict) else _value(parameter)))
    return pairs


def _value(parameter: Json) -> str | Logical | type[Unread]:
    """Return a value of Parameters in the form of a search value."""
    for name in _TEXTS:
        if isinstance(parameter.get(name), str):
            return str(parameter[name])
    if isinstance(parameter.get("valueInteger"), int):
        return str(parameter["valueInteger"])
    link, coding, concept = (
        parameter.get(f"value{kind}") for kind in ("Reference", "Coding", "CodeableConcept")
    )
    if isinstance(link, dict) and isinstance(link.get("reference"), str):
        return str(link["reference"])
    if isinstance(link, dict) and isinstance(link.get("identifier"), dict):
        identifier = link["identifier"]
        if isinstance(identifier.get("value"), str):
            system = identifier.get("system")
            return Logical("|".join((*([str(system)] if system else []), identifier["value"])))
    if isinstance(concept, dict):
        codings = concept.get("coding", [])
        coding = codings[0] if isinstance(codings, list) and codings else concept
    if isinstance(coding, dict):
        code = coding.get("code") or coding.get("text") or coding.get("display")
        if isinstance(code, str):
            system = coding.get("system")
            plain = code.replace("\\", "\\\\").replace(",", "\\,")
            return f"{system}|{plain}" if isinstance(system, str) else plain
    return Unread


def texts(found: Json, search: Callable[[str, str], Sequence[str]]) -> list[tuple[str, str]]:
    """Return the parameters of $find as text; ``search`` returns the ids of a kind of resource
    with an identifier. Raises Malformed for a value of a known parameter that cannot be read."""
    pairs: list[tuple[str, str]] = []
    for name, value in parameters(found):
        if isinstance(value, str):
            pairs.append((name, value))
        elif isinstance(value, Logical):
            kind = _KINDS.get(name) or RENAMED.get(name, ("", ""))[1]
            keys = search(kind, value.token) if kind else ()
            pairs.append((name, ",".join(f"{kind}/{key}" for key in keys) or f"{kind}/0"))
        elif value is Unread and name in ("start", "end", *RENAMED, *_KINDS):
            raise _unread(name)
        elif value is Unread:
            pairs.append((name, "…"))
    return pairs


def _unread(name: str) -> Malformed:
    return Malformed("The value of {name} cannot be read.", field=name[:60], name=name[:60])


def wanted(found: Json, base: str) -> tuple[Json, str | None]:
    """Return the appointment to $hold or $book, and its id if it exists already.

    The request has the appointment itself, in Parameters or not, or a reference to a proposal or
    an appointment. For a reference to an appointment, returns {}: the caller reads it and calls
    :func:`for_patient`.
    """
    if found.get("resourceType") == "Appointment":
        return _split_proposal(dict(found))
    values = dict(parameters(found))
    sent = [name for name in (*_APPOINTMENTS, *_REFERENCES) if name in values]
    if len(sent) != 1:
        raise Malformed(
            "Send the parameter appointment or appointment-reference, and not both.",
            field="Parameters.parameter",
        )
    value = values[sent[0]]
    if isinstance(value, dict):
        return _split_proposal(for_patient(dict(value), found))
    key = _key(sent[0], value, "Appointment", base)
    if slot.read_id(key) is None:
        return {}, key
    return for_patient(_proposal_of_slot(key), found), None


def replaced(found: Json, base: str) -> str | None:
    """Return the id of the appointment that $book cancels for the new one, or None."""
    for name, value in parameters(found) if found.get("resourceType") == "Parameters" else ():
        if name in _REPLACED:
            return _key(name, value, "Appointment", base)
    return None


def with_answers(one: Json, found: Json) -> Json:
    """Add the answers in the Parameters, if any, to the appointment, which then contains them."""
    values = dict(parameters(found)) if found.get("resourceType") == "Parameters" else {}
    sent = [values[name] for name in _ANSWERS if name in values]
    if not sent:
        return one
    if not isinstance(sent[0], dict) or "supportingInformation" in one:
        raise Malformed("Send the answers once, as a resource.", field=_ANSWERS[0])
    contained = one.get("contained", [])
    if not isinstance(contained, list):
        raise Malformed("Send a list.", field="Appointment.contained")
    return one | {
        "contained": [*contained, sent[0] | {"id": "answers"}],
        "supportingInformation": [{"reference": "#answers"}],
    }


def _key(name: str, value: object, kind: str, base: str) -> str:
    """Return the id in a reference or id, or raise Malformed."""
    sent_kind, key = target_of(value if isinstance(value, str) else "", base)
    if sent_kind not in ("", kind) or not key:
        raise _unread(name)
    return key


def _proposal_of_slot(key: str) -> Json:
    place = {"type": [{"text": "The place of the slot"}], "status": "needs-action"}
    return {
        "resourceType": "Appointment",
        "status": "proposed",
        "participant": [place],
        "slot": [{"reference": f"Slot/{key}"}],
    }


def for_patient(one: Json, found: Json) -> Json:
    """Add the patient in the Parameters, if any, as a participant of the appointment.

    If the appointment has another patient already, writing.py refuses both.
    """
    if found.get("resourceType") != "Parameters":
        return one
    values = dict(parameters(found))
    patients = [values[name] for name in _PATIENTS if name in values]
    participants = one.get("participant")
    if not patients or not isinstance(participants, list):
        return one
    keys = [patient.get("id") if isinstance(patient, dict) else patient for patient in patients]
    if not all(isinstance(key, str) for key in keys):
        raise Malformed("Refer to a patient of this server.", field="Parameters.parameter")
    added = [
        {
            "actor": {"reference": key if "/" in key else f"Patient/{key}"},
            "status": "accepted",
        }
        for key in map(str, keys)
    ]
    return one | {"participant": [*participants, *added]}


def _split_proposal(appointment: Json) -> tuple[Json, str | None]:
    """Return an appointment with its id, or a proposal without one: its id is that of a slot."""
    key = appointment.get("id")
    if not isinstance(key, str):
        return appointment, None
    if slot.read_id(key) is None:
        return appointment, key
    appointment.pop("id")
    appointment.setdefault("slot", [{"reference": f"Slot/{key}"}])
    return appointment, None


def reason(found: Json) -> Json | None:
    """Return the reason for $cancel as a CodeableConcept."""
    if found.get("resourceType", "Parameters") != "Parameters":
        raise Malformed("Send a Parameters resource.", field="Parameters")
    for name, value in parameters(found):
        if not isinstance(value, str):
            raise _unread(name)
        if value:
            return {"text": value}
    return None
