"""The commands that show what the running daemon shows: health, status, positions, providers, vix, controls, top."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.where_io import ConfigOption, JsonOption, StateOption, show

app = typer.Typer()

HttpOption = Annotated[str | None, typer.Option("--http", help="The daemon's address, if not the one it wrote down.")]
RawOption = Annotated[bool, typer.Option("--raw", help="The daemon's own JSON.")]


def _address(http: str | None, config: Path | None, state_dir: Path | None) -> str:
    """Where the daemon listens: what was given, else what the daemon of this state directory wrote down."""
    if http is not None:
        return http
    from daemon.cli.orders_io import daemon_address  # noqa: PLC0415 - heavy
    from daemon.settings.load_io import load  # noqa: PLC0415

    return daemon_address(load(config, state_dir=state_dir))


@app.command()
def health(
    http: HttpOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    raw: RawOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Ask the running daemon whether every task makes progress."""
    from ops.client_io import health as ask_health  # noqa: PLC0415 - heavy

    show(ask_health(_address(http, config, state_dir), raw=raw))


@app.command()
def status(
    http: HttpOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    raw: RawOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Ask the running daemon for verdict, windows, gates against, positions and P&L; exit 1 when held or not OK."""
    from ops.client_io import status as ask_status  # noqa: PLC0415 - heavy

    show(ask_status(_address(http, config, state_dir), raw=raw))


@app.command()
def positions(
    http: HttpOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Every open position of the running daemon: count, average price, marked, worst case."""
    from ops.client_io import positions as ask_positions  # noqa: PLC0415 - heavy

    show(ask_positions(_address(http, config, state_dir), as_json=as_json))


@app.command()
def providers(
    http: HttpOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Today's score of each data provider (fresh looks of all, one a second in market hours), and fallbacks."""
    from ops.client_io import providers as ask_providers  # noqa: PLC0415 - heavy

    show(ask_providers(_address(http, config, state_dir), as_json=as_json))


@app.command()
def vix(
    http: HttpOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """The market's volatility (I:VIX) as the running daemon has it, and what it does to size and edge."""
    from ops.client_io import vix as ask_vix  # noqa: PLC0415 - heavy

    show(ask_vix(_address(http, config, state_dir), as_json=as_json))


@app.command()
def controls(
    http: HttpOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Each control that must be proven, when it last was, and its drill; exit 1 when one is missing or old."""
    from ops.client_io import controls as ask_controls  # noqa: PLC0415 - heavy

    code, text = ask_controls(_address(http, config, state_dir), as_json=as_json)
    typer.echo(text)
    raise typer.Exit(code)


@app.command()
def breakers(
    http: HttpOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Whether our own settled windows still speak for the model: each breaker, what it measures, why it tripped."""
    from ops.client_io import breakers as ask_breakers  # noqa: PLC0415 - heavy

    show(ask_breakers(_address(http, config, state_dir), as_json=as_json))


@app.command()
def top(http: HttpOption = None, config: ConfigOption = None, state_dir: StateOption = None) -> None:
    """A live view in the terminal; q ends it."""
    from daemon.cli.views_io import watch_daemon  # noqa: PLC0415 - heavy

    watch_daemon(_address(http, config, state_dir))
