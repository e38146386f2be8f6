"""The commands of the day's jobs: what there is, and one of them now. Joined by commands.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.where_io import ConfigOption, StateOption, home_of, said, show
from domain.errors import EX_NOT_OK, EX_OK, EX_UNAVAILABLE, UsageError
from domain.events import Command

# A reconciliation takes at most 23 s; the look at the requests and the answer's way take a little more.
LIMIT_S = 25.0

app = typer.Typer()


@app.command()
def jobs() -> None:
    """The day's jobs, in New York time on trading days, and the other names that `run-once` knows."""
    from daemon.runtime.jobs import ALIASES, JOBS, NO_JOB  # noqa: PLC0415 - only this command

    for job in JOBS:
        typer.echo(f"{job.hour:02d}:{job.minute:02d} ET  {job.name:10}  {job.purpose}")
    for alias, name in ALIASES.items():
        typer.echo(f"{alias}: another name of {name}")
    for name, why in NO_JOB.items():
        typer.echo(f"{name}: not a job: {why}")


@app.command("run-once")
def run_once(
    job: Annotated[str, typer.Argument(help="A job, as `ladderd jobs` lists them.")],
    by: Annotated[str, typer.Option("--by", help="Who asks.", callback=said)] = "operator",
    config: ConfigOption = None,
    state_dir: StateOption = None,
) -> None:
    """Have the running daemon do one of the day's jobs now: the same run, record and outcome as by its schedule."""
    home = home_of(config, state_dir)
    show(run_once_view(job, by, home), worked_on=home)


def run_once_view(name: str, by: str, state_dir: Path) -> tuple[int, str]:
    """Ask the daemon for a job and wait. Raises UsageError for a name of no job."""
    from daemon.cli.views_io import put_question  # noqa: PLC0415 - heavy
    from daemon.client.requests_io import read_answer  # noqa: PLC0415
    from daemon.runtime.jobs import ALIASES, JOBS, NO_JOB, job_named  # noqa: PLC0415

    job = job_named(name)
    if job is None:
        known = ", ".join([*(each.name for each in JOBS), *ALIASES])
        raise UsageError(f"run-once {name}: {NO_JOB.get(name, 'no such job')}; known: {known}")
    try:
        text = put_question(Command.RUN_ONCE, by, job.name, state_dir, LIMIT_S)
    except OSError as problem:
        return EX_NOT_OK, f"run-once {job.name}: cannot be written down: {problem.strerror}"
    if text is None:
        return EX_UNAVAILABLE, (
            f"run-once {job.name}: no answer in {LIMIT_S:.0f} s: no daemon of {state_dir} runs, or the job does still;"
            " the journal's job_run tells"
        )
    why, _ = read_answer(text)
    return (EX_NOT_OK, f"run-once {job.name}: {why}") if why else (EX_OK, f"run-once {job.name}: done")
