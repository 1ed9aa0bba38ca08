"""Several networks in one installation: nothing of one is worth anything at another."""

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Column, MetaData, String, Table, delete, update
from sqlalchemy.orm import Session
from werkzeug.test import Client as HttpClient
from werkzeug.test import TestResponse, create_environ

from engines import DATA_KEY
from entrypoints.belongings import Address, addresses, furnish
from entrypoints.browsing import Client
from entrypoints.outcomes import OUTCOMES
from entrypoints.programs import Program, signed_in
from entrypoints.test_foreign import (
    LEADS,
    PROGRAMS,
    SIGNING,
    Walk,
    foreign,
    line,
    outcome,
    shown,
)
from entrypoints.test_looking import Kept
from entrypoints.world import PASSWORD, World
from openslot.app import create_network_app, create_tenants_app
from openslot.core import facts, reencryption
from openslot.core.config import Settings
from openslot.core.data_keys import DataKeys, new_key
from openslot.core.db import Database
from openslot.core.tenants import Folder
from openslot.entrypoints import by_host
from openslot.entrypoints.by_host import ByHost
from openslot.entrypoints.request import Services
from openslot.identity.models import Account, ApiClient, ApiKey, ApiToken, CalendarFeed
from openslot.identity.models import AccountSession as SignedIn
from openslot.identity.passwords import hash_password
from openslot.migrations import revisions

TOKEN = {"Authorization": "Bearer a-secret"}
CREDENTIALS = (SignedIn, ApiToken, CalendarFeed, ApiKey, ApiClient)


class At:
    """A network as clients of tests see an app."""

    def __init__(self, served: ByHost, name: str) -> None:
        self.served, self.host = served, f"{name}.test"

    def test_client(self, *, use_cookies: bool = True) -> HttpClient:
        """A client that asks for the host of the network."""
        client, base_url = HttpClient(self.served, use_cookies=use_cookies), f"http://{self.host}"
        ask = client.open

        def ask_there(*words: Any, **named: Any) -> TestResponse:
            named.setdefault("base_url", base_url)
            return ask(*words, **named)

        client.open = ask_there  # type: ignore[method-assign]
        return client


@dataclass
class Installation:
    """Two networks, ``alder`` and ``birch``, whose rows have the same ids."""

    settings: Settings
    served: ByHost
    apps: dict[str, Flask] = field(default_factory=dict)

    def database(self, name: str) -> Database:
        """The database of a network that was served."""
        services: Services = self.apps[name].extensions["openslot"]
        return services.database

    def at(self, name: str) -> Any:
        """Where clients ask for a network."""
        return At(self.served, name)


@pytest.fixture
def parts(network: Database, world: World) -> dict[str, object]:
    return furnish(network, world)


@pytest.fixture
def installation(
    network: Database, parts: dict[str, object], tmp_path: Path
) -> Iterator[Installation]:
    folder = tmp_path / "tenants"
    folder.mkdir()
    settings = Settings(
        _env_file=None,
        tenants=folder,
        data_dir=tmp_path,
        rate_limits=False,
        password_iterations=1,
        metrics_token="a-secret",
        password_tokens=True,  # the shortest way to a token of a person
    )
    for name in ("alder", "birch"):
        file = tmp_path / f"{name}.sqlite3"
        shutil.copyfile(str(network.engine.url.database), file)
        stamp(file, name)
        key = DATA_KEY if name == "alder" else other_key(file)
        write(folder, name, database_url=f"sqlite:///{file}", secret_key=name * 9, data_keys=key)
    apps = dict[str, Flask]()

    def make(settings: Settings, database: Database) -> Flask:
        apps[settings.tenant] = create_network_app(settings, database)
        return apps[settings.tenant]

    yield Installation(settings, ByHost(Folder(settings), make), apps)
    for app in apps.values():
        app.extensions["openslot"].database.close()


