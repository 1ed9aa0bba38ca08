"""Why a referral cannot be written, sent, revoked or answered."""

from openslot.core.errors import Conflict, Forbidden, Invalid


class OnlyGps(Forbidden):
    """Only GPs refer patients to specialists."""


class NoAddressee(Invalid):
    """Choose a specialist, or an area of expertise."""


class AddresseeUnavailable(Conflict):
    """No practitioner for this referral sees patients here now. Choose another."""


class WrongState(Conflict):
    """The status of this referral has changed, so this can no longer be done."""


class AlreadyAnswered(Conflict):
    """This referral has been answered."""


class NoAppointmentYet(Conflict):
    """A referral can be answered once the patient has booked an appointment with it."""
