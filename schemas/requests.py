"""Words and shapes of service requests: channels, priorities, statuses, outcomes."""

from enum import StrEnum

from schemas.base import (
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


class Channel(StrEnum):
    """How a request reached the firm."""

    PHONE = "phone"
    WEB = "web"
    API = "api"
    IMPORT = "import"


class Priority(StrEnum):
    """How soon somebody must answer and come."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class RequestStatus(StrEnum):
    """Where a request stands."""

    NEW = "new"
    TRIAGED = "triaged"
    CLOSED = "closed"


class Outcome(StrEnum):
    """What triage decided."""

    REMOTE = "remote"
    VISIT = "visit"
    REPLACE = "replace"
    REFUND = "refund"
    REJECTED = "rejected"


class Touch(StrEnum):
    """In which part somebody had a case in hand; such a person may not call the customer back."""

    INTAKE = "intake"
    TRIAGE = "triage"
    DISPATCH = "dispatch"
    VISIT = "visit"


class ServiceRequestBody(RecordShape):
    """A service request, as GET and the feed show it."""

    number = Line(max=20)
    channel = Enumeration(Channel)
    external_key = Line(max=200, allow_none=True)
    customer_id = Id()
    site_id = Id(allow_none=True)
    asset_id = Id(allow_none=True)
    said = Text(max=4000)
    category = Line(max=200, allow_none=True)
    descriptor = Line(max=200, allow_none=True)
    priority = Enumeration(Priority)
    received_at = Instant()
    due_at = Instant(allow_none=True)
    first_response_due_at = Instant()
    responded_at = Instant(allow_none=True)
    status = Enumeration(RequestStatus)
    outcome = Enumeration(Outcome, allow_none=True)
    outcome_reason = Text(max=2000, allow_none=True)
    needs_location = Flag()
    taken_by = Id()
    triaged_by = Id(allow_none=True)
    triaged_at = Instant(allow_none=True)
    closed_at = Instant(allow_none=True)


class TakeServiceRequest(Shape):
    """What a customer asks for; `received_at` is now unless told, `due_at` a limit the customer named."""

    id = Id()
    channel = Enumeration(Channel, required=True)
    external_key = Line(max=200, allow_none=True)
    customer_id = Id(required=True)
    site_id = Id(allow_none=True)
    asset_id = Id(allow_none=True)
    said = Text(max=4000, required=True)
    category = Line(max=200, allow_none=True)
    descriptor = Line(max=200, allow_none=True)
    priority = Enumeration(Priority)
    received_at = Instant()
    due_at = Instant(allow_none=True)


class EditServiceRequest(Shape):
    """What may be corrected until triage."""

    site_id = Id(allow_none=True)
    asset_id = Id(allow_none=True)
    said = Text(max=4000)
    category = Line(max=200, allow_none=True)
    descriptor = Line(max=200, allow_none=True)
    priority = Enumeration(Priority)
    due_at = Instant(allow_none=True)


class ServiceRequestQuery(PageQuery):
    """Which requests."""

    status = Enumeration(RequestStatus)
    outcome = Enumeration(Outcome)
    priority = Enumeration(Priority)
    customer_id = Id()
    site_id = Id()
    number = Line(max=20)
    needs_location = Flag()
    response_due_before = Instant()


class TriageServiceRequest(Shape):
    """`visit` needs `work_type_id` and may set limits; every other outcome needs its `outcome_reason`."""

    outcome = Enumeration(Outcome, required=True)
    outcome_reason = Text(max=2000, allow_none=True)
    work_type_id = Id(allow_none=True)
    summary = Text(max=400, allow_none=True)
    priority = Enumeration(Priority)
    earliest_start = Instant(allow_none=True)
    due = Instant(allow_none=True)


class RespondToServiceRequest(Shape):
    """When somebody first answered the customer; now unless told."""

    occurred_at = Instant()


class ReopenServiceRequest(Shape):
    """Why it is not done after all."""

    reason = Text(max=2000, required=True)


class RequestTransition(Shape):
    """A verb, whether it can be used on the request now, and if not, why."""

    name = Line(max=40)
    allowed = Flag()
    reason = Text(max=400, allow_none=True)


class RequestDecisionBody(RecordShape):
    """What was decided about a request: `name` is the verb (triage, close, reopen), `reason` the office's."""

    request_id = Id()
    name = Line(max=40)
    outcome = Enumeration(Outcome, allow_none=True)
    reason = Text(max=2000, allow_none=True)
    decided_by = Id()
    decided_at = Instant(attribute="created_at")


class CaseTouchBody(Shape):
    """Who had the case in hand, and in which part of it."""

    user_id = Id()
    how = Enumeration(Touch)
    created_at = Instant()
