"""Where the configuration comes from, for the daemon and for every command alike.

On a machine where it is installed, `/etc/ladderd/ladderd.toml` is the file, from whatever directory a command is typed;
the settings of the unit (`ladderd.env`), its state directory and, for who may read them, its credentials belong to it.
Elsewhere the file is `configs/ladderd.toml` of the current directory, with `.env.local` beside it. Stronger than these
are the credential directory that a service manager names, the environment `LADDERD_*`, and the command line. Every key
is known by name: an unknown one, a missing secret, a value out of range, a line that does not parse, or a secret in a
file that others can open is one readable line that names the source which is to blame, and exit 78.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict, SettingsError

from daemon.settings.env_file import PREFIX, Assignment, parse_env
from daemon.settings.keys import SectionType, SettingKey, every_key, holds_secret, leaves, meant, parts_of
from daemon.settings.parts import shape_of
from daemon.settings.private_file_io import read_file, read_private, text_of
from daemon.settings.tree import ENVIRONMENT, Settings
from domain.door import one_line
from domain.errors import ConfigurationError

NESTING: Final = "__"
DEFAULT_CONFIG: Final = Path("configs/ladderd.toml")
ENV_FILE: Final = Path(".env.local")
INSTALLED: Final = Path("/etc/ladderd")
INSTALLED_STATE: Final = "/var/lib/ladderd"
TOLD_CHARS_MAX: Final = 2_000
COMMAND_LINE: Final = "the command line"
NO_FILES: Final[Mapping[str, str]] = {}


class _Variables(BaseSettings):
    """How `LADDERD_SECTION__KEY` is taken apart."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=NESTING, extra="ignore", defer_build=True)


_SHAPE: Final = shape_of(Settings, _Variables)


class _Given(EnvSettingsSource):
    """Variables that were given by hand, not the process's own."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = {name.lower(): value for name, value in variables.items()}
        super().__init__(_SHAPE)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return dict(self._variables)


class _Source(NamedTuple):
    """One place that values come from: its name in a message, its tree, and which line or variable set a key."""

    name: str
    tree: dict[str, Any]
    places: Mapping[str, str]
    files: Mapping[str, str] = NO_FILES


def load(config: Path | None, **overrides: Any) -> Settings:  # noqa: ANN401 - values of any setting
    """Read all sources; an override of None overrides nothing.

    Raises ConfigurationError: one line that names the key, the place and the remedy.
    """
    path = _config_path(config)
    overrides = {name: value for name, value in overrides.items() if value is not None}
    sources = [_Source(COMMAND_LINE, overrides, {}), _environment()]
    if path is not None and path == INSTALLED / DEFAULT_CONFIG.name:
        sources += [_credentials(INSTALLED / "credentials"), _unit_settings(INSTALLED / "ladderd.env")]
        sources += [_config_file(path), _Source("the unit", {"state_dir": INSTALLED_STATE}, {})]
    else:
        sources += [_env_file(ENV_FILE), _credentials()]
        sources += [] if path is None else [_config_file(path)]
    return _settled(sources)


def load_configured(config: Path | None, **overrides: Any) -> Settings:  # noqa: ANN401 - values of any setting
    """The same, but the built-in defaults alone are no configuration. Raises ConfigurationError."""
    if _config_path(config) is None:
        message = (
            f"no configuration file: there is no {INSTALLED / DEFAULT_CONFIG.name}, and {DEFAULT_CONFIG} is not in"
            f" {Path.cwd()}; give --config FILE"
        )
        raise ConfigurationError(message)
    return load(config, **overrides)


def load_file(path: Path) -> Settings:
    """What one file alone says, over the defaults. Raises ConfigurationError."""
    return _settled([_config_file(path)])


def _config_path(config: Path | None) -> Path | None:
    if config is not None:
        if not os.path.lexists(config):
            message = f"{config}: no such configuration file; give --config FILE or create it from configs/ladderd.toml"
            raise ConfigurationError(message)
        return config
    places = (INSTALLED / DEFAULT_CONFIG.name, DEFAULT_CONFIG)
    return next((path for path in places if os.path.lexists(path)), None)


def _settled(sources: list[_Source]) -> Settings:
    """One tree from all sources, the first of them strongest, checked as a whole."""
    tree: dict[str, Any] = {}
    for source in reversed(sources):
        _overlay(tree, source.tree)
    given, known = leaves(tree), every_key(Settings)
    for key in given:
        if isinstance(given[key], bool) and key in known and known[key].kind is int:
            raise ConfigurationError(f"{key}: true and false are no number; write one [in {_blamed(key, sources)}]")
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as problem:
        raise ConfigurationError(_told(problem, sources)) from None
    told = ((key, source.files.get(key, source.name)) for source in reversed(sources) for key in leaves(source.tree))
    settings.came_from(dict(told))
    return settings


def _overlay(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Put one tree's values over another's; tables are joined, and those of `above` are not shared."""
    for name, value in above.items():
        held = below.get(name)
        if isinstance(value, dict):
            below[name] = dict(held) if isinstance(held, dict) else {}
            _overlay(below[name], value)
        else:
            below[name] = value


