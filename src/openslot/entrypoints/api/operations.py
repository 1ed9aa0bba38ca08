"""Operations of the API: declared once, checked on the way in, written on the way out.

The declaration is all that a request is checked against and all that the OpenAPI document is
made of, so that the two cannot differ.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, cast, get_origin

from flask import Blueprint, Response, current_app, g, jsonify, request
from pydantic import BaseModel, ConfigDict

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
"""What If-Match may hold: any version, or a list of some (RFC 9110, 13.1.1)."""


class Given(BaseModel):
    """What a program sends: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shown(BaseModel):
    """What a program is shown: just the fields that are declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with more than a body."""

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

    @property
    def revalidates(self) -> bool:
        """Whether it answers 304 to who has the version already (RFC 9110, 13.1.2)."""
        return self.method == "GET" and "ETag" in self.headers


class SecretAnswer(Malformed):
    """The answer holds a secret and is not kept: send this without an Idempotency-Key.

    An answer that is shown only once could not be repeated for the same key.
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
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a view: who may call it (``scope``; None is anybody), whose rows it gives them
        (``rule``), what it takes as the keyword arguments ``query`` and ``body``, what it answers,
        and how it may fail besides what follows from the rest. ``headers`` of the answer are named
        with their meaning. A ``secret`` answer is never kept for an Idempotency-Key. ``also`` are
        other statuses with which it succeeds. ``media`` is said of a view that returns a response
        of its own.

        The view's docstring is its documentation. It returns an ``answer``, an :class:`Answer`,
        or None with status 204.
        """

        _check_rule(scope, rule)

        def register(view: Callable[..., Any]) -> Callable[..., Any]:
            one = Operation(
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
            )
            self.operations.append(one)
            answering = _answering(one, view)
            answering.operation = one  # type: ignore[attr-defined] # read by guards and by errors
            self.pages.add_url_rule(path, view.__name__, answering, methods=[method])
            return view

        return register


def _check_rule(scope: str | None, rule: Rule) -> None:
    """NoRule for a rule that the scope does not bear out."""
    is_for_programs, is_open = scope in FOR_PROGRAMS, scope is None
    fits = (rule is Rule.PROGRAMS) == is_for_programs and (rule is Rule.SENDER) == is_open
    if not (isinstance(rule, Rule) and fits):
        raise NoRule(f"{rule!r} does not go with the scope {scope}")


def _answering(one: Operation, view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def answering(**path: Any) -> Response:
        if one.scope is not None:
            bearer.demand(one.scope)
        else:
            bearer.caller()
        if one.secret and idempotency.HEADER in request.headers:
            raise SecretAnswer(field=idempotency.HEADER)
        given: dict[str, Any] = dict(path)
        if one.query is not None:
            given["query"] = _checked_query(one.query)
        elif request.args:
            raise InvalidFields(
                [(name, "This parameter is not known here.") for name in request.args]
            )
        if one.body is not None:
            given["body"] = _body(one.body)
        if one.method == "POST" and not one.secret:
            return idempotency.once(lambda: _respond(one, view(**given)))
        return _respond(one, view(**given))

    return answering


def _checked_query(model: type[BaseModel]) -> BaseModel:
    """The query's parameters as the model. InvalidFields names each as it was sent: a parameter
    that is repeated has one name."""
    try:
        return checked(model.model_validate, _query(model))
    except InvalidFields as error:
        named = [(name.partition(".")[0], sentence) for name, sentence in error.fields]
        raise InvalidFields(list(dict.fromkeys(named))) from None


def _query(model: type[BaseModel]) -> dict[str, Any]:
    """The query's parameters; one that may be repeated as a list, another twice is refused."""
    found: dict[str, Any] = {}
    for name, values in request.args.lists():
        declared = model.model_fields.get(name) or next(
            (one for one in model.model_fields.values() if one.alias == name), None
        )
        if declared is not None and get_origin(declared.annotation) is tuple:
            found[name] = values
        elif len(values) > 1:
            raise Malformed("Give {name} once.", field=name, name=name)
        else:
            found[name] = values[0]
    return found


def _body(model: type[BaseModel]) -> BaseModel:
    """The body as the model, read strictly: a number in quotes is a text, and 1 is not true."""
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
    """What this request names: its parameters, and the fields of its body if that was read."""
    return frozenset(request.args) | cast(frozenset[str], g.get("names_sent", frozenset()))


def _number(text: str) -> int | float:
    """JSON has one kind of number: 30.0 is a whole one."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _respond(one: Operation, result: Any) -> Response:
    if isinstance(result, Response):
        return result
    answer = result if isinstance(result, Answer) else Answer(result)
    status = answer.status or one.status
    if one.revalidates and request.if_none_match.contains_weak(_opaque(answer.headers["ETag"])):
        return Response(status=304, headers=answer.headers)
    if answer.body is None:
        response = Response(status=status)
        response.headers.pop("Content-Type", None)
    else:
        response = jsonify(answer.body.model_dump(mode="json", by_alias=True))
        response.status_code = status
    response.headers.extend(answer.headers)
    return response


def _opaque(tag: str) -> str:
    """What stands between an ETag's quotes."""
    return tag.removeprefix("W/").strip('"')
