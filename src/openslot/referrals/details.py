"""What people enter about referrals."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from openslot.core.fields import Blank, Details, LongText, OptionalLine, refuse


class LetterDetails(Details):
    """What a GP writes."""

    letter: LongText


class ReferralDetails(LetterDetails):
    """A letter to one specialist, or to any with an area of expertise."""

    practitioner_id: Annotated[Annotated[int, Field(ge=1, lt=2**31)] | None, Blank] = None
    expertise: OptionalLine = None

    @model_validator(mode="after")
    def _one_addressee(self) -> Self:
        if (self.practitioner_id is None) == (self.expertise is None):
            raise refuse("Choose a specialist, or an area of expertise.")
        return self


class AnswerDetails(Details):
    """What a specialist writes back to the GP."""

    answer: LongText
