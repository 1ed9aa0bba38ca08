"""Operations on referrals from GPs to specialists."""

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field, ValidationError

from openslot.core.errors import Invalid
from openslot.core.fields import LongText, OptionalLine
from openslot.core.work import Work
from openslot.entrypoints import bearer
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.paging import Listing, Paged, page, read_cursor
from openslot.entrypoints.api.shapes import (
    Id,
    PatientRef,
    PractitionerRef,
    patient_ref,
    practitioner_ref,
)
from openslot.entrypoints.cursors import instant
from openslot.entrypoints.failures import InvalidFields
from openslot.entrypoints.problems import problems_of
from openslot.entrypoints.request import now, reader
from openslot.entrypoints.rules import Rule
from openslot.referrals import commands, queries
from openslot.referrals.details import MOST_APPOINTMENTS, AnswerDetails, ReferralDetails
from openslot.referrals.models import Referral as ReferralRow
from openslot.referrals.models import State

service = Service("referrals", "Referrals", "Referrals from GPs to specialists.")

PATH = "/api/v1/referrals"
ONE = f"{PATH}/<uuid:referral_id>"

ADDRESSEE = ("practitioner", "expertise")


Most = Annotated[
    Annotated[int, Field(ge=1, le=MOST_APPOINTMENTS)] | None,
    Field(
        description="How many appointments it is for, with follow-ups; null for as many as are "
        "needed until it expires."
    ),
]


class ReferralSummary(Shown):
    """A referral without its text."""

    id: UUID
    patient: PatientRef | None
    gp: PractitionerRef | None
    practitioner: Annotated[
        PractitionerRef | None, Field(description="The specialist, unless `expertise` is given.")
    ]
    expertise: str | None
    most_appointments: Most
    status: State
    created: AwareDatetime
    sent: AwareDatetime | None
    expires: AwareDatetime | None
    appointment: Annotated[UUID | None, Field(description="The appointment booked with it.")]


class Referral(ReferralSummary):
    """A referral with its text and the specialist's answer."""

    letter: str
    answer: str | None
    answered: AwareDatetime | None


class ReferralList(Listing[ReferralSummary]):
    """A page of referrals, newest first."""


class ReferralQuery(Paged):
    """Filters for referrals."""

    status: State | None = None
    patient: UUID | None = None


class NewReferral(Given):
    """A referral to one specialist, or to any specialist in an area of expertise."""

    patient: UUID
    practitioner: Id | None = None
    expertise: OptionalLine = None
    letter: LongText
    most_appointments: Most = None
    send: Annotated[bool, Field(description="Send it now, instead of saving a draft.")] = False


class NextState(StrEnum):
    """A status that a referral can be set to."""

    SENT = "sent"
    REVOKED = "revoked"


class ReferralChange(Given):
    """A new text or addressee for a draft, a new status, or the specialist's answer."""

    practitioner: Id | None = None
    expertise: OptionalLine = None
    letter: LongText | None = None
    most_appointments: Most = None
    status: NextState | None = None
    answer: LongText | None = None


@service.operation(
    "GET",
    PATH,
    scope="referrals:read",
    rule=Rule.CONFIDENTIAL,
    query=ReferralQuery,
    answer=ReferralList,
    may_fail=(404,),
)
def list_referrals(query: ReferralQuery) -> Listing[ReferralSummary]:
    """List your referrals: written as a GP, received as a specialist, or about you as a patient."""
    where = [queries.within_reach(bearer.actor(), now())]
    if query.status:
        where.append(ReferralRow.in_state(query.status, now()))
    if query.patient:
        where.append(ReferralRow.patient_id == query.patient)
    after = read_cursor(query.after, instant, UUID)
    rows = queries.referrals(reader(), *where, after=after, limit=query.limit + 1)
    return page(
        ReferralList,
        rows,
        query,
        lambda row: ReferralSummary(**_summary(row)),
        lambda row: (row.created_at, row.id),
    )


