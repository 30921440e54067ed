"""What must be there before a customer sees a report, what may become of it, and the seed of conduct."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from schemas.attachments import MediaKind
from schemas.errors import DomainError, ErrorKind, JsonValue, RecordNotFound
from schemas.reports import ConductAnswer, ConductPhase, ConductProof, ReportStatus
from schemas.visits import VisitStatus


class ReportVerb(StrEnum):
    """What can be done to a service report as a whole."""

    FREEZE = "freeze"
    SIGN = "sign"
    REFUSE = "refuse"
    MARK_ABSENT = "mark_absent"
    ISSUE = "issue"


TRANSITIONS: Mapping[tuple[ReportStatus, ReportVerb], ReportStatus] = MappingProxyType(
    {
        (ReportStatus.DRAFT, ReportVerb.FREEZE): ReportStatus.FROZEN,
        (ReportStatus.FROZEN, ReportVerb.SIGN): ReportStatus.SIGNED,
        (ReportStatus.FROZEN, ReportVerb.REFUSE): ReportStatus.REFUSED,
        (ReportStatus.FROZEN, ReportVerb.MARK_ABSENT): ReportStatus.ABSENT,
        (ReportStatus.SIGNED, ReportVerb.ISSUE): ReportStatus.ISSUED,
        (ReportStatus.REFUSED, ReportVerb.ISSUE): ReportStatus.ISSUED,
        (ReportStatus.ABSENT, ReportVerb.ISSUE): ReportStatus.ISSUED,
    }
)
"""Every way in which a service report may change. What is not here is refused."""

CLOSED = frozenset({ReportStatus.SIGNED, ReportStatus.REFUSED, ReportStatus.ABSENT, ReportStatus.ISSUED})
"""The customer's answer to the report is known."""

NEEDS_CLOSED_REPORT = frozenset({VisitStatus.COMPLETED, VisitStatus.PARTIALLY_COMPLETED})
"""How a visit may end only when its report is closed: who could do nothing there has nothing to be signed."""


class ReportUnknown(RecordNotFound):
    """No such report (or step, charge, part, card), or none that this person may see."""

    title = "There is no such report."


class ConductRuleUnknown(RecordNotFound):
    """No general rule of that id."""

    title = "There is no such rule of conduct."


class ReportNotReady(DomainError):
    """Freezing was asked for while something that must be there is missing; `open` lists all of it."""

    title = "The report is not complete yet."
    kind = ErrorKind.UNMET


class ReportSealed(DomainError):
    """Somebody edits what the customer has already been shown."""

    title = "The report is frozen."
    kind = ErrorKind.CONFLICT


class ReportTransitionRefused(DomainError):
    """The report is not in a state for that."""

    title = "The report cannot do that now."
    kind = ErrorKind.CONFLICT


class ReportNotFrozen(DomainError):
    """The customer answers a report that is still being written."""

    title = "The report must be frozen first."
    kind = ErrorKind.UNMET


class ReportUnsigned(DomainError):
    """A visit is to be completed before the customer has signed, refused or been found absent."""

    title = "The service report is not closed."
    kind = ErrorKind.UNMET


class SignatureUnusable(DomainError):
    """The medium named as signature or waiver does not exist, is of another visit, or of another kind."""

    title = "That medium cannot be a signature here."
    kind = ErrorKind.UNMET


class ChargeCurrencyMixed(DomainError):
    """One report asks for one sum, so its charges have one currency."""

    title = "The charges of one report must have one currency."
    kind = ErrorKind.INVALID


class ChargePartUnknown(DomainError):
    """A charge for a part that is not in the catalogue."""

    title = "There is no such part."
    kind = ErrorKind.INVALID


class ConsentIncomplete(DomainError):
    """A disposition without the name of who consented, or the other way round."""

    title = "Disposition and consent belong together."
    kind = ErrorKind.INVALID


@dataclass(frozen=True)
class ConductRuleSeed:
    """One general rule that every firm starts with."""

    id: UUID
    code: str
    position: int
    phase: ConductPhase
    text: str
    proof: ConductProof
    media_kind: MediaKind | None = None


