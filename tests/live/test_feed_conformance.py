"""The vendor's own client, unmodified, cannot tell the simulated feed from the real one; `sim feed` as a process."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.index_feed.tape import LiveTape
from tests.official import ROOT, environment

HERE = Path(__file__).resolve().parent
KEY = "TESTKEY"
SEED = 9
CADENCE_MS = 100
WITHIN_S = 60
SYMBOLS = ("I:SPX", "I:NDX")


def start(*arguments: str) -> tuple[subprocess.Popen[str], list[int]]:
    """Start `sim feed` on free ports and read them from its first lines."""
    command = [sys.executable, "-m", "sim", "feed", "--port", "0", "--port2", "0", "--api-key", KEY]
    command += ["--seed", str(SEED), "--cadence-ms", str(CADENCE_MS), *arguments]
    program = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.stdout is not None
    lines = [program.stdout.readline() for _ in range(2)]
    ports = [re.fullmatch(r"feed listening on ws://127\.0\.0\.1:(\d+)/indices\n", line) for line in lines]
    return program, [int(found[1]) for found in ports if found]


def end(program: subprocess.Popen[str]) -> tuple[int, str]:
    program.send_signal(signal.SIGTERM)
    _, errors = program.communicate(timeout=WITHIN_S)
    return program.returncode, errors


@pytest.fixture(scope="module")
def feed() -> Iterator[list[int]]:
    program, ports = start("--hours", "always")
    yield ports
    assert end(program) == (0, "")


def official(*arguments: str) -> Any:  # noqa: ANN401 - whatever the client found
    command = [sys.executable, str(HERE / "official_massive.py"), *arguments]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_both_hosts_are_listening(feed: list[int]) -> None:
    assert len(set(feed)) == 2


@pytest.mark.step("X06")
def test_values_and_bars_arrive_as_the_clients_own_models(feed: list[int]) -> None:
    found = official("stream", str(feed[0]), KEY, "3", "V.I:SPX", "V.I:NDX", "A.I:SPX")
    assert found["ended"] == "running"
    path = LiveTape(SEED, SYMBOLS, CADENCE_MS, 0.2, 1.0)
    values = [row for row in found["seen"] if row[1] == "V"]
    assert {row[2] for row in values} == set(SYMBOLS)
    for _, _, ticker, value, stamp in values:
        assert value == pytest.approx(path.value_at(ticker, stamp * 1_000_000) / 1e6, abs=1e-6)
    bars = [row for row in found["seen"] if row[1] == "A"]
    assert bars
    for _, _, ticker, official_open, opened, closed, high, low, begins, ends in bars:
        assert ticker == "I:SPX"
        assert low <= min(opened, closed) <= max(opened, closed) <= high
        assert (begins % 1_000, ends - begins) == (0, 1_000)
        assert official_open > 0


def test_everything_by_wildcard() -> None:
    # I:VIX, which is published too, comes too seldom to be seen or missed for sure in so short a time.
    program, ports = start(*(word for symbol in SYMBOLS for word in ("--symbol", symbol)))
    found = official("stream", str(ports[1]), KEY, "1.5", "V.*")
    end(program)
    assert {row[2] for row in found["seen"]} == set(SYMBOLS)


def test_unknown_topics_and_tickers_bring_nothing(feed: list[int]) -> None:
    found = official("stream", str(feed[0]), KEY, "1.5", "ZZ.I:SPX", "V.I:NOPE")
    assert found == {"ended": "running", "seen": []}


def test_a_wrong_key_is_an_auth_error(feed: list[int]) -> None:
    found = official("stream", str(feed[0]), "wrong", "5", "V.I:SPX")
    assert found["ended"] == "AuthError: authentication failed"


@pytest.mark.parametrize(
    ("plan", "ended", "channels"),
    [("basic", "AuthError: Your plan doesn't include websocket access.", set()), ("starter", "running", {"V"})],
)
def test_plans(plan: str, ended: str, channels: set[str]) -> None:
    program, ports = start("--plan", plan)
    found = official("stream", str(ports[0]), KEY, "2.5", "V.I:SPX", "A.I:SPX")
    end(program)
    assert found["ended"] == ended
    assert {row[1] for row in found["seen"]} == channels


async def test_two_clients_of_one_account_kill_each_other_even_on_two_hosts(feed: list[int]) -> None:
    found = await asyncio.to_thread(official, "faults", f"{feed[0]},{feed[1]}", KEY, "4")
    assert any(one["ended"].startswith("ConnectionClosedError: received 1008") for one in found)


@pytest.fixture(scope="module")
def reads(feed: list[int]) -> dict[str, Any]:
    found = official("rest", f"http://127.0.0.1:{feed[0]}", KEY)
    assert isinstance(found, dict)
    return found


def test_snapshot(reads: dict[str, Any]) -> None:
    ndx, nope, spx = reads["snapshot"]
    assert (nope["ticker"], nope["error"], nope["message"]) == ("I:NOPE", "NOT_FOUND", "Ticker not found.")
    for row in (ndx, spx):
        assert row["type"] == "indices"
        assert row["timeframe"] == "REAL-TIME"
        assert row["last_updated"] > 10**18
        assert row["session"]["low"] <= row["value"] <= row["session"]["high"]
        assert row["session"]["previous_close"] > 0


def test_aggregates_page_through_a_whole_day(reads: dict[str, Any]) -> None:
    minutes = reads["minutes"]
    assert [bar["timestamp"] for bar in minutes] == list(
        range(minutes[0]["timestamp"], minutes[0]["timestamp"] + 1_440 * 60_000, 60_000)
    )
    assert all(bar["low"] <= bar["open"] <= bar["high"] and bar["volume"] is None for bar in minutes)
    assert len(reads["seconds"]) == 60


def test_previous_day_and_open_close(reads: dict[str, Any]) -> None:
    (previous,) = reads["previous"]
    assert previous["ticker"] == "I:NDX"
    assert previous["low"] <= previous["close"] <= previous["high"]
    day = reads["open_close"]
    assert (day["symbol"], day["status"], day["from_"]) == ("I:NDX", "OK", "2026-11-19T00:00:00.000Z")
    assert reads["no_session"]["symbol"] == "I:NDX"  # with --hours always every day has a session


def test_market_status_and_holidays(reads: dict[str, Any]) -> None:
    assert reads["status"]["market"] == "open"
    assert reads["status"]["indicesGroups"]["s_and_p"] == "open"
    assert reads["status"]["exchanges"] == {"nasdaq": "open", "nyse": "open", "otc": "open"}
    days = {(day["exchange"], day["status"]) for day in reads["holidays"]}
    assert {("NYSE", "closed"), ("NYSE", "early-close")} <= days


def test_refusals(reads: dict[str, Any]) -> None:
    assert "Unknown API Key" in reads["wrong_key"]
    assert reads["bad_ticker"].startswith("BadResponse: ")
    assert reads["bad_range"].startswith("BadResponse: ")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--quota", "0"], 78, "--quota is 0"),
        (["--cadence-ms", "1"], 78, "--cadence-ms is 1"),
        (["--jitter", "2"], 78, "--jitter is 2"),
        (["--fault", '{"fault":"x"}'], 78, "not on the menu"),
        (["--play", "no-such-file.csv"], 78, "no-such-file.csv"),
        (["--plan", "gold"], 2, "--plan"),
    ],
)
def test_bad_settings_are_one_line(arguments: list[str], code: int, words: str) -> None:
    command = [sys.executable, "-m", "sim", "feed", "--port", "0", "--api-key", KEY, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.returncode == code
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_one_line(feed: list[int]) -> None:
    command = [sys.executable, "-m", "sim", "feed", "--port", str(feed[0]), "--api-key", KEY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert done.returncode == 69
    assert "choose another --port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_recording_is_played_with_its_texts(tmp_path: Path) -> None:
    recording = tmp_path / "ticks.csv"
    rows = "".join(f"{1_700_000_000_000 + n * 100},I:SPX,{5_000 + n}.25\n" for n in range(40))
    recording.write_text(f"t,T,val\n{rows}")
    program, ports = start("--play", str(recording))
    found = official("stream", str(ports[0]), KEY, "3", "V.I:SPX")
    code, _ = end(program)
    assert code == 0
    values = [row[3] for row in found["seen"]]
    assert values
    assert values == [5_000.25 + n for n in range(40)][int(values[0] - 5_000) :][: len(values)]
