"""Cut the icon sprite: only the Bootstrap Icons that pages name, out of Bootstrap-Flask's file.

    python scripts/build_icons.py            write static/icons.svg
    python scripts/build_icons.py --check    write nothing; exit 1 when the file is stale

An icon is named in a template by ``icon('name')``, ``fact('name')`` or ``icon='name'`` (also
as a key of a dict), in Python by ``icon="name"``; ``'one' if … else 'other'`` names both.
The same names always give the same bytes.
"""

import argparse
import re
import sys
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

WEB = Path(__file__).resolve().parents[1] / "src/openslot/entrypoints/web"
SPRITE = WEB / "static/icons.svg"
CALL = re.compile(r"""\b(?:icon|fact)\(\s*([^,)]*)""")
NAMED = re.compile(r"""(?:\b|_)icon["']?\s*[=:]\s*([^,)}\n]*)""")
NAME = re.compile(r"""(?<![=!]=\s)["']([a-z0-9-]+)["']""")
SYMBOL = re.compile(r'<symbol[^>]*? id="([^"]+)".*?</symbol>', re.DOTALL)
NOTICE = "<!-- Bootstrap Icons, MIT licence, copyright The Bootstrap Authors -->"


def names_in_use(web: Path = WEB) -> list[str]:
    """Every icon that a template or module under ``web`` names, in order, once."""
    sources = sorted([*web.glob("templates/**/*.html"), *web.glob("*.py")])
    places = [place for path in sources for place in _places(path.read_text(encoding="utf-8"))]
    return sorted({name for place in places for name in NAME.findall(place)})


def bootstrap_symbols() -> dict[str, str]:
    """Every symbol of Bootstrap-Flask's own sprite, by name, as one line of SVG."""
    package = files("flask_bootstrap") / "static/bootstrap5/icons/bootstrap-icons.svg"
    found = SYMBOL.finditer(package.read_text(encoding="utf-8"))
    return {symbol[1]: _plain(symbol[0]) for symbol in found}


def sprite(names: Iterable[str]) -> str:
    """The SVG that holds these icons; an unknown name is a KeyError."""
    symbols = bootstrap_symbols()
    lines = [NOTICE, *(symbols[name] for name in names)]
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(lines) + "\n</svg>\n"


def main() -> int:
    """Write or check the sprite; 0 when it is right, 1 with a sentence when it is not."""
    parser = argparse.ArgumentParser(description="Cut the icon sprite.")
    parser.add_argument("--check", action="store_true", help="only say whether it is stale")
    check = parser.parse_args().check
    try:
        wanted = sprite(names_in_use())
    except KeyError as unknown:
        return _complain(f"Bootstrap Icons has no icon named {unknown}.")
    if not check:
        SPRITE.write_text(wanted, encoding="utf-8")
    elif not SPRITE.exists() or SPRITE.read_text(encoding="utf-8") != wanted:
        return _complain("static/icons.svg is stale: run python scripts/build_icons.py.")
    return 0


def _places(text: str) -> list[str]:
    return [*CALL.findall(text), *NAMED.findall(text)]


def _plain(symbol: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r' class="[^"]*"', "", symbol, count=1))


def _complain(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
