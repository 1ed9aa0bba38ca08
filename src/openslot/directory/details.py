"""The details of centres, departments, services, professions, practitioners and patients, as
entered."""

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
    Prose,
    ShortLine,
    ZoneName,
    refuse,
)
from openslot.directory.models import BookableBy, CentreType, Gender, Mode

OptionalBirth = Annotated[Birth | None, Blank]
Latitude = Annotated[Annotated[float, Field(ge=-90, le=90)] | None, Blank]
OptionalGender = Annotated[Gender | None, Blank]
OptionalWords = Annotated[str | None, Prose(500, optional=True)]
ProfessionCode = Annotated[ShortLine, Field(description="The code of a profession.")]
Longitude = Annotated[Annotated[float, Field(ge=-180, le=180)] | None, Blank]


def is_length(minutes: int) -> bool:
    """Return whether an appointment can be so long: 5 minutes to 8 hours, in steps of 5."""
    return 5 <= minutes <= 480 and minutes % 5 == 0


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
    """What can be booked; ``minutes`` is a multiple of 5 up to 8 hours.

    The margins, multiples of 5 up to 2 hours, are taken of whoever gives the care. With more than
    one of ``places`` it is for several patients together. Without
    ``notice_minutes`` and ``horizon_days`` the schedule's limits hold, and without ``cancel_hours``
    (until when patients move and cancel), ``most_a_day`` and ``most_ahead`` (how many one person
    can have on a day, and to come) the network's.
    """

    name: Name
    category: OptionalLine = None
    minutes: int = 30
    minutes_before: int = 0
    minutes_after: int = 0
    places: Annotated[int, Field(ge=1, le=500)] = 1
    mode: Mode = Mode.IN_PERSON
    video_url: OptionalWebAddress = None
    bookable_by: BookableBy = BookableBy.PUBLIC
    notice_minutes: Annotated[int | None, Field(ge=0, le=60 * 24 * 60), Blank] = None
    horizon_days: Annotated[int | None, Field(ge=1, le=730), Blank] = None
    cancel_hours: Annotated[int | None, Field(ge=0, le=24 * 60), Blank] = None
    most_a_day: Annotated[int | None, Field(ge=1, le=50), Blank] = None
    most_ahead: Annotated[int | None, Field(ge=1, le=500), Blank] = None
    instructions: OptionalText = None
    price: OptionalLine = None
    description: OptionalText = None
    phone: OptionalPhone = None
    email: OptionalEmail = None

    @model_validator(mode="after")
    def _minutes_are_ticks(self) -> Self:
        if not is_length(self.minutes):
            raise refuse("Enter a length from 5 to 480 minutes, in steps of 5.")
        for margin in (self.minutes_before, self.minutes_after):
            if not 0 <= margin <= 120 or margin % 5:
                raise refuse("Enter preparation and clean-up up to 120 minutes, in steps of 5.")
        return self


class ProfessionDetails(Details):
    """A profession; ``other_names`` in files are separated by commas.

    Codes of HL7 (service-type) and SNOMED CT go with what these call them.
    """

    name: ShortLine
    position: Annotated[int, Field(ge=0, le=999, description="Lists begin with the lowest.")] = 100
    needs_referral: bool = False
    may_refer: bool = False
    other_names: OptionalWords = None
    search_words: OptionalWords = None
    hl7_code: OptionalShortLine = None
    hl7_display: OptionalLine = None
    snomed_code: OptionalShortLine = None
    snomed_display: OptionalLine = None

    @model_validator(mode="after")
    def _can_be_written_anywhere(self) -> Self:
        if set(self.name) & set(",:|"):
            raise refuse("Enter a name without commas, colons and bars.")
        if bool(self.hl7_code) != bool(self.hl7_display):
            raise refuse("Enter the HL7 code with its name, or neither.")
        if bool(self.snomed_code) != bool(self.snomed_display):
            raise refuse("Enter the SNOMED CT code with its name, or neither.")
        return self


class PractitionerDetails(Details):
    """A practitioner, with an area of expertise if the profession needs a referral."""

    name: Name
    profession: ProfessionCode
    expertise: OptionalLine = None
    provider_number: OptionalNumber = None
    phone: OptionalPhone = None
    email: OptionalEmail = None
    languages: OptionalLine = None
    gender: OptionalGender = None
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
