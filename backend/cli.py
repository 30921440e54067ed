"""The `doorstep` command: each subcommand reads its settings and makes one call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, TextIO
from uuid import UUID

import click
import orjson
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from marshmallow import ValidationError
from rich.console import Console
from sqlalchemy.exc import OperationalError

from backend.access.permissions import SYSTEM
from backend.app import Wiring, create_app, database_of, wire
from backend.checks import Checked, check_everything
from backend.db.engine import UnsafeDatabase
from backend.db.outbox_message import OutboxState
from backend.db.paging import PageRequest
from backend.db.sqlite_lock import DatabaseHeldElsewhere
from backend.db.upgrade import pending, upgrade
from backend.doctor import examine
from backend.housekeeping import keep_house
from backend.mutations import COLLECTIONS, MUTATIONS
from backend.outbox.queries import outbox_messages
from backend.outbox.sending import try_again
from backend.requests.importing import run_import
from backend.seed import seed_firm
from backend.settings import Settings, SettingsError, read_settings
from backend.web.documents import document_of
from mobile_client_stub.conformance.bench import Login
from mobile_client_stub.conformance.kit import Report, connect, people_of, run_rules
from schemas.access import CreateUser, Role
from schemas.errors import DomainError
from sync.collections import CollectionSet
from sync.mutations import MutationTable
from sync.published import protocol_schemas

MOST_LINES = 200
REFUSED = 2
"""Exit code of a command that could not be taken up at all."""


def _refuse(message: str) -> NoReturn:
    click.echo(f"doorstep: {message}", err=True)
    sys.exit(REFUSED)


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--database` and `--data`, and pass the resulting settings as its first argument."""

    @click.option("--database", metavar="URL", help="sqlite:///FILE or postgresql://…  [DOORSTEP_DATABASE]")
    @click.option("--data", metavar="DIR", help="Folder for media, mail and the secret.  [DOORSTEP_DATA]")
    @wraps(command)
    def with_them(database: str | None, data: str | None, **options: Any) -> Any:
        try:
            return command(read_settings(database=database, data=data), **options)
        except (SettingsError, UnsafeDatabase, DatabaseHeldElsewhere, DomainError, ValueError) as error:
            _refuse(str(error))
        except OperationalError as error:
            _refuse(f"The database cannot be used: {str(error.orig).strip().splitlines()[0]}")

    return with_them


def _open(settings: Settings) -> Wiring:
    """The wiring on a database that is up to date; SQLite is brought there, PostgreSQL must be."""
    if settings.database_url.startswith("sqlite"):
        upgrade(settings.database_url)
    elif pending(settings.database_url):
        _refuse("The database is older than this program. Run: doorstep db upgrade")
    return wire(database_of(settings), settings)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="doorstep")
def main() -> None:
    """Doorstep: field service for firms that send people to a customer's door."""


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
    wiring = _open(settings)
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
    Granian(
        "backend.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers or (1 if embedded else 2),
        blocking_threads=threads,
        backpressure=threads * 16,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
        websockets=False,
    ).serve()


@main.group()
def db() -> None:
    """The database's tables."""


@db.command("upgrade")
@with_settings
def db_upgrade(settings: Settings) -> None:
    """Make the tables, or bring them up to date."""
    upgrade(settings.database_url)
    click.echo("db: up to date")


@main.command("import-requests")
@with_settings
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--time-zone", metavar="ZONE", help="IANA zone of rows without a location; else the file's most frequent."
)
def import_requests(settings: Settings, file: Path, time_zone: str | None) -> None:
    """Take service requests in from a CSV file; what is known already is left as it is."""
    if not file.is_file():
        _refuse(f"There is no file {file}.")
    sys.exit(run_import(_open(settings).factory, SYSTEM, file, Console(stderr=True), time_zone))


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
        _open(settings), technicians=technicians, visits=visits_per_technician, console=Console(stderr=True)
    )
    if as_json:
        click.echo(json.dumps(firm.as_json(), indent=2))
    else:
        Console().print(firm.as_table())


