"""Signed links in emails that answer an offer. They carry the id of the offer only.

A link has no expiry of its own: the offer's row says if it is open, and until when.
"""

from uuid import UUID

from openslot.core import signing
from openslot.core.errors import NotFound
from openslot.core.signing import Keys, NotSigned

PURPOSE = "offer"
"""The purpose under which the links are signed, so that no other signed link opens an offer."""


def token_of(key: Keys, offer_id: UUID) -> str:
    """Return the signed token for the link to an offer."""
    return signing.sign(key, PURPOSE, offer_id.hex)


def read_token(key: Keys, token: str) -> UUID:
    """Return the id of the offer in a token; raise NotFound if the signature is not valid."""
    try:
        return UUID(signing.read(key, PURPOSE, token))
    except NotSigned:
        raise NotFound from None
