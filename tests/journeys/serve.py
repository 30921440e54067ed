"""`make serve`: tells the demo's day once, then serves that data, and says how to get in."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.journeys.plan import demo_plan
from tests.journeys.stage import FIRM
from tests.journeys.the_day import tell_the_day
from tests.journeys.told import closing_table


@click.command()
@click.option("--data", type=click.Path(path_type=Path), default=Path("var/serve"), show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
def main(data: Path, port: int) -> None:
    """Serve the demo's data; the day is told first when the folder is new."""
    console = Console()
    if not (data / "logins.json").exists():
        console.print("Telling the demo's day once, to have something to show …")
        # Ending yesterday, so that nothing in it lies in the future of a clock that is not moved.
        ended = datetime.now(UTC).date() - timedelta(days=2)
        plan = demo_plan(data, booking_day=ended, port=port)
        console.print(closing_table(tell_the_day(plan, Console(quiet=True))))
    _greet(console, data, port)
    arguments = [
        "--database",
        f"sqlite:///{(data / 'doorstep.sqlite').resolve()}",
        "--data",
        str(data / "server"),
    ]
    os.environ.update(FIRM)
    os.execv(  # the server takes this process over: Ctrl-C reaches it
        sys.executable, [sys.executable, "-m", "backend.cli", "serve", "--port", str(port), *arguments]
    )


def _greet(console: Console, data: Path, port: int) -> None:
    firm: dict[str, list[dict[str, str]]] = json.loads((data / "logins.json").read_text())
    url = f"http://127.0.0.1:{port}"
    console.print(f"\n[bold]{url}/docs[/]          the API, to read and to try")
    console.print(f"[bold]{url}/openapi.json[/]  the same for programs")
    console.print(f"[bold]{url}/verify[/]        is a report genuine? Try {data}/customers-copy.pdf")
    console.print(f"[bold]{url}/health[/]        whether it is well\n")
    table = Table(title="Who can sign in (POST /sessions)", title_justify="left", box=None)
    for heading in ("role", "name", "address", "password"):
        table.add_column(heading, overflow="fold")
    for person in (*firm["office"], *firm["technicians"]):
        table.add_row(person["role"], person["name"], person["email"], person["password"])
    console.print(table)
    console.print("\nA phone: `doorstep-phone --help`. Its one-time code: POST /devices/enrolment-codes.\n")


if __name__ == "__main__":
    main()
