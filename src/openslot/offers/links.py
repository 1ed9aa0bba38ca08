"""The links in mails that answer an offer: signed, and naming nothing but the offer's id.

A link is as good as the offer: its row says whether it is open, and until when.
"""

from uuid import UUID

from openslot.core import signing
from openslot.core.errors import NotFound
from openslot.core.signing import NotSigned

PURPOSE = "offer"
"""Keeps links of other kinds, signed with the same key, from opening offers."""


def token_of(key: str, offer_id: UUID) -> str:
    """What the link to an offer carries."""
    return signing.sign(key, PURPOSE, offer_id.hex)


def read_token(key: str, token: str) -> UUID:
    """The offer that a link names; NotFound for any text that we did not sign as one."""
    try:
        return UUID(signing.read(key, PURPOSE, token))
    except NotSigned:
        raise NotFound from None
