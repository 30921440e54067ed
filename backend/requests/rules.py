"""What holds for service requests: the first-response promise, the states, and what triage must say."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from backend.db.unit_of_work import Fact
from schemas.errors import DomainError, ErrorKind, RecordNotFound
from schemas.requests import Channel, Outcome, Priority, RequestStatus

C, P, S = Channel, Priority, RequestStatus


def _hours(phone: int, web: int, api: int, imported: int) -> Mapping[Channel, timedelta]:
    by_channel = {C.PHONE: phone, C.WEB: web, C.API: api, C.IMPORT: imported}
    return MappingProxyType({channel: timedelta(hours=hours) for channel, hours in by_channel.items()})


FIRST_RESPONSE: Mapping[Priority, Mapping[Channel, timedelta]] = MappingProxyType(
    {
        P.URGENT: _hours(phone=1, web=1, api=1, imported=4),
        P.HIGH: _hours(phone=4, web=4, api=4, imported=8),
        P.NORMAL: _hours(phone=8, web=24, api=24, imported=48),
        P.LOW: _hours(phone=24, web=48, api=48, imported=72),
    }
)
"""Within how long somebody answers the customer: elapsed hours, nights and Sundays included."""

NUMBER_SERIES = "SR"
"""Numbers of requests are drawn from this series: SR-000001."""

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far in the future a time may lie that somebody else's clock has told."""


class Transition(StrEnum):
    """Every verb that can befall a request. `service_request:<verb>` is the permission."""

    EDIT = "edit"
    RESPOND = "respond"
    TRIAGE = "triage"
    CLOSE = "close"
    REOPEN = "reopen"


T = Transition

TRANSITIONS: Mapping[Transition, Mapping[RequestStatus, RequestStatus]] = MappingProxyType(
    {
        T.EDIT: {S.NEW: S.NEW},
        T.RESPOND: {S.NEW: S.NEW, S.TRIAGED: S.TRIAGED},
        T.TRIAGE: {S.NEW: S.TRIAGED},
        T.CLOSE: {S.TRIAGED: S.CLOSED},
        T.REOPEN: {S.TRIAGED: S.NEW, S.CLOSED: S.NEW},
    }
)
"""The state machine: verb → status before → status after."""

BLOCKED: Mapping[tuple[Transition, RequestStatus], str] = MappingProxyType(
    {
        (T.EDIT, S.TRIAGED): "It was triaged as it stands; reopen it to correct it.",
        (T.EDIT, S.CLOSED): "It is closed; reopen it to correct it.",
        (T.RESPOND, S.CLOSED): "It is closed; reopen it if the customer still waits.",
        (T.TRIAGE, S.TRIAGED): "It was triaged before; reopen it to decide anew.",
        (T.TRIAGE, S.CLOSED): "It is closed; reopen it to decide anew.",
        (T.CLOSE, S.NEW): "Nothing has been decided yet; triage it first.",
        (T.CLOSE, S.CLOSED): "It is closed already.",
        (T.REOPEN, S.NEW): "It is open.",
    }
)
"""Why a verb is blocked in a status, and what to do instead. Every pair missing above stands here."""

ANSWERED = "The customer was answered before; the first answer is the one that counts."
HAS_WORK_ORDER = "It has a work order; book another visit for that one."


class ServiceRequestNotFound(RecordNotFound):
    """There is no such service request, or it is not for these eyes."""

    title = "There is no such service request."


class RequestTransitionBlocked(DomainError):
    """The request is not in a state in which this can be done."""

    title = "This cannot be done with the request as it stands."
    kind = ErrorKind.CONFLICT


class TriageIncomplete(DomainError):
    """The outcome needs something that was not said."""

    title = "The outcome needs more than was said."
    kind = ErrorKind.INVALID


class TriageContradicted(DomainError):
    """Something was said that belongs to another outcome, or the limits exclude each other."""

    title = "The outcome and what was said with it do not fit."
    kind = ErrorKind.INVALID


class PlaceOfAnotherCustomer(DomainError):
    """The site or the asset belongs to another customer."""

    title = "The site or asset belongs to another customer."
    kind = ErrorKind.INVALID


