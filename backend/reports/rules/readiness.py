"""What must be there before a customer sees a report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from backend.reports.rules.errors import ReportNotReady
from schemas.attachments import MediaKind
from schemas.conduct import ConductAnswer, ConductProof
from schemas.errors import JsonValue


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
