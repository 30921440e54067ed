"""The phone's command line, `doorstep-phone`: what a technician does with thumbs, with a keyboard."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path

import click
import httpx

from mobile_client_stub import screens
from mobile_client_stub.faults import FaultyTransport, random_faults
from mobile_client_stub.phone import Phone
from mobile_client_stub.words import Body, PhoneError, short, text_of

OUTCOMES = {
    "done": "complete",
    "partly": "complete_partially",
    "cannot": "cannot_complete",
    "no-access": "report_no_access",
}
SCORES = ("punctuality", "conduct", "quality", "cleanliness")


class Here:
    """The phone of this command, and how its answers are printed."""

    def __init__(self, phone: Phone, as_json: bool) -> None:
        """`as_json` for programs, otherwise tables for people."""
        self.phone = phone
        self.as_json = as_json

    def show(self, value: object, screen: Callable[[], object]) -> None:
        """Print the value as JSON, or its screen."""
        if self.as_json:
            click.echo(json.dumps(value, default=_plain, ensure_ascii=False))
        else:
            screens.console().print(screen())

    def did(self, what: str, record: str) -> None:
        """Confirm one thing that is in the journal now."""
        waiting = self.phone.outbox().unsent
        self.show(
            {"done": what, "record": record, "unsent": waiting},
            lambda: f"{what} [dim]({short(record)}; {waiting} to send)[/dim]",
        )


class PhoneGroup(click.Group):
    """Says what a PhoneError says, and nothing of where it came from."""

    def invoke(self, context: click.Context) -> object:
        """Run the command; exit code 1 with the reason on stderr when it could not be done."""
        try:
            return super().invoke(context)
        except PhoneError as error:
            if context.params.get("as_json"):
                click.echo(json.dumps({"error": str(error)}, ensure_ascii=False))
            else:
                click.echo(str(error), err=True)
            sys.exit(1)


pass_here = click.make_pass_decorator(Here)


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
    """A technician's phone. Everything but `enrol` and `sync` works without a network."""
    os.umask(0o077)
    transport = FaultyTransport(httpx.HTTPTransport(), random_faults(seed, faults)) if faults else None
    context.obj = Here(context.with_resource(Phone(home, transport=transport)), as_json)


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


def _step(name: str, says: str) -> None:
    @main.command(name, help=says)
    @click.argument("visit")
    @click.option(
        "--at", "place", type=(float, float), default=None, help="Latitude and longitude in degrees."
    )
    @pass_here
    def command(here: Here, visit: str, place: tuple[float, float] | None) -> None:
        here.did(f"visit.{name}", here.phone.step(name, visit, place=place))


for _name, _says in {
    "accept": "Say yes to a dispatched VISIT.",
    "depart": "On the way to VISIT.",
    "arrive": "At the door of VISIT.",
    "start": "Work on VISIT begins.",
}.items():
    _step(_name, _says)


@main.command()
@click.argument("visit")
@click.option("--as", "how", type=click.Choice(sorted(OUTCOMES)), default="done", show_default=True)
@click.option("--reason", help="Why it is not all done.")
@pass_here
def finish(here: Here, visit: str, how: str, reason: str | None) -> None:
    """VISIT is over: done, partly, cannot be done, or nobody let you in."""
    if how != "done" and not reason:
        raise PhoneError("Say why with --reason.")
    here.did(f"visit.{OUTCOMES[how]}", here.phone.step(OUTCOMES[how], visit, reason=reason))


@main.command()
@click.argument("item")
@click.option("--packed/--not-packed", default=None)
@click.option("--verified/--not-verified", default=None)
@pass_here
def tick(here: Here, item: str, packed: bool | None, verified: bool | None) -> None:
    """Tick a checklist ITEM."""
    if packed is None and verified is None:
        raise PhoneError("Say what to tick: --packed, --verified or both.")
    here.did("checklist_item.tick", here.phone.tick(item, packed=packed, verified=verified))


@main.command()
@click.argument("item")
@click.argument("quantity", type=click.IntRange(min=1))
@click.option("--returned", is_flag=True, help="It came back unused.")
@click.option("--serial", help="Serial number of the part.")
@pass_here
def use(here: Here, item: str, quantity: int, returned: bool, serial: str | None) -> None:
    """QUANTITY of a checklist ITEM was used."""
    here.did("part_usage.record", here.phone.use(item, quantity, returned=returned, serial_number=serial))


@main.command()
@click.argument("step")
@click.argument("answer", type=click.Choice(["yes", "no", "not_applicable"]))
@click.option("--note", help="Why not, or what else to know.")
@pass_here
def answer(here: Here, step: str, answer: str, note: str | None) -> None:
    """Answer a conduct STEP."""
    here.did("conduct_step.answer", here.phone.answer(step, answer, note=note))


