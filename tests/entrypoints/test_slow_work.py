"""Nothing slow happens while a transaction that writes is open: everybody else would wait.

The slow functions note where they are called, and each flow that hashes, resolves a name, sends
or draws is walked: it called what it should, and never inside ``Database.run``.
"""

import hashlib
import io
import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest
import zxcvbn
from argon2 import PasswordHasher
from flask import Flask
from fpdf import FPDF
from sqlalchemy.orm import Session

from entrypoints.browsing import ClientFor, link_in, mails
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import PASSWORD, World
from openslot.core import clock
from openslot.core.actor import Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import Dependent
from openslot.entrypoints.cli import accounts as by_command
from openslot.entrypoints.cli.deployment import Deployment
from openslot.entrypoints.worker.main import handle_next
from openslot.identity import passwords, queries
from openslot.identity.models import Account
from openslot.importers.commands import import_all
from openslot.importers.origins import Origin
from openslot.importers.progress import Silent
from openslot.migrations import revisions
from postoffice import post_office
from receiver import Receiver

NEW = "plum kettle orbit seven"
LIST = "/profile/dependents"
OLD_HASH = (
    "pbkdf2:sha256:1000$salt$"
    + hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"salt", 1000).hex()
)

SLOW: tuple[tuple[Any, str], ...] = (
    (PasswordHasher, "hash"),
    (PasswordHasher, "verify"),
    (hashlib, "pbkdf2_hmac"),
    (hashlib, "scrypt"),
    (zxcvbn, "zxcvbn"),
    (socket, "getaddrinfo"),
    (smtplib.SMTP, "connect"),
    (FPDF, "output"),
)


class Watch:
    """Which slow functions were called, and which of them inside a transaction that writes."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.inside: list[str] = []
        self.here = threading.local()

    def slow(self, real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def noting(*args: Any, **named: Any) -> Any:
            self.called.append(name)
            if getattr(self.here, "writing", False):
                self.inside.append(name)
            return real(*args, **named)

        return noting

    def run(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def noting(database: Database, work: Callable[[Session], Any]) -> Any:
            def watched(session: Session) -> Any:
                self.here.writing = True
                try:
                    return work(session)
                finally:
                    self.here.writing = False

            return real(database, watched)

        return noting


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Watches from here on; the test fails where something slow was called inside a write."""
    watch = Watch()
    for owner, name in SLOW:
        monkeypatch.setattr(owner, name, watch.slow(getattr(owner, name), name))
    monkeypatch.setattr(Database, "run", watch.run(Database.run))
    yield watch
    assert watch.inside == []


def test_the_watch_sees_slow_work_inside_a_write(network: Database) -> None:
    watch = Watch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zxcvbn, "zxcvbn", watch.slow(zxcvbn.zxcvbn, "zxcvbn"))
        patch.setattr(Database, "run", watch.run(Database.run))
        network.run(lambda _session: passwords.check_new(NEW))
    assert watch.inside == ["zxcvbn"]


def give(network: Database, world: World, who: str, **values: object) -> None:
    def change(session: Session) -> None:
        account = session.get_one(Account, world.accounts[who])
        for name, value in values.items():
            setattr(account, name, value)

    network.run(change)


@pytest.mark.parametrize("old", [OLD_HASH, None])
def test_signing_in(
    client_for: ClientFor,
    app: Flask,
    network: Database,
    world: World,
    watch: Watch,
    old: str | None,
) -> None:
    for attempt in ("page", "api"):
        if old:
            give(network, world, "patient-owner", password=old)
        if attempt == "page":
            client_for("patient-owner")
        else:
            signed_in(app, world, "patient-owner")
    for email in (world.emails["patient-owner"], "nobody@example.org"):
        client_for(None).send("/login", email=email, password="wrong")
        Program(app).send("POST", "/api/v1/tokens", {"email": email, "password": "wrong"})
    assert {"verify", *(["pbkdf2_hmac", "hash"] if old else [])} <= set(watch.called)


def test_signing_up_known_and_unknown(
    client_for: ClientFor, network: Database, world: World, settings: Settings, watch: Watch
) -> None:
    person = {"name": "Mere Tane", "born": "31 3 1980", "phone": "", "password": NEW}
    for email in ("mere@example.org", world.emails["patient-owner"]):
        assert client_for(None).send("/sign-up", email=email, **person).status_code == 303
    place = f"{world.centres['own']}:{world.departments['owner']}"
    for email in ("ned@example.org", world.emails["staff-owner"]):
        answer = client_for(None).send(
            "/sign-up/staff", name="Ned Low", email=email, place=place, password=NEW
        )
        assert answer.status_code == 200
    settings.confirm_email = True
    again = client_for(None).send("/login", email="mere@example.org", password=NEW)
    assert again.status_code == 401
    link = link_in(mails(network)[0])
    assert client_for(None).send(link).status_code == 303
    assert {"zxcvbn", "hash", "verify"} <= set(watch.called)


def test_a_forgotten_password(
    client_for: ClientFor, network: Database, world: World, watch: Watch
) -> None:
    client = client_for(None)
    for email in ("nobody@example.org", world.emails["patient-owner"]):
        assert client.send("/forgot", email=email).status_code == 200
    assert client.send(link_in(mails(network)[0]), password=NEW).status_code == 303
    assert {"zxcvbn", "hash"} <= set(watch.called)


