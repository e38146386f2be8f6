"""The command line. Every command answers in one screen, speaks plainly, and exits as docs/contracts.md says.

0 done; 1 checked and not OK; 2 usage; 69 the exchange or daemon cannot be reached; 78 configuration. Heavy modules are
imported inside the commands, so that `ladderd cancel-all` and `ladderd windows` start quickly.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from daemon.cli.books import app as books_app
from daemon.cli.checks import app as checks_app
from daemon.cli.checks import known_mode
from daemon.cli.configuration import app as config_app
from daemon.cli.controls import app as controls_app
from daemon.cli.controls import ask
from daemon.cli.day_jobs import app as jobs_app
from daemon.cli.decisions import app as decisions_app
from daemon.cli.evidence.commands import app as evidence_app
from daemon.cli.evidence.industry import app as industry_app
from daemon.cli.incidents.commands import app as incidents_app
from daemon.cli.screens import app as screens_app
from daemon.cli.where_io import ConfigOption, JsonOption, StateOption, home_of, show
from domain.errors import (
    EX_CONFIG,
    EX_UNAVAILABLE,
    EX_USAGE,
    ConfigurationError,
    UnavailableError,
    UsageError,
)

INSTANT_NS_MAX = (1 << 63) - 1

app = typer.Typer(
    name="ladderd",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
snapshot_app = typer.Typer(help="The hot-restart snapshot.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(snapshot_app, name="snapshot")
app.add_typer(controls_app)
app.add_typer(checks_app)
app.add_typer(screens_app)
app.add_typer(books_app)
app.add_typer(jobs_app)
app.add_typer(decisions_app)
app.add_typer(evidence_app)
app.add_typer(industry_app)
app.add_typer(incidents_app)


def main() -> int:
    """Run one command and give its exit code. Nothing but a bug shows a traceback."""
    try:
        code = app(standalone_mode=False, prog_name="ladderd")
    except typer.Exit as end:
        return int(end.exit_code)
    except (ConfigurationError, UnavailableError) as problem:
        sys.stderr.write(f"ladderd: {problem}\n")
        if isinstance(problem, UsageError):
            return EX_USAGE
        return EX_CONFIG if isinstance(problem, ConfigurationError) else EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 130
    except Exception as problem:
        # Usage errors come from the option parser, whose classes typer may carry in its own copy.
        shown = getattr(problem, "format_message", None)
        if shown is None:
            raise
        if shown():  # empty where the help was wanted, and has been shown
            asked = getattr(getattr(problem, "ctx", None), "command_path", None) or "ladderd"
            sys.stderr.write(f"ladderd: {shown().rstrip('.')}; see {asked} --help\n")
        return EX_USAGE
    return int(code or 0)


def _settings(config: Path | None, **overrides: Any) -> Any:  # noqa: ANN401 - Settings, imported only here
    from daemon.settings.load_io import load  # noqa: PLC0415 - heavy

    return load(config, **overrides)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - the option parser calls it
    if wanted:
        from daemon.settings.build_id_io import build_id  # noqa: PLC0415 - heavy

        typer.echo(f"ladderd {version('ladderd')}, build {build_id()}")
        raise typer.Exit


VersionOption = Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="And exit.")]


@app.callback()
def options(version: VersionOption = False) -> None:  # noqa: FBT002 - a flag
    """Makes markets, maker-only, in Kalshi's hourly index ladders."""


@app.command()
def run(
    config: ConfigOption = None,
    mode: Annotated[str | None, typer.Option("--mode", help="paper or live.")] = None,
    state_dir: StateOption = None,
) -> None:
    """Run the daemon until SIGTERM."""
    from daemon.runtime.launch_io import launch  # noqa: PLC0415 - heavy

    raise typer.Exit(launch(config, known_mode(mode), state_dir))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def demo(context: typer.Context) -> None:
    """A whole trading day in miniature: simulated exchange and feeds, the real daemon, no keys."""
    _start_sim("demo", context.args)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def simulate(context: typer.Context) -> None:
    """Trading days in virtual time, with faults drawn from a seed."""
    _start_sim("simulate", context.args)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def sim(context: typer.Context) -> None:
    """The simulators alone: ladderd sim exchange ..., ladderd sim feed ..."""
    _start_sim(None, context.args)


