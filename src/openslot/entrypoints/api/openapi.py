"""The OpenAPI 3.1 document, generated from the declarations of the operations."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from openslot.core.version import version
from openslot.entrypoints import numbers
from openslot.entrypoints.api import idempotency
from openslot.entrypoints.api.operations import (
    ETAGS_PATTERN,
    JSON,
    Operation,
    Service,
    Written,
)
from openslot.entrypoints.api.paging import Bounded, Paged
from openslot.entrypoints.api.shapes import Alternative
from openslot.identity.scopes import EVERYTHING, SCOPES

REF = "#/components/schemas/{model}"
PROBLEM = "Problem"
ABOUT = """\
Find, book and manage appointments from other programs. Times are RFC 3339 with an offset or Z.
Errors are RFC 9457 problems with a stable `code`. A POST that changes something may have an
`Idempotency-Key`, unless its answer has a secret. A key that may write and not read gets `id`,
`version`, `status` and `until` of what it wrote.
"""

FAILURES = {
    400: "The request could not be read.",
    401: "The key or token is missing or not valid.",
    403: "The caller is not allowed to do this.",
    404: "Not found, or not visible to this caller.",
    409: "The request conflicts with the current state.",
    410: "It has expired.",
    412: "The version in If-Match is not the newest.",
    413: "The request is too large.",
    415: "The body is not JSON.",
    422: "The request was read, but a rule refuses it.",
    429: "Too many requests. Try again later.",
    503: "The server is busy. Try again later.",
}

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "The code in words."},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable, for programs."},
        "detail": {"type": "string", "description": "What went wrong this time, for people."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "reference": {"type": "string", "description": "Finds the error in the server's log."},
        "alternatives": {
            "type": "array",
            "description": "With `slot-taken`: the nearest free slots.",
            "items": {"$ref": REF.format(model=Alternative.__name__)},
        },
    },
}


def document(services: Iterable[Service], server: str) -> dict[str, Any]:
    """Return the whole document; ``server`` is the address of this deployment."""
    services = list(services)
    operations = [operation for service in services for operation in service.operations]
    schemas = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        methods = paths.setdefault(_path(operation), {})
        methods[operation.method.lower()] = _operation(operation, operations)
    return {
        "openapi": "3.1.0",
        "info": {"title": "OpenSlot", "version": version(), "description": ABOUT},
        "servers": [{"url": server}],
        "tags": [{"name": service.tag, "description": service.about} for service in services],
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
    """Return the schemas of all request and response bodies, with those that they refer to."""
    models: list[tuple[type[BaseModel], Any]] = []
    for operation in operations:
        models += [(operation.body, "validation")] if operation.body else []
        models += [(operation.answer, "serialization")] if operation.answer else []
    models += [(Alternative, "serialization"), (Written, "serialization")]
    _, definitions = models_json_schema(list(dict.fromkeys(models)), ref_template=REF)
    schemas = {
        _public_name(name): _with_public_names(_plain(schema)) | {"title": _public_name(name)}
        for name, schema in definitions.get("$defs", {}).items()
    }
    for model, _mode in models:
        if model.__name__ not in schemas:
            raise LookupError(f"two shapes are called {model.__name__}")
    return schemas


def _public_name(name: str) -> str:
    """Return the name of a schema for clients: of two with one name, each has that of its feature,
    and not the path of its module, as pydantic gives it."""
    *path, model = name.split("__")
    feature = path[1:]
    return "".join(word.title() for word in feature[0].split("_")) + model if feature else name


def _with_public_names(schema: Any) -> Any:
    """Return the schema with the public names in all references."""
    if isinstance(schema, list):
        return [_with_public_names(part) for part in schema]
    if isinstance(schema, dict):
        return {key: _with_public_names(value) for key, value in schema.items()}
    prefix = REF.format(model="")
    if isinstance(schema, str) and schema.startswith(prefix):
        return prefix + _public_name(schema.removeprefix(prefix))
    return schema


def _plain(schema: Any) -> Any:
    """Return the schema without null defaults: ``required`` already says what may be left out."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(value) for key, value in schema.items()}
    if plain.get("default", ...) is None:
        del plain["default"]
    return plain


def _path(operation: Operation) -> str:
    return re.sub(r"<(?:[^:>]*:)?(\w+)>", r"{\1}", operation.path)


