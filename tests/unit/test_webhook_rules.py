"""Which addresses may be told of events, and when a delivery is tried again."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openslot.core.errors import Invalid
from openslot.webhooks.errors import BadAddress, NotSecure, PrivateAddress
from openslot.webhooks.events import Event
from openslot.webhooks.rules import (
    GIVES_UP,
    WAITS,
    check_events,
    check_reachable,
    is_public,
    next_try,
    read_address,
    rest,
)

NOW = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)

INNER = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "168.63.129.16",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "::127.0.0.1",
]
OPEN = ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", INNER)
def test_addresses_that_are_not_open_to_the_world_are_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(PrivateAddress):
        check_reachable(read_address("https://a.example"), [address], [])


@pytest.mark.parametrize("address", OPEN)
def test_public_addresses_are_taken(address: str) -> None:
    check_reachable(read_address("https://a.example"), [address], [])


def test_one_inner_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(PrivateAddress):
        check_reachable(read_address("https://a.example"), ["1.1.1.1", "10.0.0.1"], [])


@pytest.mark.parametrize("written", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_the_setting_opens_a_network_also_for_plain_http(written: str) -> None:
    check_reachable(read_address("http://a.example"), [written], ["10.1.0.0/16"])
    with pytest.raises(PrivateAddress):
        check_reachable(read_address("http://a.example"), [written], ["10.2.0.0/16"])


@pytest.mark.parametrize("leads_to", [["1.1.1.1"], [], ["10.1.2.3", "1.1.1.1"]])
def test_plain_http_goes_nowhere_else(leads_to: list[str]) -> None:
    with pytest.raises(NotSecure):
        check_reachable(read_address("http://a.example"), leads_to, ["10.1.0.0/16"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "https:///x",
        "example.org",
        "ftp://a.example",
        "file:///etc/passwd",
        "https://user:pass@a.example",
        "https://a.example@127.0.0.1",
        "https://a.example:0",
        "https://a.example:99999",
        "https://a.example:x",
        "https://[::1",
        "https://[::zz]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://a b.example",
        "https://a.example/\r\nX: y",
        "https://a.example/#part",
        "https://a.example\\@b.example",
        "https://ä.example",
        "https://a.example/ä",
        "https://a..example",
        f"https://{'a' * 64}.example",
        f"https://a.example/{'x' * 500}",
        "javascript:alert(1)",
        "https://%31.example",
        "\x00",
        "https://a.example/\ud800",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadAddress) as refused:
        read_address(text)
    assert refused.value.field == "url"


def test_an_address_is_taken_apart_as_it_is_asked_for() -> None:
    parts = read_address(" https://Hooks.Example:8443/a/b?c=d ")
    assert (parts.secure, parts.host, parts.port, parts.path) == (
        True,
        "hooks.example",
        8443,
        "/a/b?c=d",
    )
    assert read_address("https://a.example").path == "/"
    assert read_address("https://[2606:4700::1111]:1/").host == "2606:4700::1111"


@given(st.text())
def test_odd_addresses_are_refused_with_a_sentence(text: str) -> None:
    for url in (text, f"https://{text}", f"https://a.example/{text}"):
        try:
            parts = read_address(url)
        except BadAddress:
            continue
        assert parts.path.isascii()
        assert parts.path.startswith(("/", "?"))


def test_a_delivery_is_tried_with_growing_waits_for_three_days() -> None:
    assert all(one < other for one, other in pairwise(WAITS))
    assert timedelta(hours=68) < sum(WAITS, timedelta()) <= GIVES_UP
    until = NOW + GIVES_UP
    assert next_try(0, until, now=NOW) == NOW + timedelta(seconds=5)
    assert next_try(len(WAITS), until, now=NOW) is None
    assert next_try(5, until, now=until - timedelta(hours=4)) is None


def test_an_endpoint_without_answer_rests_ever_longer_up_to_an_hour() -> None:
    rests = [rest(misses) for misses in range(1, 30)]
    assert rests == sorted(rests)
    assert (rests[0], rests[-1]) == (timedelta(seconds=5), timedelta(hours=1))


def test_events_are_kept_once_and_in_order() -> None:
    assert check_events(["slot.freed", "appointment.booked", "slot.freed"]) == (
        "appointment.booked slot.freed"
    )
    for wrong in ([], ["appointment.no-show"], ["*"], [*Event, "x"]):
        with pytest.raises(Invalid):
            check_events(wrong)
