"""Every setting: one ``OPENSLOT_…`` variable (or a line of a .env file), typed."""

import secrets
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no time zone of the IANA list, such as Australia/Sydney")
    return name


def _split(value: object) -> object:
    """The parts of a list that is written with commas."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _networks(ranges: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(one)) for one in ranges)
    except ValueError as error:
        raise ValueError(f"{error}; write address ranges such as 10.0.0.0/8") from None


ZoneName = Annotated[str, AfterValidator(_known_zone)]


class Settings(BaseSettings):
    """How this deployment runs. docs/settings.md explains each line."""

    model_config = SettingsConfigDict(
        env_prefix="OPENSLOT_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    data_dir: Path = Field(Path("data"), description="Folder of the embedded database and files.")
    database_url: str = Field(
        "",
        description="SQLAlchemy URL of the database; empty means SQLite inside the data folder.",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Signs cookies and links; empty means one made and kept in the data folder.",
    )
    public_url: str = Field(
        "", description="Address under which people reach this server, for links in mail."
    )
    trusted_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = Field(
        (), description="Host names this server answers to, separated by commas; empty means any."
    )
    trusted_proxies: int = Field(
        0, ge=0, le=5, description="How many reverse proxies in front may be believed."
    )
    body_seconds: float = Field(
        30.0,
        gt=0,
        le=600,
        description="Seconds in which the body of a request must have arrived; the largest, 2 MiB, "
        "needs 70 KB/s to do so in 30.",
    )
    secure_cookies: bool = Field(
        False, description="Send cookies over HTTPS only; set it wherever HTTPS is used."
    )

    network_name: str = Field("OpenSlot", description="Name of the health network, on each page.")
    time_zone: ZoneName = Field(
        "Australia/Sydney", description="Time zone of centres that are imported without one."
    )
    country: str = Field("AU", pattern="^[A-Z]{2}$", description="Country of telephone numbers.")
    locale: str = Field("en_AU", description="Language of pages for readers who ask for none.")
    emergency_number: str = Field("000", description="Emergency number shown on each page.")

    hold_minutes: int = Field(10, ge=1, le=60, description="How long a time is kept.")
    hold_extensions: int = Field(2, ge=0, le=10, description="How often a hold may be stretched.")
    cancel_cutoff_hours: int = Field(
        2,
        ge=0,
        le=336,
        description="Until how long before an appointment patients may move or cancel.",
    )
    search_days: int = Field(
        56, ge=1, le=366, description="How many days ahead the search looks for free times."
    )

    offer_hours: int = Field(
        12, ge=1, le=168, description="How long a patient may think over an earlier time."
    )
    proposal_hours: int = Field(
        72,
        ge=1,
        le=336,
        description="How long a patient may think over a new time for an appointment.",
    )
    reminder_hours: int = Field(
        24,
        ge=0,
        le=336,
        description="How long before an appointment its reminder goes out; 0: never.",
    )
    quiet_hours: str = Field(
        "21:00-07:00",
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$",
        description="When no reminder goes out, on the patient's clock; empty: never quiet.",
    )
    referral_months: int = Field(
        12, ge=1, le=60, description="How long a referral can be used after it was sent."
    )
    history_access_days: int = Field(
        365,
        ge=0,
        le=36500,
        description="Days after the last appointment until a practitioner's access to a health "
        "record ends; 0: it does not end.",
    )
    emergency_access_hours: int = Field(
        24, ge=1, le=168, description="How long emergency access to a history lasts."
    )

    session_hours: int = Field(12, ge=1, description="Sign-in ends after this time unused.")
    session_days: int = Field(14, ge=1, description="Sign-in ends after this time in any case.")
    confirm_email: bool = Field(
        False, description="Let people sign in only after they confirmed their e-mail address."
    )
    rate_limits: bool = Field(
        True,
        description="Slow down addresses and accounts that ask for too much; off for load tests.",
    )
    sign_in_attempts: int = Field(
        10,
        ge=1,
        description="Wrong passwords in 15 minutes before an account must wait at that address.",
    )
    password_iterations: int = Field(
        3, ge=1, le=20, description="Time cost of argon2id for new password hashes."
    )

    smtp_host: str = Field("", description="Mail server; empty keeps mail in the outbox.")
    smtp_port: int = Field(25, ge=1, le=65535, description="Port of the mail server.")
    smtp_user: str = Field("", description="Account at the mail server, if it asks for one.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Password of that account.")
    smtp_security: Literal["none", "starttls", "tls"] = Field(
        "none", description="How the connection to the mail server is secured."
    )
    smtp_timeout: float = Field(
        10.0,
        gt=0,
        le=10,
        description="Seconds that each answer of the mail server may take; no more than 10, so "
        "that a mail is over before another worker tries it.",
    )
    keep_messages_days: int = Field(
        30,
        ge=1,
        le=3650,
        description="Days for which mail and other messages are kept after they were sent, "
        "given up, or kept for want of a mail server.",
    )
    mail_from: str = Field(
        "OpenSlot <no-reply@openslot.example>", description="Sender of all mail."
    )

    doctor_networks: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_networks)
    ] = Field(
        (),
        description="Address ranges, such as 10.0.0.0/8, that use the doctor-schedule service "
        "without a key; separated by commas.",
    )

    webhook_networks: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_networks)
    ] = Field(
        (),
        description="Address ranges inside your own network, such as 10.1.0.0/16, that webhooks "
        "may go to, also over plain http; separated by commas.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="How much is written to the log."
    )

    @cached_property
    def url(self) -> str:
        """The database's SQLAlchemy URL, with our drivers filled in."""
        url = self.database_url or f"sqlite:///{self.data_dir.resolve() / 'openslot.sqlite3'}"
        for plain, driver in (
            ("postgres://", "postgresql+psycopg://"),
            ("postgresql://", "postgresql+psycopg://"),
            ("mysql://", "mysql+pymysql://"),
            ("mariadb://", "mariadb+pymysql://"),
        ):
            if url.startswith(plain):
                return driver + url.removeprefix(plain)
        return url

    def key(self) -> str:
        """The secret key; made on first use and kept, readable by its owner only."""
        if self.secret_key.get_secret_value():
            return self.secret_key.get_secret_value()
        file = self.data_dir / "secret_key"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _write_once(file, secrets.token_urlsafe(48))
        return file.read_text(encoding="ascii")


def _write_once(file: Path, text: str) -> None:
    """Write ``file`` whole or not at all, and keep what another process wrote first."""
    draft = file.with_suffix(f".{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="ascii")
    try:
        file.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
