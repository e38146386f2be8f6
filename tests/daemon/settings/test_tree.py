"""Every bad value is refused where it stands; the hash is stable; secrets are nowhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from daemon.settings.tree import Settings, config_hash, shown
from domain.hosts import LIVE_HOSTS, LIVE_WS_HOSTS, is_loopback

LIVE = {"rest_url": f"https://{LIVE_HOSTS[0]}/trade-api/v2", "ws_url": f"wss://{LIVE_WS_HOSTS[0]}/trade-api/ws/v2"}
LOCAL = {"rest_url": "http://127.0.0.1:9001/trade-api/v2", "ws_url": "ws://127.0.0.1:9001/trade-api/ws/v2"}
SECRET = "s3cr3t-0123456789"
TEXTS = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=60).map(lambda t: f"k3y~{t}")


def made(**tree: Any) -> Settings:  # noqa: ANN401 - values of any setting
    return Settings(**tree)


def problem(**tree: Any) -> str:  # noqa: ANN401 - values of any setting
    with pytest.raises(ValidationError) as caught:
        made(**tree)
    return caught.value.errors()[0]["msg"]


def test_the_defaults_are_the_contracts_numbers() -> None:
    s = Settings()
    failover = s.feeds.failover
    assert (s.windows.preflight_lead_s, s.windows.open_lead_s) == (1200, 900)
    assert (s.windows.strict_lead_s, s.windows.freeze_lead_s) == (60, 2)
    assert (s.windows.flatten_lead_min_ms, s.windows.flatten_lead_max_ms) == (1500, 15_000)
    assert (s.freshness.arm_limit_ms, s.freshness.soft_limit_ms, s.freshness.strict_limit_ms) == (2000, 1500, 700)
    assert (failover.stale_threshold_ms, failover.fail_back_s, failover.standby_silence_s) == (1200, 5, 5)
    assert (s.feeds.divergence.divergence_bps, s.freshness.basis, s.mode) == (5, "age", "paper")
    assert (s.risk.per_order_dollars, s.risk.per_day_dollars, s.risk.markets_max) == (75, 1000, 10)
    assert (s.risk.per_market_contracts, s.risk.per_window_contracts) == (5, 20)
    assert (s.quoting.minimum_ev_cents, s.quoting.rungs_max, s.quoting.contracts_per_order) == (5, 2, 1)
    assert (s.http.host, s.http.port) == ("127.0.0.1", 8080)
    assert not any((s.windows.enable_1600, s.windows.enable_1300, s.windows.enable_close_1600))


@pytest.mark.parametrize(
    "tree",
    [
        {"mode": "demo"},
        {"nonsense": 1},
        {"windows": {"nonsense": 1}},
        {"windows": {"series": ["SPX"]}},
        {"windows": {"series": []}},
        {"windows": {"series": ["INXU", "INXU"]}},
        {"windows": {"freeze_lead_s": 1}},
        {"windows": {"period_s": 9}},
        {"freshness": {"strict_limit_ms": 49}},
        {"freshness": {"basis": "hope"}},
        {"feeds": {"divergence_bps": 0}},
        {"quoting": {"minimum_ev_cents": 0}},
        {"quoting": {"contracts_per_order": 0}},
        {"risk": {"per_day_dollars": 0}},
        {"risk": {"per_order_dollars": -1}},
        {"http": {"port": 65_536}},
        {"log": {"level": "loud"}},
    ],
    ids=str,
)
def test_a_value_out_of_range_and_an_unknown_key_are_refused(tree: dict[str, Any]) -> None:
    assert problem(**tree)


# --- which hosts -----------------------------------------------------------------------------------------------------


def test_live_talks_to_the_listed_hosts_only() -> None:
    assert made(mode="live", exchange=LIVE).mode == "live"
    for exchange in (
        LOCAL,
        LIVE | {"rest_url": "https://external-api.kalshi.com.evil.example/v2"},
        LIVE | {"rest_url": "https://external-api.kalshi.com@evil.example/v2"},
        LIVE | {"ws_url": LOCAL["ws_url"]},
        {},
    ):
        assert "live mode only talks to" in problem(mode="live", exchange=exchange)


def test_paper_never_writes_to_a_live_host() -> None:
    assert "paper mode only writes to" in problem(exchange=LIVE)
    assert "paper mode only writes to" in problem(exchange=LOCAL | {"rest_url": LIVE["rest_url"]})
    assert made(exchange=LOCAL).mode == "paper"


def test_short_windows_are_refused_for_a_live_host() -> None:
    windows = {"template": "short", "preflight_lead_s": 110, "open_lead_s": 100}
    assert "never for a live host" in problem(mode="live", exchange=LIVE, windows=windows)


@pytest.mark.parametrize(
    "tree",
    [
        {"exchange": {"rest_url": "http://external-api.demo.kalshi.co/v2"}},
        {"exchange": {"ws_url": "ws://external-api-ws.demo.kalshi.co/v2"}},
        {"feeds": {"primary": {"name": "massive", "url": "ws://socket.massive.com/indices"}}},
        {"feeds": {"secondary": {"name": "polygon", "url": "ws://socket.polygon.io/indices"}}},
        {"feeds": {"primary": {"name": "m", "url": "wss://socket.massive.com/i", "rest_url": "http://a.massive.com"}}},
        {"feeds": {"secondary": {"name": "p", "url": "wss://socket.polygon.io/i", "rest_url": "http://a.polygon.io"}}},
    ],
    ids=str,
)
def test_plain_text_is_for_loopback_only_wherever_a_key_travels(tree: dict[str, Any]) -> None:
    assert "plain text is for loopback only" in problem(**tree)


def test_plain_text_on_loopback_is_allowed() -> None:
    feeds = {
        "primary": {"name": "massive", "url": "ws://127.0.0.1:1/indices", "rest_url": "http://localhost:2"},
        "secondary": {"name": "polygon", "url": "ws://[::1]:1/indices"},
    }
    assert made(exchange=LOCAL, feeds=feeds).mode == "paper"


@pytest.mark.parametrize("url", ["", "massive", "ftp://socket.massive.com", "wss://", "http://[::1", "https://a.b/c"])
def test_what_is_no_websocket_address_is_refused(url: str) -> None:
    assert problem(feeds={"primary": {"name": "massive", "url": url}})


def test_two_feeds_of_one_name_are_refused() -> None:
    url = "wss://socket.massive.com/indices"
    both = {"primary": {"name": "massive", "url": url}, "secondary": {"name": "massive", "url": url}}
    assert "name" in problem(feeds=both)


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.9.9.9", True), ("10.0.0.1", False), ("", False),
     ("localhost.evil.example", False), ("127.0.0.1.evil.example", False)],
)  # fmt: skip
def test_what_counts_as_this_machine(host: str, here: bool) -> None:  # noqa: FBT001 - a case
    assert is_loopback(host) is here


# --- hash and secrets ------------------------------------------------------------------------------------------------


def test_the_hash_is_of_what_is_in_force_and_nothing_else() -> None:
    base = config_hash(Settings())
    assert re.fullmatch("[0-9a-f]{64}", base)
    assert config_hash(made(risk={"per_day_dollars": 1000})) == base
    assert config_hash(made(risk={"per_day_dollars": 999})) != base


def test_the_hash_does_not_know_which_secret_is_set() -> None:
    one = made(exchange={"api_key_id": "a" * 20}, feeds={"api_key": "b" * 20})
    two = made(exchange={"api_key_id": "c" * 20}, feeds={"api_key": "d" * 20})
    assert config_hash(one) == config_hash(two)


def test_what_is_shown_makes_the_same_settings_again_and_the_same_hash() -> None:
    settings = made(exchange=LOCAL | {"api_key_id": SECRET}, state_dir="elsewhere")
    again = made(**shown(settings))
    assert config_hash(again) == config_hash(settings)
    assert again.state_dir == settings.state_dir


@given(secret=TEXTS)
def test_a_secret_is_in_nothing_that_is_printed(secret: str) -> None:
    settings = made(
        exchange=LOCAL | {"api_key_id": secret, "private_key": secret},
        feeds={
            "api_key": secret,
            "primary": {"name": "massive", "url": "wss://socket.massive.com/indices", "api_key": secret},
        },
        http={"control_token": secret},
    )
    for text in (repr(settings), str(settings), str(shown(settings)), settings.model_dump_json(), f"{settings.feeds}"):
        assert secret not in text
    assert settings.feeds.key_of(settings.feeds.primary) == secret


@given(secret=TEXTS)
def test_a_refusal_never_repeats_a_secret(secret: str) -> None:
    trees: list[dict[str, Any]] = [
        {"exchange": {"api_key_id": {"nested": secret}}},
        {"exchange": {"private_key": [secret]}},
        {"http": {"control_token": {"x": secret}}},
        {"feeds": {"api_key": secret, "divergence_bps": 0}},
    ]
    for tree in trees:
        with pytest.raises(ValidationError) as caught:
            made(**tree)
        assert secret not in str(caught.value)


def test_a_feeds_own_key_goes_before_the_one_for_both() -> None:
    url = "wss://socket.massive.com/indices"
    feeds = made(feeds={"api_key": "both", "primary": {"name": "m", "url": url, "api_key": "own"}}).feeds
    assert feeds.key_of(feeds.primary) == "own"
    assert feeds.secondary is not None
    assert feeds.key_of(feeds.secondary) == "both"
    bare = Settings().feeds
    assert bare.key_of(bare.primary) is None
