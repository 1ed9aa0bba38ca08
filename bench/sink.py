"""A mail server that takes every mail at once and keeps none: what it costs is not measured."""

import asyncio
import sys


class Sink(asyncio.Protocol):
    """One connection of RFC 5321, whose client waits for each answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._line = transport
        self._text: bytes | None = None
        self._say("220 sink.example")

    def data_received(self, data: bytes) -> None:
        if self._text is not None:
            self._text = (self._text + data)[-5:]
            if self._text.endswith(b"\r\n.\r\n"):
                self._text = None
                self._say("250 taken")
        elif data[:4].upper() == b"DATA":
            self._text = b""
            self._say("354 go on")
        elif data[:4].upper() == b"QUIT":
            self._say("221 bye")
            self._line.close()
        else:
            self._say("250 sink.example")

    def _say(self, answer: str) -> None:
        self._line.write(f"{answer}\r\n".encode())


async def serve(port: int) -> None:
    """Serve until the process ends."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
