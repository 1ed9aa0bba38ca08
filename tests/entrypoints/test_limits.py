"""Limits hold for all processes together, per account as well as per address; they stop floods
and strangers, and neither wards nor owners."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from flask import Flask
from sqlalchemy import event
from structlog.testing import capture_logs

import engines
from entrypoints.browsing import ClientFor, mails
from entrypoints.programs import Program, signed_in, with_key
from entrypoints.world import PASSWORD, World
from openslot.core import limits as core_limits
from openslot.core import metrics, redis_counts
from openslot.core.audit import AuditEvent
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Busy, RateLimited
from openslot.core.limits import Counts, Limit, LimitCount, network_of, purge
from openslot.core.redis_counts import RedisCounts
from openslot.entrypoints import limits
from openslot.entrypoints.web import desk_links
from openslot.identity import passwords
from openslot.identity.errors import HashingBusy

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SMALL = Limit(3, 60)
NEW = "plum kettle orbit seven"
CENTRES = ("own", "other")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With limits."""
    settings.rate_limits = True
    return settings


def taken(counts: Counts, limit: Limit, tries: int, now: datetime = NOON, key: str = "k") -> int:
    """How many of so many tries are let through."""
    passed = 0
    for _ in range(tries):
        try:
            counts.take(key, limit, now=now)
        except RateLimited:
            continue
        passed += 1
    return passed


def test_two_processes_share_a_small_limit_exactly(network: Database) -> None:
    one, other = Counts(network.run), Counts(network.run)
    assert [taken(one, SMALL, 2), taken(other, SMALL, 2), taken(one, SMALL, 2)] == [2, 1, 0]


PROCESS = """
import sys
from openslot.app import create_app
from openslot.core.config import Settings
url, key, folder = sys.argv[1:]
app = create_app(Settings(_env_file=None, data_dir=folder, database_url=url, secret_key=key))
app.config["WTF_CSRF_ENABLED"] = False
sent = [app.test_client().post("/forgot", data={"email": f"a{n}@example.org"}) for n in range(30)]
print(sum(one.status_code == 200 for one in sent))
"""


def test_two_processes_at_once_let_through_what_one_would(
    network: Database, settings: Settings
) -> None:
    arguments = [str(network.engine.url), settings.secret_key.get_secret_value()]
    command = [sys.executable, "-c", PROCESS, *arguments, str(settings.data_dir)]
    began = datetime.now(UTC).hour
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    passed = [int(one.communicate(timeout=120)[0].splitlines()[-1]) for one in running]
    allowed = limits.POSTS["accounts.forgot"].amount
    windows = 1 + (began != datetime.now(UTC).hour)  # the clock may have struck
    assert allowed <= sum(passed) <= allowed * windows, passed


def test_a_large_limit_is_passed_by_a_fiftieth_for_each_process(network: Database) -> None:
    limit = Limit(1000, 60)
    one, other = Counts(network.run), Counts(network.run)
    passed = sum(taken(counts, limit, 300) for counts in (one, other) * 3)
    assert 1000 <= passed <= 1000 + 2 * limit.step


def test_most_requests_cost_no_statement(network: Database) -> None:
    statements: list[str] = []
    event.listen(
        network.engine, "before_cursor_execute", lambda *about: statements.append(about[2])
    )
    taken(Counts(network.run), limits.BY_ADDRESS, limits.BY_ADDRESS.step - 1)
    assert statements == []
    taken(Counts(network.run), limits.BY_ADDRESS, 2 * limits.BY_ADDRESS.step)
    writes = [one for one in statements if one.startswith(("INSERT", "UPDATE"))]
    assert len(writes) <= 4


def test_the_next_window_begins_anew_and_says_when(network: Database) -> None:
    counts = Counts(network.run)
    assert taken(counts, SMALL, 4, NOON + timedelta(seconds=20)) == 3
    with pytest.raises(RateLimited) as refused:
        counts.take("k", SMALL, now=NOON + timedelta(seconds=20))
    assert refused.value.retry_after == 40
    assert taken(counts, SMALL, 1, NOON + timedelta(seconds=60)) == 1


def test_where_the_database_is_busy_a_process_counts_by_itself() -> None:
    def write(_add: object) -> int:
        raise Busy

    assert taken(Counts(write), SMALL, 5) == 3


