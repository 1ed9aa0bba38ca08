"""Why something cannot be done at the front desk."""

from openslot.core.errors import Conflict


class NotHere(Conflict):
    """The patient has not arrived yet, or has left. Mark them as arrived first."""
