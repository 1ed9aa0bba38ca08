"""Reports for administrators, and for practitioners about their own work."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import partial
from typing import Any

from flask import Blueprint, Response, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from openslot.core.actor import Role
from openslot.core.errors import Invalid, NotFound
from openslot.entrypoints.problems import sentence_of
from openslot.entrypoints.web import access, context, csv_file, reading
from openslot.entrypoints.web.report_words import (
    Kind,
    cell_text,
    cell_value,
    kind_name,
    report,
    reports,
)
from openslot.entrypoints.web.zones import own_zone
from openslot.reports import queries
from openslot.reports.answers import Answers, answers
from openslot.reports.errors import UnknownChoice
from openslot.reports.figures import Key, Offer
from openslot.reports.rules import (
    ONE_WEEK,
    RECENT_WEEKS,
    Group,
    Period,
    Question,
    Scope,
    check_centre,
    check_kind,
    check_period,
    last_weeks,
    scope_of,
)

pages = Blueprint("reports", __name__, url_prefix="/reports")

READERS = frozenset({Role.PRACTITIONER, Role.CENTRE_ADMIN, Role.NETWORK_ADMIN})
"""Roles that run something, and practitioners, for their own work."""

AT_FIRST = 12
"""Weeks shown by default."""

MOST_NAMED = 60
"""Schedules that fit into an address."""


@pages.get("")
@access.allow(READERS)
def show() -> ResponseReturnValue:
    """Show all reports; an invalid period is refused beside its field."""
    scope = scope_of(context.actor())
    offers = queries.offers(context.reader(), scope)
    try:
        report_answers = _answers(scope, offers)
    except Invalid as error:
        return _page(scope, offers, refused=sentence_of(error)), 422
    return _page(scope, offers, report_answers)


@pages.get("/<report_kind>.csv")
@access.allow(READERS)
def download(report_kind: str) -> Response:
    """Return the table of one report as CSV."""
    if report_kind not in set(Kind):
        raise NotFound
    scope = scope_of(context.actor())
    report_answers = _answers(scope, queries.offers(context.reader(), scope))
    table = report(Kind(report_kind), report_answers)
    first, last = report_answers.question.period
    rows = ([cell_value(cell) for cell in row] for row in table.rows)
    return csv_file.download(f"{report_kind}-{first}-{last}.csv", [table.columns, *rows])


def _answers(scope: Scope, offers: Mapping[int, Offer]) -> Answers:
    centre_ids = {offer.centre_id for offer in offers.values()}
    question = Question(
        scope=scope,
        period=_period(),
        group=_group(),
        centre_id=check_centre(reading.number("centre", 0) or None, centre_ids),
        kind=check_kind(reading.text("profession"), {offer.kind for offer in offers.values()}),
    )
    return answers(context.work(), question, offers)


def _period() -> Period:
    """Return the dates in the address, else the number of weeks, else the default."""
    since, until = reading.optional_day("since"), reading.optional_day("until")
    today = context.now().astimezone(own_zone()).date()
    if since is None and until is None:
        return last_weeks(reading.number("weeks", AT_FIRST), today)
    last = until or today
    return check_period(since or last - AT_FIRST * ONE_WEEK, last)


def _group() -> Group:
    group = reading.text("group") or Group.WEEK
    if group not in set(Group):
        raise UnknownChoice(field="group", name="group")
    return Group(group)


def _page(
    scope: Scope,
    offers: Mapping[int, Offer],
    report_answers: Answers | None = None,
    *,
    refused: str | None = None,
) -> str:
    period = report_answers.question.period if report_answers else None
    return render_template(
        "reports/show.html",
        period=period,
        since=str(period.first) if period else reading.text("since"),
        until=str(period.last) if period else reading.text("until"),
        refused=refused,
        errors=refused is not None,
        recent=[(weeks, _href(weeks=weeks), period == _recent(weeks)) for weeks in RECENT_WEEKS],
        centres=_centres(offers.values()),
        centre_id=reading.number("centre", 0),
        professions=_professions(scope, offers.values()),
        profession=reading.text("profession"),
        groups=_groups(scope),
        group=reading.text("group") or Group.WEEK,
        reports=reports(report_answers) if report_answers else [],
        file_of=lambda kind: _href("reports.download", period, report_kind=kind.value),
        cell_text=cell_text,
        href_of=partial(partial, _links(report_answers.question, offers))
        if report_answers
        else None,
        is_own=scope.practitioner_id is not None,
        one_centre=next((offer.centre for offer in offers.values()), None)
        if scope.centre_id
        else None,
    )


def _recent(weeks: int) -> Period:
    return last_weeks(weeks, context.now().astimezone(own_zone()).date())


def _href(endpoint: str = "reports.show", period: Period | None = None, **more: Any) -> str:
    """Return an address with the current filter."""
    filters = {name: reading.text(name) or None for name in ("centre", "profession", "group")}
    dates = {"since": str(period.first), "until": str(period.last)} if period else {}
    return url_for(endpoint, **{**filters, **dates, **more})


def _links(question: Question, offers: Mapping[int, Offer]) -> Callable[[Kind, Key], str | None]:
    """Return what leads from a report and a key to what is counted there.

    Centres and professions lead to their weeks, and the weeks of one centre to its appointments.
    """
    centre_id = question.scope.centre_id or question.centre_id
    counted = [
        key
        for key, offer in offers.items()
        if offer.centre_id == centre_id and offer.kind == question.kind
    ]
    weeks = {week.first: week.last for week in question.period.weeks()}

    def link(kind: Kind, key: Key) -> str | None:
        if not isinstance(key, date):
            narrowed: dict[str, Any] = {"profession" if isinstance(key, str) else "centre": key}
            return _href(period=question.period, **narrowed, group=Group.WEEK.value)
        if question.scope.practitioner_id is not None:
            return url_for("calendar.show", day=key)
        if centre_id is None or len(counted) > MOST_NAMED:
            return None
        return url_for(
            "desk.listing",
            centre=centre_id,
            day=key,
            until=weeks[key],
            only=counted or None,
            show="no-show" if kind is Kind.NO_SHOWS else None,
        )

    return link


def _centres(offers: Iterable[Offer]) -> list[tuple[int, str]]:
    named = {(offer.centre.casefold(), offer.centre_id, offer.centre) for offer in offers}
    return [(centre_id, name) for _, centre_id, name in sorted(named)]


def _professions(scope: Scope, offers: Iterable[Offer]) -> list[tuple[str, str]]:
    """Return the professions to filter by; a practitioner has only one."""
    if scope.practitioner_id is not None:
        return []
    return sorted(
        {(offer.kind, kind_name(offer.kind, offer.kind_name)) for offer in offers},
        key=lambda choice: choice[1],
    )


def _groups(scope: Scope) -> dict[Group, str]:
    names = {Group.WEEK: _("Week"), Group.CENTRE: _("Centre"), Group.PROFESSION: _("Profession")}
    useless = {
        Group.PROFESSION: scope.practitioner_id is not None,
        Group.CENTRE: scope.centre_id is not None,
    }
    return {group: str(name) for group, name in names.items() if not useless.get(group)}
