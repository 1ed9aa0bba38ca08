"""Wires FHIR into the app: its addresses, how its failures look, what may be asked of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Response as BaseResponse

from openslot.booking.whom import Booker
from openslot.core.errors import Expired, NotFound
from openslot.entrypoints import bearer, failures, limits
from openslot.entrypoints.failures import Problem
from openslot.entrypoints.fhir import (
    access,
    asking,
    bulk_publish,
    capability,
    histories,
    operations,
    received,
    search,
    tokens,
    writers,
    writing,
)
from openslot.entrypoints.fhir.answers import (
    accepts_json,
    answer,
    base,
    is_known,
    of_version,
    preferences,
    tag,
    version_of,
    wanted_version,
)
from openslot.entrypoints.fhir.appointment import RESOURCE as APPOINTMENT
from openslot.entrypoints.fhir.bundle import searchset
from openslot.entrypoints.fhir.elements import Json, Site
from openslot.entrypoints.fhir.outcome import render
from openslot.entrypoints.fhir.registry import RESOURCES
from openslot.entrypoints.fhir.resource import Asked, Kind, Resource
from openslot.entrypoints.fhir.slot import PROPOSED
from openslot.entrypoints.fhir.tokens import FORM
from openslot.entrypoints.fhir.writers import WRITERS, Writer
from openslot.entrypoints.free_for import booker_for
from openslot.entrypoints.problems import UnsupportedMedia
from openslot.entrypoints.request import now, reader, settings, write
from openslot.entrypoints.rules import Rule, opened

SMART = "/.well-known/smart-configuration"

pages = Blueprint("fhir", __name__)

View = TypeVar("View", bound=Callable[..., Any])


class Gone(Expired):
    """This is no longer kept."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """What a view does, as a letter of SMART's scopes; read by the check of access. Whose rows it
    gives, each resource says by its ``rule``."""

    scope: str


def install(app: Flask) -> None:
    """Register all addresses; after the API, so that failures here look as FHIR has them."""
    app.register_blueprint(pages)
    app.register_blueprint(bulk_publish.pages)
    app.after_request(_say_what_is_allowed)
    app.extensions["csrf"].exempt(pages)
    failures.register(app, is_ours, render)
    tokens.install(app)


def is_ours() -> bool:
    """Whether this request was meant for FHIR, also where nothing here answers it."""
    return request.path in ("/fhir", SMART) or request.path.startswith("/fhir/")


def interaction(letter: str) -> Callable[[View], View]:
    """Mark a view with the letter of the scope that it demands."""

    def mark(view: View) -> View:
        view.operation = Interaction(letter)  # type: ignore[attr-defined] # read by the check
        return view

    return mark


def _say_what_is_allowed(response: Response) -> Response:
    """Allow names what the resource can do, where one address serves them all."""
    parts = request.path.removeprefix("/fhir/").split("/")
    if "Allow" in response.headers and is_ours() and parts[0] in RESOURCES:
        methods = _methods(RESOURCES[parts[0]], parts[1:])
        response.headers["Allow"] = ", ".join([*methods, "OPTIONS"])
    return response


def _methods(kind: Kind, rest: Sequence[str]) -> list[str]:
    """How a kind of resource, or below it ``rest``, can be asked."""
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
    """Only FHIR's JSON is spoken here."""
    if accepts_json():
        return None
    sentence = "Answers here are application/fhir+json. Accept that, or leave Accept out."
    return failures.render(Problem(406, "not-acceptable", sentence))


@pages.get("/fhir/metadata")
@opened(Rule.PUBLIC)
def metadata() -> ResponseReturnValue:
    """The CapabilityStatement."""
    return answer(capability.statement(RESOURCES, _site(), settings().network_name))


@pages.get(SMART)
@pages.get(f"/fhir{SMART}")
@opened(Rule.PUBLIC)
def smart() -> ResponseReturnValue:
    """How programs prove themselves."""
    return jsonify(capability.smart(RESOURCES, tokens.address()))


