"""Text messages, and how their provider takes them: a template of address, headers and body."""

import hmac
import json
import tomllib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from openslot.core.config import Settings
from openslot.core.watched import Watched

SHIPPED = Path(__file__).with_name("providers")

TYPES = {"form": "application/x-www-form-urlencoded", "json": "application/json"}


@dataclass(frozen=True, slots=True)
class Question:
    """The appointment or offer that a message asks about, and its start as it was then."""

    id: str
    start: str


@dataclass(frozen=True, slots=True)
class SmsMessage:
    """A text message to one number, in the form of E.164. ``key`` is unique to it and the same on
    every try; ``asks`` is what it wants a reply about."""

    to: str
    text: str
    key: str
    asks: Question | None = None

    def packed(self) -> dict[str, Any]:
        """Return the message as the outbox keeps it."""
        return asdict(self)

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> "SmsMessage":
        """Return the message that the outbox kept, with what it is about or without."""
        asks = Question(**packed["asks"]) if packed["asks"] else None
        return cls(packed["to"], packed["text"], packed["key"], asks)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as the provider passed it on; ``id`` is made of its own name for it."""

    sender: str
    text: str
    id: UUID


_IDS = UUID("5f2f7a34-8d0b-5b1e-9d38-0c6d0a4f6f5e")
"""Namespace (RFC 9562, 5.5) of the ids of replies."""


class NotGenuine(Exception):
    """A reply that the provider did not sign, or that has not what its template names."""


@dataclass(frozen=True, slots=True)
class SmsRequest:
    """A message as the provider takes it over HTTP."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Replies(_Part):
    """How the provider passes on a reply: its signature, and the names of the fields."""

    signature: Literal["twilio", "sha256"]
    header: str
    sender: str = Field(alias="from")
    text: str
    id: str


class Provider(_Part):
    """The template of a provider: ``$name`` stands for a value, in the address, the headers and
    the body. A body of JSON can be nested."""

    url: str = ""
    encoding: Literal["form", "json"]
    headers: dict[str, str] = {}
    body: dict[str, Any]
    replies: Replies | None = None


class BadProvider(ValueError):
    """The provider of the settings cannot be used; its text is the reason."""


def provider_of(settings: Settings) -> Provider:
    """Return the template of the provider, ready to use. Raises BadProvider."""
    name = settings.sms_provider
    provider = _FILES.of(Path(name) if name.endswith(".toml") else SHIPPED / f"{name}.toml")
    if not (settings.sms_url or provider.url):
        raise BadProvider("OPENSLOT_SMS_URL is missing.")
    if settings.reads_replies and not (provider.replies and settings.public_url):
        raise BadProvider("Replies need [replies] in the template, and OPENSLOT_PUBLIC_URL.")
    return provider


def _read(file: Path) -> Provider:
    try:
        provider = Provider.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        values = dict.fromkeys(("user", "password", "basic", "from", "to", "text", "key"), "")
        _filled([provider.url, provider.headers, provider.body], values)
    except (OSError, ValueError, KeyError) as error:
        where = (
            [".".join(map(str, one["loc"])) for one in error.errors()]
            if isinstance(error, ValidationError)
            else [str(error)]
        )
        raise BadProvider(f"{file} cannot be used: {', '.join(where)}") from None
    return provider


_FILES = Watched(_read)


def request_of(message: SmsMessage, settings: Settings) -> SmsRequest:
    """Return what to send to the provider for a message."""
    provider = provider_of(settings)
    user, password = settings.sms_user, settings.sms_password.get_secret_value()
    values = {
        "user": user,
        "password": password,
        "basic": b64encode(f"{user}:{password}".encode()).decode(),
        "from": settings.sms_from,
        "to": message.to,
        "text": message.text,
        "key": message.key,
    }
    body = _filled(provider.body, values)
    written = urlencode(body) if provider.encoding == "form" else json.dumps(body)
    return SmsRequest(
        _filled(settings.sms_url or provider.url, {k: quote(v, "") for k, v in values.items()}),
        {"Content-Type": TYPES[provider.encoding], **_filled(provider.headers, values)},
        written.encode(),
    )


def _filled(template: Any, values: Mapping[str, str]) -> Any:
    """Return a template with the values in their places, however deep."""
    if isinstance(template, dict):
        return {name: _filled(one, values) for name, one in template.items()}
    if isinstance(template, list):
        return [_filled(one, values) for one in template]
    return Template(template).substitute(values) if isinstance(template, str) else template


def reply_of(
    url: str, header: Callable[[str], str | None], body: bytes, settings: Settings
) -> Reply:
    """Return the reply that the provider passes on to ``url``. Raises NotGenuine."""
    names = provider_of(settings).replies
    if names is None:
        raise NotGenuine
    try:
        text = body.decode()
        key = settings.sms_reply_secret.get_secret_value().encode()
        expected = _SIGNED[names.signature](key, url, text)
        given = (header(names.header) or "").removeprefix("sha256=")
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise NotGenuine
        fields = json.loads(text) if names.signature == "sha256" else dict(_pairs(text))
        sender, said, its_id = (fields[name] for name in (names.sender, names.text, names.id))
        if not (its_id and isinstance(said, str)):
            raise NotGenuine
        return Reply("+" + "".join(filter(str.isdecimal, sender)), said, uuid5(_IDS, its_id))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotGenuine from None


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True)


def _twilio(key: bytes, url: str, text: str) -> str:
    """Return the signature of https://www.twilio.com/docs/usage/security: HMAC-SHA1 of the address
    with the names and values of the form behind it, in order."""
    written = url + "".join(name + value for name, value in sorted(set(_pairs(text))))
    return b64encode(hmac.digest(key, written.encode(), "sha1")).decode()


def _sha256(key: bytes, _url: str, text: str) -> str:
    """Return HMAC-SHA256 of the body, in hexadecimal."""
    return hmac.digest(key, text.encode(), "sha256").hex()


_SIGNED: Mapping[str, Callable[[bytes, str, str], str]] = {"twilio": _twilio, "sha256": _sha256}
