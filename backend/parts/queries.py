"""All reading of the catalogue, kits, checklists, part usages and van stock, and who may see which."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from backend.access.actor import Actor
from backend.access.reach import Reach, assigned_visits, narrowed
from backend.db.folding import fold
from backend.db.lookup import locked, one_row, row_by_id
from backend.db.paging import Page, PageRequest, fetch_page
from backend.parts.models import ChecklistItem, Kit, KitLine, Part, PartUsage, StockMovement, VanStock
from backend.parts.rules import (
    ChecklistItemNotFound,
    KitNotFound,
    PartNotFound,
    PartUsageNotFound,
    StockMovementNotFound,
    missing_for_dispatch,
)
from schemas.parts import PartKind, UsageDirection
from sync.transaction import locked_row


@dataclass(frozen=True)
class KitWithLines:
    """A kit and its lines, as it is shown."""

    id: UUID
    revision: int
    name: str
    archived_at: datetime | None
    lines: list[KitLine]


def _checklist_item_of(reach: Reach) -> ColumnElement[bool]:
    return ChecklistItem.visit_id.in_(assigned_visits(reach))


def _part_usage_of(reach: Reach) -> ColumnElement[bool]:
    # What he recorded stays his to see when the visit went to somebody else.
    return or_(PartUsage.visit_id.in_(assigned_visits(reach)), PartUsage.used_by == reach.technician_id)


def checklist_items_visible_to(actor: Actor) -> Select[ChecklistItem]:
    """The office sees all checklist lines, a technician those of his visits."""
    return narrowed(select(ChecklistItem), actor, _checklist_item_of)


def part_usages_visible_to(actor: Actor) -> Select[PartUsage]:
    """The office sees all part usages, a technician those of his visits and his own."""
    return narrowed(select(PartUsage), actor, _part_usage_of)


def van_stock_visible_to(actor: Actor) -> Select[VanStock]:
    """The office sees all vans, a technician his own."""
    return narrowed(select(VanStock), actor, lambda reach: VanStock.technician_id == reach.technician_id)


def stock_movements_visible_to(actor: Actor) -> Select[StockMovement]:
    """The office sees all movements, a technician those of his van."""
    return narrowed(
        select(StockMovement), actor, lambda reach: StockMovement.technician_id == reach.technician_id
    )


def part_for(session: Session, part_id: UUID) -> Part:
    """That part; raises PartNotFound."""
    return row_by_id(session, Part, part_id, PartNotFound)


def kit_for(session: Session, kit_id: UUID) -> Kit:
    """That kit; raises KitNotFound."""
    return one_row(session, select(Kit).where(Kit.id == kit_id), KitNotFound)


def checklist_item_for(session: Session, actor: Actor, checklist_item_id: UUID) -> ChecklistItem:
    """That line; raises ChecklistItemNotFound when there is none that `actor` may see."""
    statement = checklist_items_visible_to(actor).where(ChecklistItem.id == checklist_item_id)
    return one_row(session, statement, ChecklistItemNotFound)


def part_usage_for(session: Session, actor: Actor, part_usage_id: UUID) -> PartUsage:
    """That part usage; raises PartUsageNotFound when there is none that `actor` may see."""
    statement = part_usages_visible_to(actor).where(PartUsage.id == part_usage_id)
    return one_row(session, statement, PartUsageNotFound)


def stock_movement_for(session: Session, actor: Actor, stock_movement_id: UUID) -> StockMovement:
    """That movement; raises StockMovementNotFound when there is none that `actor` may see."""
    statement = stock_movements_visible_to(actor).where(StockMovement.id == stock_movement_id)
    return one_row(session, statement, StockMovementNotFound)


def list_parts(
    session: Session,
    page: PageRequest,
    *,
    name: str | None = None,
    sku: str | None = None,
    kind: PartKind | None = None,
    archived: bool = False,
) -> Page[Part]:
    """Parts whose name begins with `name`, with a stock number, of a kind, archived ones or the others."""
    statement = select(Part).where(Part.archived_at.is_not(None) == archived)
    if name is not None:
        statement = statement.where(Part.search_name.startswith(fold(name), autoescape=True))
    if sku is not None:
        statement = statement.where(Part.sku == sku)
    if kind is not None:
        statement = statement.where(Part.kind == kind)
    return fetch_page(session, statement, page, key=Part.id)


def list_kits(session: Session, page: PageRequest, *, archived: bool = False) -> Page[KitWithLines]:
    """Kits with their lines, archived ones or the others."""
    found = fetch_page(session, select(Kit).where(Kit.archived_at.is_not(None) == archived), page, key=Kit.id)
    return Page(_with_lines(session, found.items), found.next)


def kit_with_lines(session: Session, kit_id: UUID) -> KitWithLines:
    """That kit and its lines; raises KitNotFound."""
    (kit,) = _with_lines(session, [kit_for(session, kit_id)])
    return kit


def _with_lines(session: Session, kits: Iterable[Kit]) -> list[KitWithLines]:
    kits = list(kits)
    lines: dict[UUID, list[KitLine]] = {kit.id: [] for kit in kits}
    for line in session.scalars(select(KitLine).where(KitLine.kit_id.in_(lines)).order_by(KitLine.id)):
        lines[line.kit_id].append(line)
    return [KitWithLines(kit.id, kit.revision, kit.name, kit.archived_at, lines[kit.id]) for kit in kits]


def kit_lines_of(session: Session, kit_id: UUID) -> list[KitLine]:
    """The lines of a kit."""
    return list(session.scalars(select(KitLine).where(KitLine.kit_id == kit_id).order_by(KitLine.id)))


def parts_by_id(session: Session, part_ids: Iterable[UUID]) -> dict[UUID, Part]:
    """These parts; raises PartNotFound when one is missing."""
    wanted = set(part_ids)
    found = {part.id: part for part in session.scalars(select(Part).where(Part.id.in_(wanted)))}
    if missing := wanted - found.keys():
        raise PartNotFound("Create the part first.", missing=sorted(str(part_id) for part_id in missing))
    return found


def part_ids_by_sku(session: Session, skus: Collection[str]) -> dict[str, UUID]:
    """The ids of the parts with these stock numbers, by stock number."""
    return dict(session.execute(select(Part.sku, Part.id).where(Part.sku.in_(skus))).all())


def checklist_of(session: Session, visit_id: UUID) -> list[ChecklistItem]:
    """The whole checklist of a visit, whoever asks."""
    statement = select(ChecklistItem).where(ChecklistItem.visit_id == visit_id).order_by(ChecklistItem.id)
    return list(session.scalars(statement))


def unpacked_required(session: Session, visit_id: UUID) -> list[ChecklistItem]:
    """The lines that hold the dispatch of a visit back: required and not packed."""
    return missing_for_dispatch(checklist_of(session, visit_id))


def list_checklist_items(
    session: Session, actor: Actor, page: PageRequest, *, visit_id: UUID | None = None
) -> Page[ChecklistItem]:
    """Visible checklist lines, of a visit."""
    statement = checklist_items_visible_to(actor)
    if visit_id is not None:
        statement = statement.where(ChecklistItem.visit_id == visit_id)
    return fetch_page(session, statement, page, key=ChecklistItem.id)


def usages_of_visit(session: Session, visit_id: UUID) -> list[PartUsage]:
    """What was used at a visit or brought back from it, whoever asks."""
    statement = select(PartUsage).where(PartUsage.visit_id == visit_id).order_by(PartUsage.id)
    return list(session.scalars(statement.execution_options(populate_existing=True)))


def list_part_usages(
    session: Session, actor: Actor, page: PageRequest, *, visit_id: UUID | None = None
) -> Page[PartUsage]:
    """Visible part usages, of a visit."""
    statement = part_usages_visible_to(actor)
    if visit_id is not None:
        statement = statement.where(PartUsage.visit_id == visit_id)
    return fetch_page(session, statement, page, key=PartUsage.id)


def priced_usage_of(session: Session, visit_id: UUID) -> list[tuple[UUID, str, int]]:
    """What was used at a visit of parts that have a price, whoever asks: part id, name, quantity in all."""
    used = func.sum(PartUsage.quantity)
    statement = (
        select(Part.id, Part.name, used)
        .join(PartUsage, PartUsage.part_id == Part.id)
        .where(
            PartUsage.visit_id == visit_id,
            PartUsage.direction == UsageDirection.USED,
            Part.price_minor.is_not(None),
        )
        .group_by(Part.id, Part.name)
        .order_by(Part.id)
    )
    return [(part_id, name, int(quantity)) for part_id, name, quantity in session.execute(statement)]


def list_van_stock(
    session: Session, actor: Actor, page: PageRequest, *, technician_id: UUID | None = None
) -> Page[VanStock]:
    """Visible van stock, of a technician."""
    statement = van_stock_visible_to(actor)
    if technician_id is not None:
        statement = statement.where(VanStock.technician_id == technician_id)
    return fetch_page(session, statement, page, key=VanStock.id)


def list_stock_movements(
    session: Session,
    actor: Actor,
    page: PageRequest,
    *,
    technician_id: UUID | None = None,
    part_id: UUID | None = None,
) -> Page[StockMovement]:
    """Visible movements, of a technician's van, of a part."""
    statement = stock_movements_visible_to(actor)
    if technician_id is not None:
        statement = statement.where(StockMovement.technician_id == technician_id)
    if part_id is not None:
        statement = statement.where(StockMovement.part_id == part_id)
    return fetch_page(session, statement, page, key=StockMovement.id)


def locked_checklist_item(session: Session, checklist_item_id: UUID) -> ChecklistItem | None:
    """A checklist line, locked."""
    return locked_row(session, ChecklistItem, checklist_item_id)


def locked_line_of_part(session: Session, visit_id: UUID, part_id: UUID) -> ChecklistItem | None:
    """A visit's line of a part, locked."""
    line = select(ChecklistItem).where(ChecklistItem.visit_id == visit_id, ChecklistItem.part_id == part_id)
    return session.scalars(locked(line)).one_or_none()


def locked_van_stock(session: Session, technician_id: UUID, part_id: UUID) -> VanStock | None:
    """A van's stock of a part, locked."""
    stock = select(VanStock).where(VanStock.technician_id == technician_id, VanStock.part_id == part_id)
    return session.scalars(locked(stock)).one_or_none()
