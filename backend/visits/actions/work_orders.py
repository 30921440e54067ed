"""Work orders: opened by hand or by triage, edited, called off. Their status is never set here, it
follows."""

from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from backend.access.actor import Actor
from backend.access.permissions import requires
from backend.customers.queries import asset_for, site_for
from backend.db.creation import created_before
from backend.db.unit_of_work import UnitOfWork
from backend.requests.queries import draw_numbers, service_request_for
from backend.visits import queries
from backend.visits.actions.booking import book_visit
from backend.visits.models import WorkOrder
from backend.visits.rules import OPEN, LimitsOutOfOrder, PlaceMismatch, WorkTypeArchived
from backend.visits.steps import call_off, touch_case_of_work_order
from schemas.requests import Priority
from schemas.visits import WorkOrderStatus

SERIES = "WO"


class WorkOrderChanges(TypedDict, total=False):
    """What an edit may change; absent keys stay."""

    summary: str
    priority: Priority
    earliest_start: datetime | None
    due: datetime | None


@requires("work_order:open")
def open_work_order(
    uow: UnitOfWork,
    actor: Actor,
    work_order_id: UUID | None = None,
    *,
    site_id: UUID,
    work_type_id: UUID,
    summary: str,
    request_id: UUID | None = None,
    asset_id: UUID | None = None,
    priority: Priority = Priority.NORMAL,
    earliest_start: datetime | None = None,
    due: datetime | None = None,
) -> WorkOrder:
    """A job for the customer of the site; one request opens one.

    Raises SiteNotFound, AssetNotFound, ServiceRequestNotFound, WorkTypeNotFound, WorkTypeArchived,
    PlaceMismatch, LimitsOutOfOrder, IdAlreadyUsed, RequestHasWorkOrder (as a broken constraint).
    """
    site = site_for(uow.session, actor, site_id)
    _check_limits(earliest_start, due)
    content = {
        "request_id": request_id,
        "customer_id": site.customer_id,
        "site_id": site.id,
        "asset_id": asset_id,
        "work_type_id": work_type_id,
        "summary": summary,
        "priority": priority,
        "earliest_start": earliest_start,
        "due": due,
    }
    if known := created_before(uow, WorkOrder, work_order_id, **content):
        return known
    if queries.work_type_by_id(uow.session, work_type_id).archived_at is not None:
        raise WorkTypeArchived("Choose a work type that is in use.")
    if asset_id is not None and asset_for(uow.session, actor, asset_id).site_id != site.id:
        raise PlaceMismatch("The asset stands at another site: choose that site, or leave the asset out.")
    if request_id is not None:
        request = service_request_for(uow.session, actor, request_id)
        if request.customer_id != site.customer_id:
            raise PlaceMismatch("The request is another customer's: choose a site of his.")
    work_order = uow.add(
        WorkOrder(
            id=work_order_id or uow.mint_id(),
            number=draw_numbers(uow, SERIES)[0],
            status=WorkOrderStatus.UNSCHEDULED,
            **content,
        )
    )
    touch_case_of_work_order(uow, actor, work_order)
    return work_order


@requires("work_order:edit")
def edit_work_order(
    uow: UnitOfWork, actor: Actor, work_order_id: UUID, **changes: Unpack[WorkOrderChanges]
) -> WorkOrder:
    """Change words, priority and limits. Raises WorkOrderNotFound, LimitsOutOfOrder."""
    work_order = queries.work_order_for(uow.session, actor, work_order_id)
    for name, value in changes.items():
        setattr(work_order, name, value)
    _check_limits(work_order.earliest_start, work_order.due)
    touch_case_of_work_order(uow, actor, work_order)
    return work_order


@requires("work_order:cancel")
def cancel_work_order(uow: UnitOfWork, actor: Actor, work_order_id: UUID, *, reason: str) -> WorkOrder:
    """Cancel all its open visits; what was finished stays finished. Raises WorkOrderNotFound.

    A work order without any visit gets one that is cancelled at once: its status follows from visits
    alone, and so there is a record of who decided this, when and why.
    """
    work_order = queries.work_order_for(uow.session, actor, work_order_id)
    # Visits before the work order, as everywhere: two transactions that lock in one order never deadlock.
    for visit in queries.visits_to_change_of(uow.session, work_order.id, OPEN):
        call_off(uow, actor, visit, reason)
    if not queries.visit_statuses_of(uow.session, work_order.id):
        call_off(uow, actor, book_visit(uow, actor, work_order_id=work_order.id), reason)
    touch_case_of_work_order(uow, actor, work_order)
    return work_order


def _check_limits(earliest_start: datetime | None, due: datetime | None) -> None:
    if earliest_start is not None and due is not None and earliest_start >= due:
        raise LimitsOutOfOrder("Let the work order be due after its earliest start.")
