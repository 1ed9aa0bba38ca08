"""Why a department's request cannot be made, answered or changed so."""

from openslot.core.errors import Conflict, Forbidden


class NoDepartment(Forbidden):
    """Choose the department that you work for first."""


class OwnService(Conflict):
    """Your own department offers this service. Ask another department."""


class WrongState(Conflict):
    """This request has been answered or changed in the meantime. Check its status."""

    code = "request-wrong-state"


class AlreadyStarted(Conflict):
    """The consultation has begun, so the request can no longer be changed."""

    code = "request-has-begun"


class NothingToChange(Conflict):
    """This is the time that they asked for. Accept it, or choose another one."""

    code = "same-time"


class HasOpenRequests(Conflict):
    """Open requests: {count}. Answer or cancel them first."""