def write(folder: Path, name: str, **settings: str) -> None:
    """Write the file of a network."""
    settings = {"public_url": f"http://{name}.test"} | settings
    lines = [f"OPENSLOT_{key.upper()}={value}\n" for key, value in settings.items()]
    (folder / f"{name}.env").write_text("".join(lines))


def stamp(file: Path, name: str) -> None:
    """Mark a file as upgraded, and as that of a network."""
    with closing(Database(f"sqlite:///{file}", DataKeys(DATA_KEY))) as database:
        mark = Table("alembic_version", MetaData(), Column("version_num", String(32)))
        with database.engine.begin() as connection:
            mark.create(connection)
            connection.execute(mark.insert().values(version_num=revisions.head()))
        database.run(lambda session: facts.note_tenant(session, name))


def other_key(file: Path) -> str:
    """Give a copy keys and credentials of its own; all ids stay."""
    key = new_key()
    keys = DataKeys(f"{DATA_KEY} {key}")
    with closing(Database(f"sqlite:///{file}", keys)) as database:
        for _ in reencryption.renew(database):
            pass
        database.run(forget_credentials)
    return key


def forget_credentials(session: Session) -> None:
    for kind in CREDENTIALS:
        session.execute(delete(kind))
    session.execute(update(Account).values(password=hash_password("another", time_cost=1)))


class Intruder(Walk):
    """Somebody of one network at the doors of another, with all that the first one gave them."""

    cookie = ""

    def ask(self, one: Address, query: str = "") -> TestResponse:
        """The answer; what the other network sets is not kept."""
        self.browser.http.set_cookie("openslot", self.cookie, domain="birch.test")
        return super().ask(one, query)


def intruder(two: Installation, world: World, parts: dict[str, object]) -> Intruder:
    """The patient in a browser, and a program of the administrator."""
    alder, birch = two.at("alder"), two.at("birch")
    own, email = Client(alder), world.emails["patient-owner"]
    assert own.send("/login", email=email, password=PASSWORD).status_code == 303
    program = signed_in(alder, world, "network-admin")
    walk = Intruder("intruder", Program(birch, program.token), Client(birch), parts)
    cookie = own.http.get_cookie("openslot", domain="alder.test")
    assert cookie
    walk.cookie, walk.browser.token = cookie.value, own.token_of("/account/password")
    controls = own.get("/history"), program.send("GET", f"/api/v1/patients/{parts['patient_id']}")
    assert all(foreign(parts).search(answer.text) for answer in controls)
    return walk


def test_credentials_of_one_network_open_no_door_of_another(
    installation: Installation, world: World, parts: dict[str, object]
) -> None:
    walk = intruder(installation, world, parts)
    walk.browser.get("/")
    kept, private, wrong, leaks = Kept(installation.database("birch")), foreign(parts), [], []
    for one in addresses(installation.apps["alder"], world, parts):
        if one.endpoint in SIGNING or one.path == "/metrics":
            continue
        answer = walk.ask(one)
        if not is_refused(one, answer):
            wrong.append(f"{line(one)}: {outcome(one, answer)}")
        if found := private.search(shown(one, answer, "", walk.form).replace(one.path, "")):
            leaks.append(f"{line(one)}: {found[0]}")
    assert wrong == []
    assert leaks == []
    assert kept.changes() == []


def is_refused(one: Address, answer: TestResponse) -> bool:
    """Whether the answer is what nobody gets: a form or a token of another network is none."""
    nobody, status = OUTCOMES[line(one)]["nobody"], outcome(one, answer)
    if one.endpoint.startswith(PROGRAMS):
        return status in ("400", "401", nobody)
    if one.endpoint in LEADS:
        return status in ("200", "303", "400", "404", "410")
    is_refused_link = one.endpoint.startswith("check_in.") and status == "404"
    return is_refused_link or status in ("400", nobody)


def status(two: Installation, host: str, path: str = "/", **headers: str) -> int:
    """The status of an answer to a host, which may be none of the networks'."""
    http = HttpClient(two.served)
    return http.get(path, base_url=f"http://{host}", headers=headers).status_code


