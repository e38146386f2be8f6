from __future__ import annotations

import json
import math
import shutil
import subprocess

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics

from domain.counts import Counted
from domain.metrics import Metric, MetricKind
from ops.metrics.families import COUNTED, REJECTED, json_parts, openmetrics_parts
from ops.metrics.view import Runtime, View
from ops.status import BreakerView
from tests.ops.metrics.made import folding, samples, text_of, view
from tests.ops.pictures import TARGET_NS, picture

RUNTIME = Runtime(
    {"urgent": 2, "facts": 3, "latest": 4}, 0.75, 3, 99, {"massive": 2}, {"sigusr1": 1.5e9}, {"origin": 5},
    {"massive": {"duplicate": 7, "malformed": 0}, "exchange": {"gap": 1}},
)  # fmt: skip


def test_every_metric_of_the_list_is_rendered_and_no_other() -> None:
    metrics, _ = folding()
    found = [family.name for family in metrics.collect(view(RUNTIME))]
    assert len(set(found)) == len(found)
    ours = {name for name in found if not name.startswith("process_")}
    assert ours == {metric.value.name for metric in Metric}


@pytest.mark.parametrize(("metric", "count"), list(COUNTED.items()))
def test_what_the_engine_counts_is_told(metric: Metric, count: Counted) -> None:
    assert samples(view())[f"{metric.value.name}_total", ()] == 1_000 + count


@pytest.mark.step("K29")
def test_providers_are_told_by_their_share_of_the_session() -> None:
    found = samples(view())
    assert found["ladderd_provider_looks_today", (("provider", "primary"),)] == 300
    assert found["ladderd_provider_success_ratio", (("provider", "primary"),)] == pytest.approx(299 / 300)
    assert found["ladderd_provider_success_ratio", (("provider", "exchange"),)] == 1
    assert found["ladderd_fallbacks_today", ()] == 2


def test_ticks_are_told_together_and_by_feed_and_those_refused_by_reason() -> None:
    found = samples(view())
    assert found["marketdata_ticks_total", ()] == 2_001
    assert found["ladderd_feed_ticks_total", (("feed", "primary"),)] == 8_123
    for reason, count in REJECTED.items():
        assert found["ladderd_ticks_rejected_total", (("reason", reason),)] == 1_000 + count


def test_every_count_of_the_engine_has_a_metric() -> None:
    shown = {*COUNTED.values(), *REJECTED.values(), Counted.TICKS_PRIMARY, Counted.TICKS_SECONDARY}
    assert shown == set(Counted)


def test_what_the_shell_knows_is_told() -> None:
    found = samples(view(RUNTIME))
    assert found["agent_start_total", ()] == 1
    assert found["errors_total", ()] == 3
    assert found["ladderd_journal_records_total", ()] == 99
    assert found["ladderd_reconnects_total", (("socket", "massive"),)] == 2
    assert found["ladderd_http_refused_total", (("reason", "origin"),)] == 5
    assert found["ladderd_frames_passed_over_total", (("socket", "massive"), ("why", "duplicate"))] == 7
    assert found["ladderd_frames_passed_over_total", (("socket", "massive"), ("why", "malformed"))] == 0
    assert found["ladderd_frames_passed_over_total", (("socket", "exchange"), ("why", "gap"))] == 1
    assert found["runtime_bus_depth", (("lane", "facts"),)] == 3
    assert found["ladderd_inbox_oldest_age_seconds", ()] == 0.75
    assert found["control_last_proven_timestamp_seconds", (("control", "sigusr1"),)] == 1.5e9


def test_what_was_never_seen_is_infinitely_old() -> None:
    series = tuple(
        msgspec.structs.replace(one, freshness=msgspec.structs.replace(one.freshness, age_ns=None, age_ms=None))
        for one in picture().series
    )
    found = samples(View(picture(series=series), ()))
    assert found["ladderd_index_age_seconds", (("series", "INXU"),)] == math.inf
    assert found["ladderd_marketdata_age_seconds", ()] == math.inf
    assert found["heartbeat_age_seconds", ()] == math.inf


def test_a_breaker_that_trips_and_a_model_in_doubt_move_their_metrics() -> None:
    calm = samples(view())
    assert calm["ladderd_breaker_tripped", (("breaker", "forecast_error"),)] == 0
    assert calm["ladderd_model_doubted", ()] == 0
    tripped = BreakerView("forecast_error", "mean abs z 1.100", "0.62 to 1", "volatility is asked too low")
    loud = samples(view(breakers=(tripped,), breaker_warning="mean abs z 0.93 over 240 events"))
    assert loud["ladderd_breaker_tripped", (("breaker", "forecast_error"),)] == 1
    assert loud["ladderd_model_doubted", ()] == 1


