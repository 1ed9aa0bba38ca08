"""What somebody who waits enters."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from openslot.booking.models import Priority
from openslot.core.fields import Details
from openslot.directory.models import Profession

Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""An id of the directory, or minutes: what every engine can keep."""


class WaitingDetails(Details):
    """For whom, for what, how long, and from when until before when.

    Exactly one of schedule, practitioner and profession is named; ``centre_ids`` go with a
    profession, none meaning any. With ``appointment_id`` the time would replace that appointment,
    whose patient and length count. Patients wait as routine, whatever ``priority`` says.
    """

    patient_id: UUID | None = None
    appointment_id: UUID | None = None
    schedule_id: Number | None = None
    practitioner_id: Number | None = None
    profession: Profession | None = None
    centre_ids: frozenset[Number] = frozenset()
    minutes: Number = 30
    starts_from: datetime
    starts_until: datetime
    priority: Priority = Priority.ROUTINE
