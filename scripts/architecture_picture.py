"""Draw docs/pictures/layers.svg: the layers that import-linter keeps, and who uses whom.

Each row is a layer, and each column: a dot says that some module of
the row's layer imports some module of the column's. Both are read from the project itself.

python scripts/architecture_picture.py            draw
python scripts/architecture_picture.py --check    draw nothing; exit 1 when the picture is stale
"""

import argparse
import ast
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path
from textwrap import wrap

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src/openslot"
PICTURE = ROOT / "docs/pictures/layers.svg"

ROW, HEAD = 46, 118
BOX, CELL, LEFT = 520, 26, 12

STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #13242a }
    .name { font-weight: 700; font-size: 15px } .quiet { fill: #4b5c63; font-size: 12px }
    .box { fill: #e0f1f2; stroke: #0b5f6b } .dot { fill: #0b5f6b } .line { stroke: #d5dfe0 }
"""


def layers() -> list[list[str]]:
    """Rows of layers, highest first; those of one row never import each other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rows = project["tool"]["importlinter"]["contracts"][0]["layers"]
    return [[name.strip().removeprefix("openslot.") for name in row.split("|")] for row in rows]


@cache
def uses(layer: str) -> frozenset[str]:
    """The layers that modules of ``layer`` import."""
    found = {name for file in _files(layer) for name in _imports(file)}
    return frozenset(found - {layer})


def picture() -> str:
    """The whole picture as it should be."""
    rows = layers()
    flat = [layer for row in rows for layer in row]
    columns = {layer: LEFT + BOX + 14 + CELL * index for index, layer in enumerate(flat)}
    width = LEFT * 2 + BOX + 14 + CELL * len(flat)
    height = HEAD + ROW * len(flat) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-labelledby="title told">',
        '  <title id="title">The layers of OpenSlot, and which of them use which</title>',
        f'  <desc id="told">{escape(_told(flat))}</desc>',
        f"  <style>{STYLE}  </style>",
        f'  <rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>',
        '  <text x="12" y="28" class="name">A layer uses only what stands below it</text>',
        '  <text x="12" y="48" class="quiet">Features in one box stand beside each other and '
        "never meet. A dot: the row uses the column.</text>",
    ]
    parts += [_heading(layer, x) for layer, x in columns.items()]
    top = HEAD
    for row in rows:
        parts += list(_row(row, top, columns, width))
        top += ROW * len(row)
    return "\n".join(parts) + "\n</svg>\n"


def _row(row: list[str], top: int, columns: dict[str, int], width: int) -> Iterator[str]:
    height = ROW * len(row) - 6
    yield f'  <rect class="box" x="{LEFT}" y="{top}" width="{BOX}" height="{height}" rx="6"/>'
    for number, layer in enumerate(row):
        y = top + ROW * number
        yield f'  <text class="name" x="{LEFT + 12}" y="{y + 25}">{layer}</text>'
        lines = wrap(_purpose(layer), 62)[:2]
        for index, words in enumerate(lines):
            offset = 25 if len(lines) == 1 else 18 + 15 * index
            yield f'  <text class="quiet" x="{LEFT + 134}" y="{y + offset}">{escape(words)}</text>'
        middle = y + 20
        yield (
            f'  <line class="line" x1="{LEFT + BOX}" x2="{width - LEFT}" y1="{middle}" '
            f'y2="{middle}"/>'
        )
        for used in sorted(uses(layer), key=lambda name: columns.get(name, 0)):
            if used in columns:
                yield f'  <circle class="dot" cx="{columns[used] + 10}" cy="{middle}" r="5"/>'


def _heading(layer: str, x: int) -> str:
    place = f"translate({x + 14} {HEAD - 8}) rotate(-60)"
    return f'  <text class="quiet" transform="{place}">{layer}</text>'


def _told(flat: list[str]) -> str:
    return " ".join(
        f"{layer} uses {', '.join(sorted(uses(layer) & set(flat))) or 'nothing'}." for layer in flat
    )


def _purpose(layer: str) -> str:
    file = next(_files(layer))
    doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return doc.split("\n\n")[0].replace("\n", " ")


def _files(layer: str) -> Iterator[Path]:
    """A layer's modules; the one whose docstring says what it is for stands first."""
    folder = PACKAGE / layer
    if folder.is_dir():
        yield folder / "__init__.py"
        yield from sorted(folder.rglob("*.py"))
    else:
        yield PACKAGE / f"{layer}.py"


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("openslot."))


def main() -> None:
    """Draw, or only compare."""
    parser = argparse.ArgumentParser(description="Draw docs/pictures/layers.svg.")
    parser.add_argument("--check", action="store_true", help="exit 1 when the picture is stale")
    if not parser.parse_args().check:
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(picture(), encoding="utf-8")
    elif not PICTURE.exists() or PICTURE.read_text(encoding="utf-8") != picture():
        sys.exit("docs/pictures/layers.svg is stale: run python scripts/architecture_picture.py")


if __name__ == "__main__":
    main()
