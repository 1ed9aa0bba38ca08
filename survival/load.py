"""Clients that book and cancel over HTTP, insist on an answer, and remember what they were told."""

import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from typing import Any
from uuid import UUID, uuid4

INSISTS_FOR = 90.0
"""Seconds for which a client sends a request again, with the same key."""

AGAIN = frozenset({"still-running", "busy", "rate-limited", "took-too-long"})


@dataclass
class Told:
    """What the server has confirmed, and when it did not answer."""

    booked: dict[UUID, tuple[int, datetime, UUID]] = field(default_factory=dict)
    cancelled: set[UUID] = field(default_factory=set)
    unknown: set[UUID] = field(default_factory=set)
    """Appointments whose cancellation was not confirmed."""
    sent: list[tuple[int, datetime, UUID]] = field(default_factory=list)
    answers: list[tuple[float, float]] = field(default_factory=list)
    """When a booking that was confirmed was last sent, and confirmed."""
    failures: list[tuple[float, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Load:
    """Some clients in threads, who can be told to pause."""

    def __init__(
        self,
        port: int,
        key: str,
        wanted: Iterator[tuple[int, datetime, UUID]],
        *,
        clients: int,
        pause: float,
    ):
        self.told = Told()
        self._port, self._key, self._wanted, self._pause = port, key, wanted, pause
        self._goes_on, self._ends = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._idle = [threading.Event() for _ in range(clients)]
        self._threads = [
            threading.Thread(target=self._work, args=(number,)) for number in range(clients)
        ]
        for thread in self._threads:
            thread.start()

    def go_on(self) -> None:
        """Begin, or begin again."""
        for idle in self._idle:
            idle.clear()
        self._goes_on.set()

    def rest(self) -> None:
        """Wait until everybody has an answer, and send nothing more."""
        self._goes_on.clear()
        for idle in self._idle:
            idle.wait()

    def end(self) -> None:
        """End all threads."""
        self._ends.set()
        self._goes_on.set()
        for thread in self._threads:
            thread.join()

    def _work(self, number: int) -> None:
        chance = random.Random(number)
        while not self._ends.is_set():
            if not self._goes_on.is_set():
                self._idle[number].set()
                self._goes_on.wait(0.2)
                continue
            if chance.random() < 0.25:
                self._cancel(chance)
            else:
                self._book()
            time.sleep(chance.uniform(0, 2 * self._pause))

    def _book(self) -> None:
        with self._lock:
            wanted = next(self._wanted)
            self.told.sent.append(wanted)
        schedule, start, patient = wanted
        body = {"schedule": schedule, "start": start.isoformat(), "patient": str(patient)}
        began, status, answer = self._insist("POST", "/api/v1/appointments", body)
        if status == 201:
            self.told.booked[UUID(answer["id"])] = wanted
            self.told.answers.append((began, time.monotonic()))
        else:
            self.told.refused.append(f"{status} {answer.get('code')}")

    def _cancel(self, chance: random.Random) -> None:
        with self._lock:
            known = self.told.booked.keys() - self.told.cancelled - self.told.unknown
            if not known:
                return
            chosen = chance.choice(sorted(known))
            self.told.unknown.add(chosen)
        path = f"/api/v1/appointments/{chosen}"
        _, status, answer = self._insist("PATCH", path, {"status": "cancelled"})
        if status == 200:
            self.told.cancelled.add(chosen)
        else:
            self.told.refused.append(f"{status} {answer.get('code')}")

    def _insist(
        self, method: str, path: str, body: dict[str, Any]
    ) -> tuple[float, int, dict[str, Any]]:
        """Send a request until there is an answer; return when it was last sent, and that."""
        key, gives_up = str(uuid4()), time.monotonic() + INSISTS_FOR
        while True:
            began = time.monotonic()
            try:
                status, answer = self._send(method, path, body, key)
            except (OSError, HTTPException) as error:
                status, answer = 0, {"code": type(error).__name__}
            code = answer.get("code", "")
            if 200 <= status < 500 and code not in AGAIN:
                return began, status, answer
            self.told.failures.append((time.monotonic(), f"{status} {code}"))
            if time.monotonic() > gives_up:
                return began, status, answer
            time.sleep(0.5)

    def _send(
        self, method: str, path: str, body: dict[str, Any], key: str
    ) -> tuple[int, dict[str, Any]]:
        client = HTTPConnection("127.0.0.1", self._port, timeout=20)
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        try:
            client.request(method, path, json.dumps(body), headers)
            answer = client.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            client.close()
