"""What people write about a request between departments."""

from typing import Annotated

from pydantic import AfterValidator

from openslot.booking.models import Priority
from openslot.core.fields import Blank, Details, Name, OptionalText, Text, refuse

LONGEST_ANSWER = 500


def _answer(value: str) -> str:
    if len(value) > LONGEST_ANSWER:
        raise refuse(f"Shorten this to {LONGEST_ANSWER} characters.")
    return value


Answer = Annotated[Text, AfterValidator(_answer)]


class RequestDetails(Details):
    """What is to be done, and how soon it is needed."""

    task: Name
    description: OptionalText = None
    priority: Priority = Priority.ROUTINE


class ProposalDetails(Details):
    """A word about why another time is proposed."""

    answer: Annotated[Answer | None, Blank] = None


class ReasonDetails(Details):
    """Why a request is declined."""

    answer: Answer
