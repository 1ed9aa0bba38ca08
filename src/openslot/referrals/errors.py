"""Why a referral cannot be written, sent, revoked or answered."""

from openslot.core.errors import Conflict, Forbidden, Invalid


class OnlyGps(Forbidden):
    """Referrals are written by general practitioners."""

    code = "only-gps"
    sentence = "Only GPs refer patients to specialists."


class NoAddressee(Invalid):
    """A referral is to one specialist or to one area of expertise."""

    code = "no-addressee"
    sentence = "Choose a specialist, or an area of expertise."


class AddresseeUnavailable(Conflict):
    """Whom the letter names sees no patients here any more."""

    code = "nobody-there"
    sentence = "Nobody to whom this referral is addressed sees patients here now. Choose another."


class WrongState(Conflict):
    """What was asked for fits another state of the referral."""

    code = "wrong-state"
    sentence = "This referral stands differently now, so that this can no longer be done."


class AlreadyAnswered(Conflict):
    """A letter is answered once."""

    code = "already-answered"
    sentence = "This referral has been answered."


class NoAppointmentYet(Conflict):
    """Who answers has an appointment of the patient's."""

    code = "no-appointment-yet"
    sentence = "A referral can be answered once the patient has booked an appointment with it."
