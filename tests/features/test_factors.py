"""Second steps on every engine: what is stored of them, who is told, and a change of the key."""

from uuid import UUID

import pyotp
import pytest
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

import factories
from clinic import NOW, Clinic, Mails, words
from openslot.core.actor import Actor, Role
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import Conflict
from openslot.entrypoints.cli.checking import check_authenticators
from openslot.identity import factors, own, passkeys, queries
from openslot.identity.credentials import CredentialKind, end_one
from openslot.identity.events import Change
from openslot.identity.factors import Factor
from openslot.identity.models import Authenticator, Passkey, RecoveryCode
from racing import race
from working import KEY, work

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
OTHER_KEY = "a newer key for tests"


def shown(ahead: int = 0) -> str:
    return pyotp.TOTP(SECRET).at(int(NOW.timestamp()) + 30 * ahead)


def with_app(database: Database) -> UUID:
    """An account with an authenticator app that has shown one code."""

    def make(session: Session) -> UUID:
        account = factories.account(session, "sam@example.org", Role.PRACTITIONER)
        done = work(session, Actor(account_id=account.id), NOW)
        own.add_authenticator(done, SECRET, shown(-1), session_token="none")
        return account.id

    return database.run(make)


def test_of_two_who_send_one_code_at_once_one_is_let_in(database: Database) -> None:
    account_id = with_app(database)
    codes = database.run(
        lambda session: factors.new_recovery_codes(work(session, now=NOW), account_id)
    )

    def use(code: str) -> Factor | None:
        return database.run(
            lambda session: factors.use_code(work(session, now=NOW), account_id, code)
        )

    assert sorted(map(str, race(3, lambda _: use(shown())))) == ["None", "None", "authenticator"]
    assert sorted(map(str, race(3, lambda _: use(codes[0])))) == ["None", "None", "recovery-code"]
    assert use(shown(-1)) is None, "an earlier code than the last is used up too"


def test_without_the_comparison_one_code_lets_in_all(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = with_app(sqlite_database)
    monkeypatch.setattr(queries, "use_counter", lambda *_: True)
    used = [
        sqlite_database.run(
            lambda session: factors.use_code(work(session, now=NOW), account_id, shown())
        )
        for _ in range(2)
    ]
    assert used == [Factor.AUTHENTICATOR] * 2


def test_passkeys_of_any_length_are_kept_and_found(database: Database) -> None:
    account_id = with_app(database)
    long, digest = bytes(range(256)) * 3, b"\xff" * 32

    def add(session: Session) -> None:
        values = {"sign_count": 2**32 - 1, "name": "Büro 🔑", "made_at": NOW, "public_key": long}
        row = Passkey(account_id=account_id, credential_id=long, credential_hash=digest, **values)
        session.add(row)

    database.run(add)
    with database.reading() as session:
        found = queries.passkey_by_hash(session, digest)
        assert found
        assert (found.credential_id, found.sign_count) == (long, 2**32 - 1)
        assert queries.factors_of(session, account_id) == (1, 1, 10)


def test_a_secret_is_encrypted_and_opens_nothing_in_another_row(sqlite_database: Database) -> None:
    account_id = with_app(sqlite_database)

    def move(session: Session) -> UUID:
        stored = session.scalars(select(Authenticator)).one().secret
        assert SECRET not in stored
        other = factories.account(session, "other@example.org")
        session.add(Authenticator(account_id=other.id, secret=stored, counter=0, made_at=NOW))
        return other.id

    other_id = sqlite_database.run(move)
    used = [
        sqlite_database.run(
            lambda session, one=one: factors.use_code(work(session, now=NOW), one, shown())
        )
        for one in (other_id, account_id)
    ]
    assert used == [None, Factor.AUTHENTICATOR]


def test_a_new_secret_key_reads_the_secrets_of_an_earlier_one_and_check_encrypts_them_again(
    sqlite_database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    account_id = with_app(sqlite_database)
    alone = settings.model_copy(update={"secret_key": SecretStr(OTHER_KEY)})
    both = alone.model_copy(update={"secret_key_fallbacks": (SecretStr(KEY),)})

    def opens(chosen: Settings, ahead: int) -> bool:
        return sqlite_database.run(
            lambda session: (
                factors.use_code(work(session, now=NOW, settings=chosen), account_id, shown(ahead))
                is not None
            )
        )

    assert not opens(alone, 0)
    (advice,) = check_authenticators(sqlite_database, alone, repair=True)
    assert "OPENSLOT_SECRET_KEY_FALLBACKS" in advice
    assert opens(both, 0)
    assert check_authenticators(sqlite_database, both, repair=False) == []
    assert "Encrypted with an earlier secret key: 1" in capsys.readouterr().out
    check_authenticators(sqlite_database, both, repair=True)
    assert opens(alone, 1)


def test_each_change_is_told_to_the_owner(
    sqlite_database: Database, clinic: Clinic, settings: Settings, mails: Mails
) -> None:
    mails.new()
    subjects = set()
    for change in Change:
        sqlite_database.run(
            lambda session, change=change: factors.note(
                work(session, now=NOW, settings=settings), clinic.practitioner_account, change
            )
        )
        (mail,) = mails.fresh()
        assert mail["to"] == "practitioner@accounts.example"
        assert "Monday 2 November" in words(mail)
        assert "https://book.example.org/account/sessions" in mail["text"]
        subjects.add(mail["subject"])
    assert len(subjects) == len(Change)


def test_the_last_step_of_a_role_that_needs_one_stays_whole(sqlite_database: Database) -> None:
    account_id = with_app(sqlite_database)
    kind = CredentialKind.AUTHENTICATOR

    def remove(session: Session, *roles: str) -> None:
        end_one(work(session, now=NOW, second_factor_roles=roles), account_id, kind, kind)

    with pytest.raises(Conflict, match="Set up another one"):
        sqlite_database.run(lambda session: remove(session, "practitioner"))
    sqlite_database.run(
        lambda session: factors.new_recovery_codes(work(session, now=NOW), account_id)
    )
    with sqlite_database.reading() as session:
        assert queries.factors_of(session, account_id) == (1, 0, 10), "new codes end the old ones"
    sqlite_database.run(lambda session: remove(session, "staff"))
    with sqlite_database.reading() as session:
        assert session.scalars(select(RecoveryCode)).all() == []


def test_passkeys_are_bound_to_an_address_as_browsers_write_it() -> None:
    written = {
        "https://Book.Example:443/": ("book.example", "https://book.example"),
        "https://book.example:8443": ("book.example", "https://book.example:8443"),
        "https://bücher.example": ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    }
    for address, site in written.items():
        assert passkeys.site_of(address, "Banksia") == (*site, "Banksia")
    assert passkeys.site_of("https://10.2.0.1", "Banksia") is None