@pages.get("/fhir/<kind>")
@interaction("s")
def search_by_get(kind: str) -> ResponseReturnValue:
    """Search by the parameters of the address."""
    return _search(kind, list(request.args.items(multi=True)))


@pages.post("/fhir/<kind>/_search")
@interaction("s")
def search_by_post(kind: str) -> ResponseReturnValue:
    """Search by a form, and the parameters of the address."""
    _kind(kind, "search-type", "s")
    if request.mimetype not in ("", FORM):
        raise UnsupportedMedia(f"Send the parameters as {FORM}.")
    sent = [*request.args.items(multi=True), *request.form.items(multi=True)]
    return _search(kind, sent)


@pages.route("/fhir/Appointment/$find", methods=["GET", "POST"])
@interaction("s")
def find_appointments() -> ResponseReturnValue:
    """Free times as proposed appointments; for a patient, such as can be booked for them."""
    access.demand("Slot", "s")
    limits.search(bearer.actor())
    body = operations.body()
    pairs = list(request.args.items(multi=True)) + operations.texts(body)
    strict = preferences().get("handling") == "strict"
    query = asking.read(PROPOSED, operations.slot_search(pairs), RESOURCES, strict=strict)
    asked = _asked()
    asked = replace(asked, booker=_booker(operations.patient_of(pairs, body, asked.site.base)))
    found = PROPOSED.find(reader(), query, RESOURCES, asked)
    return answer(operations.proposals(pairs, query, found, asked.site))


def _booker(patient_id: UUID | None) -> Booker | None:
    """Who looks for times, and for whom."""
    if patient_id is not None:
        access.demand("Appointment", "s")
    reads = access.allows("Appointment", "s")
    return booker_for(bearer.actor(), patient_id, reads_appointments=reads)


@pages.post("/fhir/Appointment/$hold", defaults={"status": "pending"})
@pages.post("/fhir/Appointment/$book", defaults={"status": "booked"})
@interaction("c")
def take(status: str) -> ResponseReturnValue:
    """Keep or book a proposal; change, book or cancel what is here already."""
    asked, context = _asked(), _context()
    access.demand("Appointment", "c")
    parameters = operations.body()
    wanted, key = operations.wanted(parameters, context.base)
    known = APPOINTMENT.read_id(key) if key else None
    if key is not None:
        access.demand("Appointment", "u")
        wanted = wanted or operations.for_patient(_read(APPOINTMENT, key), parameters)
    if known is None and key is not None:
        raise NotFound
    if wanted.get("status") != "cancelled" or status == "pending":
        wanted["status"] = status
    sent = received.read(wanted)
    appointment = write(
        lambda session: (
            writing.update(session, known, sent, None, context)
            if known
            else writing.create(session, sent, context)
        )
    )
    shown = APPOINTMENT.show(appointment, asked.site)
    return answer(operations.done(shown, asked.site), 200 if known else 201)


@pages.post("/fhir/Appointment/<key>/$cancel")
@interaction("u")
def cancel(key: str) -> ResponseReturnValue:
    """Cancel an appointment, or let a kept time go."""
    access.demand("Appointment", "u")
    known = APPOINTMENT.read_id(key)
    if known is None:
        raise NotFound
    why, context, asked = operations.reason(operations.body()), _context(), _asked()
    shown = _read(APPOINTMENT, key) | {"status": "cancelled"}
    sent = received.read(shown | ({"cancelationReason": why} if why else {}))
    appointment = write(lambda session: writing.update(session, known, sent, None, context))
    return of_version(APPOINTMENT.show(appointment, asked.site))


@pages.get("/fhir/<kind>/<key>")
@interaction("r")
def read(kind: str, key: str) -> ResponseReturnValue:
    """Read one resource."""
    found = _read(_kind(kind, "read", "r"), key)
    if is_known(found):
        return Response(status=304, headers={"ETag": tag(version_of(found))})
    return of_version(found)


