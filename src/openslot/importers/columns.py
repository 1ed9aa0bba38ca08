"""The names of columns: how files spell them, and what they are called here."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

_EMAIL = "email, email address, mail, login"
_PERSON = {
    "password": "pass word, initial password",
    "first_name": "given name, given names, forename, first names",
    "last_name": "surname, family name, last names",
    "name": "full name",
    "phone": "phone number, phone no, telephone, telephone number, tel, mobile, mobile number, "
    "mobile phone, cell, cell phone, contact number, contact phone",
}

PATIENTS = {
    "patient_email": f"patient email address, {_EMAIL}",
    **_PERSON,
    "phone": f"{_PERSON['phone']}, patient phone, patient phone number",
    "name": "full name, patient name, patient",
    "medicare": "medicare number, medicare no, medicare num, medicare card, medicare card number, "
    "patient medicare, patient medicare number",
}
PROVIDERS = {
    "provider_email": f"provider email address, practitioner email, doctor email, {_EMAIL}",
    "provider_type": "profession, occupation, discipline, practitioner type, provider profession, "
    "type",
    **_PERSON,
    "phone": f"{_PERSON['phone']}, provider phone, provider phone number",
    "name": "full name, provider name, provider, practitioner, practitioner name, doctor, "
    "doctor name",
    "providerNum": "provider number, provider no, medicare provider number, practitioner number",
    "workingHours": "hours, work hours, office hours, opening hours, consulting hours",
    "startWorkingHours": "start of working hours, working hours start, start hours, start time, "
    "work start, starts, start",
    "endWorkingHours": "end of working hours, working hours end, end hours, end time, work end, "
    "finish time, ends, end",
    "expertise": "area of expertise, speciality, specialty, specialisation, specialization",
    "gender": "sex",
}
CENTRES = {
    "centre_type": "center type, health centre type, health center type, facility type, "
    "type of centre, type",
    "abn": "business number, australian business number, abn number, centre abn",
    "name": "centre name, center name, health centre name, health center name, facility name, "
    "centre, center, health centre",
    "phone": "phone number, phone no, telephone, telephone number, tel, contact number, "
    "centre phone, centre phone number",
    "suburb": "town, city, locality, suburb or town",
    "time_zone": "timezone, zone",
    "address": "street address, postal address",
    "latitude": "lat",
    "longitude": "lon, lng, long",
}
LINKS = {
    "provider_email": f"provider email address, practitioner email, doctor email, {_EMAIL}, "
    "provider, practitioner",
    "health_centre_name": "health center name, health centre, health center, centre name, "
    "center name, centre, center, clinic, workplace",
}
SERVICES = {
    "service_name": "service, name of service, appointment type, visit type",
    "health_centre_name": LINKS["health_centre_name"],
    "category": "service category, type of service, group",
    "minutes": "length, duration, length in minutes, duration in minutes",
    "minutes_before": "preparation, preparation time, setup, setup time, buffer before",
    "minutes_after": "clean up, cleaning, turnaround, turnaround time, buffer after",
    "mode": "mode of delivery, how, channel",
    "video_url": "video link, meeting link",
    "bookable_by": "who may book, booked by, online booking",
    "notice_minutes": "notice, least notice",
    "horizon_days": "horizon, days ahead",
    "places": "number of places, seats, capacity, group size",
    "cancel_hours": "cancellation hours, hours to cancel",
    "most_a_day": "most a day per person",
    "most_ahead": "most upcoming per person",
    "instructions": "patient instructions, instructions for patients",
    "price": "fee, cost",
    "description": "details, about",
}
OFFERS = {
    "provider_email": f"provider email address, practitioner email, doctor email, {_EMAIL}, "
    "provider, practitioner",
    "service_name": SERVICES["service_name"],
    "health_centre_name": LINKS["health_centre_name"],
    "minutes": SERVICES["minutes"],
}
RESOURCES = {
    "resource_name": "resource, room, room name, machine, machine name, equipment, equipment name, "
    "device, device name, chair",
    "health_centre_name": LINKS["health_centre_name"],
    "resource_kind": "kind, kind of resource, resource type, type",
    "resource_group": "group, group name, resource group name",
}
NEEDS = {
    "service_name": SERVICES["service_name"],
    "health_centre_name": LINKS["health_centre_name"],
    "department_name": "department, dept name, dept",
    "needs_resource": "needs room, needs machine, needed resource, needed room, needed machine",
    "needs_group": "needed group, needs one of",
    "needs_profession": "needed profession",
    "needs_number": "number needed, needed number, number, quantity, how many",
}
"""The columns of each kind of file, and other spellings of them, the likelier ones first. Case,
blanks, hyphens and underscores make no difference."""


def squeezed(text: str) -> str:
    """Return a name for comparison: ``Provider No.``, ``provider_no`` and ``providerNo`` are the
    same."""
    return re.sub(r"[\s_./-]+", "", unicodedata.normalize("NFKC", text)).casefold()


def _spellings(columns: Mapping[str, str]) -> dict[str, list[str]]:
    return {
        column: [squeezed(spelling) for spelling in (column, *others.split(","))]
        for column, others in columns.items()
    }


SPELLINGS = {
    "patients": _spellings(PATIENTS),
    "providers": _spellings(PROVIDERS),
    "centres": _spellings(CENTRES),
    "links": _spellings(LINKS),
    "services": _spellings(SERVICES),
    "offers": _spellings(OFFERS),
    "resources": _spellings(RESOURCES),
    "needs": _spellings(NEEDS),
}

SHARED = frozenset(squeezed(spelling) for spelling in f"{_EMAIL}, type".split(","))
"""Spellings that files of several kinds have, so that they tell nothing about the kind."""

_KNOWN = frozenset(
    spelling
    for columns in SPELLINGS.values()
    for spellings in columns.values()
    for spelling in spellings
)


def known(heading: Sequence[str]) -> int:
    """Return how many cells of a line are names of columns."""
    return sum(squeezed(cell) in _KNOWN for cell in heading)


def named(heading: Sequence[str], kind: str) -> list[str | None]:
    """Return the column of each cell of the heading; None for those that are not known.

    Of several spellings of one column, the likeliest is taken.
    """
    cells = [squeezed(cell) for cell in heading]
    names: list[str | None] = [None] * len(cells)
    for column, spellings in SPELLINGS[kind].items():
        places = [cells.index(one) for one in spellings if one in cells]
        free = [place for place in places if names[place] is None]
        if free:
            names[free[0]] = column
    return names


def is_repeated(heading: Sequence[str], place: int) -> bool:
    """Return True if another cell of the heading has the same name."""
    cells = [squeezed(cell) for cell in heading]
    return cells.count(cells[place]) > 1
