"""The server, and the tables it stands on."""

from __future__ import annotations

import os

import click

from backend.cli.entry import main, opened, with_settings
from backend.cli.running import run
from backend.db.damage import refuse_damaged
from backend.db.upgrade import upgrade
from backend.settings import Settings


@main.command()
@with_settings
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--workers", type=click.IntRange(1, 64), help="Processes; 1 on SQLite and 2 on PostgreSQL unless told."
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    help="Requests at once, per process; 8 unless told.  [DOORSTEP_SERVER_THREADS]",
)
@click.option(
    "--clock-offset", default=0.0, metavar="SECONDS", help="Move the clock. For demos and tests only."
)
def serve(
    settings: Settings, host: str, port: int, workers: int | None, threads: int | None, clock_offset: float
) -> None:
    """Run the server: the API, the customers' pages, and the outbox worker."""
    refuse_damaged(settings.database_url)
    wiring = opened(settings)
    wiring.engine.dispose()
    embedded = wiring.engine.dialect.name == "sqlite"
    os.environ["DOORSTEP_DATABASE"] = settings.database_url
    os.environ["DOORSTEP_DATA"] = str(settings.data_dir)
    threads = threads or settings.server_threads
    os.environ["DOORSTEP_SERVER_THREADS"] = str(threads)
    os.environ.setdefault("DOORSTEP_PUBLIC_URL", f"http://{host}:{port}")
    if clock_offset:
        os.environ["DOORSTEP_CLOCK_OFFSET_SECONDS"] = str(clock_offset)
    if offset := float(os.environ.get("DOORSTEP_CLOCK_OFFSET_SECONDS", "0")):
        click.echo(f"doorstep: THE CLOCK IS MOVED by {offset:.0f} seconds. Not for real work.", err=True)
    click.echo(f"doorstep: http://{host}:{port}  ·  API /docs  ·  data {settings.data_dir}", err=True)
    workers = workers or (1 if embedded else 2)
    run("backend.wsgi:application", host=host, port=port, workers=workers, threads=threads)


@main.group()
def db() -> None:
    """The database's tables."""


@db.command("upgrade")
@with_settings
def db_upgrade(settings: Settings) -> None:
    """Make the tables, or bring them up to date."""
    upgrade(settings.database_url)
    click.echo("db: up to date")
