"""Where the provider of text messages passes on replies: only what it has signed counts."""

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from openslot.app import create_app
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.directory.models import SmsNumber

KEY = "key of replies"
URL = "https://book.example.org/sms/replies"
TO = "+61412345678"
Send = Callable[..., TestResponse]


@pytest.fixture
def known(network: Database) -> Database:
    """A database with a number that was written to."""
    network.run(lambda session: session.add(SmsNumber(number=TO)))
    return network


def client_of(settings: Settings, provider: str, **more: Any) -> FlaskClient:
    app = create_app(
        settings.model_copy(
            update={
                "sms_provider": provider,
                "sms_url": "https://sms.example/",
                "public_url": "https://book.example.org",
                **Settings(_env_file=None, sms_reply_secret=KEY).model_dump(
                    include={"sms_reply_secret"}
                ),
                **more,
            }
        )
    )
    return app.test_client()


def twilio(form: Mapping[str, str], url: str = URL, key: str = KEY) -> str:
    """As Twilio's own libraries sign it."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return b64encode(hmac.digest(key.encode(), text.encode(), "sha1")).decode()
