"""A mail as a message (RFC 5322), and its delivery to the mail server."""

import base64
import binascii
import re
import secrets
import smtplib
import socket
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import cache
from typing import Any, NamedTuple

from email_validator import EmailNotValidError, validate_email

from openslot.core.config import Settings
from openslot.core.deadline import ends_within
from openslot.notifications.ics import Method

AS_FILE = 'Content-Disposition: attachment; filename="appointment.ics"\n'

GONE = (smtplib.SMTPServerDisconnected, smtplib.SMTPSenderRefused, ConnectionError, ssl.SSLError)
"""How a connection fails that the server has ended meanwhile, or over which it takes no more. The
mail is handed over once more, as after any failure; its Message-ID says that it is the same."""

WAITS_FOR = 5.0
"""Seconds that a connection to the mail server waits for another mail."""

TAKEN_WITHIN = 55.0
"""Seconds in which the mail server must have taken a mail, sign-in included: less than the half of
a lease, after which another worker might send it too."""

FAREWELL = 1.0
"""Seconds for the end of a connection."""

POLICY = SMTP.clone(cte_type="7bit")
"""Line ends of RFC 5322, and bodies that pass servers without 8BITMIME."""

INTERNATIONAL = POLICY.clone(utf8=True)
"""For an address that no ASCII can write: headers in UTF-8 (RFC 6532), which only servers with
SMTPUTF8 (RFC 6531) take."""


SHORT = 70
"""Letters of a header that need not be folded."""

UNFOLDED = ("Message-ID", "List-Unsubscribe")
"""Headers of one long word, which mail programs do not know in pieces (RFC 5322, 2.2.3), nor as
encoded words (RFC 2369, 2)."""

_PLAIN = re.compile(r"(?!.*=\?)[!-~](?:[ -~]*[!-~])?")
"""What a header may hold as it is: nothing that could be taken for an encoded word (RFC 2047)."""

_DOT = re.compile(rb"(?m)^\.")
"""What would end a message that is handed over (RFC 5321, 4.5.2)."""

WITHOUT_SMTPUTF8 = (
    "The mail server takes only addresses in ASCII (it does not offer SMTPUTF8). Ask this person"
    " for another address, or use a mail server that offers it."
)
"""Why a mail to an address such as jörg@example.org was put aside; administrators read it."""


class Refused(Exception):
    """The mail cannot be delivered, and trying again would not help."""


class Unreachable(Exception):
    """The mail could not be handed over now; another try may succeed."""


