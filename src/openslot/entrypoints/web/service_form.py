"""The form of a service, for departments, centres and the network."""

from collections.abc import Collection, Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    EmailField,
    SelectField,
    StringField,
    TelField,
    TextAreaField,
    URLField,
)

from openslot.directory.models import BookableBy
from openslot.entrypoints.web.formats import duration
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.schedule_form import (
    HORIZON_DAYS,
    NOTICE_MINUTES,
    days_words,
    notice_words,
)
from openslot.entrypoints.web.service_words import BOOKABLE_BY, MODES

SERVICE_MINUTES = (5, 10, 15, 20, 25, 30, 40, 45, 50, 60, 75, 90, 120, 180, 240, 300, 360, 420, 480)
MARGINS = (0, 5, 10, 15, 20, 30, 45, 60, 90, 120)
CANCEL_HOURS = (1, 2, 4, 12, 24, 48, 72, 7 * 24)
OF_DEPARTMENT = tuple(one for one in BookableBy if one is not BookableBy.REFERRAL)


class ServiceFields(Form):
    """Form fields for ServiceDetails."""

    name = StringField(_l("Name"))
    category = StringField(_l("Group"))
    minutes = SelectField(_l("Usual length"), validate_choice=False)
    minutes_before = SelectField(_l("Preparation before"), validate_choice=False)
    minutes_after = SelectField(_l("Clean-up after"), validate_choice=False)
    places = StringField(_l("Places"), default="1")
    mode = SelectField(_l("How it takes place"), validate_choice=False)
    video_url = URLField(_l("Address of the video call"))
    bookable_by = SelectField(_l("Who can book it"), validate_choice=False)
    cancel_hours = SelectField(_l("Patients move and cancel until"), validate_choice=False)
    most_a_day = StringField(_l("Most on one day for one person"))
    most_ahead = StringField(_l("Most upcoming for one person"))
    instructions = TextAreaField(_l("What to do before the appointment"))
    price = StringField(_l("Price"))
    description = TextAreaField(_l("About the service"))
    phone = TelField(_l("Phone number"))
    email = EmailField(_l("Email"))

    def offer_service(self, who: Collection[BookableBy] = OF_DEPARTMENT) -> None:
        """Set the choices, including the values that the service has now."""
        self.bookable_by.choices = {one.value: str(BOOKABLE_BY[one]) for one in who}
        self.mode.choices = {mode.value: str(words) for mode, words in MODES.items()}
        self._offer_numbers("minutes", {one: duration(one) for one in SERVICE_MINUTES}, "30")
        none = {0: _("None")}
        margins = none | {one: duration(one) for one in MARGINS if one}
        self._offer_numbers("minutes_before", margins, "0")
        self._offer_numbers("minutes_after", margins, "0")

        before = {0: _("The start")} | {
            one: _("%(time)s before", time=duration(one * 60)) for one in CANCEL_HOURS
        }
        self._offer_numbers("cancel_hours", before, unset=_("As everywhere in the network"))

    def _offer_numbers(
        self,
        name: str,
        words: Mapping[int, str],
        usual: str | None = None,
        *,
        unset: str | None = None,
    ) -> None:
        """Offer numbers; without a ``usual`` one, also none, ``unset``, by default for what the
        schedule says."""
        field = self[name]
        none = {} if usual else {"": unset or _("As the schedule says")}
        field.choices = none | {str(number): str(text) for number, text in words.items()}
        field.data = usual or "" if field.data is None else str(field.data)
        field.choices.setdefault(field.data, field.data)


class OfferedServiceFields(ServiceFields):
    """The same for a service that schedules of practitioners offer, with limits of its own."""

    notice_minutes = SelectField(_l("Book until"), validate_choice=False)
    horizon_days = SelectField(_l("Book from"), validate_choice=False)

    def offer_limits(self) -> None:
        """Set the choices of the limits."""
        self.offer_service([one for one in BookableBy if one is not BookableBy.REQUEST])
        self._offer_numbers("notice_minutes", {one: notice_words(one) for one in NOTICE_MINUTES})
        self._offer_numbers("horizon_days", {one: days_words(one) for one in HORIZON_DAYS})
