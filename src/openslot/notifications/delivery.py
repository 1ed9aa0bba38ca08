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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from typing import Any, NamedTuple, TypeVar

from email_validator import EmailNotValidError, validate_email

from openslot.core.config import Settings
from openslot.core.deadline import ends_within
from openslot.notifications.ics import Method

P = TypeVar("P", bound=MIMEPart)

FILE_NAME = "appointment.ics"

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
        return asdict(self)

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> "MailMessage":
        """Return the mail that the outbox kept, with what it is about or without."""
        return cls(**{name: value for name, value in packed.items() if name != "about"})


def to_message(mail: MailMessage, settings: Settings, *, now: datetime) -> EmailMessage:
    """Return the mail as a MIME message: text, HTML and calendar as alternatives (RFC 2046), the
    calendar once more as a file, for programs that show no invitations.

    Its Message-ID is made of the key, so that a repeat after a crash can be recognised;
    Auto-Submitted (RFC 3834) keeps out-of-office answers away. Raises Refused where a header
    would hold a line break or the address is none.
    """
    is_ascii = _recipient(mail).username.isascii()
    message = EmailMessage(policy=POLICY if is_ascii else INTERNATIONAL)
    for name, value in _headers(mail, settings, now).items():
        message[name] = value
    parts = [_text(mail.text, "plain"), _text(mail.html, "html")]
    if mail.calendar is None:
        return _filled(message, "alternative", parts)
    parts.append(_invitation(mail.calendar, mail.method))
    together = _filled(MIMEPart(POLICY), "alternative", parts)
    return _filled(message, "mixed", [together, _file(mail.calendar)])


def send(message: EmailMessage, settings: Settings) -> None:
    """Hand the message to the mail server of the settings.

    Returns once the server has taken it. Raises Refused where the server will never take it
    for this recipient (5xx, RFC 5321, 4.2.1), Unreachable for everything that may pass.
    """
    ends = time.monotonic() + TAKEN_WITHIN
    waiting = _one_that_waits(settings)
    try:
        if waiting is not None:
            with suppress(*GONE):
                _hand_over(message, waiting, settings, ends)
                return
        _hand_over(message, _signed_in(settings, ends), settings, ends)
    except (OSError, smtplib.SMTPException, ssl.SSLError) as error:
        raise Unreachable(_reason(error)) from error


def hang_up(settings: Settings | None = None) -> None:
    """Close the connections that wait for another mail with these settings, or with any."""
    for waiting in [_waiting[id(settings)]] if settings else list(_waiting.values()):
        while waiting:
            with suppress(IndexError):  # another thread has taken it
                _end(waiting.pop().server)


def _headers(mail: MailMessage, settings: Settings, now: datetime) -> dict[str, Any]:
    _refuse_line_breaks(mail.to, mail.name, mail.subject, mail.key, mail.stop or "")
    sender = _sender(settings.mail_from)
    return {
        "From": _header("From", str(sender)),
        "To": _recipient(mail),
        "Subject": mail.subject,
        "Date": format_datetime(now),
        "Message-ID": f"<{mail.key}@{sender.domain}>",
        "Auto-Submitted": _header("Auto-Submitted", "auto-generated"),
        "MIME-Version": _header("MIME-Version", "1.0"),
        **_stop_headers(mail.stop),
    }


@cache
def _sender(written: str) -> Address:
    name, address = parseaddr(written)
    return Address(name, addr_spec=address)


def _stop_headers(address: str | None) -> dict[str, Any]:
    """Return the headers of RFC 2369, and over HTTPS of RFC 8058, with which mail programs stop
    the mail themselves."""
    if address is None:
        return {}
    headers: dict[str, Any] = {"List-Unsubscribe": f"<{address}>"}
    if address.startswith("https:"):
        name = "List-Unsubscribe-Post"
        headers[name] = _header(name, "List-Unsubscribe=One-Click")
    return headers


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


def _filled(message: P, kind: str, parts: Sequence[MIMEPart]) -> P:
    """Make a message one of several parts. Its boundary cannot be guessed, and so not be in a text;
    looking for one that is not takes as long as writing the message."""
    message["Content-Type"] = f'multipart/{kind}; boundary="{secrets.token_hex(12)}"'
    message.set_payload([*parts])
    return message


def _text(text: str, kind: str) -> MIMEPart:
    part = MIMEPart(POLICY)
    part["Content-Type"] = _header("Content-Type", f'text/{kind}; charset="utf-8"')
    part["Content-Transfer-Encoding"] = _header("Content-Transfer-Encoding", "quoted-printable")
    part.set_payload(binascii.b2a_qp(text.encode(), istext=True).decode("ascii"))
    return part


def _invitation(calendar: str, method: Method | None) -> MIMEPart:
    """RFC 6047: text/calendar, with the same method in the type as in the body."""
    return _in_base64(calendar, f'text/calendar; charset="utf-8"; method={method}')


def _file(calendar: str) -> MIMEPart:
    part = _in_base64(calendar, "application/ics")
    part["Content-Disposition"] = _header(
        "Content-Disposition", f'attachment; filename="{FILE_NAME}"'
    )
    return part


def _in_base64(text: str, kind: str) -> MIMEPart:
    part = MIMEPart(POLICY)
    part["Content-Type"] = _header("Content-Type", kind)
    part["Content-Transfer-Encoding"] = _header("Content-Transfer-Encoding", "base64")
    part.set_payload(base64.encodebytes(text.encode()).decode("ascii"))
    return part


@cache
def _header(name: str, value: str) -> Any:
    """Return a header of which there are few; to read one takes as long as to write it ten
    times."""
    return POLICY.header_factory(name, value)


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


def _hand_over(message: EmailMessage, server: _Server, settings: Settings, ends: float) -> None:
    try:
        with _kept(server, settings, ends):
            server.send_message(message)
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
