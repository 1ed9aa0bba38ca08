"""Nobody finds out who has an account; accounts belong to whoever opens the mailed link."""

import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
import time_machine
from sqlalchemy import event, func, select, update

from entrypoints.browsing import ClientFor, link_in, mails
from entrypoints.world import PASSWORD, World
from openslot.core import clock
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import OutboxMessage
from openslot.identity import passwords
from openslot.identity import queries as identities
from openslot.identity.models import Account, PendingSignUp

NEW = "plum kettle orbit seven"
STRIP = re.compile(r'value="[^"]*"|data-options="[^"]*"|asked=[^"&]*|nonce="[^"]*"|[\w.-]+@[\w.-]+')


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"confirm_email": True})


def fields(email: str) -> dict[str, str]:
    return {"name": "Mere Tane", "born": "31 3 1980", "email": email, "password": NEW}


class Work:
    """The statements that a request took."""

    def __init__(self, database: Database) -> None:
        self.kinds: list[str] = []

    def note(self, *given: object) -> None:
        self.kinds.append(" ".join(str(given[2]).split()[:3]))


def cost(client: object, path: str, **sent: str) -> tuple[list[str], str, int, str | None]:
    """The statements of a form, and what was answered, without what was typed."""
    app = client.http.application  # type: ignore[attr-defined] # a client
    engine = app.extensions["openslot"].database.engine
    client.token_of(path)  # type: ignore[attr-defined]
    seen = Work(app.extensions["openslot"].database)
    event.listen(engine, "before_cursor_execute", seen.note)
    try:
        answer = client.post(path, **sent)  # type: ignore[attr-defined]
    finally:
        event.remove(engine, "before_cursor_execute", seen.note)
    location = STRIP.sub("", answer.location) if answer.location else None
    return seen.kinds, STRIP.sub("", answer.text), answer.status_code, location


def test_signing_up_does_the_same_for_known_and_unknown(
    client_for: ClientFor, world: World, network: Database
) -> None:
    known = cost(client_for(None), "/sign-up", **fields(world.emails["patient-owner"]))
    unknown = cost(client_for(None), "/sign-up", **fields("mere@example.org"))
    assert known == unknown
    sent = {mail["to"]: mail["subject"] for mail in mails(network)}
    assert sent.keys() == {world.emails["patient-owner"], "mere@example.org"}
    assert len({*sent.values()}) == 2, "the owner gets no link that makes an account"


def test_who_has_signed_up_cannot_be_told_by_signing_in(
    client_for: ClientFor, world: World
) -> None:
    answers = []
    for email in (world.emails["patient-owner"], "mere@example.org"):
        client = client_for(None)
        client.send("/sign-up", **fields(email))
        answer = client.send("/login", email=email, password=NEW)
        answers.append((answer.status_code, STRIP.sub("", answer.text)))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


def test_a_forgotten_password_does_the_same_for_known_and_unknown(
    client_for: ClientFor, world: World, network: Database
) -> None:
    rows = select(func.count()).select_from(OutboxMessage)
    before = network.read(lambda session: session.scalar(rows)) or 0
    known = cost(client_for(None), "/forgot", email=world.emails["patient-owner"])
    unknown = cost(client_for(None), "/forgot", email="nobody@example.org")
    assert known == unknown
    assert network.read(lambda session: session.scalar(rows)) == before + 2
    assert [mail["to"] for mail in mails(network)] == [world.emails["patient-owner"]]


