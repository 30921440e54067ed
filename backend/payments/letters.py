"""The words of the mails about money; they leave from the payments process, and from nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

from backend.payments.models import PaymentRequest
from backend.payments.rules.money import Money


def alarm_letter(alarms: Sequence[str]) -> dict[str, str]:
    """Subject and text of the mail to finance about what does not agree."""
    text = "\n".join(
        ["Ledger, providers and bank do not agree:", "", *(f"- {alarm}" for alarm in alarms), ""]
    )
    return {"subject": f"Payments: {len(alarms)} to look at", "text": text}


def request_letter(request: PaymentRequest, due: Money, address: str, firm: str) -> dict[str, str]:
    """Subject and text of the mail that asks for payment, or says that nothing is owed."""
    lines = [f"Dear {request.customer_name},", "", f"thank you for signing our report: {request.summary}", ""]
    if due.minor:
        lines += [
            f"You owe {firm} {due}, by {request.due_on.isoformat()}.",
            "How to pay by transfer or card, and what it is for, you find here:",
        ]
    else:
        lines += ["You owe nothing for it. What it would have cost, and why it does not, you find here:"]
    lines += [
        f"  {address}",
        "",
        "Our technicians never take money. If somebody asked you for cash, please tell us on that page.",
        "",
        f"Work order {request.work_order_number}, request {request.number}",
    ]
    return {"subject": f"Your bill, work order {request.work_order_number}", "text": "\n".join(lines) + "\n"}
