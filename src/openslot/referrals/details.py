"""The fields that people enter for referrals."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from openslot.core.fields import Blank, Details, LongText, OptionalLine, refuse

MOST_APPOINTMENTS = 100


class LetterDetails(Details):
    """The text of a referral."""

    letter: LongText


class ReferralDetails(LetterDetails):
    """The text of a referral, its addressee, a specialist or an area of expertise, and how many
    appointments it is for; without a number, for as many as are needed until it expires."""

    most_appointments: Annotated[
        Annotated[int, Field(ge=1, le=MOST_APPOINTMENTS)] | None, Blank
    ] = None
    practitioner_id: Annotated[Annotated[int, Field(ge=1, lt=2**31)] | None, Blank] = None
    expertise: OptionalLine = None

    @model_validator(mode="after")
    def _one_addressee(self) -> Self:
        if (self.practitioner_id is None) == (self.expertise is None):
            raise refuse("Choose a specialist, or an area of expertise.")
        return self


class AnswerDetails(Details):
    """The specialist's answer to the GP."""

    answer: LongText
