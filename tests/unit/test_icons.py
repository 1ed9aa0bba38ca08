"""The icon sprite holds exactly the icons in use."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/build_icons.py"
BUILD = runpy.run_path(str(SCRIPT))
SPRITE = ROOT / "src/openslot/entrypoints/web/static/icons.svg"


def test_every_icon_in_use_is_in_the_sprite() -> None:
    drawn = set(re.findall(r'<symbol[^>]* id="([^"]+)"', SPRITE.read_text(encoding="utf-8")))
    assert set(BUILD["names_in_use"]()) == drawn


def test_the_sprite_is_not_stale() -> None:
    checked = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_same_names_give_the_same_bytes() -> None:
    names = ["arrow-left", "clock"]
    assert BUILD["sprite"](names) == BUILD["sprite"](names)


def test_an_unknown_icon_is_refused() -> None:
    with pytest.raises(KeyError, match="no-such-icon"):
        BUILD["sprite"](["no-such-icon"])


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("{{ icon('search') }}", ["search"]),
        ("{{ icon('arrow-left', flip=True) }}", ["arrow-left"]),
        ("{{ icon('star' if kept == 'yes' else 'star-fill') }}", ["star", "star-fill"]),
        ("{% call fact('geo-alt') %}", ["geo-alt"]),
        ("{{ avatar(name, square_icon='hospital') }}", ["hospital"]),
        ("{'class': 'held', 'icon': 'clock', 'words': _('Held')}", ["clock"]),
        ('<link rel="icon" href="favicon.svg">', []),
        ("{{ icon(picture) }}", []),
    ],
)
def test_names_are_found_where_they_stand(tmp_path: Path, source: str, names: list[str]) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/page.html").write_text(source, encoding="utf-8")
    assert BUILD["names_in_use"](tmp_path) == names


def test_names_in_modules_are_found(tmp_path: Path) -> None:
    (tmp_path / "pages.py").write_text('Tab(url, icon="people", label=_("Patients"))')
    assert BUILD["names_in_use"](tmp_path) == ["people"]
