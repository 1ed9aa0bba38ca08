"""Dashboards of all roles."""

from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import render_template

from openslot.booking import queries as booking
from openslot.booking.diaries import parts_of
from openslot.booking.moves import cutoff_of
from openslot.booking.queries import appointments_for, count_for
from openslot.core import outbox
from openslot.core.actor import Actor
from openslot.core.clock import day_in
from openslot.department_requests import queries as requests
from openslot.department_requests.models import State
from openslot.directory import queries as directory
from openslot.entrypoints.web import context
from openslot.entrypoints.web.admin_groups import Waits, admin_groups
from openslot.entrypoints.web.agenda import current_appointment
from openslot.entrypoints.web.offers import token
from openslot.entrypoints.web.sessions import choices
from openslot.entrypoints.web.waiting import described
from openslot.records import reviews
from openslot.referrals import queries as referrals
from openslot.schedules import queries as schedules
from openslot.usecases import rebooking
from openslot.waiting_list import queries as offers
from openslot.waiting_list import search
from openslot.waiting_list.models import Waiting
from openslot.waiting_list.search import Listed

PAST_SHOWN = 5
LISTED = 100
REQUESTS_SHOWN = 10
LEFT_SHOWN, SOON_SHOWN = 10, 6


def patient_page(patient_id: UUID) -> str:
    """Render a patient's dashboard, with offers and appointments of dependents too."""
    session, actor, now = context.reader(), context.actor(), context.now()
    people = {patient_id, *actor.dependents}
    mine, gone = booking.of_patients(people), booking.gone_by(now)
    waiting = _waiting(search.entries_for(session, patient_ids=people, limit=LISTED))
    return render_template(
        "dashboard/patient.html",
        coming=appointments_for(context.work(), mine, booking.to_come(now), limit=LISTED),
        past=appointments_for(context.work(), mine, gone, newest_first=True, limit=PAST_SHOWN),
        past_count=count_for(context.work(), mine, gone),
        cutoff_of=lambda one: cutoff_of(one.booked_service, context.settings()),
        offers=offers.open_offers(context.work(), patient_ids=people),
        token=token,
        referrals=referrals.waiting_for(context.work(), people),
        waiting=waiting,
        named=described(waiting),
        zone=context.reader_zone() or _own_zone(),
    )


def practitioner_page(practitioner_id: int) -> str:
    """Render a practitioner's dashboard: today, the coming week, and what needs a decision."""
    now = context.now()
    places = schedules.practitioner_places(context.reader(), practitioner_id)
    zone = next((place.zone for place in places.values()), _own_zone())
    starts, ends = day_in(now.astimezone(zone).date(), zone)
    mine = booking.of_practitioner(practitioner_id)
    today = appointments_for(
        context.work(), mine, booking.showing(now), booking.between(starts, ends)
    )
    person = directory.practitioner(context.reader(), practitioner_id, inactive=True)
    return render_template(
        "dashboard/practitioner.html",
        today=today,
        offered=offers.offered_other_times(context.work(), starts, ends),
        parts=parts_of(context.work(), starts, ends),
        zone=zone,
        current=current_appointment(today, now),
        coming=appointments_for(
            context.work(),
            mine,
            booking.to_come(ends),
            booking.between(ends, ends + timedelta(days=7)),
            limit=LISTED,
        ),
        absences=schedules.absences(
            context.reader(), person.diary_id, now, now + timedelta(days=60), entered=True
        ),
        closed=appointments_for(context.work(), mine, booking.in_closures(now), limit=LISTED),
        undecided=rebooking.undecided(context.work(), [practitioner_id]),
    )


def staff_page(actor: Actor) -> str:
    """Render the dashboard of department staff: requests and appointments."""
    now = context.now()
    centre = directory.centre(context.reader(), actor.centre_id or 0, inactive=True)
    zone = ZoneInfo(centre.time_zone)
    starts, ends = day_in(now.astimezone(zone).date(), zone)
    department_id = actor.department_id or 0
    own = booking.in_department(department_id)
    incoming = requests.page(
        context.reader(),
        requests.asked_of(department_id),
        requests.standing_as({State.NEW, State.PROPOSED}),
        first=State.NEW,
        limit=REQUESTS_SHOWN,
    )
    return render_template(
        "dashboard/staff.html",
        has_sessions=bool(choices(context.work())),
        figures=requests.figures(context.reader(), department_id),
        incoming=incoming,
        outgoing=requests.page(
            context.reader(),
            requests.asked_by(department_id),
            requests.standing_as({State.NEW, State.PROPOSED, State.DECLINED}),
            first=State.PROPOSED,
            limit=REQUESTS_SHOWN,
        ),
        offers=offers.open_offers(context.work(), department_id=actor.department_id),
        token=token,
        centre=centre,
        department=directory.department(context.reader(), department_id, inactive=True),
        zone=zone,
        today=count_for(context.work(), own, booking.live(), booking.between(starts, ends)),
        left=appointments_for(
            context.work(),
            own,
            booking.to_come(now),
            booking.between(starts, ends),
            limit=LEFT_SHOWN,
        ),
        offered=offers.offered_other_times(context.work(), starts, ends),
        coming=appointments_for(context.work(), own, booking.to_come(ends), limit=SOON_SHOWN),
    )


def admin_page(actor: Actor) -> str:
    """Render an administrator's dashboard: problems first, then figures, then all there is."""
    now = context.now()
    zone = _own_zone()
    starts, ends = day_in(now.astimezone(zone).date(), zone)
    scope = () if actor.centre_id is None else (booking.at_centre(actor.centre_id),)
    live = booking.live()
    messages = outbox.counts(context.reader()) if actor.centre_id is None else {}
    waits = directory.waiting_staff(context.reader(), actor.centre_id)
    answers = requests.figures_at(context.reader(), actor.centre_id)
    unsigned = reviews.count_waiting(context.work())
    waiting = Waits(
        len(waits), answers.urgent + answers.routine, unsigned, messages.get("failed", 0)
    )
    return render_template(
        "dashboard/admin.html",
        groups=admin_groups(actor, waiting, has_sessions=bool(choices(context.work()))),
        waiting=waiting,
        figures=directory.figures(context.reader()),
        today=count_for(context.work(), *scope, live, booking.between(starts, ends)),
        week=count_for(
            context.work(), *scope, live, booking.between(starts, ends + timedelta(days=6))
        ),
        closed=appointments_for(context.work(), *scope, booking.in_closures(now), limit=LISTED),
        lag=outbox.lag(context.reader(), now=now),
        requests=answers,
        waits=waits,
        unsigned=unsigned,
        centre_id=actor.centre_id,
    )


def _own_zone() -> ZoneInfo:
    return ZoneInfo(context.settings().time_zone)


def _waiting(listed: list[Listed]) -> list[Listed]:
    return [listing for listing in listed if listing.entry.status == Waiting.WAITING]
