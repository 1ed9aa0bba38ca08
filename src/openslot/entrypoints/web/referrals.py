"""Referrals: a GP writes them, a patient books with them, a specialist answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import IntegerField, RadioField, StringField, TextAreaField
from wtforms.validators import Optional

from openslot.core.errors import DomainError, Forbidden, NotFound
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.models import Patient, Practitioner
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.web import access, context, reading
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.saving import (
    NOT_UNDERSTOOD,
    SHOWN,
    Done,
    checked,
    do,
    save,
    see_other,
)
from openslot.entrypoints.web.zones import own_zone
from openslot.referrals import commands, queries
from openslot.referrals.details import AnswerDetails, LetterDetails, ReferralDetails
from openslot.referrals.errors import NoAddressee
from openslot.referrals.models import Referral, State
from openslot.referrals.rules import Action, Relation, actions_now, check_action
from openslot.schedules import queries as schedules
from openslot.schedules.models import Schedule

pages = Blueprint("referrals", __name__)

PAGE_SIZE = 20
MOST_FOUND = 12
AREA, PERSON = "area:", "person:"


class ReferralForm(Form):
    """Addressee, found by a search, and the text."""

    q = StringField(_l("Name or area of expertise"))
    addressee = RadioField(_l("Refer to"))
    most_appointments = IntegerField(_l("Number of appointments"), [Optional()])
    letter = TextAreaField(_l("Referral"))


class AnswerForm(Form):
    """Answer of a specialist."""

    answer = TextAreaField(_l("Your answer"))


# Lists


@pages.get("/referrals")
@access.allow(access.PATIENTS | access.PRACTITIONERS)
def listing() -> str:
    """List the referrals that a GP wrote, a specialist received, or a patient can book with."""
    session, now = context.reader(), context.now()
    number = reading.page_number()
    side = _side()
    chosen = reading.text("state") if reading.text("state") in side.states else ""
    where = (*side.where, *([Referral.in_state(State(chosen), now)] if chosen else []))
    found = queries.referrals(session, *where, limit=PAGE_SIZE, offset=(number - 1) * PAGE_SIZE)
    return render_template(
        "referrals/list.html",
        referrals=[(referral, referral.state_at(now)) for referral in found],
        relation=side.relation,
        states=side.states,
        chosen=chosen,
        total=queries.count(session, *where),
        number=number,
        first=(number - 1) * PAGE_SIZE + 1,
        zone=own_zone(),
    )


@dataclass(frozen=True, slots=True)
class Side:
    """Referrals that concern the reader, the reader's relation to them, and the states to filter
    by."""

    relation: Relation
    where: tuple[Any, ...]
    states: tuple[State, ...] = ()


def _side() -> Side:
    actor = context.actor()
    if actor.practitioner_id is None:
        own = {actor.patient_id, *actor.dependents} - {None}
        return Side(
            Relation.PATIENT, (queries.to_patients(patient_id for patient_id in own if patient_id),)
        )
    person = directory.practitioner(context.reader(), actor.practitioner_id, inactive=True)
    if person.may_refer:
        return Side(Relation.GP, (queries.by_gp(person.id),), tuple(State))
    return Side(
        Relation.SPECIALIST,
        (queries.to_specialist(person.id, context.now()),),
        (State.SENT, State.USED),
    )


# Writing


@pages.route("/patients/<uuid:patient_id>/referrals/new", methods=["GET", "POST"])
@access.allow(access.PRACTITIONERS)
def new(patient_id: UUID) -> ResponseReturnValue:
    """Write a referral: save it as a draft, or send it."""
    session = context.reader()
    commands.may_write(context.work(), patient_id)
    patient = directory.patient(session, patient_id)
    form = ReferralForm(q=reading.text("q")[:200])
    if request.method == "GET" or _only_searches():
        return _form_page(form, SHOWN, patient)
    details = _details(form)
    done: Done[Referral] | int = NOT_UNDERSTOOD
    if details is not None:
        done = do(
            form,
            lambda work: _sent_if_wanted(work, commands.write(work, patient_id, details)),
        )
    return _saved(done) if isinstance(done, Done) else _form_page(form, done, patient)


@pages.route("/referrals/<uuid:referral_id>/edit", methods=["GET", "POST"])
@access.allow(access.PRACTITIONERS)
def edit(referral_id: UUID) -> ResponseReturnValue:
    """Change a draft, and optionally send it."""
    referral = _referral_or_page(referral_id, Action.CHANGE)
    if not isinstance(referral, Referral):
        return referral
    form = ReferralForm(
        letter=referral.letter,
        addressee=_value_of(referral),
        most_appointments=referral.most_appointments,
    )
    if request.method == "GET" or _only_searches():
        return _form_page(form, SHOWN, referral.patient, referral)
    details = _details(form)
    done: Done[Referral] | int = NOT_UNDERSTOOD
    if details is not None:
        done = do(
            form,
            lambda work: _sent_if_wanted(work, commands.change(work, referral_id, details)),
        )
    if isinstance(done, Done):
        return _saved(done)
    return _form_page(form, done, referral.patient, referral)


def _only_searches() -> bool:
    return reading.text("act") == "find"


def _sent_if_wanted(work: Work, referral: Referral) -> Referral:
    if reading.text("act") != "send":
        return referral
    work.session.flush()
    return _send(work, referral.id)


def _send(work: Work, referral_id: UUID) -> Referral:
    return commands.send(work, referral_id)


def _details(form: ReferralForm) -> ReferralDetails | None:
    """Return the typed details; None with all errors in the form."""
    addressee = _addressee(form.addressee.data or "")
    if addressee:
        return checked(form, ReferralDetails, **addressee)
    checked(form, LetterDetails)
    form.refuse(NoAddressee(field="addressee"))
    return None


def _addressee(value: str) -> dict[str, str]:
    """Return the details for a choice of the form."""
    if value.startswith(AREA):
        return {"expertise": value.removeprefix(AREA)}
    return {"practitioner_id": value.removeprefix(PERSON)} if value.startswith(PERSON) else {}


def _value_of(referral: Referral) -> str:
    """Return the form's value for the addressee of a draft."""
    return (
        f"{AREA}{referral.expertise}"
        if referral.expertise
        else (f"{PERSON}{referral.practitioner_id}")
    )


