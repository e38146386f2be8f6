"""The typed configuration: every key, its type, default and bounds, and what must hold between keys. Pure.

Where values come from and how problems are told is settings_io's. Secrets are `SecretStr`: they are never in the file,
never in the hash, never printed.
"""

from __future__ import annotations

import hashlib
import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from domain.market import SERIES

LIVE_HOSTS = ("external-api.kalshi.com", "api.elections.kalshi.com")
LIVE_WS_HOSTS = ("external-api-ws.kalshi.com", "api.elections.kalshi.com")
DEMO_HOSTS = (
    "external-api.demo.kalshi.co",
    "demo-api.kalshi.co",
    "external-api-ws.demo.kalshi.co",
)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, hide_input_in_errors=True)


class Windows(_Part):
    """Which windows are quoted. The short template exists for demos and tests and is refused for live hosts."""

    template: Literal["hourly", "short"] = "hourly"
    series: tuple[str, ...] = ("INXU", "NASDAQ100U")
    hourly_targets: tuple[int, ...] = (10, 11, 12, 13, 14, 15)
    enable_1600: bool = False
    enable_1300: bool = False
    enable_close_1600: bool = False
    preflight_lead_s: Annotated[int, Field(ge=2, le=3600)] = 1200
    open_lead_s: Annotated[int, Field(ge=2, le=3600)] = 900
    strict_lead_s: Annotated[int, Field(ge=3, le=600)] = 60
    freeze_lead_s: Annotated[int, Field(ge=2, le=60)] = 2
    anchor_unix_s: Annotated[int, Field(ge=0)] = 0
    period_s: Annotated[int, Field(ge=10, le=3600)] = 120
    flatten_lead_min_ms: Annotated[int, Field(ge=200, le=15_000)] = 1500
    flatten_lead_max_ms: Annotated[int, Field(ge=1500, le=60_000)] = 15_000

    @model_validator(mode="after")
    def _known_series(self) -> Windows:
        if not self.series or len(set(self.series)) < len(self.series):
            message = f"series: name each of {', '.join(SERIES)} at most once, and at least one"
            raise ValueError(message)
        for name in self.series:
            if name not in SERIES:
                message = f"unknown series {name!r}; known: {', '.join(SERIES)}"
                raise ValueError(message)
        return self


class Freshness(_Part):
    """How old an index value may be. `basis`: plain age, or lateness beyond the measured cadence."""

    basis: Literal["age", "lateness"] = "age"
    arm_limit_ms: Annotated[int, Field(ge=100, le=60_000)] = 2000
    soft_limit_ms: Annotated[int, Field(ge=100, le=60_000)] = 1500
    strict_limit_ms: Annotated[int, Field(ge=50, le=60_000)] = 700


class FeedEndpoint(_Part):
    """One index feed: its websocket, the REST base that belongs to it, and the account's key."""

    name: str
    url: str
    rest_url: str = ""
    api_key: SecretStr | None = None


class Feeds(_Part):
    """The pair. Standby: one account, never two sockets. Hot: two accounts, both connected."""

    mode: Literal["standby", "hot"] = "standby"
    primary: FeedEndpoint = FeedEndpoint(
        name="massive", url="wss://socket.massive.com/indices", rest_url="https://api.massive.com"
    )
    secondary: FeedEndpoint | None = FeedEndpoint(
        name="polygon", url="wss://socket.polygon.io/indices", rest_url="https://api.polygon.io"
    )
    api_key: SecretStr | None = None
    stale_threshold_ms: Annotated[int, Field(ge=100, le=60_000)] = 1200
    fail_back_s: Annotated[int, Field(ge=0, le=600)] = 5
    standby_silence_s: Annotated[int, Field(ge=1, le=120)] = 5
    divergence_bps: Annotated[int, Field(ge=1, le=100)] = 5

    def key_of(self, feed: FeedEndpoint) -> str | None:
        """The feed's own key, or the one for both."""
        secret = feed.api_key or self.api_key
        return secret.get_secret_value() if secret else None


class Exchange(_Part):
    """Where orders go. The private key is a file, a credential, or PEM text in the environment."""

    rest_url: str = "https://external-api.demo.kalshi.co/trade-api/v2"
    ws_url: str = "wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2"
    api_key_id: SecretStr | None = None
    private_key_file: Path | None = None
    private_key: SecretStr | None = None
    exclusive_account: bool = True


