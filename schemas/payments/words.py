"""The words of money: kinds and states that travel between the payments process and people of finance."""

from __future__ import annotations

from enum import StrEnum

LONGEST_REASON = 500


class RequestKind(StrEnum):
    """What a customer is asked for: to pay for work that was done, or something before it."""

    BILL = "bill"
    DEPOSIT = "deposit"


class DepositEnd(StrEnum):
    """Why a deposit is no longer asked for: the work's bill came, the work will not come or was done without
    one so far, or finance took it back."""

    BILLED = "billed"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"


class InboxState(StrEnum):
    """What became of a provider's message."""

    POSTED = "posted"
    NOTHING_NEW = "nothing_new"
    IGNORED = "ignored"
    REFUSED = "refused"


class RefundState(StrEnum):
    """Where a refund is; the last step counts."""

    REQUESTED = "requested"
    APPROVED = "approved"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"
    DECLINED = "declined"


class DisputeState(StrEnum):
    """Where a dispute is; the last step counts. `opened`: asked about, and no money was taken so far."""

    OPENED = "opened"
    WITHDRAWN = "withdrawn"
    WON = "won"
    LOST = "lost"


class MatterKind(StrEnum):
    """What waits for somebody of finance."""

    CASH_COMPLAINT = "cash_complaint"
    CHARGES_UNBILLED = "charges_unbilled"
    MESSAGE_REFUSED = "message_refused"
    MESSAGE_WAITING = "message_waiting"
    MESSAGE_UNSENT = "message_unsent"
    MONEY_TO_REFUND = "money_to_refund"
    REFUND_TO_APPROVE = "refund_to_approve"
    REFUND_TO_TRANSFER = "refund_to_transfer"
    REFUND_WITHOUT_OUTCOME = "refund_without_outcome"
    DISPUTE = "dispute"
    BANK_ENTRY = "bank_entry"


class Channel(StrEnum):
    """How a customer is told of a bill."""

    MAIL = "mail"
    SMS = "sms"


class NoticeState(StrEnum):
    """Whether a customer was told of a bill; `nobody`: there was no way to, `failed`: it was refused."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    NOBODY = "nobody"


class ClearTo(StrEnum):
    """What a bank entry is when it concerns no customer: the bank's fee, or a provider's payout."""

    FEES = "fees"
    STRIPE = "stripe"
    STUB = "stub"
