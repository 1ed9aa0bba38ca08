"""Clients that send requests over HTTP, one after the other, from a process of their own.

``python -m bench.load`` reads a plan from its standard input and prints what it saw, as JSON.
"""

import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A request: method, path and, if it has one, a body as JSON."""

    method: str
    path: str
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the request as it is sent."""
        content = (self.body or "").encode()
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: 127.0.0.1"]
        if self.body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass(frozen=True)
class Seen:
    """What the clients saw: seconds, answers by status, and milliseconds of each answer."""

    seconds: float
    statuses: dict[str, int]
    took: list[float]

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.took) / self.seconds


def run(port: int, calls: Sequence[Call], *, clients: int, seconds: float | None = None) -> Seen:
    """Send the calls by so many clients, each call once, for at most ``seconds``."""
    plan = {
        "port": port,
        "clients": clients,
        "seconds": seconds,
        "calls": [call.encoded().decode() for call in calls],
    }
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(
        command, input=json.dumps(plan), capture_output=True, text=True, check=True
    )
    return Seen(**json.loads(done.stdout))


class Client:
    """A connection that stays open."""

    def __init__(self, port: int):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def ask(self, request: bytes) -> str:
        """Send a request, wait for all of its answer, and return the status."""
        self._socket.sendall(request)
        head, _, body = self._until(b"\r\n\r\n").partition(b"\r\n\r\n")
        fields = head.lower().split(b"\r\n")
        size = next((int(f[15:]) for f in fields if f.startswith(b"content-length:")), None)
        if size is not None:
            while len(body) < size:
                body += self._more()
            self._rest = body[size:]
        elif b"transfer-encoding: chunked" in fields:
            while not body.endswith(b"0\r\n\r\n"):
                body += self._more()
        return fields[0][9:12].decode()

    def _until(self, mark: bytes) -> bytes:
        data, self._rest = self._rest, b""
        while mark not in data:
            data += self._more()
        return data

    def _more(self) -> bytes:
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionError("the server has closed the connection")
        return data


def _answer(plan: dict[str, Any]) -> Seen:
    calls: Iterator[bytes] = iter([text.encode() for text in plan["calls"]])
    until = time.perf_counter() + (plan["seconds"] or 1e9)
    statuses: Counter[str] = Counter()
    took: list[float] = []

    def work(client: Client) -> None:
        mine: list[float] = []
        counted: Counter[str] = Counter()
        for request in calls:
            began = time.perf_counter()
            if began > until:
                break
            counted[client.ask(request)] += 1
            mine.append((time.perf_counter() - began) * 1000)
        took.extend(mine)
        statuses.update(counted)

    threads = [
        threading.Thread(target=work, args=[Client(plan["port"])]) for _ in range(plan["clients"])
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Seen(time.perf_counter() - began, dict(statuses), took)


if __name__ == "__main__":
    print(json.dumps(asdict(_answer(json.load(sys.stdin)))))
