"""Rule: the dashboard and the alerts use metrics that there are, and each alert has its page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from openslot.core.db import Database
from openslot.entrypoints import measuring

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"\bopenslot_\w+")


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((ROOT / "deploy/prometheus-rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> list[str]:
    """The expressions of the alerts and of the dashboard."""
    dashboard = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return [*shown, *(alert["expr"] for alert in alerts())]


def anchor(heading: str) -> str:
    return re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-"))


@pytest.fixture
def exported(sqlite_database: Database) -> set[str]:
    """The names of all metrics, with the parts of histograms."""
    found = set()
    for line in measuring.text({"": sqlite_database}).decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            parts = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            found |= {name + part for part in parts}
    return {name for name in found if not name.endswith("_created")}


def test_dashboard_alerts_and_page_name_the_metrics_that_there_are(exported: set[str]) -> None:
    named = {name for text in expressions() for name in NAME.findall(text)}
    assert named == exported, "a metric that nobody looks at is not needed"
    page = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    described = set(NAME.findall(page))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported}
    assert described == families


def test_each_alert_leads_to_what_to_do() -> None:
    for alert in alerts():
        document, _, section = alert["annotations"]["runbook"].partition("#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / document).read_text(encoding="utf-8"), re.M)
        assert section in map(anchor, headings), alert["alert"]
