"""What is typed about people stays out of addresses.

Browsers keep addresses in their history, and proxies in their logs. So searches for people are sent
by POST, which leads to an address that has what was typed only encrypted, for its reader, for a
short time. Reloading, going back and paging work as with any other address.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec
from urllib.parse import urlencode

from flask import current_app, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from openslot.core import signing
from openslot.core.ids import new_id
from openslot.core.signing import NotSigned
from openslot.entrypoints.web import context, ways

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]

FIELD = "asked"
"""Name in an address of what was typed, encrypted."""

LASTS = timedelta(hours=2)
LONGEST = 254
"""Characters of a typed text that are kept."""

_PURPOSE = "asked"
_VISITOR = "asker"
_TOKEN = "csrf_token"  # noqa: S105 # nosec B105 - the name of a field


def searching(*names: str) -> Callable[[View[P]], View[P]]:
    """Let a page be searched with the fields ``names`` of a form that is sent by POST.

    Other fields of the form stay readable in the address.
    """

    def mark(view: View[P]) -> View[P]:
        @wraps(view)
        def search(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            if request.method == "POST" and not request.form.keys().isdisjoint(names):
                return redirect(_found_at(names), 303)
            if FIELD in request.args and _typed() is None:
                flash(_("This search has ended. Search again."))
                return redirect(_without({FIELD}), 303)
            return view(*args, **kwargs)

        return keeping(*names)(search)

    return mark


def keeping(*names: str) -> Callable[[View[P]], View[P]]:
    """Declare fields of a page that its address must not have."""

    def mark(view: View[P]) -> View[P]:
        view.kept = frozenset(names)  # type: ignore[attr-defined] # read by drop_readable()
        return view

    return mark


def drop_readable() -> ResponseReturnValue | None:
    """Lead an address with readable details of people to the same page without them.

    This is done before anything repeats the address, such as the way back after signing in.
    """
    kept = ways.kept_from(current_app.view_functions.get(request.endpoint or ""))
    sent = list(request.args.items(multi=True))
    left = [
        (name, ways.without_details(value) if name in ways.WAYS else value)
        for name, value in sent
        if name not in kept
    ]
    if request.method in ("GET", "HEAD") and left != sent:
        return redirect(_own_address(left), 303)
    return None


def text(name: str) -> str:
    """Return what was typed in a field; empty if nothing, or too long ago."""
    return (_typed() or {}).get(name, "")


def again() -> dict[str, Any]:
    """Return the arguments with which an address repeats this search."""
    return {FIELD: request.args[FIELD]} if FIELD in request.args else {}


def address(endpoint: str, typed: Mapping[str, str | None], **shown: Any) -> str:
    """Return the address of a page with its fields filled in, and other arguments ``shown``."""
    return url_for(endpoint, **{**shown, FIELD: _hidden(typed)})


def _found_at(names: Iterable[str]) -> str:
    typed = {name: request.form.get(name, "") for name in names}
    shown = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if value and name not in (_TOKEN, FIELD, *typed)
    ]
    hidden = _hidden(typed)
    return _own_address([*shown, (FIELD, hidden)] if hidden else shown)


def _without(names: Iterable[str]) -> str:
    dropped = frozenset(names)
    return _own_address(pair for pair in request.args.items(multi=True) if pair[0] not in dropped)


def _own_address(arguments: Iterable[tuple[str, str]]) -> str:
    query = urlencode(list(arguments))
    return f"{request.script_root}{request.path}" + (f"?{query}" if query else "")


def _hidden(typed: Mapping[str, str | None]) -> str | None:
    """Return the typed texts encrypted, or None if all are empty."""
    cleaned = {
        name: value.replace("\x00", "").strip()[:LONGEST] for name, value in typed.items() if value
    }
    given = {name: value for name, value in cleaned.items() if value}
    if not given:
        return None
    return signing.hide_dated(context.settings().signing_keys(), _PURPOSE, [_reader(), given])


def _typed() -> dict[str, str] | None:
    """Return what the address has encrypted; None if it was for another reader, or is too old."""
    try:
        reader, typed = signing.reveal_dated(
            context.settings().signing_keys(), _PURPOSE, request.args.get(FIELD, ""), lasts=LASTS
        )
    except NotSigned:
        return None
    return dict(typed) if reader == _reader() else None


def _reader() -> str:
    """Return who is signed in, else this browser."""
    account = context.account_or_none()
    if account is not None:
        return account.id.hex
    if _VISITOR not in session:
        session[_VISITOR] = new_id().hex
    return str(session[_VISITOR])
