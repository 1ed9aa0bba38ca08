"""A patient's own health record: reading, access log and download."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, get_translations

from openslot.core.errors import NotFound
from openslot.core.language import Language, settled
from openslot.directory import queries as directory
from openslot.entrypoints.timeline import Kind, Place
from openslot.entrypoints.web import access, context, reading, records
from openslot.entrypoints.web.timeline import kind_names, place_in, record
from openslot.entrypoints.web.zones import own_zone
from openslot.exports import history as exports
from openslot.exports.history import History
from openslot.records import queries
from openslot.records.queries import Look

pages = Blueprint("history", __name__, url_prefix="/history")

READS_SHOWN = 50


@pages.get("")
@access.allow(access.PATIENTS)
def own() -> ResponseReturnValue:
    """Show the reader's health record."""
    return _page(_own_id())


@pages.get("/<uuid:patient_id>")
@access.allow(access.PATIENTS)
def of(patient_id: UUID) -> ResponseReturnValue:
    """Show a dependent's health record; the reader's own has its own address."""
    if patient_id == context.actor().patient_id:
        return redirect(url_for("history.own"), 303)
    return _page(patient_id)


def _own_id() -> UUID:
    patient_id = context.actor().patient_id
    if patient_id is None:
        raise NotFound
    return patient_id


def _page(patient_id: UUID) -> str:
    kind, after = reading.option("kind", Kind, Kind.ALL), place_in("after")
    records.open_or_refuse(patient_id)
    return render_template(
        "history/own.html",
        **_common(patient_id),
        allergies=queries.allergies(context.reader(), patient_id),
        timeline=record(patient_id, kind, after),
        kind=kind,
        kinds=kind_names(),
        after=after,
        address=lambda **changed: _address(
            "", patient_id, **{"kind": kind.value or None, **changed}
        ),
    )


def _address(page: str, patient_id: UUID, **arguments: Any) -> str:
    """Return the address of a health record page; the reader's own needs no id."""
    if patient_id == context.actor().patient_id:
        return url_for(f"history.own{'_' if page else ''}{page}", **arguments)
    return url_for(f"history.{page or 'of'}", patient_id=patient_id, **arguments)


def _common(patient_id: UUID) -> dict[str, Any]:
    actor = context.actor()
    session = context.reader()
    patient = directory.patient(session, patient_id)
    dependents = directory.dependents_of(session, actor.patient_id) if actor.patient_id else []
    others = [dependent for dependent, _link in dependents]
    return {
        "patient": patient,
        "is_own": patient_id == actor.patient_id,
        "others": others,
        "zone": own_zone(),
    }


# Access log


@pages.get("/reads")
@access.allow(access.PATIENTS)
def own_reads() -> ResponseReturnValue:
    """Show who read the reader's health record."""
    return _reads_page(_own_id())


@pages.get("/<uuid:patient_id>/reads")
@access.allow(access.PATIENTS)
def reads(patient_id: UUID) -> ResponseReturnValue:
    """Show who read a dependent's health record."""
    if patient_id == context.actor().patient_id:
        return redirect(url_for("history.own_reads"), 303)
    return _reads_page(patient_id)


@dataclass(frozen=True, slots=True)
class Reading:
    """Accesses by the same person on one day: the latest of each kind, the newest first.

    An emergency access with its reason is one of its own.
    """

    kinds: tuple[Look, ...]
    times: int

    @property
    def last(self) -> Look:
        """The latest access."""
        return self.kinds[0]


def _reads_page(patient_id: UUID) -> str:
    after = place_in("after")
    if not context.actor().acts_for(patient_id):
        records.refuse(patient_id)
    looks = exports.looks(
        context.reader(),
        patient_id,
        besides=context.account().id,
        after=after.key(0) if after else None,
        limit=READS_SHOWN + 1,
    )
    shown = _whole_days(looks)
    last = shown[-1].event if len(looks) > len(shown) else None
    return render_template(
        "history/reads.html",
        **_common(patient_id),
        readings=_by_day(shown),
        older=str(Place(last.at, 0, last.id)) if last else None,
        after=after,
        address=lambda **changed: _address("reads", patient_id, **changed),
    )


def _day(look: Look) -> date:
    return look.event.at.astimezone(own_zone()).date()


def _whole_days(looks: Sequence[Look]) -> Sequence[Look]:
    """Return what fits on a page, without the beginning of a day that goes on on the next; a day
    that is longer than a page is cut."""
    shown = looks[:READS_SHOWN]
    if len(looks) <= READS_SHOWN:
        return shown
    whole = [look for look in shown if _day(look) != _day(looks[READS_SHOWN])]
    return whole or shown


def _by_day(looks: Sequence[Look]) -> list[Reading]:
    """Group accesses by day and person."""
    groups: dict[tuple[object, ...], list[Look]] = {}
    for look in looks:
        groups.setdefault((_day(look), look.event.account_id, look.reason), []).append(look)
    return [Reading(_kinds(own), len(own)) for own in groups.values()]


def _kinds(looks: Sequence[Look]) -> tuple[Look, ...]:
    latest: dict[tuple[str, str | None], Look] = {}
    for look in looks:
        latest.setdefault((look.event.action, look.how), look)
    return tuple(latest.values())


# Downloads


@pages.get("/<uuid:patient_id>/export.json")
@access.allow(access.PATIENTS, fresh=True)
def as_json(patient_id: UUID) -> Response:
    """Return the whole health record as JSON, in the shape of docs/history.md."""
    document = exports.document(_full_history(patient_id))
    return _file(json.dumps(document, ensure_ascii=False, indent=1), "json", "application/json")


@pages.get("/<uuid:patient_id>/export.pdf")
@access.allow(access.PATIENTS, fresh=True)
def as_pdf(patient_id: UUID) -> Response:
    """Return the whole health record as PDF."""
    from openslot.exports import history_pdf  # noqa: PLC0415 - 30 MB, for what few ask for

    language = Language(settled(get_locale()), get_translations())
    document = history_pdf.pdf(
        _full_history(patient_id),
        language=language,
        zone=own_zone(),
        network=context.settings().network_name,
    )
    return _file(document, "pdf", "application/pdf")


def _full_history(patient_id: UUID) -> History:
    records.open_or_refuse(patient_id)
    return exports.whole(context.work(), patient_id)


def _file(content: str | bytes, ending: str, kind: str) -> Response:
    """Return a download; the file name contains no personal data."""
    day = context.now().astimezone(own_zone()).date()
    response = Response(content, content_type=kind)
    response.headers["Content-Disposition"] = (
        f"attachment; filename=health-record-{day.isoformat()}.{ending}"
    )
    return response
