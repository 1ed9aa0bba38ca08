"""Which mail somebody wants, and the link in each mail that stops its kind."""

from uuid import UUID

import pytest
import time_machine
from sqlalchemy.orm import Session

from clinic import NOW, Clinic, book, parts_of
from openslot.core import audit
from openslot.core.actor import Actor, Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import NotFound
from openslot.core.ids import new_id
from openslot.identity.commands import subject_of
from openslot.notifications.preferences import (
    KINDS,
    Kind,
    account_to_stop,
    choose,
    preferences,
    stop_link,
    stop_token,
    wants,
)
from openslot.waiting_list.links import token_of
from postoffice import PostOffice, a_mail, queue, run_worker, settings_for
from working import work


@pytest.fixture
def settings(post: PostOffice) -> Settings:
    return settings_for(post)


def pick(database: Database, account_id: UUID, **choices: bool) -> None:
    kinds = {Kind(name): on for name, on in choices.items()}
    database.run(
        lambda session: choose(work(session, Actor(account_id=account_id), NOW), account_id, kinds)
    )


def test_everything_is_on_until_it_is_switched_off(
    sqlite_database: Database, clinic: Clinic
) -> None:
    one = clinic.patient_account
    assert sqlite_database.read(lambda session: preferences(session, one)) == dict.fromkeys(
        Kind, True
    )
    pick(sqlite_database, one, reminders=False, offers=False)
    pick(sqlite_database, one, offers=True)
    off = [
        kind for kind, on in sqlite_database.read(lambda s: preferences(s, one)).items() if not on
    ]
    assert off == [Kind.REMINDERS]
    assert sqlite_database.read(lambda session: wants(session, one, Kind.APPOINTMENTS))
    assert sqlite_database.read(lambda session: wants(session, None, Kind.REMINDERS))


def test_a_change_is_in_the_audit_and_no_change_is_not(
    sqlite_database: Database, clinic: Clinic
) -> None:
    one = clinic.patient_account
    pick(sqlite_database, one, reminders=False)
    pick(sqlite_database, one, reminders=False)
    events = sqlite_database.read(lambda session: audit.events_of(session, subject_of(one)))
    chosen = [event for event in events if event.action == "account.mail-chosen"]
    assert [event.details for event in chosen] == [{"fields": ["reminders: off"]}]


def test_every_kind_is_for_somebody() -> None:
    assert {kind for kinds in KINDS.values() for kind in kinds} == set(Kind)
    assert set(KINDS) == set(Role)


def test_mails_carry_the_link_in_their_headers_and_in_both_parts(
    sqlite_database: Database, clinic: Clinic, settings: Settings, post: PostOffice
) -> None:
    book(sqlite_database, clinic)
    with time_machine.travel(NOW, tick=False):  # links have the second in which they were made
        run_worker(sqlite_database, settings)
        link = stop_link(settings, clinic.patient_account, Kind.APPOINTMENTS)
    (to_ann,) = [one for one in post.taken if one["X-Envelope-To"] == "ann@example.org"]
    assert to_ann["List-Unsubscribe"] == f"<{link}>"
    assert to_ann["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    header = f"\r\nList-Unsubscribe: <{link}>\r\n".encode()
    assert any(header in raw for raw in post.raw), "not encoded, which mail programs do not read"
    for part in parts_of(to_ann):
        assert "Stop emails about appointments" in part
    assert len({str(one["List-Unsubscribe"]) for one in post.taken}) == 2, "each their own"


def test_one_click_is_offered_over_https_only(
    sqlite_database: Database, settings: Settings, post: PostOffice
) -> None:
    queue(sqlite_database, a_mail(stop="http://localhost/unsubscribe/x"))
    run_worker(sqlite_database, settings)
    (message,) = post.taken
    assert message["List-Unsubscribe"] == "<http://localhost/unsubscribe/x>"
    assert message["List-Unsubscribe-Post"] is None


def test_without_a_public_address_there_is_no_link(clinic: Clinic) -> None:
    assert stop_link(Settings(_env_file=None), clinic.patient_account, Kind.APPOINTMENTS) is None


def test_a_link_names_its_account_and_kind(
    sqlite_database: Database, clinic: Clinic, settings: Settings
) -> None:
    for kind in Kind:
        token = stop_token(settings, clinic.patient_account, kind)
        account, named = sqlite_database.read(
            lambda session, one=token: account_to_stop(work(session, settings=settings), one)
        )
        assert (account.id, named) == (clinic.patient_account, kind)


def test_a_link_that_we_did_not_write_is_refused(
    sqlite_database: Database, clinic: Clinic, settings: Settings
) -> None:
    good = stop_token(settings, clinic.patient_account, Kind.APPOINTMENTS)
    of_other_key = stop_token(
        settings.model_copy(update={"secret_key": Settings(secret_key="x").secret_key}),
        clinic.patient_account,
        Kind.APPOINTMENTS,
    )
    changed = good[:5] + ("A" if good[5] != "A" else "B") + good[6:]
    of_nobody = stop_token(settings, new_id(), Kind.APPOINTMENTS)
    of_other_use = token_of(settings.key(), clinic.patient_account)
    bad = [good[:length] for length in range(len(good))]
    bad += [f"{good}A", changed, of_other_key, of_nobody, of_other_use, "ü", "=" * 9, "a.b"]

    def refused(session: Session, token: str) -> bool:
        try:
            account_to_stop(work(session, settings=settings), token)
        except NotFound:
            return True
        return False

    assert (
        sqlite_database.read(
            lambda session: [token for token in bad if not refused(session, token)]
        )
        == []
    )
