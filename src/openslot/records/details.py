"""The fields that practitioners enter in health records."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from openslot.core.fields import Blank, Details, LongText, Name, OptionalLongText, Text, refuse
from openslot.records.models import AllergyState, Severity, Verdict

FEWEST_WORDS = 3


class EntryDetails(Details):
    """What practitioners write in an entry."""


class NoteDetails(EntryDetails):
    """Findings, advice and treatment."""

    text: LongText


class PrescriptionDetails(EntryDetails):
    """A medication and its dose, with optional instructions."""

    medication: Name
    dose: Name
    text: OptionalLongText = None


class AllergyDetails(EntryDetails):
    """A substance and the reaction to it; ``text`` describes the reaction."""

    substance: Name
    text: OptionalLongText = None
    severity: Annotated[Severity | None, Blank] = None
    state: AllergyState = AllergyState.ACTIVE


class NoAllergiesDetails(EntryDetails):
    """The statement that the patient has no known allergies, or that it was made in error."""

    state: Literal[AllergyState.ACTIVE, AllergyState.IN_ERROR] = AllergyState.ACTIVE


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
