"""Changes of a practitioner whose weekly hours may be shared between centres."""

from openslot.core.work import Work
from openslot.directory import commands
from openslot.directory.details import PractitionerDetails
from openslot.directory.models import Practitioner
from openslot.schedules import queries
from openslot.schedules.rules import check_apart


def change_practitioner(
    work: Work, practitioner_id: int, details: PractitionerDetails
) -> Practitioner:
    """Replace the details of a practitioner.

    Raises HoursOverlap if ``either_place`` is removed while hours at two centres overlap.
    """
    places = list(queries.practitioner_places(work.session, practitioner_id).values())
    centre_ids = frozenset(place.centre_id for place in places)
    changed = commands.change_practitioner(work, practitioner_id, details, centre_ids=centre_ids)
    if not details.either_place:
        for index, place in enumerate(places):
            check_apart(place.hours, place.zone, places[index + 1 :])
    return changed
