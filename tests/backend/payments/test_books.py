"""What bookkeepers read: statement, ageing, the journal in two formats, and the customer's receipt."""

from __future__ import annotations

import csv
import errno
import io
import os
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from pypdfium2 import PdfDocument
from structlog.testing import capture_logs

from backend.outbox import transports
from backend.payments.actions import show_ageing
from backend.payments.app import create_payments_app
from backend.payments.models import PaymentRequest
from backend.payments.rules.books import no_formula
from tests.api import Client
from tests.backend.payments.bank_files import Paid, statement_file
from tests.backend.payments.test_bank import take
from tests.backend.payments.test_finance import paid_by_card
from tests.backend.payments.test_price_list import parts_at
from tests.backend.payments.world import Firm, firm_on
from tests.clock import SettableClock
from tests.databases import Databases


def half_paid(firm: Firm) -> PaymentRequest:
    """A bill of 100.00 of which 40.00 came in."""
    request = firm.asked(10_000)
    take(firm, statement_file([Paid(4_000, request.reference), Paid(900, text="=HYPERLINK(x)")]))
    return request


def test_a_statement_says_what_was_asked_what_came_and_what_is_left(firm: Firm, noor: Client) -> None:
    request = half_paid(firm)
    rows = noor.get(f"/customers/{request.customer_id}/statement").json
    assert [(row["kind"], row["amount_minor"], row["balance_minor"]) for row in rows] == [
        ("issued", 10_000, 10_000),
        ("transfer_matched", -4_000, 6_000),
    ]
    assert noor.get(f"/customers/{request.id}/statement").json == []


def test_what_is_overdue_grows_older(firm: Firm) -> None:
    half_paid(firm)
    paid_by_card(firm)
    ages = []
    for days in (0, 15, 30, 30, 60):
        firm.clock.advance(days=days)
        with firm.payments.factory.begin(write=False) as uow:
            (row,) = show_ageing(uow, firm.somebody())
        ages += [name for name, minor in row.owed.items() if minor == 6_000]
    assert ages == ["not_due", "to_30", "to_60", "to_90", "over_90"]


def test_the_journal_balances_for_spreadsheets_and_for_beancount(firm: Firm, noor: Client) -> None:
    half_paid(firm)
    paid_by_card(firm)
    rows = list(csv.DictReader(io.StringIO(noor.get("/journal.csv").text)))
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row["account"]] += Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)
    assert sum(sums.values()) == 0
    assert sums["Assets:Bank:DE89370400440532013000"] == 49
    assert sums["Assets:Receivable"] == 60
    text = noor.get("/journal.beancount").text
    opened = re.findall(r"^1970-01-01 open (\S+)$", text, re.M)
    assert sorted(opened) == sorted(set(sums))
    postings = re.findall(r"^  ([A-Z]\S+)  (-?\d+\.\d\d) EUR$", text, re.M)
    assert len(postings) == len(rows)
    assert sum(Decimal(amount) for _, amount in postings) == 0
    assert noor.get("/journal.csv?since=2027-01-01").text.count("\n") == 1
    assert noor.get("/journal.csv?until=2026-13-01").status_code == 422


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert no_formula(cell) == f"'{cell}"
    assert no_formula(f"Thanks {cell}") == f"Thanks {cell}"


def test_a_receipt_says_what_was_for_and_how_it_was_paid(firm: Firm, browser: Client) -> None:
    firm.signed_report(("Repair of 锅炉", 9_500), ("Pump", 5_050))
    (request,) = firm.bill()
    link = firm.payments.terms.links.address_of(request.id).partition("8001")[2]
    assert "receipt.pdf" not in browser.get(link).text
    take(firm, statement_file([Paid(14_550, request.reference)]))
    assert "receipt.pdf" in browser.get(link).text
    first, again = (browser.get(f"{link}/receipt.pdf") for _ in range(2))
    assert first.data == again.data
    said = text_of(first.data)
    for words in ("锅炉", "EUR 145.50", "2026-03-03, by transfer", "Still to be paid: EUR 0.00"):
        assert words in said
    (kept,) = firm.payments.payments.receipt_folder.iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    assert browser.get("/p/wrong/receipt.pdf").status_code == 404


