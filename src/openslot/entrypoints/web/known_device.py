"""Cookie for browsers that have signed in before, so that guesses made elsewhere do not lock them
out.

It is signed and holds a random name of the browser and digests of the email addresses that signed
in there. It grants no access: wrong passwords from it are counted separately.
"""

import hashlib
import secrets
from datetime import timedelta

from flask import after_this_request, request
from werkzeug.wrappers import Response

from openslot.core import signing
from openslot.core.fields import address_key
from openslot.core.signing import NotSigned
from openslot.entrypoints.web import context
from openslot.identity.commands import Source, source_of

COOKIE = "openslot-device"
LASTS = timedelta(days=365)
MOST = 50
"""Most accounts remembered for one browser; the oldest are dropped."""

_PURPOSE = "known device"


def source(email: str) -> Source:
    """Return the source that a wrong password of this request counts against."""
    device, emails = _read()
    device_of_account = device if _digest(email) in emails else None
    return source_of(request.remote_addr, device=device_of_account)


def remember(email: str) -> None:
    """Remember the browser for the account that has just signed in."""
    device, emails = _read()
    own = _digest(email)
    remembered = [*(digest for digest in emails if digest != own), own][-MOST:]
    text = signing.sign_dated(context.settings().signing_keys(), _PURPOSE, [device, remembered])

    def add(response: Response) -> Response:
        context.keep_cookie(response, COOKIE, text, lasts=LASTS)
        return response

    after_this_request(add)


def _read() -> tuple[str, list[str]]:
    try:
        device, emails = signing.read_dated(
            context.settings().signing_keys(), _PURPOSE, context.cookie(COOKIE), lasts=LASTS
        )
    except NotSigned:
        return secrets.token_hex(12), []
    return device, emails


def _digest(email: str) -> str:
    key = address_key(email).encode("utf-8", "surrogatepass")
    return hashlib.sha256(key).hexdigest()[:16]
