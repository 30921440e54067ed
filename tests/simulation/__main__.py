"""`python -m tests.simulation`: what `doorstep simulate` runs."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.simulation.run import CannotRun, Databases, Told, be_quiet, simulate

MEMORY = Path("/dev/shm")
REFUSED = 2
TELL_EVERY = 1_000
"""Steps between two lines where no bar can be drawn."""


@click.command()
@click.option("--seed", default=1, show_default=True)
@click.option("--steps", default=20_000, show_default=True, type=click.IntRange(min=1))
@click.option("--database", metavar="URL", help="An empty PostgreSQL database to copy; SQLite unless given.")
@click.option(
    "--processes",
    default=len(os.sched_getaffinity(0)),
    show_default="all processors",
    type=click.IntRange(min=1),
    help="How many worlds live at a time; what is told is the same.",
)
def main(seed: int, steps: int, database: str | None, processes: int) -> None:
    """Drive a firm with phones through every fault there is, and check that nothing is lost."""
    if database is not None and not database.startswith("postgres"):
        _refuse("Name a PostgreSQL database, or none: on SQLite every world makes its own file.")
    be_quiet()
    os.environ["DOORSTEP_ALLOW_UNSAFE_DATABASE"] = "1"
    # Nothing has to outlive the machine: where there is memory to write to, no disk is waited for.
    folder = Path(tempfile.mkdtemp(prefix="doorstep-simulation-", dir=MEMORY if MEMORY.is_dir() else None))
    console, began = Console(stderr=True), time.monotonic()
    try:
        told = _shown(Databases(folder, database), seed, steps, processes, console)
    except CannotRun as reason:
        shutil.rmtree(folder)
        _refuse(str(reason))
        return
    if told.broken is None:
        shutil.rmtree(folder)
    else:
        console.print("\n".join(told.before), highlight=False, markup=False)
        console.print(f"What the phones and the server had is in {folder}", highlight=False)
    minutes = max(time.monotonic() - began, 1e-9) / 60
    console.print(
        f"{told.steps / minutes:.0f} steps a minute; what happened: {_counted(told)}", highlight=False
    )
    click.echo(told.last_line())
    sys.exit(0 if told.broken is None else 1)


def _shown(databases: Databases, seed: int, steps: int, processes: int, console: Console) -> Told:
    databases.prepare()
    columns = (TextColumn("simulate"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task, done = shown.add_task("", total=steps), itertools.count(1)

        def count() -> None:
            shown.advance(task)
            number = next(done)
            if not console.is_terminal and number % TELL_EVERY == 0:
                console.print(f"simulate: {number} of {steps} steps", highlight=False)

        return simulate(databases.folder, seed, steps, databases.fresh_url, count, processes=processes)


def _counted(told: Told) -> str:
    return ", ".join(f"{count} {name}" for name, count in told.counts.most_common())


def _refuse(message: str) -> None:
    click.echo(f"simulate: {message}", err=True)
    sys.exit(REFUSED)


if __name__ == "__main__":
    main()
