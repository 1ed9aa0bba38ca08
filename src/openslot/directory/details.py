"""The details of centres, departments, services, practitioners and patients, as entered."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from openslot.core.fields import (
    Birth,
    Blank,
    Details,
    Email,
    Line,
    Name,
    OptionalEmail,
    OptionalLine,
    OptionalName,
    OptionalNumber,
    OptionalPhone,
    OptionalShortLine,
    OptionalText,
    OptionalWebAddress,
    OptionalZone,
    ZoneName,
    refuse,
)
from openslot.directory.models import BookableBy, CentreType, Profession

OptionalBirth = Annotated[Birth | None, Blank]
Latitude = Annotated[Annotated[float, Field(ge=-90, le=90)] | None, Blank]
Longitude = Annotated[Annotated[float, Field(ge=-180, le=180)] | None, Blank]


class CentreDetails(Details):
    """A centre. On the public holidays of ``holiday_region``, for example AU-NSW, it is closed."""

    name: Name
    type: CentreType
    suburb: Line
    time_zone: ZoneName
    address: OptionalName = None
    phone: OptionalPhone = None
    email: OptionalEmail = None
    business_number: OptionalNumber = None
    description: OptionalText = None
    holiday_region: OptionalShortLine = None
    picture_url: OptionalWebAddress = None
    latitude: Latitude = None
    longitude: Longitude = None


class DepartmentDetails(Details):
    """A department of a centre."""

    name: Name
    description: OptionalText = None
    phone: OptionalPhone = None
    email: OptionalEmail = None
    picture_url: OptionalWebAddress = None


class ServiceDetails(Details):
    """A service of a department; ``minutes`` is a multiple of 5 up to 8 hours."""

    name: Name
    category: OptionalLine = None
    minutes: int = 30
    bookable_by: BookableBy = BookableBy.PUBLIC
    description: OptionalText = None
    phone: OptionalPhone = None
    email: OptionalEmail = None

    @model_validator(mode="after")
    def _minutes_are_ticks(self) -> Self:
        if not 5 <= self.minutes <= 480 or self.minutes % 5:
            raise refuse("Enter a length from 5 to 480 minutes, in steps of 5.")
        return self


class PractitionerDetails(Details):
    """A practitioner; a specialist has an area of expertise."""

    name: Name
    profession: Profession
    expertise: OptionalLine = None
    provider_number: OptionalNumber = None
    phone: OptionalPhone = None
    email: OptionalEmail = None
    languages: OptionalLine = None
    about: OptionalText = None
    either_place: bool = False


class PatientDetails(Details):
    """A patient, as entered by the patient or by staff."""

    name: Name
    born: OptionalBirth = None
    email: OptionalEmail = None
    phone: OptionalPhone = None
    medicare_number: OptionalNumber = None
    time_zone: OptionalZone = None
    language: OptionalShortLine = None


class DependentDetails(Details):
    """A patient, as entered by their carer."""

    name: Name
    born: Birth
    email: OptionalEmail = None
    phone: OptionalPhone = None
    medicare_number: OptionalNumber = None


class AccountDetails(Details):
    """The details of an account that its owner can change."""

    name: Name
    time_zone: OptionalZone = None


class StaffOwnDetails(Details):
    """The details that staff and administrators can change themselves."""

    name: Name
    phone: OptionalPhone = None


class SignUp(Details):
    """A patient who signs up."""

    name: Name
    born: Birth
    email: Email
    phone: OptionalPhone = None
    password: str
