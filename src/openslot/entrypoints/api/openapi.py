"""The OpenAPI 3.1 document, made of the operations' declarations and of nothing else."""

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from openslot.entrypoints import numbers
from openslot.entrypoints.api import idempotency
from openslot.entrypoints.api.operations import ETAGS_PATTERN, JSON, Operation, Service
from openslot.entrypoints.api.paging import Paged
from openslot.entrypoints.api.shapes import Alternative
from openslot.identity.scopes import EVERYTHING, SCOPES

REF = "#/components/schemas/{model}"
PROBLEM = "Problem"
ABOUT = """\
Everything that people do in OpenSlot, for programs. Times are RFC 3339 with an offset or Z.
Failures are RFC 9457 problems with a stable `code`. A POST may carry an `Idempotency-Key`.
"""

FAILURES = {
    400: "The request could not be read.",
    401: "No proof of who calls, or one that does not hold.",
    403: "Known, and not allowed.",
    404: "There is nothing here for this caller.",
    409: "The state of things stands against it.",
    410: "It was there, for a time that is over.",
    412: "The version named in If-Match is no longer the newest.",
    413: "The request is too large.",
    415: "The body is not JSON.",
    422: "The request can be read, and a rule refuses it.",
    429: "Too many requests.",
    503: "Too much is going on; try again.",
}

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "What the code says, in words."},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; meant for programs."},
        "detail": {"type": "string", "description": "What is wrong this time, for people."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "reference": {"type": "string", "description": "What the server's log has."},
        "alternatives": {
            "type": "array",
            "description": "With slot-taken: the nearest free slots.",
            "items": {"$ref": REF.format(model=Alternative.__name__)},
        },
    },
}


def document(services: Iterable[Service], server: str) -> dict[str, Any]:
    """The whole document; ``server`` is the address of this deployment."""
    known = list(services)
    operations = [one for service in known for one in service.operations]
    schemas = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(_path(one), {})[one.method.lower()] = _operation(one, operations)
    return {
        "openapi": "3.1.0",
        "info": {"title": "OpenSlot", "version": version("openslot"), "description": ABOUT},
        "servers": [{"url": server}],
        "tags": [{"name": service.tag, "description": service.about} for service in known],
        "paths": paths,
        "components": {
            "schemas": {**schemas, PROBLEM: _PROBLEM},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, or an access token. Scopes: "
                    + ", ".join((EVERYTHING, *SCOPES)),
                }
            },
        },
    }


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    """The schemas of all bodies, in and out, with those that they refer to."""
    wanted: list[tuple[type[BaseModel], Any]] = []
    for one in operations:
        wanted += [(one.body, "validation")] if one.body else []
        wanted += [(one.answer, "serialization")] if one.answer else []
    wanted.append((Alternative, "serialization"))
    _, definitions = models_json_schema(list(dict.fromkeys(wanted)), ref_template=REF)
    found = {name: _plain(one) for name, one in definitions.get("$defs", {}).items()}
    for model, _mode in wanted:
        if model.__name__ not in found:
            raise LookupError(f"two shapes are called {model.__name__}")
    return found


