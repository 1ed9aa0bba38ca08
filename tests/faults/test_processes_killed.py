"""Processes of ``openslot serve`` are killed: it goes on, or ends whole and can start anew."""

import os
import signal
from pathlib import Path
from socket import create_connection

from faults.serving_process import (
    children,
    free_port,
    runs,
    serving,
    status,
    until,
    until_ready,
)

DEATHS = 5


def test_web_processes_that_die_in_quick_succession_are_started_again(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, "--workers", "2", "--no-worker") as server:
        until_ready(port)
        for _ in range(DEATHS):
            until(lambda: len(children(server.pid, "web")) > 0)
            for pid in children(server.pid, "web"):
                os.kill(pid, signal.SIGKILL)
        until_ready(port)
        assert server.poll() is None
        server.terminate()
        assert server.wait(30) == 0


def test_all_ends_with_a_killed_parent_and_starts_again_at_the_same_port(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, "--workers", "2") as server:
        until_ready(port)
        kept = create_connection(("127.0.0.1", port), timeout=20)
        orphans = children(server.pid)
        assert len(orphans) == 3
        server.kill()
        server.wait(10)
        with serving(tmp_path, port, "--workers", "1", "--no-worker") as next_server:
            until(lambda: not any(map(runs, orphans)))
            until_ready(port)
            assert next_server.poll() is None
        kept.close()


def test_a_server_that_can_never_answer_ends_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "secret_key").mkdir()  # no key can be read, and none be made
    with serving(tmp_path, free_port(), "--workers", "2") as server:
        assert server.wait(120) == 1
    log = (tmp_path / "serve.log").read_text()
    assert "The web process cannot run; the lines above say why. Nothing is served." in log
    assert "IsADirectoryError" in log


def test_a_request_under_way_is_finished_before_the_server_stops(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port, "--workers", "1", "--no-worker") as server:
        until_ready(port)
        client = create_connection(("127.0.0.1", port), timeout=20)
        client.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        server.send_signal(signal.SIGINT)
        until(lambda: status(port) is None)
        client.sendall(b"b")
        assert client.recv(100).startswith(b"HTTP/1.1 400 ")
        assert server.wait(30) == 0
