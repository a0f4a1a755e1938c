"""What is shipped for Prometheus and Grafana asks for metrics that there are, and alerts as it says."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from plugin.common.clock import utc_now
from plugin.ledger import Ledger
from plugin.web.metrics import Metrics
from tests.deploy.tools import program
from tests.plugin.events.support import SETTINGS
from tests.support.databases import migrate

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus-rules.yaml"
DASHBOARD = ROOT / "deploy" / "grafana-dashboard.json"
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
#: What the client library adds to the names of counters and histograms.
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


@pytest.fixture
def there(tmp_path: Path) -> set[str]:
    """Every series that /metrics may hold."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate(ledger)
    families = list(Metrics(ledger, SETTINGS, utc_now)._registry.collect())
    ledger.close()
    return {f"{family.name}{suffix}" for family in families for suffix in SUFFIXES.get(family.type, ("",))}


def asked_for(expressions: str) -> set[str]:
    return set(re.findall(r"\b(?:optout|process)_\w+", expressions))


def test_alerts_are_about_metrics_that_there_are(there: set[str]) -> None:
    text = RULES.read_text(encoding="utf-8")
    asked = asked_for("\n".join(re.findall(r"^ +expr: (.+)$", text, re.MULTILINE)))
    assert len(asked) >= 7
    assert asked - there == set()


def test_the_dashboard_shows_metrics_that_there_are_and_every_one_of_the_ledger(there: set[str]) -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    asked = asked_for("\n".join(target["expr"] for panel in panels for target in panel["targets"]))
    assert asked - there == set()
    ours = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in there if name.startswith("optout_")}
    assert ours - {re.sub(r"_(bucket|count)$", "", name) for name in asked} == set()
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_remedies_name_commands_that_the_page_explains() -> None:
    named = set(re.findall(r"optout [a-z]+(?: [a-z]+)?", " ; ".join(re.findall(r'remedy: "(.+)"', RULES.read_text()))))
    assert {one for one in named if one not in PAGE} == set()


def test_promtool_takes_the_rules_and_they_alert_as_the_examples_say() -> None:
    promtool = program("promtool", "prometheus")
    for command in (["check", "rules", RULES], ["test", "rules", RULES.with_suffix(".test.yaml")]):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
