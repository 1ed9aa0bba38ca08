"""Operations that review emergency accesses to health records."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from openslot.core.fields import Text
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.shapes import PractitionerRef, practitioner_ref
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.rules import Rule
from openslot.records import reviews
from openslot.records.details import ReviewDetails
from openslot.records.models import Verdict
from openslot.records.queries import Reviewable

service = Service("emergencies", "Emergency accesses", "Review of records opened in an emergency.")

EMERGENCIES = "/api/v1/emergency-accesses"


class PatientRef(Shown):
    """A reference to a patient."""

    id: UUID
    name: str


class Review(Shown):
    """What an administrator signed."""

    verdict: Verdict
    remark: str
    reviewed: AwareDatetime
    reviewer: Annotated[str | None, Field(description="Name; null if the account was deleted.")]


class ReviewedAccess(Shown):
    """An emergency access with its review, if there is one."""

    id: UUID
    patient: PatientRef
    practitioner: PractitionerRef | None
    reason: str
    start: AwareDatetime
    end: AwareDatetime
    review: Review | None


class ReviewedAccessList(Listing[ReviewedAccess]):
    """A page of emergency accesses, the newest first."""


class EmergenciesQuery(Paged):
    """Which emergency accesses to list."""

    reviewed: Annotated[
        bool | None, Field(description="Only those that are signed, or only those that are not.")
    ] = None


class NewReview(Given):
    """A verdict, and why."""

    verdict: Verdict
    remark: Text


@service.operation(
    "GET",
    EMERGENCIES,
    scope="records:read",
    rule=Rule.CONFIDENTIAL,
    query=EmergenciesQuery,
    answer=ReviewedAccessList,
)
def list_emergencies(query: EmergenciesQuery) -> Listing[ReviewedAccess]:
    """List the emergency accesses that you review, as an administrator; a key reviews none."""
    found = reviews.listing(
        bearer.work(),
        is_signed=query.reviewed,
        after=read_cursor(query.after, instant, UUID),
        limit=query.limit + 1,
    )
    return page(
        ReviewedAccessList, found, query, _shown, lambda one: (one.access.starts_at, one.access.id)
    )


@service.operation(
    "POST",
    f"{EMERGENCIES}/<uuid:access_id>/review",
    scope="records:write",
    rule=Rule.CONFIDENTIAL,
    body=NewReview,
    answer=ReviewedAccess,
    status=201,
    fresh=True,
)
def review_emergency(access_id: UUID, body: NewReview) -> ReviewedAccess:
    """Sign whether an emergency access was appropriate, as an administrator.

    A review is never changed: a second one is answered with `already-reviewed`.
    """
    details = ReviewDetails(verdict=body.verdict, remark=body.remark)
    bearer.write(reviews.review, access_id, details)
    return _shown(reviews.to_review(bearer.work(), access_id))


def _shown(reviewable: Reviewable) -> ReviewedAccess:
    row, reviewer = reviewable.access, reviewable.reviewer
    return ReviewedAccess(
        id=row.id,
        patient=PatientRef(id=reviewable.patient.id, name=reviewable.patient.name),
        practitioner=practitioner_ref(reviewable.practitioner),
        reason=row.reason,
        start=row.starts_at,
        end=row.ends_at,
        review=Review(
            verdict=Verdict(row.verdict),
            remark=row.remark or "",
            reviewed=row.reviewed_at or row.starts_at,
            reviewer=reviewer.name if reviewer else None,
        )
        if row.verdict
        else None,
    )
