"""The audit for administrators, as a page and as a file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, render_template, stream_with_context, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from openslot.core import audit, sealing
from openslot.core.actor import Role
from openslot.core.audit import AuditEvent, Place, Scope, Wanted
from openslot.core.errors import Malformed
from openslot.entrypoints.web import access, asked, context, csv_file, reading
from openslot.entrypoints.web.admin_accounts import role_names
from openslot.entrypoints.web.audit_words import (
    BEGINNINGS,
    Group,
    act,
    details,
    group_names,
    kind_names,
)
from openslot.entrypoints.web.zones import own_zone
from openslot.identity import queries as identities
from openslot.identity.models import Account
from openslot.reports import oversight
from openslot.reports.oversight import Thing

pages = Blueprint("admin_audit", __name__)

PAGE_SIZE = 50
MOST_ROWS = 50_000
"""Most rows of a file; more need several files with shorter periods."""

ROWS_AT_ONCE = 1_000
MOST_PEOPLE = 200
"""Most accounts that a search for a person considers."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Filter of the audit, as carried by the form and the address, where the person is hidden."""

    person: str
    group: Group
    subject: str
    since: date | None
    until: date | None

    @property
    def is_set(self) -> bool:
        """Return whether any filter is set."""
        return any((self.person, self.group, self.subject, self.since, self.until))

    def arguments(self) -> dict[str, Any]:
        """Return the filter as query arguments that anybody may read."""
        return {name: value for name, value in self.values().items() if name != "person"}

    def values(self) -> dict[str, str]:
        """Return what is set, by name."""
        values = {
            "person": self.person,
            "group": self.group,
            "subject": self.subject,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        return {name: str(value) for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Row:
    """One event, ready to show."""

    event: AuditEvent
    who: str
    role: str
    what: str
    kind: str
    thing: Thing | None
    href: str | None
    details: str


@pages.route("/admin/audit", methods=["GET", "POST"])
@access.allow(access.ADMINS)
@asked.searching("person")
def listing() -> str:
    """List matching events, newest first, with a constant number of statements."""
    chosen = _filter()
    session = context.reader()
    scope = oversight.scope_of(context.work(), chosen.subject or None)
    events = audit.events(
        session, _search_terms(chosen, scope), after=_cursor(), limit=PAGE_SIZE + 1
    )
    rows = list(_rows(session, events[:PAGE_SIZE], scope))
    last = rows[-1].event if len(events) > PAGE_SIZE else None
    page = render_template(
        "admin/audit.html",
        rows=rows,
        wanted=chosen,
        groups=group_names(),
        zone=own_zone(),
        is_first=_cursor() is None,
        older=_href(chosen, before=_cursor_text(last)) if last else None,
        newest=_href(chosen),
        file=url_for("admin_audit.download", **chosen.arguments(), **asked.again()),
        everything=_href(replace(chosen, subject="")),
        about=lambda subject: url_for("admin_audit.listing", subject=subject),
        state=sealing.state(session),
        is_network=scope is None,
    )
    _note_reading(chosen, "page")  # not before, or the page would always begin with itself
    return page


@pages.get("/admin/audit.csv")
@access.allow(access.ADMINS, fresh=True)
@asked.searching("person")
def download() -> Response:
    """Return the matching events as CSV, at most MOST_ROWS."""
    chosen = _filter()
    _note_reading(chosen, "file")
    scope = oversight.scope_of(context.work(), chosen.subject or None)
    rows = _file(_search_terms(chosen, scope), csv_file.style())
    context.close_reader()  # none is held open while the file is carried away
    response = Response(stream_with_context(rows), mimetype="text/csv")
    day = context.now().astimezone(own_zone()).date().isoformat()
    response.headers["Content-Disposition"] = f'attachment; filename="audit-{day}.csv"'
    return response


def _note_reading(chosen: Filter, how: str) -> None:
    """Note who read the audit, and which filter they used, without what they typed."""
    names = sorted(name for name in chosen.values() if name != "subject")
    about = chosen.subject if ":" in chosen.subject else None
    context.write(audit.record, "audit.read", "audit:all", how=how, about=about, fields=names)


def _filter() -> Filter:
    since, until = reading.optional_day("since"), reading.optional_day("until")
    if since and until and until < since:
        raise Malformed("The last day must not be before the first.", field="until")
    return Filter(
        person=asked.text("person"),
        group=reading.option("group", Group, Group.ALL),
        subject=reading.text("subject")[:80],
        since=since,
        until=until,
    )


def _search_terms(chosen: Filter, scope: Scope | None) -> Wanted:
    people = None
    if chosen.person:
        accounts, _count = identities.accounts(
            context.reader(), text=chosen.person, limit=MOST_PEOPLE, offset=0
        )
        people = frozenset(account.id for account in accounts)
    zone = own_zone()
    return Wanted(
        beginnings=BEGINNINGS[chosen.group],
        accounts=people,
        subject=chosen.subject or None,
        since=_midnight(chosen.since, zone) if chosen.since else None,
        until=_midnight(chosen.until + timedelta(days=1), zone) if chosen.until else None,
        scope=scope,
    )


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _cursor() -> Place | None:
    """Return the keyset cursor from the address."""
    written = reading.text("before")
    if not written:
        return None
    at, _, event_id = written.partition("_")
    try:
        return Place(datetime.fromisoformat(at).replace(tzinfo=UTC), UUID(event_id))
    except ValueError:
        raise Malformed from None


def _cursor_text(event: AuditEvent) -> str:
    return f"{event.at.astimezone(UTC).replace(tzinfo=None).isoformat()}_{event.id}"


def _href(chosen: Filter, **more: Any) -> str:
    return url_for("admin_audit.listing", **chosen.arguments(), **asked.again(), **more)


def _rows(session: Session, events: Sequence[AuditEvent], scope: Scope | None) -> Iterator[Row]:
    people = _people(session, events)
    things = oversight.things(session, {event.subject for event in events})
    roles, kinds = role_names(), kind_names()
    for event in events:
        account = people.get(event.account_id) if event.account_id else None
        thing = things.get(event.subject)
        kind = event.subject.partition(":")[0]
        yield Row(
            event=event,
            who=_actor_name(event, account),
            role=roles[Role(account.role)] if account else "",
            what=act(event),
            kind=kinds.get(kind, kind),
            thing=thing,
            href=_page_of(thing, event.subject, scope) if thing else None,
            details=details(event),
        )


def _people(session: Session, events: Iterable[AuditEvent]) -> dict[UUID, Account]:
    return identities.by_ids(session, {event.account_id for event in events if event.account_id})


def _actor_name(event: AuditEvent, account: Account | None) -> str:
    """Return the name of the actor, or a description if there is none."""
    if account:
        return account.name
    if event.account_id:
        return str(_("A deleted account"))
    if program := _program(event):
        return program
    return str(_("Someone not signed in") if event.address else _("System"))


def _program(event: AuditEvent) -> str:
    """Return the name of the program that acted with a key or as a client; empty if none."""
    return str(event.details.get("program", ""))


PAGES = {
    "account": ("admin_accounts.show", "account_id"),
    "appointment": ("appointments.show", "appointment_id"),
    "centre": ("admin.centre", "centre_id"),
    "department": ("admin_departments.show", "department_id"),
    "patient": ("patients.show", "patient_id"),
    "practitioner": ("profiles.practitioner", "practitioner_id"),
    "schedule": ("admin_schedules.edit", "schedule_id"),
    "service": ("admin_services.edit", "service_id"),
}
"""For each kind of item: its endpoint, and the name of its id in the address."""

FOR_ALL = frozenset({"practitioner"})
"""Kinds whose page every administrator may open."""


def _page_of(thing: Thing, subject: str, scope: Scope | None) -> str | None:
    """Return the address of an item's page, or None if the reader may not open it."""
    own = scope is None or thing.kind in FOR_ALL or subject in scope.subjects
    at_own_centre = (
        thing.appointment is not None and thing.appointment.centre.id == context.actor().centre_id
    )
    if not (own or at_own_centre):
        return None
    endpoint, name = PAGES[thing.kind]
    values: dict[str, Any] = {name: thing.id}
    return url_for(endpoint, **values)


def _file(wanted: Wanted, style: csv_file.Style) -> Iterator[str]:
    """Yield the file in pieces, each read in its own transaction."""
    database = context.services().database
    heading = ["time", "account", "role", "action", "subject", "address", "details", "seal"]
    yield csv_file.MARK + csv_file.line(heading, style)
    after: Place | None = None
    for _piece in range(MOST_ROWS // ROWS_AT_ONCE):
        with database.reading() as session:
            events = audit.events(session, wanted, after=after, limit=ROWS_AT_ONCE)
            people = _people(session, events)
        yield "".join(csv_file.line(_cells(event, people), style) for event in events)
        if len(events) < ROWS_AT_ONCE:
            return
        after = Place(events[-1].at, events[-1].id)


def _cells(event: AuditEvent, people: dict[UUID, Account]) -> list[str]:
    account = people.get(event.account_id) if event.account_id else None
    return [
        event.at.isoformat(),
        account.email if account else str(event.account_id or _program(event)),
        account.role if account else "",
        event.action,
        event.subject,
        event.address or "",
        details(event),
        str(event.seal_number or ""),
    ]