SEED_RULES: Sequence[ConductRuleSeed] = (
    ConductRuleSeed(
        UUID("0190a000-0000-7000-8000-000000000001"),
        "agreed-time",
        10,
        ConductPhase.ARRIVAL,
        "Arrived within the agreed time, or the customer was told before.",
        ConductProof.ANSWER,
    ),
    ConductRuleSeed(
        UUID("0190a000-0000-7000-8000-000000000002"),
        "before-photo",
        20,
        ConductPhase.ARRIVAL,
        "Photograph the place of work before touching anything.",
        ConductProof.MEDIA,
        MediaKind.BEFORE,
    ),
    ConductRuleSeed(
        UUID("0190a000-0000-7000-8000-000000000003"),
        "belongings-untouched",
        30,
        ConductPhase.WORK,
        "The customer's belongings were not touched without consent.",
        ConductProof.ANSWER,
    ),
    ConductRuleSeed(
        UUID("0190a000-0000-7000-8000-000000000004"),
        "no-gifts",
        40,
        ConductPhase.WORK,
        "No gift, tip or payment was taken.",
        ConductProof.ANSWER,
    ),
    ConductRuleSeed(
        UUID("0190a000-0000-7000-8000-000000000005"),
        "disposal-consent",
        50,
        ConductPhase.WORK,
        "For each removed part the customer said: keep, return or dispose.",
        ConductProof.REMOVED_PARTS,
    ),
    ConductRuleSeed(
        UUID("0190a000-0000-7000-8000-000000000006"),
        "area-cleaned",
        60,
        ConductPhase.LEAVING,
        "The work area was left clean.",
        ConductProof.ANSWER,
    ),
    ConductRuleSeed(
        UUID("0190a000-0000-7000-8000-000000000007"),
        "after-photo",
        70,
        ConductPhase.LEAVING,
        "Photograph the finished work.",
        ConductProof.MEDIA,
        MediaKind.AFTER,
    ),
    ConductRuleSeed(
        UUID("0190a000-0000-7000-8000-000000000008"),
        "feedback-card",
        80,
        ConductPhase.LEAVING,
        "The feedback card was offered.",
        ConductProof.FEEDBACK,
    ),
)
"""The seed list. It is written into the database with its tables; from then on the rows count."""


@dataclass(frozen=True)
class StepState:
    """What readiness asks of one conduct step."""

    id: UUID
    text: str
    proof: ConductProof
    media_kind: MediaKind | None
    required: bool
    answer: ConductAnswer | None
    note: str | None
    waived: bool


@dataclass(frozen=True)
class RemovedPartState:
    """A removed part, and whether the customer said what becomes of it."""

    id: UUID
    name: str
    settled: bool


@dataclass(frozen=True)
class PackedPart:
    """A part that was taken along on the checklist, and how many of it are accounted for."""

    id: UUID
    name: str
    quantity: int
    counted: int


@dataclass(frozen=True)
class PricedPart:
    """A part with a price, how many of it were used, and for how many a charge (perhaps of 0) is listed."""

    id: UUID
    name: str
    used: int
    charged: int


@dataclass(frozen=True)
class DraftState:
    """All that readiness looks at."""

    report_id: UUID
    work_done: str | None
    steps: Sequence[StepState]
    media_kinds: frozenset[MediaKind]
    removed_parts: Sequence[RemovedPartState]
    packed_parts: Sequence[PackedPart]
    priced_parts: Sequence[PricedPart]
    card_offered: bool


@dataclass(frozen=True)
class OpenItem:
    """One thing that is missing: a stable code, the record concerned, and what to do."""

    code: str
    collection: str
    id: UUID
    detail: str

    def as_json(self) -> dict[str, JsonValue]:
        """The item as it travels in a problem."""
        return {"code": self.code, "collection": self.collection, "id": str(self.id), "detail": self.detail}


@dataclass(frozen=True)
class ReportReadiness:
    """Whether a draft may be frozen, and all that is open."""

    ready: bool
    open: Sequence[OpenItem]


