"""The commands over evidence: readiness, promote, manifest, secrets-scan, ops-run. Joined by commands.py."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli.where_io import ConfigOption, JsonOption, StateOption, words
from domain.errors import EX_USAGE

app = typer.Typer()

HttpOption = Annotated[str | None, typer.Option("--http", help="The daemon's address, if not the one it wrote down.")]
MdOption = Annotated[bool, typer.Option("--md", help="Print Markdown.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who.", callback=lambda text: text and words(text))]
CauseOption = Annotated[str | None, typer.Option("--cause", help="Why.", callback=lambda text: text and words(text))]


@app.command()
def readiness(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    http: HttpOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
    as_md: MdOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Whether everything is ready for the market, from evidence; FAIL or UNKNOWN is exit 1.

    Writes audit_artifacts/readiness_report.md and .json of the state directory.
    """
    from daemon.preflight.tables.commands_io import Printed  # noqa: PLC0415 - heavy
    from daemon.preflight.tables.commands_io import readiness as look  # noqa: PLC0415
    from daemon.settings.load_io import load  # noqa: PLC0415

    raise typer.Exit(look(load(config, state_dir=state_dir), http, Printed(as_json, as_md)))


@app.command()
def promote(  # noqa: PLR0913, PLR0917 - one for each option
    check: Annotated[bool, typer.Option("--check", help="Look at every gate anew (what is done by default).")] = False,  # noqa: FBT002
    make: Annotated[str | None, typer.Option("--make", help="Make one gate's evidence from what lies here.")] = None,
    waive: Annotated[str | None, typer.Option("--waive", help="Let one gate be; with --by --cause --until.")] = None,
    by: ByOption = None,
    cause: CauseOption = None,
    until: Annotated[str | None, typer.Option("--until", help="Until when, like 2026-03-06T14:50:00Z.")] = None,
    decide: Annotated[bool, typer.Option("--decide", help="Decide GO or NO-GO, and keep it for 24 h.")] = False,  # noqa: FBT002
    decision: Annotated[bool, typer.Option("--decision", help="Whether the last GO still counts.")] = False,  # noqa: FBT002
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
    as_md: MdOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Every gate of a promotion: its evidence, hash, age and verdict; exit 1 unless each passes or is waived."""
    from daemon.preflight.tables.commands_io import Printed, Words, check_decision, waive_gate  # noqa: PLC0415 - heavy
    from daemon.preflight.tables.commands_io import promote as look  # noqa: PLC0415
    from daemon.settings.load_io import load  # noqa: PLC0415

    del check
    if make:
        from daemon.cli.evidence.making_io import make as make_evidence  # noqa: PLC0415 - heavy

        raise typer.Exit(make_evidence(load(config, state_dir=state_dir), make, as_json=as_json))
    named = Words(by, cause) if by and cause else None
    if (waive or decide) and named is None:
        typer.echo("ladderd: promote: say --by and --cause", err=True)
        raise typer.Exit(EX_USAGE)
    if waive and not until:
        typer.echo("ladderd: promote: say --until when the gate is waived", err=True)
        raise typer.Exit(EX_USAGE)
    settings = load(config, state_dir=state_dir)
    if waive and named is not None:
        code, text = waive_gate(settings, waive, named, until or "")
    elif decision:
        code, text = check_decision(settings)
    else:
        raise typer.Exit(look(settings, Printed(as_json, as_md), decision=named if decide else None))
    typer.echo(text)
    raise typer.Exit(code)


@app.command()
def manifest(
    by: ByOption = None,
    cause: CauseOption = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Release what is here: build, lock, configuration and risk limits; without --by, compare, exit 1 if it differs."""
    from daemon.preflight.tables.commands_io import Printed, Words  # noqa: PLC0415 - heavy
    from daemon.preflight.tables.commands_io import manifest as release  # noqa: PLC0415
    from daemon.settings.load_io import load  # noqa: PLC0415

    if bool(by) != bool(cause):
        typer.echo("ladderd: manifest: say --by and --cause, or neither", err=True)
        raise typer.Exit(EX_USAGE)
    named = Words(by, cause) if by and cause else None
    raise typer.Exit(release(load(config, state_dir=state_dir), named, Printed(as_json)))


@app.command("secrets-scan")
def secrets_scan(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Look for our secrets where they should not lie: state, tree, configuration; says where, never what."""
    from daemon.preflight.tables.commands_io import Printed  # noqa: PLC0415 - heavy
    from daemon.preflight.tables.commands_io import secrets_scan as look  # noqa: PLC0415
    from daemon.settings.load_io import load  # noqa: PLC0415

    raise typer.Exit(look(load(config, state_dir=state_dir), Printed(as_json)))


@app.command("ops-run")
def ops_run(
    phase: Annotated[str, typer.Option("--phase", help="pre_market or post_session.")],
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Capture what stands before or after a session, each file with time and hash; exit 1 when one is not well.

    Writes audit_artifacts/ops_runs/<time>_<phase>/ of the state directory; nothing of an earlier run is used.
    """
    from daemon.preflight.tables.capture_io import PHASES  # noqa: PLC0415 - heavy
    from daemon.preflight.tables.capture_io import ops_run as capture  # noqa: PLC0415
    from daemon.settings.load_io import load  # noqa: PLC0415

    if phase not in PHASES:
        typer.echo(f"ladderd: --phase {phase}: {' or '.join(PHASES)}", err=True)
        raise typer.Exit(EX_USAGE)
    given = (("--config", config), ("--state-dir", state_dir))
    options = tuple(word for name, value in given if value is not None for word in (name, str(value)))
    raise typer.Exit(capture(load(config, state_dir=state_dir), phase, options, as_json=as_json))


SimulatedOption = Annotated[
    bool, typer.Option("--simulated", help="Count a simulated exchange on this machine; printed on every line.")
]
CheckOption = Annotated[bool, typer.Option("--check", help="Look again, and compare with the table kept last.")]


@app.command()
def scoreboard(
    check: CheckOption = False,  # noqa: FBT002 - a flag
    simulated: SimulatedOption = False,  # noqa: FBT002 - a flag
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
    as_md: MdOption = False,  # noqa: FBT002 - a flag
) -> None:
    """What was earned in this environment: fills, sessions, profit a contract with its doubt; exit 1 below a limit."""
    from daemon.preflight.tables.commands_io import Printed  # noqa: PLC0415 - heavy
    from daemon.preflight.tables.pilot_io import scoreboard as look  # noqa: PLC0415
    from daemon.settings.load_io import load  # noqa: PLC0415

    settings = load(config, state_dir=state_dir)
    raise typer.Exit(look(settings, Printed(as_json, as_md), simulated=simulated, check=check))


@app.command("pilot-readiness")
def pilot_readiness(
    check: CheckOption = False,  # noqa: FBT002 - a flag
    simulated: SimulatedOption = False,  # noqa: FBT002 - a flag
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
    as_md: MdOption = False,  # noqa: FBT002 - a flag
) -> None:
    """GO or NO-GO for more than a pilot: the scoreboard and the evidence about the model, each with its number."""
    from daemon.preflight.tables.commands_io import Printed  # noqa: PLC0415 - heavy
    from daemon.preflight.tables.pilot_io import pilot_readiness as look  # noqa: PLC0415
    from daemon.settings.load_io import load  # noqa: PLC0415

    settings = load(config, state_dir=state_dir)
    raise typer.Exit(look(settings, Printed(as_json, as_md), simulated=simulated, check=check))
