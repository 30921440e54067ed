"""The protocol for those who build against it: conformance, schemas, the API document, the simulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import click
import orjson

from backend.app import create_app
from backend.cli.entry import main, refuse, with_settings
from backend.mutations import COLLECTIONS, MUTATIONS
from backend.settings import Settings
from backend.sync_messages import MESSAGES
from backend.web.documents import document_of
from mobile_client_stub.conformance.bench import Login
from mobile_client_stub.conformance.kit import Report, connect, people_of, run_rules
from sync.collections import CollectionSet
from sync.mutations import MutationTable
from sync.published import protocol_schemas

CHECKOUT = Path(__file__).resolve().parents[2]


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
        refuse(f"--firm cannot be read: {error}")
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
    schemas = protocol_schemas(collections, MutationTable(MUTATIONS, collections), MESSAGES)
    sys.stdout.buffer.write(orjson.dumps(schemas, option=orjson.OPT_INDENT_2) + b"\n")


@main.command()
@click.option("--seed", default=1, show_default=True, help="The same seed tells the same story.")
@click.option("--steps", default=20_000, show_default=True, type=click.IntRange(min=1))
@click.option("--database", metavar="URL", help="An empty PostgreSQL database to copy; SQLite unless given.")
def simulate(seed: int, steps: int, database: str | None) -> None:
    """From a checkout: a firm and its phones through every fault there is, and nothing may be lost."""
    if not (CHECKOUT / "tests" / "simulation").is_dir():
        refuse("The simulator is part of the sources: clone them, `make install-test`, and run it there.")
    arguments = [f"--seed={seed}", f"--steps={steps}", *([f"--database={database}"] if database else ())]
    run = [sys.executable, "-m", "tests.simulation", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
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