class ChannelReserved(DomainError):
    """Only the import itself takes requests on the channel `import`."""

    title = "This channel is the import's."
    kind = ErrorKind.INVALID


class TimeInFuture(DomainError):
    """Something is said to have happened later than now."""

    title = "This time has not come yet."
    kind = ErrorKind.INVALID


class RequestKeyTaken(DomainError):
    """A request of this channel with this external key was taken before."""

    title = "The request is known."
    kind = ErrorKind.CONFLICT


@dataclass(frozen=True)
class RequestTriaged(Fact):
    """Triage came to an outcome.

    For `visit` there is a work type and a site, and a work order is to be opened with these limits (either
    may be None); for the other outcomes `work_type_id` is None and nobody goes anywhere.
    """

    request_id: UUID
    outcome: Outcome
    customer_id: UUID
    site_id: UUID | None
    asset_id: UUID | None
    work_type_id: UUID | None
    summary: str
    priority: Priority
    earliest_start: datetime | None
    due: datetime | None


@dataclass(frozen=True)
class PossibleTransition:
    """A verb, whether it can be used now, and if not, why."""

    name: str
    allowed: bool
    reason: str | None = None


class RequestState(Protocol):
    """What the rules read of a request."""

    @property
    def status(self) -> RequestStatus: ...

    @property
    def outcome(self) -> Outcome | None: ...

    @property
    def responded_at(self) -> datetime | None: ...


def response_due(
    priority: Priority, channel: Channel, *, received_at: datetime, taken_at: datetime
) -> datetime:
    """When the customer is promised a first answer.

    The clock starts when the request reached the firm; for an import that is when it was imported, because
    nobody here could have promised anything before.
    """
    start = taken_at if channel is Channel.IMPORT else received_at
    return start + FIRST_RESPONSE[priority][channel]


def why_blocked(transition: Transition, request: RequestState) -> str | None:
    """Why the verb cannot be used on the request as it stands; None when it can."""
    if request.status not in TRANSITIONS[transition]:
        return BLOCKED[transition, request.status]
    if transition is T.RESPOND and request.responded_at is not None:
        return ANSWERED
    if transition is T.REOPEN and request.outcome is Outcome.VISIT:
        return HAS_WORK_ORDER
    return None


def next_status(transition: Transition, request: RequestState) -> RequestStatus:
    """The status after the verb; raises RequestTransitionBlocked with the reason."""
    reason = why_blocked(transition, request)
    if reason is not None:
        raise RequestTransitionBlocked(reason, transition=transition.value, status=request.status.value)
    return TRANSITIONS[transition][request.status]


def check_triage(
    outcome: Outcome,
    *,
    outcome_reason: str | None,
    work_type_id: UUID | None,
    site_id: UUID | None,
    earliest_start: datetime | None,
    due: datetime | None,
) -> None:
    """Raise TriageIncomplete or TriageContradicted unless the outcome has what it needs and nothing else."""
    if outcome is not Outcome.VISIT:
        if outcome_reason is None:
            raise TriageIncomplete(f"Send outcome_reason: why {outcome.value}?", missing=["outcome_reason"])
        if work_type_id or earliest_start or due:
            raise TriageContradicted("Only a visit has work_type_id, earliest_start and due.")
        return
    if work_type_id is None:
        raise TriageIncomplete("Send work_type_id: what is to be done there?", missing=["work_type_id"])
    if site_id is None:
        raise TriageIncomplete("Give the request a site first: where is it?", missing=["site_id"])
    if earliest_start is not None and due is not None and earliest_start >= due:
        raise TriageContradicted("Send a due that is after earliest_start.")


def check_not_future(moment: datetime, now: datetime) -> None:
    """Raise TimeInFuture for a moment that no clock can have shown yet."""
    if moment > now + CLOCKS_DIFFER:
        raise TimeInFuture("Send a time that has been, or none for now.")


def summary_of(category: str | None, descriptor: str | None, said: str, *, longest: int = 400) -> str:
    """One line that says what a request is about."""
    words = " – ".join(word for word in (category, descriptor) if word) or " ".join(said.split())
    return words if len(words) <= longest else words[: longest - 1] + "…"
