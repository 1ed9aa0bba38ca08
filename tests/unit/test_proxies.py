"""Whose word is believed about where a request comes from."""

from typing import Any

import pytest

from openslot.entrypoints.proxies import BehindProxies, read_address

NETWORKS = ("10.0.0.0/8", "::1/128")


def served(trusted: tuple[str, ...], peer: str, **headers: str) -> dict[str, Any]:
    """Return what the application is told of a request by ``peer``."""
    told: dict[str, Any] = {}
    environ = {"REMOTE_ADDR": peer, "HTTP_HOST": "inner", "wsgi.url_scheme": "http"}
    environ |= {f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in headers.items()}

    def application(seen: dict[str, Any], _start: Any) -> list[bytes]:
        told.update(seen)
        return []

    BehindProxies(application, trusted)(environ, lambda *_: lambda _: None)
    return told


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        (NETWORKS, "10.0.0.1", "192.0.2.7", "192.0.2.7"),
        (NETWORKS, "10.0.0.1", "198.51.100.1, 192.0.2.7", "192.0.2.7"),
        (NETWORKS, "10.0.0.1", "198.51.100.1, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
        (NETWORKS, "10.0.0.1", "10.0.0.9, 10.0.0.2", "10.0.0.9"),
        (NETWORKS, "10.0.0.1", "", "10.0.0.1"),
        (NETWORKS, "10.0.0.1", "192.0.2.7, unknown", "10.0.0.1"),
        (NETWORKS, "10.0.0.1", "192.0.2.7:5678", "192.0.2.7"),
        (NETWORKS, "::1", "[2001:db8::7]:443", "2001:db8::7"),
        (NETWORKS, "::ffff:10.0.0.1", "::ffff:192.0.2.7", "192.0.2.7"),
        (NETWORKS, "203.0.113.5", "192.0.2.7, 10.0.0.1", "203.0.113.5"),
        (NETWORKS, "", "192.0.2.7", ""),
        (("1",), "203.0.113.5", "198.51.100.1, 192.0.2.7", "192.0.2.7"),
        (("2",), "203.0.113.5", "198.51.100.1, 192.0.2.7", "198.51.100.1"),
        (("2",), "203.0.113.5", "192.0.2.7", "192.0.2.7"),
        (("2",), "203.0.113.5", "192.0.2.7, unknown", "203.0.113.5"),
        (("1",), "203.0.113.5", "", "203.0.113.5"),
    ],
)
def test_the_address_is_what_the_outermost_trusted_proxy_wrote(
    trusted: tuple[str, ...], peer: str, forwarded: str, client: str
) -> None:
    told = served(trusted, peer, **{"for": forwarded})
    assert told["REMOTE_ADDR"] == client


def test_scheme_and_host_are_believed_of_trusted_proxies_only() -> None:
    said = {"proto": "http, HTTPS", "host": "evil.example, outer"}
    told = served(NETWORKS, "10.0.0.1", **said)
    assert (told["wsgi.url_scheme"], told["HTTP_HOST"]) == ("https", "outer")
    told = served(NETWORKS, "10.0.0.1", proto="javascript")
    assert (told["wsgi.url_scheme"], told["HTTP_HOST"]) == ("http", "inner")
    told = served(NETWORKS, "203.0.113.5", **said)
    assert (told["wsgi.url_scheme"], told["HTTP_HOST"]) == ("http", "inner")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("1.2.3.4:5678", "1.2.3.4"),
        ("[::1]:443", "::1"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        (" 2001:db8::7 ", "2001:db8::7"),
        ("", "None"),
        ("[", "None"),
        ("_hidden", "None"),
        ("1.2.3.4.5:80", "None"),
        ("\xff", "None"),
    ],
)
def test_an_address_may_have_a_port_and_nonsense_is_none(text: str, address: str) -> None:
    assert str(read_address(text)) == address
