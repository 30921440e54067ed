"""The receipt of a bill as a PDF, kept in a folder that only the payments process opens."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import structlog
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, SimpleDocTemplate, Spacer, Table

from backend.outbox.transports import lay_down
from backend.paper.styles import BODY, HEADING, LEAD, LINE, SMALL, SOFT, TITLE, text
from backend.payments.rules.errors import ReceiptUnkept
from backend.payments.views import ShownBill
from schemas.payments import RequestKind

log = structlog.get_logger(__name__)

MARGIN = 20 * mm
_WIDE, _NARROW = 100 * mm, 35 * mm


def kept_receipt(folder: Path, bill: ShownBill, firm: str) -> bytes:
    """The receipt of what was paid so far; made once for each state of the bill, and the same bytes then.

    Raises ReceiptUnkept when the disk does not take it.
    """
    state = hashlib.sha256(repr((bill, firm)).encode()).hexdigest()[:16]
    file = folder / f"{bill.number}-{state}.pdf"
    try:
        if not file.exists():
            lay_down(folder, file.name, _receipt(bill, firm))
        return file.read_bytes()
    except OSError as error:
        log.error("receipt.unkept", folder=str(folder), error=str(error.strerror or error))
        raise ReceiptUnkept("Open it again in some minutes; the bill itself says the same.") from error


def _receipt(bill: ShownBill, firm: str) -> bytes:
    paper = io.BytesIO()
    document = SimpleDocTemplate(
        paper,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=f"Receipt {bill.number}",
        author=firm,
        invariant=True,
    )
    document.build(_story(bill, firm))
    return paper.getvalue()


def _story(bill: ShownBill, firm: str) -> list[Flowable]:
    lines = [
        (f"{line.description}\nCovered by your {line.covered_by}" if line.covered_by else line.description)
        for line in bill.lines
    ]
    amounts = [line.due for line in bill.lines]
    is_bill = bill.kind == RequestKind.BILL
    came = [(f"{receipt.on}, {receipt.how}", receipt.amount) for receipt in bill.receipts]
    return [
        text(firm, HEADING, bold=True),
        Spacer(0, 8 * mm),
        text(f"Receipt for {bill.kind} {bill.number}", TITLE, bold=True),
        text(f"{bill.customer} · work order {bill.work_order}", LEAD, color=SOFT),
        *((text(bill.summary, BODY),) if is_bill else ()),
        Spacer(0, 5 * mm),
        _table([*zip(lines, amounts, strict=True), ("Total", bill.due)]),
        *(text(f"Tax contained, {tax}", SMALL, color=SOFT) for tax in bill.taxes),
        *(() if is_bill else (text("A deposit; the tax is stated on the bill.", SMALL, color=SOFT),)),
        Spacer(0, 6 * mm),
        text("What we received", HEADING, bold=True),
        _table(came or [("Nothing yet", "")]),
        *_went_back(bill),
        Spacer(0, 4 * mm),
        text(f"Still to be paid: {bill.owed}", BODY, bold=True),
        *([text(f"Waits for your bill: {bill.held}", BODY)] if bill.held else ()),
        *([text(f"Paid too much: {bill.credit}", BODY)] if bill.credit else ()),
        Spacer(0, 8 * mm),
        text("Our technicians never take money.", SMALL, color=SOFT),
    ]


def _went_back(bill: ShownBill) -> list[Flowable]:
    if not bill.refunds:
        return []
    rows = [(f"{refund.on}, {refund.how}", refund.amount) for refund in bill.refunds]
    return [Spacer(0, 4 * mm), text("Refunds", HEADING, bold=True), _table(rows)]


def _table(rows: Sequence[tuple[str, str]]) -> Flowable:
    cells = [[text(words, BODY), text(amount, BODY, align="right")] for words, amount in rows]
    return Table(cells, colWidths=(_WIDE + _NARROW, _NARROW), style=list(LINE))
