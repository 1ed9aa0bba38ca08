"""Translates the field names of commands into those of the API.

Errors name the fields of a command. Programs know other names: the parameters, body fields and
headers of the operation that they called.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from pydantic import BaseModel

from openslot.entrypoints.api.operations import Operation

SAID_AS: Mapping[str, tuple[str, ...]] = {
    "addressee": ("practitioner", "expertise"),
    "appointment_id": ("appointment",),
    "centre_id": ("centre",),
    "department_id": ("department",),
    "ends_at": ("end", "to"),
    "hours": ("schedule",),
    "patient_id": ("patient",),
    "practitioner_id": ("practitioner",),
    "schedule_id": ("schedule",),
    "service_id": ("service",),
    "scope": ("schedule", "practitioner", "profession"),
    "start": ("date", "time"),
    "starts_at": ("start", "from"),
    "starts_from": ("from",),
    "starts_until": ("to",),
}
"""API names for a command's field, used if the operation does not have the field itself."""

HEADERS = frozenset({"If-Match", "Idempotency-Key"})


def named(
    fields: Iterable[tuple[str, str]], operation: Operation, sent: Collection[str]
) -> Sequence[tuple[str, str]]:
    """Return the fields, with their sentences, under the names of the operation.

    ``sent`` are the names in the request. If a field has several API names, those that were sent
    are returned, or all if none was. A field without an API name is left out: the problem still
    has its sentence.
    """
    given = frozenset(sent)
    known = names_of(operation) | given | HEADERS
    renamed = [
        (name, sentence) for field, sentence in fields for name in _names(field, known, given)
    ]
    return list(dict.fromkeys(renamed))


def _names(field: str, known: Collection[str], sent: Collection[str]) -> Sequence[str]:
    first, _, rest = field.partition(".")
    if first in known:
        return (field,)
    candidates = [name for name in SAID_AS.get(first, ()) if name in known]
    names = [name for name in candidates if name in sent] or candidates
    return [f"{name}.{rest}" if rest else name for name in names]


def names_of(operation: Operation) -> frozenset[str]:
    """Return all names that a request can use: parameters and body fields."""
    shapes = [shape for shape in (operation.query, operation.body) if shape is not None]
    return frozenset(name for shape in shapes for name in _fields(shape))


def _fields(shape: type[BaseModel]) -> Iterable[str]:
    return (info.alias or name for name, info in shape.model_fields.items())
