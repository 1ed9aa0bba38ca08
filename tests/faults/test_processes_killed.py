"""Processes of ``openslot serve`` are killed: it goes on, or ends whole and can start anew."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from socket import create_connection, socket
from urllib.request import urlopen

import click
import pytest

from faults.serving_process import children, free_port, runs, serving, status, until, until_ready
from openslot.core import metrics
from openslot.entrypoints.cli import attending
from openslot.entrypoints.cli.attending import Attendant, attend

DEATHS = 5
WEB = "openslot-web"


def test_dead_web_processes_are_started_again_and_requests_finished(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, "--workers", "2", "--no-worker") as server:
        until_ready(port)
        killed: set[int] = set()  # which are still seen for a moment
        for _ in range(DEATHS):
            until(lambda: len({*children(server.pid, WEB)} - killed) == 2)
            for pid in {*children(server.pid, WEB)} - killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        until_ready(port)
        assert server.poll() is None
        with create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\na")
            server.send_signal(signal.SIGINT)
            until(lambda: status(port) is None)
            client.sendall(b"b")
            assert client.recv(100).startswith(b"HTTP/1.1 400 ")
        assert server.wait(30) == 0


def test_counts_of_all_processes_add_up_and_outlive_them(tmp_path: Path) -> None:
    port = free_port()
    words = ("--workers", "2", "--no-worker")
    with serving(tmp_path, port, *words, OPENSLOT_METRICS_NETWORKS="127.0.0.1") as server:
        until_ready(port)
        first = children(server.pid, WEB)
        until(lambda: _metric(port, 'openslot_processes{kind="web"}') == 2)
        for _ in range(8):
            assert status(port, "/login") == 200
        os.kill(first[0], signal.SIGKILL)
        until(lambda: len({*children(server.pid, WEB)} - {first[0]}) == 2)
        (new,) = {*children(server.pid, WEB)} - {*first}
        environment = Path(f"/proc/{new}/environ").read_text().split("\0")
        folder = dict(line.split("=", 1) for line in environment if line)[metrics.FOLDER]
        gauges = Path(folder, f"gauge_livesum_{new}.db")
        until(lambda: gauges.exists() and b"openslot_processes" in gauges.read_bytes())
        until(lambda: _metric(port, 'openslot_processes{kind="web"}') == 2)
        signed_in = 'openslot_requests_total{method="GET",route="/login",status="200"'
        assert _metric(port, signed_in) == 8
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        assert not Path(folder).exists()


def _metric(port: int, name: str) -> float | None:
    with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(name)), None)
    return None


def test_all_ends_with_a_killed_parent_and_starts_again_at_the_same_port(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, "--workers", "2") as server:
        until_ready(port)
        orphans = children(server.pid)
        assert len(orphans) == 3
        with create_connection(("127.0.0.1", port)):
            server.kill()
            server.wait(10)
            with serving(tmp_path, port, "--workers", "1", "--no-worker") as anew:
                until(lambda: not any(map(runs, orphans)))
                until_ready(port)
                assert anew.poll() is None


def test_a_server_waits_for_what_is_left_of_a_killed_one(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, "--workers", "1") as server:
        until_ready(port)
        slow = children(server.pid, "openslot-worker")[0]
        os.kill(slow, signal.SIGSTOP)
        server.kill()
        server.wait(10)
        with serving(tmp_path, port, "--workers", "1", "--no-worker") as anew:
            said = tmp_path / "serve.log"
            until(lambda: b"Waiting up to" in said.read_bytes())
            with pytest.raises(subprocess.TimeoutExpired):
                anew.wait(5)
            os.kill(slow, signal.SIGCONT)
            until_ready(port)


def test_a_process_that_can_never_run_ends_the_server_with_a_sentence(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail() -> None:
        raise click.ClickException("No settings.")

    pid = tmp_path / "pid"

    def wait() -> None:
        pid.write_text(str(os.getpid()))
        time.sleep(60)

    failing = Attendant("web process", fail, pause=0.01, tries=3)
    with (
        signals_as_before(),
        pytest.raises(click.ClickException, match="The web process cannot start"),
    ):
        attend([failing, Attendant("worker", wait)])
    assert capfd.readouterr().err.count("No settings.") == 3
    assert not runs(int(pid.read_text()))


def test_a_process_that_is_killed_is_never_given_up(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lives = tmp_path / "lives"

    def die() -> None:
        """The last one asks the parent to end."""
        with lives.open("a") as file:
            file.write("x")
        if lives.stat().st_size > DEATHS:
            os.kill(os.getppid(), signal.SIGTERM)
            time.sleep(60)
        os.kill(os.getpid(), signal.SIGKILL)

    with signals_as_before():
        attend([Attendant("web process", die, pause=0.01, longest=0.01, tries=3)])
    said = capfd.readouterr().err
    assert said.count("The web process ended with code -9. Restarting it.") == DEATHS


def test_a_process_that_does_not_end_in_time_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(attending, "STOPS_WITHIN", 0.2)
    pid = tmp_path / "pid"

    def stay() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pid.write_text(str(os.getpid()))
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(60)

    with signals_as_before():
        attend([Attendant("worker", stay)])
    assert not runs(int(pid.read_text()))


@contextmanager
def signals_as_before() -> Iterator[None]:
    """Handle the signals after the block as before it."""
    before = {number: signal.getsignal(number) for number in attending.ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_server_that_stops_answers_who_is_connected(tmp_path: Path) -> None:
    """Those who were not accepted yet, and those whose next request was on its way."""
    port = free_port()
    request = b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(tmp_path, port, "--workers", "1", "--no-worker") as server, ExitStack() as stack:
        until_ready(port)
        until(lambda: status(port, "/login") == 200)

        def connect() -> socket:
            return stack.enter_context(create_connection(("127.0.0.1", port), timeout=20))

        kept = connect()
        kept.sendall(request)
        assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
        (web,) = children(server.pid, WEB)
        os.kill(web, signal.SIGSTOP)
        late = [connect() for _ in range(20)]
        server.send_signal(signal.SIGTERM)
        for client in late[:10]:
            client.sendall(request)
        os.kill(web, signal.SIGCONT)
        until(lambda: status(port) is None)
        for client in [*late[10:], kept]:
            client.sendall(request)
        for client in [*late, kept]:
            assert b"HTTP/1.1 200 " in all_of(client)
        assert server.wait(30) == 0


def all_of(client: socket) -> bytes:
    """What is received until the server closes the connection."""
    return b"".join(iter(lambda: client.recv(65536), b""))
