"""The phone's command line, `doorstep-phone`: what a technician does with thumbs, with a keyboard."""

import json
import math
import time
from functools import partial
from pathlib import Path

import click
import httpx

from mobile_client_stub import screens
from mobile_client_stub.background import Uploader
from mobile_client_stub.faults import FaultyTransport, random_faults
from mobile_client_stub.phone import GONE, Phone
from mobile_client_stub.terminal import Here, PhoneGroup, pass_here
from mobile_client_stub.transport import Refused, SignedOut, certificates
from mobile_client_stub.verbs import verbs
from mobile_client_stub.words import Body, PhoneError, text_of

ENOUGH_TRIES = 3  # of a file that the server does not take, or that is damaged here
LONGEST_LOOK = 5  # seconds: what somebody does in another terminal is noticed after so long


@click.group(cls=PhoneGroup)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("phone"),
    envvar="DOORSTEP_PHONE_HOME",
    show_default=True,
    help="The folder that this phone lives in.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
@click.option(
    "--faults", type=click.FloatRange(0, 1), default=0.0, help="Share of requests that the network spoils."
)
@click.option("--seed", type=int, default=0, help="The same seed spoils the same requests.")
@click.pass_context
def main(context: click.Context, home: Path, as_json: bool, faults: float, seed: int) -> None:
    """A technician's phone. Everything but `enrol`, `sync`, `wait` and `stay` works without a network."""
    network = partial(_network, faults, seed)
    context.obj = Here(context.with_resource(Phone(home, transport=network())), as_json, network)


def _network(faults: float, seed: int, which: int = 0) -> httpx.BaseTransport | None:
    """A network that spoils its share of requests; None for a good one. `which` of several, all seeded."""
    if not faults:
        return None
    return FaultyTransport(httpx.HTTPTransport(verify=certificates()), random_faults(seed + which, faults))


@main.command()
@click.argument("code")
@click.option("--server", required=True, help="Address of the server, e.g. https://field.example.")
@click.option("--name", default="phone", show_default=True, help="What the office calls this device.")
@pass_here
def enrol(here: Here, code: str, server: str, name: str) -> None:
    """Make this phone yours with the one-time CODE from the office."""
    account = here.phone.enrol(server, code, name=name)
    here.show(
        {"user_id": account.user_id, "device_id": account.device_id, "display_name": account.display_name},
        lambda: f"Hello {account.display_name}. Now run `sync`.",
    )


@main.command()
@pass_here
def sync(here: Here) -> None:
    """Send what was done, fetch what is new."""
    report = here.phone.sync()
    here.show(report, lambda: screens.sync_screen(report))


@main.command()
@click.option(
    "--for",
    "seconds",
    type=click.IntRange(0, 86_400),
    default=25,
    show_default=True,
    help="Seconds, at most.",
)
@pass_here
def wait(here: Here, seconds: int) -> None:
    """Wait until the office has something new, then fetch it."""
    report = here.phone.wait(seconds)
    here.show(report, lambda: "Nothing new." if report is None else screens.sync_screen(report))


@main.command()
@click.option("--for", "seconds", type=click.IntRange(0), default=None, help="Seconds; else until Ctrl-C.")
@pass_here
def stay(here: Here, seconds: int | None) -> None:
    """Stay in touch as an app does: fetch and send what is new, and send files beside that."""
    uploader = here.phone.upload_in_background(here.network(which=1))
    ends_at = math.inf if seconds is None else time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        try:
            report = here.phone.wait(int(min(left, LONGEST_LOOK)))
        except (Refused, SignedOut) as no:
            if isinstance(no, Refused) and no.status == GONE and _hand_in(here, uploader, ends_at):
                return
            raise  # nothing gets better by waiting
        except PhoneError as trouble:
            here.show({"trouble": str(trouble)}, partial(str, trouble))
            time.sleep(min(left, 1))
            continue
        if report is not None:
            here.show(report, partial(screens.sync_screen, report))
            if report.wiped:
                return


def _hand_in(here: Here, uploader: Uploader, ends_at: float) -> bool:
    """Stay while files go up: nothing else is wanted of this phone any more. Whether it was wiped then.

    What it still keeps otherwise is shown.
    """
    told, before = None, {file.id: file.attempts for file in here.phone.files_to_send()}
    while (left := ends_at - time.monotonic()) > 0 and (files := here.phone.files_to_send()):
        why = uploader.done.trouble or next((file.trouble for file in files if file.trouble), None)
        if (len(files), why) != told:
            words = f"Files still to be sent: {len(files)}. {why or ''}"
            here.show({"files_to_send": len(files), "trouble": why}, partial(str.strip, words))
        told = len(files), why
        tried = min(file.attempts - before.get(file.id, 0) for file in files)
        if not uploader.is_alive or (uploader.done.trouble is None and tried >= ENOUGH_TRIES):
            break  # it is not for want of a connection: nothing gets better by waiting
        time.sleep(min(left, 1))
    if _is_wiped(here, ends_at):
        here.show({"wiped": True}, lambda: "Everything was handed in, and this phone was wiped.")
        return True
    found, zone = here.phone.outbox(), here.phone.account.time_zone
    here.show(found, lambda: screens.outbox_screen(found, zone))
    return False


def _is_wiped(here: Here, ends_at: float) -> bool:
    """Ask for the last word, until it comes: a phone is not left full for want of a connection."""
    while True:
        try:
            return here.phone.sync().wiped
        except Refused:
            return False
        except SignedOut:
            raise
        except PhoneError as trouble:
            left = ends_at - time.monotonic()
            if left <= 0:
                raise
            here.show({"trouble": str(trouble)}, partial(str, trouble))
            time.sleep(min(left, 1))


@main.command()
@pass_here
def visits(here: Here) -> None:
    """The visits on this phone."""
    here.show(here.phone.visits(), lambda: screens.visits_screen(here.phone))


@main.command()
@click.argument("visit")
@pass_here
def show(here: Here, visit: str) -> None:
    """One VISIT with checklist, conduct steps, files and report."""
    phone = here.phone
    body = phone.record("visits", visit, "visit")
    parts = (
        "checklist_items",
        "conduct_steps",
        "removed_parts",
        "visit_notes",
        "media",
        "service_reports",
        "feedback_cards",
    )
    whole: Body = {"visit": body} | {
        name: phone.records_of_visit(name, text_of(body, "id")) for name in parts
    }
    here.show(whole, lambda: screens.visit_screen(phone, body))


@main.command()
@pass_here
def outbox(here: Here) -> None:
    """What has not reached the server and why."""
    found, zone = here.phone.outbox(), here.phone.account.time_zone
    here.show(found, lambda: screens.outbox_screen(found, zone))


@main.command()
@pass_here
def inbox(here: Here) -> None:
    """What did not simply go through, and what became of it."""
    found, zone = here.phone.inbox(), here.phone.account.time_zone
    here.show(found, lambda: screens.inbox_screen(found, zone))


@main.command("journal")
@pass_here
def show_journal(here: Here) -> None:
    """All that was done on this phone, a line of JSON each: what `doorstep check --journals` reads."""
    for line in here.phone.whole_journal():
        click.echo(json.dumps(line))


for _verb in verbs.commands.values():
    main.add_command(_verb)
