"""Declarations of the API's operations.

Requests are checked against a declaration, and the OpenAPI document is generated from it, so the
two cannot differ.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import Any, cast, get_origin
from uuid import UUID

from flask import Blueprint, Response, current_app, g, request
from pydantic import AwareDatetime, BaseModel, ConfigDict

from openslot.core.errors import Malformed
from openslot.entrypoints import bearer
from openslot.entrypoints.api import idempotency
from openslot.entrypoints.failures import InvalidFields, checked
from openslot.entrypoints.problems import UnsupportedMedia
from openslot.entrypoints.rules import NoRule, Rule
from openslot.identity.scopes import FOR_PROGRAMS

JSON = "application/json"
_ETAG = r'(W/)?"[0-9]{1,9}"'
ETAGS_PATTERN = rf"(\*|{_ETAG}([ \t]*,[ \t]*{_ETAG})*)"
"""Pattern of If-Match: any version, or a list of versions (RFC 9110, 13.1.1)."""


class Given(BaseModel):
    """Base of request models; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


SHOWN = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class Shown(BaseModel):
    """Base of response models; fields with a default are always sent. What an answer has hundreds
    of is a TypedDict with SHOWN, which takes half as long."""

    model_config = SHOWN


class Written(BaseModel):
    """What a program that may write and not read learns of what it wrote: enough to go on with it,
    and nothing about a person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: UUID | int | None = None
    version: int | None = None
    status: str | None = None
    until: AwareDatetime | None = None

    @classmethod
    def of(cls, body: BaseModel) -> "Written":
        """Return what is written of an answer."""
        sent = body.model_dump(include=set(cls.model_fields))
        return cls.model_validate({name: value for name, value in sent.items() if value})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its own status or headers."""

    body: BaseModel | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path."""

    name: str
    method: str
    path: str
    about: str
    tag: str
    scope: str | None
    rule: Rule
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    answer: type[BaseModel] | None
    status: int
    may_fail: frozenset[int]
    headers: Mapping[str, str]
    if_match: bool
    secret: bool
    also: tuple[int, ...]
    media: str
    searches: bool
    fresh: bool

    @property
    def may_be_repeated(self) -> bool:
        """Return whether an Idempotency-Key is taken: to do a search again does no harm, and its
        answer, like a secret, must not be stored."""
        return self.method == "POST" and not (self.secret or self.searches)

    @property
    def read_by(self) -> str | None:
        """Return the scope without which the answer is :class:`Written`, or None if anybody who may
        write gets it whole: the directory is public, and an answer without an id is no object."""
        family, _, kind = (self.scope or "").partition(":")
        is_object = self.answer is not None and "id" in self.answer.model_fields
        if kind != "write" or family == "directory" or not is_object:
            return None
        return f"{family}:read"

    @property
    def revalidates(self) -> bool:
        """Return whether If-None-Match may be answered with 304 (RFC 9110, 13.1.2)."""
        return self.method == "GET" and "ETag" in self.headers


class SecretAnswer(Malformed):
    """This answer holds a secret and cannot be repeated. Send no Idempotency-Key.

    Raised for operations whose answer is never stored.
    """


class Service:
    """A group of operations under one heading of the documentation."""

    def __init__(self, name: str, tag: str, about: str):
        self.tag, self.about = tag, about
        self.pages = Blueprint(f"api_{name}", __name__)
        self.operations: list[Operation] = []

    def operation(
        self,
        method: str,
        path: str,
        *,
        scope: str | None,
        rule: Rule,
        query: type[BaseModel] | None = None,
        body: type[BaseModel] | None = None,
        answer: type[BaseModel] | None = None,
        status: int = 200,
        may_fail: tuple[int, ...] = (),
        headers: Mapping[str, str] | None = None,
        if_match: bool = False,
        secret: bool = False,
        also: tuple[int, ...] = (),
        media: str = JSON,
        searches: bool = False,
        fresh: bool = False,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a view as an operation.

        ``scope`` is required to call it, or None for everyone; ``rule`` says whose rows it returns.
        The view gets ``query`` and ``body`` as keyword arguments. ``may_fail`` adds statuses that
        do not follow from the rest. ``headers`` maps the response headers to their descriptions.
        A ``secret`` answer is never stored for an Idempotency-Key. ``also`` lists further success
        statuses. ``media`` is the type of a response that the view makes itself. One that
        ``searches`` is a POST only so that no terms are in the address. A ``fresh`` one needs a
        token for which the person gave the password a short time ago, as a fresh page does.

        The view's docstring is its documentation. It returns an ``answer``, an :class:`Answer`,
        or None with status 204.
        """

        _check_rule(scope, rule)

        def register(view: Callable[..., Any]) -> Callable[..., Any]:
            operation = Operation(
                view.__name__,
                method,
                path,
                (view.__doc__ or "").strip(),
                self.tag,
                scope,
                rule,
                query,
                body,
                answer,
                status,
                frozenset(may_fail),
                headers or {},
                if_match,
                secret,
                also,
                media,
                searches,
                fresh,
            )
            self.operations.append(operation)
            endpoint = _endpoint(operation, view)
            endpoint.operation = operation  # type: ignore[attr-defined] # read by guards and by errors
            self.pages.add_url_rule(path, view.__name__, endpoint, methods=[method])
            return view

        return register


