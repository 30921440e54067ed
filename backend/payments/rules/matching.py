"""Whose money a bank entry is: decided by reference alone, never by a name and an amount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from backend.payments.rules.references import read_reference, references_in


class Verdict(StrEnum):
    """What becomes of a bank entry."""

    MATCHED = "matched"
    RETURNED = "returned"
    PROPOSED = "proposed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as matching sees it."""

    id: UUID
    currency: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A bank entry as matching sees it; `minor` is negative when money left."""

    minor: int
    currency: str
    reference: str | None
    remittance: str
    returned: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, whose money it is (or may be), and why a person has to look."""

    verdict: Verdict
    request_id: UUID | None = None
    why: str | None = None


def possible_references(seen: Seen) -> list[str]:
    """Every valid reference a bank entry mentions, the structured one first."""
    structured = read_reference(seen.reference) if seen.reference else None
    in_text = references_in(seen.remittance)
    return list(dict.fromkeys([*([structured] if structured else []), *in_text]))


def judge(seen: Seen, asked: Mapping[str, Asked]) -> Judgement:
    """Decide about one entry; `asked`: the requests by reference, of at least all its possible ones.

    A structured reference of ours in its currency is certain, whatever the amount: what is missing stays
    owed, what is too much is the customer's credit. Everything else is for a person.
    """
    structured = read_reference(seen.reference) if seen.reference else None
    certain = asked.get(structured) if structured else None
    if certain is not None:
        if certain.currency != seen.currency:
            return Judgement(Verdict.PROPOSED, certain.id, f"paid in {seen.currency}")
        if seen.minor > 0:
            return Judgement(Verdict.MATCHED, certain.id)
        if seen.returned:
            return Judgement(Verdict.RETURNED, certain.id)
        return Judgement(Verdict.PROPOSED, certain.id, "money left under this reference")
    mentioned = {asked[each].id for each in possible_references(seen) if each in asked}
    if len(mentioned) == 1:
        return Judgement(Verdict.PROPOSED, mentioned.pop(), "reference in free text")
    if mentioned:
        return Judgement(Verdict.UNKNOWN, why="more than one reference")
    return Judgement(Verdict.UNKNOWN, why="a reference, but none of ours" if structured else None)
