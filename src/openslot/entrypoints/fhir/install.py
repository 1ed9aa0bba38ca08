"""Registers FHIR in the app: views, error handling and content negotiation."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking.commands import appointment_for
from openslot.booking.models import Appointment
from openslot.booking.slots import Booker
from openslot.core.errors import Expired, NotFound
from openslot.core.work import Work
from openslot.entrypoints import bearer, failures, limits
from openslot.entrypoints.failures import Problem
from openslot.entrypoints.fhir import (
    access,
    appointment_writing,
    asking,
    bulk_export,
    bulk_publish,
    capability,
    histories,
    operations,
    received,
    search,
    smart,
    tokens,
    unkept,
    writers,
)
from openslot.entrypoints.fhir.access import interaction
from openslot.entrypoints.fhir.answers import (
    accepts_json,
    answer,
    base,
    handling,
    is_known,
    of_version,
    preferences,
    tag,
    version_of,
    wanted_version,
    zone,
)
from openslot.entrypoints.fhir.appointment import RESOURCE as APPOINTMENT
from openslot.entrypoints.fhir.bundle import searchset, trim
from openslot.entrypoints.fhir.clients import FORM
from openslot.entrypoints.fhir.elements import Json, Site
from openslot.entrypoints.fhir.outcome import issue, outcome, render
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.fhir.resource import Asked, Kind, Resource
from openslot.entrypoints.fhir.slot import PROPOSED
from openslot.entrypoints.fhir.writers import WRITERS, Writer
from openslot.entrypoints.free_for import booker_for
from openslot.entrypoints.problems import UnsupportedMedia
from openslot.entrypoints.published import revalidated
from openslot.entrypoints.request import now, reader, settings
from openslot.entrypoints.rules import Rule, opened

pages = Blueprint("fhir", __name__)


class Gone(Expired):
    """This resource no longer exists."""


def install(app: Flask) -> None:
    """Register all views; call it after the API, so that failures are rendered as FHIR."""
    app.register_blueprint(pages)
    app.register_blueprint(bulk_publish.pages)
    app.register_blueprint(bulk_export.pages)
    app.after_request(_set_allow)
    for programs in (pages, bulk_export.pages):
        app.extensions["csrf"].exempt(programs)
    failures.register(app, is_ours, render)
    tokens.install(app)


def is_ours() -> bool:
    """Return whether this request is for FHIR, even if no view matches it."""
    return request.path in ("/fhir", *smart.ADDRESSES) or request.path.startswith("/fhir/")


def _set_allow(response: Response) -> Response:
    """Set Allow for the resource, as one view serves all resources."""
    if "Allow" in response.headers and is_ours():
        kind, *rest = request.path.removeprefix("/fhir/").split("/")
        if kind in RESOURCES:
            methods = _methods(RESOURCES[kind], rest)
            response.headers["Allow"] = ", ".join([*methods, "OPTIONS"])
    return response


def _methods(kind: Kind, rest: Sequence[str]) -> list[str]:
    """Return the methods of a resource, or of the address ``rest`` below it."""
    own = [rule for rule in current_app.url_map.iter_rules() if rule.rule == request.path]
    if own:
        return sorted({method for rule in own for method in rule.methods or ()} - {"OPTIONS"})
    if rest and rest[-1] in ("_search", "$cancel"):
        return ["POST"]
    read, write, method = (
        ("search-type", "create", "POST") if not rest else ("read", "update", "PUT")
    )
    if len(rest) > 1:
        read, write = "vread", ""
    readable = ["GET", "HEAD"] if read in kind.interactions else []
    return [*readable, *([method] if write in kind.interactions else [])]


@pages.before_request
def negotiate() -> BaseResponse | None:
    """Refuse requests that do not accept JSON."""
    if accepts_json():
        return None
    sentence = "Accept application/fhir+json of FHIR 4.0, or send no Accept header."
    return failures.render(Problem(406, "not-acceptable", sentence))


@pages.get("/fhir/metadata")
@opened(Rule.PUBLIC)
def metadata() -> ResponseReturnValue:
    """Return the CapabilityStatement."""
    return revalidated(answer(capability.statement(RESOURCES, _site(), settings().network_name)))


@pages.get("/fhir/<kind>")
@interaction("s")
def search_by_get(kind: str) -> ResponseReturnValue:
    """Search with the parameters in the address."""
    return _search(kind, list(request.args.items(multi=True)))


@pages.post("/fhir/<kind>/_search")
@interaction("s")
def search_by_post(kind: str) -> ResponseReturnValue:
    """Search with the parameters in a form and in the address."""
    _kind(kind, "search-type", "s")
    if request.mimetype not in ("", FORM):
        raise UnsupportedMedia(f"Send the parameters as {FORM}.")
    sent = [*request.args.items(multi=True), *request.form.items(multi=True)]
    return _search(kind, sent)


@pages.route("/fhir/Appointment/$find", methods=["GET", "POST"])
@interaction("s")
def find_appointments() -> ResponseReturnValue:
    """Return free slots as proposed appointments; for a patient, those that they can book."""
    access.demand("Slot", "s")
    limits.search(bearer.actor())
    body = operations.body()
    pairs = list(request.args.items(multi=True)) + operations.texts(body, _identified)
    query = asking.read(PROPOSED, operations.slot_search(pairs, zone()), RESOURCES, handling())
    asked = _asked()
    asked = replace(
        asked,
        booker=_booker(operations.patient_of(pairs, body, asked.site.base)),
        moving=_moving(operations.moving(pairs, asked.site.base)),
        in_emergency=operations.is_in_emergency(pairs),
    )
    found = PROPOSED.find(bearer.work(), query, RESOURCES, asked)
    return answer(operations.proposals(pairs, query, found, asked.site))


def _identified(kind: str, token: str) -> list[str]:
    """Return the ids of the resources of a kind that have an identifier."""
    resource = RESOURCES[kind]
    parameter = resource.parameters.get("identifier")
    access.demand(kind, "s")
    if not isinstance(resource, Resource) or parameter is None:
        return []
    asked = _asked()
    condition = parameter.match("identifier", token, "", asked)
    rows = () if condition is None else search.fetch(reader(), resource, condition, asked=asked)
    return [str(resource.show(row, asked.site)["id"]) for row in rows]


def _moving(appointment_id: UUID | None) -> Appointment | None:
    """Return the appointment that other times are searched for."""
    if appointment_id is None:
        return None
    access.demand("Appointment", "r")
    return appointment_for(bearer.work(), appointment_id)[0]


def _booker(patient_id: UUID | None) -> Booker | None:
    """Return who searches and for which patient."""
    if patient_id is not None:
        access.demand("Appointment", "s")
    reads = access.allows("Appointment", "s")
    return booker_for(bearer.work(), patient_id, reads_appointments=reads)


@pages.post("/fhir/Appointment/$hold", defaults={"status": "pending"})
@pages.post("/fhir/Appointment/$book", defaults={"status": "booked"})
@interaction("c")
def take(status: str) -> ResponseReturnValue:
    """Hold or book a proposal, or change, book or cancel an existing appointment."""
    asked = _asked()
    access.demand("Appointment", "c")
    parameters, holds = operations.body(), status == "pending"
    operations.check_names(parameters, operations.HOLD if holds else operations.BOOK)
    resource, key = operations.wanted(parameters, base())
    appointment_id = APPOINTMENT.read_id(key) if key else None
    old = operations.replaced(parameters, base())
    if key is not None or old is not None:
        access.demand("Appointment", "u")
    old_id = APPOINTMENT.read_id(old) if old is not None else None
    if old is not None and old_id is None:
        raise NotFound(field="cancelled-appt-id")
    if key is not None:
        resource = resource or operations.for_patient(_read(APPOINTMENT, key), parameters)
    if appointment_id is None and key is not None:
        raise NotFound
    stays = {"cancelled", *(() if key else appointment_writing.ENTERED)}
    if resource.get("status") not in stays or holds:
        resource["status"] = status
    resource = operations.with_answers(resource, parameters)
    sent = received.read(resource)

    def make(work: Work) -> Appointment:
        if appointment_id:
            return appointment_writing.update(work, appointment_id, sent, None, base())
        return appointment_writing.create(work, sent, base())

    def save(work: Work) -> Appointment:
        return (
            appointment_writing.replace(work, old_id, lambda: make(work)) if old_id else make(work)
        )

    shown = APPOINTMENT.show(bearer.write(save), asked.site)
    warnings = unkept.warnings(resource, shown, base())
    if not access.allows("Appointment", "r"):
        shown, warnings = operations.written(shown), []
    bundle = operations.done(shown, "hold" if holds else "book", warnings, asked.site)
    return answer(bundle, 200 if appointment_id else 201)


@pages.post("/fhir/Appointment/<key>/$cancel")
@interaction("u")
def cancel(key: str) -> ResponseReturnValue:
    """Cancel an appointment, or release a hold."""
    access.demand("Appointment", "u")
    appointment_id = APPOINTMENT.read_id(key)
    if appointment_id is None:
        raise NotFound
    parameters, asked = operations.body(), _asked()
    operations.check_names(parameters, operations.CANCEL)
    why = operations.reason(parameters)
    shown = _read(APPOINTMENT, key) | {"status": "cancelled"}
    sent = received.read(shown | ({"cancelationReason": why} if why else {}))
    appointment = bearer.write(appointment_writing.update, appointment_id, sent, None, base())
    shown = APPOINTMENT.show(appointment, asked.site)
    return _written(of_version(shown), {}, shown)


@pages.get("/fhir/<kind>/<key>")
@interaction("r")
def read(kind: str, key: str) -> ResponseReturnValue:
    """Read a resource."""
    resource = _read(_kind(kind, "read", "r"), key)
    if is_known(resource):
        return Response(status=304, headers={"ETag": tag(version_of(resource))})
    return of_version(resource)


@pages.get("/fhir/<kind>/<key>/_history/<version>")
@interaction("r")
def read_version(kind: str, key: str, version: str) -> ResponseReturnValue:
    """Read a resource if the version is the newest; older versions are not stored."""
    resource = _read(_kind(kind, "vread", "r"), key)
    if version_of(resource) != version:
        raise NotFound("Only the newest version is stored. Read it without _history.")
    return of_version(resource)


@pages.post("/fhir/<kind>")
@interaction("c")
def create(kind: str) -> ResponseReturnValue:
    """Create a resource, or return the one that matches If-None-Exist."""
    resource, writer = _writer(kind, "create", "c")
    sent = received.body()
    body, condition = writer.read(sent), writers.condition(resource)
    asked = _asked()

    def save(work: Work) -> tuple[Any, bool]:
        match = writers.matching(work.session, resource, condition, asked) if condition else None
        return (match, False) if match else (writer.create(work, body, base()), True)

    row, is_new = bearer.write(save)
    show = resource.whole if is_new and resource.whole else resource.show
    shown = show(row, asked.site)
    response = of_version(shown, 201 if is_new else 200, created=True)
    return _written(response, sent if is_new else {}, shown)


@pages.put("/fhir/<kind>/<key>")
@interaction("u")
def update(kind: str, key: str) -> ResponseReturnValue:
    """Change the elements that differ from the stored resource."""
    resource, writer = _writer(kind, "update", "u")
    row_key = resource.read_id(key)
    if row_key is None:
        raise NotFound
    sent = received.body()
    body, version, asked = writer.read(sent), wanted_version(), _asked()
    try:
        row = bearer.write(lambda work: writer.update(work, row_key, body, version, base()))
    except NotFound:
        if resource.gone(reader(), row_key, asked):
            raise Gone from None
        raise
    shown = (resource.whole or resource.show)(row, asked.site)
    return _written(of_version(shown, created=shown["id"] != key), sent, shown)


def _kind(name: str, code: str, letter: str) -> Kind:
    """Return the resource type; check the caller's scope and the type's interaction."""
    kind = RESOURCES.get(name)
    if kind is None:
        raise NotFound("Resource type not found. /fhir/metadata lists all types.")
    access.demand(name, letter)
    if code not in kind.interactions:
        raise MethodNotAllowed(valid_methods=["GET"])
    return kind


def _writer(name: str, code: str, letter: str) -> tuple[Resource, Writer]:
    """Return a resource type that can be written, with its writer."""
    kind = _kind(name, code, letter)
    assert isinstance(kind, Resource)  # computed resources cannot be written
    return kind, WRITERS[name]


def _site() -> Site:
    return Site(base(), now())


def _asked() -> Asked:
    return Asked(_site(), zone(), bearer.actor())


def _search(name: str, pairs: asking.Pairs) -> Response:
    kind = _kind(name, "search-type", "s")
    limits.search(bearer.actor())
    query = asking.read(kind, pairs, RESOURCES, handling())
    access.demand_chained(kind, query, RESOURCES)
    asked, session = _asked(), reader()
    if isinstance(kind, Resource):
        found = search.run(session, kind, query, RESOURCES, asked)
    else:
        found = kind.find(bearer.work(), query, RESOURCES, asked)
    bundle = searchset(session, kind, query, found, RESOURCES, asked)
    histories.note_search(kind, query, bundle, RESOURCES, asked)
    return answer(trim(bundle, query.elements))


def _read(kind: Kind, text: str) -> Json:
    """Return a resource; raise Gone if it was deleted, NotFound if it is missing or hidden."""
    asked, session = _asked(), reader()
    if not isinstance(kind, Resource):
        row = kind.read(bearer.work(), text, asked)
        if row is None:
            raise NotFound
        return kind.show(row, asked.site)
    key = kind.read_id(text)
    rows = search.by_keys(session, kind, [key], asked=asked) if key is not None else ()
    if not rows:
        if key is not None and kind.gone(session, key, asked):
            raise Gone
        histories.note_missed(kind, [] if key is None else [key])
        raise NotFound
    opened = kind.opened
    if opened is not None:
        bearer.write(lambda work: opened(work, rows[0], asked))
    return (kind.whole or kind.show)(rows[0], asked.site)


def _written(response: Response, sent: Json, shown: Json) -> Response:
    """Return the response with the body that the client prefers: with an OperationOutcome, it
    learns what was not kept. A program that may not read gets no resource."""
    preferred = preferences().get("return", "").lower()
    if preferred == "minimal" or not access.allows(shown["resourceType"], "r"):
        response.set_data(b"")
    elif preferred == "operationoutcome":
        summary = issue("informational", "Done.", severity="information")
        told = outcome(summary, *unkept.warnings(sent, shown, base()))
        response.set_data(json.dumps(told, ensure_ascii=False))
    return response
