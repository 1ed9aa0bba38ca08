"""The details of a request to join the waiting list."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from openslot.booking.models import Priority
from openslot.core.fields import Details
from openslot.directory.details import ProfessionCode

Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""A directory id or a number of minutes, within the integer range of every engine."""


class WaitingDetails(Details):
    """The patient, what they wait for, and the period that suits them.

    Set exactly one of ``schedule_id``, ``practitioner_id`` and ``profession``. ``centre_ids``
    narrows a profession; empty means any centre. With ``appointment_id``, the new time would
    replace that appointment, and its patient, service and length apply. With ``service_id``, it
    is for that service, which has a length of its own. A start fits from ``starts_from`` to
    before ``starts_until``. Patients may only choose routine priority.
    """

    patient_id: UUID | None = None
    appointment_id: UUID | None = None
    schedule_id: Number | None = None
    practitioner_id: Number | None = None
    profession: ProfessionCode | None = None
    centre_ids: frozenset[Number] = frozenset()
    service_id: Number | None = None
    minutes: Number = 30
    starts_from: datetime
    starts_until: datetime
    priority: Priority = Priority.ROUTINE
