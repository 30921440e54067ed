"""The words of the mails about money; they leave from the payments process, and from nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

from backend.payments.models import PaymentRequest
from backend.payments.rules.money import Money

_LONGEST_FIRM = 40


def alarm_letter(alarms: Sequence[str]) -> dict[str, str]:
    """Subject and text of the mail to finance about what does not agree."""
    text = "\n".join(
        ["Ledger, providers and bank do not agree:", "", *(f"- {alarm}" for alarm in alarms), ""]
    )
    return {"subject": f"Payments: {len(alarms)} to look at", "text": text}


def complaint_letter() -> dict[str, str]:
    """Subject and text of the mail to finance when a customer was asked for cash: that, and no more."""
    text = "A customer says that somebody asked for cash. What was said, and what to do: GET /matters.\n"
    return {"subject": "Payments: a complaint to look into", "text": text}


def request_text(request: PaymentRequest, address: str, firm: str) -> str:
    """The text message: whose bill it is and where to find it; what and how much stands behind the link."""
    what = request.kind.value  # "bill" or "deposit"
    return f"{firm[:_LONGEST_FIRM]}: your {what} for work order {request.work_order_number}: {address}"


def request_letter(
    request: PaymentRequest, to_pay: Money, deposited: Money, address: str, firm: str
) -> dict[str, str]:
    """Subject and text of the mail that asks for payment, or says that nothing is owed."""
    lines = [f"thank you for signing our report: {request.summary}", ""]
    if to_pay.minor:
        lines += [
            *([f"Your deposit of {deposited} was taken off the bill."] if deposited.minor else ()),
            f"You owe {firm} {to_pay}, by {request.due_on.isoformat()}.",
            "How to pay by transfer or card, and what it is for, you find here:",
        ]
    elif request.gross_minor > request.covered_minor:
        lines += ["It is paid. Thank you! What it was for, and your receipt, you find here:"]
    else:
        lines += ["You owe nothing for it. What it would have cost, and why it does not, you find here:"]
    subject = f"Your bill, work order {request.work_order_number}"
    return {"subject": subject, "text": _letter(request, lines, address)}


def deposit_letter(request: PaymentRequest, to_pay: Money, address: str, firm: str) -> dict[str, str]:
    """Subject and text of the mail that asks for a deposit before the work."""
    lines = [request.summary, ""]
    if to_pay.minor:
        lines += [
            f"{firm} asks you for a deposit of {to_pay}, by {request.due_on.isoformat()}.",
            "It will be taken off your bill. How to pay by transfer or card, you find here:",
        ]
    else:
        lines += ["Nothing of this deposit is asked for any more. What became of it, you find here:"]
    subject = f"Your deposit, work order {request.work_order_number}"
    return {"subject": subject, "text": _letter(request, lines, address)}


def _letter(request: PaymentRequest, lines: Sequence[str], address: str) -> str:
    every = [
        *(f"Dear {request.customer_name},", "", *lines, f"  {address}", ""),
        "Our technicians never take money. If somebody asked you for cash, please tell us on that page.",
        "",
        f"Work order {request.work_order_number}, request {request.number}",
    ]
    return "\n".join(every) + "\n"
