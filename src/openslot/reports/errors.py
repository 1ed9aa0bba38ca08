"""What reports refuse."""

from openslot.core.errors import Invalid, Malformed


class PeriodBackwards(Invalid):
    """The period ends before it begins."""

    code = "period-backwards"
    sentence = "Choose a first day that is not after the last one."


class PeriodTooLong(Invalid):
    """More days than one report reckons with."""

    code = "period-too-long"
    sentence = "Choose a period of at most {weeks} weeks."


class UnknownChoice(Malformed):
    """A value that none of the page's own lists has."""

    code = "unknown-choice"
    sentence = "{name} is not one of the choices of this page."
