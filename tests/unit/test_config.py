"""Rules of core/config.py: a wrong setting stops the start with a sentence; one key, kept."""

import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import make_url

from openslot.core.config import Settings
from racing import race


def settings(**given: Any) -> Settings:
    """Settings of this test only, without the .env file of whoever runs it."""
    return Settings(_env_file=None, **given)


def test_every_setting_has_a_default() -> None:
    assert settings().data_dir == Path("data")


def test_a_variable_sets_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSLOT_HOLD_MINUTES", "15")
    monkeypatch.setenv("OPENSLOT_SECURE_COOKIES", "true")
    monkeypatch.setenv("OPENSLOT_TRUSTED_HOSTS", "a.example, b.example")
    read = settings()
    assert (read.hold_minutes, read.secure_cookies) == (15, True)
    assert read.trusted_hosts == ("a.example", "b.example")


def test_the_host_names_the_database_where_openslot_was_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://user:pass@host:5432/name?sslmode=require")
    for unset in (None, ""):
        if unset is not None:
            monkeypatch.setenv("OPENSLOT_DATABASE_URL", unset)
        assert settings().url == "postgresql+psycopg://user:pass@host:5432/name?sslmode=require"
    monkeypatch.setenv("OPENSLOT_DATABASE_URL", "sqlite:///own.sqlite3")
    assert settings().url == "sqlite:///own.sqlite3"


def test_a_line_of_the_env_file_sets_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("OPENSLOT_NETWORK_NAME=Hills\nSOMETHING_ELSE=1\n")
    assert Settings(_env_file=file).network_name == "Hills"


def test_blanks_are_no_value_of_any_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_text("".join(f"OPENSLOT_{name.upper()}=' \t'\n" for name in Settings.model_fields))
    assert Settings(_env_file=file) == settings()
    monkeypatch.setenv("DATABASE_URL", " ")
    for name in Settings.model_fields:
        monkeypatch.setenv(f"OPENSLOT_{name.upper()}", "  ")
    assert settings().url == Settings(_env_file=file).url
    assert settings().data_keys_command == ""


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("time_zone", "Mars/Olympus", "'Mars/Olympus' is not an IANA time zone"),
        ("hold_minutes", "0", "greater than or equal to 1"),
        ("hold_minutes", "ten", "valid integer"),
        ("country", "aus", "should match pattern"),
        ("smtp_security", "ssl", "'none', 'starttls' or 'tls'"),
        ("smtp_port", "70000", "less than or equal to 65535"),
        ("secure_cookies", "perhaps", "valid boolean"),
    ],
)
def test_a_wrong_setting_is_refused_by_name_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"OPENSLOT_{name.upper()}", value)
    with pytest.raises(ValidationError) as refused:
        settings()
    (error,) = refused.value.errors()
    assert error["loc"] == (name,)
    assert sentence in error["msg"]


@pytest.mark.parametrize("name", ["doctor_networks", "webhook_networks", "calendar_networks"])
def test_networks_are_checked_at_the_start(name: str) -> None:
    found = settings(**{name: "10.0.0.0/8, 192.168.1.7"})
    assert getattr(found, name) == ("10.0.0.0/8", "192.168.1.7/32")
    with pytest.raises(ValidationError, match=r"address ranges like 10\.0\.0\.0/8"):
        settings(**{name: "10.0.0.0/8, the ward"})


def test_proxies_are_addresses_or_one_number() -> None:
    for written, read in (("0", ()), ("2", ("2",)), ("10.0.0.0/8,::1", ("10.0.0.0/8", "::1/128"))):
        assert settings(trusted_proxies=written).trusted_proxies == read
    for written in ("6", "1, 2", "10.0.0.0/8, 1", "the proxy", "10.0.0.0/8, 0.0.0.0/0", "::/0"):
        with pytest.raises(ValidationError, match="trusted_proxies"):
            settings(trusted_proxies=written)


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    shown = repr(settings(secret_key="a-signing-key", smtp_password="a-password"))
    assert "a-signing-key" not in shown
    assert "a-password" not in shown


# The database's URL


def test_without_a_url_the_database_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    url = make_url(settings(data_dir=tmp_path / "not yet there").url)
    assert url.get_backend_name() == "sqlite"
    assert url.database == str(tmp_path / "not yet there" / "openslot.sqlite3")


def test_a_relative_data_folder_stays_where_it_was_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    read = settings(data_dir="here")
    first = read.url
    monkeypatch.chdir("/")
    assert read.url == first == f"sqlite:///{tmp_path}/here/openslot.sqlite3"


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg"),
        ("postgresql://u:p@h/d", "postgresql+psycopg"),
        ("mysql://u:p@h/d", "mysql+pymysql"),
        ("mariadb://u:p@h/d", "mariadb+pymysql"),
        ("postgresql+asyncpg://u:p@h/d", "postgresql+asyncpg"),
    ],
)
def test_a_plain_url_gets_our_driver_and_a_chosen_driver_stays(given: str, driver: str) -> None:
    url = make_url(settings(database_url=given).url)
    assert url.drivername == driver
    assert (url.username, url.password, url.host, url.database) == ("u", "p", "h", "d")


# The secret key


def test_the_key_is_made_once_for_its_owner_only_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "empty" / "data"
    made = settings(data_dir=folder).key()
    assert len(made) >= 64
    assert settings(data_dir=folder).key() == made
    (file,) = folder.iterdir()
    assert file.read_text() == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_each_deployment_has_a_key_of_its_own(tmp_path: Path) -> None:
    assert settings(data_dir=tmp_path / "a").key() != settings(data_dir=tmp_path / "b").key()


def test_a_key_that_is_given_is_taken_and_nothing_is_written(tmp_path: Path) -> None:
    assert settings(data_dir=tmp_path, secret_key="given").key() == "given"
    assert list(tmp_path.iterdir()) == []


def test_eight_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    for turn in range(20):
        folder = tmp_path / str(turn)
        keys = race(8, lambda _number, at=folder: settings(data_dir=at).key())
        assert len(set(keys)) == 1
        assert [file.name for file in folder.iterdir()] == ["secret_key"]


@pytest.mark.parametrize(
    ("written", "hours"),
    [("24", (24,)), ("0", ()), ("2 hours, 2 days,1 day", (48, 24, 2)), ("48,48", (48,))],
)
def test_hours_of_reminders_are_a_list_with_the_longest_first(
    written: str, hours: tuple[int, ...]
) -> None:
    assert Settings(_env_file=None, reminder_hours=written).reminder_hours == hours


@pytest.mark.parametrize("written", ["3 weeks", "-1", "15 days", "1,2,3,4,5,6", "two"])
def test_other_hours_of_reminders_are_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="sms_reminder_hours"):
        Settings(_env_file=None, sms_reminder_hours=written)


@pytest.mark.parametrize(
    ("name", "value"), [("sms_provider", "nobody"), ("sms_countries", "Australia")]
)
def test_a_wrong_provider_or_country_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(_env_file=None, **{name: value})


def test_the_address_of_a_redis_is_checked_at_the_start() -> None:
    with pytest.raises(ValidationError, match="redis://"):
        Settings(_env_file=None, redis_url="10.0.0.7:6379")
