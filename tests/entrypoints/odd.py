"""What no program should send, and a way to send it byte by byte."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask
from hypothesis import strategies as st
from werkzeug.test import TestResponse

Json = Any

FORM = "application/x-www-form-urlencoded"
NOBODY = "00000000-0000-0000-0000-000000000000"
LONG = "x" * 5000
DEEP = 100_000

IDS = (
    "0",
    "-1",
    "1",
    "007",
    "+1",
    "1.0",
    "1e5",
    "2147483647",
    "2147483648",
    "9223372036854775808",
    "18446744073709551616",
    "1" + "0" * 30,
    "%EF%BC%91",
    "%D9%A3",
    "%00",
    "a%00b",
    "1%00",
    "%0A",
    "%7F",
    "%ED%A0%80",
    "%FF",
    "%C3%A9",
    "%F0%9F%A6%98",
    "%E2%80%AE",
    LONG,
    ".",
    "..",
    "%2E%2E",
    "%2F",
    "%5C",
    "%25",
    "%25%30%30",
    "'%20OR%201=1--",
    "%3Cscript%3E",
    "null",
    "undefined",
    "~",
    "$",
    "$find",
    "_history",
    "_search",
    NOBODY,
    NOBODY.upper(),
    f"%7B{NOBODY}%7D",
    f"urn:uuid:{NOBODY}",
    NOBODY.replace("0", "%D9%A3"),
    "1-0-5",
    "1-23999999-10080",
    "1-99999999-15",
    "999999999-1-5",
    "centre-2147483648",
    "centre-0",
    "department-%D9%A3",
)
"""Parts of paths, as they stand in an address."""

DATES = (
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "12027-03-08",
    "-0001-01-01",
    "0000",
    "0001",
    "9999",
    "2199",
    "1800",
    "2027-02-30",
    "2027-13",
    "0001-01-01T00:00:00%2B14:00",
    "0001-01-01T00:00:00-12:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:60Z",
    "2027-03-08T24:00:00Z",
    "2027-03-08T09:00:00%2B99:99",
    "2027-03-08T09:00:00%2B23:59",
    "2027-03-08T09:00:00.123456789012Z",
    "2027-03-08T09:00:00",
    "1799-12-31T23:59:59Z",
    "1800-01-01T00:00:00%2B23:59",
    "2199-12-31T23:59:59-23:59",
    "2016-12-31T23:59:60Z",
)

VALUES = (
    *DATES,
    *(f"{prefix}{date}" for prefix in ("ge", "ne", "ap") for date in DATES[:4]),
    "",
    "0",
    "-1",
    "1.5",
    "1e400",
    "-1e400",
    "NaN",
    "Infinity",
    "2147483648",
    "9223372036854775808",
    "18446744073709551616",
    "1" + "0" * 30,
    "9" * 5000,
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%ED%A0%BD",
    "%FF%FE",
    "%F0%9F%A6%98",
    "%E2%80%AE",
    "%EF%BF%BF",
    "%C2%85",
    "%D9%A3",
    "%EF%BC%91",
    "|",
    "||",
    "a|",
    "|a",
    "%5C",
    "%5C%5C",
    "%5C,",
    ",",
    ",,,",
    "%24",
    ":",
    "/",
    "Patient/",
    "Patient/1/_history/1",
    "Practitioner/18446744073709551616",
    "Nonsense/1",
    f"Patient/{NOBODY}",
    "urn:uuid:%00",
    "http://localhost/fhir/",
    "http://%5B",
    "true",
    "maybe",
    "%25",
    "_",
    "%25%25%25_",
    "'%20OR%201=1--",
    "%7B0%7D",
    "%7Bname%7D",
    LONG,
    "*",
    "Appointment:*",
    "Appointment:actor",
    "Appointment:actor:Nonsense",
    "Slot:schedule",
    ":::",
    "-",
    "--name",
    "-_id,_id,name",
    "json",
    "xml",
    "application/fhir%2Bxml",
    "application/fhir+json;;;=",
)
"""Values of parameters, as they stand in an address."""

SPECIAL = (
    "_id",
    "_lastUpdated",
    "_count",
    "_after",
    "_sort",
    "_include",
    "_revinclude",
    "_elements",
    "_include:iterate",
    "_summary",
    "_format",
    "_total",
    "_contained",
    "_filter",
    "_has",
    "_text",
    "_query",
    "_content",
    "_has:Slot:schedule:start",
    "%00",
    "_id:missing",
    "_id:%00",
    "name.name",
    "patient:Patient.name:exact",
    "actor:Practitioner.name",
    "%ED%A0%80",
    "a" * 300,
    "[]",
    "",
)
"""Parameters that every search may come with."""


def cursor(*parts: Json) -> str:
    """A place in a list as answers write it."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


