"""Why time cannot be had."""

from openslot.core.errors import Conflict, Invalid


class DiaryTaken(Conflict):
    """This time was booked a moment ago.

    Some of the ticks are taken in ``diary_ids``.
    """

    code = "slot-taken"

    def __init__(self, diary_ids: frozenset[int]):
        self.diary_ids = diary_ids
        super().__init__()


class BadHours(Invalid):
    """Enter hours such as 09:00 to 17:00, in steps of 5 minutes."""


class LongNight(Invalid):
    """These hours would go on over midnight, for more than {hours} hours. Enter the start first,
    then the end."""


class HoursOverlap(Invalid):
    """These hours overlap with {other}. Change them, or mark the practitioner as available at
    either place."""


class BadSlotLength(Invalid):
    """Enter a slot length in minutes that is a multiple of 5 and divides the day."""


class BadPeriod(Invalid):
    """Enter an end that is after the start, both in steps of 5 minutes."""
