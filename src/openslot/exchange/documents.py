"""The documents of the Medical Services Manager, as MongoDB exports them: one JSON a line."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from openslot.core.fields import (
    Blank,
    Email,
    Line,
    Name,
    OptionalEmail,
    OptionalName,
    OptionalPhone,
    OptionalText,
    OptionalWebAddress,
    refuse,
)
from openslot.core.fields import (
    problems as refusals,
)
from openslot.exchange.problems import Problems
from openslot.exchange.reading import Document

FIRST_YEAR, LAST_YEAR = 1970, 2200
MOST_ITERATIONS = 5_000_000
"""A hash that takes longer than this to check would only keep the sign-in busy."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _object_id(value: object) -> str:
    """``{"$oid": "5bc7…"}``, or the id itself."""
    text = value.get("$oid") if isinstance(value, dict) else value
    if not isinstance(text, str) or not re.fullmatch(r"[\w.-]{1,50}", text, re.ASCII):
        raise refuse('Enter an id such as {"$oid": "5bc720000000000000000001"}.')
    return text


def _instant(value: object) -> datetime:
    """``{"$date": "2019-02-22T20:33:15.358Z"}``, or milliseconds since 1970."""
    inside: Any = value.get("$date") if isinstance(value, dict) else value
    number: Any = inside.get("$numberLong") if isinstance(inside, dict) else inside
    try:
        if isinstance(number, str) and not number.lstrip("-").isdecimal():
            found = datetime.fromisoformat(number)
        else:
            found = _EPOCH + timedelta(milliseconds=int(number))
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise refuse('Enter a date such as {"$date": "2019-02-22T20:33:15Z"}.') from None
    return _in_our_time(found)


def _in_our_time(found: datetime) -> datetime:
    if not FIRST_YEAR < found.year < LAST_YEAR:
        raise refuse(f"Enter a date between {FIRST_YEAR} and {LAST_YEAR}.")
    return found


def _wall_clock(value: object) -> datetime:
    """``23-02-2019 20:30`` on the centre's own clock, so without a zone here."""
    try:
        found = datetime.strptime(str(value).strip(), "%d-%m-%Y %H:%M")  # noqa: DTZ007 - wall clock
    except ValueError:
        raise refuse("Enter a date and time such as 23-02-2019 20:30.") from None
    if found.minute % 5:
        raise refuse("Enter a time in steps of 5 minutes.")
    return _in_our_time(found)


def _flag(value: object) -> bool:
    """What a check box left behind."""
    if value in (None, "", False, "off"):
        return False
    if value in (True, "on"):
        return True
    raise refuse('Enter "on" or null.')


def _password_hash(value: str) -> str:
    """A hash that Werkzeug made with PBKDF2, which sign-in can check."""
    match = re.fullmatch(r"pbkdf2:(sha\d+):(\d{1,9})\$[!-#%-~]{1,64}\$([0-9a-f]+)", value, re.ASCII)
    if (
        match is None
        or match[1] not in hashlib.algorithms_available
        or not 1 <= int(match[2]) <= MOST_ITERATIONS
        or len(value) > 255
    ):
        raise refuse("This is no password hash of the form pbkdf2:sha256:50000$salt$hash.")
    return value


def _suburb(value: object) -> object:
    """``Naas`` of ``Naas, Co Kildare``."""
    return value.partition(",")[0] if isinstance(value, str) else value


