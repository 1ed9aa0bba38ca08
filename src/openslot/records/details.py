"""The fields that practitioners enter in health records."""

from typing import Annotated

from pydantic import AfterValidator

from openslot.core.fields import Details, LongText, Name, OptionalLongText, Text, refuse
from openslot.records.models import Verdict

FEWEST_WORDS = 3


class NoteDetails(Details):
    """Findings, advice and treatment."""

    text: LongText


class PrescriptionDetails(Details):
    """A medication and its dose, with optional instructions."""

    medication: Name
    dose: Name
    text: OptionalLongText = None


def _check_reason(reason: str) -> str:
    if len(reason.split()) < FEWEST_WORDS:
        raise refuse("Say in a few words why you need this health record now.")
    return reason


class EmergencyDetails(Details):
    """The reason for opening a record without an appointment."""

    reason: Annotated[Text, AfterValidator(_check_reason)]


class ReviewDetails(Details):
    """What an administrator signs of an emergency access, and why."""

    verdict: Verdict
    remark: Text
