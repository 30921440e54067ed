"""Looking after a deployment: what is wrong, what waits, what may be forgotten."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from uuid import UUID

import click
from rich.console import Console

from backend.checks import Checked, check_everything
from backend.cli.entry import main, opened, refuse, with_settings
from backend.cli.payments import check_beside
from backend.db.outbox_message import OutboxState
from backend.db.paging import PageRequest
from backend.doctor import examine
from backend.housekeeping import keep_house
from backend.outbox.queries import outbox_messages
from backend.outbox.sending import try_again
from backend.settings import Settings

MOST_LINES = 200


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
    checked: Checked = check_everything(opened(settings), journals)
    ledger = check_beside(settings)
    if ledger is not None:
        checked.figures |= {f"payments: {name}": figure for name, figure in ledger.figures.items()}
        checked.faults += [f"payments: {fault}" for fault in ledger.faults]
    if as_json:
        click.echo(json.dumps(checked.as_json(), indent=2))
    else:
        Console().print(checked.as_table())
    sys.exit(0 if checked.sound else 1)


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
    with opened(settings).factory.begin(write=False) as uow:
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
        refuse("Name the messages as `doorstep outbox` lists them, or say --all.")
    with opened(settings).factory.begin() as uow:
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
    failed = keep_house(opened(settings))
    click.echo(f"housekeeping: {', '.join(failed)} failed, see the log" if failed else "housekeeping: done")
    sys.exit(1 if failed else 0)


@main.command()
@with_settings
def doctor(settings: Settings) -> None:
    """What is installed, what is missing, and what to do about it."""
    findings = examine(settings)
    Console().print(findings.as_table())
    sys.exit(0 if findings.well else 1)
