"""The secrets that a process needs: which are there, where they came from, and who else could read them there."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from daemon.settings.private_file_io import read_private
from daemon.settings.tree import ENVIRONMENT, Settings
from domain.errors import ConfigurationError

OWN_ENVIRONMENT: Final = Path("/proc/self/environ")


def account_key(settings: Settings) -> tuple[str, bytes]:
    """Id and PEM of the exchange key. Raises ConfigurationError naming the one that is missing or cannot be used."""
    if settings.exchange.api_key_id is None:
        message = "exchange.api_key_id: not set; put LADDERD_EXCHANGE__API_KEY_ID into .env.local or the environment"
        raise ConfigurationError(message)
    return settings.exchange.api_key_id.get_secret_value(), private_key_pem(settings)


def private_key_pem(settings: Settings) -> bytes:
    """The exchange key's PEM. Raises ConfigurationError when missing, or readable by others than its owner."""
    exchange = settings.exchange
    if exchange.private_key is not None:
        return exchange.private_key.get_secret_value().encode()
    if exchange.private_key_file is None:
        message = (
            "exchange.private_key_file: not set; put the key's path into the configuration"
            " or LADDERD_EXCHANGE__PRIVATE_KEY_FILE, or the PEM into LADDERD_EXCHANGE__PRIVATE_KEY"
        )
        raise ConfigurationError(message)
    return read_private(exchange.private_key_file, "exchange.private_key_file").data


def whereabouts(settings: Settings) -> str:
    """Where the private key lies and who can open it, as the file system says now. Raises ConfigurationError."""
    exchange = settings.exchange
    if exchange.private_key is None and exchange.private_key_file is not None:
        path, name = exchange.private_key_file, "exchange.private_key_file"
    else:
        name, source = "exchange.private_key", settings.source_of("exchange.private_key")
        if source == ENVIRONMENT:
            return _environment(name)
        path = Path(source)
        if not source or not path.is_file():
            raise ConfigurationError(f"{name}: where it came from is not known; put it into a file and name that")
    return f"{path}: {read_private(path, name).shown}"


def _environment(name: str) -> str:
    """A process's environment can be read where the kernel shows it: by its owner and root, when its mode says so."""
    try:
        info = OWN_ENVIRONMENT.stat()
    except OSError as problem:
        raise ConfigurationError(f"{name}: {OWN_ENVIRONMENT} cannot be looked at: {problem.strerror}") from None
    mode = stat.S_IMODE(info.st_mode)
    if mode & 0o177 or info.st_uid not in {0, os.geteuid()}:
        raise ConfigurationError(f"{name}: {OWN_ENVIRONMENT} has mode {mode:04o}; others can read the environment")
    return f"from the environment, which the kernel shows to uid {info.st_uid} alone (mode {mode:04o})"


def require_secrets(settings: Settings) -> None:
    """Raise ConfigurationError naming the first secret that is missing."""
    account_key(settings)
    for name, feed in (("primary", settings.feeds.primary), ("secondary", settings.feeds.secondary)):
        if feed is not None and settings.feeds.key_of(feed) is None:
            message = f"feeds.{name}: no API key; put LADDERD_FEEDS__API_KEY into .env.local or the environment"
            raise ConfigurationError(message)


def known_secrets(settings: Settings) -> list[str]:
    """Every secret of a configuration, for whoever hides them in texts."""
    exchange, feeds = settings.exchange, settings.feeds
    keys = (exchange.api_key_id, exchange.private_key, settings.http.control_token)
    found = [secret.get_secret_value() for secret in keys if secret is not None]
    found += [feeds.key_of(feed) or "" for feed in (feeds.primary, feeds.secondary) if feed is not None]
    return [text for text in found if text]