@service.operation("GET", ONE, scope="referrals:read", rule=Rule.CONFIDENTIAL, answer=Referral)
def get_referral(referral_id: UUID) -> Referral:
    """Read one of your referrals; a read by a specialist is audited."""
    bearer.write(commands.note_read, referral_id)
    return _shown(referral_id)


@service.operation(
    "POST",
    PATH,
    scope="referrals:write",
    rule=Rule.CONFIDENTIAL,
    body=NewReferral,
    answer=Referral,
    status=201,
    may_fail=(404,),
    headers={"Location": "The address of the new referral."},
)
def create_referral(body: NewReferral) -> Answer:
    """Write a referral as a GP, and optionally send it."""
    details = _details(body.practitioner, body.expertise, body.letter, body.most_appointments)

    def save(work: Work) -> UUID:
        row = commands.write(work, body.patient, details)
        if body.send:
            _send(work, row.id)
        return row.id

    referral_id = bearer.write(save)
    return Answer(_shown(referral_id), headers={"Location": f"{PATH}/{referral_id}"})


@service.operation(
    "PATCH",
    ONE,
    scope="referrals:write",
    rule=Rule.CONFIDENTIAL,
    body=ReferralChange,
    answer=Referral,
    may_fail=(409,),
)
def change_referral(referral_id: UUID, body: ReferralChange) -> Referral:
    """Change a draft, or send, revoke or answer a referral; all changes are made, or none."""
    if not body.model_fields_set:
        raise Invalid("Send at least one change.")
    bearer.write(_change, referral_id, body)
    return _shown(referral_id)


@service.operation(
    "DELETE", ONE, scope="referrals:write", rule=Rule.CONFIDENTIAL, status=204, may_fail=(409,)
)
def discard_referral(referral_id: UUID) -> None:
    """Discard a draft."""
    bearer.write(commands.discard, referral_id)


def _change(work: Work, referral_id: UUID, body: ReferralChange) -> None:
    sent = body.model_fields_set
    if sent & {*ADDRESSEE, "letter", "most_appointments"}:
        draft, _relation = commands.referral_for(work, referral_id)
        addressee = (draft.practitioner_id, draft.expertise)
        if sent & {*ADDRESSEE}:
            addressee = (body.practitioner, body.expertise)
        is_counted = "most_appointments" in sent
        most = body.most_appointments if is_counted else draft.most_appointments
        details = _details(*addressee, body.letter or draft.letter, most)
        commands.change(work, referral_id, details)
        work.session.flush()
    if body.answer is not None:
        answer = AnswerDetails(answer=body.answer)
        commands.answer(work, referral_id, answer)
    if body.status is NextState.SENT:
        _send(work, referral_id)
    elif body.status is NextState.REVOKED:
        commands.revoke(work, referral_id)


def _send(work: Work, referral_id: UUID) -> None:
    commands.send(work, referral_id)


def _details(
    practitioner: int | None, expertise: str | None, letter: str, most_appointments: int | None
) -> ReferralDetails:
    try:
        return ReferralDetails(
            practitioner_id=practitioner,
            expertise=expertise,
            letter=letter,
            most_appointments=most_appointments,
        )
    except ValidationError as error:
        # An error without a field is about the addressee.
        errors = [(name or "addressee", sentence) for name, sentence in problems_of(error)]
        raise InvalidFields(errors) from None


def _shown(referral_id: UUID) -> Referral:
    row, _relation = commands.referral_for(bearer.work(), referral_id)
    return Referral(**_summary(row), letter=row.letter, answer=row.answer, answered=row.answered_at)


def _summary(row: ReferralRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "patient": patient_ref(row.patient),
        "gp": practitioner_ref(row.gp),
        "practitioner": practitioner_ref(row.addressee),
        "expertise": row.expertise,
        "most_appointments": row.most_appointments,
        "status": row.state_at(now()),
        "created": row.created_at,
        "sent": row.sent_at,
        "expires": row.expires_at,
        "appointment": row.appointment.id if row.appointment else None,
    }