def _check_rule(scope: str | None, rule: Rule) -> None:
    """Raise NoRule if the rule does not fit the scope."""
    is_for_programs, is_open = scope in FOR_PROGRAMS, scope is None
    fits = (rule is Rule.PROGRAMS) == is_for_programs and (rule is Rule.SENDER) == is_open
    if not (isinstance(rule, Rule) and fits):
        raise NoRule(f"{rule!r} does not go with the scope {scope}")


def _endpoint(operation: Operation, view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def endpoint(**path: Any) -> Response:
        if operation.scope is not None:
            bearer.demand(operation.scope)
        else:
            bearer.caller()
        if operation.fresh:
            bearer.demand_proof()
        if operation.secret and idempotency.HEADER in request.headers:
            raise SecretAnswer(field=idempotency.HEADER)
        arguments: dict[str, Any] = dict(path)
        if operation.query is not None:
            arguments["query"] = _checked_query(operation.query)
        elif request.args:
            raise InvalidFields([(name, "This parameter is unknown.") for name in request.args])
        if operation.body is not None:
            arguments["body"] = _body(operation.body)
        if operation.may_be_repeated:
            return idempotency.once(lambda: _respond(operation, view(**arguments)))
        return _respond(operation, view(**arguments))

    return endpoint


def _checked_query(model: type[BaseModel]) -> BaseModel:
    """Return the checked query.

    InvalidFields names each parameter once, without the index of a repeated one.
    """
    try:
        return checked(model.model_validate, _query(model))
    except InvalidFields as error:
        fields = [(name.partition(".")[0], sentence) for name, sentence in error.fields]
        raise InvalidFields(list(dict.fromkeys(fields))) from None


def _query(model: type[BaseModel]) -> dict[str, Any]:
    """Return the query's parameters, with a list for one that may be repeated."""
    values_by_name: dict[str, Any] = {}
    for name, sent in request.args.lists():
        values = [_with_plus(value) if " " in value else value for value in sent]
        if name not in _repeated(model) and len(values) > 1:
            raise Malformed("Give {name} once.", field=name, name=name)
        values_by_name[name] = values if name in _repeated(model) else values[0]
    return values_by_name


@cache
def _repeated(model: type[BaseModel]) -> frozenset[str]:
    """Return the names of the parameters that may be repeated."""
    fields = model.model_fields.items()
    lists = [one for one in fields if get_origin(one[1].annotation) is tuple]
    return frozenset(known for name, info in lists for known in (name, info.alias) if known)


_LOST_PLUS = re.compile(
    r"(?P<time>[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?) (?=\d\d:\d\d$)|^ (?=[1-9][\d ()./-]{6,}$)", re.ASCII
)
"""The blank that a + became in an address: before an offset or an international number."""


def _with_plus(value: str) -> str:
    """Return the value with the + that it can only have been sent with."""
    return _LOST_PLUS.sub(r"\g<time>+", value)


def _body(model: type[BaseModel]) -> BaseModel:
    """Return the checked body; strict, so "1" is not a number and 1 is not true."""
    if request.mimetype != JSON:
        raise UnsupportedMedia
    try:
        body = current_app.json.loads(request.get_data(), parse_float=_number)
        sent = json.dumps(body, ensure_ascii=False).encode()
    except ValueError:
        raise Malformed("Send a JSON object.") from None
    if not isinstance(body, dict):
        raise Malformed("Send a JSON object.")
    g.names_sent = frozenset(body)
    return checked(lambda text: model.model_validate_json(text, strict=True), sent)


def names_sent() -> frozenset[str]:
    """Return the names that this request uses: parameters, and body fields once they are read."""
    return frozenset(request.args) | cast(frozenset[str], g.get("names_sent", frozenset()))


def _number(text: str) -> int | float:
    """Return an int for a whole number: JSON does not tell 30.0 from 30."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _respond(operation: Operation, result: Any) -> Response:
    if isinstance(result, Response):
        return result
    answer = result if isinstance(result, Answer) else Answer(result)
    status = answer.status or operation.status
    if operation.revalidates and request.if_none_match.contains_weak(
        _opaque(answer.headers["ETag"])
    ):
        return Response(status=304, headers=answer.headers)
    if answer.body is None:
        response = Response(status=status)
        response.headers.pop("Content-Type", None)
    else:
        # A line of its own, for who reads answers in a shell.
        text = f"{_shown(operation, answer.body)}\n"
        response = Response(text, status, mimetype=JSON)
    response.headers.extend(answer.headers)
    return response


def _shown(operation: Operation, body: BaseModel) -> str:
    """Return the answer as JSON, whole or only what is written."""
    if operation.read_by is None or bearer.holds(operation.read_by):
        return body.model_dump_json(by_alias=True)
    return Written.of(body).model_dump_json(exclude_none=True)


def _opaque(tag: str) -> str:
    """Return the text between the quotes of an ETag."""
    return tag.removeprefix("W/").strip('"')
