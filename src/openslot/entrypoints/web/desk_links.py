"""Addresses of a centre for those who have not signed in: its check-in, and the screen of its
waiting room. They are signed, so that nobody finds them by counting."""

from openslot.core import signing
from openslot.core.errors import NotFound
from openslot.core.signing import NotSigned
from openslot.entrypoints.web import context

_CHECK_IN, _SCREEN = "check-in", "waiting-room"


def check_in(centre_id: int) -> str:
    """Return the token of a centre's check-in."""
    return _signed(_CHECK_IN, centre_id)


def screen(centre_id: int) -> str:
    """Return the token of the screen of a centre's waiting room."""
    return _signed(_SCREEN, centre_id)


def of_check_in(token: str) -> int:
    """Return the id of the centre whose check-in it is. Raises NotFound."""
    return _read(_CHECK_IN, token)


def of_screen(token: str) -> int:
    """Return the id of the centre whose screen it is. Raises NotFound."""
    return _read(_SCREEN, token)


def _signed(purpose: str, centre_id: int) -> str:
    return signing.sign(context.settings().signing_keys(), purpose, centre_id)


def _read(purpose: str, token: str) -> int:
    try:
        return int(signing.read(context.settings().signing_keys(), purpose, token))
    except NotSigned:
        raise NotFound from None
