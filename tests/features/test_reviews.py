"""Emergency accesses are signed by somebody else, once."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

import factories
from factories import NOW
from openslot.core import audit, outbox
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Forbidden, NotFound
from openslot.core.ids import new_id
from openslot.directory.models import Practitioner
from openslot.notifications.alarms import UNSIGNED, raise_alarms
from openslot.records import commands, reviews
from openslot.records.details import EmergencyDetails, ReviewDetails
from openslot.records.errors import AlreadyReviewed
from openslot.records.models import Verdict
from racing import race
from town import build_town
from working import work

T = TypeVar("T")

REASON = EmergencyDetails(reason="Unconscious, allergies unknown.")
GOOD = ReviewDetails(verdict=Verdict.APPROPRIATE, remark="The ambulance called.")
BAD = ReviewDetails(verdict=Verdict.INAPPROPRIATE, remark="Curiosity.")


class Reviewed:
    """A physiotherapist of the hospital who opened a record in an emergency, and those who may
    review it."""

    def __init__(self, database: Database) -> None:
        self.database, self.town = database, build_town(database)
        self.network = self._administrator("net@example.org", Role.NETWORK_ADMIN)
        self.here = self._administrator("here@example.org", Role.CENTRE_ADMIN, self.town.hospital)
        self.far = self._administrator("far@example.org", Role.CENTRE_ADMIN, self.town.clinic)
        physio = Actor(role=Role.PRACTITIONER, practitioner_id=self.town.physio)
        patient = self.town.patients[0]
        self.access = self.do(physio, commands.break_glass, patient, REASON).id

    def _administrator(self, email: str, role: Role, centre_id: int | None = None) -> Actor:
        account = self.database.run(
            lambda session: factories.account(session, email, role, confirmed_at=NOW).id
        )
        return Actor(role=role, account_id=account, centre_id=centre_id)

    def do(self, actor: Actor, command: Callable[..., T], *args: Any, **more: Any) -> T:
        return self.database.run(lambda session: command(work(session, actor, NOW), *args, **more))

    def listed(self, actor: Actor, *, is_signed: bool) -> list[UUID]:
        found = self.do(actor, reviews.listing, is_signed=is_signed, limit=9)
        return [one.access.id for one in found]


@pytest.fixture
def reviewed(database: Database) -> Reviewed:
    return Reviewed(database)


def test_administrators_of_the_practitioner_sign_once(reviewed: Reviewed) -> None:
    for actor in (reviewed.here, reviewed.network):
        assert reviewed.listed(actor, is_signed=False) == [reviewed.access]
        assert reviewed.do(actor, reviews.count_waiting) == 1
    assert reviewed.listed(reviewed.far, is_signed=False) == []
    with pytest.raises(NotFound):
        reviewed.do(reviewed.far, reviews.review, reviewed.access, GOOD)

    reviewed.do(reviewed.here, reviews.review, reviewed.access, BAD)
    with pytest.raises(AlreadyReviewed):
        reviewed.do(reviewed.network, reviews.review, reviewed.access, GOOD)
    assert reviewed.listed(reviewed.network, is_signed=False) == []
    assert reviewed.listed(reviewed.network, is_signed=True) == [reviewed.access]
    signed = reviewed.do(reviewed.network, reviews.to_review, reviewed.access)
    assert (signed.access.verdict, signed.access.remark) == ("inappropriate", "Curiosity.")
    assert signed.access.reviewed_by == reviewed.here.account_id
    subject = f"patient:{reviewed.town.patients[0]}"
    (event,) = [
        one
        for one in reviewed.database.read(lambda session: audit.events_of(session, subject))
        if one.action == reviews.REVIEWED
    ]
    assert event.account_id == reviewed.here.account_id
    assert "Curiosity." not in str(event.details)


def test_of_two_who_sign_together_one_has_signed(reviewed: Reviewed) -> None:
    def sign(number: int) -> str:
        actor = (reviewed.here, reviewed.network)[number]
        try:
            reviewed.do(actor, reviews.review, reviewed.access, (GOOD, BAD)[number])
        except AlreadyReviewed as refused:
            return refused.code
        return "signed"

    assert sorted(race(2, sign)) == ["already-reviewed", "signed"]


def test_nobody_else_reviews_and_nobody_their_own(reviewed: Reviewed) -> None:
    program = Actor(role=Role.NETWORK_ADMIN, program="key Robot")
    physio = Actor(
        role=Role.PRACTITIONER, account_id=new_id(), practitioner_id=reviewed.town.physio
    )
    for actor in (program, physio, reviewed.town.clerk, reviewed.town.patient()):
        for act in (partial(reviews.listing, is_signed=None, limit=9), reviews.count_waiting):
            with pytest.raises(Forbidden):
                reviewed.do(actor, act)
        with pytest.raises(Forbidden):
            reviewed.do(actor, reviews.review, reviewed.access, GOOD)

    def become_the_practitioner(session: Session) -> None:
        row = session.get_one(Practitioner, reviewed.town.physio)
        row.account_id = reviewed.network.account_id

    reviewed.database.run(become_the_practitioner)
    assert reviewed.listed(reviewed.network, is_signed=False) == []
    with pytest.raises(NotFound):
        reviewed.do(reviewed.network, reviews.review, reviewed.access, GOOD)


def test_what_waits_too_long_is_told_every_day_until_it_is_signed(reviewed: Reviewed) -> None:
    settings = Settings(_env_file=None, public_url="https://book.example.org", secret_key="a key")

    def alarms(days: float) -> list[str]:
        later = NOW + timedelta(days=days)
        return reviewed.database.run(
            lambda session: raise_alarms(work(session, SYSTEM, later, settings=settings))
        )

    def mails() -> int:
        return len(
            reviewed.database.read(
                lambda session: [
                    one
                    for one in outbox.messages(session, "mail", limit=99, offset=0)
                    if "wait for review" in str(one.payload)
                ]
            )
        )

    assert alarms(7) == []
    assert (alarms(7.5), alarms(7.6)) == ([UNSIGNED], [UNSIGNED])
    assert mails() == 1
    assert alarms(8.6) == [UNSIGNED]
    assert mails() == 2
    reviewed.do(reviewed.here, reviews.review, reviewed.access, GOOD)
    assert alarms(9.6) == []
