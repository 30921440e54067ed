"""What happens to parts in the field: usages at visits, and the signed deltas that move a van's stock."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from backend.access.actor import Actor
from backend.access.late_work import take_fact_about
from backend.access.permissions import requires
from backend.db.creation import created_before
from backend.db.unit_of_work import UnitOfWork
from backend.parts.models import ChecklistItem, Part, PartUsage, StockMovement, VanStock
from backend.parts.queries import (
    locked_checklist_item,
    locked_line_of_part,
    locked_van_stock,
    part_for,
)
from backend.parts.rules import (
    REASON_OF_USAGE,
    ForeignVan,
    LineOfAnotherPart,
    PartsHandled,
    check_movement,
    stock_delta,
)
from schemas.errors import RecordNotFound
from schemas.parts import MovementReason, UsageDirection


@requires("part_usage:record")
def record_part_usage(
    uow: UnitOfWork,
    actor: Actor,
    part_usage_id: UUID | None = None,
    *,
    visit_id: UUID,
    part_id: UUID,
    direction: UsageDirection,
    quantity: int,
    checklist_item_id: UUID | None = None,
    serial_number: str | None = None,
    occurred_at: datetime | None = None,
) -> PartUsage:
    """A fact: parts of the van were used at a visit, or came back unused to the store.

    Counts on the visit's line of that part, if there is one, and moves the stock of the technician's van.
    Taken from whoever has the visit or ever had it.
    Raises VisitNotFound, PartNotFound, LineOfAnotherPart, IdAlreadyUsed.
    """
    content = {"visit_id": visit_id, "part_id": part_id, "direction": direction, "quantity": quantity}
    if known := created_before(uow, PartUsage, part_usage_id, serial_number=serial_number, **content):
        return known
    holder = take_fact_about(uow, actor, visit_id)
    # A technician takes from his own van, whoever has the visit by now, and whoever puts it on record.
    van = actor.technician_id or actor.done_by or holder
    part = part_for(uow.session, part_id)
    line = _line_for(uow, visit_id, part_id, checklist_item_id)
    usage = uow.add(
        PartUsage(
            id=part_usage_id or uow.mint_id(),
            checklist_item_id=None if line is None else line.id,
            serial_number=serial_number,
            used_by=van or actor.doer_id,
            occurred_at=occurred_at or uow.now,
            **content,
        )
    )
    if line is not None:
        _count(line, direction, quantity)
    if van is not None:
        _move_for_usage(uow, actor, usage, part, van)
    uow.tell(actor, PartsHandled(visit_id))
    return usage


@requires("stock_movement:record")
def record_stock_movement(
    uow: UnitOfWork,
    actor: Actor,
    stock_movement_id: UUID | None = None,
    *,
    technician_id: UUID,
    part_id: UUID,
    quantity_delta: int,
    reason: MovementReason,
    note: str | None = None,
    occurred_at: datetime | None = None,
) -> StockMovement:
    """A fact: a van was loaded, something went back to the store, or a count found another number.

    `quantity_delta` is signed and never an absolute number. Raises MovementContradicted, ForeignVan for a
    technician and a van that is not his, PartNotFound, IdAlreadyUsed.
    """
    check_movement(reason, quantity_delta)
    if actor.technician_id not in (None, technician_id):
        raise ForeignVan("Record movements of your own van.")
    content = {
        "technician_id": technician_id,
        "part_id": part_for(uow.session, part_id).id,
        "quantity_delta": quantity_delta,
        "reason": reason,
        "note": note,
    }
    if known := created_before(uow, StockMovement, stock_movement_id, **content):
        return known
    movement = StockMovement(
        id=stock_movement_id or uow.mint_id(),
        recorded_by=actor.user_id,
        occurred_at=occurred_at or uow.now,
        **content,
    )
    return _move(uow, movement)


def _line_for(
    uow: UnitOfWork, visit_id: UUID, part_id: UUID, checklist_item_id: UUID | None
) -> ChecklistItem | None:
    if checklist_item_id is None:
        return locked_line_of_part(uow.session, visit_id, part_id)
    line = locked_checklist_item(uow.session, checklist_item_id)
    if line is None or line.visit_id != visit_id or line.part_id != part_id:
        raise LineOfAnotherPart("Name a line of this visit and this part, or none.")
    return line


def _count(line: ChecklistItem, direction: UsageDirection, quantity: int) -> None:
    if direction is UsageDirection.USED:
        line.quantity_used += quantity
    else:
        line.quantity_returned += quantity


def _move_for_usage(uow: UnitOfWork, actor: Actor, usage: PartUsage, part: Part, van: UUID) -> None:
    delta = stock_delta(usage.direction, part.kind, usage.quantity)
    if delta == 0:
        return
    _move(
        uow,
        StockMovement(
            id=uow.mint_id(),
            technician_id=van,
            part_id=part.id,
            quantity_delta=delta,
            reason=REASON_OF_USAGE[usage.direction],
            part_usage_id=usage.id,
            recorded_by=actor.doer_id,
            occurred_at=usage.occurred_at,
        ),
    )


def _move(uow: UnitOfWork, movement: StockMovement) -> StockMovement:
    stock = locked_van_stock(uow.session, movement.technician_id, movement.part_id)
    if stock is None:
        stock = _first_stock(uow, movement.technician_id, movement.part_id)
    # Below zero is allowed: a fact is not refused because somebody forgot to record a load.
    stock.quantity += movement.quantity_delta
    return uow.add(movement)


def _first_stock(uow: UnitOfWork, technician_id: UUID, part_id: UUID) -> VanStock:
    try:
        with uow.savepoint():
            row = VanStock(id=uow.mint_id(), technician_id=technician_id, part_id=part_id, quantity=0)
            return uow.add(row)
    except IntegrityError:
        # Another transaction was first: wait for it and add to its row. No such technician: nothing is found.
        stock = locked_van_stock(uow.session, technician_id, part_id)
        if stock is None:
            raise RecordNotFound("Check the id of the technician.") from None
        return stock
