"""Bank statements of every version and shape, imported once, and the harm a file can mean."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import func, select

from backend.payments import queries
from backend.payments.actions import match_bank_entry
from backend.payments.bank.camt import read_statements
from backend.payments.bank.statements import Imported, import_statements
from backend.payments.checks import check_ledger
from backend.payments.models import BankEntry, LedgerEntry
from backend.payments.rules.errors import BankEntrySettled, CurrenciesMixed, StatementUnreadable
from backend.payments.rules.postings import Account, AccountKind
from tests.backend.payments.bank_files import IBAN, Paid, document, statement, statement_file
from tests.backend.payments.world import Firm
from tests.memory import MemoryTaken

BOMB = """<?xml version="1.0"?><!DOCTYPE Document [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>&e;</Id>
</Stmt></BkToCstmrStmt></Document>"""
THIEF = BOMB.replace('a "aaaaaaaaaa">', 'a SYSTEM "file:///etc/passwd">').replace("&e;", "&a;")


def take(firm: Firm, file: bytes) -> Imported:
    with firm.payments.factory.begin() as uow:
        return import_statements(uow, io.BytesIO(file), name="a.xml", person_id=None, own_iban=IBAN)


def bank_balance(firm: Firm, currency: str = "EUR") -> int:
    with firm.payments.factory.begin(write=False) as uow:
        return queries.balance(uow.session, Account(AccountKind.BANK, currency, detail=IBAN))


def many_entries(firm: Firm, count: int) -> tuple[bytes, int]:
    """A file of that many entries, half of them for twenty requests; and the sum of its entries."""
    known = [firm.asked(1_000 + position) for position in range(20)]
    entries = [
        Paid(500 + at, known[at % 40].reference if at % 40 < 20 else None, text=f"No {at}")
        for at in range(count)
    ]
    return statement_file(entries), sum(entry.minor for entry in entries)


def waiting(firm: Firm) -> list[int]:
    with firm.payments.factory.begin(write=False) as uow:
        return sorted(queries.suspense(uow.session).values())


@pytest.mark.parametrize("version", ["02", "04", "06", "08", "10", "13"])
def test_every_version_is_read(lite_firm: Firm, version: str) -> None:
    exact, less, more = (lite_firm.asked(10_000) for _ in range(3))
    file = statement_file(
        [
            Paid(10_000, exact.reference),
            Paid(4_000, less.reference),
            Paid(12_000, more.reference),
            Paid(-700, text="Account fee"),
            Paid(900, text="Thanks"),
            Paid(5_000, exact.reference, booked="PDNG"),
        ],
        version=version,
    )
    done = take(lite_firm, file)
    assert (done.entries, done.new, done.matched, done.unmatched) == (5, 5, 3, 2)
    assert [lite_firm.standing(each).state for each in (exact, less, more)] == [
        "paid",
        "partly_paid",
        "overpaid",
    ]
    assert (lite_firm.standing(less).owed, lite_firm.standing(more).credit) == (6_000, 2_000)
    assert waiting(lite_firm) == [-700, 900]
    assert bank_balance(lite_firm) == 10_000 + 4_000 + 12_000 - 700 + 900


def test_the_same_file_and_overlapping_files_post_each_entry_once(firm: Firm) -> None:
    request = firm.asked(10_000)
    paid, other = Paid(10_000, request.reference, bank_reference="B-1"), Paid(300, bank_reference="B-2")
    late = Paid(200, bank_reference="B-3")
    first = statement_file([paid, other])
    assert take(firm, first).new == 2
    assert take(firm, first).new == 0
    overlapping = statement_file([other, late, paid], statement_id="S-9", sequence=9)
    assert take(firm, overlapping).new == 1
    assert bank_balance(firm) == 10_500
    assert firm.standing(request).state == "paid"


def test_entries_without_a_reference_of_the_bank_are_told_apart_by_all_they_say(lite_firm: Firm) -> None:
    twins = [Paid(500, text="Thanks", bank_reference=None), Paid(500, text="Thanks", bank_reference="NONREF")]
    assert take(lite_firm, statement_file(twins)).new == 2
    again = statement_file(twins) + b"<!-- the same statement in a file of other bytes -->"
    assert take(lite_firm, again).new == 0
    assert bank_balance(lite_firm) == 1_000


@pytest.mark.parametrize("version", ["02", "08"])
def test_a_batch_is_as_many_payments_as_add_up_to_it(lite_firm: Firm, version: str) -> None:
    one, other = lite_firm.asked(1_000), lite_firm.asked(2_000)
    batch = ((1_000, one.reference), (2_000, other.reference))
    done = take(lite_firm, statement_file([Paid(3_000, batch=batch)], version=version))
    assert (done.entries, done.matched) == (2, 2)
    wrong = statement_file([Paid(9_000, batch=batch)], version=version, statement_id="S-2")
    assert take(lite_firm, wrong).unmatched == 1
    assert waiting(lite_firm) == [9_000]


def test_a_returned_transfer_is_owed_again(firm: Firm) -> None:
    request = firm.billed(10_000)
    take(firm, statement_file([Paid(10_000, request.reference)]))
    firm.deliver()
    assert firm.badge(request) == "paid"
    take(firm, statement_file([Paid(-10_000, request.reference, returned=True)], statement_id="S-2"))
    firm.deliver()
    assert (firm.standing(request).state, firm.standing(request).owed) == ("open", 10_000)
    assert firm.badge(request) == "none"
    assert bank_balance(firm) == 0


def test_a_second_bill_takes_the_badge_of_a_paid_work_order_away(firm: Firm) -> None:
    """With a badge that the oracle compares too: the order is the field's."""
    first = firm.billed(10_000)
    take(firm, statement_file([Paid(10_000, first.reference)]))
    firm.deliver()
    assert firm.badge(first) == "paid"
    firm.asked(5_000, work_order_id=first.work_order_id)
    firm.deliver()
    assert firm.badge(first) == "none"
    assert check_ledger(firm.payments.sides).faults == []


def test_our_reference_with_another_currency_waits_for_a_person(lite_firm: Firm) -> None:
    request = lite_firm.asked(10_000)
    file = statement_file([Paid(10_000, request.reference, currency="USD")], currency="USD")
    assert take(lite_firm, file).proposed == 1
    assert lite_firm.standing(request).state == "open"
    somebody = lite_firm.somebody()
    with lite_firm.payments.factory.begin() as uow:
        entry = uow.session.scalars(select(BankEntry)).one()
        with pytest.raises(CurrenciesMixed):
            match_bank_entry(
                uow,
                somebody,
                entry.id,
                decision_id=uow.mint_id(),
                shares=[{"request_id": request.id, "amount_minor": 10_000}],
                reason="It is theirs.",
            )


def test_yen_have_no_decimals_and_dinars_three(lite_firm: Firm) -> None:
    for currency, exponent, minor in (("JPY", 0, 1_500), ("KWD", 3, 1_505)):
        request = lite_firm.asked(minor, currency)
        file = statement_file(
            [Paid(minor, request.reference, currency=currency)],
            currency=currency,
            exponent=exponent,
            statement_id=f"S-{currency}",
        )
        assert take(lite_firm, file).matched == 1
        assert lite_firm.standing(request).state == "paid"


def test_somebody_of_finance_says_whose_money_waits_and_splits_it_once(firm: Firm) -> None:
    one, other = firm.asked(1_000), firm.asked(2_000)
    take(firm, statement_file([Paid(3_500, text=f"both, {one.reference} {other.reference}")]))
    somebody = firm.somebody()
    with firm.payments.factory.begin(write=False) as uow:
        entry_id = uow.session.scalars(select(BankEntry.id)).one()
        decision = uow.mint_id()
    shares = [
        {"request_id": one.id, "amount_minor": 1_000},
        {"request_id": other.id, "amount_minor": 2_000},
    ]
    for _ in range(2):
        with firm.payments.factory.begin() as uow:
            match_bank_entry(
                uow, somebody, entry_id, decision_id=decision, shares=shares, reason="He called."
            )
    assert [firm.standing(each).state for each in (one, other)] == ["paid", "paid"]
    assert waiting(firm) == [500]
    with pytest.raises(BankEntrySettled), firm.payments.factory.begin() as uow:
        match_bank_entry(
            uow, somebody, entry_id, decision_id=uow.mint_id(), shares=shares[:1], reason="Again."
        )


def test_several_statements_in_a_file_and_balances_that_contradict_them(lite_firm: Firm) -> None:
    good = statement([Paid(100)], statement_id="S-1")
    other = statement([Paid(200)], statement_id="S-2", sequence=2, opening=100_100)
    assert take(lite_firm, document(good, other)).statements == 2
    wrong = statement([Paid(300)], statement_id="S-3", sequence=3, closing=1)
    with pytest.raises(StatementUnreadable, match="contradict"):
        take(lite_firm, document(statement([Paid(400)], statement_id="S-4"), wrong))
    assert bank_balance(lite_firm) == 300


@pytest.mark.parametrize(
    "file",
    [
        *(BOMB.encode(), THIEF.encode(), BOMB.encode("utf-16"), b"", b"\0", b"<a/>", b"<Document/>", b"{}"),
        statement_file([Paid(1)]).replace(b"camt.053", b"pain.001"),
        statement_file([Paid(1)]).replace(b"0.01", b"0.001"),
        statement_file([Paid(1)]).replace(b"0.01", b"-0.01"),
        statement_file([Paid(1)]).replace(b"<CdtDbtInd>CRDT</CdtDbtInd><Sts>", b"<Sts>"),
        statement_file([Paid(1)]).replace(b"2026-03-03", b"2026-02-31"),
        statement_file([Paid(1)])[:-30],
        statement_file([Paid(1)], iban="DE02120300000000202051"),
        document(),
        b"<a>" * 5_000,
    ],
)
def test_what_is_no_statement_of_ours_is_refused_whole(lite_firm: Firm, file: bytes) -> None:
    with pytest.raises(StatementUnreadable) as refused:
        take(lite_firm, file)
    assert "root:" not in refused.value.detail
    with lite_firm.payments.factory.begin(write=False) as uow:
        assert uow.session.scalar(select(func.count()).select_from(BankEntry)) == 0


def test_many_entries_are_posted_once_in_little_memory(lite_firm: Firm) -> None:
    """L9 in small: a tenth of it; `python -m tests.benchmarks --only statements` takes all of it."""
    file, due = many_entries(lite_firm, 1_000)
    memory = MemoryTaken()
    first, second = take(lite_firm, file), take(lite_firm, file + b"\n")
    assert (first.new, first.matched, second.entries, second.new) == (1_000, 500, 1_000, 0)
    assert memory.bytes() < 30 << 20
    assert bank_balance(lite_firm) == due
    with lite_firm.payments.factory.begin(write=False) as uow:
        assert uow.session.scalar(select(func.sum(LedgerEntry.amount))) == 0


def test_no_text_of_a_bank_is_longer_than_its_column() -> None:
    (only,) = read_statements(io.BytesIO(statement_file([Paid(1, text="x" * 5_000)])))
    assert len(only.lines[0].remittance) == 2_000
