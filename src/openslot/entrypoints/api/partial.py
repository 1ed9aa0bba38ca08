"""Models for PATCH: the fields of a command's details, all optional."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, create_model

from openslot.core.fields import Details
from openslot.entrypoints.failures import checked

D = TypeVar("D", bound=Details)


class Partial(BaseModel):
    """Base of PATCH bodies; fields that are not sent stay as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of(cls, details: type[Details], name: str, about: str) -> type["Partial"]:
        """Return a model called ``name`` with every field of ``details`` optional."""
        fields: dict[str, Any] = {
            field: (info.rebuild_annotation(), None) for field, info in details.model_fields.items()
        }
        return create_model(name, __base__=cls, __doc__=about, **fields)


def merged(kind: type[D], known: object, change: Partial) -> D:
    """Return the details of ``known`` with the changes applied, or raise InvalidFields."""
    values = {name: getattr(known, name) for name in kind.model_fields}
    changed = change.model_dump(exclude_unset=True, include=set(kind.model_fields))
    return checked(kind.model_validate, values | changed)
