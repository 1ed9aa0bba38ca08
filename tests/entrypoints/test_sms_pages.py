"""Pages about text messages: who chooses them, what administrators see, and where the provider
passes on replies, of which only what it has signed counts."""

import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from entrypoints.browsing import Client
from entrypoints.programs import signed_in as program_of
from entrypoints.world import PASSWORD as SIGNED_IN_WITH
from entrypoints.world import World
from factories import NOW, change
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Busy
from openslot.directory.models import Patient, SmsNumber, SmsReply
from openslot.entrypoints.web import notifications
from openslot.notifications.dispatch import queue_sms
from openslot.notifications.events import Channel
from openslot.notifications.preferences import Kind, preferences
from openslot.notifications.sms import SmsMessage, reply_of
from serving import app_with
from texting import MOBILE, TO
from working import work

KEY = "key of replies"
URL = "https://book.example.org/sms/replies"


def with_sms(settings: Settings, **more: Any) -> Settings:
    usual = {"sms_provider": "json", "sms_url": "https://sms.example/", "sms_reply_secret": KEY}
    return Settings(_env_file=None, **{**settings.model_dump(exclude_unset=True), **usual, **more})


@pytest.fixture
def texting(settings: Settings) -> Iterator[Flask]:
    """The app of a network with text messages."""
    with app_with(with_sms(settings)) as app:
        yield app


def signed_in(app: Flask, world: World, person: str) -> Client:
    client = Client(app)
    client.send("/login", email=world.emails[person], password=SIGNED_IN_WITH)
    client.token = None
    return client


# Who chooses them


def test_patients_choose_what_they_get_by_sms(
    texting: Flask, network: Database, world: World
) -> None:
    client = signed_in(texting, world, "patient-owner")
    change(network, Patient, world.patients["owner"], phone=None)
    assert "We need your mobile number" in client.get("/profile/notifications").text
    change(network, Patient, world.patients["owner"], phone=MOBILE)
    page = client.get("/profile/notifications").text
    assert 'We send text messages to <bdi class="num">0412 345 678</bdi>' in page
    assert "Sent 48 hours and 2 hours before" in page
    client.send("/profile/notifications", appointments="y", sms_reminders="y")
    chosen = network.read(
        lambda session: preferences(session, world.accounts["patient-owner"], Channel.SMS)
    )
    assert [kind for kind, on in chosen.items() if on] == [Kind.REMINDERS]
    assert client.get("/profile/notifications").text.count(" checked") == 2


def test_who_has_replied_stop_is_told_that_nothing_is_sent(
    texting: Flask, network: Database, world: World
) -> None:
    change(network, Patient, world.patients["owner"], phone=MOBILE)
    for stopped_at in (None, NOW):
        network.run(
            lambda session, at=stopped_at: session.merge(SmsNumber(number=TO, stopped_at=at))
        )
        page = signed_in(texting, world, "patient-owner").get("/profile/notifications").text
        assert ("You replied STOP" in page) is bool(stopped_at)
        assert ("We send text messages to" in page) is not bool(stopped_at)


@pytest.mark.parametrize("person", ["practitioner-owner", "staff-owner", "network-admin"])
def test_nobody_else_is_asked(texting: Flask, world: World, person: str) -> None:
    page = signed_in(texting, world, person).get("/profile/notifications").text
    assert 'name="sms_' not in page


def test_where_there_is_no_provider_nobody_is_asked(app: Flask, world: World) -> None:
    page = signed_in(app, world, "patient-owner").get("/profile/notifications").text
    assert 'name="sms_' not in page


def test_programs_choose_them_too(texting: Flask, network: Database, world: World) -> None:
    program = program_of(texting, world, "patient-owner")
    assert program.get("/api/v1/me/mail")["sms_offers"] is False
    changed: Any = program.send("PATCH", "/api/v1/me/mail", {"sms_offers": True})
    assert (changed.json["sms_offers"], changed.json["offers"]) == (True, True)
    staff = program_of(texting, world, "staff-owner")
    refused: Any = staff.send("PATCH", "/api/v1/me/mail", {"sms_offers": True})
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "sms_offers")


# What administrators see


def test_administrators_see_which_message_failed_and_read_what_was_kept(
    texting: Flask, network: Database, world: World
) -> None:
    message = SmsMessage(TO, "Words for one reader", "key")
    sent = network.run(lambda session: queue_sms(work(session), message))
    client = signed_in(texting, world, "network-admin")
    assert TO not in client.get("/admin/outbox").text
    listed = client.get("/admin/outbox?kind=sms").text
    assert TO in listed
    assert f'href="/admin/outbox/{sent}"' in listed
    assert "Words for one reader" not in client.get(f"/admin/outbox/{sent}").text


# Replies


