"""Why time cannot be had."""

from openslot.core.errors import Conflict, Invalid


class DiaryTaken(Conflict):
    """Some of the wanted ticks are taken in ``diary_ids``."""

    code = "slot-taken"
    sentence = "This time was booked a moment ago."

    def __init__(self, diary_ids: frozenset[int]):
        self.diary_ids = diary_ids
        super().__init__()


class BadHours(Invalid):
    """Opening hours that cannot be kept."""

    code = "bad-hours"
    sentence = "Enter hours such as 09:00 to 17:00, in steps of 5 minutes."


class HoursOverlap(Invalid):
    """Two periods of one practitioner cover the same time."""

    code = "hours-overlap"
    sentence = (
        "These hours overlap with {other}. Change them, or mark the practitioner as "
        "available at either place."
    )


class BadSlotLength(Invalid):
    """A slot length off the tick, or one that does not divide the day."""

    code = "bad-slot-length"
    sentence = "Enter a slot length in minutes that is a multiple of 5 and divides the day."


class BadPeriod(Invalid):
    """An absence or closure that ends before it starts, or lies off the tick."""

    code = "bad-period"
    sentence = "Enter an end that is after the start, both in steps of 5 minutes."
