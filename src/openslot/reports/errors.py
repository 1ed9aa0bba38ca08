"""What reports refuse."""

from openslot.core.errors import Invalid, Malformed


class PeriodBackwards(Invalid):
    """Choose a first day that is not after the last one."""


class PeriodTooLong(Invalid):
    """Choose a period of at most {weeks} weeks."""


class UnknownChoice(Malformed):
    """{name} is not one of the choices of this page."""
