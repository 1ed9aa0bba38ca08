"""The booker and the patient of a search for slots, who decide which can be booked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple, Self
from uuid import UUID

from openslot.booking.errors import NeedsPatient, ReferralRequired, ReferralSpent
from openslot.booking.rules import (
    ReferralAuthorisation,
    check_booker,
    day_prefix,
    is_addressed_to,
    may_book_others,
    needs_referral,
)
from openslot.core.errors import Forbidden
from openslot.directory.rules import Actor
from openslot.schedules.availability import Window, whole_days
from openslot.schedules.rules import Place


class ForWhom(NamedTuple):
    """The patient to book for, with their diary and the daily keys of their appointments (see
    :func:`openslot.booking.rules.day_key`)."""

    patient_id: UUID
    diary_id: int
    email: str | None = None
    keys: frozenset[str] = frozenset()

    def taken_days(self, place: Place, window: Window) -> int:
        """Return the ticks of days on which the patient has an appointment with the
        practitioner."""
        if place.practitioner_id is None or not self.keys:
            return 0
        prefix = day_prefix(self.patient_id, place.practitioner_id)
        days = [
            date.fromisoformat(key.removeprefix(prefix))
            for key in self.keys
            if key.startswith(prefix)
        ]
        return whole_days(days, place.zone, window) if days else 0

    def without(self, key: str | None) -> Self:
        """Return the same patient without the appointment that has this key."""
        return self._replace(keys=self.keys - {key})


class Barrier(StrEnum):
    """The reason why a place cannot be booked."""

    REFERRAL = "referral"
    PATIENT = "patient"
    NOT_YOURS = "not-yours"
    SELF = "self"


@dataclass(frozen=True, slots=True)
class Booker:
    """The actor who books, the patient, and the patient's valid referrals."""

    actor: Actor
    whom: ForWhom | None = None
    authorisations: Sequence[ReferralAuthorisation] = ()

    def barrier(self, place: Place) -> Barrier | None:
        """Return why the actor cannot book the place for the patient, or None.

        The rules are those of booking, except for what is still to do: visitors can sign in, and
        the care team can choose a patient.
        """
        if self.actor.role is None:
            return Barrier.REFERRAL if needs_referral(place) else None
        if self.whom is None:
            return self._without_patient(place)
        patient_id = self.whom.patient_id
        try:
            check_booker(self.actor, place, patient_id, self._authorisation(place))
        except NeedsPatient:
            return Barrier.PATIENT
        except (ReferralRequired, ReferralSpent):
            return Barrier.REFERRAL
        except Forbidden:
            return Barrier.NOT_YOURS
        is_self = self.whom.email and self.whom.email == place.practitioner_email
        return Barrier.SELF if is_self else None

    def for_second(self) -> "Booker":
        """Return the booker for a second appointment on the same day."""
        whom = self.whom._replace(keys=frozenset()) if self.whom else None
        return replace(self, whom=whom)

    def _without_patient(self, place: Place) -> Barrier | None:
        if not may_book_others(self.actor, place):
            return Barrier.NOT_YOURS
        return Barrier.PATIENT if needs_referral(place) else None

    def _authorisation(self, place: Place) -> ReferralAuthorisation | None:
        matching = (
            authorisation
            for authorisation in self.authorisations
            if is_addressed_to(authorisation, place.practitioner_id, place.expertise)
        )
        return next(matching, None)
