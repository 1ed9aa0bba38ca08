"""A real mail server on a free port of the loopback interface, with the moods of real ones.

``with post_office() as post: ...`` serves ``post.port``; what it took is in ``post.taken``, as
messages parsed by the standard library, and ``post.raw``, both in the order in which it came.
"""

import asyncio
import email
import email.policy
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from enum import Enum
from typing import Any
from uuid import UUID

import icalendar
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from clinic import NOW
from openslot.core import outbox
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.outbox import OutboxMessage
from openslot.entrypoints.worker.main import HANDLERS, handle_next
from openslot.notifications import delivery
from openslot.notifications.delivery import MailMessage
from openslot.notifications.dispatch import queue_mail
from working import work

PATIENCE = 10.0


class Mood(Enum):
    """How the server answers."""

    ACCEPTING = "accepting"
    REFUSING = "550 to the recipient"
    REFUSING_TEXT = "554 to the message"
    LATER = "451 to the recipient"
    HANGING_UP = "closes the connection in the middle"
    SLOW = "answers long after anybody would wait"
    DRIPPING = "answers a letter at a time, without end"
    NO_FAREWELL = "takes the message, and never answers QUIT"


@dataclass
class PostOffice:
    """The server, as aiosmtpd's handler, and what it saw."""

    port: int = 0
    mood: Mood = Mood.ACCEPTING
    taken: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    tries: int = 0
    connections: int = 0
    slow_down: threading.Event = field(default_factory=threading.Event)
    open: list[SMTP] = field(default_factory=list)
    most: int | None = None
    """Mails that it takes over one connection."""
    offers: tuple[str, ...] = ("PIPELINING",)

    async def handle_EHLO(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        return [*(f"250-{name}" for name in self.offers), *responses]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        session.begun = getattr(session, "begun", 0) + 1
        if self.most is not None and session.begun > self.most:
            return "421 4.7.0 too many mails over this connection"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.tries += 1
        if self.mood is Mood.REFUSING:
            return f"550 5.1.1 <{address}>: no such person here"
        if self.mood is Mood.LATER:
            return "451 4.7.1 come back later"
        if self.mood is Mood.HANGING_UP:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        if self.mood is Mood.SLOW:
            await self._dawdle()
        if self.mood is Mood.DRIPPING:
            await self._dawdle(lambda: server.transport.write(b"2"))
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.mood is Mood.REFUSING_TEXT:
            return "554 5.7.1 that looks like an advertisement"
        assert isinstance(envelope.content, bytes)
        self.raw.append(envelope.content)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        message["X-Envelope-To"] = ", ".join(envelope.rcpt_tos)
        self.taken.append(message)
        return "250 taken"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.mood is Mood.NO_FAREWELL:
            await self._dawdle()
        return "221 Bye"

    async def _dawdle(self, drip: Callable[[], None] = lambda: None) -> None:
        while not self.slow_down.is_set():
            drip()
            await asyncio.sleep(0.01)

    def close_connections(self) -> None:
        """Close every connection, as servers do with those that say nothing."""
        for connection in self.open:
            if isinstance(connection.transport, asyncio.Transport):
                connection.transport.abort()
        self.open.clear()

    @property
    def recipients(self) -> list[str]:
        """To whom mail was taken, in order."""
        return [str(message["X-Envelope-To"]) for message in self.taken]


@dataclass(frozen=True)
class Door:
    """Who may hand over mail, and how the line is secured."""

    tls: ssl.SSLContext | None = None
    starttls: ssl.SSLContext | None = None
    password: str | None = None
    utf8: bool = False


@contextmanager
def post_office(door: Door | None = None) -> Iterator[PostOffice]:
    """A server that runs in a thread until the block ends."""
    post, loop = PostOffice(), asyncio.new_event_loop()
    listening = loop.run_until_complete(_listen(loop, post, door or Door()))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield post
    finally:
        post.slow_down.set()
        delivery.hang_up()
        asyncio.run_coroutine_threadsafe(_close(listening), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


async def _listen(
    loop: asyncio.AbstractEventLoop, post: PostOffice, door: Door
) -> asyncio.base_events.Server:
    def authenticate(
        _server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: Any
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        return AuthResult(success=given.password.decode() == door.password, handled=False)

    def connection() -> SMTP:
        post.connections += 1
        post.open.append(made())
        return post.open[-1]

    def made() -> SMTP:
        return SMTP(
            post,
            hostname="post.example",
            tls_context=door.starttls,
            require_starttls=door.starttls is not None,
            authenticator=authenticate if door.password else None,
            auth_required=door.password is not None,
            auth_require_tls=door.starttls is not None,
            enable_SMTPUTF8=door.utf8,
            loop=loop,
        )

    listening = await loop.create_server(connection, "127.0.0.1", 0, ssl=door.tls)
    post.port = listening.sockets[0].getsockname()[1]
    return listening


async def _close(listening: asyncio.base_events.Server) -> None:
    """Stop listening, and let connections that are ending end."""
    listening.close()
    gives_up = time.monotonic() + 2
    others = asyncio.all_tasks() - {asyncio.current_task()}
    while others and time.monotonic() < gives_up:
        await asyncio.wait(others, timeout=0.05)
        others = {task for task in asyncio.all_tasks() if not task.done()}
        others -= {asyncio.current_task()}
    for task in others:
        task.cancel()


# What tests of mail share


def settings_for(post: PostOffice, **more: Any) -> Settings:
    """Settings that lead to this server."""
    return Settings(
        _env_file=None,
        smtp_host="127.0.0.1",
        smtp_port=post.port,
        public_url="https://book.example.org",
        secret_key="a key for tests",  # so that none is written into a folder
        mail_from="Östliche Gesundheit <no-reply@example.org>",
        **more,
    )


def a_mail(**other: Any) -> MailMessage:
    """A mail to Ann, with whatever is given in the place of the usual."""
    return MailMessage(
        **{
            "to": "ann@example.org",
            "name": "Ann Example",
            "subject": "Hello",
            "text": "Text",
            "html": "<p>HTML</p>",
            "key": "key-1",
            **other,
        }
    )


def queue(database: Database, mail: MailMessage | None = None, *, at: datetime = NOW) -> UUID:
    """Put a mail into the outbox; its id there."""
    return database.run(lambda session: queue_mail(work(session, now=at), mail or a_mail()))


def run_worker(database: Database, settings: Settings, *, at: datetime = NOW, most: int = 1) -> int:
    """Do all that is due at ``at``, up to ``most`` messages together; how many times."""
    done = 0
    while handle_next(database, settings, now=lambda: at, most=most):
        done += 1
    return done


def rows(database: Database, *topics: str) -> list[OutboxMessage]:
    """All messages of the topics, by default of every one."""
    with database.reading() as session:
        return [
            row
            for topic in topics or HANDLERS
            for row in outbox.messages(session, topic, limit=100, offset=0)
        ]


def row(database: Database, message_id: UUID) -> OutboxMessage:
    """One message."""
    return database.read(lambda session: session.get_one(OutboxMessage, message_id))


def calendar_of(message: Any) -> Any:
    """The calendar of a mail; its method is that of its type."""
    (part,) = [one for one in message.walk() if one.get_content_type() == "text/calendar"]
    calendar = icalendar.Calendar.from_ical(part.get_content())
    assert part.get_param("method") == calendar["method"]
    return calendar