@pytest.mark.skipif(not engines.installed()["redis"], reason="needs redis-server")
def test_a_redis_counts_for_all_and_its_absence_lifts_no_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_counts, "ASKS_AGAIN_AFTER", 0.0)
    (port,) = engines.free_ports(1)
    server = engines.start_redis(tmp_path, port)

    def new_counts(key: str = "secret") -> Counts:
        return Counts(no_database, RedisCounts(server.url, key))

    one, other, foreign = new_counts(), new_counts(), new_counts("of another deployment")
    now = datetime.now(UTC)
    alone = metrics.LIMITS_ALONE._value.get()
    try:
        counted = [taken(counts, SMALL_HOUR, 2, now) for counts in (one, other, one)]
        assert counted == [2, 1, 0]
        assert taken(foreign, SMALL_HOUR, 3, now) == 3
    finally:
        server.stop()
    with capture_logs() as lines:
        away = [taken(counts, SMALL_HOUR, 5, now, "away") for counts in (one, other)]
        assert away == [3, 3]
        server = server.again()
        assert taken(new_counts(), SMALL_HOUR, 1, now, "back") == 1
        assert taken(one, SMALL_HOUR, 3, now, "back") == 2
        server.stop()
    assert [line["event"] for line in lines] == [
        *["limits.not-shared"] * 2,
        "limits.shared-again",
    ]
    assert metrics.LIMITS_ALONE._value.get() - alone == 6


def test_a_redis_that_hangs_delays_one_request_and_not_the_next() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shared = RedisCounts(f"redis://127.0.0.1:{silent.getsockname()[1]}", "secret")
        counts, took = Counts(no_database, shared), []
        for _ in range(2):
            began = time.monotonic()
            assert taken(counts, SMALL_HOUR, 1) == 1
            took.append(time.monotonic() - began)
    assert took[1] < redis_counts.ANSWERS_WITHIN <= took[0]


SMALL_HOUR = Limit(3, 3600)


def no_database(_add: object) -> int:
    raise AssertionError("the database is not asked")