def _told(problem: ValidationError, sources: list[_Source]) -> str:
    """The first thing that is wrong, in one line: key, what, where, remedy."""
    first = problem.errors(include_input=False, include_url=False, include_context=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    text = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        text = f"no such setting{meant(key, every_key(Settings))}; remove it or correct its name"
    more = problem.error_count() - 1
    also = f" (and {more} more)" if more else ""
    # A key of the file may hold a line break, and what a validator says may repeat it.
    return one_line(f"{key or 'configuration'}: {text} [in {_blamed(key, sources)}]{also}", TOLD_CHARS_MAX)


def _blamed(key: str, sources: list[_Source]) -> str:
    """The source whose value it was: the strongest that says something of the key, or of a part above it."""
    while key:
        for source in sources:
            held = leaves(source.tree)
            places = [source.places[name] for name in held if name in source.places and _within(name, key)]
            if places:
                return places[0]
            if any(_within(name, key) for name in held) or _at(source.tree, key):
                return source.name
        key = key.rpartition(".")[0]
    return " and ".join(source.name for source in sources if source.tree) or "the defaults"


def _within(name: str, key: str) -> bool:
    return name == key or name.startswith(f"{key}.") or key.startswith(f"{name}.")


def _at(tree: Mapping[str, Any], key: str) -> bool:
    """Whether a tree has a table or a value of that name."""
    part, _, rest = key.partition(".")
    if part not in tree:
        return False
    held = tree[part]
    return not rest or (isinstance(held, Mapping) and _at(held, rest))


# --- the sources -------------------------------------------------------------------------------------------------


def _config_file(path: Path) -> _Source:
    """The TOML file. A secret may stand in it when nobody else can open it."""
    file = read_file(path)
    text = text_of(path, file.data)
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        # The parser's text may quote a value, but only its place is needed. Of a number that is too long, a date that
        # is none and tables in tables without end it tells no place.
        told = isinstance(problem, tomllib.TOMLDecodeError)
        place = str(problem).rpartition("(")[2].rstrip(")") if told else "a value that cannot be read"
        raise ConfigurationError(f"{path}: not TOML ({place}); correct it there") from None
    if not tree:
        raise ConfigurationError(f"{path}: is empty; write at least one setting, or copy configs/ladderd.toml")
    secret = _secret_in(tree)
    if secret and file.exposed:
        raise ConfigurationError(f"{secret}: stands in {path}, which {file.exposed}, or move it to .env.local")
    return _Source(str(path), tree, {})


def _environment() -> _Source:
    given = {name.upper(): value for name, value in os.environ.items() if name.upper().startswith(PREFIX)}
    places = {name: f"variable {name}" for name in given}
    return _Source(ENVIRONMENT, _tree_of(given, places), _by_key(places))


def _env_file(path: Path) -> _Source:
    """`.env.local` of the current directory, if there is one."""
    if not os.path.lexists(path):
        return _Source(str(path), {}, {})
    file = read_file(path)
    found = parse_env(text_of(path, file.data), str(path))
    places = {name: f"{path}:{one.line} {name}" for name, one in found.items()}
    tree = _tree_of({name: one.value for name, one in found.items()}, places)
    secret = _secret_in(tree)
    if secret and file.exposed:
        raise ConfigurationError(f"{_line_of(secret, found, path)} is a secret, and {path} {file.exposed}")
    return _Source(str(path), tree, _by_key(places))


def _line_of(key: str, found: Mapping[str, Assignment], path: Path) -> str:
    for name, one in found.items():
        if _within(_key_of(name), key):
            return f"{path}:{one.line}: {name}"
    return f"{path}: {key}"


def _unit_settings(path: Path) -> _Source:
    """The unit's `EnvironmentFile`: its settings of ours. What else stands there is for the service manager."""
    if not os.path.lexists(path):
        return _Source(str(path), {}, {})
    lines = text_of(path, read_file(path).data).split("\n")
    ours = "\n".join(line if line.lstrip().upper().startswith(PREFIX) else "" for line in lines)
    found = parse_env(ours, str(path))
    places = {name: f"{path}:{one.line} {name}" for name, one in found.items()}
    return _Source(str(path), _tree_of({name: one.value for name, one in found.items()}, places), _by_key(places))


def _credentials(installed: Path | None = None) -> _Source:
    """A systemd credential directory: `exchange__api_key_id`, `feeds__api_key` ... one file for each value.

    Without one the installation's own, for who may read it; for anybody else there are none.
    """
    named = os.environ.get("CREDENTIALS_DIRECTORY")
    tree: dict[str, Any] = {}
    if not named and installed is not None and os.access(installed, os.R_OK | os.X_OK, effective_ids=True):
        named = str(installed)
    if not named:
        return _Source("credentials", tree, {})
    places: dict[str, str] = {}
    try:
        paths = sorted(Path(named).iterdir())
    except OSError as problem:
        raise ConfigurationError(f"CREDENTIALS_DIRECTORY: {named} cannot be read: {problem.strerror}") from None
    for path in paths:
        if path.name.startswith("."):
            continue
        branch, parts = tree, path.name.lower().removeprefix(PREFIX.lower()).split(NESTING)
        for parent in parts[:-1]:
            branch = branch.setdefault(parent, {})
            if not isinstance(branch, dict):
                raise ConfigurationError(f"{path}: there is a credential for all of {parent} too; keep one of them")
        key = ".".join(parts)
        field = every_key(Settings).get(key)
        secret = field is None or holds_secret(field.kind)
        file = read_private(path, key) if secret else read_file(path)
        branch[parts[-1]] = text_of(path, file.data).strip()
        places[key] = str(path)
    return _Source(named, tree, places, places)


def _tree_of(variables: Mapping[str, str], places: Mapping[str, str]) -> dict[str, Any]:
    """The tree that a set of variables means. Raises ConfigurationError for a name that is none of ours."""
    tree: dict[str, Any] = {}
    for name in sorted(variables):
        below: SettingKey | SectionType = Settings
        for part in name.removeprefix(PREFIX).lower().split(NESTING):
            parts = {} if isinstance(below, SettingKey) else parts_of(below)
            if part not in parts:
                known = [f"{PREFIX}{key.upper().replace('.', NESTING)}" for key in every_key(Settings)]
                message = f"{places[name]}: no such setting{meant(name, known)}; unset it or correct its name"
                raise ConfigurationError(message)
            below = parts[part]
        try:
            _overlay(tree, _Given({name: variables[name]})())
        except (SettingsError, RecursionError):
            raise ConfigurationError(f"{places[name]}: not JSON, which a section or a list is given in") from None
    return tree


def _key_of(name: str) -> str:
    return ".".join(name.removeprefix(PREFIX).lower().split(NESTING))


def _by_key(places: Mapping[str, str]) -> dict[str, str]:
    return {_key_of(name): place for name, place in places.items()}


def _secret_in(tree: Mapping[str, Any]) -> str:
    """The first key of a tree that holds a secret, or nothing."""
    fields = every_key(Settings)
    return next((key for key in leaves(tree) if key in fields and holds_secret(fields[key].kind)), "")
