"""What people write about a request between departments."""

from typing import Annotated

from openslot.booking.models import Priority
from openslot.core.fields import Details, Name, OptionalText, Prose

LONGEST_ANSWER = 500


Answer = Annotated[str, Prose(LONGEST_ANSWER, lines=True)]
OptionalAnswer = Annotated[str | None, Prose(LONGEST_ANSWER, lines=True, optional=True)]


class RequestDetails(Details):
    """What is to be done, and how soon it is needed."""

    task: Name
    description: OptionalText = None
    priority: Priority = Priority.ROUTINE


class ProposalDetails(Details):
    """A word about why another time is proposed."""

    answer: OptionalAnswer = None


class ReasonDetails(Details):
    """Why a request is declined."""

    answer: Answer
