"""The command of the evidence pack. Joined by commands.py."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from daemon.cli.where_io import JsonOption
from domain.errors import EX_NOT_OK, EX_OK

app = typer.Typer()


@app.command()
def evidence(
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
    as_page: Annotated[bool, typer.Option("--md", help="Print a page.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """What the industry asks of automated trading, and which proven step shows each; exit 1 while one is not shown."""
    from daemon.settings.build_id_io import build_id  # noqa: PLC0415 - heavy
    from ops.evidence.docs_io import installed_proofs  # noqa: PLC0415
    from ops.evidence.pack import markdown, pack, text  # noqa: PLC0415

    found = pack(installed_proofs())
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        typer.echo(markdown(found, build_id()) if as_page else text(found))
    raise typer.Exit(EX_NOT_OK if found.not_shown else EX_OK)
