"""Why the directory cannot be changed so."""

from openslot.core.errors import Conflict, Invalid, Unauthenticated


class NameTaken(Conflict):
    """This name is taken. Enter a different one.

    Of a centre, of a department in its centre, or of a service in its department.
    """


class BusinessNumberTaken(Conflict):
    """Another centre has this business number."""


class ExpertiseMissing(Invalid):
    """Enter the area of expertise of a specialist.

    Of everybody whose profession needs a referral, since referrals name a person or an area.
    """


class ProfessionUnknown(Invalid):
    """There is no profession {profession} in this network."""


class ProfessionInactive(Invalid):
    """The profession {profession} is deactivated. Reactivate it first, or choose another one."""


class ProfessionInUse(Conflict):
    """Active practitioners with this profession: {count}. Give them another one first."""


class ProfessionNeeded(Conflict):
    """These services need somebody of this profession: {services}. Change what they need first."""


class ReferralNamesPractitioner(Invalid):
    """A referral names a practitioner or an area of expertise, so a department's own service cannot
    need one. Choose who else can book it."""


class BirthTooLongAgo(Invalid):
    """Enter the year of birth again: this one is more than 130 years ago."""


class BirthInFuture(Invalid):
    """Enter a date of birth that is in the past."""

    code = "birth-out-of-range"


class BadHolidayRegion(Invalid):
    """Enter a region of public holidays such as AU-NSW, IE or GB-SCT."""


class HasAppointments(Conflict):
    """Upcoming appointments: {count}. Move or cancel them first."""


class TooManyDependents(Conflict):
    """You can care for up to {most} people here. Hand a record over first."""


class DependentKnown(Conflict):
    """You already care for a person with this name and date of birth."""


class RecordNotEmpty(Conflict):
    """There are appointments or other entries in the record of {name}, also if they were cancelled.
    They are kept, so hand the record over instead."""


class OwnAddress(Conflict):
    """This is your own address. Enter the address of the person whose record it is."""


class OwnEmailNotConfirmed(Conflict):
    """Confirm your own email address first, with the link that we sent you. You can have it sent
    again in your account."""


class AwaitingApproval(Unauthenticated):
    """An administrator of your centre has not let you in yet. We write to you when they have.

    The password is right; the account awaits approval.
    """


class SamePatient(Invalid):
    """This is the same record. Choose another one as the duplicate."""


class CareForEachOther(Conflict):
    """One of the two cares for the other, so they are two people and cannot be merged."""


class CarerCaredFor(Conflict):
    """One of the two cares for somebody, and the other has a carer, so nobody could sign in for
    whom they care for. End one of these first."""


class BothManaged(Conflict):
    """Both records have an account or a carer, and the merged record has only one. Choose whether
    the account or the carer of the duplicate loses access, or ask them first."""


class AlreadyUndone(Conflict):
    """This merge has been undone already."""


class MergedFurther(Conflict):
    """{name} has been merged into another record since. Undo that merge first."""


class PatientErased(Conflict):
    """The person has been erased, which cannot be undone."""
