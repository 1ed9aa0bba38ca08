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


class SkippedTime(Invalid):
    """This time does not exist: the clocks go forward on this day."""


class LongNight(Invalid):
    """These hours would go on over midnight, for more than {hours} hours. Enter the start first,
    then the end."""


class HoursOverlap(Invalid):
    """These hours overlap with {other}. Change them, or mark the practitioner as available at
    either place."""


class TooFarApart(Invalid):
    """These hours begin in too many different years. Remove those that are over, or give them the
    same first day."""


class HoursNameOthers(Invalid):
    """Hours can be limited only to services that are offered here. Choose some of these, or none
    for all."""


class HoursNameIt(Conflict):
    """Some hours are only for {service}. Change the hours first."""


class BadSlotLength(Invalid):
    """Enter a slot length in minutes that is a multiple of 5, from 5 to 480."""


class BadPeriod(Invalid):
    """Enter an end that is after the start, both in steps of 5 minutes."""


class BadStep(Invalid):
    """Enter the minutes between two starts as a multiple of 5, from 5 to 1440."""


class BadRule(Invalid):
    """Write how the hours recur as FREQ=DAILY, WEEKLY or MONTHLY with INTERVAL, BYDAY, COUNT and
    UNTIL, for example FREQ=WEEKLY;INTERVAL=2;BYDAY=TU or FREQ=MONTHLY;BYDAY=1MO."""


class NeedsFirstDay(Invalid):
    """Enter the first day of these hours. The others are counted from it."""


class NeverOpen(Invalid):
    """These hours fall on no day. Change how they recur, or their first and last day."""


class Unreadable(Invalid):
    """A calendar elsewhere could not be read; whoever raises it says why."""

    sentence = Invalid.sentence