def test_ones_own_account(client_for: ClientFor, app: Flask, world: World, watch: Watch) -> None:
    client = client_for("patient-owner")
    client.send("/account/email", email="new@example.org", current=PASSWORD)
    client.send("/account/password", current="wrong", password=NEW)
    answer = client.send("/account/password", current=PASSWORD, password=NEW)
    assert answer.status_code == 303
    assert client.send("/account/delete", current=NEW).status_code == 303
    other = client_for("patient-teammate")
    assert other.http.delete("/dashboard", json={"password": PASSWORD}).status_code < 400
    program = signed_in(app, world, "patient-stranger")
    assert program.send("DELETE", "/api/v1/me", {"password": PASSWORD}).status_code == 204
    assert {"zxcvbn", "hash", "verify"} <= set(watch.called)


def test_handing_a_record_over(client_for: ClientFor, network: Database, watch: Watch) -> None:
    carer = client_for("patient-owner")
    assert carer.send(f"{LIST}/new", name="Tama Ngata", born="2 April 2015").status_code == 303
    child = network.read(lambda session: session.query(Dependent).one().patient_id)
    offered = carer.send(f"{LIST}/{child}/hand-over", email="tama@example.net")
    assert offered.status_code == 303
    [mail] = [one for one in mails(network) if one["to"] == "tama@example.net"]
    assert client_for(None).send(link_in(mail), password=NEW).status_code == 303
    assert {"zxcvbn", "hash"} <= set(watch.called)


def test_accounts_that_administrators_make(
    client_for: ClientFor, network: Database, world: World, watch: Watch
) -> None:
    client = client_for("network-admin")
    made = client.send(
        "/admin/accounts/new",
        name="Nora Field",
        email="nora@example.org",
        role="staff",
        centre_id=str(world.centres["own"]),
    )
    assert "/reset/" in made.text
    link = f"/admin/accounts/{world.accounts['staff-owner']}/link"
    assert "/reset/" in client.post(link).text
    assert "hash" in watch.called


TABLE = b"patient_email,patient_name,patient_phone,patient_medicare_number,password\n"
ROW = b"lena@example.org,Lena Marsh,0400 000 111,3333444455551,plum kettle orbit\n"


def test_imports_by_page(client_for: ClientFor, watch: Watch) -> None:
    answer = client_for("network-admin").send(
        "/admin/import",
        files=(io.BytesIO(TABLE + ROW), "patient.csv"),
        time_zone="Australia/Sydney",
    )
    assert answer.status_code == 200
    assert "hash" in watch.called


def test_an_import_whose_account_goes_away_meanwhile(
    network: Database,
    settings: Settings,
    tmp_path: Any,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "patient.csv").write_bytes(TABLE + ROW)

    def load() -> None:
        import_all(
            network,
            settings,
            [Origin(tmp_path)],
            zone="Australia/Sydney",
            now=clock.now,
            progress=Silent(),
        )

    real = Database.read
    monkeypatch.setattr(Database, "read", lambda self, work: real(self, work) and frozenset())
    load()  # the first look says that nobody is new
    monkeypatch.undo()
    account = network.read(lambda session: queries.by_email(session, "lena@example.org"))
    assert account
    assert passwords.is_right(account.password, "plum kettle orbit")


def test_accounts_by_command(
    network: Database, settings: Settings, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = Deployment()
    vars(deployment).update(settings=settings, database=network)  # its cached properties
    monkeypatch.setattr(revisions, "is_current", lambda _engine: True)
    with click.Context(click.Command("account")):
        by_command.create(
            deployment,
            Role.NETWORK_ADMIN,
            "root@example.org",
            "Root Field",
            from_stdin=False,
            centre_id=None,
            department_id=None,
        )
        by_command.set_password(deployment, "root@example.org", from_stdin=False)
    assert watch.called.count("hash") == 2


def test_addresses_of_webhooks(
    app: Flask, client_for: ClientFor, network: Database, settings: Settings, watch: Watch
) -> None:
    settings.webhook_networks = ("127.0.0.0/8", "::1/128")
    events = ["appointment.booked"]
    program = with_key(app, network, "manage")
    body = {"url": "http://localhost/hook", "events": events}
    made = program.send("POST", "/api/v1/webhooks", body)
    assert made.status_code == 201, made.text
    page = client_for("network-admin").send(
        "/admin/webhooks/new", url="http://localhost/other", events=events
    )
    assert page.status_code < 400
    assert watch.called.count("getaddrinfo") >= 2


def test_addresses_of_calendars_and_what_is_in_them(
    client_for: ClientFor, network: Database, settings: Settings, watch: Watch, there: Receiver
) -> None:
    settings.calendar_networks = ("127.0.0.0/8", "::1/128")
    client = client_for("practitioner-owner")
    made = client.send("/calendar/absences/calendar", page="/calendar/absences", url=there.url)
    assert made.status_code == 303
    while handle_next(network, settings):
        pass
    assert len(there.taken) == 1
    assert watch.called.count("getaddrinfo") >= 2


def test_mail_is_sent_between_two_writes(
    client_for: ClientFor, network: Database, world: World, settings: Settings, watch: Watch
) -> None:
    client_for(None).send("/forgot", email=world.emails["patient-owner"])
    with post_office() as post:
        settings.smtp_host, settings.smtp_port = "127.0.0.1", post.port
        while handle_next(network, settings):
            pass
    assert post.taken
    assert "connect" in watch.called


def test_files_of_histories(client_for: ClientFor, world: World, watch: Watch) -> None:
    answer = client_for("patient-owner").get(f"/history/{world.patients['owner']}/export.pdf")
    assert answer.status_code == 200
    assert "output" in watch.called
