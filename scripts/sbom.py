"""Write docs/sbom.cdx.json (CycloneDX 1.6) and docs/licences.md from requirements.txt.

Versions, hashes and who needs what are those of the lock, licences those that the installed
packages declare. Nothing in the documents depends on the day or the machine. ``make lock`` calls
this.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BOM, PAGE = ROOT / "docs/sbom.cdx.json", ROOT / "docs/licences.md"

PACKAGE = re.compile(r"^(?P<name>[a-z0-9][\w.-]*)==(?P<version>[^\s;\\]+)")
ROOT_NAME = "openslot (pyproject.toml)"

LICENCES = {
    "blinker": "MIT",
    "brotlicffi": "MIT",
    "defusedxml": "PSF-2.0",
    "email-validator": "Unlicense",
    "flask-wtf": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "markdown-it-py": "MIT",
    "mdurl": "MIT",
    "pyasn1": "BSD-2-Clause",
    "pyasn1-modules": "BSD-2-Clause",
    "pyopenssl": "Apache-2.0",
    "pyrage": "MIT",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "segno": "BSD-3-Clause",
    "uharfbuzz": "Apache-2.0",
    "wtforms": "BSD-3-Clause",
}
"""Licences of packages that do not declare theirs by its SPDX name, as read in their files."""

SPDX = {"Apache-2.0", "BSD-3-Clause", "MIT"}
"""Texts of the field License that are SPDX names."""

HEAD = """# Licences

What OpenSlot installs to run, from `requirements.txt`. The [bill of materials](sbom.cdx.json)
(CycloneDX 1.6) has the hashes too. Pages also contain styles and icons of Bootstrap (MIT), and
records on paper letters of DejaVu (Bitstream Vera licence). `python scripts/sbom.py` writes this
page; `make lock` runs it.

| Package | Version | Licence | Needed by |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Package:
    """A package of the lock."""

    name: str
    version: str
    hashes: tuple[str, ...]
    needed_by: tuple[str, ...]

    @property
    def url(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"

    @property
    def licence(self) -> str:
        """The licence as an SPDX expression."""
        if self.name in LICENCES:
            return LICENCES[self.name]
        try:
            declared = metadata(self.name).json
        except PackageNotFoundError:
            raise SystemExit(
                f"Install {self.name}, or add its licence to scripts/sbom.py."
            ) from None
        found = declared.get("license_expression") or declared.get("license", "")
        if "license_expression" in declared or found in SPDX:
            return str(found)
        raise SystemExit(f"Add the licence of {self.name} to scripts/sbom.py.")


def packages() -> list[Package]:
    """The packages of the lock, in its order."""
    return list(_parsed((ROOT / "requirements.txt").read_text(encoding="utf-8")))


def _parsed(lock: str) -> Iterator[Package]:
    for block in re.split(r"\n(?=[a-z0-9])", lock):
        if named := PACKAGE.match(block):
            hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", block)
            _, _, via = block.partition("# via")
            parents = re.findall(r"^(?: +#)? +(\S.*)$", via, re.MULTILINE)
            yield Package(named["name"], named["version"], tuple(hashes), tuple(parents))


def bom() -> str:
    """The bill of materials."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = {
        "type": "application",
        "bom-ref": "openslot",
        "name": project["name"],
        "version": project["version"],
        "licenses": [{"expression": project["license"]}],
    }
    all_packages = packages()
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own},
        "components": [_component(package) for package in all_packages],
        "dependencies": list(_dependencies(all_packages)),
    }
    return json.dumps(document, indent=1) + "\n"


def _component(package: Package) -> Mapping[str, Any]:
    files = {
        "type": "distribution",
        "url": package.url,
        "hashes": [{"alg": "SHA-256", "content": content} for content in package.hashes],
    }
    return {
        "type": "library",
        "bom-ref": package.url,
        "name": package.name,
        "version": package.version,
        "purl": package.url,
        "licenses": [{"expression": package.licence}],
        "externalReferences": [files],
    }


def _dependencies(all_packages: list[Package]) -> Iterator[Mapping[str, Any]]:
    names = [(ROOT_NAME, "openslot"), *((package.name, package.url) for package in all_packages)]
    for name, reference in names:
        needed = [package.url for package in all_packages if name in package.needed_by]
        yield {"ref": reference, "dependsOn": needed}


def page() -> str:
    """The page of licences."""
    rows = (
        f"| {package.name} | {package.version} | {package.licence} | "
        f"{', '.join(parent.partition(' ')[0] for parent in package.needed_by)} |\n"
        for package in packages()
    )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    BOM.write_text(bom(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