@pytest.mark.parametrize("is_full", [True, False])
def test_a_receipt_that_the_disk_does_not_take_is_asked_for_later_and_nothing_of_it_is_left(
    lite_firm: Firm, is_full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk takes a part of a file; for a read-only one stands a file where the folder should be."""
    request = half_paid(lite_firm)
    link = lite_firm.payments.terms.links.address_of(request.id).partition("8001")[2]
    browser = Client(create_payments_app(lite_firm.payments))
    folder = lite_firm.payments.payments.receipt_folder
    if is_full:
        monkeypatch.setattr(transports, "fsync", no_space_left)
    else:
        folder.touch()
    with capture_logs() as log:
        refused = browser.get(f"{link}/receipt.pdf")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert "Open it again in some minutes" in refused.text
    assert [line["event"] for line in log if line["log_level"] == "error"] == ["receipt.unkept"]
    if is_full:
        assert list(folder.iterdir()) == []
    else:
        folder.unlink()
    monkeypatch.undo()
    assert browser.get(f"{link}/receipt.pdf").data.startswith(b"%PDF")


def no_space_left(file: int) -> None:
    os.truncate(file, 10)
    raise OSError(errno.ENOSPC, "No space left on device")


def test_two_tax_rates_stand_apart_on_the_bill_the_receipt_and_in_the_journal(
    databases: Databases, engine_name: str, clock: SettableClock, tmp_path: Path
) -> None:
    """Work at the usual 19 %, a part at 7 % because finance said so, the other parts as usual."""
    with firm_on(databases, engine_name, clock, tmp_path, usual_tax_basis_points=1_900) as firm:
        app = create_payments_app(firm.payments)
        browser, noor = Client(app), signed_in(firm, app)
        parts = parts_at(firm, Pump=None, Seal=None)
        assert noor.post(f"/parts/{parts['Pump']}/set-tax-rate", {"basis_points": 700}).status_code == 200
        firm.signed_report(("Labour", 9_500), ("Pump", 5_050), ("Seal", 1_190), parts=parts)
        (request,) = firm.bill()
        lines = noor.get(f"/payment-requests/{request.id}").json["lines"]
        assert [(line["description"], line["tax_basis_points"], line["tax_minor"]) for line in lines] == [
            ("Labour", 1_900, 1_517),  # 95.00 - 95.00 / 1.19
            ("Pump", 700, 330),  # 50.50 - 50.50 / 1.07
            ("Seal", 1_900, 190),
        ]
        link = firm.payments.terms.links.address_of(request.id).partition("8001")[2]
        take(firm, statement_file([Paid(15_740, request.reference)]))
        said = text_of(browser.get(f"{link}/receipt.pdf").data)
        for words in ("7 %: EUR 3.30", "19 %: EUR 17.07", "Total", "EUR 157.40"):
            assert words in said
        rows = list(csv.DictReader(io.StringIO(noor.get("/journal.csv").text)))
        booked = {
            row["account"]: row["debit"] or f"-{row['credit']}" for row in rows if row["kind"] == "issued"
        }
        assert booked == {
            "Assets:Receivable": "157.40",
            "Income:Revenue": "-137.03",
            "Liabilities:Tax:700": "-3.30",
            "Liabilities:Tax:1900": "-17.07",
        }
        assert firm.standing(request).state == "paid"


def signed_in(firm: Firm, app: Flask) -> Client:
    """Somebody of finance at that application."""
    door, factory = firm.payments.authenticator, firm.payments.factory
    password = door.create_person(factory, "noor@example.org", "Noor")
    assert password is not None
    return Client(app, None, door.sign_in(factory, "noor@example.org", password).access_token)


def text_of(pdf: bytes) -> str:
    return "".join(page.get_textpage().get_text_bounded() for page in PdfDocument(pdf))
