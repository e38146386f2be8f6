"""The commands that stop and let go on, from cancel-all to note, and the watcher. Joined by commands.py.

An emergency command first leaves its request for the live daemon, then acts itself with the key that it finds, and says
what it touched. Exit: 0 the end is proven; 1 what is possible was done, and nothing proves the end; 69 neither the
exchange nor a daemon could be reached.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli.where_io import (
    ByOption,
    CauseOption,
    ConfigOption,
    StateOption,
    home_in_an_emergency,
    home_of,
    said,
    say_where,
    show,
    words,
)
from domain.errors import ConfigurationError

# Root and the unit see the credentials; a member of the group starts the unit.
WITH_THE_UNITS_KEY = "with the unit's own key: systemctl start ladderd-cancel-all"

app = typer.Typer()


@app.command("cancel-all")
def cancel_all(
    reason: Annotated[str, typer.Option("--reason", help="Why; journaled.", callback=words)] = "operator_cli",
    config: ConfigOption = None,
    state_dir: StateOption = None,
) -> None:
    """Cancel every resting order of the account, with the daemon up, hung or dead."""
    from daemon.rescue.asked_io import ask_the_daemon  # noqa: PLC0415 - heavy
    from daemon.rescue.cancel_all_io import CancelAllRequest, run_cancel_all  # noqa: PLC0415
    from daemon.system_clock import SystemClock  # noqa: PLC0415

    home, why = home_in_an_emergency(config, state_dir), reason or "operator_cli"
    say_where(home)
    try:
        settings, key = _with_key(config, home)
    except ConfigurationError as problem:
        typer.echo(f"cancel-all: not asked from here: {problem}")
        typer.echo(f"cancel-all: {WITH_THE_UNITS_KEY}")
        raise typer.Exit(ask_the_daemon(home, why, SystemClock())) from None
    typer.echo(f"cancel-all: everything at {settings.exchange.rest_url}")
    raise typer.Exit(run_cancel_all(CancelAllRequest(settings.exchange.rest_url, *key, why, home, settings.posture)))


@app.command()
def kill(
    reason: Annotated[str, typer.Option("--reason", help="Why.", callback=words)] = "no reason given",
    by: Annotated[str, typer.Option("--by", help="Who asks.", callback=words)] = "operator",
    config: ConfigOption = None,
    state_dir: StateOption = None,
) -> None:
    """Write the kill file and cancel everything; it stays so until the file is removed and trading is resumed."""
    from daemon.rescue.cancel_all_io import CancelAllRequest, run_cancel_all  # noqa: PLC0415 - heavy
    from daemon.rescue.kill_io import kill as kill_account  # noqa: PLC0415
    from daemon.system_clock import SystemClock  # noqa: PLC0415

    why = f"{by or 'operator'}: {reason or 'no reason given'}"
    home = home_in_an_emergency(config, state_dir)

    def cancel() -> int:
        settings, key = _with_key(config, home)
        typer.echo(f"cancelling everything at {settings.exchange.rest_url}")
        return run_cancel_all(CancelAllRequest(settings.exchange.rest_url, *key, why, home, settings.posture))

    raise typer.Exit(kill_account(home, why, cancel, SystemClock()))


@app.command("close-all")
def close_all(
    by: ByOption,
    cause: CauseOption,
    cap_cents: Annotated[
        int,
        typer.Option(
            "--cap-cents",
            min=0,
            max=99,
            help="The most that closing one contract may cost against the middle of its book, in cents.",
        ),
    ] = 10,
    confirm: Annotated[bool, typer.Option("--confirm", help="Do it; without this it only looks.")] = False,  # noqa: FBT002 - a flag
    config: ConfigOption = None,
    state_dir: StateOption = None,
) -> None:
    """Close every position by orders that take: pauses the daemon first, only reduces, says what is left."""
    from daemon.closeout.close_all_io import CloseAllRequest  # noqa: PLC0415 - heavy
    from daemon.closeout.close_all_io import close_all as close_positions  # noqa: PLC0415
    from daemon.closeout.fees import FileFees  # noqa: PLC0415
    from daemon.settings.files_io import read_optional  # noqa: PLC0415
    from pricing.fees import parse_fees  # noqa: PLC0415

    home = home_in_an_emergency(config, state_dir)
    say_where(home)
    settings, key = _with_key(config, home)
    text = read_optional(settings.fees_file)
    fees = FileFees(None if text is None else parse_fees(text, str(settings.fees_file)))
    address = settings.exchange.rest_url
    typer.echo(f"close-all: positions at {address}")
    asked = CloseAllRequest(address, *key, settings.posture, home, by, cause, cap_cents, confirm, fees)
    raise typer.Exit(close_positions(asked, typer.echo))


def _with_key(config: Path | None, home: Path) -> tuple[Any, tuple[str, bytes]]:
    """The configuration and the account's key. Raises ConfigurationError."""
    from daemon.settings.load_io import load_configured  # noqa: PLC0415 - heavy
    from daemon.settings.secrets_io import account_key  # noqa: PLC0415

    settings = load_configured(config, state_dir=home)
    return settings, account_key(settings)