CURSORS = (
    "W10",
    "bnVsbA",
    "a",
    "%00",
    "W1tbW1tbW1tb",
    cursor("a"),
    cursor("a", "b"),
    cursor(1, 2, 3),
    cursor(2**31),
    cursor(2**63),
    cursor(10**30),
    cursor(-(2**31)),
    cursor("\x00"),
    cursor("\ud800"),
    cursor(None),
    cursor({}),
    cursor([[]]),
    cursor(NOBODY),
    cursor("\x00", 1),
    cursor("0001-01-01", NOBODY),
    cursor("9999-12-31", NOBODY),
    cursor("x" * 300, 1),
    cursor("0001-01-01T00:00:00+14:00", NOBODY),
    cursor("9999-12-31T23:59:59-14:00", NOBODY),
    cursor("2027-01-01T00:00:00", NOBODY),
    cursor("2027-01-01T00:00:00+00:00", "x"),
    cursor(1, 1, 1),
    cursor(-1, -1, -1),
    cursor(10**9, 10**9, 10**9),
    cursor("🦘", 1),
    base64.urlsafe_b64encode(b"[" * 9000).decode(),
)

WORDS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\x07",
    "\x1b[31m",
    "\ud800",
    "a\udfffb",
    "\uffff",
    "\u202e",
    "🦘",
    "🦘" * 200,
    "é" * 300,
    "x" * 100_000,
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2100-01-01T00:00:00Z",
    "2027-03-08T09:00:00+23:59",
    "2027-03-08T09:00:07Z",
    "2027-03-08T09:00:00",
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "2027-02-30",
    "24:00",
    "25:00",
    "09:00",
    "00:00",
    "NaN",
    "null",
    "true",
    "1",
    "-1",
    NOBODY,
    "Patient/",
    f"Patient/{NOBODY}",
    "Practitioner/18446744073709551616",
    "Slot/1-1-5",
    "Slot/1-23999999-10080",
    "http://[",
    "https://example.com:99999/x",
    "a@[",
    "{0}",
    "%s",
    "' OR 1=1 --",
    "<script>",
    "booked",
    "Europe/Nowhere",
    "../../etc/passwd",
)

NUMBERS = (
    0,
    1,
    -1,
    5,
    1440,
    2**31 - 1,
    2**31,
    -(2**31) - 1,
    2**63,
    2**64,
    10**30,
    -(10**30),
    0.5,
    -0.0,
    float("nan"),
    float("inf"),
    "@1e400@",
    "@-1e-400@",
    "@1E9999999@",
    "@" + "9" * 5000 + "@",
)
"""What stands between @ is written without quotes."""

PARTS: tuple[Any, ...] = (
    *WORDS,
    *NUMBERS,
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"a": [{}]},
    {"reference": 7},
    [{"reference": "\x00"}],
    {"coding": [{"code": "\ud800"}]},
)

