"""All reading of work orders, and who may see which."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from backend.access.actor import Actor
from backend.access.reach import assigned_work_orders, narrowed
from backend.db.lookup import locked_by_id, one_row, row_by_id
from backend.db.paging import Page, PageRequest, fetch_page
from backend.visits.models import PaymentBadge, Visit, WorkOrder
from backend.visits.rules import WorkOrderNotFound, derive_status
from schemas.visits import PaymentBadgeState, VisitStatus, WorkOrderStatus


@dataclass(frozen=True)
class NoBadge:
    """What is shown of payment while nothing was heard of one: there is no record yet."""

    work_order_id: UUID
    id: None = None
    revision: None = None
    state: PaymentBadgeState = PaymentBadgeState.NONE


def work_orders_visible_to(actor: Actor) -> Select[WorkOrder]:
    """The office sees all work orders, a technician those he has a visit of."""
    return narrowed(
        select(WorkOrder), actor, lambda reach: WorkOrder.id.in_(assigned_work_orders(reach, "id"))
    )


def work_order_for(session: Session, actor: Actor, work_order_id: UUID) -> WorkOrder:
    """That work order; raises WorkOrderNotFound when there is none that `actor` may see."""
    return one_row(
        session, work_orders_visible_to(actor).where(WorkOrder.id == work_order_id), WorkOrderNotFound
    )


def work_order_by_id(session: Session, work_order_id: UUID) -> WorkOrder:
    """That work order; raises WorkOrderNotFound."""
    return row_by_id(session, WorkOrder, work_order_id, WorkOrderNotFound)


def locked_work_order(session: Session, work_order_id: UUID) -> WorkOrder:
    """That work order, fresh and locked until the transaction ends; raises WorkOrderNotFound."""
    return locked_by_id(session, WorkOrder, work_order_id, WorkOrderNotFound)


def list_work_orders(
    session: Session,
    actor: Actor,
    page: PageRequest,
    *,
    status: WorkOrderStatus | None = None,
    request_id: UUID | None = None,
    customer_id: UUID | None = None,
    site_id: UUID | None = None,
    number: str | None = None,
) -> Page[WorkOrder]:
    """Visible work orders, each filter optional."""
    wanted = (
        (WorkOrder.status, status),
        (WorkOrder.request_id, request_id),
        (WorkOrder.customer_id, customer_id),
        (WorkOrder.site_id, site_id),
        (WorkOrder.number, number),
    )
    given = [column == value for column, value in wanted if value is not None]
    return fetch_page(session, work_orders_visible_to(actor).where(*given), page, key=WorkOrder.id)


def visit_statuses_of(session: Session, work_order_id: UUID) -> Sequence[VisitStatus]:
    """The statuses of a work order's visits, in the order of their numbers."""
    return session.scalars(
        select(Visit.status).where(Visit.work_order_id == work_order_id).order_by(Visit.number)
    ).all()


def next_visit_number(session: Session, work_order_id: UUID) -> int:
    """The number of the next visit; ask while the work order is locked."""
    highest = session.scalar(select(func.max(Visit.number)).where(Visit.work_order_id == work_order_id))
    return (highest or 0) + 1


def payment_badge_of(session: Session, actor: Actor, work_order_id: UUID) -> PaymentBadge | NoBadge:
    """The badge of a work order, `none` while nobody has written one; raises WorkOrderNotFound."""
    work_order = work_order_for(session, actor, work_order_id)
    statement = select(PaymentBadge).where(PaymentBadge.work_order_id == work_order.id)
    return session.scalars(statement).one_or_none() or NoBadge(work_order.id)


def work_orders_that_contradict_their_visits(session: Session) -> list[str]:
    """One sentence per work order whose stored status is not what follows from its visits; `doorstep
    check` asks."""
    statuses: dict[UUID, list[VisitStatus]] = {}
    for work_order_id, status in session.execute(
        select(Visit.work_order_id, Visit.status).order_by(Visit.work_order_id, Visit.number)
    ):
        statuses.setdefault(work_order_id, []).append(status)
    wrong = []
    for work_order_id, number, stored in session.execute(
        select(WorkOrder.id, WorkOrder.number, WorkOrder.status).order_by(WorkOrder.number)
    ):
        derived = derive_status(statuses.get(work_order_id, []))
        if derived is not stored:
            wrong.append(f"work order {number} says {stored.value}, its visits say {derived.value}")
    return wrong