def _start_sim(program: str | None, arguments: list[str]) -> None:
    from daemon.cli.spawn_io import become_simulator  # noqa: PLC0415 - replaces this process

    become_simulator([program, *arguments] if program else arguments)


@app.command()
def windows(
    series: Annotated[str, typer.Option("--series", help="INXU or NASDAQ100U.")] = "INXU",
    date: Annotated[str | None, typer.Option("--date", help="All windows of a day, YYYY-MM-DD.")] = None,
    now: Annotated[str | None, typer.Option("--now", help="An instant instead of the present, RFC3339.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """The window that is open, and its phase."""
    from daemon.cli.views_io import windows_view  # noqa: PLC0415 - heavy

    typer.echo(windows_view(_settings(config), series, date, now, as_json=as_json))


@app.command()
def verify(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Check the journal's hash chain against itself and its outside anchor."""
    from daemon.cli.views_io import verify_view  # noqa: PLC0415 - heavy

    show(verify_view(home_of(config, state_dir), as_json=as_json))


@app.command()
def journal(
    record_type: Annotated[
        str | None, typer.Option("--type", help="Only records of this type; docs/events.md lists all.")
    ] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """What the journal says, one record a line: time, id, type, figures."""
    from daemon.cli.journal_io import print_facts  # noqa: PLC0415 - heavy

    raise typer.Exit(print_facts(home_of(config, state_dir), record_type, typer.echo, as_json=as_json))


@app.command()
def replay(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """Step a fresh engine through the journal and compare its actions byte for byte."""
    from daemon.cli.replay_io import replay_state  # noqa: PLC0415 - heavy

    verdict, text = replay_state(home_of(config, state_dir))
    typer.echo(msgspec.json.encode(verdict).decode() if as_json else text)
    raise typer.Exit(0 if verdict.ok else 1)


@snapshot_app.command("show")
def snapshot_show(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    as_json: JsonOption = False,  # noqa: FBT002 - a flag
) -> None:
    """The last snapshot and its age."""
    from daemon.cli.views_io import snapshot_view  # noqa: PLC0415 - heavy

    show(snapshot_view(home_of(config, state_dir), as_json=as_json))


@snapshot_app.command("capture")
def snapshot_capture(config: ConfigOption = None, state_dir: StateOption = None) -> None:
    """Have the running daemon write a snapshot now."""
    ask("snapshot", "operator", "capture", home_of(config, state_dir))


@app.command()
def orders(
    http: Annotated[str | None, typer.Option("--http", help="The daemon's address, if not the one it wrote.")] = None,
    config: ConfigOption = None,
    state_dir: StateOption = None,
    summary: Annotated[bool, typer.Option("--summary", help="The counts alone.")] = False,  # noqa: FBT002 - a flag
    orphans: Annotated[bool, typer.Option("--orphans", help="Those of no order of the daemon's.")] = False,  # noqa: FBT002
) -> None:
    """Our orders as the exchange lists them, beside the daemon's own book; says which of the two it asked."""
    from daemon.cli.orders_io import orders_view  # noqa: PLC0415 - heavy

    show(orders_view(_settings(config, state_dir=state_dir), http, summary=summary, orphans=orphans))


@app.command()
def report(
    config: ConfigOption = None,
    state_dir: StateOption = None,
    date: Annotated[str | None, typer.Option("--date", help="A whole UTC day, YYYY-MM-DD.")] = None,
    target_ns: Annotated[
        int | None, typer.Option("--target-ns", min=0, max=INSTANT_NS_MAX, help="One window, by its target.")
    ] = None,
    series: Annotated[str | None, typer.Option("--series", help="One series alone.")] = None,
) -> None:
    """Write the reports of a window or of a day from the journal; prints the pages as JSON."""
    from daemon.cli.views_io import write_pages  # noqa: PLC0415 - heavy

    typer.echo(msgspec.json.encode(write_pages(home_of(config, state_dir), date, target_ns, series)))
