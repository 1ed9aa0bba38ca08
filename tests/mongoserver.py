"""A small MongoDB server on a real socket, for the tests of the import.

No package offers MongoDB here. This one speaks the wire protocol as far as a client needs it to
read a database: OP_QUERY for the first greeting, then OP_MSG with hello, ping,
listCollections, find, getMore and endSessions. Documents are bytes of BSON.
"""

import itertools
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import bson

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
AT_ONCE = 2
"""Documents of a batch: few, so that getMore is needed."""

GREETING = {
    "ismaster": True,
    "isWritablePrimary": True,
    "maxBsonObjectSize": 16 * 1024 * 1024,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "readOnly": False,
    "ok": 1.0,
}

Databases = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self, databases: Databases, refusing: str | None):
        super().__init__(("127.0.0.1", 0), _Connection)
        self.databases = databases
        self.refusing = refusing
        self.cursors: dict[int, tuple[str, list[Mapping[str, Any]]]] = {}
        self.numbers = itertools.count(1)
        self.commands: list[str] = []
        self.before_more: Callable[[], object] = lambda: None

    def answer(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        name, database = next(iter(command)), command.get("$db", "admin")
        self.commands.append(name)
        if name.lower() in ("hello", "ismaster"):
            return GREETING
        if self.refusing:
            return {"ok": 0.0, "errmsg": self.refusing, "code": 13, "codeName": "Unauthorized"}
        if name == "listCollections":
            collections = self.databases.get(database, {})
            found = [{"name": one, "type": "collection"} for one in collections]
            return {"cursor": {"id": 0, "ns": f"{database}.$cmd", "firstBatch": found}, "ok": 1.0}
        if name == "find":
            documents = list(self.databases.get(database, {}).get(command["find"], ()))
            return self._batch(f"{database}.{command['find']}", documents, "firstBatch")
        if name == "getMore":
            self.before_more()
            namespace, documents = self.cursors.pop(command["getMore"])
            return self._batch(namespace, documents, "nextBatch")
        return {"ok": 1.0}

    def _batch(
        self, namespace: str, documents: list[Mapping[str, Any]], key: str
    ) -> Mapping[str, Any]:
        batch, rest = documents[:AT_ONCE], documents[AT_ONCE:]
        number = bson.Int64(next(self.numbers) if rest else 0)
        if rest:
            self.cursors[number] = (namespace, rest)
        return {"cursor": {"id": number, "ns": namespace, key: batch}, "ok": 1.0}


class _Connection(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        while head := self._receive(16):
            size, request, _, code = struct.unpack("<iiii", head)
            body = self._receive(size - 16)
            if code == OP_QUERY:
                answer = self.server.answer(bson.decode(body[body.index(b"\0", 4) + 9 :]))
                self._send(OP_REPLY, request, struct.pack("<iqii", 8, 0, 0, 1), answer)
            elif code == OP_MSG:
                answer = self.server.answer(bson.decode(body[5:]))
                self._send(OP_MSG, request, struct.pack("<IB", 0, 0), answer)

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.request.recv(size - len(data))
            if not part:
                return b""
            data += part
        return data

    def _send(self, code: int, request: int, start: bytes, answer: Mapping[str, Any]) -> None:
        body = start + bson.encode(answer)
        self.request.sendall(struct.pack("<iiii", len(body) + 16, 1, request, code) + body)


@contextmanager
def running(databases: Databases, *, refusing: str | None = None) -> Iterator[_Server]:
    """Serve the databases until the end; ``refusing`` is the answer to every command."""
    with _Server(databases, refusing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def address(server: _Server, database: str = "") -> str:
    """The address by which a client finds a server."""
    return f"mongodb://127.0.0.1:{server.server_address[1]}/{database}"
