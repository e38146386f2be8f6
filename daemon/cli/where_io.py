"""Which configuration and which state directory a command works on: found in one way by all, and said on stderr.

The state directory is the one of the option, else the configuration's (`daemon.settings.load_io` says where that is
looked for). An emergency command goes on without a configuration that it cannot read.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from domain.errors import ConfigurationError

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Configuration file; default /etc/ladderd/ladderd.toml, then ./configs.")
]
StateOption = Annotated[
    Path | None, typer.Option("--state-dir", help="The daemon's state directory; default: the configuration's.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def words(text: str) -> str:
    """What somebody typed, in whatever encoding his terminal has: UTF-8, else Latin-1, in which any byte is one."""
    raw = os.fsencode(text)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def said(text: str) -> str:
    """Who and why stand in the journal for ever: an empty word is none."""
    if not text.strip():
        message = "is empty; say it in a word or more"
        raise typer.BadParameter(message)
    return words(text)


ByOption = Annotated[str, typer.Option("--by", help="Who asks.", callback=said)]
CauseOption = Annotated[str, typer.Option("--cause", help="Why.", callback=said)]


def home_of(config: Path | None, state_dir: Path | None) -> Path:
    """The state directory to work on. Raises ConfigurationError."""
    if state_dir is not None:
        return state_dir
    from daemon.settings.load_io import load  # noqa: PLC0415 - heavy

    return Path(load(config).state_dir)


def home_in_an_emergency(config: Path | None, state_dir: Path | None) -> Path:
    """The same; a configuration that cannot be read keeps nobody from halting."""
    try:
        return home_of(config, state_dir)
    except ConfigurationError as problem:
        from daemon.settings.load_io import INSTALLED_STATE  # noqa: PLC0415 - heavy

        named = os.environ.get("LADDERD_STATE_DIR")
        installed = Path(INSTALLED_STATE)
        home = Path(named) if named else installed if installed.is_dir() else Path("state")
        sys.stderr.write(f"ladderd: {problem}; the request goes to {home}\n")
        return home


def show(answer: tuple[int, str], *, worked_on: Path | None = None) -> NoReturn:
    """End a command: print its text, name on stderr the state directory that it worked on, exit with its code."""
    code, text = answer
    typer.echo(text)
    if worked_on is not None:
        say_where(worked_on)
    raise typer.Exit(code)


def say_where(home: Path) -> None:
    """Say on stderr which state directory was worked on."""
    sys.stderr.write(f"ladderd: state directory {home.absolute()}\n")
