"""Why rooms, equipment, groups and needs cannot be changed so."""

from openslot.core.errors import Conflict, Invalid


class GroupNeeded(Conflict):
    """Services need this group: {services}. Change what they need first."""


class ResourceNeeded(Conflict):
    """Services need this by name: {services}. Change what they need first."""


class BadNeed(Invalid):
    """Choose one of: a room or machine, a group, or a profession."""


class NeedNotHere(Invalid):
    """There is no such room, machine or group at the centre of this service."""


class NeedOfNetwork(Invalid):
    """A service of the whole network can need a group that centres have under one name, or a
    profession. Rooms and machines belong to one centre."""


class TooManyNeeds(Invalid):
    """A service can need up to {most} more people, rooms or machines."""
