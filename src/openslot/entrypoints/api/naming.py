"""What the API calls the fields that commands blame.

Commands name their own fields. A program has sent other names, or none at all, and is told those
of its own operation: its parameters, the fields of its body, its headers.
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
    "scope": ("schedule", "practitioner", "profession"),
    "start": ("date", "time"),
    "starts_at": ("start", "from"),
    "starts_from": ("from",),
    "starts_until": ("to",),
}
"""What is said in the place of a command's name where the operation does not know it itself."""

HEADERS = frozenset({"If-Match", "Idempotency-Key"})


def named(
    fields: Iterable[tuple[str, str]], operation: Operation, sent: Collection[str]
) -> Sequence[tuple[str, str]]:
    """The fields, with their sentences, under the names of the operation.

    ``sent`` are the names in the request. What stands for several is said of those that were
    sent; of all where none was. What the operation has no name for is left out: the sentence
    stands in the problem anyway.
    """
    known = names_of(operation) | set(sent) | HEADERS
    found = [
        (name, sentence) for field, sentence in fields for name in _names(field, known, set(sent))
    ]
    return list(dict.fromkeys(found))


def _names(field: str, known: Collection[str], sent: Collection[str]) -> Sequence[str]:
    first, _, rest = field.partition(".")
    if first in known:
        return (field,)
    said = [name for name in SAID_AS.get(first, ()) if name in known]
    blamed = [name for name in said if name in sent] or said
    return [f"{name}.{rest}" if rest else name for name in blamed]


def names_of(operation: Operation) -> frozenset[str]:
    """Everything that a request can name: parameters and the fields of the body."""
    shapes = [one for one in (operation.query, operation.body) if one is not None]
    return frozenset(name for shape in shapes for name in _fields(shape))


def _fields(shape: type[BaseModel]) -> Iterable[str]:
    return (info.alias or name for name, info in shape.model_fields.items())
