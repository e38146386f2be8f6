"""The sections of the configuration: for every key its type, default, bounds, meaning, and the runbook steps it serves.

What must hold between sections is tree.py's. Secrets are `SecretStr`: they are never in the hash and never printed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from domain.market import SERIES


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
        message = "is empty or begins with ~, which is not expanded; write the path in full"
        raise ValueError(message)
    return value


Token = Annotated[SecretStr, AfterValidator(_one_word)]
Pem = Annotated[SecretStr, AfterValidator(_pem)]
WholePath = Annotated[Path, BeforeValidator(_whole_path)]


class Section(BaseModel):
    """One table of the file: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, hide_input_in_errors=True)


class Windows(Section):
    """Which windows are quoted. The short template exists for demos and tests and is refused for live hosts."""

    template: Annotated[
        Literal["hourly", "short"],
        key("Which plan of windows is kept: the exchange's hours, or short ones for demos and tests.", "H01"),
    ] = "hourly"
    series: Annotated[tuple[str, ...], key("The series that are quoted.", "H01 H09")] = ("INXU", "NASDAQ100U")
    hourly_targets: Annotated[
        tuple[int, ...], key("The hours, in New York time, whose index value settles a quoted event.", "H01")
    ] = (10, 11, 12, 13, 14, 15)
    enable_1600: Annotated[bool, key("Whether the 16:00 hourly event, a print near the close, is quoted.", "H01")] = (
        False
    )
    enable_1300: Annotated[bool, key("Whether the 13:00 event of a half day is quoted.", "H01")] = False
    enable_close_1600: Annotated[bool, key("Whether the daily close event is quoted.", "H01")] = False
    preflight_lead_s: Annotated[
        int,
        key("How long before the target its ladder is listed and its groups are made.", "H01", ge=2, le=3600),
    ] = 1200
    open_lead_s: Annotated[int, key("How long before the target quoting begins.", "H01 H10", ge=2, le=3600)] = 900
    strict_lead_s: Annotated[
        int, key("How long before the target the strict freshness limit begins to hold.", "H13 H14", ge=3, le=600)
    ] = 60
    freeze_lead_s: Annotated[
        int, key("How long before the target the exchange's list must read zero.", "H10 H16", ge=2, le=60)
    ] = 2
    anchor_unix_s: Annotated[
        int, key("For the short template: the instant of one target; the others lie whole periods away.", "H01", ge=0)
    ] = 0
    period_s: Annotated[
        int, key("For the short template: the time from one target to the next.", "H01", ge=10, le=3600)
    ] = 120
    flatten_lead_min_ms: Annotated[
        int,
        key("The least time before the freeze at which flattening starts; measured times lengthen it.", "H16", ge=200,
            le=15_000),
    ] = 1500  # fmt: skip
    flatten_lead_max_ms: Annotated[
        int, key("The most time before the freeze at which flattening starts.", "H16", ge=1500, le=60_000)
    ] = 15_000

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


class Freshness(Section):
    """How old an index value may be. `basis`: plain age, or lateness beyond the measured cadence."""

    basis: Annotated[
        Literal["age", "lateness"],
        key("What the limits measure: plain age, or the age beyond the feed's own median cadence.", "H04 H14"),
    ] = "age"
    arm_limit_ms: Annotated[
        int, key("How old the index may be when live trading is armed or a window opens.", "H04 A02", ge=100, le=60_000)
    ] = 2000
    soft_limit_ms: Annotated[
        int, key("How old the index may be while a window is quoted.", "H04 H14", ge=100, le=60_000)
    ] = 1500
    strict_limit_ms: Annotated[
        int, key("How old the index may be in the final minute; beyond it the window is over.", "H14", ge=50, le=60_000)
    ] = 700


class FeedEndpoint(Section):
    """One index feed: its websocket, the REST base that belongs to it, and the account's key."""

    name: Annotated[str, key("The feed's name in metrics, records and on the page.", "H17")]
    url: Annotated[str, key("The address of the feed's websocket.", "H17")]
    rest_url: Annotated[str, key("The base address of the vendor's REST history; empty for none.", "K06")] = ""
    api_key: Annotated[Token | None, key("The key of this feed's account, if it has its own.", "H02 K04")] = None


class Feeds(Section):
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
    stale_threshold_ms: Annotated[
        int, key("How long the active feed may be silent before the other one is used.", "H17", ge=100, le=60_000)
    ] = 1200
    fail_back_s: Annotated[
        int, key("How long after a switch the primary may be returned to at the earliest.", "H17", ge=0, le=600)
    ] = 5
    standby_silence_s: Annotated[
        int, key("In standby mode: the silence after which the other host is dialled.", "H17", ge=1, le=120)
    ] = 5
    divergence_bps: Annotated[
        int, key("How far the two feeds may differ, three times running, before quoting stands down.", "H17", ge=1,
                 le=100)
    ] = 5  # fmt: skip

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


