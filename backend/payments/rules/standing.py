"""Where a payment request stands, and how money for it is shared among what it settles. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from schemas.payments import RequestKind


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a payment request stands, in minor units: all of it sums over the ledger, nothing is stored.

    owed: what is still to be paid, never negative; a deposit that is asked for is not owed. credit: what was
    paid too much and not refunded. received: what came in, less what went back by returns and disputes.
    refunding: refunded or under way. held: what came in for a deposit and waits for the bill. deposited: of a
    bill, what deposits paid of it; of a deposit, what it paid of bills. asked: a deposit's amount while it is
    asked for.
    """

    currency: str
    issued: int = 0
    owed: int = 0
    credit: int = 0
    received: int = 0
    refunding: int = 0
    held: int = 0
    deposited: int = 0
    asked: int = 0
    kind: RequestKind = RequestKind.BILL

    @property
    def missing(self) -> int:
        """What has not come of a deposit that is asked for; what was refunded is not asked for again."""
        return max(self.asked - max(self.received + self.owed, 0), 0)

    @property
    def to_pay(self) -> int:
        """What the customer is asked for now."""
        return self.owed + self.missing

    @property
    def has_money(self) -> bool:
        """Whether anything was paid, be it by a deposit."""
        return self.received > 0 or self.deposited > 0

    @property
    def state(self) -> str:
        """In one word: nothing_due, open, partly_paid, paid or overpaid."""
        if self.credit > 0:
            return "overpaid"
        if self.to_pay > 0:
            return "partly_paid" if self.has_money else "open"
        return "paid" if self.has_money else "nothing_due"

    @property
    def is_refunded(self) -> bool:
        """Whether all that came in went back, or is on its way."""
        return 0 < self.received <= self.refunding

    @property
    def refundable(self) -> int:
        """What may still be paid back."""
        return max(self.received - self.refunding, 0)

    def shares_of(self, minor: int) -> tuple[int, int, int]:
        """How much of a receipt settles what is owed, is held as deposit, and is credit."""
        settles = min(minor, self.owed)
        held = min(minor - settles, self.missing)
        return settles, held, minor - settles - held

    def after(self, minor: int) -> Standing:
        """Where it stands when that much has come in."""
        settles, held, credit = self.shares_of(minor)
        return replace(
            self,
            owed=self.owed - settles,
            held=self.held + held,
            credit=self.credit + credit,
            received=self.received + minor,
        )

    def drawn(self, minor: int) -> tuple[int, int]:
        """How much of what goes back comes out of the credit, and how much out of what is held."""
        from_credit = min(minor, self.credit)
        return from_credit, min(minor - from_credit, self.held)
