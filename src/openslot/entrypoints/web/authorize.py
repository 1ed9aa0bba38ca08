"""Asking people whether a program may act for them, and opening programs for a patient."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from openslot.core.errors import Invalid, NotFound, Unauthenticated
from openslot.directory import queries as directory
from openslot.directory.models import Patient
from openslot.entrypoints.problems import sentence_of, status_of
from openslot.entrypoints.request import root
from openslot.entrypoints.web import access, context, patients, reading, ways
from openslot.entrypoints.web.scope_words import in_words
from openslot.entrypoints.web.sign_in import current_token
from openslot.identity import authorization
from openslot.identity.authorization import Place, Request, SentBack
from openslot.identity.errors import MustChangePassword, MustEnrol, ProofNeeded
from openslot.identity.programs import program
from openslot.identity.scopes import is_for_one
from openslot.records import finding

pages = Blueprint("authorize", __name__)

MOST_FOUND = 20


@pages.get("/oauth/authorize")
@access.allow(access.ANYONE)
def ask() -> BaseResponse | tuple[str, int]:
    """Ask the reader whether a program may act for them, unless they have agreed before."""
    where = authorization.place(context.reader(), _sent())
    try:
        return _answer(_wanted(where))
    except SentBack as refusal:
        return _send_back(where, refusal)


def _answer(wanted: Request) -> BaseResponse | tuple[str, int]:
    """Return the way back with a code if the reader has agreed before, else the page that asks
    them. Raise SentBack in place of a page for a program that wants none shown."""
    is_silent = "none" in wanted.prompts
    try:
        _check_reader(wanted)
        chosen, choices = _patients(wanted)
        account_id, patient_id = context.account().id, chosen.id if chosen else None
        if (chosen or not wanted.needs_patient) and authorization.is_agreed(
            context.reader(), account_id, wanted, patient_id
        ):
            return _give(wanted, chosen, is_asked=False)
    except (Unauthenticated, ProofNeeded):
        if is_silent:
            raise SentBack("login_required", "The person has to sign in.") from None
        raise
    except (MustChangePassword, MustEnrol):
        if is_silent:
            raise SentBack("interaction_required", "The person has to open OpenSlot.") from None
        raise
    if is_silent:
        raise SentBack("consent_required", "The person has to be asked.")
    return _page(wanted, chosen, choices)


@pages.post("/oauth/authorize")
@access.allow(access.SIGNED_IN)
def decide() -> BaseResponse | tuple[str, int]:
    """Return to the program with what the reader has decided, or find the patient it is for."""
    where = authorization.place(context.reader(), _sent())
    try:
        wanted = _wanted(where)
        if _typed("decision") == "no":
            raise SentBack("access_denied", "The person has said no.")
        if not _is_fresh(wanted):
            return redirect(ways.here(), 303)  # which asks for the proof first
        chosen, choices = _patients(wanted)
        if _typed("decision") != "yes":
            return _page(wanted, chosen, choices)
        if _typed("shown") != _shown(wanted, chosen):
            return redirect(ways.here(), 303)  # which asks this reader, for what it is by now
        if chosen is None and wanted.needs_patient:
            chosen = _typed_patient()
            if chosen is None:
                refused = Invalid("Choose a patient.", field="patient")
                return _page(wanted, None, choices, refused)
        return _give(wanted, chosen, is_asked=True)
    except SentBack as refusal:
        return _send_back(where, refusal)


def by_form() -> BaseResponse | None:
    """Lead a program's own form to the address with the same content (OpenID Connect Core 1.0,
    3.1.2.1); None for any other request. With a form of another site comes no cookie, so nobody is
    signed in, and nothing is done but that."""
    if request.endpoint != "authorize.decide" or "client_id" not in request.form:
        return None
    sent = urlencode(list(request.form.items(multi=True)))
    return redirect(f"{url_for('authorize.ask')}?{sent}", 303)


@pages.post("/patients/<uuid:patient_id>/programs/<uuid:client_id>")
@access.allow(access.CARE_TEAM)
def launch(patient_id: UUID, client_id: UUID) -> BaseResponse:
    """Open a program for a patient."""
    patient, client = _known(patient_id), program(context.reader(), client_id)
    if client.launch_url is None:
        raise NotFound
    account_id, keys = context.account().id, context.settings().signing_keys()
    opened = authorization.launch_for(keys, client, account_id, patient.id)
    mark, query = "&" if "?" in client.launch_url else "?", {"iss": _audience(), "launch": opened}
    return _leave(client.name, f"{client.launch_url}{mark}{urlencode(query)}")


def _sent() -> Mapping[str, Sequence[str]]:
    return request.args.to_dict(flat=False)


def _wanted(where: Place) -> Request:
    return authorization.read(where, _sent(), audience=_audience(), now=context.now())


def _audience() -> str:
    """Return the address of FHIR, which programs name as the one that they want to use."""
    return f"{root()}/fhir"


def _check_reader(wanted: Request) -> None:
    """Raise Unauthenticated, MustChangePassword or MustEnrol for who can agree to nothing yet, and
    ProofNeeded if the program wants them to prove again who they are."""
    if context.account_or_none() is None:
        raise Unauthenticated
    if context.must_change_password():
        raise MustChangePassword
    if context.must_enrol():
        raise MustEnrol
    if not _is_fresh(wanted):
        raise ProofNeeded


def _is_fresh(wanted: Request) -> bool:
    return wanted.proved_since is None or context.is_proved_since(wanted.proved_since)


def _patients(wanted: Request) -> tuple[Patient | None, list[Patient]]:
    """Return the patient whom a program is for, or those from whom the reader chooses."""
    launched = authorization.launched_for(
        context.settings().signing_keys(), wanted, context.account().id
    )
    if launched is not None:
        return _known(launched), []
    if not wanted.needs_patient:
        return None, []
    actor = context.actor()
    own = [actor.patient_id] if actor.patient_id else []
    mine = [directory.patient(context.reader(), one) for one in [*own, *sorted(actor.dependents)]]
    if actor.role in access.CARE_TEAM:
        return None, [*mine, *_of_care_team()]
    return (mine[0], []) if len(mine) == 1 else (None, mine)


def _of_care_team() -> list[Patient]:
    """Return the patients whom the reader typed a part of, else those of the last weeks."""
    text = _typed("find")
    if not text:
        return list(dict.fromkeys(one for group in patients.lately().values() for one in group))
    matches, total = finding.search(context.work(), text=text, limit=MOST_FOUND, offset=0)
    context.write(finding.note_search, total)
    return list(matches)


def _typed_patient() -> Patient | None:
    typed = _typed("patient")
    return _known(reading.id_of(typed, "patient")) if typed else None


def _typed(name: str) -> str:
    """Return what the reader sent in the form; the program chose what is in the address."""
    return reading.text(name, request.form)


def _known(patient_id: UUID) -> Patient:
    """Return a patient whom the reader may book for, or whose details they may read; raise NotFound
    otherwise."""
    work = context.work()
    if not (finding.may_book_for(work, patient_id) or finding.knows(work, patient_id)):
        raise NotFound
    return directory.patient(context.reader(), patient_id)


def _give(wanted: Request, patient: Patient | None, *, is_asked: bool) -> BaseResponse:
    code = context.write(
        authorization.give,
        wanted,
        patient_id=patient.id if patient else None,
        session_token=current_token() or "",
        is_asked=is_asked,
    )
    return _leave(wanted.client.name, wanted.place.answer(root(), code=code))


def _send_back(where: Place, refusal: SentBack) -> BaseResponse:
    address = where.answer(root(), error=refusal.error, error_description=refusal.message)
    return _leave(where.client.name, address)


def _leave(name: str, address: str) -> BaseResponse:
    """Lead to a program. By a page, as a form may not lead to another site (form-action)."""
    return BaseResponse(
        render_template("programs/leave.html", name=name, address=address), mimetype="text/html"
    )


def _shown(wanted: Request, chosen: Patient | None) -> str:
    """Return a digest of what the page says: whom it asks, about which patient, what it lists."""
    about = [str(chosen.id)] if chosen else []
    said = " ".join((str(context.account().id), *about, *wanted.scopes))
    return sha256(said.encode()).hexdigest()


def _page(
    wanted: Request,
    chosen: Patient | None,
    choices: Sequence[Patient],
    refused: Invalid | None = None,
) -> tuple[str, int]:
    page = render_template(
        "programs/ask.html",
        wanted=wanted,
        sentences=in_words(wanted.scopes),
        is_for_one=is_for_one(wanted.scopes),
        chosen=chosen,
        shown=_shown(wanted, chosen),
        choices=choices,
        picked=_typed("patient"),
        text=_typed("find"),
        finds=wanted.needs_patient and chosen is None and context.actor().role in access.CARE_TEAM,
        address=ways.here(),
        back_to=_host(wanted.place.redirect),
        problem=sentence_of(refused) if refused else None,
    )
    return page, status_of(refused) if refused else 200


def _host(address: str) -> str:
    """Return where an address leads, as people read it."""
    scheme, _mark, rest = address.partition("://")
    return rest.partition("/")[0] if rest else _("a program on this device (%(name)s)", name=scheme)