@dataclass(frozen=True)
class PossibleTransition:
    """A step of the report, and why it cannot be taken now (None: it can)."""

    name: str
    allowed: bool
    reason: str | None


@dataclass(frozen=True)
class ManifestLine:
    """One file of a closed report: what was declared of it at closing, and whether it has arrived."""

    media_id: UUID
    kind: MediaKind
    sha256: str
    size: int
    stored: bool


@dataclass(frozen=True)
class ReportManifest:
    """Every file of a closed report."""

    media_expected: int
    media_stored: int
    entries: Sequence[ManifestLine]


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


def check_editable(status: ReportStatus) -> None:
    """Refuse (`ReportSealed`) every edit of what the customer has been shown."""
    if status is not ReportStatus.DRAFT:
        raise ReportSealed(
            "The customer has been shown this report. What is changed now is kept for an addendum.",
            status=status,
        )


def open_items(draft: DraftState) -> list[OpenItem]:
    """Everything still open, in the order somebody would do it; empty when the report may be frozen."""
    return [
        *_open_steps(draft),
        *_open_parts(draft),
        *_open_charges(draft),
        *_open_prose(draft),
    ]


def check_ready(draft: DraftState) -> None:
    """Refuse (`ReportNotReady`, with the whole list) a report that lacks something."""
    items = open_items(draft)
    if items:
        raise ReportNotReady(
            "Still open: " + " ".join(item.detail for item in items[:20]),
            open=[item.as_json() for item in items],
        )


def _open_steps(draft: DraftState) -> Iterable[OpenItem]:
    for step in draft.steps:
        if step.waived:
            continue
        if step.proof is ConductProof.REMOVED_PARTS:
            yield from _open_consents(step, draft)
        elif step.required and not _is_shown(step, draft):
            yield OpenItem(
                f"{step.proof}-missing", "conduct_steps", step.id, _DO[step.proof].format(step.text)
            )
        elif step.answer in (ConductAnswer.NO, ConductAnswer.NOT_APPLICABLE) and not step.note:
            yield OpenItem("note-missing", "conduct_steps", step.id, f"Say in a note why not: {step.text}")


def _is_shown(step: StepState, draft: DraftState) -> bool:
    if step.proof is ConductProof.MEDIA:
        return step.media_kind in draft.media_kinds
    if step.proof is ConductProof.FEEDBACK and draft.card_offered:
        return True
    if step.proof is ConductProof.FEEDBACK:
        return step.answer is ConductAnswer.NOT_APPLICABLE
    return step.answer is not None


def _open_consents(step: StepState, draft: DraftState) -> Iterable[OpenItem]:
    if not step.required:
        return
    for part in draft.removed_parts:
        if not part.settled:
            detail = f"Ask what becomes of the removed part: {part.name}."
            yield OpenItem("consent-missing", "removed_parts", part.id, detail)


_DO: Mapping[ConductProof, str] = MappingProxyType(
    {
        ConductProof.ANSWER: "Answer: {}",
        ConductProof.MEDIA: "Take the photo: {}",
        ConductProof.FEEDBACK: "Offer the card: {}",
    }
)


def _open_parts(draft: DraftState) -> Iterable[OpenItem]:
    for part in draft.packed_parts:
        if part.counted < part.quantity:
            yield OpenItem(
                "part-uncounted",
                "checklist_items",
                part.id,
                f"Count {part.name}: {part.quantity} taken along, {part.counted} used or returned.",
            )


def _open_charges(draft: DraftState) -> Iterable[OpenItem]:
    for part in draft.priced_parts:
        if part.charged != part.used:
            yield OpenItem(
                "charge-missing",
                "parts",
                part.id,
                f"Charge {part.name} (0 if covered): {part.used} used, {part.charged} listed.",
            )


def _open_prose(draft: DraftState) -> Iterable[OpenItem]:
    if not draft.work_done:
        yield OpenItem("work-done-missing", "service_reports", draft.report_id, "Write what was done.")
