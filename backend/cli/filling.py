"""Taking data in: files of requests, an invented firm, the first person."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from marshmallow import ValidationError
from rich.console import Console

from backend.access.permissions import SYSTEM
from backend.cli.entry import main, opened, refuse, with_settings
from backend.requests.importing import run_import
from backend.seed import seed_firm
from backend.settings import Settings
from schemas.access import CreateUser, Role


@main.command("import-requests")
@with_settings
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--time-zone", metavar="ZONE", help="IANA zone of rows without a location; else the file's most frequent."
)
def import_requests(settings: Settings, file: Path, time_zone: str | None) -> None:
    """Take service requests in from a CSV file; what is known already is left as it is."""
    if not file.is_file():
        refuse(f"There is no file {file}.")
    sys.exit(run_import(opened(settings).factory, SYSTEM, file, Console(stderr=True), time_zone))


@main.command()
@with_settings
@click.option("--technicians", default=3, show_default=True, type=click.IntRange(0, 5000))
@click.option("--visits-per-technician", default=0, show_default=True, type=click.IntRange(0, 500))
@click.option(
    "--json", "as_json", is_flag=True, help="Logins and enrolment codes as JSON on standard output."
)
def seed(settings: Settings, technicians: int, visits_per_technician: int, as_json: bool) -> None:
    """Make a small firm to try things on: people, catalogue, kits, work types, and visits if asked."""
    firm = seed_firm(
        opened(settings), technicians=technicians, visits=visits_per_technician, console=Console(stderr=True)
    )
    if as_json:
        click.echo(json.dumps(firm.as_json(), indent=2))
    else:
        Console().print(firm.as_table())


@main.command("create-administrator")
@with_settings
@click.argument("email")
@click.argument("name")
def create_administrator(settings: Settings, email: str, name: str) -> None:
    """Let somebody in who can let everybody else in; the password is shown this once."""
    try:
        person = CreateUser().load({"email": email, "display_name": name, "role": Role.ADMINISTRATOR.value})
    except ValidationError as error:
        refuse("; ".join(f"{field}: {' '.join(said)}" for field, said in error.messages_dict.items()))
    wiring = opened(settings)
    password = wiring.authenticator.create_administrator(
        wiring.factory, person["email"], person["display_name"], settings.time_zone
    )
    if password is None:
        refuse(f"{person['email']} belongs to somebody already; an administrator can edit them.")
    click.echo(f"{person['email']}  {password}")
