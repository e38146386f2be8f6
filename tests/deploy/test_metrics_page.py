"""docs/metrics.md tells what the rules, the list of metrics and the drill say, and leads where it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from domain.metrics import Metric, MetricKind
from tests.live.rule_faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")
RULES = (ROOT / "deploy" / "prometheus" / "ladderd.rules.yml").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")] for line in PAGE.splitlines() if line.startswith("| L")
]
ACTIONS = dict(re.findall(r'- alert: (\w+)\n(?:.*\n)*?.*action: "(.*)"', RULES))
# Trading hours, and a Prometheus without its job: no fault of a daemon makes them; they have tests of their own.
NOT_DRILLED = {"LadderdDown", "LadderdMissing"}


def test_every_rule_has_its_row_with_its_own_action() -> None:
    assert {row[0]: row[3] for row in ROWS} == ACTIONS
    assert len(ROWS) == len(ACTIONS)


def test_every_rule_but_those_named_has_a_fault_in_the_drill_and_the_page_names_it() -> None:
    faults = [(rule, fault.name) for fault in FAULTS for rule in fault.rules]
    assert len(dict(faults)) == len(faults), "one fault a rule"
    assert dict(faults).keys() == ACTIONS.keys() - NOT_DRILLED
    assert {row[0]: row[2] for row in ROWS if row[0] not in NOT_DRILLED} == dict(faults)


def test_the_page_names_the_rules_that_only_the_whole_drill_covers() -> None:
    told = PAGE.partition("Drilled by `make rules-drill` alone")[2].partition("\n\n")[0]
    assert set(re.findall(r"Ladderd\w+", told)) == {rule for fault in FAULTS if fault.long for rule in fault.rules}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_runbook_link_opens(row: list[str]) -> None:
    page, _, section = row[4].partition("(")[2].removesuffix(")").partition("#")
    text = (ROOT / "docs" / page).read_text("utf-8")
    assert not section or f"\n## {section}\n" in text


def test_every_metric_is_on_the_page() -> None:
    named = set(re.findall(r"`([a-z_]+)`", PAGE))
    for metric in Metric:
        name = metric.value.name + ("_total" if metric.value.kind is MetricKind.COUNTER else "")
        assert name in named
