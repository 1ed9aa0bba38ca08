"""Mails about accounts: the link, the address, and nobody else's advertisement."""

import html
import json
from typing import Any

import pytest

from clinic import NOW, Clinic, Mails, both
from factories import change
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.identity.models import Account
from openslot.notifications.dispatch import queue_account_mail
from openslot.notifications.mails import AccountMail
from working import work

URL = "https://book.example.org"
LINK = f"{URL}/account/reset/abc.def?a=1&b=2"


@pytest.mark.parametrize("kind", list(AccountMail))
def test_account_mails_carry_their_link_in_both_parts(
    sqlite_database: Database, clinic: Clinic, settings: Settings, mails: Mails, kind: AccountMail
) -> None:
    _queue(sqlite_database, clinic, settings, kind)
    (mail,) = mails.new().values()
    assert mail["to"] == "patient@accounts.example"
    assert mail["subject"] in mail["text"]
    assert f"\n{LINK}\n" in mail["text"]
    assert f'href="{html.escape(LINK)}"' in mail["html"]
    assert all("Hello patient account," in part for part in both(mail))
    assert mail["calendar"] is None


def _queue(database: Database, clinic: Clinic, settings: Settings, kind: str, **more: Any) -> None:
    def act(session: Any) -> None:
        account = session.get(Account, clinic.patient_account)
        queue_account_mail(work(session, now=NOW, settings=settings), kind, account, LINK, **more)

    database.run(act)


def test_a_warning_can_go_to_the_address_that_was_left(
    sqlite_database: Database, clinic: Clinic, settings: Settings, mails: Mails
) -> None:
    _queue(sqlite_database, clinic, settings, AccountMail.EMAIL_CHANGED, to="old@example.org")
    assert mails.new().keys() == {"old@example.org"}


def test_an_unknown_kind_of_mail_is_refused(
    sqlite_database: Database, clinic: Clinic, settings: Settings
) -> None:
    with pytest.raises(ValueError, match="postcard"):
        _queue(sqlite_database, clinic, settings, "postcard")


@pytest.mark.parametrize("name", ["Win at evil.example", "https://evil.example", "a@evil.example"])
def test_an_advertisement_for_a_name_is_not_delivered(
    sqlite_database: Database, clinic: Clinic, settings: Settings, mails: Mails, name: str
) -> None:
    change(sqlite_database, Account, clinic.patient_account, name=name)
    _queue(sqlite_database, clinic, settings, AccountMail.CONFIRM)
    (mail,) = mails.new().values()
    assert "evil" not in json.dumps(mail)
    assert "Hello,\n" in mail["text"]


@pytest.mark.parametrize("name", ["Dr. Jo St. John", "Anne-Marie O'Neil", "J. R. Hartley"])
def test_dots_in_names_are_no_links(
    sqlite_database: Database, clinic: Clinic, settings: Settings, mails: Mails, name: str
) -> None:
    change(sqlite_database, Account, clinic.patient_account, name=name)
    _queue(sqlite_database, clinic, settings, AccountMail.CONFIRM)
    (mail,) = mails.new().values()
    assert f"Hello {name}," in mail["text"]
