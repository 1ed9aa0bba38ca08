"""Signed texts for links and forms, and encrypted ones for what nobody may read on the way."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from itsdangerous import BadData, Signer, URLSafeSerializer, URLSafeTimedSerializer
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from openslot.core import clock

Keys = str | Sequence[str]
"""A key, or several, oldest first: all of them are valid, and the last one signs."""


# Of the whole process, because Flask-WTF signs the tokens of forms with the default of the library,
# which is SHA-1. Flask's session has its own, in app.py.
Signer.default_digest_method = staticmethod(hashlib.sha256)

_JWE = {"alg": "dir", "enc": "A256GCM"}


class NotSigned(Exception):
    """The text was not signed with this key for this purpose, or has expired."""


def sign(key: Keys, purpose: str, content: Any) -> str:
    """Return ``content``, which must be JSON, as a signed text that does not expire.

    A text that is signed for one ``purpose`` is not valid for another.
    """
    return str(URLSafeSerializer(key, salt=purpose).dumps(content))


def sign_dated(key: Keys, purpose: str, content: Any) -> str:
    """Return a signed text that includes its date, for :func:`read_dated`."""
    return str(URLSafeTimedSerializer(key, salt=purpose).dumps(content))


def read(key: Keys, purpose: str, text: str) -> Any:
    """Return the signed content. Raises NotSigned."""
    try:
        return URLSafeSerializer(key, salt=purpose).loads(text)
    except (BadData, ValueError):
        raise NotSigned from None


def read_dated(key: Keys, purpose: str, text: str, *, lasts: timedelta) -> Any:
    """Return content that was signed no longer than ``lasts`` ago. Raises NotSigned."""
    try:
        return URLSafeTimedSerializer(key, salt=purpose).loads(
            text, max_age=int(lasts.total_seconds())
        )
    except (BadData, ValueError):
        raise NotSigned from None


def hide(key: Keys, purpose: str, content: Any) -> str:
    """Return ``content``, which must be JSON, as a text that is encrypted with the newest key."""
    text = json.dumps(content, separators=(",", ":"))
    return str(jwe.encrypt_compact(_JWE, text, _own_key(_all(key)[-1], purpose)))


def reveal(key: Keys, purpose: str, text: str) -> Any:
    """Return what was hidden for this purpose with one of the keys. Raises NotSigned."""
    for one in reversed(_all(key)):
        try:
            found = jwe.decrypt_compact(text, _own_key(one, purpose), algorithms=[*_JWE.values()])
            return json.loads(found.plaintext or b"")
        except (JoseError, ValueError):
            continue
    raise NotSigned


def hide_dated(key: Keys, purpose: str, content: Any) -> str:
    """Return an encrypted text that includes its date, for :func:`reveal_dated`."""
    return hide(key, purpose, [clock.now().timestamp(), content])


def reveal_dated(key: Keys, purpose: str, text: str, *, lasts: timedelta) -> Any:
    """Return content that was hidden no longer than ``lasts`` ago. Raises NotSigned."""
    hidden_at, content = reveal(key, purpose, text)
    if not 0 <= clock.now().timestamp() - hidden_at <= lasts.total_seconds():
        raise NotSigned
    return content


def _all(key: Keys) -> Sequence[str]:
    return (key,) if isinstance(key, str) else key


def _own_key(key: str, purpose: str) -> OctKey:
    return OctKey.import_key(hmac.digest(key.encode(), b"hide:" + purpose.encode(), "sha256"))
