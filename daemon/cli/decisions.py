"""The command that judges proposals from outside. Joined by commands.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.where_io import ConfigOption, StateOption
from domain.errors import EX_OK

app = typer.Typer()


@app.command()
def decide(
    proposals: Annotated[Path, typer.Option("--proposals", help="A file with one proposal a line, as JSON.")],
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is appended, until Ctrl-C.")] = False,  # noqa: FBT002
    config: ConfigOption = None,
    state_dir: StateOption = None,
) -> None:
    """Judge proposals from outside and send nothing: one APPROVE or REJECT line each; exit 1 if any is rejected.

    The lines are kept in audit_artifacts/execution_decisions/<UTC date>/decisions.ndjson of the state directory. A
    proposal that has a decision gets no second one.
    """
    from daemon.cli.decide_io import decide_command  # noqa: PLC0415 - heavy
    from daemon.settings.load_io import load  # noqa: PLC0415

    settings = load(config) if state_dir is None else load(config, state_dir=state_dir)
    code = EX_OK
    for code, line in decide_command(settings, proposals, follow=follow):  # noqa: B007 - the last one is the exit code
        typer.echo(line)
    raise typer.Exit(code)
