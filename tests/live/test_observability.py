"""A second process looks at a real daemon as Prometheus would; and its journal is what the schema says."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from domain.records import ENTRIES, AnyEntry, type_of
from journal.reader_io import read_records
from journal.record import STEP, canonical
from tests.live.stage import Stage, playing

TYPES = {type_of(entry) for entry in ENTRIES}


class Acted(msgspec.Struct):
    actions: list[msgspec.Raw]


class Kind(msgspec.Struct):
    kind: str


@pytest.mark.step("A11", "O05")
def test_a_running_daemon_is_seen_to_run_and_a_stopped_one_is_not(tmp_path: Path) -> None:
    with playing(Stage(tmp_path / "state", period_s=24)) as stage:
        stage.until_quoting()
        asked = ("verify-observability", "--json", "--config", str(stage.config))
        seen = stage.ladderd(*asked, "--seconds", "60")
        told = json.loads(seen.stdout)
        assert (seen.returncode, [one for one in told["findings"] if not one["ok"]]) == (0, [])
        seen_to_rise = {one["what"] for one in told["findings"]}
        assert {"order_proposals_total rises", "marketdata_ticks_total rises"} <= seen_to_rise
        stage.processes["daemon"].send_signal(signal.SIGSTOP)
        frozen = stage.ladderd(*asked, "--seconds", "2")
        stage.processes["daemon"].send_signal(signal.SIGCONT)
        failed = {one["what"] for one in json.loads(frozen.stdout)["findings"] if not one["ok"]}
        assert frozen.returncode == 1
        assert {"OpenMetrics page", "text page", "/ops/status"} <= failed
        wrong = stage.ladderd("verify-observability", "--seconds", "2", "--http", stage.addresses["exchange"])
        assert wrong.returncode == 1, "the simulated exchange is no daemon"
        assert stage.stop(signal.SIGTERM) == 0
        assert stage.ladderd(*asked, "--seconds", "2").returncode == 69
    kinds = journal_validates(stage.state_dir)
    assert {"order_created", "order_acked", "risk_decision", "window_phase", "time_to_flat"} <= set(kinds)


def journal_validates(state_dir: Path) -> Counter[str]:
    """Every record stands in its step just as its struct says: no key more, none less; and on no line of its own."""
    kinds = Counter[str]()
    for record in read_records(state_dir):
        assert record.type == STEP
        for action in msgspec.json.decode(record.payload, type=Acted).actions:
            if msgspec.json.decode(action, type=Kind).kind in TYPES:
                entry = msgspec.json.decode(action, type=AnyEntry)
                assert canonical(entry) == bytes(action)
                kinds[type_of(type(entry))] += 1
    assert kinds
    return kinds
