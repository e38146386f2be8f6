"""The commands of our books: compared with the exchange's, and the executions in them. Joined by commands.py."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli.where_io import ConfigOption, JsonOption, StateOption, home_of, show, words
from domain.errors import EX_USAGE

app = typer.Typer()


def _words(text: str | None) -> str | None:
    return None if text is None else words(text)


@app.command()
def reconcile(
    by: Annotated[str | None, typer.Option("--by", help="Who asks; needed with --adopt.", callback=_words)] = None,
    cause: Annotated[str | None, typer.Option("--cause", help="Why; needed with --adopt.", callback=_words)] = None,
    adopt: Annotated[bool, typer.Option("--adopt", help="Take the exchange's word for what differs.")] = False,  # noqa: FBT002
    full: Annotated[bool, typer.Option("--full", help="Ask the exchange from here; needs no daemon.")] = False,  # noqa: FBT002
    state_dir: StateOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Have the running daemon read orders, fills, positions and balance twice and say what differs; exit 1 if any does.

    --full asks the exchange from here and compares with the snapshot, daemon or not. --adopt books what the exchange
    says, each difference as a record; what was adopted counts for risk and is never our P&L.
    """
    if adopt and (full or not (by or "").strip() or not (cause or "").strip()):
        typer.echo("ladderd: --adopt: say --by and --cause, and leave out --full; only the daemon adopts", err=True)
        raise typer.Exit(EX_USAGE)
    if full:
        from daemon.preflight.commands_io import reconcile_full  # noqa: PLC0415 - heavy
        from daemon.settings.load_io import load  # noqa: PLC0415 - heavy

        settings = load(config) if state_dir is None else load(config, state_dir=state_dir)
        raise typer.Exit(reconcile_full(settings, None, as_json=as_json))
    from daemon.cli.reconcile_io import reconcile_view  # noqa: PLC0415 - heavy

    where = home_of(config, state_dir)
    why = cause or "asked on the command line"
    show(reconcile_view(where, by or "operator", why, adopt=adopt, as_json=as_json), worked_on=where)


@app.command()
def fills(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Every execution on the account that the journal has, oldest first; those that are not ours are marked."""
    from daemon.cli.journal_io import print_fills  # noqa: PLC0415 - heavy

    raise typer.Exit(print_fills(home_of(config, state_dir), typer.echo, as_json=as_json))