class Quoting(_Part):
    """What is worth resting, and how much. Money in dollars as text; EV is per contract, after fees."""

    rungs_max: Annotated[int, Field(ge=1, le=20)] = 2
    minimum_ev_cents: Annotated[int, Field(ge=1, le=50)] = 5
    shrink_ppm: Annotated[int, Field(ge=0, le=1_000_000)] = 1_000_000
    contracts_per_order: Annotated[int, Field(ge=1, le=100)] = 1
    dead_band_cents: Annotated[int, Field(ge=0, le=20)] = 1
    minimum_life_ms: Annotated[int, Field(ge=0, le=60_000)] = 1000
    reject_cooldown_ms: Annotated[int, Field(ge=100, le=60_000)] = 2000
    books_subscribed_max: Annotated[int, Field(ge=2, le=200)] = 24


class Risk(_Part):
    """Limits in whole dollars and contracts; orders count when they are sent."""

    per_order_dollars: Annotated[int, Field(ge=1, le=10_000)] = 75
    per_day_dollars: Annotated[int, Field(ge=1, le=100_000)] = 1000
    markets_max: Annotated[int, Field(ge=1, le=100)] = 10
    per_market_contracts: Annotated[int, Field(ge=1, le=10_000)] = 5
    per_window_contracts: Annotated[int, Field(ge=1, le=10_000)] = 20


class Controls(_Part):
    """How old the proof of a control may be. `drill_cancel_all` costs a minute without quotes for each drill.

    Left out (None) it is on for the hourly windows and off for short ones, which have no minute to spare.
    """

    proof_limit_s: Annotated[int, Field(ge=60, le=604_800)] = 93_600
    drill_cancel_all: bool | None = None


class Http(_Part):
    """The operator's port. Loopback unless you know what you are doing."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    control_token: SecretStr | None = None


class Log(_Part):
    """Where the log goes and how long it is kept."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 7


class Settings(BaseModel):
    """Everything."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    mode: Literal["paper", "live"] = "paper"
    state_dir: Path = Path("state")
    fees_file: Path = Path("configs/fees.json")
    calendar_file: Path = Path("configs/nyse_days.csv")
    windows: Windows = Windows()
    freshness: Freshness = Freshness()
    feeds: Feeds = Feeds()
    exchange: Exchange = Exchange()
    quoting: Quoting = Quoting()
    risk: Risk = Risk()
    controls: Controls = Controls()
    http: Http = Http()
    log: Log = Log()

    @model_validator(mode="after")
    def _hosts_fit_the_mode(self) -> Settings:
        rest, ws = _host(self.exchange.rest_url), _host(self.exchange.ws_url)
        if self.mode == "live":
            if rest not in LIVE_HOSTS or ws not in LIVE_WS_HOSTS:
                message = f"exchange: live mode only talks to {', '.join(LIVE_HOSTS)}; found {rest} and {ws}"
                raise ValueError(message)
            if self.windows.template == "short":
                message = "windows.template: short windows are for demos and tests, never for a live host"
                raise ValueError(message)
        elif not all(is_loopback(host) or host in DEMO_HOSTS for host in (rest, ws)):
            message = f"exchange: paper mode only writes to demo or loopback hosts; found {rest} and {ws}"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _addresses_can_be_trusted_with_keys(self) -> Settings:
        feeds = [feed for feed in (self.feeds.primary, self.feeds.secondary) if feed is not None]
        sockets = [("exchange.ws_url", self.exchange.ws_url)] + [(f"feeds: {f.name} url", f.url) for f in feeds]
        rest = [("exchange.rest_url", self.exchange.rest_url)]
        rest += [(f"feeds: {f.name} rest_url", f.rest_url) for f in feeds if f.rest_url]
        for places, plain, secure in ((sockets, "ws", "wss"), (rest, "http", "https")):
            for place, url in places:
                scheme, host = urlsplit(url).scheme, _host(url)
                if scheme not in {plain, secure} or not host:
                    message = f"{place}: {url!r} is no address; write it like {secure}://host/path"
                    raise ValueError(message)
                if scheme == plain and not is_loopback(host):
                    message = f"{place}: {url}: plain text is for loopback only; use {secure}"
                    raise ValueError(message)
        if len({feed.name for feed in feeds}) < len(feeds):
            message = f"feeds: both have the name {feeds[0].name!r}; give each its own name"
            raise ValueError(message)
        return self


def config_hash(settings: Settings) -> str:
    """SHA-256 of the effective configuration, secrets left out."""
    return hashlib.sha256(msgspec.json.encode(shown(settings), order="sorted")).hexdigest()


def shown(settings: Settings) -> dict[str, Any]:
    """The effective configuration for people: secrets only as set or not set."""

    def plain(value: Any) -> Any:  # noqa: ANN401 - walks a tree of anything
        if isinstance(value, SecretStr):
            return "(set)"
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [plain(v) for v in value]
        return str(value) if isinstance(value, Path) else value

    tree: dict[str, Any] = plain(settings.model_dump())
    return tree