@main.command()
@click.argument("visit")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--kind", type=click.Choice(["before", "after", "document", "other"]), default="other", show_default=True
)
@pass_here
def photo(here: Here, visit: str, file: Path, kind: str) -> None:
    """Keep FILE (JPEG, PNG, WebP, HEIC, PDF) for VISIT; it is sent at the next sync."""
    here.did("media.register", here.phone.photo(visit, file, kind))


@main.command()
@click.argument("visit")
@click.argument("name")
@click.argument("disposition", type=click.Choice(["keep", "return", "dispose"]))
@click.option("--by", "consented_by", required=True, help="Who said so.")
@pass_here
def removed(here: Here, visit: str, name: str, disposition: str, consented_by: str) -> None:
    """The part NAME was taken out at VISIT, and what the customer wants done with it."""
    here.did(
        "removed_part.record", here.phone.remove_part(visit, name, disposition, consented_by=consented_by)
    )


@main.command()
@click.argument("visit")
@click.argument("text")
@pass_here
def note(here: Here, visit: str, text: str) -> None:
    """Write TEXT down about VISIT."""
    here.did("visit_note.add", here.phone.note(visit, text))


@main.command()
@click.argument("visit")
@click.option("--findings", help="What was found.")
@click.option("--work-done", help="What was done.")
@pass_here
def write(here: Here, visit: str, findings: str | None, work_done: str | None) -> None:
    """Write the service report of VISIT."""
    if findings is None and work_done is None:
        raise PhoneError("Write something: --findings, --work-done or both.")
    here.did("service_report.write", here.phone.write_report(visit, findings=findings, work_done=work_done))


@main.command()
@click.argument("visit")
@click.argument("description")
@click.argument("unit_minor", type=click.IntRange(min=0))
@click.argument("currency")
@click.option("--quantity", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--item", help="The checklist item that is charged for.")
@pass_here
def charge(
    here: Here, visit: str, description: str, unit_minor: int, currency: str, quantity: int, item: str | None
) -> None:
    """Propose a charge: UNIT_MINOR in the smallest unit of CURRENCY (1250 EUR is 12.50 euros)."""
    phone = here.phone
    part = None
    if item is not None:
        part = text_of(phone.record("checklist_items", item, "checklist item"), "part_id")
    here.did(
        "report_charge.add",
        phone.charge(visit, description, quantity, unit_minor, currency.upper(), part_id=part),
    )


@main.command()
@click.argument("visit")
@pass_here
def freeze(here: Here, visit: str) -> None:
    """Close the report of VISIT for changes; then show it to the customer."""
    here.did("service_report.freeze", here.phone.freeze(visit))


@main.command()
@click.argument("visit")
@click.option("--name", required=True, help="Who signs.")
@click.option(
    "--role", type=click.Choice(["customer", "representative", "occupant", "other"]), default="customer"
)
@click.option(
    "--strokes", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A stroke file."
)
@pass_here
def sign(here: Here, visit: str, name: str, role: str, strokes: Path | None) -> None:
    """The customer signs the report of VISIT."""
    drawn = None if strokes is None else strokes.read_bytes()
    here.did("service_report.sign", here.phone.sign(visit, name, role, strokes=drawn))


@main.command()
@click.argument("visit")
@click.option("--reason", required=True, help="What the customer said.")
@pass_here
def refuse(here: Here, visit: str, reason: str) -> None:
    """The customer of VISIT does not sign."""
    here.did("service_report.refuse", here.phone.refuse_to_sign(visit, reason))


@main.command()
@click.argument("visit")
@click.option("--reason", required=True, help="Why nobody was there.")
@pass_here
def absent(here: Here, visit: str, reason: str) -> None:
    """Nobody is there to sign at VISIT."""
    here.did("service_report.mark_absent", here.phone.nobody_signs(visit, reason))


@main.command()
@click.argument("visit")
@click.argument("scores", type=click.IntRange(1, 5), nargs=-1)
@click.option("--words", help="What else the customer wrote.")
@click.option("--declined", is_flag=True, help="The card was offered, the customer did not want it.")
@pass_here
def feedback(here: Here, visit: str, scores: tuple[int, ...], words: str | None, declined: bool) -> None:
    """The customer's card: SCORES for punctuality, conduct, quality and cleanliness, 1 to 5."""
    if len(scores) not in (0, len(SCORES)):
        raise PhoneError(f"Give {len(SCORES)} scores: {', '.join(SCORES)}.")
    given = dict(zip(SCORES, scores, strict=False))
    here.did("feedback_card.fill", here.phone.feedback(visit, given, words=words, declined=declined))


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


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
