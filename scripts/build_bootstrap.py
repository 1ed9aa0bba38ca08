"""Cut Bootstrap's stylesheet to what pages use, out of Bootstrap-Flask's file.

    python scripts/build_bootstrap.py            write static/bootstrap.css
    python scripts/build_bootstrap.py --check    write nothing; exit 1 when the file is stale

A rule stays if every class that it names stands as a word in a template, script or module of the
pages, and a variable if something that stays uses it. A word that ends with a hyphen, as in
``text-bg-{{ kind }}``, keeps every class that begins with it.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import tinycss2

WEB = Path(__file__).resolve().parents[1] / "src/openslot/entrypoints/web"
SHEET = WEB / "static/bootstrap.css"
WORD = re.compile(r"[A-Za-z][\w-]*")
VARIABLE = re.compile(r"--bs-[\w-]+")
NOTICE = "/* Bootstrap, MIT licence, copyright The Bootstrap Authors; only what pages use. */\n"


def words(web: Path = WEB) -> frozenset[str]:
    """Every word that could be the name of a class in a page."""
    sources = [*web.glob("templates/**/*.html"), *web.glob("**/*.py"), *web.glob("static/*.js")]
    return frozenset(
        word for path in sources for word in WORD.findall(path.read_text(encoding="utf-8"))
    )


def sheet() -> str:
    """The stylesheet with the rules that are used."""
    package = files("flask_bootstrap") / "static/bootstrap5/css/bootstrap.min.css"
    rules = tinycss2.parse_stylesheet(
        package.read_text(encoding="utf-8"), skip_comments=True, skip_whitespace=True
    )
    own = "".join(
        path.read_text(encoding="utf-8") for path in sorted(WEB.glob("static/theme*.css"))
    )
    known = words()
    text = "".join(_kept(rules, known))
    while (shorter := _without_unused(text, own)) != text:
        text = shorter
    return NOTICE + text.replace("}", "}\n") + "\n"


def _kept(rules: Iterable[Any], known: frozenset[str]) -> Iterator[str]:
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [one for one in _selectors(rule.prelude) if _is_used(one, known)]
            if selectors:
                yield f"{','.join(selectors)}{{{_text(rule.content)}}}"
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            body = "".join(_kept(inner, known))
            if body:
                yield f"@{rule.at_keyword}{_text(rule.prelude)}{{{body}}}"


def _selectors(prelude: Iterable[Any]) -> Iterator[str]:
    """Yield the selectors of a rule; commas inside brackets belong to one of them."""
    current: list[Any] = []
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            yield _text(current).strip()
            current = []
        else:
            current.append(token)
    yield _text(current).strip()


def _is_used(selector: str, known: frozenset[str]) -> bool:
    # What a page must not have is no reason for the rule to go.
    classes = re.findall(r"\.([A-Za-z][\w-]*)", re.sub(r":not\([^)]*\)", "", selector))
    return all(name in known or _begins(name, known) for name in classes)


def _begins(name: str, known: frozenset[str]) -> bool:
    parts = name.split("-")
    return any("-".join(parts[:count]) + "-" in known for count in range(1, len(parts)))


def _without_unused(text: str, own: str) -> str:
    """Leave out the variables that nothing reads."""
    read = set(re.findall(r"var\((--bs-[\w-]+)", text + own))

    def keep(match: re.Match[str]) -> str:
        return match[0] if match[1] in read else ""

    return re.sub(r"(--bs-[\w-]+):(?:[^;{}\"]|\"[^\"]*\")*;?", keep, text)


def _text(tokens: Iterable[Any]) -> str:
    return str(tinycss2.serialize(list(tokens)))


def main() -> int:
    """Write or check the stylesheet; 0 when it is right, 1 with a sentence when it is not."""
    parser = argparse.ArgumentParser(description="Cut Bootstrap's stylesheet.")
    parser.add_argument("--check", action="store_true", help="only say whether it is stale")
    wanted = sheet()
    if not parser.parse_args().check:
        SHEET.write_text(wanted, encoding="utf-8")
    elif not SHEET.exists() or SHEET.read_text(encoding="utf-8") != wanted:
        print("static/bootstrap.css is stale: run python scripts/build_bootstrap.py.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
