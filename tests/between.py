"""A proxy between us and a database server, for all that a network does to connections."""

import select
import socket
import threading
from contextlib import suppress
from typing import Any


class Between:
    """Hands bytes on, until it is told to swallow them, to cut, or to refuse.

    ``cut_at`` are words in what is sent; where they come by, the server still gets them, and
    the client never hears of it. ``cut_before`` loses them, and ``silent_at`` all that follows too.
    """

    def __init__(self, server: Any):
        self.server = server
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.is_silent = self.refuses = self.is_closed = False
        self.cut_at = self.cut_before = self.silent_at = b""
        self.open: list[socket.socket] = []
        self.forgotten: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections."""
        for one in self.open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.open.clear()

    def forget(self) -> None:
        """Swallow what comes over the connections that there are, and hand new ones on."""
        self.forgotten = set(self.open)

    def well_again(self) -> None:
        """Hand new bytes on; what was swallowed stays lost, as in a network."""
        if self.is_silent:
            self.cut()
        self.is_silent = self.refuses = False

    def close(self) -> None:
        """End it."""
        self.is_closed = True
        with suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.cut()

    def _accept(self) -> None:
        while not self.is_closed:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            if self.refuses:
                client.close()
                continue
            threading.Thread(target=self._hand_on, args=(client,), daemon=True).start()

    def _hand_on(self, client: socket.socket) -> None:
        family = socket.AF_UNIX if isinstance(self.server, str) else socket.AF_INET
        server = socket.socket(family)
        self.open += [client, server]
        with client, server, suppress(OSError):
            server.connect(self.server)
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    if self.silent_at and self.silent_at in data:
                        self.is_silent, self.silent_at = True, b""
                    if self.is_silent or source in self.forgotten:
                        continue
                    if source is client and self._loses(data):
                        return
                    (server if source is client else client).sendall(data)
                    if source is client and self.cut_at and self.cut_at in data:
                        self.cut_at = b""
                        server.recv(1)  # it has been done, and nobody is told
                        return

    def _loses(self, data: bytes) -> bool:
        lost = bool(self.cut_before) and self.cut_before in data
        if lost:
            self.cut_before = b""
        return lost
