"""The documents of the Medical Services Manager, as exported by MongoDB: one JSON document a
line."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from openslot.core.fields import (
    BETWEEN,
    Blank,
    Email,
    Line,
    Name,
    OptionalEmail,
    OptionalName,
    OptionalPhone,
    OptionalText,
    OptionalWebAddress,
    OptionalZone,
    refuse,
)
from openslot.core.fields import problems as refusals
from openslot.importers.problems import Problems
from openslot.importers.reading import Document

FIRST_YEAR, LAST_YEAR = 1970, 2200
MOST_ITERATIONS = 5_000_000
"""The most iterations of a hash; checking more would take too long at sign-in."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _object_id(value: object) -> str:
    """Return the id in ``{"$oid": "5bc7…"}`` or in another type of MongoDB, or the id itself."""
    text = _id_text(value)
    if not re.fullmatch(r"[\w.-]{1,50}", text, re.ASCII):
        raise refuse(
            "Enter an id such as {example}.", example='{"$oid": "5bc720000000000000000001"}'
        )
    return text


def _id_text(value: object) -> str:
    """Return a whole number as its digits, a UUID with its hyphens, other bytes in hexadecimal;
    an empty text if it is no id."""
    match value:
        case str():
            return value
        case int() if not isinstance(value, bool):
            return str(value)
        case float() if value.is_integer():
            return str(int(value))
        case {"$oid": str(text)} | {"$uuid": str(text)}:
            return text
        case {"$numberLong": number} | {"$numberInt": number} | {"$numberDouble": number}:
            return re.sub(r"\.0$", "", str(number))
        case {"$binary": {"base64": str(text), "subType": kind}}:
            return _bytes_text(text, str(kind))
        case {"$binary": str(text), "$type": kind}:
            return _bytes_text(text, str(kind))
    return ""


def _bytes_text(text: str, kind: str) -> str:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return ""
    is_uuid = kind in ("03", "04", "3", "4") and len(data) == 16
    return str(UUID(bytes=data)) if is_uuid else data.hex()


def _instant(value: object) -> datetime:
    """Return the instant in ``{"$date": "2019-02-22T20:33:15.358Z"}``, or in milliseconds since
    1970."""
    date: Any = value.get("$date") if isinstance(value, dict) else value
    date_or_number: Any = date.get("$numberLong") if isinstance(date, dict) else date
    try:
        if isinstance(date_or_number, str) and not date_or_number.lstrip("-").isdecimal():
            instant = datetime.fromisoformat(date_or_number)
        else:
            instant = _EPOCH + timedelta(milliseconds=int(date_or_number))
        instant = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise refuse(
            "Enter a date such as {example}.", example='{"$date": "2019-02-22T20:33:15Z"}'
        ) from None
    return _check_year(instant)


def _check_year(instant: datetime) -> datetime:
    if not FIRST_YEAR < instant.year < LAST_YEAR:
        raise refuse(BETWEEN, first=FIRST_YEAR, last=LAST_YEAR)
    return instant


def _wall_clock(value: object) -> datetime:
    """Return ``23-02-2019 20:30`` of the centre's own clock, without a time zone."""
    try:
        wall_clock = datetime.strptime(str(value).strip(), "%d-%m-%Y %H:%M")  # noqa: DTZ007 - wall clock
    except ValueError:
        raise refuse("Enter a date and time such as 23-02-2019 20:30.") from None
    if wall_clock.minute % 5:
        raise refuse("Enter a time in steps of 5 minutes.")
    return _check_year(wall_clock)


def _flag(value: object) -> bool:
    """Return the value of a check box."""
    if value in (None, "", False, "off"):
        return False
    if value in (True, "on"):
        return True
    raise refuse('Enter "on" or null.')


def _password_hash(value: str) -> str:
    """Check that this is a PBKDF2 hash by Werkzeug, which sign-in can verify."""
    match = re.fullmatch(r"pbkdf2:(sha\d+):(\d{1,9})\$[!-#%-~]{1,64}\$([0-9a-f]+)", value, re.ASCII)
    if (
        match is None
        or match[1] not in hashlib.algorithms_available
        or not 1 <= int(match[2]) <= MOST_ITERATIONS
        or len(value) > 255
    ):
        raise refuse("Enter a password hash such as pbkdf2:sha256:50000$salt$hash.")
    return value


def _suburb(value: object) -> object:
    """Return ``Naas`` of ``Naas, Co Kildare``."""
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
    """A document or a part of one; fields that are not named here are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Contact(Part):
    """The phone number and email address of a department."""

    phone: OptionalPhone = None
    email: OptionalEmail = None


class UserContact(Part):
    """The phone number of a user, and the email address for signing in."""

    phone: OptionalPhone = None
    email: Email


class Site(Part):
    """The place of a department, and its phone number there."""

    location: Name
    phone: OptionalPhone = None


class FacilityDocument(Part):
    """A hospital; ``site_info`` begins with its town."""

    external_id: ObjectId = Field(alias="_id")
    name: Name = Field(alias="site_name")
    suburb: Suburb = Field(alias="site_info")
    time_zone: OptionalZone = None


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
    """A member of staff of a department."""

    external_id: ObjectId = Field(alias="_id")
    name: Name = Field(alias="username")
    password: PasswordHash
    site: Name = Field(alias="site_name")
    department: OptionalName = Field(None, alias="dept_name")
    contacts: tuple[UserContact, ...] = Field(alias="user_contact", min_length=1)
    likes: Annotated[tuple[ObjectId, ...] | None, Blank] = None

    @property
    def email(self) -> str:
        """The email address for signing in."""
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
"""The fields that identify each type of document; the first that is there decides."""


def kind_of_document(document: Document) -> type[Part] | None:
    """Return the type of a document, or None if it is not known."""
    return next((KINDS[name] for name in KINDS if name in document.fields), None)


def check_document(document: Document, problems: Problems) -> Part | None:
    """Return the checked document, or None after adding its problems."""
    kind = kind_of_document(document)
    if kind is None:
        sentence = f"This document can't be imported: it has none of the fields {', '.join(KINDS)}."
        problems.add(document.source, None, sentence)
        return None
    try:
        return kind.model_validate(document.fields)
    except ValidationError as error:
        for field, sentence in _refusals(error):
            problems.add(document.source, field, sentence)
        return None


def _refusals(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Yield (field, sentence) for each error.

    Pydantic also reports a list as too short if its only entry is refused; that error is dropped.
    """
    errors = [
        (item["type"] == "too_short", *refusal)
        for item, refusal in zip(error.errors(), refusals(error), strict=True)
    ]
    for too_short, field, sentence in errors:
        if not too_short:
            yield field, sentence
        elif not any(other.startswith(f"{field}.") for _, other, _ in errors):
            yield field, "Enter at least one."
