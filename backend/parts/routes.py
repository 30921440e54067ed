"""The routes of the catalogue, kits, checklists, part usages and van stock."""

from typing import Any, TypeAlias
from uuid import UUID

from backend.access.actor import Actor
from backend.db.paging import Page, PageRequest
from backend.db.unit_of_work import UnitOfWork
from backend.parts import actions, queries
from backend.parts.models import ChecklistItem, Part, PartUsage, StockMovement, VanStock
from backend.parts.queries import KitWithLines
from backend.web.blueprint import Room
from schemas.parts import (
    AddChecklistItem,
    ChecklistItemBody,
    ChecklistQuery,
    CreateKit,
    CreatePart,
    EditKit,
    EditPart,
    KitBody,
    KitQuery,
    PartBody,
    PartQuery,
    PartUsageBody,
    PartUsageQuery,
    PostPartUsage,
    RecordStockMovement,
    StockMovementBody,
    StockMovementQuery,
    TickChecklistItem,
    VanStockBody,
    VanStockQuery,
)

Fields: TypeAlias = dict[str, Any]

room = Room("parts", __name__, description="Catalogue, kits, checklists, part usages and van stock.")


@room.get("/parts", query=PartQuery, page_of=PartBody, permission="part:read")
def list_parts(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[Part]:
    """The catalogue, by the beginning of a name, by stock number, by kind."""
    return queries.list_parts(uow.session, page, **query)


@room.post("/parts", body=CreatePart, answer=PartBody, creates=True, permission="part:create")
def create_part(uow: UnitOfWork, actor: Actor, fields: Fields) -> Part:
    """A new line of the catalogue."""
    return actions.create_part(uow, actor, fields.pop("id", None), **fields)


@room.get("/parts/<uuid:part_id>", answer=PartBody, permission="part:read")
def show_part(uow: UnitOfWork, actor: Actor, part_id: UUID) -> Part:
    """One part, archived or not."""
    return queries.part_for(uow.session, part_id)


@room.patch("/parts/<uuid:part_id>", body=EditPart, answer=PartBody, edits=True, permission="part:edit")
def edit_part(uow: UnitOfWork, actor: Actor, fields: Fields, part_id: UUID) -> Part:
    """Change some fields of a part."""
    return actions.edit_part(uow, actor, part_id, **fields)


@room.post("/parts/<uuid:part_id>/archive", answer=PartBody, permission="part:archive")
def archive_part(uow: UnitOfWork, actor: Actor, part_id: UUID) -> Part:
    """Take a part out of the lists."""
    return actions.archive_part(uow, actor, part_id)


@room.get("/kits", query=KitQuery, page_of=KitBody, permission="kit:read")
def list_kits(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[KitWithLines]:
    """Kits with their lines."""
    return queries.list_kits(uow.session, page, **query)


@room.post("/kits", body=CreateKit, answer=KitBody, creates=True, permission="kit:create")
def create_kit(uow: UnitOfWork, actor: Actor, fields: Fields) -> KitWithLines:
    """A new kit with its lines."""
    return actions.create_kit(uow, actor, fields.pop("id", None), **fields)


@room.get("/kits/<uuid:kit_id>", answer=KitBody, permission="kit:read")
def show_kit(uow: UnitOfWork, actor: Actor, kit_id: UUID) -> KitWithLines:
    """One kit with its lines."""
    return queries.kit_with_lines(uow.session, kit_id)


@room.patch("/kits/<uuid:kit_id>", body=EditKit, answer=KitBody, edits=True, permission="kit:edit")
def edit_kit(uow: UnitOfWork, actor: Actor, fields: Fields, kit_id: UUID) -> KitWithLines:
    """A new name, or new lines in place of all."""
    return actions.edit_kit(uow, actor, kit_id, **fields)


@room.post("/kits/<uuid:kit_id>/archive", answer=KitBody, permission="kit:archive")
def archive_kit(uow: UnitOfWork, actor: Actor, kit_id: UUID) -> KitWithLines:
    """Take a kit out of the lists."""
    return actions.archive_kit(uow, actor, kit_id)


@room.get(
    "/checklist-items", query=ChecklistQuery, page_of=ChecklistItemBody, permission="checklist_item:read"
)
def list_checklist_items(
    uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields
) -> Page[ChecklistItem]:
    """Checklist lines, of a visit."""
    return queries.list_checklist_items(uow.session, actor, page, **query)


@room.post(
    "/checklist-items",
    body=AddChecklistItem,
    answer=ChecklistItemBody,
    creates=True,
    permission="checklist_item:add",
)
def add_checklist_item(uow: UnitOfWork, actor: Actor, fields: Fields) -> ChecklistItem:
    """One more part or tool for one visit."""
    return actions.add_checklist_item(uow, actor, fields.pop("id", None), **fields)


@room.get(
    "/checklist-items/<uuid:checklist_item_id>", answer=ChecklistItemBody, permission="checklist_item:read"
)
def show_checklist_item(uow: UnitOfWork, actor: Actor, checklist_item_id: UUID) -> ChecklistItem:
    """One checklist line."""
    return queries.checklist_item_for(uow.session, actor, checklist_item_id)


@room.post(
    "/checklist-items/<uuid:checklist_item_id>/tick",
    body=TickChecklistItem,
    answer=ChecklistItemBody,
    permission="checklist_item:tick",
)
def tick_checklist_item(
    uow: UnitOfWork, actor: Actor, fields: Fields, checklist_item_id: UUID
) -> ChecklistItem:
    """Say that a line is packed, or seen in the van, or not."""
    return actions.tick_checklist_item(uow, actor, checklist_item_id, **fields)


@room.get("/part-usages", query=PartUsageQuery, page_of=PartUsageBody, permission="part_usage:read")
def list_part_usages(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[PartUsage]:
    """Part usages, of a visit."""
    return queries.list_part_usages(uow.session, actor, page, **query)


@room.post(
    "/part-usages", body=PostPartUsage, answer=PartUsageBody, creates=True, permission="part_usage:record"
)
def record_part_usage(uow: UnitOfWork, actor: Actor, fields: Fields) -> PartUsage:
    """Record that a part was used at a visit, or came back unused."""
    return actions.record_part_usage(uow, actor, fields.pop("id", None), **fields)


@room.get("/part-usages/<uuid:part_usage_id>", answer=PartUsageBody, permission="part_usage:read")
def show_part_usage(uow: UnitOfWork, actor: Actor, part_usage_id: UUID) -> PartUsage:
    """One part usage."""
    return queries.part_usage_for(uow.session, actor, part_usage_id)


@room.get("/van-stock", query=VanStockQuery, page_of=VanStockBody, permission="van_stock:read")
def list_van_stock(uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields) -> Page[VanStock]:
    """What vans hold, by their movements."""
    return queries.list_van_stock(uow.session, actor, page, **query)


@room.get(
    "/stock-movements", query=StockMovementQuery, page_of=StockMovementBody, permission="stock_movement:read"
)
def list_stock_movements(
    uow: UnitOfWork, actor: Actor, page: PageRequest, query: Fields
) -> Page[StockMovement]:
    """Movements of van stock."""
    return queries.list_stock_movements(uow.session, actor, page, **query)


@room.post(
    "/stock-movements",
    body=RecordStockMovement,
    answer=StockMovementBody,
    creates=True,
    permission="stock_movement:record",
)
def record_stock_movement(uow: UnitOfWork, actor: Actor, fields: Fields) -> StockMovement:
    """Record a load, a return or a count of a van."""
    return actions.record_stock_movement(uow, actor, fields.pop("id", None), **fields)


@room.get(
    "/stock-movements/<uuid:stock_movement_id>", answer=StockMovementBody, permission="stock_movement:read"
)
def show_stock_movement(uow: UnitOfWork, actor: Actor, stock_movement_id: UUID) -> StockMovement:
    """One movement of van stock."""
    return queries.stock_movement_for(uow.session, actor, stock_movement_id)