def test_a_flood_of_names_forgets_those_that_were_counted_least(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the database is busy, what a process knows is all that there is."""
    monkeypatch.setattr(core_limits, "MOST_KEPT", 10)

    def busy(_add: object) -> int:
        raise Busy

    counts = Counts(busy)
    assert taken(counts, SMALL, 4) == 3
    for number in range(100):
        taken(counts, SMALL, 1, key=f"{number}")
    assert taken(counts, SMALL, 1) == 0


def test_windows_that_are_over_are_purged(network: Database) -> None:
    counts = Counts(network.run)
    taken(counts, Limit(3, 60), 1)
    taken(counts, Limit(3, 3600), 1)
    assert network.run(lambda session: purge(session, before=NOON, limit=9)) == 0
    later = NOON + timedelta(minutes=5)
    assert network.run(lambda session: purge(session, before=later, limit=9)) == 1
    assert network.read(lambda session: session.query(LimitCount).count()) == 1


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:5678", "203.0.113.7:5678"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address: str | None, stands_for: str) -> None:
    assert network_of(address) == stands_for


def test_an_account_is_limited_wherever_it_comes_from(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BY_ACCOUNT", SMALL)
    with time_machine.travel(NOON, tick=False):
        program, other = (
            signed_in(app, world, who) for who in ("patient-owner", "patient-stranger")
        )
        seen = [
            program.client.get(
                path,
                headers={"Authorization": f"Bearer {program.token}"},
                environ_base={"REMOTE_ADDR": f"203.0.113.{number}"},
            )
            for number, path in enumerate([*("/api/v1/me", "/fhir/Location") * 2, "/api/v1/me"])
        ]
        assert [one.status_code for one in seen] == [200, 200, 200, 429, 429]
        fhir, api = (one.json for one in seen[3:])
        assert fhir["resourceType"] == "OperationOutcome"
        assert fhir["issue"][0]["code"] == "throttled"
        assert api["code"] == "rate-limited"
        assert api["detail"] == "Too many attempts. Try again in a minute."
        assert all(one.headers["Retry-After"] == "60" for one in seen[3:])
        assert other.send("GET", "/api/v1/me").status_code == 200


def test_pages_say_so_too(client_for: ClientFor, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_for("patient-owner")
    monkeypatch.setattr(limits, "BY_ACCOUNT", Limit(1, 3600))
    client.get("/account")
    refused = client.get("/account")
    assert refused.status_code == 429
    assert "Try again in" in refused.text
    assert 0 < int(refused.headers["Retry-After"]) <= 3600


@pytest.mark.parametrize("door", ["page", "desk", "api"])
def test_births_are_not_guessed_by_registering(
    app: Flask,
    client_for: ClientFor,
    network: Database,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    door: str,
) -> None:
    """Neither where something else is then in the way, so that nobody is registered."""
    monkeypatch.setattr(limits, "REGISTRATIONS", Limit(2, 3600))
    client, program = client_for("staff-owner"), signed_in(app, world, "staff-owner")
    desk = f"/desk/book/{world.schedules['owner-service']}?start=2026-01-01T00:00:00Z"

    def attempt(born: str) -> int:
        if door == "api":
            body = {"name": "Aroha Owner", "born": born}
            return program.send("POST", "/api/v1/patients", body).status_code
        path = desk if door == "desk" else "/patients/new"
        return client.send(path, name="Aroha Owner", born=born, do="register").status_code

    assert [attempt(born) for born in ("1980", "1979", "1980")][::2] == [409, 429]
    events = network.read(lambda session: session.query(AuditEvent).all())
    assert [one.details for one in events if one.action == "patient.searched"] == [{"found": 1}]


def test_a_key_is_limited_by_itself(
    app: Flask, network: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BY_PROGRAM", Limit(2, 3600))
    one, other = (with_key(app, network, "directory:read") for _ in range(2))
    paths = ["/api/v1/centres"] * 3
    assert [one.send("GET", path).status_code for path in paths] == [200, 200, 429]
    assert other.send("GET", paths[0]).status_code == 200


def test_anonymous_search_is_limited_by_address(
    client_for: ClientFor, app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = client_for("patient-owner")
    monkeypatch.setattr(limits, "SEARCHES", Limit(2, 3600))
    stranger = client_for(None)
    assert [stranger.get("/search?q=a").status_code for _ in range(3)] == [200, 200, 429]
    assert signed.get("/search?q=a").status_code == 200, "a ward shares the address"
    anonymous = Program(app)
    assert anonymous.send("GET", "/api/v1/search?q=a").status_code in (401, 429)


def test_the_health_of_a_process_is_never_refused(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BY_ADDRESS", Limit(1, 3600))
    client = app.test_client()
    assert {client.get("/healthz").status_code for _ in range(4)} == {200}
    assert [client.get("/login").status_code for _ in range(2)] == [200, 429], "pages are counted"
    elsewhere = {"REMOTE_ADDR": "203.0.113.7"}
    assert client.get("/login", environ_base=elsewhere).status_code == 200


def test_what_is_sent_to_one_door_is_limited_by_address(
    client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.POSTS, "accounts.forgot", Limit(1, 3600))
    client = client_for(None)
    sent = [client.send("/forgot", email=f"{name}@example.org").status_code for name in "ab"]
    assert sent == [200, 429]
    assert client.get("/forgot").status_code == 200
    assert client.send("/login", email="a@example.org", password="wrong").status_code == 401


# Signing in


Try = Callable[[str, str, str], Any]


def by_page(client_for: ClientFor) -> Try:
    def send(email: str, password: str, address: str) -> Any:
        client = client_for(None)
        token = client.token_of("/login")
        return client.http.post(
            "/login",
            data={"csrf_token": token, "email": email, "password": password},
            environ_base={"REMOTE_ADDR": address},
        )

    return send


def by_token(app: Flask) -> Try:
    def send(email: str, password: str, address: str) -> Any:
        return app.test_client(use_cookies=False).post(
            "/api/v1/tokens",
            json={"email": email, "password": password},
            environ_base={"REMOTE_ADDR": address},
        )

    return send


@pytest.mark.parametrize("way", ["page", "api"])
def test_a_stranger_does_not_lock_the_owner_out(
    app: Flask, client_for: ClientFor, world: World, settings: Settings, way: str
) -> None:
    send = by_page(client_for) if way == "page" else by_token(app)
    email = world.emails["practitioner-owner"]
    tries = [send(email, "wrong", "203.0.113.66") for _ in range(settings.sign_in_attempts + 1)]
    assert [one.status_code for one in tries] == [401] * settings.sign_in_attempts + [429]
    assert int(tries[-1].headers["Retry-After"]) > 0
    assert "Try again in 15 minutes" in tries[-1].text
    assert send(email, PASSWORD, "203.0.113.66").status_code == 429
    assert send(email, PASSWORD, "198.51.100.7").status_code in (201, 303)
    assert send(email, "wrong", "203.0.113.66").status_code == 429, "still"


def test_guessing_from_many_addresses_is_bounded_and_known_browsers_go_on(
    app: Flask, client_for: ClientFor, world: World, settings: Settings
) -> None:
    settings.sign_in_attempts = 2
    owner = client_for("practitioner-owner")  # now known
    owner.send("/logout")
    send, email = by_token(app), world.emails["practitioner-owner"]
    tries = [send(email, "wrong", f"203.0.113.{number // 2}").status_code for number in range(30)]
    assert tries.count(401) == 20
    assert send(email, PASSWORD, "198.51.100.7").status_code == 429, "a guesser's would be so too"
    answer = owner.send("/login", email=email, password=PASSWORD)
    assert answer.status_code == 303
    other = world.emails["patient-owner"]
    assert send(other, PASSWORD, "198.51.100.7").status_code == 201, "nobody else is concerned"


def test_guessing_for_many_emails_is_bounded_for_an_address(
    app: Flask, world: World, settings: Settings
) -> None:
    settings.sign_in_attempts = 1
    send, email = by_token(app), world.emails["practitioner-owner"]
    emails = [f"a{number}@example.org" for number in range(6)]
    tries = [send(one, "wrong", "203.0.113.66").status_code for one in emails]
    assert tries == [401] * 5 + [429]
    assert send(email, PASSWORD, "203.0.113.66").status_code == 429
    assert send(email, PASSWORD, "198.51.100.7").status_code == 201


def test_the_right_password_begins_the_count_anew(
    app: Flask, world: World, settings: Settings
) -> None:
    settings.sign_in_attempts = 2
    send, email = by_token(app), world.emails["practitioner-owner"]
    tries = [send(email, one, "203.0.113.66") for one in ("wrong", PASSWORD) * 2]
    assert [one.status_code for one in tries] == [401, 201, 401, 201]


def test_a_known_browser_guesses_no_more_than_any_other(
    client_for: ClientFor, world: World, settings: Settings
) -> None:
    settings.sign_in_attempts = 2
    browser = client_for("practitioner-owner")
    browser.send("/logout")
    email = world.emails["practitioner-owner"]
    tries = [browser.send("/login", email=email, password="wrong").status_code for _ in range(3)]
    assert tries == [401, 401, 429]


def test_a_forged_browser_is_not_known(
    client_for: ClientFor, world: World, settings: Settings
) -> None:
    settings.sign_in_attempts = 1
    email, client = world.emails["practitioner-owner"], client_for(None)
    for forged in ("x", "WyJhIiwgWyJiIl1d.aaaa.bbbb"):
        client.http.set_cookie("openslot-device", forged)
        client.send("/login", email=email, password="wrong")
    assert client.send("/login", email=email, password="wrong").status_code == 429


def test_signing_in_without_end_is_limited_per_account(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SIGN_INS", Limit(2, 3600))
    send = by_token(app)
    emails = [world.emails["patient-owner"]] * 3 + [world.emails["patient-stranger"]]
    answers = [send(one, PASSWORD, f"203.0.113.{n}").status_code for n, one in enumerate(emails)]
    assert answers == [201, 201, 429, 201]


def test_nobody_is_flooded_with_mail(
    app: Flask, client_for: ClientFor, network: Database, world: World
) -> None:
    email, person = world.emails["patient-owner"], client_for(None)
    fields = {"email": email, "name": "Mere Tane", "born": "1980", "password": NEW}
    fields["csrf_token"] = person.token_of("/forgot")
    pages = set()
    for number in range(8):
        path = ("/forgot", "/sign-up")[number % 2]
        elsewhere = {"REMOTE_ADDR": f"203.0.113.{number}"}
        answer = person.http.post(path, data=fields, environ_base=elsewhere)
        pages.add((path, answer.status_code))
    assert pages == {("/forgot", 200), ("/sign-up", 303)}, "the answers stay the same"
    assert len([one for one in mails(network) if one["to"] == email]) == limits.MAILS.amount


# Places for hashing


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Any:
    """All places are taken."""
    monkeypatch.setattr(passwords, "WAITS", 0.01)
    for _ in range(passwords.PLACES):
        assert passwords._running.acquire(blocking=False)
    yield
    for _ in range(passwords.PLACES):
        passwords._running.release()


def test_where_all_places_are_taken_each_door_says_so(
    app: Flask, client_for: ClientFor, world: World, network: Database, full: None
) -> None:
    email = world.emails["patient-owner"]
    person = {"name": "Mere Tane", "born": "31 3 1980", "phone": "", "email": "m@example.org"}
    answers = [
        by_page(client_for)(email, PASSWORD, "203.0.113.1"),
        by_token(app)(email, PASSWORD, "203.0.113.1"),
        client_for(None).send("/sign-up", **person, password="plum kettle orbit seven"),
    ]
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "Try again in a few seconds" in answer.text
    assert client_for(None).get("/healthz").status_code == 200


def test_where_enough_wait_for_a_place_nobody_else_does() -> None:
    for _ in range(2 * passwords.PLACES):
        assert passwords._admitted.acquire(blocking=False)
    try:
        with pytest.raises(HashingBusy):
            passwords.hash_password("x", time_cost=1)
    finally:
        passwords._admitted.release(2 * passwords.PLACES)


def test_a_place_is_given_back_whatever_happens() -> None:
    for _ in range(4 * passwords.PLACES):
        assert passwords.proves("no hash at all", "x", time_cost=1) is False
    assert passwords.proves(None, "x", time_cost=1) is False


@pytest.mark.parametrize(
    ("stored", "cost"),
    [(None, 4), ("pbkdf2:sha256:1000$salt$00", 4), ("!", 4), ("cost 1", 4), ("cost 4", 4)],
)
def test_a_wrong_password_costs_what_the_settings_say(
    stored: str | None, cost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stored and stored.startswith("cost"):
        stored = passwords.hash_password("right", time_cost=int(stored[-1]))
    paid: list[int] = []
    real = passwords.is_right

    def counting(known: str, password: str) -> bool:
        paid.append(passwords._cost(known))
        return real(known, password)

    monkeypatch.setattr(passwords, "is_right", counting)
    assert passwords.proves(stored, "wrong", time_cost=cost) is False
    assert sum(paid) == cost


def test_the_decoy_is_a_hash_that_is_really_verified() -> None:
    decoy = passwords._decoy(2)
    assert passwords._cost(decoy) == 2
    with pytest.raises(passwords.VerificationError):
        passwords._hasher(2).verify(decoy, "x")


@pytest.mark.parametrize("way", ["page", "api"])
def test_a_password_too_long_to_be_one_is_refused_with_a_sentence(
    app: Flask, client_for: ClientFor, world: World, way: str
) -> None:
    send = by_page(client_for) if way == "page" else by_token(app)
    answer = send(world.emails["patient-owner"], "x" * 600, "203.0.113.1")
    assert answer.status_code == 422
    assert "at most 512 characters" in answer.text


def test_a_password_of_lookalikes_is_scored_in_a_moment() -> None:
    signs = "4@8({[<3691!|70$5+%2"
    told = passwords._with_few_lookalikes(signs * 3 + "aaaa")
    assert len({sign for sign in told if sign in signs}) == 8
    assert len(told) == len(signs * 3 + "aaaa")
    assert passwords.check_new(signs * 3)


def test_messages_to_sessions_are_limited_at_both_doors(
    app: Flask, world: World, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MESSAGES", SMALL)
    staff, message = signed_in(app, world, "staff-owner"), {"message": "We begin at ten."}
    there = f"sessions/{uuid4()}/message"
    with time_machine.travel(NOON, tick=False):
        sent = [staff.send("POST", f"/api/v1/{there}s", message).status_code for _ in range(2)]
        browser = client_for("staff-owner")
        pages = [browser.post(f"/{there}", **message).status_code for _ in range(2)]
    assert (sent, pages) == ([404, 404], [404, 429])


def test_one_address_cannot_use_up_the_check_ins_of_a_centre(
    app: Flask, world: World, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CHECK_INS_OF_ADDRESS", Limit(2, 60))
    monkeypatch.setattr(limits, "CHECK_INS", Limit(3, 60))
    with app.test_request_context():
        paths = {one: f"/check-in/{desk_links.check_in(world.centres[one])}" for one in CENTRES}
    here, there = client_for(None), client_for(None)
    there.http.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    with time_machine.travel(NOON, tick=False):

        def tries(client: Any, centre: str, number: int) -> list[int]:
            return [client.post(paths[centre]).status_code for _ in range(number)]

        assert tries(here, "own", 3) == [422, 422, 429]
        assert tries(here, "other", 1) == [422], "each centre counts by itself"
        assert tries(there, "own", 2) == [422, 429]