def test_another_address_is_asked_for_alike_whoever_has_it(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client = client_for("patient-owner")
    taken = client.send("/account/email", email=world.emails["patient-teammate"], current=PASSWORD)
    assert mails(network) == []
    free = client.send("/account/email", email="aroha@example.net", current=PASSWORD)
    assert (
        (taken.status_code, taken.location)
        == (free.status_code, free.location)
        == (303, "/account")
    )


def test_an_account_begins_when_the_link_is_opened(
    client_for: ClientFor, network: Database
) -> None:
    client = client_for(None)
    client.send("/sign-up", **fields("mere@example.org"))
    by_email = lambda session: identities.by_email(session, "mere@example.org")  # noqa: E731
    assert network.read(by_email) is None
    link = link_in(mails(network)[0])
    assert client.get(link).status_code == 200
    assert network.read(by_email) is None, "mail scanners open links"
    assert client.send(link).status_code == 303
    account: Account | None = network.read(by_email)
    assert account
    assert account.confirmed_at
    assert client.send("/login", email="mere@example.org", password=NEW).status_code == 303
    assert client_for(None).get(link).status_code == 410, "it works once"


def test_a_link_ends_and_makes_no_second_account(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client = client_for(None)
    for email in ("mere@example.org", "mere@example.org", "moana@example.org", "ana@example.org"):
        client.send("/sign-up", **fields(email))
    links = {mail["to"]: link_in(mail) for mail in mails(network)}
    assert client.send(links["mere@example.org"]).status_code == 303
    left = network.read(lambda session: set(session.scalars(select(PendingSignUp.email))))
    assert left == {"moana@example.org", "ana@example.org"}, "her other link is void"
    own = update(Account).where(Account.email == world.emails["patient-owner"])
    network.run(lambda session: session.execute(own.values(email="moana@example.org")))
    assert client.get(links["moana@example.org"]).status_code == 410
    for late, status in ((-1, 200), (1, 410)):
        with time_machine.travel(clock.now() + timedelta(days=5, minutes=late)):
            assert client_for(None).get(links["ana@example.org"]).status_code == status


@pytest.mark.parametrize(
    ("wanted", "leads"),
    [
        ("/book/1?start=2030-01-01T01:00:00Z", "/book/1?start=2030-01-01T01:00:00Z"),
        ("//elsewhere.example", None),
        ("", None),
    ],
)
def test_the_link_leads_on_to_where_somebody_signed_up(
    client_for: ClientFor, network: Database, wanted: str, leads: str | None
) -> None:
    client = client_for(None)
    client.send("/sign-up", **fields("mere@example.org"), next=wanted)
    link = link_in(mails(network)[0])
    form = re.findall(r'name="next" value="([^"]*)"', client_for(None).get(link).text)
    assert form == ([leads] if leads else [])
    there = client_for(None).send(link.partition("?")[0], next="".join(form)).location
    assert dict(parse_qsl(urlsplit(there).query)).get("next") == leads


def test_staff_are_let_in_only_with_a_confirmed_address(
    client_for: ClientFor, world: World, network: Database
) -> None:
    client, admin = client_for(None), client_for("network-admin")
    sent = {"name": "Real Nurse", "email": "nurse@example.org", "password": NEW}
    place = f"{world.centres['own']}:{world.departments['owner']}"
    client.send("/sign-up/staff", place=place, **sent)
    assert "nurse@example.org" not in admin.get("/admin/accounts").text, "it is no account yet"
    link = link_in(mails(network)[0])
    assert "review your registration" in client.send(link).text
    account = network.read(lambda session: identities.by_email(session, "nurse@example.org"))
    assert account
    unconfirm(network, account.id)
    path = f"/admin/accounts/{account.id}"
    assert admin.post(f"{path}/admit").status_code == 409
    assert admin.post(f"{path}/active", active="yes").status_code == 409
    confirm(network, account.id)
    assert admin.post(f"{path}/admit").status_code == 303


def unconfirm(network: Database, account_id: UUID) -> None:
    network.run(lambda session: setattr(session.get_one(Account, account_id), "confirmed_at", None))


def confirm(network: Database, account_id: UUID) -> None:
    def do(session: object) -> None:
        account = session.get_one(Account, account_id)  # type: ignore[attr-defined]
        account.confirmed_at = account.created_at

    network.run(do)


@pytest.mark.parametrize("cost", [1, 4])
@pytest.mark.parametrize(
    "stored", [None, "pbkdf2:sha256:1$a$b", "own"], ids=["nobody", "imported", "own"]
)
def test_a_wrong_password_costs_what_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, cost: int, stored: str | None
) -> None:
    if stored == "own":
        stored = passwords.hash_password(NEW, time_cost=cost)
    passes: list[int] = []
    verify = passwords.is_right

    def counted(text: str, password: str) -> bool:
        passes.append(passwords._cost(text))
        return verify(text, password)

    monkeypatch.setattr(passwords, "is_right", counted)
    assert not passwords.proves(stored, "wrong", time_cost=cost)
    assert sum(passes) == cost
