"""What tests have in common in which many do something at once."""

import pytest

from openslot.core import db, servers


@pytest.fixture(autouse=True)
def nobody_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wins does not depend on how long others wait, while on a busy machine some of 32 could
    be refused as Busy, which is right but says nothing about the rule."""
    monkeypatch.setattr(db, "PATIENCE", 60.0)
    monkeypatch.setattr(servers, "FREE_WITHIN", 60)
