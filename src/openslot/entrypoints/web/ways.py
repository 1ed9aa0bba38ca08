"""Ways to go on, such as ``?next=``: addresses inside of addresses, which name nobody either."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import current_app, request, session
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

WAYS = frozenset({"next", "back"})
"""Names of the arguments that hold an address of this site."""

_WANTED = "wanted"
LONGEST = 2000
"""Characters of an address that fits into a cookie."""

DEEPEST = 3
"""Ways within ways that are followed; what is deeper is dropped."""


def kept_from(view: Any) -> frozenset[str]:
    """Return the fields that the address of a view must not have; see ``asked.keeping``."""
    return getattr(view, "kept", frozenset())


def here() -> str:
    """Return the address of this request, without details of people."""
    return without_details(request.full_path.rstrip("?"))


def remember() -> None:
    """Remember this request in the browser, to go on with it after something that comes first."""
    if len(here()) <= LONGEST:
        session[_WANTED] = here()


def remembered(default: str) -> str:
    """Return what the reader wanted before something that came first, once, else the default."""
    path = str(session.pop(_WANTED, default))
    return path if is_own(path) else default


def without_details(path: str, *, depth: int = 0) -> str:
    """Return an address of this site without what its page keeps out of addresses.

    Of a page that is not there nothing is known, so nothing but its path is left.
    """
    own_path, _, query = path.partition("?")
    sent = parse_qsl(query, keep_blank_values=True)
    if not is_own(path) or not query:
        return path
    view = _view_at(own_path)
    dropped = kept_from(view) | (WAYS if depth >= DEEPEST else frozenset())
    left = [
        (name, without_details(value, depth=depth + 1) if name in WAYS else value)
        for name, value in sent
        if view is not None and name not in dropped
    ]
    if left == sent:
        return path
    return f"{own_path}?{urlencode(left)}" if left else own_path


def is_own(path: str) -> bool:
    """Return whether this is a path of this site, and leads nowhere else."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\"))
    return safe and path.isprintable()


def _view_at(path: str) -> Any:
    """Return the view that shows the page at a path, or None."""
    adapter = current_app.create_url_adapter(request)
    own_path = urlsplit(path).path.removeprefix(request.script_root)
    if adapter is None:
        return None
    try:
        endpoint, _ = adapter.match(own_path, method="GET")
    except (HTTPException, RequestRedirect):
        return None
    return current_app.view_functions[endpoint]
