"""What the simulators and the daemon are told when they run side by side on this machine: keys, instants, addresses.

The command lines, the environment and the configuration stand here once, for the demo, the campaign on real processes,
the benches and the drills.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from sim.local.waiting import utc_s

ROOT = Path(__file__).resolve().parents[2]
FREEZE_LEAD_S = 2


@dataclass
class Setting:
    """One exchange, one vendor with two hosts, one daemon. `settings` are LADDERD_* values by dotted key.

    `folder` holds keys, logs and the configuration; `sources` is the tree that everything runs from. `anchor_s` is the
    first target, in Unix seconds; 0 becomes the one whose window opens `first_open_s` after `prepare`.
    """

    folder: Path
    state_dir: Path
    name: str
    sources: Path = ROOT
    seed: int = 7
    period_s: int = 12
    open_lead_s: int = 0
    preflight_lead_s: int = 0
    strict_s: int = 5
    first_open_s: float = 4
    anchor_s: int = 0
    settle_delay_s: float = 1.0
    taker_rate_hz: float = 2.0
    cadence_ms: int = 250
    feeds: str = "hot"
    http_port: int = 0
    with_rsa: bool = False
    exchange_options: tuple[str, ...] = ()
    feed_options: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    feed_key: str = field(default_factory=lambda: secrets.token_hex(8))  # tidy: chance - a key for one run

    def __post_init__(self) -> None:
        self.open_lead_s = self.open_lead_s or self.period_s - 1
        self.preflight_lead_s = self.preflight_lead_s or self.period_s

    @property
    def key_id(self) -> str:
        """The id of the account's key."""
        return f"{self.name}-key"

    @property
    def config(self) -> Path:
        """The configuration file; beside the state, so that a full disk cannot spoil it."""
        return self.folder / f"{self.name}.toml"

    def prepare(self) -> None:
        """Make the account's key pair, and say when the first window is."""
        write_key_pair(self.folder, "key", with_rsa=self.with_rsa)
        self.anchor_s = self.anchor_s or int(utc_s()) + self.open_lead_s + int(self.first_open_s)

    def exchange_words(self, port: int = 0) -> tuple[str, ...]:
        """The exchange's command line."""
        return (
            "-m", "sim", "exchange", "--port", str(port), "--api-key-id", self.key_id,
            "--public-key", str(self.folder / "key.pub"), "--seed", str(self.seed), "--period-s", str(self.period_s),
            "--anchor-s", str(self.anchor_s), "--settle-delay-s", str(self.settle_delay_s),
            "--taker-rate-hz", str(self.taker_rate_hz), *self.exchange_options,
        )  # fmt: skip

    def feed_words(self, port: int = 0, port2: int = 0) -> tuple[str, ...]:
        """The vendor's command line."""
        return (
            "-m", "sim", "feed", "--port", str(port), "--port2", str(port2), "--api-key", self.feed_key,
            "--seed", str(self.seed), "--cadence-ms", str(self.cadence_ms),
            "--quota", "2" if self.feeds == "hot" else "1", *self.feed_options,
        )  # fmt: skip

    def daemon_words(self) -> tuple[str, ...]:
        """The daemon's command line."""
        return ("-m", "daemon", "run", "--config", str(self.config))

    def watch_words(self, limit_ms: int) -> tuple[str, ...]:
        """The outside watcher's command line."""
        return ("-m", "daemon", "watch", "--config", str(self.config), "--limit-ms", str(limit_ms))

    def environment(self) -> dict[str, str]:
        """What the processes have in their environment: none of this machine's own settings, and the keys."""
        variables = {key: value for key, value in os.environ.items() if not key.startswith("LADDERD_")}
        variables |= {
            "LADDERD_EXCHANGE__API_KEY_ID": self.key_id,
            "LADDERD_EXCHANGE__PRIVATE_KEY_FILE": str(self.folder / "key.pem"),
            "LADDERD_FEEDS__API_KEY": self.feed_key,
            "PYTHONPATH": str(self.sources),
        }
        variables |= {"LADDERD_" + key.upper().replace(".", "__"): value for key, value in self.settings.items()}
        return variables | self.marks

    def write_config(self, exchange: str, feed: str, feed2: str) -> None:
        """Write the configuration that names these addresses: http://... of the exchange, ws://... of both hosts."""
        files = self.sources / "configs"
        lines = [
            f"# written for one run on this machine ({self.name})",
            'mode = "paper"',
            f"state_dir = {json.dumps(str(self.state_dir))}",
            f"fees_file = {json.dumps(str(files / 'fees.json'))}",
            f"calendar_file = {json.dumps(str(files / 'nyse_days.csv'))}",
            "[windows]",
            'template = "short"',
            f"anchor_unix_s = {self.anchor_s}",
            f"period_s = {self.period_s}",
            f"preflight_lead_s = {self.preflight_lead_s}",
            f"open_lead_s = {self.open_lead_s}",
            f"strict_lead_s = {self.strict_s}",
            f"freeze_lead_s = {FREEZE_LEAD_S}",
            "[feeds]",
            f'mode = "{self.feeds}"',
            f'primary = {{ name = "massive", url = "{feed}", rest_url = "{http_of(feed)}" }}',
            f'secondary = {{ name = "polygon", url = "{feed2}", rest_url = "{http_of(feed2)}" }}',
            "[exchange]",
            f'rest_url = "{exchange}/trade-api/v2"',
            f'ws_url = "{exchange.replace("http", "ws", 1)}/trade-api/ws/v2"',
            # Windows of seconds take up in minutes what a day of hours does.
            "[risk]",
            "signals_max = 1000000",
            "[http]",
            f"port = {self.http_port}",
            "",
        ]
        self.config.write_text("\n".join(lines), encoding="utf-8")


def write_key_pair(folder: Path, name: str, *, with_rsa: bool = False) -> None:
    """Make a key pair of the exchange's kind: NAME.pem, which only its owner can read, and NAME.pub."""
    private = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if with_rsa
        else ed25519.Ed25519PrivateKey.generate()
    )
    with os.fdopen(os.open(folder / f"{name}.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pub").write_bytes(public)


def http_of(feed: str) -> str:
    """The vendor's REST address beside a websocket address of it."""
    return feed.replace("ws", "http", 1).rpartition("/")[0]