@main.command()
@with_settings
@click.option(
    "--journals",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="A phone's journal (doorstep-phone journal > FILE) to hold against what is stored; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True)
def check(settings: Settings, journals: tuple[Path, ...], as_json: bool) -> None:
    """The oracle: is everything that was acknowledged stored once, and does every feed equal its scope?"""
    checked: Checked = check_everything(_open(settings), journals)
    if as_json:
        click.echo(json.dumps(checked.as_json(), indent=2))
    else:
        Console().print(checked.as_table())
    sys.exit(0 if checked.sound else 1)


@main.command("create-administrator")
@with_settings
@click.argument("email")
@click.argument("name")
def create_administrator(settings: Settings, email: str, name: str) -> None:
    """Let somebody in who can let everybody else in; the password is shown this once."""
    try:
        person = CreateUser().load({"email": email, "display_name": name, "role": Role.ADMINISTRATOR.value})
    except ValidationError as error:
        _refuse("; ".join(f"{field}: {' '.join(said)}" for field, said in error.messages_dict.items()))
    wiring = _open(settings)
    password = wiring.authenticator.create_administrator(
        wiring.factory, person["email"], person["display_name"], settings.time_zone
    )
    if password is None:
        _refuse(f"{person['email']} belongs to somebody already; an administrator can edit them.")
    click.echo(f"{person['email']}  {password}")


@main.group(invoke_without_command=True)
@click.pass_context
def outbox(context: click.Context) -> None:
    """Mails that wait or were given up: without a command, list them."""
    if context.invoked_subcommand is None:
        context.invoke(list_outbox)


@outbox.command("list")
@with_settings
def list_outbox(settings: Settings) -> None:
    """What is waiting to be sent, and what was given up and why."""
    with _open(settings).factory.begin(write=False) as uow:
        for state in (OutboxState.DEAD, OutboxState.DUE):
            for message in outbox_messages(uow.session, state, PageRequest(None, MOST_LINES)).items:
                said = f"{message.id}  {message.state:5} {message.kind:6} tries {message.attempts}"
                click.echo(f"{said}  {message.key}  {message.last_error or ''}".rstrip())


@outbox.command("retry")
@with_settings
@click.argument("ids", nargs=-1, type=click.UUID, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All that was given up.")
def retry_outbox(settings: Settings, ids: tuple[UUID, ...], everything: bool) -> None:
    """Send again, at once and with all attempts, what was given up: after the mail server is mended."""
    if bool(ids) == everything:
        _refuse("Name the messages as `doorstep outbox` lists them, or say --all.")
    with _open(settings).factory.begin() as uow:
        if everything:
            dead = outbox_messages(uow.session, OutboxState.DEAD, PageRequest(None, MOST_LINES)).items
            ids = tuple(message.id for message in dead)
        for message_id in ids:
            try_again(uow, message_id)
    click.echo(f"outbox: {len(ids)} to be sent again")


@main.command()
@with_settings
def housekeeping(settings: Settings) -> None:
    """Forget what may be forgotten; `serve` does it once a day by itself."""
    failed = keep_house(_open(settings))
    click.echo(f"housekeeping: {', '.join(failed)} failed, see the log" if failed else "housekeeping: done")
    sys.exit(1 if failed else 0)


@main.command()
@with_settings
def doctor(settings: Settings) -> None:
    """What is installed, what is missing, and what to do about it."""
    findings = examine(settings)
    Console().print(findings.as_table())
    sys.exit(0 if findings.well else 1)


@main.command()
@click.argument("url")
@click.option(
    "--firm",
    type=click.File(),
    metavar="FILE",
    help="What `doorstep seed --technicians 2 --visits-per-technician 2 --json` printed; - is stdin.",
)
@click.option(
    "--code",
    "codes",
    multiple=True,
    metavar="CODE",
    help="A one-time enrolment code of a technician with a dispatched visit; a second one of somebody else.",
)
@click.option(
    "--office",
    nargs=2,
    metavar="EMAIL PASSWORD",
    help="Somebody who may make codes; without, rules that need a further phone are skipped.",
)
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
def conformance(
    url: str, firm: TextIO | None, codes: tuple[str, ...], office: tuple[str, str] | None, as_json: bool
) -> None:
    """Try the rules of the sync protocol on the server at URL, over HTTP alone.

    It writes notes and ticks, revokes phones of its own, and makes the server begin a new epoch: give it a
    server with invented people. Exit code 1 when a rule is broken.
    """
    login = Login(*office) if office else None
    given = list(codes)
    try:
        if firm is not None:
            of_firm, login = people_of(firm.read())
            given += of_firm
    except (ValueError, KeyError, TypeError) as error:
        _refuse(f"--firm cannot be read: {error}")
    findings = []
    with connect(url) as client:
        for finding in run_rules(client, given, login):
            findings.append(finding)
            if not as_json:
                click.echo(str(finding))
    report = Report(url, findings)
    click.echo(json.dumps(report.as_json(), indent=2) if as_json else report.last_line())
    sys.exit(0 if report.conforms else 1)


@main.command("protocol-schemas")
def show_protocol_schemas() -> None:
    """The JSON Schemas of the sync protocol on standard output; `/sync/schemas.json` serves the same."""
    collections = CollectionSet(COLLECTIONS)
    schemas = protocol_schemas(collections, MutationTable(MUTATIONS, collections))
    sys.stdout.buffer.write(orjson.dumps(schemas, option=orjson.OPT_INDENT_2) + b"\n")


@main.command()
@click.option("--seed", default=1, show_default=True, help="The same seed tells the same story.")
@click.option("--steps", default=20_000, show_default=True, type=click.IntRange(min=1))
@click.option("--database", metavar="URL", help="An empty PostgreSQL database to copy; SQLite unless given.")
def simulate(seed: int, steps: int, database: str | None) -> None:
    """From a checkout: a firm and its phones through every fault there is, and nothing may be lost."""
    checkout = Path(__file__).resolve().parent.parent
    if not (checkout / "tests" / "simulation").is_dir():
        _refuse("The simulator is part of the sources: clone them, `make install-test`, and run it there.")
    arguments = [f"--seed={seed}", f"--steps={steps}", *([f"--database={database}"] if database else ())]
    run = [sys.executable, "-m", "tests.simulation", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(run, env=environment, check=False)  # noqa: S603 - ourselves, and no shell
    sys.exit(done.returncode)


@main.command()
@with_settings
def openapi(settings: Settings) -> None:
    """The OpenAPI 3.1 document on standard output."""
    app = create_app(settings)
    sys.stdout.buffer.write(
        orjson.dumps(document_of(app.extensions["doorstep"].api), option=orjson.OPT_INDENT_2) + b"\n"
    )


if __name__ == "__main__":
    main()