@dataclass(frozen=True, slots=True)
class MailMessage:
    """A mail to one reader. ``key`` is unique to it and the same on every try.

    ``calendar`` is an iCalendar object whose METHOD is ``method``. ``stop`` is the address
    at which mails of this kind are switched off.
    """

    to: str
    subject: str
    text: str
    html: str
    key: str
    name: str = ""
    calendar: str | None = None
    method: Method | None = None
    stop: str | None = None

    def packed(self) -> dict[str, Any]:
        """Return the mail as the outbox keeps it."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> "MailMessage":
        """Return the mail that the outbox kept, with what it is about or without."""
        return cls(**{name: value for name, value in packed.items() if name != "about"})


class Letter(NamedTuple):
    """A mail as the mail server takes it."""

    sender: str
    recipient: str
    content: bytes

    @property
    def is_international(self) -> bool:
        """Return whether only servers with SMTPUTF8 take it."""
        return not (self.sender + self.recipient).isascii()


def to_letter(mail: MailMessage, settings: Settings, *, now: datetime) -> Letter:
    """Return the mail as a MIME message: text, HTML and calendar as alternatives (RFC 2046), the
    calendar once more as a file, for programs that show no invitations.

    Its Message-ID is made of the key, so that a repeat after a crash can be recognised;
    Auto-Submitted (RFC 3834) keeps out-of-office answers away. Raises Refused where a header
    would hold a line break or the address is none.
    """
    sender, recipient = _sender(settings.mail_from), _recipient(mail)
    is_ascii = (sender.addr_spec + recipient.addr_spec).isascii()
    policy = POLICY if is_ascii else INTERNATIONAL
    headers = _headers(mail, settings, now)
    head = _from(settings.mail_from, policy) + _header("To", recipient, policy)
    head += "".join(_header(name, value, policy) for name, value in headers)
    return Letter(sender.addr_spec, recipient.addr_spec, head.encode() + _body(mail))


def send(letter: Letter, settings: Settings) -> None:
    """Hand the mail to the mail server of the settings.

    Returns once the server has taken it. Raises Refused where the server will never take it
    for this recipient (5xx, RFC 5321, 4.2.1), Unreachable for everything that may pass.
    """
    ends = time.monotonic() + TAKEN_WITHIN
    waiting = _one_that_waits(settings)
    try:
        if waiting is not None:
            with suppress(*GONE):
                _hand_over(letter, waiting, settings, ends)
                return
        _hand_over(letter, _signed_in(settings, ends), settings, ends)
    except (OSError, smtplib.SMTPException, ssl.SSLError) as error:
        raise Unreachable(_reason(error)) from error


def hang_up(settings: Settings | None = None) -> None:
    """Close the connections that wait for another mail with these settings, or with any."""
    for waiting in [_waiting[id(settings)]] if settings else list(_waiting.values()):
        while waiting:
            with suppress(IndexError):  # another thread has taken it
                _end(waiting.pop().server)


def _headers(mail: MailMessage, settings: Settings, now: datetime) -> Iterator[tuple[str, str]]:
    _refuse_line_breaks(mail.subject, mail.key, mail.stop or "")
    yield "Subject", mail.subject
    yield "Date", format_datetime(now)
    yield "Message-ID", f"<{mail.key}@{_sender(settings.mail_from).domain}>"
    yield "Auto-Submitted", "auto-generated"
    yield "MIME-Version", "1.0"
    # RFC 2369, and over HTTPS RFC 8058: with these, mail programs stop the mail themselves.
    if mail.stop is not None:
        yield "List-Unsubscribe", f"<{mail.stop}>"
        if mail.stop.startswith("https:"):
            yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"


@cache
def _from(written: str, policy: "EmailPolicy[Any]") -> str:
    return _header("From", _sender(written), policy)


def _header(name: str, value: str | Address, policy: "EmailPolicy[Any]") -> str:
    """Return a header as it is sent. The library finds out what a value consists of, which takes
    longer than all the rest of a mail; what is plain needs nothing of that. It opens encoded words
    that somebody typed (RFC 2047), and a line break in one would begin a header of theirs."""
    text = str(value)
    is_on_one_line = len(name) + len(text) <= SHORT or name in UNFOLDED
    if is_on_one_line and _PLAIN.fullmatch(text):
        return f"{name}: {text}\r\n"
    folded = str(policy.header_factory(name, value).fold(policy=policy))
    _refuse_line_breaks(folded.removesuffix("\r\n").replace("\r\n ", " "))
    return folded


@cache
def _sender(written: str) -> Address:
    name, address = parseaddr(written)
    return Address(name, addr_spec=address)


def _refuse_line_breaks(*values: str) -> None:
    """Raise Refused for what some server might take for the end of a header's line."""
    if any(re.search(r"[\x00-\x1f\x7f\x85\u2028\u2029]", value) for value in values):
        raise Refused("a header would hold a line break")


def _recipient(mail: MailMessage) -> Address:
    """Return the address with its domain in ASCII (RFC 5890), which every mail server accepts."""
    _refuse_line_breaks(mail.to, mail.name)
    try:
        checked = validate_email(mail.to, check_deliverability=False, test_environment=True)
        return Address(mail.name, username=checked.local_part, domain=checked.ascii_domain)
    except (EmailNotValidError, ValueError) as error:
        raise Refused("the address is no email address") from error


def _body(mail: MailMessage) -> bytes:
    """Return the parts of a mail, with the headers that say what they are."""
    parts = [_text("plain", mail.text), _text("html", mail.html)]
    if mail.calendar is None:
        return _several("alternative", parts)
    entry = base64.encodebytes(mail.calendar.encode()).decode("ascii")
    # RFC 6047: text/calendar, with the same method in the type as in the body.
    kind = f'text/calendar; charset="utf-8"; method={mail.method}'
    together = _several("alternative", [*parts, _part(kind, "base64", entry)])
    return _several("mixed", [together, _part("application/ics", "base64", entry, AS_FILE)])


def _several(kind: str, parts: Sequence[bytes]) -> bytes:
    """Return one part of several parts. Its boundary cannot be guessed, and so not be in a text."""
    boundary = secrets.token_hex(12)
    between = f"--{boundary}\r\n".encode()
    return b"".join(
        [
            f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode(),
            *(line for part in parts for line in (between, part, b"\r\n")),
            f"--{boundary}--\r\n".encode(),
        ]
    )


