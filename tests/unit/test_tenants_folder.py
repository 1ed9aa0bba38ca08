"""The folder of networks: what each has of its own, what all share, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from engines import DATA_KEY
from openslot.core import tenants
from openslot.core.config import Settings
from openslot.core.tenants import OF_INSTALLATION, OWN, BadTenant, Folder, NoTenants

Write = Callable[..., None]

SHARED_SECRETS = {"smtp_password", "sms_password"}
"""Secrets that open a mail or SMS provider, which networks may share."""


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation with settings that networks inherit, and such that they must not."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://everybody@db/all")
    monkeypatch.setenv("OPENSLOT_PUBLIC_URL", "https://all.example")
    monkeypatch.setenv("OPENSLOT_SECRET_KEY", "of the installation")
    monkeypatch.setenv("OPENSLOT_WEBHOOK_NETWORKS", "10.0.0.0/8")
    monkeypatch.setenv("OPENSLOT_SMTP_HOST", "mail.example")
    monkeypatch.setenv("OPENSLOT_HOLD_MINUTES", "7")
    (tmp_path / "tenants").mkdir()
    return Settings(_env_file=None, tenants=tmp_path / "tenants", data_dir=tmp_path / "data")


@pytest.fixture
def write(installation: Settings) -> Write:
    def write(name: str, *lines: str, host: str | None = None) -> None:
        address = f"OPENSLOT_PUBLIC_URL=https://{host or name}.example"
        text = "\n".join([address, *lines])
        tenants.file_of(installation, name).write_text(text)

    return write


def test_a_network_has_what_differs_and_nothing_that_opens_another(
    installation: Settings, write: Write, tmp_path: Path
) -> None:
    write("alder", "OPENSLOT_HOLD_MINUTES=9", "OPENSLOT_IDENTITY_PROVIDERS=alder.toml")
    write("birch", "OPENSLOT_SMTP_HOST=' '", "OPENSLOT_DATA_KEYS_FILE=' '")
    found = tenants.read(installation)
    alder, birch = found.of("alder"), found.of("birch")
    assert (alder.hold_minutes, birch.hold_minutes) == (9, 7)
    assert (alder.smtp_host, birch.smtp_host) == ("mail.example", "")
    assert alder.identity_providers == tmp_path / "tenants/alder.toml"
    for one in (alder, birch):
        assert one.data_dir == tmp_path / "data/tenants" / one.tenant
        assert one.url == f"sqlite:///{one.data_dir}/openslot.sqlite3"
        assert one.secret_key == SecretStr("")
        assert one.data_keys == SecretStr("")
        assert one.webhook_networks == ()
        assert one.hosts == (f"{one.tenant}.example",), "this machine's own are nobody's"
    assert alder.key() != birch.key()
    assert alder.encryption_keys.names.isdisjoint(birch.encryption_keys.names)
    assert found.by_host == {"alder.example": "alder", "birch.example": "birch"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["OPENSLOT_TRUSTED_PROXIES=1"], "OPENSLOT_TRUSTED_PROXIES is the same for all networks"),
        (["OPENSLOT_METRICS_TOKEN=a"], "OPENSLOT_METRICS_TOKEN is the same for all networks"),
        (["OPENSLOT_HOLD_MINUTE=5"], "OPENSLOT_HOLD_MINUTE is no setting"),
        (["PATH=/tmp"], "PATH is no setting"),
        (["OPENSLOT_HOLD_MINUTES=500"], "OPENSLOT_HOLD_MINUTES: Input should be less"),
        (["OPENSLOT_DATABASE_URL=nonsense"], "OPENSLOT_DATABASE_URL is no address"),
        (["OPENSLOT_PUBLIC_URL="], "it names no host"),
        (["OPENSLOT_PUBLIC_URL=https://[::1"], "Invalid IPv6 URL"),
        (["OPENSLOT_DATA_DIR=loop"], "Symlink loop"),
        (["OPENSLOT_TRUSTED_HOSTS=a.example,.example"], ".example is no host name"),
        (["OPENSLOT_DATABASE_URL='postgresql://a:x@db/d"], "line 2 cannot be read"),
        (["OPENSLOT_DATA_KEYS_FILE=a\0b"], "line 2 cannot be read"),
        (["OPENSLOT_TRUSTED_HOSTS=x.example,BIRCH.example."], "the host birch.example is that of"),
        (["OPENSLOT_SECRET_KEY_FALLBACKS=of birch"], "a secret key is that of another"),
        ([f"OPENSLOT_DATA_KEYS={'x' * 43},{DATA_KEY}"], "a data key is that of another"),
        (["OPENSLOT_DATA_DIR=../birch"], "the data folder is that of another"),
        (["OPENSLOT_DATABASE_URL=postgresql://a:x@db/c"], "the database is that of another"),
    ],
)
def test_what_would_let_networks_meet_is_refused_by_name(
    installation: Settings, write: Write, lines: list[str], said: str
) -> None:
    write(
        "birch",
        "OPENSLOT_SECRET_KEY=of birch",
        f"OPENSLOT_DATA_KEYS={DATA_KEY}",
        "OPENSLOT_DATA_DIR=../birch",
        "OPENSLOT_DATABASE_URL=postgres://a:y@db/c",
    )
    write("alder", *lines)
    write("cedar")
    assert installation.tenants
    (installation.tenants / "loop").symlink_to("loop")
    found = tenants.read(installation)
    with pytest.raises(BadTenant, match=r"alder\.env cannot be used") as refused:
        found.of("alder")
    assert said in str(refused.value)
    assert "of birch" not in str(refused.value)
    assert "cedar" in found.settings, "others go on"


def test_files_with_other_names_are_told(installation: Settings, write: Write) -> None:
    write("Alder", host="alder")
    write(".draft", host="alder")
    assert list(tenants.read(installation).faults) == ["Alder"]


def test_a_folder_that_is_gone_changes_nothing(
    installation: Settings, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenants, "LOOKS_EVERY", 0.0)
    write("alder")
    folder = Folder(installation)
    before = folder.tenants()
    assert installation.tenants
    installation.tenants.rename(installation.tenants.with_name("away"))
    assert folder.tenants() is before
    with pytest.raises(NoTenants):
        Folder(installation)
    installation.tenants.with_name("away").rename(installation.tenants)
    write("birch")
    after = folder.tenants()
    assert sorted(after.settings) == ["alder", "birch"]
    assert after.settings["alder"] is before.settings["alder"]


def test_secrets_and_places_are_sorted_by_who_may_have_them() -> None:
    """A new one has to be, too: what is in neither set is inherited by all."""
    fields = Settings.model_fields
    assert fields.keys() >= OWN | OF_INSTALLATION
    assert not OWN & OF_INSTALLATION
    delicate = {
        name
        for name, field in fields.items()
        if "SecretStr" in str(field.annotation) or "Path" in str(field.annotation)
    }
    assert delicate - OWN - OF_INSTALLATION == SHARED_SECRETS
