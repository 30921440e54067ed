"""What may go back of which payment, and what one person may decide alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.payments import RefundState

BY_TRANSFER = frozenset({"bank", "suspense"})
"""Sources of payments that came by transfer: a person sends them back, at the bank."""

TOO_MUCH_FOR_ONE = (
    "This is more than one person decides alone. Whoever runs the payments process is the second person: "
    "they raise DOORSTEP_PAYMENTS_REFUND_ALONE_MINOR for as long as it takes."
)
"""What to do about a write-off or a clearing above the limit: only refunds wait for an approval."""

NOT_REFUNDED = frozenset({RefundState.FAILED, RefundState.DECLINED})
"""Where a refund ends without money going back."""

UNMATCHED = "unmatched:"
"""With what the key of a match that was undone begins; the key of the match follows."""

_KINDS_OF_KEYS = frozenset({"payment", "dispute", "dispute_won"})

PaymentKey = tuple[str, str]
"""A payment by its source and its id there."""


def left_of_payments(
    moved: Sequence[tuple[str, str, int]], refunded: Mapping[str, int]
) -> dict[PaymentKey, int]:
    """What each payment can still give back: what it brought less refunds less its returns and disputes.

    `moved`: source, source key and minor units (negative: it was taken back); `refunded`: by payment id, what
    was asked back and did not fail. A provider says which payment a dispute is of. A bank does not say which
    transfer it returns: it counts against one that has exactly as much left, else against the largest.
    """
    left: dict[PaymentKey, int] = {}
    returned: list[int] = []
    for source, key, minor in moved:
        if source in BY_TRANSFER and minor < 0 and not key.startswith(UNMATCHED):
            returned.append(-minor)
            continue
        payment = (source, _payment_id(key))
        left[payment] = left.get(payment, 0) + minor
    for payment in left:
        left[payment] -= refunded.get(payment[1], 0)
    for minor in sorted(returned, reverse=True):
        _charge(left, minor)
    return left


def was_taken_away(moved: Sequence[tuple[str, str, int]], minor: int) -> bool:
    """Whether somebody undid a match, and transfers have less than that left: then it is none of theirs.

    `moved` as for `left_of_payments`.
    """
    if not any(key.startswith(UNMATCHED) for _, key, _ in moved):
        return False
    left = left_of_payments(moved, {})
    return sum(each for (source, _), each in left.items() if source in BY_TRANSFER) < minor


def _payment_id(key: str) -> str:
    """Of `payment:p1`, `dispute:p1:d1` and `dispute_won:p1:d1` the payment; a bank's key is its own."""
    key = key.removeprefix(UNMATCHED)
    kind, _, rest = key.partition(":")
    return rest.partition(":")[0] if kind in _KINDS_OF_KEYS else key


def _charge(left: dict[PaymentKey, int], minor: int) -> None:
    transfers = [payment for payment in left if payment[0] in BY_TRANSFER]
    for payment in sorted(transfers, key=lambda each: (left[each] != minor, -left[each], each)):
        taken = max(min(minor, left[payment]), 0)
        left[payment] -= taken
        minor -= taken
