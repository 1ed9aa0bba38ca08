"""What practitioners enter in histories."""

from typing import Annotated

from pydantic import AfterValidator

from openslot.core.fields import Details, LongText, Name, OptionalLongText, Text, refuse

FEWEST_WORDS = 3


class NoteDetails(Details):
    """What was found, said and done."""

    text: LongText


class PrescriptionDetails(Details):
    """A medication, its dose, and perhaps how to take it."""

    medication: Name
    dose: Name
    text: OptionalLongText = None


def _tells_why(reason: str) -> str:
    if len(reason.split()) < FEWEST_WORDS:
        raise refuse("Say in a few words why you need this history now.")
    return reason


class EmergencyDetails(Details):
    """Why a history is opened without an appointment."""

    reason: Annotated[Text, AfterValidator(_tells_why)]
