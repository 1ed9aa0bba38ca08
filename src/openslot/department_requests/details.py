"""The fields that people enter for requests between departments."""

from typing import Annotated

from openslot.booking.models import Priority
from openslot.core.fields import Details, Name, OptionalText, Prose

LONGEST_ANSWER = 500


Answer = Annotated[str, Prose(LONGEST_ANSWER, lines=True)]
OptionalAnswer = Annotated[str | None, Prose(LONGEST_ANSWER, lines=True, optional=True)]


class RequestDetails(Details):
    """The task, and how urgent it is."""

    task: Name
    description: OptionalText = None
    priority: Priority = Priority.ROUTINE


class ProposalDetails(Details):
    """An optional comment on a proposed time."""

    answer: OptionalAnswer = None


class ReasonDetails(Details):
    """The reason for declining a request."""

    answer: Answer
