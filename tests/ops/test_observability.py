"""What another daemon, a frozen one and a broken page look like from outside."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from domain.clock import NS_PER_S
from domain.metrics import REQUIRED, RISING, Metric, MetricKind
from domain.stamps import utc_ms_text
from ops.observability import Got, Observed, Scrape, Watch, all_hold, parse, sample_of

START_NS = 1_800_000_000 * NS_PER_S
Changes = Mapping[str, float | None]


def page(at_s: float, changes: Changes = {}, form: str = "OpenMetrics", build: str = "b1") -> str:  # noqa: B006 - read only
    """A page on which everything that traffic moves moves by one a second; `changes` by sample, None leaves it out."""
    values: dict[str, float | None] = {sample_of(one): 5.0 for one in (*REQUIRED, Metric.STEP, Metric.GATE_OPEN)}
    values |= {sample_of(one): 5.0 + at_s for one in (*RISING, Metric.STEP)}
    values |= changes
    lines = []
    for metric in (*REQUIRED, Metric.STEP, Metric.GATE_OPEN):
        value = values[sample_of(metric)]
        if value is None:
            continue
        named = metric.value
        suffix = "_total" if form == "text" and named.kind is MetricKind.COUNTER else ""
        lines.append(f"# TYPE {named.name}{suffix} {named.kind}")
        if named.kind is MetricKind.HISTOGRAM:
            lines += [f'{named.name}_bucket{{le="+Inf"}} {value}', f"{named.name}_sum 1.0"]
        lines.append(f"{sample_of(metric)} {value}")
    lines += ["# TYPE ladderd_build_info gauge", f'ladderd_build_info{{build_id="{build}",config_hash="c1"}} 1.0']
    return "\n".join([*lines, *(["# EOF"] if form == "OpenMetrics" else []), ""])


def status(at_s: float, **changes: object) -> str:
    told: dict[str, object] = {"service_name": "ladderd", "pid": 7, "build_id": "b1", "config_hash": "c1"}
    told["status"] = {"last_updated_utc": utc_ms_text(START_NS + int(at_s * NS_PER_S))}
    return msgspec.json.encode(told | changes).decode()


def look(at_s: float, changes: Changes = {}, **told: object) -> Scrape:  # noqa: B006 - read only
    return Scrape(
        START_NS + int(at_s * NS_PER_S),
        Got(200, page(at_s, changes)),
        Got(200, page(at_s, changes, "text")),
        Got(200, status(at_s, **told)),
    )


def watched(*looks: Scrape, pid: int | None = 7) -> Watch:
    watch = Watch(pid)
    for one in looks:
        watch.take(one)
    return watch


def wrong(watch: Watch) -> dict[str, str]:
    return {one.what: one.detail for one in watch.findings() if not one.ok}


def test_a_daemon_whose_counters_rise_is_proven_by_two_looks() -> None:
    watch = watched(look(0), look(1))
    assert watch.risen
    assert not watch.broken
    assert wrong(watch) == {}
    assert all_hold(watch.findings())


def test_one_look_proves_nothing_nor_does_none() -> None:
    assert not watched(look(0)).risen
    assert not all_hold(watched(look(0)).findings())
    assert not all_hold(Watch().findings())
    assert not all_hold(())


@pytest.mark.step("A11")
def test_a_page_that_stands_still_is_a_frozen_daemon() -> None:
    frozen = look(0)
    watch = watched(frozen, msgspec.structs.replace(frozen, utc_ns=START_NS + 2 * NS_PER_S))
    assert not watch.risen
    assert set(wrong(watch)) == {f"{sample_of(one)} rises" for one in RISING} | {"/ops/status moves"}
    later = msgspec.structs.replace(frozen, utc_ns=START_NS + 6 * NS_PER_S)
    assert wrong(watched(frozen, later))["/ops/status"] == "it is 6.0 s old"


@pytest.mark.step("A11")
@pytest.mark.parametrize("metric", RISING)
def test_a_single_counter_that_stands_still_is_named(metric: Metric) -> None:
    both = (metric, Metric.STEP) if metric is Metric.TICK_DURATION else (metric,)
    still: Changes = {sample_of(one): 5.0 for one in both}
    watch = watched(look(0, still), look(1, still), look(2, still))
    assert not watch.risen
    assert wrong(watch) == {f"{sample_of(metric)} rises": "5 -> 5: did not rise"}


def test_without_traffic_it_says_that_nothing_was_proven() -> None:
    shut: Changes = {sample_of(Metric.CYCLES): 5.0, sample_of(Metric.GATE_OPEN): 0.0}
    detail = wrong(watched(look(0, shut), look(1, shut)))[f"{sample_of(Metric.CYCLES)} rises"]
    assert "proves nothing" in detail


@pytest.mark.step("A11")
@pytest.mark.parametrize("metric", REQUIRED)
def test_a_required_name_that_is_missing_is_named_for_each_page(metric: Metric) -> None:
    gone = {sample_of(metric): None}
    watch = watched(look(0, gone), look(1, gone))
    assert watch.broken
    assert {f"{sample_of(metric)} (OpenMetrics)", f"{sample_of(metric)} (text)"} <= set(wrong(watch))


@pytest.mark.step("A11")
@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"status": Got(200, "<html>")}, "/ops/status"),
        ({"status": Got(404, "{}")}, "/ops/status"),
        ({"status": Got(200, status(0, service_name="grafana"))}, "/ops/status"),
        ({"status": Got(200, status(0, pid=8))}, "/ops/status"),
        ({"status": Got(200, status(0, build_id="b2"))}, "both pages are one daemon's"),
        ({"status": Got(200, status(-60))}, "/ops/status"),
        ({"openmetrics": Got(0, "no answer")}, "OpenMetrics page"),
        ({"openmetrics": Got(200, page(0, form="text"))}, "OpenMetrics page"),
        ({"openmetrics": Got(200, "<html>hello</html>")}, "OpenMetrics page"),
        ({"openmetrics": Got(200, "")}, "OpenMetrics page"),
        ({"text": Got(503, "busy")}, "text page"),
        ({"text": Got(200, "{not metrics")}, "text page"),
    ],
)
def test_what_answers_but_is_not_this_daemon_is_found_at_once(change: dict[str, Got], what: str) -> None:
    watch = watched(msgspec.structs.replace(look(0), **change))
    assert watch.broken
    assert what in wrong(watch)


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        ({}, {sample_of(Metric.ERRORS): 4.0}, "errors_total never falls"),
        ({sample_of(Metric.HEARTBEAT_AGE): 61.0}, {}, "heartbeat_age_seconds is young"),
        ({sample_of(Metric.HEARTBEAT_AGE): float("inf")}, {}, "heartbeat_age_seconds is young"),
        (
            {sample_of(Metric.STEP): 100.0},
            {sample_of(Metric.STEP): 101.0},
            "agent_tick_duration_seconds_count is the steps made",
        ),
    ],
)
def test_values_that_contradict_themselves_are_found(first: Changes, second: Changes, what: str) -> None:
    watch = watched(look(0, first), look(1, second))
    assert watch.broken
    assert set(wrong(watch)) == {what}


def test_steps_made_while_a_page_is_rendered_are_no_contradiction() -> None:
    later = [{sample_of(Metric.STEP): 252.0 + n, sample_of(Metric.TICK_DURATION): 255.0 + n} for n in (0, 3)]
    watch = watched(*(look(number, change) for number, change in enumerate(later)))
    assert not watch.broken


def test_a_kind_that_is_not_the_named_one_is_found() -> None:
    text = page(0).replace("# TYPE runtime_bus_depth gauge", "# TYPE runtime_bus_depth unknown")
    watch = watched(msgspec.structs.replace(look(0), openmetrics=Got(200, text)))
    assert wrong(watch)["runtime_bus_depth (OpenMetrics)"] == "is a unknown, not a gauge"


@pytest.mark.parametrize("text", ["{", "a{b", 'x{y="', "# TYPE a counter\na 1\n", "\x00"])
@pytest.mark.parametrize("form", ["OpenMetrics", "text"])
def test_garbage_is_refused_by_value_error_or_read(text: str, form: str) -> None:
    try:
        parse(text, form)
    except ValueError:
        return
    assert form == "text", "OpenMetrics ends in # EOF"


def test_a_finding_carries_its_own_verdict() -> None:
    good, bad = Observed(ok=True, what="a", detail=""), Observed(ok=False, what="b", detail="")
    assert all_hold((good,))
    assert not all_hold((good, bad))
