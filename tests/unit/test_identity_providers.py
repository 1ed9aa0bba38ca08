"""The file of identity providers: a wrong one stops the start with a sentence that names it."""

import os
import time
from pathlib import Path

import click
import pytest

from openslot.core.config import Settings
from openslot.entrypoints.cli.deployment import Deployment
from openslot.identity.providers import BadProviders, providers_of

GOOD = """
[hospital]
label = "Banksia Health"
issuer = "https://login.banksia.example/realms/staff"
client_id = "openslot"
"""


def read(tmp_path: Path, text: str) -> str:
    """Return what is wrong with a file; empty if nothing is."""
    file = tmp_path / f"providers-{len(list(tmp_path.iterdir()))}.toml"
    file.write_text(text)
    settings = Settings(
        _env_file=None, identity_providers=file, public_url="https://openslot.example"
    )
    try:
        providers_of(settings)
    except BadProviders as error:
        return str(error)
    return ""


def test_a_wrong_line_is_named(tmp_path: Path) -> None:
    desk = '[[hospital.groups]]\nname = "desk"\n'
    assert read(tmp_path, GOOD) == ""
    assert (
        read(tmp_path, GOOD.replace("https://login.banksia.example", "http://localhost:8080")) == ""
    )
    assert read(tmp_path, f"{GOOD}makes_accounts = true\n{desk}centre = 1") == ""
    for wrong, sentence in (
        (GOOD.replace("https", "http"), "https://"),
        (GOOD.replace("/realms/staff", "/?realm=staff"), "without ?"),
        (GOOD.replace("[hospital]", '["../x"]'), "small letters"),
        (GOOD + GOOD.replace("hospital", "clinic"), "two providers have the same issuer"),
        (GOOD + 'roles = ["patient"]', "patients sign in here"),
        (GOOD + 'roles = ["nurse"]', "'nurse' is none of"),
        (GOOD + 'algorithms = ["HS256"]', "hospital.algorithms"),
        (GOOD + 'algorithms = ["none"]', "algorithms"),
        (GOOD + 'scopes = ["email"]', "scopes must have openid"),
        (GOOD + 'client_secret_variable = "NO_SUCH_VARIABLE"', "NO_SUCH_VARIABLE is not set"),
        (GOOD + 'client_secret_file = "/no/such/file"', "/no/such/file"),
        (GOOD + 'client_secret = "in the open"', "hospital.client_secret: Extra inputs"),
        (GOOD + "makes_accounts = true", "need groups"),
        (GOOD + desk, "have a centre"),
        (GOOD + desk + 'role = "centre-admin"\ncentre = 1', "not among the roles"),
        (GOOD + desk + 'role = "practitioner"', "role"),
        ("hospital = 1", "hospital"),
        ("[hospital", "providers"),
    ):
        assert sentence in read(tmp_path, wrong), wrong


def test_a_change_counts_once_it_is_written_and_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "providers.toml"
    settings = Settings(identity_providers=file, public_url="https://openslot.example")

    def labels(text: str, *, at: float) -> list[str]:
        file.write_text(text)
        os.utime(file, (at, at))
        return [one.label for one in providers_of(settings).values()]

    now = time.time()
    changed = GOOD.replace("Banksia", "Waratah")
    assert labels(GOOD, at=now) == ["Banksia Health"], "the first is read at once"
    assert labels(changed, at=now + 60 * 60) == ["Waratah Health"], "a clock may be wrong"
    assert labels("", at=time.time()) == ["Waratah Health"], "it is being written"
    assert labels("[hospital", at=now - 7) == ["Waratah Health"], "it cannot be used"
    assert labels(GOOD, at=now - 6) == ["Banksia Health"]
    file.unlink()
    assert providers_of(settings)


def test_a_wrong_file_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENSLOT_IDENTITY_PROVIDERS", str(tmp_path / "none.toml"))
    with pytest.raises(click.ClickException, match="OPENSLOT_PUBLIC_URL is missing"):
        _ = Deployment().settings
    monkeypatch.setenv("OPENSLOT_PUBLIC_URL", "https://openslot.example")
    with pytest.raises(click.ClickException, match=r"IDENTITY_PROVIDERS: .*none\.toml"):
        _ = Deployment().settings