WHOLE = (
    b"",
    b" ",
    b"{",
    b"}",
    b"nul",
    b"null",
    b"7",
    b"[]",
    b'""',
    b"{}",
    b"[{}]",
    b"NaN",
    b"\x00",
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'{"a": "\xff"}',
    b'{"a": "\xed\xa0\x80"}',
    b'{"a": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'{"\\u0000": 1}',
    b'{"a": 1, "a": 2}',
    b'{"a": 1e400}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b"[" * DEEP,
    b'{"a":' * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b"\x1f\x8b\x08\x00",
    b"a=1&b=%00&c=%ED%A0%80",
    b"<a/>",
    b'{"resourceType": "Appointment", "contained": ' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"resourceType": "Parameters", "parameter": [' + b'{"name": "a"},' * 2000 + b"7]}",
)
"""Bodies that are wrong as a whole."""

KINDS = (
    "",
    "application/json",
    "application/fhir+json",
    "application/fhir+json; charset=utf-16",
    "application/json; charset=nonsense",
    "text/json",
    "application/xml",
    "text/plain",
    "x",
    "/",
    FORM,
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=x",
    "application/json; charset",
    "\xff\xfe",
    ";;;=",
)

HEADERS = (
    *(
        ("Accept", one)
        for one in (
            "",
            "x",
            "*/*;q=nan",
            ";;;",
            "application/xml",
            "\xff",
            LONG,
            "application/fhir+json;q=0",
            "a/b;q=1e400,,,",
        )
    ),
    *(
        ("Authorization", one)
        for one in (
            "",
            "Bearer",
            "Bearer ",
            "Bearer x",
            "Bearer \xff\xfe",
            "Basic Og==",
            "Basic \xff",
            f"Bearer {LONG}",
            "bearer ",
            "Bearer a b",
            "Digest username=",
            "\xff",
        )
    ),
    *(
        ("If-Match", one)
        for one in (
            "",
            "*",
            "1",
            '"1"',
            'W/"1"',
            'W/"-1"',
            'W/"2147483648"',
            'W/"' + "9" * 30 + '"',
            'W/"\xb2"',
            '"',
            "W/",
            "\xff",
            LONG,
        )
    ),
    *(("If-None-Match", one) for one in ("", "*", '"', "\xff", 'W/"1",,,')),
    *(("If-Modified-Since", one) for one in ("", "x", "Mon, 01 Jan 0001 00:00:00 GMT")),
    *(
        ("If-None-Exist", one)
        for one in (
            "",
            "?",
            "=",
            "identifier",
            "identifier=%00",
            "identifier=%ED%A0%80",
            "date=9999",
            "_id=x",
            LONG,
            "patient=x&" * 60,
            "identifier=a|b",
            "\xff=\xff",
            "patient.name=%00",
            "date=ge0001-01-01",
            "_sort=-date",
            f"identifier={'x' * 400}",
            "status=booked",
        )
    ),
    *(
        ("Prefer", one)
        for one in (
            "",
            "=",
            "handling",
            "handling=strict",
            "return=minimal",
            "return=\xff",
            ";;,,",
            LONG,
        )
    ),
    *(("Idempotency-Key", one) for one in ("", "x", "\xff\xe9", "x" * 100, "x" * 101, "\x7f")),
    *(("Content-Encoding", one) for one in ("gzip", "br", "nonsense")),
    *(("Host", one) for one in ("", "[", "a b", "localhost:99999", "\xff", "x" * 300)),
    *(("Accept-Language", one) for one in ("x", "en;q=nan", "\xff", "zz-" + "x" * 300)),
    *(("X-Forwarded-For", one) for one in ("", "x", "\xff")),
    ("Range", "bytes=5-1"),
    ("Content-Length", "-1"),
    ("Content-Length", "x"),
    ("Transfer-Encoding", "chunked"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("Cookie", "openslot=\xff"),
)


@dataclass(frozen=True)
class Sent:
    """A request; ``path`` and ``query`` stand as in the address."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    kind: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=())

    def __repr__(self) -> str:
        said = f"{self.method} {self.path[:200]}?{self.query[:300]} {self.kind} "
        return f"{said} {self.headers!r:.300} {self.body[:500]!r}"


def send(app: Flask, sent: Sent, token: str | None) -> TestResponse:
    """Send it, with ``token`` as the proof unless it brings its own."""
    headers = dict(sent.headers)
    if token:
        headers.setdefault("Authorization", f"Bearer {token}")
    address = {
        "PATH_INFO": unquote_to_bytes(sent.path).decode("latin-1"),
        "QUERY_STRING": sent.query,
        "REQUEST_URI": sent.path,
        "RAW_URI": sent.path,
    }
    if "Host" in headers:
        address["HTTP_HOST"] = headers.pop("Host")
    return app.test_client(use_cookies=False).open(
        "/",
        method=sent.method,
        data=sent.body,
        content_type=sent.kind or None,
        headers=headers,
        environ_overrides=address,
        buffered=True,
    )


def fault(sent: Sent, answer: TestResponse) -> str:
    """What is wrong with an answer; "" where nothing is."""
    if answer.status_code >= 500:
        return f"{answer.status_code}: {answer.text[:300]}"
    if answer.status_code < 400 or sent.method == "HEAD":
        return ""
    return _misformed(unquote_to_bytes(sent.path).decode(errors="replace"), answer)


def _misformed(path: str, answer: TestResponse) -> str:
    kind, body = answer.mimetype, answer.get_json(silent=True, force=True)
    wanted = None
    if path == "/fhir" or path.startswith(("/fhir/", "/.well-known/smart")):
        wanted, shape = "application/fhir+json", "resourceType"
    elif path == "/oauth/token":
        wanted, shape = "application/json", "error"
    elif path.startswith(("/api/", "/doctors")) or path == "/appointment":
        wanted, shape = "application/problem+json", "title"
    if wanted is None or (kind == wanted and isinstance(body, dict) and shape in body):
        return ""
    return f"{answer.status_code} as {kind}, not {wanted}: {answer.text[:200]}"


# Made out of what would be right


def written(value: Json) -> bytes:
    """As JSON, with what stands between @ as it is."""
    text = json.dumps(value)
    for number in NUMBERS:
        if isinstance(number, str):
            text = text.replace(f'"{number}"', number.strip("@"))
    return text.encode()


def places(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a value, itself included."""
    yield path
    parts = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, part in parts:
        yield from places(part, (*path, name))


def changed(value: Json, path: tuple[Any, ...], to: Json) -> Json:
    """The value with something else at a place."""
    if not path:
        return to
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = changed(copied[path[0]], path[1:], to)
    return copied


@st.composite
def spoiled(draw: st.DrawFn, value: Json) -> bytes:
    """A body that would be right but for one thing or two."""
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from(list(places(value))))
        value = changed(value, place, draw(st.sampled_from(PARTS)))
    return written(value)
