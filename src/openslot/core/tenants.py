"""The networks (tenants) of one installation: a folder with a file of settings for each.

``NAME.env`` has what differs from the settings of the installation. What would let one network
reach another is its own and never taken from the installation; what all share cannot differ.
"""

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

import structlog
from dotenv.parser import parse_stream
from pydantic import ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from openslot.core.config import Settings
from openslot.core.errors import Failure
from openslot.core.logging import reason_of
from openslot.core.setting_values import wrong_settings

OF_INSTALLATION = frozenset(
    {
        "tenants",
        "tenant",
        "trusted_proxies",
        "body_seconds",
        "rate_limits",
        "redis_url",
        "password_iterations",
        "metrics_token",
        "metrics_networks",
        "log_level",
    }
)
"""Settings that are the same for all networks."""

OWN = frozenset(
    {
        "data_dir",
        "database_url",
        "secret_key",
        "secret_key_fallbacks",
        "data_keys",
        "data_keys_file",
        "data_keys_command",
        "audit_key_fallbacks",
        "public_url",
        "trusted_hosts",
        "identity_providers",
        "sms_reply_secret",
        "cors_origins",
        "webhook_networks",
        "calendar_networks",
    }
)
"""Settings that a network has from its own file or not at all. All others are those of the
installation, unless its file says otherwise."""

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
NAMES = "a name has up to 31 lower-case letters, digits and hyphens, and begins with a letter"

ENDING = ".env"

LOOKS_EVERY = 1.0
"""Seconds between two looks at the folder."""

_PREFIX = "OPENSLOT_"

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class NoTenants(Failure):
    """The folder of networks {folder} cannot be read: {reason}"""


class BadTenant(Failure):
    """{file} cannot be used: {reason}"""


class NoSuchTenant(Failure):
    """There is no network {name}. `openslot tenant list` shows all."""


@dataclass(frozen=True)
class Tenants:
    """The settings of each network by its name, and why a file cannot be used."""

    settings: Mapping[str, Settings] = field(default_factory=dict)
    faults: Mapping[str, BadTenant] = field(default_factory=dict)
    by_host: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        hosts = {
            host_named(host): name for name, one in self.settings.items() for host in one.hosts
        }
        object.__setattr__(self, "by_host", hosts)

    def of(self, name: str) -> Settings:
        """Return the settings of a network. Raises NoSuchTenant or BadTenant."""
        if name in self.faults:
            raise self.faults[name]
        if name not in self.settings:
            raise NoSuchTenant(name=name)
        return self.settings[name]


@lru_cache(maxsize=1024)
def host_named(text: str) -> str:
    """Return a host name as it is compared: without a port, in ASCII."""
    address, bracket, rest = text.casefold().rpartition("]")
    name = address + bracket + rest.partition(":")[0]
    try:
        return name.removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        return name


def file_of(installation: Settings, name: str) -> Path:
    """Return the file of a network, which need not be there."""
    assert installation.tenants is not None
    return installation.tenants / f"{name}{ENDING}"


def read(installation: Settings) -> Tenants:
    """Return the networks of the folder. Raises NoTenants if it cannot be read."""
    found, faults = dict[str, Settings](), dict[str, BadTenant]()
    for name in _files(installation):
        file = file_of(installation, name)
        try:
            found[name] = settings_of(installation, name, _written_in(file))
        except BadTenant as error:
            faults[name] = error
    claims = Counter(claim for settings in found.values() for claim in _claims(settings))
    for name, settings in list(found.items()):
        if fault := _clash(installation, settings, claims):
            del found[name]
            faults[name] = fault
    return Tenants(found, faults)


def settings_of(installation: Settings, name: str, written: Mapping[str, str]) -> Settings:
    """Return the settings of a network whose file has ``written``. Raises BadTenant."""
    file = file_of(installation, name)
    try:
        settings = Settings(_env_file=None, **_values(installation, name, written))
        _claims(settings)  # what cannot be found out is a fault of this file alone
        _check_hosts(settings)
    except ValidationError as error:
        raise BadTenant(file=file, reason="; ".join(wrong_settings(error))) from None
    except ArgumentError:
        reason = "OPENSLOT_DATABASE_URL is no address of a database"
        raise BadTenant(file=file, reason=reason) from None
    except (ValueError, OSError, RuntimeError) as error:
        raise BadTenant(file=file, reason=error) from None
    return settings


def _check_hosts(settings: Settings) -> None:
    if unclear := [host for host in settings.hosts if host.startswith((".", "*"))]:
        raise ValueError(f"{unclear[0]} is no host name. Write each name in full")


def check_apart(installation: Settings, new: Settings) -> None:
    """Raise BadTenant if a network would share something with one that is there."""
    there = read(installation).settings.values()
    claims = Counter(claim for settings in (*there, new) for claim in _claims(settings))
    if fault := _clash(installation, new, claims):
        raise fault