def test_other_hosts_are_told_nothing(installation: Installation) -> None:
    for host in ("nobody.test", "alder.test.evil.test", "127.0.0.1", "test", "ALDER.test:80"):
        expected = 200 if host.startswith("ALDER") else 421
        assert status(installation, host) == expected, host
    answer = HttpClient(installation.served).get("/", base_url="http://nobody.test")
    assert answer.json["code"] == "unknown-host"  # type: ignore[index] # it is an object
    assert not re.search("alder|birch", answer.text)
    assert status(installation, "127.0.0.1", "/readyz") == 200


def test_hosts_are_known_however_a_file_spells_them(
    installation: Installation, tmp_path: Path
) -> None:
    with (tmp_path / "tenants/birch.env").open("a") as file:
        file.write("OPENSLOT_TRUSTED_HOSTS=BIRCH.test.,bücher.test\n")
    renew(installation)
    for host in ("birch.test", "xn--bcher-kva.test"):
        assert status(installation, host) == 200, host


def test_proxies_that_are_trusted_name_the_host(installation: Installation) -> None:
    settings = installation.settings.model_copy(update={"trusted_proxies": ("10.0.0.1/32",)})
    app, share_of = create_tenants_app(settings)
    asked = {"base_url": "http://inside", "headers": {"X-Forwarded-Host": "Birch.test"}}
    for address, expected in (("10.0.0.1", 200), ("10.0.0.2", 421)):
        came_from = {"REMOTE_ADDR": address}
        answer = HttpClient(app).get("/healthz", environ_base=came_from, **asked)
        assert answer.status_code == expected
        environ = create_environ(environ_base=came_from, **asked)
        assert share_of(environ) == ("birch" if expected == 200 else "")


def test_a_network_without_its_database_delays_no_other(
    installation: Installation, tmp_path: Path
) -> None:
    """Neither does one whose file is another's, and both are told apart in metrics."""
    folder = tmp_path / "tenants"
    write(folder, "cedar", database_url=f"sqlite:///{tmp_path}/nowhere/x.sqlite3")
    write(folder, "birch", database_url=f"sqlite:///{tmp_path / 'alder.sqlite3'}?x=1")
    renew(installation)
    assert [status(installation, f"{name}.test") for name in ("alder", "birch", "cedar")] == [
        200,
        503,
        503,
    ]
    assert status(installation, "127.0.0.1", "/readyz") == 200
    assert status(installation, "127.0.0.1", "/metrics") == 403
    text = HttpClient(installation.served).get("/metrics", headers=TOKEN).text
    assert 'openslot_database_up{tenant="alder"} 1.0' in text
    assert re.search(r'openslot_requests_total\{.*tenant="alder"', text)


def test_networks_come_change_and_go_while_others_are_served(
    installation: Installation, tmp_path: Path
) -> None:
    assert [status(installation, f"{name}.test") for name in ("alder", "birch")] == [200, 200]
    before = dict(installation.apps)
    (tmp_path / "tenants/birch.env").unlink()
    written = (tmp_path / "tenants/alder.env").read_text()
    (tmp_path / "tenants/alder.env").write_text(written + "OPENSLOT_NETWORK_NAME=Alder Health\n")
    renew(installation)
    assert status(installation, "birch.test") == 421
    assert "Alder Health" in Client(installation.at("alder")).get("/").text
    assert installation.apps["alder"] is not before["alder"]
    app = installation.apps["alder"]
    renew(installation)
    assert status(installation, "alder.test") == 200
    assert installation.apps["alder"] is app, "what did not change is kept"


def test_idle_connections_are_bounded(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_host, "MOST_IDLE", 1)
    for name in ("alder", "birch"):
        status(installation, f"{name}.test", "/centres")
    assert installation.database("alder").idle == 0
    assert installation.database("birch").idle == 1


def renew(two: Installation) -> None:
    """Have the next request look at the folder."""
    two.served._folder._looked_at = 0.0
