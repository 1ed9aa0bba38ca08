"""Forms for patient details, for patients and for the care team."""

from collections.abc import Mapping
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from wtforms import EmailField, StringField, TelField

from openslot.entrypoints.web.births import BirthField
from openslot.entrypoints.web.forms import Form


class PatientForm(Form):
    """Form for PatientDetails."""

    name = StringField(_l("Name"))
    born = BirthField(_l("Date of birth"))
    phone = TelField(_l("Phone number"))
    email = EmailField(_l("Email"))
    medicare_number = StringField(_l("Medicare number"))
    language = StringField(_l("Language"))
    time_zone = StringField(_l("Time zone"))


class OwnPatientForm(Form):
    """Form for one's own details; the email address has its own page."""

    missing: ClassVar[Mapping[str, object]] = {
        "name": _l("Enter your full name."),
        "born": _l("Enter your date of birth."),
    }

    name = StringField(_l("Full name"))
    born = BirthField(_l("Date of birth"))
    phone = TelField(_l("Phone number"))
    medicare_number = StringField(_l("Medicare number"))
    time_zone = StringField(_l("Time zone"))
