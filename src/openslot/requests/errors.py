"""Why a department's request cannot be made, answered or changed so."""

from openslot.core.errors import Conflict, Forbidden


class NoDepartment(Forbidden):
    """Departments ask each other; who belongs to none asks nobody."""

    code = "no-department"
    sentence = "Choose the department that you work for first."


class OwnService(Conflict):
    """A department does not ask itself."""

    code = "own-service"
    sentence = "Your own department offers this service. Ask another department."


class WrongState(Conflict):
    """The request stands so that this cannot be done with it, or no longer."""

    code = "request-wrong-state"
    sentence = "This request has been answered or changed meanwhile. See how it stands now."


class AlreadyStarted(Conflict):
    """The consultation is going on, so that nothing of it can be changed any more."""

    code = "request-has-begun"
    sentence = "The consultation has begun, so the request can no longer be changed."


class NothingToChange(Conflict):
    """The same time again proposes nothing."""

    code = "same-time"
    sentence = "This is the time that they asked for. Accept it, or choose another one."


class HasOpenRequests(Conflict):
    """What others have asked for cannot be taken away."""

    code = "still-asked"
    sentence = "Open requests stand against it: {count}. Answer or cancel them first."
