"""A mail server that takes every mail at once and keeps none: what it costs is not measured."""

import asyncio
import sys


class Sink(asyncio.Protocol):
    """One connection of RFC 5321, which takes commands together (RFC 2920) as Postfix does."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._line = transport
        self._end, self._rest = b"\r\n", b""
        self._say("220 sink.example")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while self._end in self._rest:
            command, _, self._rest = self._rest.partition(self._end)
            self._answer(command[:4].upper())

    def _answer(self, command: bytes) -> None:
        if self._end != b"\r\n":
            self._end = b"\r\n"
            self._say("250 taken")
        elif command == b"EHLO":
            self._say("250-sink.example\r\n250 PIPELINING")
        elif command == b"DATA":
            self._end = b"\r\n.\r\n"
            self._say("354 go on")
        elif command == b"QUIT":
            self._say("221 bye")
            self._line.close()
        else:
            self._say("250 fine")

    def _say(self, answer: str) -> None:
        self._line.write(f"{answer}\r\n".encode())


async def serve(port: int) -> None:
    """Serve until the process ends."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