def _text(kind: str, text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    written = binascii.b2a_qp(lines.encode(), istext=True).decode("ascii")
    return _part(f'text/{kind}; charset="utf-8"', "quoted-printable", written)


def _part(kind: str, encoding: str, body: str, more: str = "") -> bytes:
    head = f"Content-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n{more}\n"
    return f"{head}{body}".replace("\n", "\r\n").encode("ascii")


class _Step(NamedTuple):
    """A command, the answers with which it goes on, and what any other means."""

    command: bytes
    wanted: Collection[int]
    refused: Callable[[int, bytes], smtplib.SMTPException]


class _Server(smtplib.SMTP):
    """A connection to the mail server, which ends in time however slowly that answers."""

    def __init__(self, settings: Settings, ends: float, **more: Any) -> None:
        self._ends = ends
        where, patience = (settings.smtp_host, settings.smtp_port), settings.smtp_timeout
        super().__init__(*where, timeout=patience, **more)

    def connect(self, *where: Any, **more: Any) -> tuple[int, bytes]:
        """Connect, and read the greeting."""
        with self.ending(self._ends):
            return super().connect(*where, **more)

    def ending(self, at: float) -> AbstractContextManager[None]:
        """Break the connection off if the block is not left by then, on the monotonic clock."""
        return ends_within(at - time.monotonic(), self._break_off)

    def take(self, letter: Letter) -> None:
        """Hand over a mail. A server that takes commands together (RFC 2920) is asked twice, and
        not four times. Raises as ``sendmail`` does."""
        self.ehlo_or_helo_if_needed()
        if letter.is_international and not self.has_extn("smtputf8"):
            raise smtplib.SMTPNotSupportedError
        is_together = self.has_extn("pipelining")
        steps = self._steps(letter)
        if is_together:
            self.send(b"".join(step.command for step in steps))
        for step in steps:
            if not is_together:
                self.send(step.command)
            code, said = self.getreply()
            if code not in step.wanted:
                self.close()  # QUIT might be taken for a part of the mail
                raise step.refused(code, said)
        self.send(_DOT.sub(b"..", letter.content) + b".\r\n")
        code, said = self.getreply()
        if code != 250:
            raise smtplib.SMTPDataError(code, said)

    def _steps(self, letter: Letter) -> "Sequence[_Step]":
        sender, recipient, content = letter
        size = f" SIZE={len(content)}" if self.has_extn("size") else ""
        more = " SMTPUTF8 BODY=8BITMIME" if letter.is_international else ""
        return (
            _Step(
                f"MAIL FROM:<{sender}>{size}{more}\r\n".encode(),
                {250},
                lambda code, said: smtplib.SMTPSenderRefused(code, said, sender),
            ),
            _Step(
                f"RCPT TO:<{recipient}>\r\n".encode(),
                {250, 251},
                lambda code, said: smtplib.SMTPRecipientsRefused({recipient: (code, said)}),
            ),
            _Step(b"DATA\r\n", {354}, smtplib.SMTPDataError),
        )

    def _break_off(self) -> None:
        if self.sock is not None:
            with suppress(OSError):
                # SSLSocket.shutdown would discard the TLS object that the other thread is using.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _SecureServer(_Server, smtplib.SMTP_SSL):
    """One that is secured from the first byte."""


class _Waiting(NamedTuple):
    """A connection that can take another mail, and since when it waits."""

    settings: Settings
    server: _Server
    since: float


_waiting: defaultdict[int, deque[_Waiting]] = defaultdict(deque)
"""By the settings that they were opened with, of which one process may have several."""


def _one_that_waits(settings: Settings) -> _Server | None:
    """Return a connection that was used a moment ago. Whether the server has given it up is found
    by the next mail: to ask first takes as long as to send it."""
    with suppress(IndexError):
        while True:
            other = _waiting[id(settings)].pop()
            if time.monotonic() - other.since < WAITS_FOR and other.settings is settings:
                return other.server
            _end(other.server)
    return None


def _signed_in(settings: Settings, ends: float) -> _Server:
    server = _connect(settings, ends)
    try:
        with server.ending(ends):
            if settings.mail_security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
    except BaseException:
        _end(server)
        raise
    return server


def _connect(settings: Settings, ends: float) -> _Server:
    if settings.mail_security == "tls":
        return _SecureServer(settings, ends, context=ssl.create_default_context())
    return _Server(settings, ends)


def _end(server: _Server) -> None:
    # What the server has taken stays taken, whatever QUIT is answered.
    with suppress(OSError, smtplib.SMTPException), server.ending(time.monotonic() + FAREWELL):
        server.quit()
    server.close()


def _hand_over(letter: Letter, server: _Server, settings: Settings, ends: float) -> None:
    try:
        with _kept(server, settings, ends):
            server.take(letter)
    except smtplib.SMTPRecipientsRefused as error:
        for code, _said in error.recipients.values():
            _raise_for(code, error)
    except smtplib.SMTPDataError as error:
        _raise_for(error.smtp_code, error)
    except smtplib.SMTPNotSupportedError as error:
        raise Refused(WITHOUT_SMTPUTF8) from error


@contextmanager
def _kept(server: _Server, settings: Settings, ends: float) -> Iterator[None]:
    """Break the connection off at ``ends``; keep it for another mail afterwards, unless something
    fails."""
    try:
        with server.ending(ends):
            yield
    except BaseException:
        _end(server)
        raise
    _waiting[id(settings)].append(_Waiting(settings, server, time.monotonic()))


def _raise_for(code: int, error: smtplib.SMTPException) -> None:
    kind = Refused if 500 <= code < 600 else Unreachable
    raise kind(f"the mail server answered {code}") from error


def _reason(error: Exception) -> str:
    """Return what went wrong, without what the server said: that may name the recipient."""
    code = getattr(error, "smtp_code", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__