def post(app: Flask, body: bytes | str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client().post("/sms/replies", data=body, headers=named)


def signature(body: str, key: str = KEY) -> str:
    return hmac.digest(key.encode(), body.encode(), "sha256").hex()


def raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def taken(network: Database) -> int:
    with network.reading() as session:
        return len(session.scalars(select(SmsReply)).all())


@pytest.fixture
def known(network: Database) -> Database:
    """A number was written to."""
    network.run(lambda session: session.add(SmsNumber(number=TO)))
    return network


def reply(**other: Any) -> str:
    return json.dumps({"from": TO, "text": "stop", "id": "1", **other})


DEEP = reply()[:-1] + ', "x": ' + "[" * 100_000 + "]" * 100_000 + "}"


def test_a_signed_reply_is_taken(texting: Flask, known: Database) -> None:
    for written in (signature(reply()), f"sha256={signature(reply())}"):
        answer = post(texting, reply(), X_Signature=written)
        assert (answer.status_code, answer.data) == (204, b"")
    assert taken(known) == 1, "the same one counts once"
    number = known.read(lambda session: session.get_one(SmsNumber, TO))
    assert number.stopped_at is not None


def test_a_reply_that_could_not_be_taken_just_now_is_taken_when_it_is_sent_again(
    texting: Flask, known: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(notifications.replies, "take", raising(Busy()))
        assert post(texting, reply(), X_Signature=signature(reply())).status_code == 503
    assert post(texting, reply(), X_Signature=signature(reply())).status_code == 204
    assert known.read(lambda session: session.get_one(SmsNumber, TO)).stopped_at is not None


@pytest.mark.parametrize(
    ("body", "written"),
    [
        (reply(), ""),
        (reply(), signature(reply(), "another key")),
        (reply(), signature(reply()).upper()),
        (reply(text="2"), signature(reply())),
        ("[]", signature("[]")),
        ("{", signature("{")),
        (reply(id=""), signature(reply(id=""))),
        (reply(text=None), signature(reply(text=None))),
        (reply(id=7), signature(reply(id=7))),
        (reply(id="\ud800"), signature(reply(id="\ud800"))),
        (reply(**{"from": 7}), signature(reply(**{"from": 7}))),
        ("é", "é"),
        (DEEP, signature(DEEP)),
    ],
    ids=lambda text: text[:60],
)
def test_what_is_not_signed_or_no_reply_is_refused(
    texting: Flask, known: Database, body: str, written: str
) -> None:
    answer = post(texting, body.encode(), X_Signature=written)
    assert answer.status_code == 403
    assert taken(known) == 0


def test_bytes_that_are_no_text_are_refused(texting: Flask, known: Database) -> None:
    assert post(texting, b"\xff\xfe", X_Signature="a").status_code == 403


def test_without_a_key_for_replies_there_is_no_such_page(settings: Settings) -> None:
    with app_with(with_sms(settings, sms_reply_secret="")) as app:
        assert post(app, reply(), X_Signature=signature(reply(), "")).status_code == 404


def test_twilio_signs_the_address_and_the_form(settings: Settings, known: Database) -> None:
    settings = with_sms(settings, sms_provider="twilio", public_url="https://book.example.org")
    form = {"To": "+61400000000", "MessageSid": "SM1", "From": TO, "Body": "Stop", "Blank": ""}
    signed = "".join(f"{name}{form[name]}" for name in sorted(form))
    digest = hmac.digest(KEY.encode(), f"{URL}{signed}".encode(), "sha1")
    good = b64encode(digest).decode()
    with app_with(settings) as app:
        body = urlencode(form)
        kind = "application/x-www-form-urlencoded"
        for header in ("", good[:-4] + "AAA="):
            answer = post(app, body, X_Twilio_Signature=header, Content_Type=kind)
            assert answer.status_code == 403
        assert post(app, body, X_Twilio_Signature=good, Content_Type=kind).status_code == 204
    assert taken(known) == 1


def test_twilios_own_example_is_read(tmp_path: Path) -> None:
    # https://github.com/twilio/twilio-python, tests/unit/test_request_validator.py
    url, signed = "https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
        "Caller": "+14158675309",
    }
    file = tmp_path / "calls.toml"
    file.write_text(
        'url = "https://x"\nencoding = "form"\nbody = {}\n[replies]\nsignature = "twilio"\n'
        'header = "S"\nfrom = "From"\ntext = "Digits"\nid = "CallSid"'
    )
    settings = Settings(
        _env_file=None, sms_provider=str(file), sms_reply_secret="12345", public_url="https://x"
    )
    found = reply_of(url, {"S": signed}.get, urlencode(form).encode(), settings)
    assert (found.sender, found.text) == ("+14158675309", "1234")
