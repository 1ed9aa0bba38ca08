"""The form about a patient, for themselves and for those who work with patients."""

from collections.abc import Mapping
from typing import ClassVar

from flask_babel import lazy_gettext as _l
from wtforms import EmailField, StringField, TelField

from openslot.entrypoints.web.births import BirthField
from openslot.entrypoints.web.forms import Form


class PatientForm(Form):
    """PatientDetails as somebody types them."""

    name = StringField(_l("Name"))
    born = BirthField(_l("Date of birth"))
    phone = TelField(_l("Phone number"))
    email = EmailField(_l("Email"))
    medicare_number = StringField(_l("Medicare number"))
    language = StringField(_l("Language"))
    time_zone = StringField(_l("Time zone"))


class OwnPatientForm(Form):
    """The same for the patient; the e-mail address is changed on a page of its own."""

    missing: ClassVar[Mapping[str, object]] = {
        "name": _l("Enter your full name."),
        "born": _l("Enter your date of birth."),
    }

    name = StringField(_l("Full name"))
    born = BirthField(_l("Date of birth"))
    phone = TelField(_l("Phone number"))
    medicare_number = StringField(_l("Medicare number"))
    time_zone = StringField(_l("Time zone"))