class Folder:
    """The folder as a process looks at it: a change is noticed within LOOKS_EVERY seconds.

    Networks that did not change keep their object of settings. A folder that cannot be read any
    more changes nothing.
    """

    def __init__(self, installation: Settings) -> None:
        """Read the folder. Raises NoTenants."""
        self.installation = installation
        self._looking = threading.Lock()
        self._seen = _stamp(installation)
        self._tenants = read(installation)
        self._looked_at = time.monotonic()
        self._say_faults()

    def tenants(self) -> Tenants:
        """Return the networks that there are now."""
        is_due = time.monotonic() - self._looked_at >= LOOKS_EVERY
        if is_due and self._looking.acquire(blocking=False):
            try:
                self._look()
            except Exception as error:  # those who are served are served on
                log.error("tenants.not-read", error=reason_of(error))
            finally:
                self._looked_at = time.monotonic()
                self._looking.release()
        return self._tenants

    def _look(self) -> None:
        stamp = _stamp(self.installation)
        if stamp == self._seen:
            return
        found, before = read(self.installation), self._tenants.settings
        kept = {
            name: before[name] if before.get(name) == settings else settings
            for name, settings in found.settings.items()
        }
        self._tenants, self._seen = Tenants(kept, found.faults), stamp
        self._say_faults()
        log.info("tenants.changed", names=sorted(kept))

    def _say_faults(self) -> None:
        for fault in self._tenants.faults.values():
            log.error("tenants.unusable", error=str(fault))


def _stamp(installation: Settings) -> tuple[tuple[str, int, int], ...]:
    """Return what differs once a file has changed."""
    return tuple(
        (name, status.st_mtime_ns, status.st_ino)
        for name in _files(installation)
        for status in [_status(file_of(installation, name))]
    )


def _status(file: Path) -> os.stat_result:
    try:
        return file.stat()
    except OSError:  # a link to nothing, or gone since
        return file.lstat()


def _files(installation: Settings) -> list[str]:
    """Return what the names of the files are without their ending. Hidden ones are drafts."""
    folder = installation.tenants
    assert folder is not None
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise NoTenants(folder=folder, reason=error.strerror) from None
    return sorted(
        name.removesuffix(ENDING)
        for name in names
        if name.endswith(ENDING) and not name.startswith(".")
    )


def _written_in(file: Path) -> dict[str, str]:
    if not NAME.fullmatch(file.name.removesuffix(ENDING)):
        raise BadTenant(file=file, reason=NAMES)
    if file.exists() and not file.is_file():
        raise BadTenant(file=file, reason="it is no file")
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise BadTenant(file=file, reason=error) from None
    lines = list(parse_stream(StringIO(text)))
    # Left out, as in other .env files, a line could leave the network with another database.
    if wrong := [one.original.line for one in lines if one.error or "\0" in one.original.string]:
        raise BadTenant(file=file, reason=f"line {wrong[0]} cannot be read")
    return {one.key: one.value or "" for one in lines if one.key}


def _values(installation: Settings, name: str, written: Mapping[str, str]) -> dict[str, Any]:
    """Return a value for every setting, so that nothing is taken from the environment."""
    folder, fields = file_of(installation, name).parent, Settings.model_fields
    values = {one: getattr(installation, one) for one in fields.keys() - OWN}
    values |= {one: fields[one].default for one in OWN - {"database_url"}}
    values |= {"database_url": "", "data_dir": installation.data_dir / "tenants" / name}
    values["tenant"] = name
    for variable, text in written.items():
        setting = _setting_of(variable)
        if text.strip():
            values[setting] = folder / text if _is_path(setting, text) else text
        elif setting not in OWN:
            values[setting] = fields[setting].default
    return values


def _setting_of(variable: str) -> str:
    setting = variable.removeprefix(_PREFIX).lower()
    if not variable.startswith(_PREFIX) or setting not in Settings.model_fields:
        raise ValueError(f"{variable} is no setting")
    if setting in OF_INSTALLATION:
        raise ValueError(
            f"{variable} is the same for all networks. Set it for the installation, not here"
        )
    return setting


def _is_path(setting: str, text: str) -> bool:
    """Return whether a value is a path, which begins where the file of the network is."""
    is_provider = setting == "sms_provider" and text.endswith(".toml")
    return is_provider or Settings.model_fields[setting].annotation in (Path, Path | None)


def _claims(settings: Settings) -> set[tuple[str, str]]:
    """Return what only one network may have: its name for people, and what it is."""
    url = make_url(settings.url).set(password="")
    keys = (
        *(
            ("a data key", key)
            for key in settings.data_keys.get_secret_value().replace(",", " ").split()
        ),
        ("the file of data keys", str(settings.data_keys_file or "")),
        ("the command for data keys", settings.data_keys_command),
        *(
            ("a secret key", key.get_secret_value())
            for key in (
                settings.secret_key,
                *settings.secret_key_fallbacks,
                *settings.audit_key_fallbacks,
            )
        ),
        ("a secret key", _stored(settings.key_file)),
        ("a data key", _stored(settings.stored_data_keys)),
    )
    return {
        *((f"the host {host}", host) for host in map(host_named, settings.hosts)),
        ("the database", f"{url.get_backend_name()} {url.render_as_string().partition(':')[2]}"),
        ("the data folder", str(settings.data_dir.resolve())),
        *((what, value) for what, value in keys if value),
    }


def _stored(key_file: Path) -> str:
    try:
        return key_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return ""


def _clash(
    installation: Settings, settings: Settings, claims: Mapping[tuple[str, str], int]
) -> BadTenant | None:
    """Return why a network cannot be told from the others."""
    file = file_of(installation, settings.tenant)
    if not settings.hosts:
        reason = "it names no host. Set OPENSLOT_PUBLIC_URL, or OPENSLOT_TRUSTED_HOSTS"
        return BadTenant(file=file, reason=reason)
    shared = sorted(what for what, value in _claims(settings) if claims[what, value] > 1)
    if not shared:
        return None
    return BadTenant(file=file, reason=f"{shared[0]} is that of another network too")
