"""Why the directory cannot be changed so."""

from openslot.core.errors import Conflict, Invalid, Unauthenticated


class NameTaken(Conflict):
    """Another centre, department of the centre, or service of the department has the name."""

    code = "name-taken"
    sentence = "This name is taken. Enter a different one."


class BusinessNumberTaken(Conflict):
    """Another centre has the business number."""

    code = "business-number-taken"
    sentence = "Another centre has this business number."


class ExpertiseMissing(Invalid):
    """A specialist without an area of expertise, or anybody else with one."""

    code = "expertise-missing"
    sentence = "Enter the area of expertise of a specialist."


class BirthTooLongAgo(Invalid):
    """Nobody who lives was born that long ago."""

    code = "birth-too-long-ago"
    sentence = "Enter the year of birth again: this one is more than 130 years ago."


class BirthInFuture(Invalid):
    """Nobody is born tomorrow."""

    code = "birth-out-of-range"
    sentence = "Enter a date of birth that is in the past."


class BadHolidayRegion(Invalid):
    """No calendar of public holidays has this region."""

    code = "bad-holiday-region"
    sentence = "Enter a region of public holidays such as AU-NSW, IE or GB-SCT."


class HasAppointments(Conflict):
    """What has live bookings cannot be taken away."""

    code = "still-booked"
    sentence = "Appointments to come stand against it: {count}. Move or cancel them first."


class TooManyDependents(Conflict):
    """One patient cares for a household, not for a ward."""

    code = "too-many-dependents"
    sentence = "You can care for up to {most} people here. Hand a record over first."


class DependentKnown(Conflict):
    """The carer has added this person already."""

    code = "dependent-known"
    sentence = "You care for somebody of this name and date of birth already."


class RecordNotEmpty(Conflict):
    """What was recorded of somebody is neither thrown away nor left to nobody."""

    code = "record-kept"
    sentence = (
        "There are appointments or other entries in the record of {name}, also if they were "
        "cancelled. "
        "They are kept, so hand the record over instead."
    )


class OwnAddress(Conflict):
    """A record is handed over to somebody else."""

    code = "own-address"
    sentence = "This is your own address. Enter the address of the person whose record it is."


class AwaitingApproval(Unauthenticated):
    """The password is right, and nobody has let this account in yet."""

    code = "still-waits"
    sentence = (
        "An administrator of your centre has not let you in yet. We write to you when they have."
    )
