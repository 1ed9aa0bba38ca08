"""Administration of practitioners, their centres and hours."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    EmailField,
    SelectField,
    SelectMultipleField,
    StringField,
    TelField,
    TextAreaField,
)
from wtforms.widgets import CheckboxInput, ListWidget

from openslot.booking.slots import Slot
from openslot.core.actor import Role
from openslot.core.work import Work
from openslot.directory import commands, queries
from openslot.directory.details import PractitionerDetails
from openslot.directory.editing import SENTENCES, Editor, NotYoursToChange, editor_of_practitioner
from openslot.directory.models import Centre, Practitioner, Profession
from openslot.directory.rules import runs_every
from openslot.directory.staff import StaffDetails
from openslot.entrypoints.web import access, account_mail, asked, context, reading
from openslot.entrypoints.web import practitioner_steps as steps
from openslot.entrypoints.web.confirm_deactivation import confirm_active
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.hours_form import TYPICAL, HoursForm
from openslot.entrypoints.web.hours_preview import is_asked, show_preview
from openslot.entrypoints.web.practitioner_steps import Step
from openslot.entrypoints.web.saving import (
    NOT_UNDERSTOOD,
    SHOWN,
    Done,
    checked,
    do,
    save,
    see_other,
)
from openslot.entrypoints.web.schedule_form import ScheduleFields
from openslot.entrypoints.web.service_words import gender_choices
from openslot.identity.errors import ProofNeeded
from openslot.identity.models import Account
from openslot.schedules import commands as schedule_commands
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import Offering, ScheduleDetails
from openslot.schedules.either_place import change_practitioner
from openslot.schedules.models import Schedule
from openslot.search.times import FreeTimes
from openslot.usecases.deactivation import deactivate_practitioner, may_deactivate_practitioner

pages = Blueprint("admin_practitioners", __name__)

PAGE_SIZE = 30


class PractitionerFields(Form):
    """Form fields for PractitionerDetails."""

    name = StringField(_l("Name"))
    profession = SelectField(_l("Profession"))
    expertise = StringField(_l("Area of expertise"))
    provider_number = StringField(_l("Provider number"))
    phone = TelField(_l("Phone number"))
    email = EmailField(_l("Email"))
    languages = StringField(_l("Languages"))
    gender = SelectField(_l("Gender"), choices=gender_choices)
    about = TextAreaField(_l("About the practitioner"))
    either_place = BooleanField(_l("Can have the same hours at several centres"))

    def offer_professions(self, *own: Profession) -> None:
        """Set the choices: the active professions, and ``own`` of somebody who is inactive."""
        active = queries.professions(context.reader())
        self.profession.choices = {one.code: _(one.name) for one in (*active, *own)}


class NewPractitionerForm(PractitionerFields, ScheduleFields):
    """Form for a practitioner and their first schedule."""

    centre_id = SelectField(_l("Centre"), validate_choice=False)
    services = SelectMultipleField(
        _l("Services"),
        coerce=str,
        validate_choice=False,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    invite = BooleanField(_l("Create an account and send a link to set the password"))

    def offer_services(self) -> None:
        """Set the choices: the active services of the network and of the reader's centres."""
        centres = {centre.id: centre.name for centre in own_centres()}
        self.services.choices = [
            (
                str(one.id),
                f"{one.name}, {centres[one.centre_id]}" if one.centre_id else one.name,
            )
            for one in queries.services_to_offer(context.reader(), centres)
        ]

    def offerings(self) -> list[Offering]:
        """Return the chosen services, each with its usual length."""
        known = {value for value, _words in self.services.choices}
        return [Offering(service_id=int(one)) for one in self.services.data if one in known]


class Opening(NamedTuple):
    """What opens a schedule."""

    centre_id: int
    limits: ScheduleDetails
    weekly: Sequence[Weekly]
    offerings: Sequence[Offering]


class Places(NamedTuple):
    """The names of the centres where somebody works, and their next free time."""

    centres: Sequence[str]
    free: Slot | None


Added = tuple[Practitioner, tuple[Account, str] | None]
"""The practitioner, and the account with its link, if there is one."""


