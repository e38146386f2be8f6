"""The signature of the websocket's upgrade is made for the hosts of its posture alone."""

from __future__ import annotations

import pytest

from domain.clock import NS_PER_S, Now
from domain.errors import ConfigurationError
from domain.hosts import DEMO_HOSTS, LIVE_WS_HOSTS, Posture
from execution.kalshi.sign import Signer
from execution.kalshi.upgrade import upgrade_headers
from tests.execution.kalshi.kalshi_fake import ed_key, pem_of

NOW = Now(1_700_000_000 * NS_PER_S, 0)
SIGNER = Signer("key-1", pem_of(ed_key()))
DEMO, LIVE = f"wss://{DEMO_HOSTS[2]}/trade-api/ws/v2", f"wss://{LIVE_WS_HOSTS[0]}/trade-api/ws/v2"


def test_the_headers_are_signed_for_the_path() -> None:
    headers = upgrade_headers(DEMO, SIGNER, Posture.PAPER)(NOW)
    assert dict(headers) == SIGNER.headers("GET", "/trade-api/ws/v2", NOW.utc_ns // 1_000_000)


@pytest.mark.step("A01")
@pytest.mark.parametrize(
    ("url", "posture"),
    [
        (LIVE, Posture.PAPER),
        (DEMO, Posture.LIVE),
        ("wss://example.com/trade-api/ws/v2", Posture.READ_ONLY),
        (DEMO.replace("wss", "ws"), Posture.PAPER),
    ],
)
def test_nothing_is_signed_for_another_host(url: str, posture: Posture) -> None:
    with pytest.raises(ConfigurationError, match="exchange websocket"):
        upgrade_headers(url, SIGNER, posture)


def test_a_read_only_look_may_go_to_the_live_host() -> None:
    assert upgrade_headers(LIVE, SIGNER, Posture.READ_ONLY)(NOW)
