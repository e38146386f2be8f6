"""A command's connection to the exchange goes where its posture lets it, whoever asks."""

from __future__ import annotations

import pytest

from daemon.client.exchange_io import Asking, ExchangeClient
from daemon.system_clock import SystemClock
from domain.actions import CancelAll
from domain.errors import ConfigurationError
from domain.hosts import DEMO_HOSTS, LIVE_HOSTS, Posture
from domain.ids import RequestId
from execution.kalshi.sign import Signer
from execution.kalshi.wire import KalshiRequest
from tests.execution.kalshi.kalshi_fake import ed_key, fake_exchange, pem_of, reply

LIVE, DEMO = (f"https://{host}/trade-api/v2" for host in (LIVE_HOSTS[0], DEMO_HOSTS[0]))


def signer() -> Signer:
    return Signer("key-1", pem_of(ed_key()))


@pytest.mark.step("A01")
@pytest.mark.parametrize(
    ("url", "posture"), [(LIVE, Posture.PAPER), (DEMO, Posture.LIVE), ("https://example.com", Posture.READ_ONLY)]
)
def test_a_line_to_another_host_cannot_be_made(url: str, posture: Posture) -> None:
    for make in (ExchangeClient, Asking):
        with pytest.raises(ConfigurationError, match="exchange address"):
            make(url, signer(), SystemClock(), posture)


@pytest.mark.step("A01")
async def test_a_read_only_line_never_writes() -> None:
    async with fake_exchange(lambda _: reply(200, {})) as fake:
        line = ExchangeClient(fake.base_url, signer(), SystemClock(), Posture.READ_ONLY)
        try:
            await line.ask(KalshiRequest("GET", f"{line.account.prefix}/portfolio/balance"))
            with pytest.raises(ConfigurationError, match="read-only"):
                await line.write(CancelAll(RequestId(1), ""))
        finally:
            line.close()
    assert [seen.method for seen in fake.seen] == ["GET"]