class Quoting(Section):
    """What is worth resting, and how much. Money in dollars as text; EV is per contract, after fees."""

    enabled: Annotated[
        bool, key("Whether orders are placed at all; without, the daemon watches and reports OFFLINE.", "A03")
    ] = True
    rungs_max: Annotated[int, key("How many strikes of one series are quoted at once.", "H09", ge=1, le=20)] = 2
    minimum_ev_cents: Annotated[
        int, key("The least expected gain a contract after fees for which an order rests.", "H09", ge=1, le=50)
    ] = 5
    shrink_ppm: Annotated[
        int, key("How much of the model's edge is believed, in millionths; less asks for more edge.", "H06", ge=0,
                 le=1_000_000)
    ] = 1_000_000  # fmt: skip
    contracts_per_order: Annotated[int, key("The size of one order.", "H09 K18", ge=1, le=100)] = 1
    dead_band_cents: Annotated[
        int, key("How far the fair price must move before an order is replaced.", "H09", ge=0, le=20)
    ] = 1
    minimum_life_ms: Annotated[
        int, key("How long an order rests at least before its price is changed.", "H09", ge=0, le=60_000)
    ] = 1000
    reject_cooldown_ms: Annotated[
        int, key("How long one side of a rung waits after the exchange refused an order there.", "G07", ge=100,
                 le=60_000)
    ] = 2000  # fmt: skip
    books_subscribed_max: Annotated[
        int, key("How many rungs near the money have their book followed.", "H09", ge=2, le=200)
    ] = 24


class Risk(Section):
    """Limits in whole dollars and contracts; orders count when they are sent."""

    per_order_dollars: Annotated[int, key("The most that one order may lose.", "K18", ge=1, le=10_000)] = 75
    per_day_dollars: Annotated[
        int, key("The most that one session may lose: realised, and the worst case of what is open.", "K18 O13", ge=1,
                 le=100_000)
    ] = 1000  # fmt: skip
    markets_max: Annotated[int, key("How many markets may be in use at once.", "K18", ge=1, le=100)] = 10
    per_market_contracts: Annotated[int, key("The most contracts net in one market.", "K18", ge=1, le=10_000)] = 5
    per_window_contracts: Annotated[
        int, key("The most contracts net in one window; also the limit of its order group.", "K18 X02", ge=1, le=10_000)
    ] = 20


class Reconcile(Section):
    """From which share of a window's contracts a drift of the books warns, and from which it closes the gate.

    Inventory: fills that orders tell of and no list has. Exchange: what one list of positions shows and we do not hold.
    """

    inventory_warn_percent: Annotated[int, key("Inventory drift that warns.", "O09", ge=1, le=100)] = 25
    inventory_critical_percent: Annotated[int, key("Inventory drift that closes the gate.", "O09", ge=1, le=100)] = 45
    exchange_warn_percent: Annotated[int, key("Exchange drift that warns.", "O09", ge=1, le=100)] = 10
    exchange_critical_percent: Annotated[int, key("Exchange drift that closes the gate.", "O09", ge=1, le=100)] = 20

    @model_validator(mode="after")
    def _warns_first(self) -> Reconcile:
        for name in ("inventory", "exchange"):
            warn, critical = getattr(self, f"{name}_warn_percent"), getattr(self, f"{name}_critical_percent")
            if warn > critical:
                message = f"{name}_warn_percent {warn} is over {name}_critical_percent {critical}: it must warn first"
                raise ValueError(message)
        return self


class Controls(Section):
    """How old the proof of a control may be. `drill_cancel_all` costs a minute without quotes for each drill.

    Left out it is on for the hourly windows and off for short ones, which have no minute to spare.
    """

    proof_limit_s: Annotated[
        int, key("How old the last proof of a control may be before the gate closes.", "X03", ge=60, le=604_800)
    ] = 93_600
    drill_cancel_all: Annotated[
        bool | None, key("Whether the account-wide cancel-all is drilled by itself each session.", "X01 X03")
    ] = None


class Http(Section):
    """The operator's port. Loopback unless you know what you are doing."""

    host: Annotated[str, key("The address that the page and the metrics listen on.", "K09", min_length=1)] = "127.0.0.1"
    port: Annotated[
        int, key("The port that the page and the metrics listen on; 0 takes a free one.", "K09", ge=0, le=65_535)
    ] = 8080
    control_token: Annotated[
        Token | None, key("The token that pause, kill and cancel-all by HTTP must carry.", "K11 H02")
    ] = None


class Log(Section):
    """Where the log goes and how long it is kept."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], key("The least severity that is logged.", "K10 G13")
    ] = "info"
    retention_days: Annotated[int, key("How long log files are kept.", "K10 G13", ge=1, le=3650)] = 7
