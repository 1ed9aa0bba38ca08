"""What pages say about services and those who give them."""

from collections.abc import Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from openslot.directory.models import BookableBy, Gender, Mode, RoomKind

MODES: Mapping[Mode, object] = {
    Mode.IN_PERSON: _l("In person"),
    Mode.TELEPHONE: _l("By telephone"),
    Mode.VIDEO: _l("By video"),
}
"""How an appointment takes place, in words."""

GENDERS: Mapping[Gender, object] = {
    Gender.FEMALE: _l("Female"),
    Gender.MALE: _l("Male"),
    Gender.OTHER: _l("Another gender"),
}
"""The gender of a practitioner, in words."""

ROOM_KINDS: Mapping[RoomKind, object] = {
    RoomKind.ROOM: _l("Room"),
    RoomKind.DEVICE: _l("Machine or other equipment"),
}
"""What a room or machine is, in words."""

BOOKABLE_BY: Mapping[BookableBy, object] = {
    BookableBy.PUBLIC: _l("Patients and colleagues"),
    BookableBy.KNOWN: _l("Patients who have been here before, and colleagues"),
    BookableBy.REFERRAL: _l("Patients with a referral, and colleagues for them"),
    BookableBy.COLLEAGUES: _l("Colleagues at the centre"),
    BookableBy.REQUEST: _l("Only this department; others send a request"),
}
"""Who can book a service, in words."""


def gender_choices() -> dict[str, str]:
    """Return the choices of a form, in the language of the page."""
    return {"": _("Not said"), **{one.value: str(words) for one, words in GENDERS.items()}}
