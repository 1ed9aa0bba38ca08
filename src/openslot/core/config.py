"""Settings: each one is an ``OPENSLOT_…`` variable or a line of a .env file."""

import os
import secrets
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from openslot.core.data_keys import DataKeys, KeysNotRead, NoDataKey, new_key, printed_by
from openslot.core.setting_values import (
    Hours,
    ZoneName,
    countries_named,
    networks_named,
    origins_named,
    proxies_named,
    redis_address,
    roles_named,
    split,
    without_blank,
)

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SMTPS = 465
"""Port on which mail servers expect TLS from the start (RFC 8314)."""


class Settings(BaseSettings):
    """The settings of this deployment, listed in docs/settings.md."""

    model_config = SettingsConfigDict(
        env_prefix="OPENSLOT_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    tenants: Path | None = Field(
        None,
        description="Folder with a file of settings for each network (tenant), if this "
        "installation serves several (docs/tenants.md).",
    )
    tenant: str = Field(
        "",
        description="Name of the network that commands are for, if they are not given `--tenant`.",
    )
    data_dir: Path = Field(
        Path("data"), description="Folder for the embedded database and other files."
    )
    database_url: str = Field(
        default_factory=lambda: os.environ.get("DATABASE_URL", "").strip(),
        description="SQLAlchemy URL of the database. If it is not set, `DATABASE_URL` is read, "
        "which many hosts set; without either, SQLite in the data folder is used. Several servers: "
        "`postgresql://openslot@/openslot?host=db1:5432&host=db2:5432` (docs/scaling.md).",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Key that signs cookies and links. If empty, one is generated and stored in "
        "the data folder.",
    )
    secret_key_fallbacks: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split)] = (
        Field(
            (),
            description="Earlier secret keys, separated by commas. What they signed stays "
            "valid, so that the key can be replaced. Remove them after a year.",
        )
    )
    data_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys that encrypt health data and secrets in the database, separated by "
        "blanks or commas; all open, the last one encrypts. `openslot keys new` prints one. With "
        "the embedded database, one is generated and stored in the data folder if there is none; "
        "another database needs one.",
    )
    data_keys_file: Path | None = Field(
        None, description="File with the data keys, instead of the setting above."
    )
    data_keys_command: str = Field(
        "",
        description="Command that prints the data keys, for example of a key management service, "
        "instead of the two settings above. It is run without a shell, once for each process.",
    )
    audit_key_fallbacks: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split)] = Field(
        (),
        description="Earlier secret keys, separated by commas, that only check seals of the "
        "audit log. Move keys here from the fallbacks, and keep them as long as the audit.",
    )
    public_url: str = Field(
        "",
        description="Public address of this server, for links in emails. Without it, no email with "
        "a link is sent. With https://, cookies are sent over HTTPS only.",
    )
    trusted_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)] = Field(
        (),
        description="Host names that this server answers to, separated by commas. If empty, that "
        "of the public address; without one, any.",
    )
    trusted_proxies: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(proxies_named)
    ] = Field(
        (),
        description="Addresses of the reverse proxies whose `X-Forwarded-…` is believed, for "
        "example 127.0.0.1 or 10.0.0.0/8, separated by commas. Where they are not known and only "
        "the proxy can reach the port, the number of proxies, 1 to 5.",
    )
    body_seconds: float = Field(
        30.0,
        gt=0,
        le=600,
        description="Seconds within which the whole body of a request must arrive. The largest "
        "body, 2 MiB, needs 70 KB/s to arrive within 30 seconds.",
    )
    secure_cookies: bool | None = Field(
        None,
        description="Send cookies over HTTPS only. If empty, this is done if the public address "
        "has https://.",
    )

    network_name: str = Field(
        "OpenSlot", description="Name of the health network, shown on every page."
    )
    time_zone: ZoneName = Field(
        "Australia/Sydney", description="Time zone of centres that are imported without one."
    )
    country: str = Field(
        "AU", pattern="^[A-Z]{2}$", description="Country of phone numbers without a country code."
    )
    locale: str = Field("en_AU", description="Language of pages if the reader has not chosen one.")
    emergency_number: str = Field(
        "",
        description="Emergency number on every page and in messages. If it is empty, that of the "
        "country of the centre, or of the reader.",
    )

    hold_minutes: int = Field(
        10, ge=1, le=60, description="Minutes until an unconfirmed hold expires."
    )
    hold_extensions: int = Field(
        2, ge=0, le=10, description="Number of times a hold can be extended."
    )
    cancel_cutoff_hours: int = Field(
        2,
        ge=0,
        le=336,
        description="Hours before an appointment until which patients can move or cancel it.",
    )
    most_upcoming: int = Field(
        20,
        ge=0,
        description="Upcoming appointments that patients can book for one person. Staff can book "
        "more. 0 means any number.",
    )
    most_upcoming_with: int = Field(
        5, ge=0, description="How many of them can be with one practitioner. 0 means any number."
    )
    squeezed_in_a_day: int = Field(
        2,
        ge=0,
        le=100,
        description="Appointments that can be squeezed in over taken time on one day of a "
        "schedule, by those who give or arrange care there. 0 means none.",
    )
    search_days: int = Field(
        56, ge=1, le=366, description="Number of days ahead that a search covers."
    )

    offer_hours: int = Field(
        12, ge=1, le=168, description="Hours that a patient has to answer an earlier time."
    )
    proposal_hours: int = Field(
        72,
        ge=1,
        le=336,
        description="Hours that a patient has to answer a new time for an appointment.",
    )
    reminder_hours: Hours = Field(
        (24,),
        description="Hours before an appointment at which reminders are sent by email, separated "
        "by commas. Days can be written too: `2 days, 2 hours`. 0 means never.",
    )
    sms_reminder_hours: Hours = Field(
        (48, 2), description="The same for reminders by SMS, if there is a provider."
    )
    quiet_hours: str = Field(
        "21:00-07:00",
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$",
        description="Hours without reminders, in the patient's time zone. `00:00-00:00` is none.",
    )
    referral_months: int = Field(
        12, ge=1, le=60, description="Months for which a referral is valid after it is sent."
    )
    history_access_days: int = Field(
        365,
        ge=0,
        le=36500,
        description="Days after the last appointment until a practitioner loses access to the "
        "health record. 0 means never.",
    )
    emergency_access_hours: int = Field(
        24, ge=1, le=168, description="Hours until emergency access to a health record ends."
    )
    emergency_review_days: int = Field(
        7,
        ge=1,
        le=90,
        description="Days within which an administrator has to review an emergency access. Then "
        "the network's administrators are reminded every day.",
    )

    record_years: int = Field(
        0,
        ge=0,
        le=100,
        description="Years after the last entry or appointment until a health record is removed, "
        "and a patient without an account is erased. 0 means never.",
    )
    child_record_age: int = Field(
        25,
        ge=0,
        le=100,
        description="Age until which the health record of a child is kept in any case, to the end "
        "of that year.",
    )
    audit_years: int = Field(
        0,
        ge=0,
        le=100,
        description="Years until sealed audit events are removed. 0 means never.",
    )
    carer_told_age: int = Field(
        16,
        ge=0,
        le=100,
        description="Age at which the carer of a child is asked to hand the record over. 0 means "
        "never.",
    )
    carer_ends_age: int = Field(
        18,
        ge=0,
        le=100,
        description="Age at which the access of the carer of a child ends, unless the care team "
        "confirms that it must go on. 0 means never.",
    )
    privacy_contact: str = Field(
        "",
        description="Whom people can ask about their data: an email address or a sentence, shown "
        "on the privacy page.",
    )

    session_hours: int = Field(
        12, ge=1, description="Hours without use until a patient's sign-in ends."
    )
    staff_session_minutes: int = Field(
        30,
        ge=10,
        le=1440,
        description="Minutes without use until the sign-in of a practitioner, staff member or "
        "administrator ends.",
    )
    session_days: int = Field(14, ge=1, description="Days until a sign-in ends, used or not.")
    token_days: int = Field(
        90,
        ge=1,
        le=366,
        description="Days until a program has to ask a person again, used or not.",
    )
    password_tokens: bool = Field(
        False,
        description="Let programs sign people in with their password (`POST /api/v1/tokens`). "
        "Programs that send people to the pages need no password.",
    )
    key_days: int = Field(
        365,
        ge=0,
        le=3660,
        description="Days until a new API key ends. 0 means never.",
    )
    proof_minutes: int = Field(
        10,
        ge=1,
        le=720,
        description="Minutes for which a password or passkey counts before it is asked again for "
        "what could do great harm, such as creating API keys.",
    )
    second_factor_roles: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(roles_named)
    ] = Field(
        (),
        description="Who needs a second step to sign in, an authenticator app or a passkey, "
        "separated by commas: `patient`, `practitioner`, `staff`, `administrator`. They are asked "
        "to set one up before anything else.",
    )
    identity_providers: Path | None = Field(
        None,
        description="File of the identity providers where staff sign in, by OpenID Connect "
        "(docs/signing-in.md). If empty, there are none.",
    )
    sign_up: Literal["open", "staff-only", "closed"] = Field(
        "open",
        description="Who can register on the pages: everybody, only staff (with approval), or "
        "nobody.",
    )
    public_directory: bool = Field(
        True,
        description="Show centres, practitioners and free times to people who have not signed in.",
    )
    confirm_email: bool | None = Field(
        None,
        description="Create an account only after the link in an email was opened. If empty, this "
        "is done if there is a mail server and a public address.",
    )
    rate_limits: bool = Field(
        True,
        description="Limit the number of requests from each address and account. Turn off for "
        "load tests only.",
    )
    redis_url: Annotated[SecretStr, AfterValidator(redis_address)] = Field(
        SecretStr(""),
        description="Address of a Redis that counts requests for these limits instead of the "
        "database, such as `redis://:password@10.0.0.7:6379/0` (docs/scaling.md).",
    )
    sign_in_attempts: int = Field(
        10,
        ge=1,
        description="Wrong passwords within 15 minutes that block sign-in to an account from "
        "that address.",
    )
    password_iterations: int = Field(
        3, ge=1, le=20, description="Time cost of argon2id for new password hashes."
    )

    smtp_host: str = Field(
        "", description="Host name of the mail server. If empty, mail stays in the outbox."
    )
    smtp_port: int = Field(25, ge=1, le=65535, description="Port of the mail server.")
    smtp_user: str = Field("", description="User name at the mail server, if it needs one.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Password of that user.")
    smtp_security: Literal["none", "starttls", "tls"] | None = Field(
        None,
        description="Encryption of the connection to the mail server. If empty: none on this "
        "machine, TLS on port 465, else STARTTLS.",
    )
    smtp_timeout: float = Field(
        10.0,
        gt=0,
        le=10,
        description="Seconds to wait for each answer of the mail server. At most 10, so that no "
        "other worker sends the same mail meanwhile.",
    )
    keep_messages_days: int = Field(
        30,
        ge=1,
        le=3650,
        description="Days until mail and other messages are deleted after they were sent, failed, "
        "or were stored because there is no mail server.",
    )
    mail_from: str = Field(
        "OpenSlot <no-reply@openslot.example>", description="Sender of all mail."
    )

    sms_provider: str = Field(
        "",
        pattern=r"^(|twilio|json|.+\.toml)$",
        description="Who sends text messages: `twilio`, `json`, or the file of another provider "
        "(docs/sms.md). If empty, none are sent.",
    )
    sms_url: str = Field(
        "", description="Address of the SMS provider, if it is not that of its template."
    )
    sms_user: str = Field("", description="User at the SMS provider; at Twilio the account SID.")
    sms_password: SecretStr = Field(
        SecretStr(""), description="Password or token of that user; at Twilio the auth token."
    )
    sms_from: str = Field("", description="Number or name that text messages come from.")
    sms_countries: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(countries_named)
    ] = Field(
        (),
        description="Countries to whose mobile numbers text messages are sent, for example AU,NZ. "
        "If empty, only the country above.",
    )
    sms_without_email: bool = Field(
        False,
        description="Send text messages to patients without an account whom no email reaches.",
    )
    sms_reply_secret: SecretStr = Field(
        SecretStr(""),
        description="Key with which the SMS provider signs the replies that it passes on; at "
        "Twilio the auth token. If empty, messages ask for no reply, and none is read.",
    )

    cors_origins: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(origins_named)
    ] = Field(
        (),
        description="Origins of web applications, for example https://app.example, whose scripts "
        "can use the API and FHIR in a browser with a key or token, separated by commas.",
    )

    doctor_networks: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(networks_named)
    ] = Field(
        (),
        description="Address ranges, for example 10.0.0.0/8, separated by commas. If not empty, "
        "the doctor-schedule service can be used only from these, with a key.",
    )

    webhook_networks: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(networks_named)
    ] = Field(
        (),
        description="Address ranges inside your own network, for example 10.1.0.0/16, that "
        "webhooks can be sent to, also over plain HTTP, separated by commas.",
    )

    calendar_networks: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(networks_named)
    ] = Field(
        (),
        description="Address ranges inside your own network, for example 10.2.3.0/24, that "
        "calendars of practitioners can be read from, also over plain HTTP, separated by commas. "
        "Every practitioner can have any address there read.",
    )

    backup_recipients: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)] = Field(
        (),
        description="Public keys of age, separated by commas, for whose owners backups are "
        "encrypted. `openslot backup-key` makes one. If empty, backups are not encrypted.",
    )

    metrics_token: SecretStr = Field(
        SecretStr(""),
        description="Token that programs send as `Authorization: Bearer …` to read `/metrics`.",
    )
    metrics_networks: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(networks_named)
    ] = Field(
        (),
        description="Address ranges, for example 127.0.0.1/32, separated by commas, from which "
        "`/metrics` can be read. If a token is set too, both are needed. With neither, nothing is "
        "measured.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level of messages to write to the log."
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_blank(cls, values: dict[str, object]) -> dict[str, object]:
        return without_blank(values)

    @property
    def counts_proxies(self) -> bool:
        """Return whether proxies are trusted by their number, not by their addresses."""
        return "".join(self.trusted_proxies).isdecimal()

    @property
    def hold_length(self) -> timedelta:
        """Return the time for which an unconfirmed hold is kept."""
        return timedelta(minutes=self.hold_minutes)

    @property
    def cancel_cutoff(self) -> timedelta:
        """Return the time before an appointment until which patients can move or cancel it."""
        return timedelta(hours=self.cancel_cutoff_hours)

    @cached_property
    def url(self) -> str:
        """Return the database's SQLAlchemy URL, with the drivers that OpenSlot uses."""
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

    @property
    def is_https(self) -> bool:
        """Return whether people reach this server over HTTPS."""
        return self.public_url.casefold().startswith("https://")

    @property
    def hides_cookies(self) -> bool:
        """Return whether cookies are sent over HTTPS only."""
        return self.is_https if self.secure_cookies is None else self.secure_cookies

    def cookie(self, name: str) -> str:
        """Return the name of a cookie, which over HTTPS no other host can set (RFC 6265bis)."""
        return f"__Host-{name}" if self.hides_cookies else name

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the host names that are answered to; none means any. This machine's own are for
        its health checks, and of several networks none has them."""
        public = urlsplit(self.public_url).hostname
        own = () if self.tenant else _LOOPBACK
        return self.trusted_hosts or ((public, *own) if public else ())

    @property
    def sends_mail(self) -> bool:
        """Return whether mail goes out, with links in it: only then do pages promise any. Without a
        server it is kept for administrators, and without a public address it has no links."""
        return bool(self.smtp_host and self.public_url)

    @property
    def sends_sms(self) -> bool:
        """Return whether text messages go out."""
        return bool(self.sms_provider)

    @property
    def texted_countries(self) -> tuple[str, ...]:
        """Return the countries to whose mobile numbers text messages go."""
        return self.sms_countries or (self.country,)

    @property
    def reads_replies(self) -> bool:
        """Return whether people can answer text messages."""
        return self.sends_sms and bool(self.sms_reply_secret.get_secret_value())

    @property
    def measures(self) -> bool:
        """Return whether metrics are kept for Prometheus."""
        return bool(self.metrics_token.get_secret_value() or self.metrics_networks)

    @property
    def confirms_email(self) -> bool:
        """Return whether an account is created only after the link in an email was opened."""
        if self.confirm_email is None:
            return self.sends_mail
        return self.confirm_email

    @property
    def mail_security(self) -> str:
        """Return the encryption of the connection to the mail server."""
        if self.smtp_security is not None:
            return self.smtp_security
        if self.smtp_host in _LOOPBACK:
            return "none"
        return "tls" if self.smtp_port == _SMTPS else "starttls"

    def signing_keys(self) -> tuple[str, ...]:
        """Return the keys whose signatures are valid, oldest first; the last one signs."""
        earlier = (key.get_secret_value() for key in self.secret_key_fallbacks)
        return (*earlier, self.key())

    def seal_keys(self) -> tuple[str, ...]:
        """Return the keys whose seals of the audit log are valid, oldest first; the last one
        seals."""
        earlier = (key.get_secret_value() for key in self.audit_key_fallbacks)
        return (*earlier, *self.signing_keys())

    def key(self) -> str:
        """Return the secret key; on first use generate one and store it for its owner only."""
        if self.secret_key.get_secret_value():
            return self.secret_key.get_secret_value()
        if not self.key_file.exists():
            self.keep_key(secrets.token_urlsafe(48))
        return self.key_file.read_text(encoding="ascii")

    @cached_property
    def encryption_keys(self) -> DataKeys:
        """Return the keys of encrypted columns; on first use of the embedded database generate one
        and store it for its owner only. Raises NoDataKey, BadDataKey or KeysNotRead."""
        if self.data_keys_command:
            return DataKeys(printed_by(self.data_keys_command), place="OPENSLOT_DATA_KEYS_COMMAND")
        if self.data_keys_file:
            return DataKeys(_text_of(self.data_keys_file), place=str(self.data_keys_file))
        if self.data_keys.get_secret_value():
            return DataKeys(self.data_keys.get_secret_value())
        if self.database_url:
            raise NoDataKey
        if not self.stored_data_keys.exists():
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_once(self.stored_data_keys, f"{new_key()}\n")
        return DataKeys(_text_of(self.stored_data_keys), place=str(self.stored_data_keys))

    @property
    def stored_data_keys(self) -> Path:
        """Return the file of the data keys, which is there unless they are set."""
        return self.data_dir / "data_keys"

    @property
    def key_file(self) -> Path:
        """Return the file of the secret key, which is there unless the key is set."""
        return self.data_dir / "secret_key"

    @property
    def stored_key(self) -> str | None:
        """Return the secret key of the data folder, if it is there and no other one is set."""
        is_used = not self.secret_key.get_secret_value() and self.key_file.exists()
        return self.key_file.read_text(encoding="ascii") if is_used else None

    def keep_key(self, key: str) -> None:
        """Store a secret key for its owner only, unless there is one."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(self.key_file, key)


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeError) as error:
        raise KeysNotRead(place=file, reason=error) from None


def _write_once(file: Path, text: str) -> None:
    """Write the whole file at once, unless another process has written it already."""
    draft = file.with_suffix(f".{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="ascii")
    try:
        file.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