def _form_page(
    form: ReferralForm, status: int, patient: Patient, draft: Referral | None = None
) -> tuple[str, int]:
    form.addressee.choices = _choices(form)
    page = render_template(
        "referrals/write.html",
        form=form,
        patient=patient,
        draft=draft,
        back=reading.own_path("back", ""),
    )
    return page, status


def _choices(form: ReferralForm) -> list[tuple[str, str]]:
    """Return matching areas and specialists, and the current choice."""
    session, text = context.reader(), (form.q.data or "").strip()[:200]
    chosen = form.addressee.data or ""
    areas = [one for one in queries.areas(session) if text.casefold() in one.casefold()]
    choices = [(f"{AREA}{one}", _area_label(one)) for one in areas]
    people = queries.specialists(session, text, limit=MOST_FOUND) if text else []
    choices += [(f"{PERSON}{one.practitioner.id}", _specialist_label(one)) for one in people]
    if chosen and chosen not in dict(choices):
        choices.insert(0, (chosen, _choice_label(session, chosen)))
    return choices


def _area_label(area: str) -> str:
    return str(_("Any %(area)s specialist", area=area.lower()))


def _specialist_label(specialist: queries.Specialist) -> str:
    parts = (specialist.practitioner.name, specialist.practitioner.expertise, *specialist.centres)
    return ", ".join(part for part in parts if part)


def _choice_label(session: Session, chosen: str) -> str:
    """Return the label of a choice that the search did not find again."""
    if chosen.startswith(AREA):
        return _area_label(chosen.removeprefix(AREA))
    number = chosen.removeprefix(PERSON)
    specialist = (
        queries.specialist(session, int(number)) if re.fullmatch(r"[0-9]{1,9}", number) else None
    )
    return (
        _specialist_label(specialist)
        if specialist
        else str(_("Someone who no longer sees patients here"))
    )


def _saved(done: Done[Referral]) -> Response:
    if reading.text("act") == "send":
        flash(_("The referral is sent. The patient can book with it."), "good")
    else:
        flash(_("The draft is saved. No one else can see it."), "good")
    back = reading.own_path("back", "")
    return redirect(back, 303) if back else _to_referral(done.value.id)


# One referral


@pages.get("/referrals/<uuid:referral_id>")
@access.allow(access.PATIENTS | access.PRACTITIONERS)
def show(referral_id: UUID) -> str:
    """Show a referral with the available actions."""
    return _show(referral_id, AnswerForm())


