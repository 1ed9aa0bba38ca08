"""What scopes let a program do, in plain words."""

from collections.abc import Iterable

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from openslot.identity.scopes import FHIR_RESOURCES, LAUNCHES, SCOPES, read_fhir

_ANSWERS = (
    _l("Read what was answered before appointments."),
    _l("Answer what is asked before appointments."),
)
_KINDS = {
    "AllergyIntolerance": ("records:read", None),
    "Appointment": ("appointments:read", "appointments:write"),
    "DocumentReference": ("records:read", None),
    "Encounter": ("records:read", None),
    "MedicationRequest": ("records:read", None),
    "Patient": ("patients:read", None),
    "ServiceRequest": ("referrals:read", "referrals:write"),
}
"""Scopes of the JSON API whose descriptions say what can be read and written of a resource."""

_DIRECTORY = ("directory:read", None)
_ABOUT_PERSON, _STAYS = ("fhirUser", "openid"), ("offline_access", "online_access")
_LOG = "AuditEvent"
_OF_PATIENT = tuple(kind for kind in FHIR_RESOURCES if kind != _LOG)
"""What a scope for all resources of one patient is about; the audit log is of all."""


def in_words(scopes: Iterable[str]) -> list[str]:
    """Return a sentence for each thing that the scopes allow, in the reader's language, once."""
    held = set(scopes)
    about_person = [scope for scope in _ABOUT_PERSON if scope in held]
    sentences = [_(LAUNCHES[scope]) for scope in about_person[:1]]
    for scope in sorted(held - set(LAUNCHES)):
        sentences += _sentences(scope)
    sentences += [_(LAUNCHES[scope]) for scope in _STAYS if scope in held]
    return list(dict.fromkeys(sentences))


def _sentences(scope: str) -> list[str]:
    fhir = read_fhir(scope)
    if fhir is None:
        return [_(SCOPES[scope])] if scope in SCOPES else []
    every = _OF_PATIENT if fhir.context == "patient" else FHIR_RESOURCES
    kinds = every if fhir.resource == "*" else (fhir.resource,)
    reads, writes = bool(fhir.letters & set("rs")), bool(fhir.letters & set("cud"))
    return [
        sentence
        for kind in kinds
        for sentence, is_allowed in zip(_of(kind), (reads, writes), strict=True)
        if is_allowed and sentence
    ]


def _of(kind: str) -> tuple[str | None, str | None]:
    """Return what reading and writing a resource means."""
    if kind == "QuestionnaireResponse":
        return str(_ANSWERS[0]), str(_ANSWERS[1])
    if kind == _LOG:
        return _("Read the audit log."), None
    reads, writes = _KINDS.get(kind, _DIRECTORY)
    return _(SCOPES[reads]), _(SCOPES[writes]) if writes else None