def _plain(schema: Any) -> Any:
    """The schema without null as a default, which says no more than that it may be left out."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _plain(value) for key, value in schema.items()}
    if kept.get("default", ...) is None:
        del kept["default"]
    return kept


def _path(one: Operation) -> str:
    return re.sub(r"<(?:[^:>]*:)?(\w+)>", r"{\1}", one.path)


def _operation(one: Operation, everything: Sequence[Operation]) -> dict[str, Any]:
    summary, _, rest = one.about.partition("\n")
    described: dict[str, Any] = {
        "operationId": _id(one),
        "tags": [one.tag],
        "summary": summary.rstrip("."),
        "parameters": [*_path_parameters(one), *_query_parameters(one), *_headers(one)],
        "responses": _responses(one, everything),
    }
    if rest.strip():
        described["description"] = re.sub(r"\n +", "\n", rest.strip())
    if one.body is not None:
        schema = {"$ref": REF.format(model=one.body.__name__)}
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    if one.scope is not None:
        described["security"] = [{"bearer": []}]
        described["x-scope"] = one.scope
    described["x-rule"] = one.rule.value
    return described


def _path_parameters(one: Operation) -> Iterator[dict[str, Any]]:
    for kind, name in re.findall(r"<(?:([^:>]*):)?(\w+)>", one.path):
        yield {"name": name, "in": "path", "required": True, "schema": _path_schema(kind)}


def _path_schema(kind: str) -> dict[str, Any]:
    if kind.startswith("int"):
        return {"type": "integer", "minimum": 1, "maximum": numbers.LARGEST}
    if kind == "uuid":
        return {"type": "string", "format": "uuid"}
    values = re.fullmatch(r"any\((.*)\)", kind)
    if values:
        return {"type": "string", "enum": [one.strip() for one in values[1].split(",")]}
    return {"type": "string", "minLength": 1}


def _query_parameters(one: Operation) -> Iterator[dict[str, Any]]:
    if one.query is None:
        return
    schema = one.query.model_json_schema(ref_template=REF)
    definitions = schema.get("$defs", {})
    for name, described in schema["properties"].items():
        plain = _inlined(described, definitions)
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", []),
            "schema": plain,
            **({"description": plain.pop("description")} if "description" in plain else {}),
        }


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with what it refers to in its place, and without null: an address has none."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    found = {key: _inlined(value, definitions) for key, value in _plain(schema).items()}
    if "anyOf" in found:
        options = [part for part in found.pop("anyOf") if part != {"type": "null"}]
        found |= options[0] if len(options) == 1 else {"anyOf": options}
    return found


def _headers(one: Operation) -> Iterator[dict[str, Any]]:
    if one.method == "POST" and not one.secret:
        yield {
            "name": idempotency.HEADER,
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": f"^{idempotency.PATTERN}$"},
        }
    if one.if_match:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": f"^{ETAGS_PATTERN}$"},
        }
    if one.revalidates:
        yield {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "The ETag of what one has already.",
        }


def _responses(one: Operation, everything: Sequence[Operation]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done."}
    if one.answer is not None:
        schema = {"$ref": REF.format(model=one.answer.__name__)}
        good["content"] = {one.media: {"schema": schema}}
    elif one.media != JSON:
        good["content"] = {one.media: {"schema": {"type": "string"}}}
    if one.headers:
        good["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}}
            for name, meaning in one.headers.items()
        }
    if links := _links(one, everything):
        good["links"] = links
    responses = {str(status): good for status in (one.status, *one.also)}
    if one.revalidates:
        responses["304"] = {"description": "What If-None-Match names is still the newest."}
    for status in sorted(_may_fail(one)):
        responses[str(status)] = {
            "description": FAILURES[status],
            "content": {
                "application/problem+json": {"schema": {"$ref": REF.format(model=PROBLEM)}}
            },
        }
    return responses


def _links(one: Operation, everything: Sequence[Operation]) -> dict[str, Any]:
    """What can be done next with what was made: the operations on its own address."""
    if one.method != "POST" or one.answer is None or "id" not in one.answer.model_fields:
        return {}
    own = re.compile(re.escape(_path(one)) + r"/\{(\w+)\}")
    return {
        _id(other): {"operationId": _id(other), "parameters": {found[1]: "$response.body#/id"}}
        for other in everything
        if (found := own.fullmatch(_path(other)))
    }


def _id(one: Operation) -> str:
    return f"{one.tag}.{one.name}".replace(" ", "-").lower()


def _may_fail(one: Operation) -> set[int]:
    """How an operation may fail, as far as its declaration tells."""
    # Any request may bear a bad token or a parameter that nobody knows.
    found = set(one.may_fail) | {400, 401, 422, 429, 503}
    if one.scope is not None:
        found |= {403}
    if "<" in one.path or (one.query is not None and issubclass(one.query, Paged)):
        found |= {404}
    if one.body is not None:
        found |= {413, 415}
    if one.method == "POST":
        found |= {409}
    if one.if_match:
        found |= {412}
    return found