def _show(referral_id: UUID, form: AnswerForm) -> str:
    actor, now = context.actor(), context.now()
    referral, relation = commands.referral_for(context.work(), referral_id)
    if relation is Relation.SPECIALIST:
        context.write(commands.note_read, referral_id)
    covers_follow_ups = queries.covers_follow_ups(context.work(), referral_id)
    return render_template(
        "referrals/show.html",
        referral=referral,
        state=referral.state_at(now),
        covers_follow_ups=covers_follow_ups,
        relation=relation,
        actions=actions_now(referral, relation, by=actor.practitioner_id, now=now),
        author=_author(referral),
        places=_places(referral, covers_follow_ups) if relation is Relation.PATIENT else [],
        form=form,
        zone=own_zone(),
    )


def _author(referral: Referral) -> Practitioner | None:
    """Return the author of the latest answer."""
    author_id = referral.answered_by
    if author_id is None:
        return None
    return directory.practitioner(context.reader(), author_id, inactive=True)


def _places(referral: Referral, covers_follow_ups: bool) -> list[Schedule]:
    """Return the schedules on which the patient can book the named specialist, or the one who has
    seen them."""
    if covers_follow_ups:
        whom = referral.seen_by
    else:
        whom = referral.addressee if referral.state_at(context.now()) is State.SENT else None
    if whom is None:
        return []
    own = Schedule.practitioner_id == whom.id
    return schedules.subjects(context.reader(), own, *schedules.bookable())


@pages.post("/referrals/<uuid:referral_id>/send")
@access.allow(access.PRACTITIONERS)
def send(referral_id: UUID) -> ResponseReturnValue:
    """Send a draft."""
    message = _("The referral is sent. The patient can book with it.")
    return _do(referral_id, lambda work: _send(work, referral_id), message)


@pages.route("/referrals/<uuid:referral_id>/revoke", methods=["GET", "POST"])
@access.allow(access.PRACTITIONERS)
def revoke(referral_id: UUID) -> ResponseReturnValue:
    """Revoke an unused referral, after confirmation."""
    referral = _referral_or_page(referral_id, Action.REVOKE)
    if not isinstance(referral, Referral):
        return referral
    if request.method == "GET":
        return render_template("referrals/revoke.html", referral=referral)
    return _do(
        referral_id,
        lambda work: commands.revoke(work, referral_id),
        _("The referral is revoked. It can no longer be used to book."),
    )


@pages.route("/referrals/<uuid:referral_id>/discard", methods=["GET", "POST"])
@access.allow(access.PRACTITIONERS)
def discard(referral_id: UUID) -> ResponseReturnValue:
    """Delete a draft, after confirmation."""
    referral = _referral_or_page(referral_id, Action.DISCARD)
    if not isinstance(referral, Referral):
        return referral
    if request.method == "GET":
        return render_template("referrals/discard.html", referral=referral)
    context.write(commands.discard, referral_id)
    return see_other(url_for("referrals.listing"), _("The draft is deleted."))


@pages.post("/referrals/<uuid:referral_id>/answer")
@access.allow(access.PRACTITIONERS)
def answer(referral_id: UUID) -> ResponseReturnValue:
    """Send an answer to the GP."""
    form = AnswerForm()
    done = save(
        form, AnswerDetails, lambda work, details: commands.answer(work, referral_id, details)
    )
    if not isinstance(done, Done):
        return _show(referral_id, form), done
    flash(_("Your answer is sent to the GP."), "good")
    return _to_referral(referral_id)


def _referral_or_page(referral_id: UUID, action: Action) -> Referral | ResponseReturnValue:
    """Return the referral if this action is allowed now; else its page with the reason."""
    actor, now = context.actor(), context.now()
    referral, relation = commands.referral_for(context.work(), referral_id)
    try:
        check_action(action, referral, relation, by=actor.practitioner_id, now=now)
    except Forbidden:
        raise
    except DomainError as error:
        return _refused(referral_id, error)
    return referral


def _do(
    referral_id: UUID, command: Callable[[Work], Referral], message: str
) -> ResponseReturnValue:
    """Do the command and show the referral, with the reason if refused."""
    try:
        context.write(command)
    except (NotFound, Forbidden):
        raise
    except DomainError as error:
        return _refused(referral_id, error)
    flash(message, "good")
    return _to_referral(referral_id)


def _refused(referral_id: UUID, error: DomainError) -> ResponseReturnValue:
    """Render the referral with the reason for a refusal."""
    context.close_reader()  # the page shows the state that refused the action
    form = AnswerForm(formdata=None)
    form.form_errors.append(sentence_of(error))
    return _show(referral_id, form), status_of(error)


def _to_referral(referral_id: UUID) -> Response:
    return redirect(url_for("referrals.show", referral_id=referral_id), 303)
