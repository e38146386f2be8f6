"""The commands of incidents. Joined by commands.py."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import typer

from daemon.cli.where_io import ConfigOption, JsonOption, StateOption, home_of
from domain.errors import EX_NOT_OK, EX_OK

BEHIND_THE_DAEMON: Final = 10

app = typer.Typer()


@app.command()
def incidents(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Every incident, whose it is, and whether its file is the one that the journal knows; 1 when one is not."""
    from daemon.cli.views_io import require_journal  # noqa: PLC0415 - heavy
    from ops.incidents.files_io import list_incidents  # noqa: PLC0415

    home = home_of(config, state_dir)
    require_journal(home)
    found = list_incidents(home)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    elif not found:
        typer.echo("no incident in the journal")
    else:
        for each in found:
            typer.echo(f"{each.opened_utc}  {'OPEN' if each.open else 'resumed'}  {each.breach}: {each.why}")
            typer.echo(f"    owner {each.owner}: {each.action}")
            typer.echo(f"    {each.path or each.ident}: {each.file}")
    raise typer.Exit(EX_OK if all(each.proven for each in found) else EX_NOT_OK)


@app.command("incident-file", hidden=True)
def incident_file(
    ident: Annotated[str, typer.Argument(help="The incident's name.")],
    flat_ns: Annotated[int | None, typer.Option("--flat-ns", help="Until nothing was live.")] = None,
    on_call: Annotated[list[str] | None, typer.Option("--on-call", help="Who is on call.")] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
) -> None:
    """Write the page of one incident from the journal; prints its path and hash as JSON. The daemon runs it."""
    from daemon.client.own_programs_io import step_back  # noqa: PLC0415 - heavy
    from ops.incidents.files_io import write_incident  # noqa: PLC0415

    step_back(BEHIND_THE_DAEMON)
    kept = write_incident(home_of(config, state_dir), ident, flat_ns, tuple(on_call or ()))
    typer.echo(msgspec.json.encode(kept).decode())
