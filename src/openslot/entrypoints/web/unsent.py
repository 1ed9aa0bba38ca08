"""Forms that were refused before they were read: what was typed comes back with the answer.

The text travels in the page, never through the server's storage. Passwords do not travel at all.
Only forms of this site come back, so that no other site can put its words into a form here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flask import Response, current_app, render_template, request
from flask_babel import lazy_gettext as _l
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.exceptions import HTTPException
from wtforms import Field, HiddenField, PasswordField, StringField
from wtforms.fields.core import UnboundField

from openslot.core import signing
from openslot.core.signing import NotSigned
from openslot.entrypoints.request import root
from openslot.entrypoints.web import context, ways
from openslot.entrypoints.web.forms import Form

FIELD = "unsent"
"""Field of the sign-in page that carries a form through signing in."""

LARGEST_RETURNED = 8 * 1024 * 1024
"""Bytes of a form that are read only to return them, if it is too large to be accepted."""

TOKEN = "csrf_token"  # noqa: S105 # nosec B105 - the name of a field
LONG = 80
"""Characters from which a text gets a field of several lines."""

_PURPOSE = "unsent form"
_LABELS: Mapping[str, object] = {
    "reason": _l("Reason"),
    "why": _l("Reason"),
    "who": _l("Patient"),
    "description": _l("Description"),
}
"""Labels of typed fields that belong to no form class."""


class Typed(NamedTuple):
    """A typed text with its label."""

    name: str
    label: object
    text: str

    @property
    def is_long(self) -> bool:
        """Whether it needs several lines."""
        return len(self.text) > LONG or "\n" in self.text


@dataclass(frozen=True, slots=True)
class Unsent:
    """A form that was sent and not accepted; ``maker`` is the account whose page it was on, empty
    if unknown."""

    action: str
    fields: tuple[tuple[str, str], ...]
    passwords: tuple[str, ...] = ()
    has_files: bool = False
    maker: str = ""

    @property
    def typed(self) -> list[Typed]:
        """The texts that a person typed."""
        known = self._known
        return [
            _as_typed(name, text, known[name])
            for name, text in self.fields
            if _is_typed(name, text, known[name])
        ]

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """The other fields: choices, ids and buttons."""
        known = self._known
        return [
            (name, text) for name, text in self.fields if not _is_typed(name, text, known[name])
        ]

    @property
    def missing(self) -> list[Typed]:
        """The passwords, which are typed again."""
        known = self._known
        return [_as_typed(name, "", known[name]) for name in self.passwords]

    def signed(self) -> str:
        """Return the form as a signed value for a hidden field."""
        values = [self.action, self.fields, self.passwords, self.has_files, self.maker]
        return signing.sign(context.settings().signing_keys(), _PURPOSE, values)

    @property
    def _known(self) -> Mapping[str, UnboundField | None]:
        """The fields of form classes, by name; made once for all, as a form can be long."""
        names = frozenset({*(name for name, _text in self.fields), *self.passwords})
        return {name: _class_of(name, names) for name in names}


def sent() -> Unsent | None:
    """Return the form that this request sends; None if it sends none, or another site does."""
    if request.method != "POST" or request.is_json or not _is_from_here():
        return None
    action = f"{request.script_root}{ways.here()}"
    if action.startswith(("//", "/\\")):
        return None
    try:
        form = request.form
        files = bool(request.files)
    except HTTPException:
        form, files = _too_large_form(), False
    if form is None or not (form or files):
        return None
    pairs = [(name, text) for name, text in form.items(multi=True) if name != TOKEN]
    fields = tuple(pair for pair in pairs if pair[0] not in _password_names())
    passwords = tuple({name: None for name, _text in pairs if name in _password_names()})
    return Unsent(action, fields, passwords, files, _maker(form.get(TOKEN, "")))


def carried() -> Unsent | None:
    """Return the form that came through the sign-in page; None if there is none."""
    try:
        action, fields, passwords, has_files, maker = signing.read(
            context.settings().signing_keys(), _PURPOSE, request.form.get(FIELD, "")
        )
    except NotSigned:
        return None
    return Unsent(action, tuple((n, t) for n, t in fields), tuple(passwords), has_files, maker)


def page(unsent: Unsent, sentence: str, status: int) -> Response:
    """Return the page on which the form can be read, changed and sent again."""
    account = context.account_or_none()
    other = bool(unsent.maker and account and str(account.id) != unsent.maker)
    body = render_template(
        "unsent.html", unsent=unsent, sentence=sentence, is_of_another_account=other
    )
    return Response(body, status)


def _too_large_form() -> Any:
    """Read a form that is too large to be accepted; None if it is larger still, or has files."""
    if request.mimetype != "application/x-www-form-urlencoded":
        return None
    request.max_content_length = request.max_form_memory_size = LARGEST_RETURNED
    try:
        return request.form
    except HTTPException:
        return None


def _is_from_here() -> bool:
    """Return whether a page of this site sent the request, as far as the browser says.

    Fetch Metadata (W3C) says it; older browsers send an Origin or a Referer.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin") or request.referrer
    return origin is None or urlsplit(origin).netloc in (request.host, urlsplit(root()).netloc)


def _maker(token: str) -> str:
    """Return the account whose page a form was on, from its token; empty if unknown."""
    serializer = URLSafeTimedSerializer(str(current_app.secret_key), salt="wtf-csrf-token")
    try:
        value = serializer.loads(token)
    except BadData:
        return ""
    return str(value).partition(".")[2]


@cache
def _form_fields() -> tuple[Mapping[str, UnboundField], ...]:
    """Return the fields of each form class, by name."""
    return tuple(dict(_fields_of(kind)) for kind in _kinds(Form))


def _kinds(kind: type[Form]) -> Iterator[type[Form]]:
    for child in kind.__subclasses__():
        yield child
        yield from _kinds(child)


def _fields_of(kind: type[Form]) -> Iterator[tuple[str, Any]]:
    for parent in reversed(kind.__mro__):
        for name, value in vars(parent).items():
            if isinstance(value, UnboundField):
                yield name, value


@cache
def _password_names() -> frozenset[str]:
    """Return the names of all password fields."""
    return frozenset(
        name
        for fields in _form_fields()
        for name, field in fields.items()
        if issubclass(field.field_class, PasswordField)
    )


def _class_of(name: str, names: frozenset[str]) -> UnboundField | None:
    """Return the field of this name in the form class that most resembles ``names``."""
    able = [fields for fields in _form_fields() if name in fields]
    best = max(able, key=lambda fields: 2 * len(names & fields.keys()) - len(fields), default=None)
    return best[name] if best else None


def _is_typed(name: str, text: str, known: UnboundField | None) -> bool:
    if known is not None:
        return bool(text) and _is_text(known)
    return bool(text) and (name in _LABELS or " " in text.strip() or "\n" in text)


def _as_typed(name: str, text: str, known: UnboundField | None) -> Typed:
    label = _label(known) if known is not None else _LABELS.get(name)
    return Typed(name, label or _l("What you typed"), text)


def _is_text(field: UnboundField) -> bool:
    kind: type[Field] = field.field_class
    return issubclass(kind, StringField) and not issubclass(kind, HiddenField)


def _label(field: UnboundField) -> object:
    return field.args[0] if field.args else field.kwargs.get("label")
