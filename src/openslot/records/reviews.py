"""Reviews of emergency accesses: an administrator signs each, with a verdict and a remark.

Nobody reviews an access of their own, and nothing signed is changed.
"""

from uuid import UUID

from openslot.core import audit, keyset
from openslot.core.actor import Actor, Role
from openslot.core.errors import Forbidden, NotFound
from openslot.core.work import Work
from openslot.records import queries
from openslot.records.access import subject_of
from openslot.records.details import ReviewDetails
from openslot.records.errors import AlreadyReviewed
from openslot.records.models import EmergencyAccess
from openslot.records.queries import Reviewable

REVIEWED = "record.emergency-reviewed"


def check_reviewer(actor: Actor) -> None:
    """Raise Forbidden unless the actor is an administrator, and no program: a person signs."""
    if actor.account_id is None or not actor.is_a(Role.CENTRE_ADMIN, Role.NETWORK_ADMIN):
        raise Forbidden


def listing(
    work: Work, *, is_signed: bool | None, after: keyset.Key | None = None, limit: int
) -> list[Reviewable]:
    """Return the emergency accesses that the actor reviews, the newest first; one statement.

    Raise Forbidden if the actor is no administrator.
    """
    check_reviewer(work.actor)
    own = queries.reviewed_by(work.actor)
    return queries.reviewable(work.session, own, is_signed=is_signed, after=after, limit=limit)


def count_waiting(work: Work) -> int:
    """Return how many emergency accesses wait for the actor's review; one statement."""
    check_reviewer(work.actor)
    return queries.count_unsigned(work.session, queries.reviewed_by(work.actor))


def to_review(work: Work, access_id: UUID) -> Reviewable:
    """Return an emergency access that the actor reviews; raise NotFound for any other, and
    Forbidden if the actor is no administrator."""
    check_reviewer(work.actor)
    this = EmergencyAccess.id == access_id
    found = queries.reviewable(work.session, this, queries.reviewed_by(work.actor))
    if not found:
        raise NotFound
    return found[0]


def review(work: Work, access_id: UUID, details: ReviewDetails) -> None:
    """Sign an emergency access. Raise what :func:`to_review` raises, and AlreadyReviewed."""
    reviewable = to_review(work, access_id)
    is_first = queries.sign(
        work.session,
        access_id,
        verdict=details.verdict.value,
        remark=details.remark,
        reviewed_by=work.actor.account_id,
        reviewed_at=work.now,
    )
    if not is_first:
        raise AlreadyReviewed
    audit.record(
        work,
        REVIEWED,
        subject_of(reviewable.patient.id),
        emergency=str(access_id),
        verdict=details.verdict.value,
    )
