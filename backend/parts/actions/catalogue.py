"""What is done with the catalogue and with kits: create, edit, archive."""

from collections.abc import Sequence
from typing import TypedDict, Unpack
from uuid import UUID

from sqlalchemy.orm.attributes import flag_modified

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.db.creation import created_before
from backend.db.folding import fold
from backend.db.unit_of_work import UnitOfWork
from backend.parts.models import Kit, KitLine, Part
from backend.parts.queries import KitWithLines, kit_for, kit_lines_of, kit_with_lines, part_for, parts_by_id
from backend.parts.rules import PartRepeated, check_price
from schemas.errors import IdAlreadyUsed
from schemas.parts import PartKind

DEFAULT_UNIT = "piece"


class PartChanges(TypedDict, total=False):
    """What an edit may change; absent keys stay."""

    name: str
    unit: str
    price_minor: int | None
    currency: str | None


class KitLineFields(TypedDict):
    """One line of a kit."""

    part_id: UUID
    quantity: int
    required: bool


@requires("part:create")
def create_part(
    uow: UnitOfWork,
    actor: Actor,
    part_id: UUID | None = None,
    *,
    sku: str,
    name: str,
    kind: PartKind,
    unit: str = DEFAULT_UNIT,
    price_minor: int | None = None,
    currency: str | None = None,
) -> Part:
    """A new line of the catalogue; raises PriceWithoutCurrency, SkuTaken, IdAlreadyUsed."""
    check_price(price_minor, currency)
    content = {
        "sku": sku,
        "name": name,
        "kind": kind,
        "unit": unit,
        "price_minor": price_minor,
        "currency": currency,
    }
    if known := created_before(uow, Part, part_id, **content):
        return known
    return uow.add(Part(id=part_id or uow.mint_id(), search_name=fold(name), **content))


@requires("part:edit")
def edit_part(uow: UnitOfWork, actor: Actor, part_id: UUID, **changes: Unpack[PartChanges]) -> Part:
    """Change some fields of a part; raises PartNotFound, PriceWithoutCurrency."""
    part = part_for(uow.session, part_id)
    for name, value in changes.items():
        setattr(part, name, value)
    check_price(part.price_minor, part.currency)
    part.search_name = fold(part.name)
    return part


@requires("part:archive")
def archive_part(uow: UnitOfWork, actor: Actor, part_id: UUID) -> Part:
    """Take a part out of the lists; kits and facts keep it. Twice is once."""
    part = part_for(uow.session, part_id)
    part.archived_at = part.archived_at or uow.now
    return part


@requires("kit:create")
def create_kit(
    uow: UnitOfWork, actor: Actor, kit_id: UUID | None = None, *, name: str, lines: Sequence[KitLineFields]
) -> KitWithLines:
    """A new kit with its lines; raises PartNotFound, PartRepeated, KitNameTaken, IdAlreadyUsed."""
    if kit_id is not None and created_before(uow, Kit, kit_id, name=name):
        if _content(kit_lines_of(uow.session, kit_id)) != {_key(line) for line in lines}:
            raise IdAlreadyUsed("Mint a new id, or read what this one stands for.", fields=["lines"])
        return kit_with_lines(uow.session, kit_id)
    kit = uow.add(Kit(id=kit_id or uow.mint_id(), name=name))
    _add_lines(uow, kit.id, lines)
    return kit_with_lines(uow.session, kit.id)


@requires("kit:edit")
def edit_kit(
    uow: UnitOfWork,
    actor: Actor,
    kit_id: UUID,
    *,
    name: str | None = None,
    lines: Sequence[KitLineFields] | None = None,
) -> KitWithLines:
    """A new name, or new lines in place of all; checklists made before stay.

    Raises KitNotFound, and what create_kit raises.
    """
    kit = kit_for(uow.session, kit_id)
    if name is not None:
        kit.name = name
    if lines is not None:
        # The lines are the kit's content: whoever edits them on an old revision must be told.
        flag_modified(kit, "name")
        for line in kit_lines_of(uow.session, kit.id):
            uow.session.delete(line)
        uow.flush()
        _add_lines(uow, kit.id, lines)
    uow.flush()
    return kit_with_lines(uow.session, kit.id)


@requires("kit:archive")
def archive_kit(uow: UnitOfWork, actor: Actor, kit_id: UUID) -> KitWithLines:
    """Take a kit out of the lists. Twice is once."""
    kit = kit_for(uow.session, kit_id)
    kit.archived_at = kit.archived_at or uow.now
    uow.flush()
    return kit_with_lines(uow.session, kit.id)


def _add_lines(uow: UnitOfWork, kit_id: UUID, lines: Sequence[KitLineFields]) -> None:
    part_ids = [line["part_id"] for line in lines]
    if len(set(part_ids)) != len(part_ids):
        raise PartRepeated("Name each part once, with its quantity.")
    parts_by_id(uow.session, part_ids)
    uow.add_all(KitLine(id=uow.mint_id(), kit_id=kit_id, **line) for line in lines)


def _content(lines: Sequence[KitLine]) -> set[tuple[UUID, int, bool]]:
    return {(line.part_id, line.quantity, line.required) for line in lines}


def _key(line: KitLineFields) -> tuple[UUID, int, bool]:
    return line["part_id"], line["quantity"], line["required"]
