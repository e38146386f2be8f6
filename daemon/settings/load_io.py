"""Where the configuration comes from: `configs/ladderd.toml`, `.env.local`, environment `LADDERD_*`, credentials.

Later sources win: file, credential directory, `.env.local`, environment, command line. Every key is known by name: an
unknown one, a missing secret or a value out of range is one readable line and exit 78.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from daemon.settings.tree import Settings
from domain.errors import ConfigurationError

PREFIX = "LADDERD_"
NESTING = "__"
DEFAULT_CONFIG = Path("configs/ladderd.toml")


class _Sources(Settings, BaseSettings):
    """The same settings, read from every source."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=NESTING,
        env_file=".env.local",
        env_file_encoding="utf-8",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line over environment over `.env.local` over credentials over the file."""
        del file_secret_settings
        return (
            init_settings,
            env_settings,
            dotenv_settings,
            _Credentials(settings_cls),
            TomlConfigSettingsSource(settings_cls, _toml_file),
        )


class _Credentials(PydanticBaseSettingsSource):
    """A systemd credential directory: `exchange__api_key_id`, `feeds__api_key` ... one file for each secret."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ANN401, ARG002 - the base's signature
        """Not used: `__call__` gives the whole tree."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The tree of all credentials found."""
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        tree: dict[str, Any] = {}
        if not directory:
            return tree
        for path in sorted(Path(directory).iterdir()):
            branch = tree
            *parents, leaf = path.name.lower().removeprefix("ladderd_").split(NESTING)
            for parent in parents:
                branch = branch.setdefault(parent, {})
                if not isinstance(branch, dict):
                    message = f"{path.name}: there is a credential for all of {parent} too; keep one of them"
                    raise ValueError(message)  # noqa: TRY004 - the operator's value, not a type of ours
            branch[leaf] = path.read_text(encoding="utf-8").strip()
        return tree


_toml_file: Path | None = None


def load(config: Path | None, **overrides: Any) -> Settings:  # noqa: ANN401 - values of any setting
    """Read all sources. Raises ConfigurationError: one line that names the key, the place and the remedy."""
    global _toml_file  # noqa: PLW0603 - pydantic-settings builds its sources from the class, so the path goes this way
    if config is None:
        config = DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None
    elif not config.is_file():
        message = f"{config}: no such configuration file; give --config FILE or create it from configs/ladderd.toml"
        raise ConfigurationError(message)
    _toml_file = config
    _refuse_unknown_variables()
    try:
        return _Sources(**overrides)
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "configuration"
        text = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            text = "no such setting; remove it or correct its name"
        more = problem.error_count() - 1
        also = f" (and {more} more)" if more else ""
        message = f"{key}: {text} [in {config or 'environment'} or LADDERD_* variables]{also}"
        raise ConfigurationError(message) from None
    except (OSError, ValueError) as problem:
        message = f"{config or 'configuration'}: cannot be read: {problem}"
        raise ConfigurationError(message) from None
    finally:
        _toml_file = None


def _refuse_unknown_variables() -> None:
    for name in sorted(os.environ):
        if not name.startswith(PREFIX):
            continue
        fields = Settings.model_fields
        for part in name.removeprefix(PREFIX).lower().split(NESTING):
            field = fields.get(part)
            if field is None:
                message = f"{name}: no such setting; unset it or correct its name (see ladderd config show)"
                raise ConfigurationError(message)
            fields = _fields_of(field.annotation)


def _fields_of(kind: Any) -> dict[str, FieldInfo]:  # noqa: ANN401 - an annotation
    """The settings inside a section, also one that may be left out; nothing inside a single value."""
    for choice in get_args(kind) or (kind,):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            return choice.model_fields
    return {}


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
    path = exchange.private_key_file
    try:
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            message = f"exchange.private_key_file: {path} has mode {mode:04o}; run chmod 600 {path}"
            raise ConfigurationError(message)
        return path.read_bytes()
    except OSError as problem:
        message = f"exchange.private_key_file: {path} cannot be read: {problem.strerror}"
        raise ConfigurationError(message) from None


def require_secrets(settings: Settings) -> None:
    """Raise ConfigurationError naming the first secret that is missing."""
    account_key(settings)
    for name, feed in (("primary", settings.feeds.primary), ("secondary", settings.feeds.secondary)):
        if feed is not None and settings.feeds.key_of(feed) is None:
            message = f"feeds.{name}: no API key; put LADDERD_FEEDS__API_KEY into .env.local or the environment"
            raise ConfigurationError(message)
