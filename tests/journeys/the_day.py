"""A day in the field, end to end: requests become booked visits, and phones work without a network.

`python -m tests.journeys.the_day` tells it on the screen and exits 0 only if the day's own check holds.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from tests.journeys import booking, evening, field
from tests.journeys.plan import Plan, demo_plan
from tests.journeys.stage import Stage
from tests.journeys.told import Told, closing_table
from tests.journeys.warm import Warm


def tell_the_day(plan: Plan, console: Console, *, warm: Warm | None = None) -> Told:
    """All chapters, in order; each leaves what the next one needs."""
    with Stage(plan, console, warm) as stage:
        booking.take_requests_in(stage)
        with stage.server_on(plan.at(0, 10)):
            booking.triage(stage)
            booking.book(stage)
            booking.customers_answer(stage)
            booking.pack_and_dispatch(stage)
            booking.phones_enrol(stage)
        # The phones lose the network: there is no server while they work.
        field.work_offline(stage)
        with stage.server_on(plan.at(1, 18)), evening.takings_of(stage) as takings:
            field.office_changes_its_mind(stage)
            field.phones_come_back(stage)
            deposit = evening.deposit_is_paid(stage, takings)
            field.moved_visit_is_worked(stage)
            evening.reports_are_sealed(stage)
            evening.customers_pay(stage, takings, deposit)
            evening.compare_with_fresh_phones(stage)
        evening.check(stage)
    return stage.told


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="A new folder for everything the day leaves; var/demo-… unless told.",
)
@click.option("--database", help="PostgreSQL address; SQLite in the folder unless given.")
@click.option("--seed", default=1, show_default=True)
def main(folder: Path | None, database: str | None, seed: int) -> None:
    """Tell the demo's day."""
    folder = folder or Path("var") / f"demo-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    plan = demo_plan(folder, database=database, seed=seed)
    console = Console()
    told = tell_the_day(plan, console)
    console.print()
    console.print(closing_table(told))
    click.echo(told.last_line())
    sys.exit(0 if told.holds else 1)


if __name__ == "__main__":
    main()
