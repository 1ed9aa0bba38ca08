"""Changes of some fields: every field of a command's details, each of which may be left out."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, create_model

from openslot.core.fields import Details
from openslot.entrypoints.failures import checked

D = TypeVar("D", bound=Details)


class Partial(BaseModel):
    """Base of the bodies of PATCH; what is not sent stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of(cls, details: type[Details], name: str, about: str) -> type["Partial"]:
        """The details with every field optional, under the name that the documentation has."""
        fields: dict[str, Any] = {
            field: (info.rebuild_annotation(), None) for field, info in details.model_fields.items()
        }
        return create_model(name, __base__=cls, __doc__=about, **fields)


def merged(kind: type[D], known: object, change: Partial) -> D:
    """All details of ``known``, with what was sent in their place. Raises InvalidFields."""
    values = {name: getattr(known, name) for name in kind.model_fields}
    return checked(kind.model_validate, values | change.model_dump(exclude_unset=True))
