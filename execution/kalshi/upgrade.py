"""The signed headers of the websocket's upgrade, for one address and no other. Pure.

The websocket carries no orders, but its upgrade carries our signature: it is made only for a host that the posture
allows, and each attempt asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from domain.clock import Now, utc_ms
from domain.errors import ConfigurationError
from domain.hosts import Posture, refusal
from execution.kalshi.sign import Signer


def upgrade_headers(ws_url: str, signer: Signer, posture: Posture) -> Callable[[Now], Mapping[str, str]]:
    """What makes the headers of each attempt. Raises ConfigurationError for a host that the posture refuses."""
    parts = urlsplit(ws_url)

    def permit() -> None:
        why = refusal(posture, parts.hostname or "", tls=parts.scheme == "wss")
        if why:
            raise ConfigurationError(f"exchange websocket {why}")

    def headers(now: Now) -> Mapping[str, str]:
        permit()
        return signer.headers("GET", parts.path, utc_ms(now))

    permit()
    return headers
