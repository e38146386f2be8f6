"""The commands about the configuration: show, explain, diff, pin. Joined by commands.py."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from daemon.cli.where_io import ByOption, CauseOption, ConfigOption, JsonOption, StateOption, show
from domain.errors import EX_NOT_OK

app = typer.Typer(help="The configuration in force.", no_args_is_help=True)


@app.command("show")
def config_show(config: ConfigOption = None, state_dir: StateOption = None) -> None:
    """The effective configuration, secrets left out, with its hash."""
    from daemon.settings.load_io import load  # noqa: PLC0415 - heavy
    from daemon.settings.tree import config_hash, shown  # noqa: PLC0415 - heavy

    settings = load(config, state_dir=state_dir)
    typer.echo(msgspec.json.format(msgspec.json.encode(shown(settings))).decode())
    typer.echo(f"config hash {config_hash(settings)}")


@app.command("explain")
def config_explain(key: str) -> None:
    """What one setting means: a sentence, its unit, kind, bounds, default, and the runbook steps it serves."""
    from daemon.settings.explain import explain  # noqa: PLC0415 - heavy

    typer.echo(explain(key))


@app.command("diff")
def config_diff(
    against: Annotated[
        str | None, typer.Option("--against", help="A file, or pin for the approved one; default: the defaults.")
    ] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """What differs from the defaults, a file or the approved configuration. Exit 0 nothing, 1 something."""
    from daemon.settings.diff_io import diff_view  # noqa: PLC0415 - heavy
    from daemon.settings.load_io import load  # noqa: PLC0415 - heavy

    show(diff_view(load(config, state_dir=state_dir), against, as_json=as_json))


@app.command("pin")
def config_pin(by: ByOption, cause: CauseOption, config: ConfigOption = None, state_dir: StateOption = None) -> None:
    """Approve the effective configuration of a file: live preflight refuses any other."""
    from daemon.settings.files_io import keep_config  # noqa: PLC0415 - heavy
    from daemon.settings.load_io import load_configured  # noqa: PLC0415 - heavy
    from daemon.settings.pin_io import write_pin  # noqa: PLC0415 - heavy
    from daemon.settings.tree import config_hash  # noqa: PLC0415 - heavy

    settings = load_configured(config, state_dir=state_dir)
    digest = config_hash(settings)
    try:
        path = write_pin(settings.state_dir, digest, by, cause)
        keep_config(settings, digest)
    except OSError as problem:
        typer.echo(f"{settings.state_dir}: the pin cannot be written: {problem.strerror}")
        raise typer.Exit(EX_NOT_OK) from None
    typer.echo(f"config hash {digest} approved in {path}")
