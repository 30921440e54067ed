"""The payments process, who of finance may come in, and the roles that keep the two sides apart."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from marshmallow import ValidationError
from sqlalchemy import make_url

from backend.cli.entry import main, refusals, refuse, with_settings
from backend.cli.running import run
from backend.cli.serving import db
from backend.db.damage import refuse_damaged
from backend.db.engine import make_engine
from backend.db.upgrade import pending, upgrade
from backend.payments.app import transports, wire_payments
from backend.payments.checks import LedgerChecked, check_ledger, reconcile
from backend.payments.databases import open_both
from backend.payments.models import CHAIN
from backend.payments.roles import grant_roles
from backend.payments.settings import PREFIX, PaymentsSettings, read_payments_settings
from backend.settings import Settings
from schemas.base import Email


def with_payments_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the databases' options, and pass the payments settings as its first argument."""

    @click.option("--database", metavar="URL", help=f"The ledger's.  [{PREFIX}DATABASE]")
    @click.option("--field-database", metavar="URL", help=f"The field's.  [{PREFIX}FIELD_DATABASE]")
    @click.option("--data", metavar="DIR", help=f"Folder for mail and the secret.  [{PREFIX}DATA]")
    @wraps(command)
    def with_them(database: str | None, field_database: str | None, data: str | None, **options: Any) -> Any:
        with refusals():
            settings = read_payments_settings(database=database, field_database=field_database, data=data)
            return command(settings, **options)

    return with_them


def bring_up_to_date(settings: PaymentsSettings) -> None:
    """SQLite is brought to the tables of this program, PostgreSQL must be there; the field's must exist."""
    if not settings.database_url.startswith("sqlite"):
        if pending(settings.database_url, CHAIN):
            refuse("The ledger is older than this program. Run: doorstep payments upgrade")
        return
    field = make_url(settings.field_database_url).database
    if not field or not Path(field).is_file():
        refuse(f"There is no database of the field at {field}: start `doorstep serve` first.")
    upgrade(settings.database_url, CHAIN)


def check_beside(settings: Settings) -> LedgerChecked | None:
    """The check of the ledger beside this field's database; None when there is none, or none for us."""
    env = {**os.environ, "DOORSTEP_DATA": str(settings.data_dir), "DOORSTEP_DATABASE": settings.database_url}
    if not settings.database_url.startswith("sqlite") and f"{PREFIX}DATABASE" not in env:
        return None
    beside = read_payments_settings(env)
    file = make_url(beside.database_url).database
    if beside.database_url.startswith("sqlite") and not Path(file or "").is_file():
        return None
    bring_up_to_date(beside)
    sides = open_both(beside)
    try:
        return check_ledger(sides)
    finally:
        sides.dispose()


@main.group()
def payments() -> None:
    """Money: a process of its own, which the field's people cannot reach."""


@payments.command("serve")
@with_payments_settings
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8001, show_default=True, type=click.IntRange(1, 65535))
def serve_payments(settings: PaymentsSettings, host: str, port: int) -> None:
    """Run the payments process: customers' bills, finance's API, providers' messages, and its worker."""
    refuse_damaged(settings.database_url)
    bring_up_to_date(settings)
    wiring = wire_payments(settings)
    transports(wiring)  # a setting that fits no way out is refused now, not by the worker
    wiring.sides.dispose()
    os.environ[f"{PREFIX}DATABASE"] = settings.database_url
    os.environ[f"{PREFIX}FIELD_DATABASE"] = settings.field_database_url
    os.environ[f"{PREFIX}DATA"] = str(settings.data_dir)
    os.environ.setdefault(f"{PREFIX}PUBLIC_URL", f"http://{host}:{port}")
    click.echo(f"doorstep payments: http://{host}:{port}  ·  data {settings.data_dir}", err=True)
    threads = settings.server_threads
    run("backend.payments.wsgi:application", host=host, port=port, workers=1, threads=threads)


@payments.command("upgrade")
@with_payments_settings
def upgrade_payments(settings: PaymentsSettings) -> None:
    """Make the ledger's tables, or bring them up to date; on PostgreSQL as somebody who may."""
    upgrade(settings.database_url, CHAIN)
    click.echo("payments: up to date")


@payments.command("create-person")
@with_payments_settings
@click.argument("email")
@click.argument("name")
def create_person(settings: PaymentsSettings, email: str, name: str) -> None:
    """Let somebody of finance in; the password is shown this once. The field's users mean nothing here."""
    try:
        address = Email().deserialize(email).lower()
    except ValidationError as error:
        refuse("; ".join(error.messages))
    bring_up_to_date(settings)
    wiring = wire_payments(settings)
    password = wiring.authenticator.create_person(wiring.factory, address, name)
    if password is None:
        refuse(f"{address} belongs to somebody already.")
    click.echo(f"{address}  {password}")


@payments.command("disable-person")
@with_payments_settings
@click.argument("email")
def disable_person(settings: PaymentsSettings, email: str) -> None:
    """Let somebody of finance in no more; whoever is signed in is out at once."""
    bring_up_to_date(settings)
    wiring = wire_payments(settings)
    if not wiring.authenticator.disable_person(wiring.factory, email.lower()):
        refuse(f"Nobody of finance comes in as {email}.")
    click.echo(f"{email.lower()} comes in no more")


@payments.command("check")
@with_payments_settings
@click.option("--json", "as_json", is_flag=True)
def check_payments(settings: PaymentsSettings, as_json: bool) -> None:
    """Does every transaction balance, every badge say what the ledger says, every message have an outcome?"""
    bring_up_to_date(settings)
    checked = check_ledger(wire_payments(settings).sides)
    if as_json:
        click.echo(json.dumps(checked.as_json(), indent=2))
    else:
        for name, figure in checked.figures.items():
            click.echo(f"{name}: {figure}")
        for fault in checked.faults:
            click.echo(f"wrong: {fault}")
        click.echo("payments: sound" if checked.sound else f"payments: {len(checked.faults)} faults")
    sys.exit(0 if checked.sound else 1)


@payments.command("reconcile")
@with_payments_settings
def reconcile_payments(settings: PaymentsSettings) -> None:
    """Hold ledger, providers and bank statements against each other; run it every day."""
    bring_up_to_date(settings)
    wiring = wire_payments(settings)
    alarms = reconcile(wiring.sides, wiring.providers)
    for alarm in alarms:
        click.echo(f"alarm: {alarm}")
    click.echo("payments: reconciled" if not alarms else f"payments: {len(alarms)} alarms")
    sys.exit(1 if alarms else 0)


@db.command("roles")
@with_settings
def db_roles(settings: Settings) -> None:
    """On PostgreSQL: make the roles, and grant each what it may and nothing else."""
    if settings.database_url.startswith("sqlite"):
        refuse("SQLite has no roles. What keeps the two sides apart there, docs/payments.md says.")
    engine = make_engine(settings.database_url)
    with engine.begin() as connection:
        grant_roles(connection)
    engine.dispose()
    click.echo("db: roles and grants are as they should be")
