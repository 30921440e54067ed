"""What a customer is asked to pay for what he approved by signing: lines, tax, and what is covered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from backend.payments.rules.money import Money

ALL_OF_IT = 10_000
"""Basis points: hundredths of a percent."""


@dataclass(frozen=True, slots=True)
class ApprovedCharge:
    """A charge as the customer signed it. Prices are what he pays, tax included.

    `list_price` is what the catalogue says of its part now; None: it is no part, or has no price there.
    """

    id: UUID
    description: str
    part_id: UUID | None
    quantity: int
    unit_minor: int
    currency: str
    list_price: Money | None = None


@dataclass(frozen=True, slots=True)
class Cover:
    """A right to covered work: on what, between which days, and in whose words."""

    kind: str
    starts_on: date
    ends_on: date
    words: str


@dataclass(frozen=True, slots=True)
class CoverRule:
    """How much of parts and of other charges (labour, travel) a kind of entitlement pays for."""

    parts_basis_points: int
    other_basis_points: int


COVER_RULES: Mapping[str, CoverRule] = {
    "warranty": CoverRule(ALL_OF_IT, ALL_OF_IT),
    "agreement": CoverRule(0, ALL_OF_IT),
}
"""A warranty pays for all; a service agreement pays for the work, and parts are charged."""


@dataclass(frozen=True, slots=True)
class BilledLine:
    """A charge as it is billed: what of it is covered and by what, and the tax in what remains."""

    charge: ApprovedCharge
    gross_minor: int
    covered_minor: int
    covered_by: str | None
    tax_basis_points: int
    tax_minor: int

    @property
    def due_minor(self) -> int:
        """What the customer owes of it."""
        return self.gross_minor - self.covered_minor


def bill(
    charges: Iterable[ApprovedCharge],
    covers: Sequence[Cover],
    on: date,
    *,
    tax_of: Mapping[UUID, int],
    usual_tax: int,
) -> list[BilledLine]:
    """The lines of a payment request. `tax_of`: basis points of a part that is not taxed as usual.

    Raises AmountUnusable.
    """
    valid = [
        cover for cover in covers if cover.starts_on <= on <= cover.ends_on and cover.kind in COVER_RULES
    ]
    lines = []
    for charge in charges:
        gross = Money(charge.quantity * charge.unit_minor, charge.currency).minor
        covered, words = _covered(charge, gross, valid)
        rate = tax_of.get(charge.part_id, usual_tax) if charge.part_id is not None else usual_tax
        lines.append(BilledLine(charge, gross, covered, words, rate, tax_within(gross - covered, rate)))
    return lines


def _covered(charge: ApprovedCharge, gross: int, covers: Sequence[Cover]) -> tuple[int, str | None]:
    """The most that one cover pays of this charge, and which one it is; covers do not add up."""
    best: tuple[int, str | None] = (0, None)
    for cover in covers:
        rule = COVER_RULES[cover.kind]
        share = rule.other_basis_points if charge.part_id is None else rule.parts_basis_points
        covered = gross * share // ALL_OF_IT
        if covered > best[0]:
            best = covered, f"{cover.kind.replace('_', ' ')} until {cover.ends_on.isoformat()}: {cover.words}"
    return best


def tax_within(gross: int, basis_points: int) -> int:
    """The tax contained in a price, rounded half up to a whole minor unit: 19 % of 119.00 is 19.00."""
    whole = ALL_OF_IT + basis_points
    return (2 * gross * basis_points + whole) // (2 * whole)


def taxes_of(lines: Iterable[BilledLine]) -> dict[int, tuple[int, int]]:
    """Net and tax per rate, in minor units: what a receipt shows and the ledger keeps apart."""
    sums: defaultdict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for line in lines:
        net, tax = sums[line.tax_basis_points]
        sums[line.tax_basis_points] = net + line.due_minor - line.tax_minor, tax + line.tax_minor
    return dict(sums)