@pages.route("/admin/practitioners", methods=["GET", "POST"])
@access.allow(access.ADMINS)
@asked.searching("q")
def listing() -> str:
    """List practitioners by name, with their centres and next free time: all, or those of one
    centre, which is the reader's if they run only one."""
    text, number, centres = asked.text("q"), reading.page_number(), own_centres()
    is_network = context.actor().is_a(Role.NETWORK_ADMIN)
    centre_id = reading.number("centre", 0) if is_network else context.actor().centre_id or 0
    practitioners, total = queries.practitioners(
        context.reader(),
        *([schedules.works_at(centre_id, inactive=True)] if centre_id or not is_network else []),
        text=text,
        limit=PAGE_SIZE,
        offset=(number - 1) * PAGE_SIZE,
    )
    return render_template(
        "admin/practitioners.html",
        practitioners=practitioners,
        places=_places(practitioners),
        total=total,
        text=text,
        centres=centres,
        centre_id=centre_id,
        number=number,
        first=(number - 1) * PAGE_SIZE + 1,
    )


def _places(practitioners: Sequence[Practitioner]) -> dict[int, Places]:
    """Return where practitioners work, and their next free time, by id."""
    names = context.services().network.fresh(context.reader()).entries
    entries = [names.get(("practitioner", person.id)) for person in practitioners]
    ids = {entry.id: [place.schedule_id for place in entry.places] for entry in entries if entry}
    days = context.settings().search_days
    free = FreeTimes.read(context.work(), [*chain(*ids.values())], days=days)
    return {
        entry.id: Places(
            sorted({place.centre for place in entry.places}),
            next(iter(free.first(ids[entry.id], 1)), None),
        )
        for entry in entries
        if entry
    }


@pages.get("/admin/practitioners/<int:practitioner_id>")
@access.allow(access.ADMINS)
def show(practitioner_id: int) -> str:
    """Show a practitioner with the hours at each centre."""
    person, centre_ids = _editable(practitioner_id)
    session, actor = context.reader(), context.actor()
    return render_template(
        "admin/practitioner.html",
        person=person,
        subjects=schedules.subjects(session, Schedule.practitioner_id == practitioner_id),
        places=schedules.practitioner_places(session, practitioner_id),
        runs_all=runs_every(actor, centre_ids),
        free_centres=[centre for centre in own_centres() if centre.id not in centre_ids],
        runs=lambda centre_id: actor.is_a(Role.NETWORK_ADMIN) or actor.centre_id == centre_id,
    )


def _editable(practitioner_id: int) -> tuple[Practitioner, frozenset[int]]:
    """Return a practitioner of a centre that the reader runs, and the ids of their centres.

    Raise Forbidden for others.
    """
    person = queries.practitioner(context.reader(), practitioner_id, inactive=True)
    centre_ids = schedules.centre_ids_of(context.reader(), practitioner_id)
    editor_of_practitioner(context.actor(), practitioner_id, centre_ids)
    return person, centre_ids


def own_centres() -> list[Centre]:
    """Return the active centres that the reader runs."""
    actor, centres = context.actor(), queries.centres(context.reader())
    everywhere = actor.is_a(Role.NETWORK_ADMIN)
    return [centre for centre in centres if everywhere or centre.id == actor.centre_id]


