"""The typed configuration as a whole: its sections, what must hold between them, its hash, and how it is shown. Pure.

Where values come from and how problems are told is load_io's. Secrets, and the place where the key lies, are not part
of the hash: who approves a configuration need not hold the keys.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr, model_validator

from daemon.settings.contradictions import contradiction
from daemon.settings.keys import every_key, holds_secret
from daemon.settings.parts import Whole
from daemon.settings.sections import Exchange, Feeds, Http, IncidentContacts, Log, WholePath, key
from domain.hosts import LIVE_HOSTS, LIVE_WS_HOSTS, Posture, is_loopback, refusal
from execution.drill import ControlSettings
from execution.quoter import QuoteSettings
from execution.reconcile import ParitySettings
from execution.selection import SelectionSettings
from guards.evidence.preflight import PreflightSettings
from guards.freshness import FreshnessSettings
from guards.limits.settings import RiskSettings
from guards.model.breakers import BreakerSettings
from guards.volatility import VixSettings
from guards.windows import WindowSettings

SECRET_PLACES: Final = frozenset({"exchange.private_key_file"})
ENVIRONMENT: Final = "the environment"


def _parts(url: str) -> tuple[str, str]:
    """Scheme and host; empty where it is no address."""
    try:
        parts = urlsplit(url)
        possible = parts.port != 0
    except ValueError:
        possible = False
    return (parts.scheme, parts.hostname or "") if possible else ("", "")


class Settings(BaseModel):
    """Everything."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    mode: Annotated[
        Literal["paper", "live"],
        key("Whether orders go to the exchange's demo hosts and this machine, or to the exchange itself.", "A01 A02"),
    ] = "paper"
    state_dir: Annotated[
        WholePath, key("The directory of journal, snapshots, markers, monitors and reports.", "K25")
    ] = Path("state")
    fees_file: Annotated[
        WholePath, key("The file with the exchange's fee terms; quoting stops when it cannot be read.", "H12")
    ] = Path("configs/fees.json")
    calendar_file: Annotated[
        WholePath, key("The checked table of trading days; after its last day nothing is quoted.", "H01")
    ] = Path("configs/nyse_days.csv")
    restricted_file: Annotated[
        WholePath, key("The list of markets, events, series and tactics that are not traded.", "G06")
    ] = Path("configs/restricted.toml")
    windows: Annotated[WindowSettings, Whole()] = WindowSettings()
    freshness: Annotated[FreshnessSettings, Whole()] = FreshnessSettings()
    feeds: Feeds = Feeds()
    exchange: Exchange = Exchange()
    quoting: Annotated[QuoteSettings, Whole()] = QuoteSettings()
    selection: Annotated[SelectionSettings, Whole()] = SelectionSettings()
    risk: Annotated[RiskSettings, Whole()] = RiskSettings()
    vix: Annotated[VixSettings, Whole()] = VixSettings()
    breakers: Annotated[BreakerSettings, Whole()] = BreakerSettings()
    reconcile: Annotated[ParitySettings, Whole()] = ParitySettings()
    controls: Annotated[ControlSettings, Whole()] = ControlSettings()
    preflight: Annotated[PreflightSettings, Whole()] = PreflightSettings()
    http: Http = Http()
    log: Log = Log()
    incidents: IncidentContacts = IncidentContacts()

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def posture(self) -> Posture:
        """What connections to the exchange that can write may reach."""
        return Posture.LIVE if self.mode == "live" else Posture.PAPER

    def source_of(self, name: str) -> str:
        """Where a key's value came from: a file's path, ENVIRONMENT, or nothing when it was not loaded."""
        return self._sources.get(name, "")

    def came_from(self, sources: dict[str, str]) -> None:
        """Remember where each key's value came from."""
        self._sources.update(sources)

    @model_validator(mode="after")
    def _addresses_can_be_trusted_with_keys(self) -> Settings:
        feeds = [feed for feed in (self.feeds.primary, self.feeds.secondary) if feed is not None]
        sockets = [("exchange.ws_url", self.exchange.ws_url)] + [(f"feeds: {f.name} url", f.url) for f in feeds]
        rest = [("exchange.rest_url", self.exchange.rest_url)]
        rest += [(f"feeds: {f.name} rest_url", f.rest_url) for f in feeds if f.rest_url]
        for places, plain, secure in ((sockets, "ws", "wss"), (rest, "http", "https")):
            for place, url in places:
                scheme, host = _parts(url)
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

    @model_validator(mode="after")
    def _hosts_fit_the_mode(self) -> Settings:
        rest, ws = _parts(self.exchange.rest_url)[1], _parts(self.exchange.ws_url)[1]
        if self.mode == "live":
            if rest not in LIVE_HOSTS or ws not in LIVE_WS_HOSTS:
                message = f"exchange: live mode only talks to {', '.join(LIVE_HOSTS)}; found {rest} and {ws}"
                raise ValueError(message)
            if self.windows.template == "short":
                message = "windows.template: short windows are for demos and tests, never for a live host"
                raise ValueError(message)
        elif any(refusal(self.posture, host) for host in (rest, ws)):
            message = f"exchange: paper mode only writes to demo or loopback hosts; found {rest} and {ws}"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _limits_agree(self) -> Settings:
        found = contradiction(self.quoting, self.risk)
        if found:
            raise ValueError(found)
        return self


def config_hash(settings: Settings) -> str:
    """SHA-256 of the effective configuration, secrets and where they lie left out."""
    return hashlib.sha256(msgspec.json.encode(_plain(settings, secrets=False), order="sorted")).hexdigest()


def shown(settings: Settings) -> dict[str, Any]:
    """The effective configuration for people: secrets only as set or not set."""
    return _plain(settings, secrets=True)


def _plain(settings: Settings, *, secrets: bool) -> dict[str, Any]:
    def plain(value: Any) -> Any:  # noqa: ANN401 - walks a tree of anything
        if isinstance(value, SecretStr):
            return "(set)"
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [plain(v) for v in value]
        return str(value) if isinstance(value, Path) else value

    tree: dict[str, Any] = plain(settings.model_dump())
    if not secrets:
        for name, field in every_key(Settings).items():
            if holds_secret(field.kind) or name in SECRET_PLACES:
                _drop(tree, name.split("."))
    return tree


def _drop(tree: dict[str, Any], path: list[str]) -> None:
    *parents, leaf = path
    for parent in parents:
        tree = tree[parent] or {}
    tree.pop(leaf, None)
