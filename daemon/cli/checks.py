"""The commands that look before anybody trades, from preflight to verify-observability. Joined by commands.py."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli.where_io import ConfigOption, JsonOption, StateOption, home_of, show
from domain.errors import UsageError

app = typer.Typer()

HttpOption = Annotated[str | None, typer.Option("--http", help="The daemon's address, if not the one it wrote down.")]
MODES = ("paper", "live")


def known_mode(mode: str | None) -> str | None:
    """What `--mode` says. Raises UsageError for a mode that is none."""
    if mode is not None and mode not in MODES:
        raise UsageError(f"--mode {mode}: paper or live")
    return mode


@app.command()
def preflight(  # noqa: PLR0913, PLR0917 - one for each option
    mode: Annotated[str | None, typer.Option("--mode", help="paper or live; default: the configuration's.")] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    http: HttpOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
    apis: Annotated[bool, typer.Option("--apis", help="Credentials and hosts only.")] = False,  # noqa: FBT002
    data: Annotated[bool, typer.Option("--data", help="Index data only.")] = False,  # noqa: FBT002
    orders: Annotated[bool, typer.Option("--orders", help="Prove the controls with live one-lot orders.")] = False,  # noqa: FBT002
    model: Annotated[bool, typer.Option("--model", help="The model's health only.")] = False,  # noqa: FBT002
    ask: Annotated[bool, typer.Option("--ask", help="Have the running daemon run its own now, and wait.")] = False,  # noqa: FBT002
    for_daemon: Annotated[bool, typer.Option("--for-daemon", hidden=True)] = False,  # noqa: FBT002
) -> None:
    """Check everything before trading: each FAIL or UNKNOWN blocks, and the exit code says so."""
    if ask:
        from daemon.cli.views_io import PREFLIGHT_LIMIT_S, ask_daemon  # noqa: PLC0415 - heavy

        show(ask_daemon("preflight", "operator", "asked for", home_of(config, state_dir), PREFLIGHT_LIMIT_S))
    if model:
        from daemon.preflight.model_io import model_command  # noqa: PLC0415 - heavy
        from daemon.settings.load_io import load  # noqa: PLC0415

        raise typer.Exit(model_command(load(config, mode=known_mode(mode), state_dir=state_dir), as_json=as_json))
    from daemon.preflight.commands_io import preflight_command  # noqa: PLC0415 - heavy

    raise typer.Exit(
        preflight_command(
            *(config, known_mode(mode), state_dir, http),
            as_json=as_json,
            apis=apis,
            data=data,
            orders=orders,
            for_daemon=for_daemon,
        )
    )


@app.command()
def probe(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    wait_s: Annotated[int, typer.Option("--wait-s", min=0, max=4000, help="How long to wait for a close.")] = 75,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Answer the exchange's open questions on its demo host, and keep the answers in state/probe.json."""
    from daemon.preflight.probe_io import probe_command  # noqa: PLC0415 - heavy
    from daemon.settings.load_io import load  # noqa: PLC0415

    settings = load(config, state_dir=state_dir)
    raise typer.Exit(probe_command(settings, wait_s, as_json=as_json))


@app.command()
def freshness(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    http: HttpOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Whether every index is young enough to arm: asks the daemon, else reads its file; exit 1 unless proven."""
    from daemon.cli.freshness_io import freshness_view  # noqa: PLC0415 - heavy

    home = home_of(config, state_dir)
    show(freshness_view(home, http, as_json=as_json))


@app.command("verify-observability")
def verify_observability(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    http: HttpOption = None,
    seconds: Annotated[int, typer.Option("--seconds", min=2, max=600, help="How long counters have to rise.")] = 60,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Fetch the daemon's pages as Prometheus would: every required name, every counter rising; else exit 1."""
    from daemon.cli.observability_io import verify_observability as verify  # noqa: PLC0415 - heavy

    home = home_of(config, state_dir)
    show(verify(home, http, seconds, as_json=as_json))


@app.command()
def discover(
    today: Annotated[bool, typer.Option("--today", help="Today's windows (the only day there is).")] = True,  # noqa: FBT002
    offline: Annotated[bool, typer.Option("--offline", help="From the listing saved today.")] = False,  # noqa: FBT002
    series: Annotated[str | None, typer.Option("--series", help="INXU or NASDAQ100U; default both.")] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """See whether today's windows are listed, by close time; what is missing is named, exit 1."""
    from daemon.preflight.discover_io import discover as find  # noqa: PLC0415 - heavy
    from daemon.settings.load_io import load  # noqa: PLC0415

    del today
    settings = load(config, state_dir=state_dir)
    raise typer.Exit(find(settings, series, offline=offline, as_json=as_json))


@app.command()
def doctor(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """What is installed, whose it is, what is missing, and what to type; exit 1 when anything is not well."""
    from daemon.cli.doctor_io import doctor as look  # noqa: PLC0415 - heavy

    raise typer.Exit(look(config, state_dir, typer.echo, as_json=as_json))
