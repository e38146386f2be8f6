from __future__ import annotations

import json
import math
import shutil
import subprocess

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ops.metrics.buckets import Buckets, SampleFold
from ops.metrics.families import json_parts, render_text
from ops.metrics.view import Runtime, View
from tests.ops.pictures import TARGET_NS, TASKS, aged, picture

REQUIRED = (
    *("agent_start_total", "errors_total", "heartbeat_age_seconds", "marketdata_ticks_total"),
    *("marketdata_stale_total", "strategy_cycles_total", "strategy_cycles_skipped_total", "order_proposals_total"),
    *("safety_halted_total", "active_feed", "ops_seconds_to_cancel", "agent_tick_duration_seconds_count"),
)


def view(runtime: Runtime | None = None, **changes: object) -> View:
    drawn = picture(**changes)
    fold = SampleFold()
    fold.observe(drawn.histograms, drawn.counters)
    return View(drawn, TASKS, runtime or Runtime(), fold.views(), fold.lost)


def samples(seen: View) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = render_text(seen).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("name", REQUIRED)
def test_the_required_names_are_there(name: str) -> None:
    assert name in {found for found, _ in samples(view())}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("starts", "agent_start_total"),
        ("errors", "errors_total"),
        ("ticks", "marketdata_ticks_total"),
        ("stales", "marketdata_stale_total"),
        ("strategy_cycles", "strategy_cycles_total"),
        ("strategy_cycles_skipped", "strategy_cycles_skipped_total"),
        ("proposals", "order_proposals_total"),
        ("halts", "safety_halted_total"),
        ("steps", "ladderd_steps_total"),
        ("fills", "ladderd_fills_total"),
    ],
)
def test_they_move_with_the_counters(key: str, name: str) -> None:
    assert samples(view(counters={key: 17}))[name, ()] == 17


def test_labelled_counters_keep_their_part_and_add_up_where_there_is_no_label() -> None:
    found = samples(
        view(counters={"places_refused:post_only": 2, "places_refused:closed": 1, "ticks:a": 3, "ticks:b": 4})
    )
    assert found["ladderd_orders_refused_total", (("reason", "post_only"),)] == 2
    assert found["ladderd_orders_refused_total", (("reason", "closed"),)] == 1
    assert found["marketdata_ticks_total", ()] == 7


def test_a_bare_key_is_the_sum_of_its_parts_and_is_not_added_to_them() -> None:
    found = samples(view(counters={"ticks": 7, "ticks:a": 3, "ticks:b": 4, "trips": 2, "trips:INXU": 2}))
    assert found["marketdata_ticks_total", ()] == 7
    assert found["ladderd_guard_trips_total", (("series", "INXU"),)] == 2
    assert ("ladderd_guard_trips_total", (("series", ""),)) not in found


def test_what_the_engine_does_not_count_is_worked_out_where_it_can_be() -> None:
    found = samples(view(counters={"orders_sent": 9}))
    assert found["agent_start_total", ()] == 1
    assert found["marketdata_ticks_total", ()] == 8123
    assert found["order_proposals_total", ()] == 9


def test_the_shell_counts_too() -> None:
    assert samples(view(Runtime(counters={"errors": 3}), counters={}))["errors_total", ()] == 3


def test_nothing_counted_is_hidden() -> None:
    assert samples(view(counters={"odd_thing": 5}))["ladderd_events_total", (("event", "odd_thing"),)] == 5


def test_what_was_never_seen_is_infinitely_old() -> None:
    found = samples(View(picture(series=aged(picture().series, None)), (), Runtime(), {}))
    assert found["ladderd_index_age_seconds", (("series", "INXU"),)] == math.inf
    assert found["ladderd_marketdata_age_seconds", ()] == math.inf
    assert found["heartbeat_age_seconds", ()] == math.inf


def test_base_units_and_states() -> None:
    found = samples(view())
    assert found["ladderd_index_age_seconds", (("series", "INXU"),)] == pytest.approx(0.3124)
    assert found["ladderd_realised_dollars", ()] == 1.24
    assert found["ladderd_gate_state", (("gate", "kill_switch"), ("series", ""))] == 1
    assert found["ladderd_gate_state", (("gate", "volatility_index"), ("series", ""))] == 3
    assert found["ladderd_seconds_to_freeze", (("series", "INXU"),)] == 298
    assert found["ops_window_target_unix", (("series", "INXU"),)] == TARGET_NS / 1e9
    assert found["ops_window_cancel_buffer_seconds", (("series", "INXU"),)] == 2
    assert found["active_feed", (("feed", "primary"), ("series", "INXU"))] == 1
    assert found["active_feed", (("feed", "secondary"), ("series", "INXU"))] == 0


def test_seconds_to_cancel_stop_at_zero() -> None:
    series = tuple(msgspec.structs.replace(one, seconds_to_freeze=-1.25) for one in picture().series)
    found = samples(view(series=series))
    assert found["ops_seconds_to_cancel", (("series", "INXU"),)] == 0
    assert found["ladderd_seconds_to_freeze", (("series", "INXU"),)] == -1.25


def test_proofs_come_from_counters_and_from_the_shell() -> None:
    found = samples(view(Runtime(proofs={"sigusr1": 1.5e9}), counters={"proven:kill_file": 1_700_000_000}))
    assert found["control_last_proven_timestamp_seconds", (("control", "kill_file"),)] == 1.7e9
    assert found["control_last_proven_timestamp_seconds", (("control", "sigusr1"),)] == 1.5e9


def test_histograms_from_samples_and_from_the_shell() -> None:
    steps = Buckets()
    for _ in range(3):
        steps.observe(0.00004)
    found = samples(view(Runtime(bus_depth={"urgent": 2}, histograms={"step_s": steps.view()})))
    assert found["agent_tick_duration_seconds_count", ()] == 3
    assert found["ladderd_step_seconds_bucket", (("le", "0.0001"),)] == 3
    assert found["runtime_bus_depth", (("lane", "urgent"),)] == 2
    flat = (("trigger", "scheduler_t_minus_2s"),)
    assert found["ladderd_time_to_flat_seconds_count", flat] == 2
    assert found["ladderd_time_to_flat_seconds_sum", flat] == pytest.approx(0.079)


def test_json_says_the_same_and_is_valid_json() -> None:
    seen = view(series=aged(picture().series, None))
    document = json.loads(b"".join(json_parts(seen)))["metrics"]
    flat = {
        (sample["name"], tuple(sorted(sample["labels"].items()))): sample["value"]
        for family in document.values()
        for sample in family["samples"]
    }
    for key, value in samples(seen).items():
        assert flat[key] == (value if math.isfinite(value) else None)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed here")
def test_promtool_finds_nothing_to_complain_about() -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=render_text(view()), capture_output=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_no_name_has_two_types_and_every_family_has_help() -> None:
    lines = render_text(view()).decode().splitlines()
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert all(len(line.split(maxsplit=3)) == 4 for line in lines if line.startswith("# HELP"))