def test_base_units_and_states() -> None:
    found = samples(view())
    assert found["ladderd_index_age_seconds", (("series", "INXU"),)] == pytest.approx(0.3124)
    assert found["ladderd_gate_state", (("gate", "freshness"), ("series", "INXU"))] == 1
    assert found["ladderd_seconds_to_freeze", (("series", "INXU"),)] == 298
    assert found["ops_window_target_unix", (("series", "INXU"),)] == TARGET_NS / 1e9
    assert found["ops_window_cancel_buffer_seconds", (("series", "INXU"),)] == 2
    assert found["active_feed", (("feed", "primary"), ("series", "INXU"))] == 1
    assert found["active_feed", (("feed", "secondary"), ("series", "INXU"))] == 0


def test_money_is_told_by_series_and_positions_by_strike_drawn_as_a_rung_or_not() -> None:
    found = samples(view())
    assert found["ladderd_realised_dollars", (("series", "NASDAQ100U"),)] == -0.26
    assert found["ladderd_unrealised_dollars", (("series", "INXU"),)] == 0.082
    assert found["ladderd_exposure_dollars", (("series", "INXU"),)] == 3.1
    assert found["ladderd_position_contracts", (("series", "INXU"),)] == 6
    far = (("series", "INXU"), ("strike", "6680"), ("ticker", "KXINXU-26MAR0610-T6680"))
    assert found["ladderd_held_contracts", far] == 5
    assert "KXINXU-26MAR0610-T6680" not in {rung.ticker for rung in picture().ladder}


def test_of_many_positions_the_64_largest_are_told() -> None:
    one = picture().holdings[0]
    held = tuple(msgspec.structs.replace(one, ticker=f"KXINXU-T{n:03}", strike=None, count=n) for n in range(1, 101))
    found = [dict(labels) for name, labels in samples(view(holdings=held)) if name == "ladderd_held_contracts"]
    assert {labels["ticker"] for labels in found} == {f"KXINXU-T{n:03}" for n in range(37, 101)}
    assert not [labels for labels in found if "strike" in labels], "not known: no label"


def test_no_label_is_ever_empty() -> None:
    found = samples(view(RUNTIME))
    assert found["ladderd_gate_state", (("gate", "kill_switch"),)] == 1
    assert found["ladderd_gate_state", (("gate", "volatility_index"),)] == 3
    assert b'=""' not in text_of(view(RUNTIME))


def test_seconds_to_cancel_stop_at_zero() -> None:
    series = tuple(msgspec.structs.replace(one, seconds_to_freeze=-1.25) for one in picture().series)
    found = samples(view(series=series))
    assert found["ops_seconds_to_cancel", (("series", "INXU"),)] == 0
    assert found["ladderd_seconds_to_freeze", (("series", "INXU"),)] == -1.25


def test_json_says_the_same_and_is_valid_json() -> None:
    metrics, _ = folding()
    seen = view(RUNTIME)
    document = json.loads(b"".join(json_parts(metrics.collect(seen))))["metrics"]
    flat = {
        (sample["name"], tuple(sorted(sample["labels"].items()))): sample["value"]
        for family in document.values()
        for sample in family["samples"]
    }
    for key, value in samples(seen, metrics).items():
        if not key[0].startswith("process_"):
            assert flat[key] == (value if math.isfinite(value) else None)


def test_openmetrics_is_one_document_that_its_own_parser_takes() -> None:
    metrics, _ = folding()
    body = b"".join(openmetrics_parts(metrics.collect(view(RUNTIME)))).decode()
    assert body.endswith("\n# EOF\n")
    assert body.count("# EOF") == 1
    read = {family.name: family for family in read_openmetrics(body)}  # type: ignore[no-untyped-call]  # the library's
    for metric in Metric:
        family = read[metric.value.name]
        assert family.type == metric.value.kind
        assert family.unit == ("" if metric.value.kind is MetricKind.COUNTER else metric.value.unit)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed here")
def test_promtool_finds_nothing_to_complain_about() -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text_of(view()), capture_output=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_no_name_has_two_types_and_every_family_has_help() -> None:
    lines = text_of(view()).decode().splitlines()
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    assert all(len(line.split(maxsplit=3)) == 4 for line in lines if line.startswith("# HELP"))
