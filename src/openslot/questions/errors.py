"""Why questions cannot be asked or answered so."""

from openslot.core.errors import Conflict, Invalid


class TooManyQuestions(Invalid):
    """A service asks at most {most} questions. Leave some out."""


class BadAnswer(Invalid):
    """Answer “{words}” differently."""


class TooLateToAnswer(Conflict):
    """Questions can be answered until the appointment. Tell the care team what they should know."""
