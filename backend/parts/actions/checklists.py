"""What is done with the checklist of a visit: prepare, add to, tick, unpack."""

from datetime import datetime
from uuid import UUID

from backend.access.actor import Actor
from backend.access.late_work import VisitNotFound
from backend.access.permissions import requires
from backend.access.reach import ever_had_visit, has_visit, visit_exists
from backend.db.creation import created_before
from backend.db.unit_of_work import UnitOfWork
from backend.parts.models import ChecklistItem, Part
from backend.parts.queries import (
    checklist_of,
    kit_for,
    kit_lines_of,
    locked_checklist_item,
    part_for,
    parts_by_id,
)
from backend.parts.rules import ChecklistItemNotFound, ChecklistNoLongerYours, PartsHandled, ticked


@requires("checklist:prepare")
def prepare_checklist(uow: UnitOfWork, actor: Actor, visit_id: UUID, kit_id: UUID) -> list[ChecklistItem]:
    """Give a visit one line for each line of a kit; parts that are listed already stay as they are.

    The caller has made sure that there is such a visit. Raises KitNotFound.
    """
    kit = kit_for(uow.session, kit_id)
    present = {item.part_id for item in checklist_of(uow.session, visit_id)}
    lines = [line for line in kit_lines_of(uow.session, kit.id) if line.part_id not in present]
    parts = parts_by_id(uow.session, (line.part_id for line in lines))
    uow.add_all(
        _line(uow.mint_id(), visit_id, parts[line.part_id], line.quantity, line.required) for line in lines
    )
    return checklist_of(uow.session, visit_id)


@requires("checklist_item:add")
def add_checklist_item(
    uow: UnitOfWork,
    actor: Actor,
    checklist_item_id: UUID | None = None,
    *,
    visit_id: UUID,
    part_id: UUID,
    quantity: int,
    required: bool = True,
) -> ChecklistItem:
    """One more part for one visit; raises VisitNotFound, PartNotFound, PartRepeated, IdAlreadyUsed."""
    content = {"visit_id": visit_id, "part_id": part_id, "quantity": quantity, "required": required}
    if known := created_before(uow, ChecklistItem, checklist_item_id, **content):
        return known
    if not visit_exists(uow.session, visit_id):
        raise VisitNotFound("Check the id of the visit.")
    part = part_for(uow.session, part_id)
    line = uow.add(_line(checklist_item_id or uow.mint_id(), visit_id, part, quantity, required))
    uow.tell(actor, PartsHandled(visit_id))
    return line


@requires("checklist_item:tick")
def tick_checklist_item(
    uow: UnitOfWork,
    actor: Actor,
    checklist_item_id: UUID,
    *,
    packed: bool | None = None,
    verified: bool | None = None,
    occurred_at: datetime | None = None,
) -> ChecklistItem:
    """Say that a line is packed, or seen in the van, or not; None leaves a value as it is.

    Raises ChecklistItemNotFound, VerifiedButNotPacked, and ChecklistNoLongerYours for a technician who once
    had the visit: his van is not the one that goes there now.
    """
    item = locked_checklist_item(uow.session, checklist_item_id)
    if item is None:
        raise ChecklistItemNotFound("Check the id.")
    _check_hands(uow, actor, item)
    item.packed, item.verified = ticked(item.packed, item.verified, new_packed=packed, new_verified=verified)
    uow.tell(actor, PartsHandled(item.visit_id))
    return item


@requires("checklist:unpack")
def unpack_checklist(uow: UnitOfWork, actor: Actor, visit_id: UUID) -> list[ChecklistItem]:
    """Take every tick back: the visit goes to another van, and nothing is in that one yet."""
    items = checklist_of(uow.session, visit_id)
    for item in items:
        item.packed = item.verified = False
    return items


def _check_hands(uow: UnitOfWork, actor: Actor, item: ChecklistItem) -> None:
    technician_id = actor.technician_id
    if technician_id is None or has_visit(uow.session, technician_id, item.visit_id):
        return
    if ever_had_visit(uow.session, technician_id, item.visit_id):
        raise ChecklistNoLongerYours("Bring what you packed back to the store, or call the dispatcher.")
    raise ChecklistItemNotFound("Check the id.")


def _line(line_id: UUID, visit_id: UUID, part: Part, quantity: int, required: bool) -> ChecklistItem:
    return ChecklistItem(
        id=line_id,
        visit_id=visit_id,
        part_id=part.id,
        name=part.name,
        kind=part.kind,
        quantity=quantity,
        required=required,
        packed=False,
        verified=False,
        quantity_used=0,
        quantity_returned=0,
    )
