"""Sign-ups that become accounts once the link in the mail to their address is opened.

Until then there is no account, so nobody can find out by signing in whether the address is known.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from openslot.core.actor import Role
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.identity import queries
from openslot.identity.errors import LinkExpired
from openslot.identity.links import CONFIRM_WITHIN
from openslot.identity.models import PendingSignUp


def begin_sign_up(
    work: Work, email: str, role: Role, details: Mapping[str, Any], password_hash: str
) -> PendingSignUp:
    """Store what somebody registered with; the same work for a known address and another."""
    pending = PendingSignUp(
        id=new_id(),
        email=email,
        role=role,
        details=dict(details),
        password=password_hash,
        created_at=work.now,
        ends_at=work.now + CONFIRM_WITHIN,
    )
    work.session.add(pending)
    return pending


def pending_sign_up(work: Work, pending_id: UUID) -> PendingSignUp:
    """Return what a link is about. Raises LinkExpired, also if the address has an account now."""
    pending = work.session.get(PendingSignUp, pending_id)
    if pending is None or pending.ends_at <= work.now:
        raise LinkExpired
    if queries.by_email(work.session, pending.email):
        raise LinkExpired
    return pending


def end_sign_ups(work: Work, email: str) -> None:
    """Delete all pending sign-ups with an address, which has an account now."""
    queries.end_pending(work.session, email)