ObjectId = Annotated[str, BeforeValidator(_object_id)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
WallClock = Annotated[datetime, BeforeValidator(_wall_clock)]
OptionalObjectId = Annotated[ObjectId | None, Blank]
OptionalInstant = Annotated[Instant | None, Blank]
Flag = Annotated[bool, BeforeValidator(_flag)]
PasswordHash = Annotated[str, AfterValidator(_password_hash)]
Suburb = Annotated[Line, BeforeValidator(_suburb)]


class Part(BaseModel):
    """A document or a part of one; fields that are not named here are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Contact(Part):
    """How to reach somebody."""

    phone: OptionalPhone = None
    email: OptionalEmail = None


class UserContact(Part):
    """How to reach a user, who signs in with the e-mail."""

    phone: OptionalPhone = None
    email: Email


class Site(Part):
    """Where a department is, and the telephone of that place."""

    location: Name
    phone: OptionalPhone = None


class FacilityDocument(Part):
    """A hospital; ``site_info`` begins with its town."""

    external_id: ObjectId = Field(alias="_id")
    name: Name = Field(alias="site_name")
    suburb: Suburb = Field(alias="site_info")


class DepartmentDocument(Part):
    """A department with its services, at one or more sites."""

    external_id: ObjectId = Field(alias="_id")
    name: Name = Field(alias="dept_name")
    description: OptionalText = Field(None, alias="dept_info")
    picture_url: OptionalWebAddress = Field(None, alias="img_url")
    contacts: tuple[Contact, ...] = Field((), alias="main_contact")
    services: tuple[Name, ...] = Field((), alias="service")
    sites: tuple[Site, ...] = Field(alias="site", min_length=1)

    @property
    def contact(self) -> Contact:
        """The first contact."""
        return self.contacts[0] if self.contacts else Contact()


class UserDocument(Part):
    """Somebody who works in a department."""

    external_id: ObjectId = Field(alias="_id")
    name: Name = Field(alias="username")
    password: PasswordHash
    site: Name = Field(alias="site_name")
    department: OptionalName = Field(None, alias="dept_name")
    contacts: tuple[UserContact, ...] = Field(alias="user_contact", min_length=1)
    likes: Annotated[tuple[ObjectId, ...] | None, Blank] = None

    @property
    def email(self) -> str:
        """What the user signs in with."""
        return self.contacts[0].email


class AppointmentDocument(Part):
    """A booking of a department's service."""

    external_id: ObjectId = Field(alias="_id")
    site: Name = Field(alias="site_name")
    department: Name = Field(alias="dept_name")
    service: Name
    task: OptionalName = Field(None, alias="task_name")
    reason: OptionalText = Field(None, alias="task_description")
    starts: WallClock = Field(alias="date_time")
    created: OptionalInstant = None
    urgent: Flag = Field(False, alias="is_urgent")
    user_id: OptionalObjectId = None


KINDS: Mapping[str, type[Part]] = {
    "date_time": AppointmentDocument,
    "task_name": AppointmentDocument,
    "username": UserDocument,
    "site_info": FacilityDocument,
    "dept_name": DepartmentDocument,
}
"""The field by which each kind of document is known; the first that is there decides."""


def kind_of_document(document: Document) -> type[Part] | None:
    """What a document describes, by its fields; None where they are not known."""
    return next((KINDS[name] for name in KINDS if name in document.fields), None)


def check_document(document: Document, problems: Problems) -> Part | None:
    """The document with all fields checked; None, with the problems noted, where one is wrong."""
    kind = kind_of_document(document)
    if kind is None:
        sentence = f"This document has none of the fields {', '.join(KINDS)}, so it is not known."
        problems.add(document.source, None, sentence)
        return None
    try:
        return kind.model_validate(document.fields)
    except ValidationError as error:
        for field, sentence in _refusals(error):
            problems.add(document.source, field, sentence)
        return None


def _refusals(error: ValidationError) -> Iterator[tuple[str, str]]:
    """(field, sentence) of each refusal.

    A list whose only entry is refused counts as too short besides, which helps nobody.
    """
    found = [
        (item["type"] == "too_short", *refusal)
        for item, refusal in zip(error.errors(), refusals(error), strict=True)
    ]
    for too_short, field, sentence in found:
        if not too_short:
            yield field, sentence
        elif not any(other.startswith(f"{field}.") for _, other, _ in found):
            yield field, "Enter at least one."
