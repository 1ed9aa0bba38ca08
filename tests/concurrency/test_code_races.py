"""Codes and tokens of programs when two come at once, on every engine."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import factories
from factories import NOW
from openslot.core.actor import SYSTEM, Actor, Role
from openslot.core.db import Database
from openslot.identity import authorization, credentials, keys, sessions
from openslot.identity.authorization import Redeemed, Request, SentBack, challenge_of
from openslot.identity.models import ApiClient, ApiToken, AuthorizationCode
from openslot.identity.programs import ProgramDetails, create_program
from racing import race
from working import work

BACK = "https://app.example/back"
VERIFIER = "a" * 43


class Person:
    """Somebody who is signed in, and a program."""

    def __init__(self, database: Database):
        self.database = database
        self.account = database.run(
            lambda session: factories.account(session, "jo@example.org", Role.PATIENT)
        )
        self.browser = database.run(
            lambda session: sessions.start_session(work(session, now=NOW), self.account, agent=None)
        )
        details = ProgramDetails(
            name="Chart", redirects=(BACK,), scopes=("patient/*.rs", "online_access")
        )
        self.client: ApiClient = database.run(
            lambda session: create_program(work(session, SYSTEM, NOW), details)[0]
        )

    def agrees(self, *, is_asked: bool = True) -> str:
        """A code of the person for the program."""
        sent = {
            "client_id": str(self.client.id),
            "redirect_uri": BACK,
            "response_type": "code",
            "scope": "patient/*.rs online_access",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }

        def give(session: Session) -> str:
            listed = {name: [value] for name, value in sent.items()}
            place = authorization.place(session, listed)
            wanted: Request = authorization.read(place, listed, audience="", now=NOW)
            own = work(session, Actor(Role.PATIENT, self.account.id), NOW)
            return authorization.give(
                own, wanted, patient_id=None, session_token=self.browser, is_asked=is_asked
            )

        return self.database.run(give)

    def redeem(self, code: str) -> Redeemed | None:
        """What the program gets for a code."""
        return self.database.run(
            lambda session: authorization.redeem(
                work(session, now=NOW), self.client, code, redirect=BACK, verifier=VERIFIER
            )
        )

    def refresh(self, token: str) -> object:
        """What the program gets for a refresh token."""
        return self.database.run(
            lambda session: keys.refresh(work(session, now=NOW), token, client=self.client)
        )

    def tokens(self) -> set[UUID]:
        """The families of all tokens that are left."""
        return self.database.read(lambda session: set(session.scalars(select(ApiToken.family))))


@pytest.fixture
def person(database: Database) -> Person:
    return Person(database)


def twice(act: Callable[[], object]) -> list[object]:
    return [one for one in race(2, lambda _number: act()) if one is not None]


def test_a_code_or_refresh_token_that_two_use_at_once_leaves_none(person: Person) -> None:
    code = person.agrees()
    assert len(twice(lambda: person.redeem(code))) == 1
    assert person.tokens() == set()
    redeemed = person.redeem(person.agrees())
    assert redeemed is not None
    token = redeemed.pair.refresh or ""
    assert len(twice(lambda: person.refresh(token))) == 1
    assert person.tokens() == set()


def test_what_depends_on_a_browser_follows_it_and_ends_with_it(person: Person) -> None:
    assert person.redeem(person.agrees()) is not None
    person.agrees()
    renewed = person.database.run(
        lambda session: sessions.renew_session(work(session, now=NOW), person.browser)
    )
    assert renewed is not None
    with person.database.reading() as session:
        browsers = {*session.scalars(select(ApiToken.browser))}
        browsers |= {*session.scalars(select(AuthorizationCode.browser))}
    assert browsers == {sessions.token_hash(renewed)}
    person.database.run(lambda session: sessions.end_session(session, renewed))
    assert person.tokens() == set()
    with person.database.reading() as session:
        assert session.scalars(select(AuthorizationCode)).all() == []


def test_a_consent_that_ends_meanwhile_is_not_given_again(sqlite_database: Database) -> None:
    person = Person(sqlite_database)
    person.agrees()
    person.agrees(is_asked=False)
    person.database.run(
        lambda session: credentials.end_all(
            work(session, now=NOW), person.account.id, keep_session=person.browser
        )
    )
    with pytest.raises(SentBack):
        person.agrees(is_asked=False)