def _operation(operation: Operation, operations: Sequence[Operation]) -> dict[str, Any]:
    summary, _, rest = operation.about.partition("\n")
    described: dict[str, Any] = {
        "operationId": _id(operation),
        "tags": [operation.tag],
        "summary": summary.rstrip("."),
        "parameters": [
            *_path_parameters(operation),
            *_query_parameters(operation),
            *_headers(operation),
        ],
        "responses": _responses(operation, operations),
    }
    if rest.strip():
        described["description"] = re.sub(r"\n +", "\n", rest.strip())
    if operation.body is not None:
        schema = {"$ref": REF.format(model=operation.body.__name__)}
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    described["security"] = [{"bearer": []}] if operation.scope is not None else []
    if operation.scope is not None:
        described["x-scope"] = operation.scope
    described["x-rule"] = operation.rule.value
    if operation.fresh:
        described["x-fresh"] = True
    return described


def _path_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for kind, name in re.findall(r"<(?:([^:>]*):)?(\w+)>", operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": _path_schema(kind)}


def _path_schema(kind: str) -> dict[str, Any]:
    if kind.startswith("int"):
        return {"type": "integer", "minimum": 1, "maximum": numbers.LARGEST}
    if kind == "uuid":
        return {"type": "string", "format": "uuid"}
    values = re.fullmatch(r"any\((.*)\)", kind)
    if values:
        return {"type": "string", "enum": [value.strip() for value in values[1].split(",")]}
    return {"type": "string", "minLength": 1}


def _query_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.query is None:
        return
    schema = operation.query.model_json_schema(ref_template=REF)
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
    """Return the schema with its references resolved, and without null: a query has none."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    inlined = {key: _inlined(value, definitions) for key, value in _plain(schema).items()}
    if "anyOf" in inlined:
        options = [part for part in inlined.pop("anyOf") if part != {"type": "null"}]
        inlined |= options[0] if len(options) == 1 else {"anyOf": options}
    return inlined


def _headers(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.may_be_repeated:
        yield {
            "name": idempotency.HEADER,
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": f"^{idempotency.PATTERN}$"},
        }
    if operation.if_match:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": f"^{ETAGS_PATTERN}$"},
        }
    if operation.revalidates:
        yield {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "The ETag of the version that you have.",
        }


def _responses(operation: Operation, operations: Sequence[Operation]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done."}
    if operation.answer is not None:
        good["content"] = {operation.media: {"schema": _answer_schema(operation.answer, operation)}}
    elif operation.media != JSON:
        good["content"] = {operation.media: {"schema": {"type": "string"}}}
    if operation.headers:
        good["headers"] = {
            name: {"description": meaning, "schema": {"type": "string"}}
            for name, meaning in operation.headers.items()
        }
    if links := _links(operation, operations):
        good["links"] = links
    responses = {str(status): good for status in (operation.status, *operation.also)}
    if operation.revalidates:
        responses["304"] = {"description": "The version in If-None-Match is the newest."}
    for status in sorted(_may_fail(operation)):
        responses[str(status)] = {
            "description": FAILURES[status],
            "content": {
                "application/problem+json": {"schema": {"$ref": REF.format(model=PROBLEM)}}
            },
        }
    return responses


def _answer_schema(answer: type[BaseModel], operation: Operation) -> dict[str, Any]:
    """Return the schema of an answer, and of what is left of it without the scope to read."""
    whole = {"$ref": REF.format(model=answer.__name__)}
    if operation.read_by is None:
        return whole
    return {
        "anyOf": [whole, {"$ref": REF.format(model=Written.__name__)}],
        "description": f"Whole with the scope {operation.read_by}.",
    }


def _links(operation: Operation, operations: Sequence[Operation]) -> dict[str, Any]:
    """Return OpenAPI links from a new resource to the operations on its address."""
    if (
        operation.method != "POST"
        or operation.answer is None
        or "id" not in operation.answer.model_fields
    ):
        return {}
    own = re.compile(re.escape(_path(operation)) + r"/\{(\w+)\}")
    return {
        _id(other): {"operationId": _id(other), "parameters": {match[1]: "$response.body#/id"}}
        for other in operations
        if (match := own.fullmatch(_path(other)))
    }


def _id(operation: Operation) -> str:
    return f"{operation.tag}.{operation.name}".replace(" ", "-").lower()


def _may_fail(operation: Operation) -> set[int]:
    """Return the error statuses that follow from the declaration of an operation."""
    # Any request may have a bad token or an unknown parameter.
    statuses = set(operation.may_fail) | {400, 401, 422, 429, 503}
    if operation.scope is not None:
        statuses |= {403}
    if "<" in operation.path or (
        operation.query is not None and issubclass(operation.query, (Paged, Bounded))
    ):
        statuses |= {404}
    if operation.body is not None:
        statuses |= {413, 415}
    if operation.method == "POST" and not operation.searches:
        statuses |= {409}
    if operation.if_match:
        statuses |= {412}
    return statuses