@app.command()
def drill(
    control: Annotated[str, typer.Argument(help="kill_file, sigusr1, cancel_all_command, watcher or close_all.")],
    by: ByOption,
    cause: CauseOption,
    config: ConfigOption = None,
    state_dir: StateOption = None,
) -> None:
    """Have one control work for real, between windows, and see its proof dated (`ladderd controls` lists them)."""
    from daemon.cli.drill_io import DrillAsked  # noqa: PLC0415 - heavy
    from daemon.cli.drill_io import drill as drill_control  # noqa: PLC0415
    from daemon.system_clock import SystemClock  # noqa: PLC0415
    from guards.evidence.controls import NAMED  # noqa: PLC0415

    if control not in NAMED:
        raise typer.BadParameter(f"no such control; known: {', '.join(NAMED)}", param_hint="CONTROL")
    home = home_of(config, state_dir)
    say_where(home)
    options = ("--state-dir", str(home), *(("--config", str(config)) if config is not None else ()))
    raise typer.Exit(drill_control(DrillAsked(control, by, cause, home, options), SystemClock(), typer.echo))


@app.command()
def watch(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    limit_ms: Annotated[int, typer.Option("--limit-ms", min=1000, help="How long progress may stop.")] = 5000,
    http_port: Annotated[
        int | None,
        typer.Option("--http-port", min=0, max=65535, help="Loopback port for GET /ops/status; 0 takes a free one."),
    ] = None,
) -> None:
    """The outside watcher: flattens the account when the daemon makes no progress."""
    from daemon.rescue.watch_io import Watched  # noqa: PLC0415 - heavy
    from daemon.rescue.watch_io import watch as watch_account  # noqa: PLC0415
    from daemon.settings.load_io import load_configured  # noqa: PLC0415
    from daemon.settings.secrets_io import account_key  # noqa: PLC0415

    settings = load_configured(config, state_dir=state_dir)
    token = settings.http.control_token
    raise typer.Exit(
        watch_account(
            Watched(
                settings.exchange.rest_url,
                *account_key(settings),
                settings.state_dir,
                limit_ms,
                settings.posture,
                _watcher_identity(settings),
                http_port,
                None if token is None else token.get_secret_value(),
            )
        )
    )


def _watcher_identity(settings: Any) -> Any:  # noqa: ANN401 - Settings and WatcherIdentity, imported only here
    from daemon.settings.build_id_io import build_id  # noqa: PLC0415 - heavy
    from daemon.settings.tree import config_hash  # noqa: PLC0415
    from ops.watcher_status import WatcherIdentity  # noqa: PLC0415

    return WatcherIdentity(os.getpid(), build_id(), config_hash(settings), settings.mode, settings.quoting.enabled)


def ask(command: str, by: str, cause: str, home: Path) -> None:
    """Leave a request for the daemon, print its answer and end."""
    from daemon.cli.views_io import ask_daemon  # noqa: PLC0415 - heavy

    show(ask_daemon(command, by, cause, home), worked_on=home)


@app.command()
def pause(by: ByOption, cause: CauseOption, config: ConfigOption = None, state_dir: StateOption = None) -> None:
    """Stop quoting and stay flat until resumed."""
    ask("pause", by, cause, home_in_an_emergency(config, state_dir))


@app.command()
def resume(by: ByOption, cause: CauseOption, config: ConfigOption = None, state_dir: StateOption = None) -> None:
    """Lift a pause or a kill, after every check."""
    ask("resume", by, cause, home_of(config, state_dir))


@app.command()
def arm(by: ByOption, cause: CauseOption, config: ConfigOption = None, state_dir: StateOption = None) -> None:
    """Arm live trading for this session."""
    ask("arm", by, cause, home_of(config, state_dir))


@app.command()
def note(
    text: Annotated[str, typer.Argument(callback=said)],
    by: ByOption = "operator",
    config: ConfigOption = None,
    state_dir: StateOption = None,
) -> None:
    """Put a line into the journal and the day's report."""
    ask("note", by, text, home_of(config, state_dir))
