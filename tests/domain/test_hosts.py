"""Who may reach what: a table, and nothing that only looks like a listed host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.hosts import DEMO_HOSTS, LIVE_HOSTS, LIVE_WS_HOSTS, Posture, is_loopback, refusal

LOCAL = ("localhost", "127.0.0.1", "127.8.8.8", "::1")
STRANGERS = (
    "example.com", "10.0.0.1", "127.1", "localhost.evil.example", "external-api.kalshi.com.evil.example",
    "external-api.kalshi.com.", "kalshi.com", "",
)  # fmt: skip
WRITES = ("POST", "PUT", "DELETE", "PATCH")


@pytest.mark.step("A01")
@pytest.mark.parametrize("method", ["GET", *WRITES])
@pytest.mark.parametrize("host", [*LIVE_HOSTS, *LIVE_WS_HOSTS, *DEMO_HOSTS, *LOCAL, *STRANGERS])
def test_who_may_reach_what(host: str, method: str) -> None:
    live, safe = host in {*LIVE_HOSTS, *LIVE_WS_HOSTS}, host in {*DEMO_HOSTS, *LOCAL}
    assert bool(refusal(Posture.PAPER, host, method)) is not safe
    assert bool(refusal(Posture.LIVE, host, method)) is not live
    assert bool(refusal(Posture.READ_ONLY, host, method)) is not ((live or safe) and method == "GET")


@pytest.mark.parametrize("posture", Posture)
def test_plain_text_is_for_loopback(posture: Posture) -> None:
    for host in (*LIVE_HOSTS, *DEMO_HOSTS):
        assert "plain text" in refusal(posture, host, tls=False)
    assert not refusal(Posture.PAPER, "127.0.0.1", "POST", tls=False)


@given(host=st.text(max_size=30), method=st.sampled_from(WRITES))
def test_no_other_host_is_ever_written_to(host: str, method: str) -> None:
    if host not in {*LIVE_HOSTS, *LIVE_WS_HOSTS, *DEMO_HOSTS} and not is_loopback(host):
        assert all(refusal(posture, host, method) for posture in Posture)
