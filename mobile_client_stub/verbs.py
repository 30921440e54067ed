"""The commands that do something at a customer's door, all of them without a network."""

from pathlib import Path

import click

from mobile_client_stub.statements import STATEMENTS
from mobile_client_stub.terminal import Here, pass_here
from mobile_client_stub.words import PhoneError, text_of

OUTCOMES = {
    "done": "complete",
    "partly": "complete_partially",
    "cannot": "cannot_complete",
    "no-access": "report_no_access",
}
SCORES = ("punctuality", "conduct", "quality", "cleanliness")


@click.group()
def verbs() -> None:
    """All of them; `cli` takes them over one by one."""


def _step(name: str, says: str) -> None:
    @verbs.command(name, help=says)
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


@verbs.command()
@click.argument("visit")
@click.option("--as", "how", type=click.Choice(sorted(OUTCOMES)), default="done", show_default=True)
@click.option("--reason", help="Why it is not all done.")
@pass_here
def finish(here: Here, visit: str, how: str, reason: str | None) -> None:
    """VISIT is over: done, partly, cannot be done, or nobody let you in."""
    if how != "done" and not reason:
        raise PhoneError("Say why with --reason.")
    here.did(f"visit.{OUTCOMES[how]}", here.phone.step(OUTCOMES[how], visit, reason=reason))


@verbs.command()
@click.argument("item")
@click.option("--packed/--not-packed", default=None)
@click.option("--verified/--not-verified", default=None)
@pass_here
def tick(here: Here, item: str, packed: bool | None, verified: bool | None) -> None:
    """Tick a checklist ITEM."""
    if packed is None and verified is None:
        raise PhoneError("Say what to tick: --packed, --verified or both.")
    here.did("checklist_item.tick", here.phone.tick(item, packed=packed, verified=verified))


@verbs.command()
@click.argument("item")
@click.argument("quantity", type=click.IntRange(min=1))
@click.option("--returned", is_flag=True, help="It came back unused.")
@click.option("--serial", help="Serial number of the part.")
@pass_here
def use(here: Here, item: str, quantity: int, returned: bool, serial: str | None) -> None:
    """QUANTITY of a checklist ITEM was used."""
    here.did("part_usage.record", here.phone.use(item, quantity, returned=returned, serial_number=serial))


@verbs.command()
@click.argument("step")
@click.argument("answer", type=click.Choice(["yes", "no", "not_applicable"]))
@click.option("--note", help="Why not, or what else to know.")
@pass_here
def answer(here: Here, step: str, answer: str, note: str | None) -> None:
    """Answer a conduct STEP."""
    here.did("conduct_step.answer", here.phone.answer(step, answer, note=note))


@verbs.command()
@click.argument("step")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--reason", required=True, help="The customer's own words.")
@pass_here
def waive(here: Here, step: str, file: Path, reason: str) -> None:
    """The customer does without a conduct STEP; FILE shows it in their writing."""
    here.did("conduct_step.waive", here.phone.waive(step, reason, file))


@verbs.command()
@click.argument("visit")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--kind", type=click.Choice(["before", "after", "document", "other"]), default="other", show_default=True
)
@pass_here
def photo(here: Here, visit: str, file: Path, kind: str) -> None:
    """Keep FILE (JPEG, PNG, WebP, PDF) for VISIT; it is sent at the next sync.

    HEIC is taken and kept, and no report shows it: let the camera take JPEG.
    """
    here.did("media.register", here.phone.photo(visit, file, kind))


@verbs.command()
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


@verbs.command()
@click.argument("part")
@click.argument("disposition", type=click.Choice(["keep", "return", "dispose"]))
@click.option("--by", "consented_by", required=True, help="Who said so.")
@pass_here
def settle(here: Here, part: str, disposition: str, consented_by: str) -> None:
    """What the customer wants done with a removed PART, when it was not clear at first."""
    here.did("removed_part.settle", here.phone.settle_part(part, disposition, consented_by=consented_by))


@verbs.command()
@click.argument("visit")
@click.argument("text")
@pass_here
def note(here: Here, visit: str, text: str) -> None:
    """Write TEXT down about VISIT."""
    here.did("visit_note.add", here.phone.note(visit, text))


@verbs.command()
@click.argument("visit")
@click.option("--findings", help="What was found.")
@click.option("--work-done", help="What was done.")
@pass_here
def write(here: Here, visit: str, findings: str | None, work_done: str | None) -> None:
    """Write the service report of VISIT."""
    if findings is None and work_done is None:
        raise PhoneError("Write something: --findings, --work-done or both.")
    here.did("service_report.write", here.phone.write_report(visit, findings=findings, work_done=work_done))


@verbs.command()
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


@verbs.command()
@click.argument("charge")
@pass_here
def withdraw(here: Here, charge: str) -> None:
    """Take a CHARGE back before the report is frozen."""
    here.did("report_charge.withdraw", here.phone.withdraw_charge(charge))


@verbs.command()
@click.argument("visit")
@pass_here
def freeze(here: Here, visit: str) -> None:
    """Close the report of VISIT for changes; then show it to the customer."""
    here.did("service_report.freeze", here.phone.freeze(visit))


@verbs.command()
@click.argument("visit")
@click.option("--name", required=True, help="Who signs.")
@click.option(
    "--role", type=click.Choice(["customer", "representative", "occupant", "other"]), default="customer"
)
@click.option(
    "--strokes", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A stroke file."
)
@click.option(
    "--language",
    type=click.Choice(sorted(STATEMENTS)),
    help="Of the sentence above the signature; the customer's own unless given.",
)
@pass_here
def sign(here: Here, visit: str, name: str, role: str, strokes: Path | None, language: str | None) -> None:
    """The customer signs the report of VISIT."""
    drawn = None if strokes is None else strokes.read_bytes()
    signed = here.phone.sign(visit, name, role, strokes=drawn, language=language)
    here.did("service_report.sign", signed)


@verbs.command()
@click.argument("visit")
@click.option("--reason", required=True, help="What the customer said.")
@pass_here
def refuse(here: Here, visit: str, reason: str) -> None:
    """The customer of VISIT does not sign."""
    here.did("service_report.refuse", here.phone.refuse_to_sign(visit, reason))


@verbs.command()
@click.argument("visit")
@click.option("--reason", required=True, help="Why nobody was there.")
@pass_here
def absent(here: Here, visit: str, reason: str) -> None:
    """Nobody is there to sign at VISIT."""
    here.did("service_report.mark_absent", here.phone.nobody_signs(visit, reason))


@verbs.command()
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
