"""What may become of a report, and when."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from backend.reports.rules.errors import ReportNotFrozen, ReportSealed, ReportTransitionRefused
from schemas.reports import ReportStatus
from schemas.visits import VisitStatus


class ReportVerb(StrEnum):
    """What can be done to a service report as a whole."""

    FREEZE = "freeze"
    SIGN = "sign"
    REFUSE = "refuse"
    MARK_ABSENT = "mark_absent"
    CLOSE = "close"
    ISSUE = "issue"


TRANSITIONS: Mapping[tuple[ReportStatus, ReportVerb], ReportStatus] = MappingProxyType(
    {
        (ReportStatus.DRAFT, ReportVerb.FREEZE): ReportStatus.FROZEN,
        (ReportStatus.FROZEN, ReportVerb.SIGN): ReportStatus.SIGNED,
        (ReportStatus.FROZEN, ReportVerb.REFUSE): ReportStatus.REFUSED,
        (ReportStatus.FROZEN, ReportVerb.MARK_ABSENT): ReportStatus.ABSENT,
        # Not by the technician: the office, when the phone that could is lost.
        (ReportStatus.DRAFT, ReportVerb.CLOSE): ReportStatus.UNANSWERED,
        (ReportStatus.FROZEN, ReportVerb.CLOSE): ReportStatus.UNANSWERED,
        (ReportStatus.UNANSWERED, ReportVerb.ISSUE): ReportStatus.ISSUED,
        (ReportStatus.SIGNED, ReportVerb.ISSUE): ReportStatus.ISSUED,
        (ReportStatus.REFUSED, ReportVerb.ISSUE): ReportStatus.ISSUED,
        (ReportStatus.ABSENT, ReportVerb.ISSUE): ReportStatus.ISSUED,
    }
)
"""Every way in which a service report may change. What is not here is refused."""

CLOSED = frozenset(ReportStatus) - {ReportStatus.DRAFT, ReportStatus.FROZEN}
"""The customer's answer to the report is known, or that none will come."""

NEEDS_CLOSED_REPORT = frozenset({VisitStatus.COMPLETED, VisitStatus.PARTIALLY_COMPLETED})
"""How a visit may end only when its report is closed: who could do nothing there has nothing to be signed."""


@dataclass(frozen=True)
class PossibleTransition:
    """A step of the report, and why it cannot be taken now (None: it can)."""

    name: str
    allowed: bool
    reason: str | None


def next_status(status: ReportStatus, verb: ReportVerb) -> ReportStatus:
    """What the report becomes; `ReportNotFrozen` if it is too early, else `ReportTransitionRefused`."""
    after = TRANSITIONS.get((status, verb))
    if after is not None:
        return after
    if status is ReportStatus.DRAFT:
        raise ReportNotFrozen(
            "Freeze the report, show it to the customer, then say what they did.", status=status
        )
    raise ReportTransitionRefused(
        f"A report that is {status} cannot {verb.replace('_', ' ')}. What comes now is an addendum.",
        status=status,
    )


def check_releasable(status: ReportStatus, missing: int, *, released: bool) -> None:
    """Refuse (`ReportTransitionRefused`) to have issued without files what is open, or lacks none."""
    if status not in CLOSED:
        refused = "It is not closed: no file belongs to it yet. Close it in the customer's place instead."
    elif status is ReportStatus.ISSUED or released:
        refused = "It is issued without them already, or will be in a moment: GET /service-reports/{id}/seal"
    elif not missing:
        refused = "No file is missing. What it waits for says GET /service-reports/{id}/seal"
    else:
        return
    raise ReportTransitionRefused(refused, status=status)


def check_editable(status: ReportStatus) -> None:
    """Refuse (`ReportSealed`) every edit of what the customer has been shown."""
    if status is not ReportStatus.DRAFT:
        raise ReportSealed(
            "The customer has been shown this report. What is changed now is kept for an addendum.",
            status=status,
        )