@pages.route("/admin/practitioners/new", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def new() -> ResponseReturnValue:
    """Add a practitioner in three steps, with the first centre, hours, services and account."""
    form = NewPractitionerForm()
    form.offer()
    form.offer_professions()
    form.offer_services()
    form.centre_id.choices = _centre_choices()
    form.centre_id.data = form.centre_id.data or reading.text("centre_id")
    if not steps.was_seen("asked"):
        form.invite.data = request.method == "GET" or steps.sent_step() is Step.PLACE
    is_typed = steps.was_seen("centre_id")
    hours = HoursForm.typed() if is_typed else HoursForm.showing(TYPICAL)
    step, status = _next(form, hours)
    if isinstance(status, Done):
        return _added(*status.value)
    page = render_template(
        "admin/practitioner_new.html",
        form=form,
        hours=hours,
        preview=form.preview,
        step=step,
        titles=steps.TITLES,
        carried=steps.carried(step),
        may_invite=_may_invite(),
    )
    return page, status


def _centre_choices() -> dict[str, str]:
    centres = {str(centre.id): centre.name for centre in own_centres()}
    return centres if len(centres) == 1 else {"": str(_("Choose a centre")), **centres}


def _next(form: NewPractitionerForm, hours: HoursForm) -> tuple[Step, Done[Added] | int]:
    """Return the step to show after the one that was sent, and its status; or what was added."""
    if request.method == "GET":
        return Step.PERSON, SHOWN
    sent = steps.sent_step()
    if reading.text("go") == "back":
        return sent.beside(-1), SHOWN
    details = checked(form, PractitionerDetails)
    if sent is Step.PERSON:
        return (sent, NOT_UNDERSTOOD) if details is None else (Step.PLACE, SHOWN)
    limits, weekly, centre_id = checked(form, ScheduleDetails), hours.parse(), _centre_id(form)
    if details is None or limits is None or weekly is None or centre_id is None:
        return steps.step_with_error(form, hours) or sent, NOT_UNDERSTOOD
    if is_asked():
        centre = queries.centre(context.reader(), centre_id)
        return Step.PLACE, show_preview(form, centre, limits, weekly)
    if sent is Step.PLACE:
        return Step.ACCOUNT, SHOWN
    opening = Opening(centre_id, limits, weekly, form.offerings())
    status = _create(form, details, opening)
    return steps.step_with_error(form, hours) or sent, status


def _create(
    form: NewPractitionerForm, details: PractitionerDetails, opening: Opening
) -> Done[Added] | int:
    account: StaffDetails | None = None
    if form.invite.data and _may_invite():
        if not context.is_proved():
            raise ProofNeeded
        account = checked(form, StaffDetails, role=Role.PRACTITIONER)
        if account is None:
            return NOT_UNDERSTOOD
    password = account_mail.hash_nobody_knows() if account else ""

    def all_of_it(work: Work) -> Added:
        person = commands.create_practitioner(work, details)
        schedule = schedule_commands.open_schedule(
            work,
            centre_id=opening.centre_id,
            practitioner_id=person.id,
            details=opening.limits,
            hours=opening.weekly,
        )
        if opening.offerings:
            schedule_commands.offer_services(work, schedule.id, opening.offerings)
        if account is None:
            return person, None
        own = account.model_copy(update={"practitioner_id": person.id})
        return person, account_mail.invite(work, own, password)

    return do(form, all_of_it)


def _may_invite() -> bool:
    return context.actor().is_a(Role.NETWORK_ADMIN)


def _added(person: Practitioner, invited: tuple[Account, str] | None) -> ResponseReturnValue:
    """Confirm what was added; without a mail server, show the link of the account once."""
    url = _practitioner_url(person.id)
    if invited is None:
        return see_other(url, _("%(name)s is added and can be booked.", name=person.name))
    account, link = invited
    if context.settings().sends_mail:
        said = _(
            "%(name)s is added and can be booked. We have emailed %(email)s a link to set the "
            "password.",
            name=person.name,
            email=account.email,
        )
        return see_other(url, said)
    return render_template("admin/account_link.html", account=account, link=link)


def _centre_id(form: NewPractitionerForm) -> int | None:
    if form.centre_id.data and form.centre_id.data in form.centre_id.choices:
        return int(form.centre_id.data)
    form.refuse(_("Choose the centre."), "centre_id")
    return None


@pages.route("/admin/practitioners/<int:practitioner_id>/edit", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def edit(practitioner_id: int) -> ResponseReturnValue:
    """Change a practitioner's details."""
    person, centre_ids = _editable(practitioner_id)
    if not runs_every(context.actor(), centre_ids):
        raise NotYoursToChange(SENTENCES[PractitionerDetails, Editor.ONE_CENTRE])
    form = PractitionerFields(obj=person)
    form.offer_professions(person.profession_row)
    status = save(
        form,
        PractitionerDetails,
        lambda work, details: change_practitioner(work, practitioner_id, details),
    )
    if isinstance(status, Done):
        return see_other(_practitioner_url(practitioner_id), _("The details are saved."))
    return render_template("admin/practitioner_form.html", form=form, person=person), status


@pages.route("/admin/practitioners/<int:practitioner_id>/active", methods=["GET", "POST"])
@access.allow(access.ADMINS)
def deactivate(practitioner_id: int) -> ResponseReturnValue:
    """Deactivate or reactivate a practitioner, after confirmation."""
    person, centre_ids = _editable(practitioner_id)
    may_deactivate_practitioner(context.actor(), centre_ids)
    return confirm_active(
        person.name,
        person.active,
        _practitioner_url(practitioner_id),
        lambda work, active: deactivate_practitioner(work, practitioner_id, active=active),
    )


def _practitioner_url(practitioner_id: int) -> str:
    return url_for("admin_practitioners.show", practitioner_id=practitioner_id)
