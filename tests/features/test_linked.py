"""Links of accounts to people of identity providers, on every engine."""

from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import factories
from clinic import NOW
from openslot.core.actor import Role
from openslot.core.db import Database
from openslot.core.errors import NotFound
from openslot.identity import linked, sessions
from openslot.identity.errors import LinkedElsewhere
from openslot.identity.id_tokens import Person, SignedOut
from openslot.identity.models import Account, AccountSession, LinkedIdentity
from openslot.identity.providers import Provider
from racing import race
from working import work

PROVIDER = Provider(
    key="hospital", label="Banksia Health", issuer="https://login.example", client_id="openslot"
)


def staff(database: Database, email: str) -> UUID:
    return database.run(lambda session: factories.account(session, email, Role.STAFF).id)


def link(database: Database, account_id: UUID, subject: str) -> str:
    """What comes of linking an account to a person."""

    def run(session: Session) -> None:
        account = session.get_one(Account, account_id)
        linked.link(work(session, now=NOW), account, Person(PROVIDER, subject, subject))

    try:
        database.run(run)
    except LinkedElsewhere:
        return "refused"
    return "linked"


def test_at_once_too_an_account_has_one_person_and_a_person_one_account(database: Database) -> None:
    account_id = staff(database, "sam@example.org")
    outcomes = race(3, lambda number: link(database, account_id, f"person {number}"))
    assert sorted(outcomes) == ["linked", "refused", "refused"]
    others = [staff(database, f"other-{number}@example.org") for number in range(3)]
    outcomes = race(3, lambda number: link(database, others[number], "Somebody "))
    assert sorted(outcomes) == ["linked", "refused", "refused"]
    assert link(database, staff(database, "last@example.org"), "somebody") == "linked"


def test_sessions_end_by_their_name_there_and_outlive_the_link(database: Database) -> None:
    account_id = staff(database, "sam@example.org")
    link(database, account_id, "sam")

    def begin(session: Session) -> None:
        for name in ("one", "two"):
            person = Person(PROVIDER, "sam", "sam", session=name)
            identity = linked.identity_of(work(session), person)
            assert identity
            sessions.start_session(
                work(session, now=NOW),
                session.get_one(Account, account_id),
                agent=name,
                through=linked.through(identity, person),
            )

    def end(name: str) -> int:
        return database.run(
            lambda session: linked.end_signed_out(
                work(session, now=NOW), PROVIDER, SignedOut(name, "sam")
            )
        )

    database.run(begin)
    assert [end("three"), end("one"), end("one")] == [0, 1, 0]

    def unlink(session: Session) -> None:
        session.get_one(Account, account_id).password = "a hash"
        (identity,) = session.scalars(select(LinkedIdentity))
        with pytest.raises(NotFound):
            linked.unlink(work(session, now=NOW), UUID(int=0), identity.id)
        linked.unlink(work(session, now=NOW), account_id, identity.id)

    database.run(unlink)
    left = database.read(lambda session: list(session.scalars(select(AccountSession))))
    assert [(one.agent, one.identity_id) for one in left] == [("two", None)]
