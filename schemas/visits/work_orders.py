"""Shapes of work orders, their payment badge and the steps that are possible."""

from schemas.base import (
    JSON_SAFE_INTEGER,
    Count,
    Enumeration,
    Flag,
    Id,
    Instant,
    Line,
    PageQuery,
    RecordShape,
    Shape,
    Text,
)
from schemas.requests import Priority
from schemas.visits.words import PaymentBadgeState, WorkOrderStatus


class WorkOrderBody(RecordShape):
    """A work order, as GET and the feed show it; `status` follows from its visits."""

    number = Line(max=20)
    request_id = Id(allow_none=True)
    customer_id = Id()
    site_id = Id()
    asset_id = Id(allow_none=True)
    work_type_id = Id()
    status = Enumeration(WorkOrderStatus)
    summary = Text(max=400)
    priority = Enumeration(Priority)
    earliest_start = Instant(allow_none=True)
    due = Instant(allow_none=True)


class OpenWorkOrder(Shape):
    """A job to do at a site; `earliest_start` and `due` are limits, not promises."""

    id = Id()
    request_id = Id(allow_none=True)
    site_id = Id(required=True)
    asset_id = Id(allow_none=True)
    work_type_id = Id(required=True)
    summary = Text(max=400, required=True)
    priority = Enumeration(Priority)
    earliest_start = Instant(allow_none=True)
    due = Instant(allow_none=True)


class EditWorkOrder(Shape):
    """What may change of a work order by hand; its status may not."""

    summary = Text(max=400)
    priority = Enumeration(Priority)
    earliest_start = Instant(allow_none=True)
    due = Instant(allow_none=True)


class WorkOrderQuery(PageQuery):
    """Which work orders."""

    status = Enumeration(WorkOrderStatus)
    request_id = Id()
    customer_id = Id()
    site_id = Id()
    number = Line(max=20)


class CancelWorkOrder(Shape):
    """Why the job is not done."""

    reason = Text(max=2000, required=True)


class PaymentBadgeBody(RecordShape):
    """Whether the company was paid for a work order. No amount, no method: none of a technician's
    business."""

    work_order_id = Id()
    state = Enumeration(PaymentBadgeState)


class PaymentBadgeAnswer(PaymentBadgeBody):
    """The same of any work order: `none`, and no record yet, while nothing was heard of a payment."""

    id = Id(dump_only=True, allow_none=True)
    revision = Count(dump_only=True, allow_none=True, min=1, max=JSON_SAFE_INTEGER)


class AllowedTransition(Shape):
    """Something that can be done with a record, or why it cannot now."""

    name = Line(max=40)
    allowed = Flag()
    reason = Text(max=2000, allow_none=True)
