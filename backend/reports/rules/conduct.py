"""How somebody behaves in a customer's home: the seed of the rules of conduct."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from schemas.attachments import MediaKind
from schemas.conduct import ConductPhase, ConductProof


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