@pages.get("/fhir/<kind>/<key>/_history/<version>")
@interaction("r")
def read_version(kind: str, key: str, version: str) -> ResponseReturnValue:
    """Read one resource as it is, if that is the version; older ones are not kept."""
    found = _read(_kind(kind, "vread", "r"), key)
    if version_of(found) != version:
        raise NotFound("Only the newest version is kept. Read it without _history.")
    return of_version(found)


@pages.post("/fhir/<kind>")
@interaction("c")
def create(kind: str) -> ResponseReturnValue:
    """Make one, or, if one fits If-None-Exist, answer with that."""
    found, writer = _writer(kind, "create", "c")
    body, condition = writer.read(received.body()), writers.condition(found)
    asked, context = _asked(), _context()

    def work(session: Session) -> tuple[Any, bool]:
        known = writers.matching(session, found, condition, asked) if condition else None
        return (known, False) if known else (writer.create(session, body, context), True)

    row, is_new = write(work)
    show = found.whole if is_new and found.whole else found.show
    return _written(of_version(show(row, asked.site), 201 if is_new else 200, created=True))


@pages.put("/fhir/<kind>/<key>")
@interaction("u")
def update(kind: str, key: str) -> ResponseReturnValue:
    """Change what differs from what is there."""
    found, writer = _writer(kind, "update", "u")
    known = found.read_id(key)
    if known is None:
        raise NotFound
    body, version, asked = writer.read(received.body()), wanted_version(), _asked()
    context = _context()
    try:
        row = write(lambda session: writer.update(session, known, body, version, context))
    except NotFound:
        if found.gone(reader(), known, asked):
            raise Gone from None
        raise
    shown = (found.whole or found.show)(row, asked.site)
    return _written(of_version(shown, created=shown["id"] != key))


def _kind(name: str, code: str, letter: str) -> Kind:
    """The resource, if it can do this and the bearer may."""
    found = RESOURCES.get(name)
    if found is None:
        raise NotFound("There is no such resource here; see /fhir/metadata.")
    access.demand(name, letter)
    if code not in found.interactions:
        raise MethodNotAllowed(valid_methods=["GET"])
    return found


def _writer(name: str, code: str, letter: str) -> tuple[Resource, Writer]:
    """A resource that programs write, and how."""
    found = _kind(name, code, letter)
    assert isinstance(found, Resource)  # what is computed has no such interactions
    return found, WRITERS[name]


def _site() -> Site:
    return Site(base(), now())


def _asked() -> Asked:
    return Asked(_site(), ZoneInfo(settings().time_zone), bearer.actor())


def _context() -> writing.Context:
    return writing.Context(bearer.actor(), settings(), now(), base())


def _search(name: str, pairs: asking.Pairs) -> Response:
    kind = _kind(name, "search-type", "s")
    limits.search(bearer.actor())
    strict = preferences().get("handling") == "strict"
    query = asking.read(kind, pairs, RESOURCES, strict=strict)
    access.demand_chained(kind, query, RESOURCES)
    asked, session = _asked(), reader()
    if isinstance(kind, Resource):
        found = search.run(session, kind, query, RESOURCES, asked)
    else:
        found = kind.find(session, query, RESOURCES, asked)
    bundle = searchset(session, kind, query, found, RESOURCES, asked)
    histories.note_search(kind, query, bundle, RESOURCES, asked)
    return answer(bundle)


def _read(kind: Kind, text: str) -> Json:
    """One resource; NotFound for what is not there or not for this reader, Gone for what was."""
    asked, session = _asked(), reader()
    if not isinstance(kind, Resource):
        row = kind.read(session, text, asked)
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
        write(lambda session: opened(session, rows[0], asked))
    return (kind.whole or kind.show)(rows[0], asked.site)


def _written(response: Response) -> Response:
    """Without the resource, where the client prefers that."""
    if preferences().get("return") == "minimal":
        response.set_data(b"")
    return response
