"""The sections of the configuration: for every key its type, default, bounds, meaning, and the runbook steps it serves.

What must hold between sections is tree.py's. Secrets are `SecretStr`: they are never in the hash and never printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from daemon.settings.keys import INLINE
from daemon.settings.parts import Joined, Section, Whole
from domain.hosts import is_loopback
from feeds.standby import FailoverSettings
from guards.divergence import DivergenceSettings


def key(meaning: str, steps: str, **bounds: Any) -> Any:  # noqa: ANN401 - what pydantic takes and gives
    """One key's sign: a sentence that says what it means, the runbook steps that use it, and its bounds."""
    return Field(description=meaning, json_schema_extra={"steps": steps}, **bounds)


def _one_word(secret: SecretStr) -> SecretStr:
    """A key or token as a header carries it. A line break from a mounted file would end the header."""
    text = secret.get_secret_value()
    if not text:
        message = "is empty; give the secret, or leave the setting out"
        raise ValueError(message)
    if not (text.isascii() and text.isprintable()) or " " in text:
        message = "has a space, a line break or another character that no key has; give the key alone"
        raise ValueError(message)
    return secret


def _pem(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        message = "is empty; give the PEM, or leave the setting out"
        raise ValueError(message)
    return secret


def _whole_path(value: object) -> object:
    """A path as it will be used: an empty one is the current directory by accident, and `~` is a shell's."""
    text = str(value)
    if not text.strip() or text.startswith("~") or "\0" in text:
        message = "is empty, holds a zero byte, or begins with ~, which is not expanded; write the path in full"
        raise ValueError(message)
    return value


Token = Annotated[SecretStr, AfterValidator(_one_word)]
Pem = Annotated[SecretStr, AfterValidator(_pem)]
WholePath = Annotated[Path, BeforeValidator(_whole_path)]


class FeedEndpoint(Section):
    """One index feed: its websocket, the REST base that belongs to it, and the account's key."""

    name: Annotated[str, key("The feed's name in metrics, records and on the page.", "H17")]
    url: Annotated[str, key("The address of the feed's websocket.", "H17")]
    rest_url: Annotated[str, key("The base address of the vendor's REST history; empty for none.", "K06")] = ""
    api_key: Annotated[Token | None, key("The key of this feed's account, if it has its own.", "H02 K04")] = None


class Feeds(Joined):
    """The pair. Standby: one account, never two sockets. Hot: two accounts, both connected."""

    mode: Annotated[
        Literal["standby", "hot"],
        key("Whether one account is connected to one host at a time, or two accounts to both at once.", "H17"),
    ] = "standby"
    primary: Annotated[FeedEndpoint, key("The feed that is used while it is well.", "H17")] = FeedEndpoint(
        name="massive", url="wss://socket.massive.com/indices", rest_url="https://api.massive.com"
    )
    secondary: Annotated[FeedEndpoint | None, key("The feed that takes over.", "H17")] = FeedEndpoint(
        name="polygon", url="wss://socket.polygon.io/indices", rest_url="https://api.polygon.io"
    )
    api_key: Annotated[Token | None, key("The vendor's key for every feed without its own.", "H02 K04")] = None

    failover: Annotated[FailoverSettings, Whole(), INLINE] = FailoverSettings()
    divergence: Annotated[DivergenceSettings, Whole(), INLINE] = DivergenceSettings()

    def key_of(self, feed: FeedEndpoint) -> str | None:
        """The feed's own key, or the one for both."""
        secret = feed.api_key or self.api_key
        return secret.get_secret_value() if secret else None


class Exchange(Section):
    """Where orders go. The private key is a file, a credential, or PEM text in the environment."""

    rest_url: Annotated[str, key("The base address of the exchange's REST API.", "A01 K01")] = (
        "https://external-api.demo.kalshi.co/trade-api/v2"
    )
    ws_url: Annotated[str, key("The address of the exchange's websocket.", "A01 K01")] = (
        "wss://external-api-ws.demo.kalshi.co/trade-api/ws/v2"
    )
    api_key_id: Annotated[Token | None, key("The id of our key at the exchange.", "H02 K04")] = None
    private_key_file: Annotated[
        WholePath | None, key("The file with the key's PEM, readable by its owner alone.", "H02 K04")
    ] = None
    private_key: Annotated[Pem | None, key("The key's PEM itself, in place of a file.", "H02 K04")] = None
    exclusive_account: Annotated[
        bool, key("Whether nobody else trades the account, so that another's order counts as drift.", "K07 O09")
    ] = True


class Http(Section):
    """The operator's port. Loopback unless you know what you are doing."""

    host: Annotated[str, key("The address that the page and the metrics listen on.", "K09", min_length=1)] = "127.0.0.1"
    port: Annotated[
        int, key("The port that the page and the metrics listen on; 0 takes a free one.", "K09", ge=0, le=65_535)
    ] = 8080
    allowed_hosts: Annotated[
        tuple[str, ...],
        key("The names and addresses, besides loopback's, by which browsers may call the page.", "K09"),
    ] = ()
    control_token: Annotated[
        Token | None, key("The token that pause, kill and cancel-all by HTTP must carry.", "K11 H02")
    ] = None

    @model_validator(mode="after")
    def _who_may_call(self) -> Http:
        if any(not name or not name.isprintable() or name != name.strip().lower() for name in self.allowed_hosts):
            message = "allowed_hosts: write each name in lower case as it stands in the address, without a port"
            raise ValueError(message)
        if not is_loopback(self.host) and not self.allowed_hosts:
            message = (
                f"host: {self.host} can be reached from other machines, and the page has no password: name in"
                " http.allowed_hosts by what it is called, and put TLS or a tunnel with one in front"
            )
            raise ValueError(message)
        return self


class IncidentContacts(Section):
    """Who is called when trading has stopped and waits for a person."""

    on_call: Annotated[
        tuple[str, ...],
        key("Who is on call, in the order in which they are called: a name and a way to reach it.", "G05 G08 O18"),
    ] = ()


class Log(Section):
    """Where the log goes and how long it is kept."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], key("The least severity that is logged.", "K10 G13")
    ] = "info"
    retention_days: Annotated[int, key("How long log files are kept.", "K10 G13", ge=1, le=3650)] = 7
