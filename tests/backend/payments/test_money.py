"""Amounts, tax, cover and references: pure decisions, tried with what people and banks write."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from backend.payments.rules.billing import ApprovedCharge, Cover, bill, tax_within, taxes_of
from backend.payments.rules.errors import AmountUnusable, CurrenciesMixed, TransactionUnbalanced
from backend.payments.rules.matching import Asked, Seen, Verdict, judge
from backend.payments.rules.money import LARGEST, Money, parse_decimal
from backend.payments.rules.postings import Account, AccountKind, Posting, TransactionKind, issued
from backend.payments.rules.references import make_reference, read_reference, references_in, spaced
from schemas.currencies import CURRENCIES, EXPONENTS
from schemas.payments import WriteOff
from tests.clock import START

ON = date(2026, 3, 2)
OURS, OTHER = make_reference(bytes(range(12))), make_reference(bytes(range(40, 52)))


@pytest.mark.parametrize("minor", [1.0, 145.5, True, "145", None, LARGEST + 1, -LARGEST - 1, 10**30])
def test_what_is_no_whole_number_of_minor_units_is_no_money(minor: object) -> None:
    with pytest.raises(AmountUnusable):
        Money(minor, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", [0, -1, 1.0, 1.5, "1", True, None, 1e30, 10**13, float("inf")])
def test_what_is_sent_as_an_amount_is_read_as_strictly(amount: object) -> None:
    sent = {"decision_id": str(uuid4()), "amount_minor": amount, "currency": "EUR", "reason": "Gone."}
    with pytest.raises(ValidationError) as refused:
        WriteOff().load(sent)
    assert set(refused.value.messages_dict) == {"amount_minor"}


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("145.50", "EUR", 14_550),
        ("145.5", "EUR", 14_550),
        ("145", "EUR", 14_500),
        ("0.05000", "EUR", 5),
        ("1500", "JPY", 1_500),
        ("1500.00", "JPY", 1_500),
        ("1.500", "KWD", 1_500),
        ("1.5", "KWD", 1_500),
    ],
)
def test_an_amount_is_read_in_the_decimals_of_its_currency(text: str, currency: str, minor: int) -> None:
    assert parse_decimal(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        *(
            ("1.005", "EUR"),
            ("1500.5", "JPY"),
            ("1.0005", "KWD"),
            ("-1", "EUR"),
            ("+1", "EUR"),
            ("1e3", "EUR"),
        ),
        *(("1,50", "EUR"), ("", "EUR"), ("٣", "EUR"), ("NaN", "EUR"), ("1.", "EUR"), (".5", "EUR")),
        *(("1", "XXX"), ("1", "eur"), ("1", ""), ("9" * 17, "EUR"), ("9" * 16, "KWD")),
    ],
)
def test_an_amount_that_would_have_to_be_guessed_at_is_refused(text: str, currency: str) -> None:
    with pytest.raises(AmountUnusable):
        parse_decimal(text, currency)


@given(st.integers(-LARGEST, LARGEST), st.sampled_from(sorted(CURRENCIES)))
def test_an_amount_written_and_read_is_the_same(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    if 0 <= minor <= 10**15:
        assert parse_decimal(money.decimal, currency) == money
    assert (
        money.decimal.lstrip("-").partition(".")[2] == ""
        or len(money.decimal.partition(".")[2]) == (EXPONENTS[currency])
    )
    assert money + -money == Money(0, currency)


def test_currencies_are_never_added() -> None:
    with pytest.raises(CurrenciesMixed):
        Money(1, "EUR") + Money(1, "USD")


def test_a_posting_that_does_not_balance_cannot_be_made() -> None:
    euro, yen = Account(AccountKind.BANK, "EUR"), Account(AccountKind.BANK, "JPY")
    for entries in ({}, {euro: 1}, {euro: 1, yen: -1}, {euro: 0, yen: 0}):
        with pytest.raises(TransactionUnbalanced):
            Posting("a", "b", TransactionKind.FEE, START, entries)


@given(st.integers(0, 10**12), st.integers(0, 10_000))
def test_the_tax_in_a_price_and_the_rest_make_the_price(gross: int, basis_points: int) -> None:
    tax = tax_within(gross, basis_points)
    assert 0 <= tax <= gross
    # the net price with its tax on it is the price again, to the minor unit that rounding may cost
    assert abs((gross - tax) * (10_000 + basis_points) - gross * 10_000) <= 10_000 + basis_points


def charge(minor: int, quantity: int = 1, *, part: bool = False) -> ApprovedCharge:
    return ApprovedCharge(uuid4(), "Work", uuid4() if part else None, quantity, minor, "EUR")


def cover(kind: str, until: date = date(2026, 12, 31)) -> Cover:
    return Cover(kind, date(2026, 1, 1), until, "As agreed")


def test_who_is_under_warranty_owes_nothing_and_is_told_why() -> None:
    (line,) = bill([charge(5_000)], [cover("warranty")], ON, tax_of={}, usual_tax=1_900)
    assert (line.due_minor, line.tax_minor, line.covered_minor) == (0, 0, 5_000)
    assert line.covered_by == "warranty until 2026-12-31: As agreed"
    assert issued(uuid4(), "EUR", taxes_of([line]), START) is None


def test_an_agreement_covers_the_work_and_not_the_parts() -> None:
    charges = [charge(5_000), charge(1_190, 2, part=True)]
    lines = bill(charges, [cover("agreement")], ON, tax_of={}, usual_tax=1_900)
    assert [line.due_minor for line in lines] == [0, 2_380]
    assert taxes_of(lines) == {1_900: (2_000, 380)}


def test_a_right_that_is_over_or_unknown_covers_nothing() -> None:
    for other in (cover("warranty", date(2026, 3, 1)), cover("favour")):
        (line,) = bill([charge(5_000)], [other], ON, tax_of={}, usual_tax=0)
        assert line.covered_by is None


def test_tax_is_kept_apart_per_rate() -> None:
    first, second = charge(1_070, part=True), charge(1_190)
    assert first.part_id is not None
    lines = bill([first, second], [], ON, tax_of={first.part_id: 700}, usual_tax=1_900)
    assert taxes_of(lines) == {700: (1_000, 70), 1_900: (1_000, 190)}


@given(st.binary(min_size=12, max_size=40))
def test_every_reference_that_is_made_is_valid_and_found_again(chance: bytes) -> None:
    reference = make_reference(chance)
    assert read_reference(reference) == reference
    assert read_reference(spaced(reference).lower()) == reference
    assert references_in(f"Invoice 7, {spaced(reference)} thanks") == [reference]


@pytest.mark.parametrize("wrong", [OURS[:-1], f"{OURS[:4]}{OURS[5:]}A", f"RF00{OURS[4:]}", "RF", ""])
def test_a_reference_with_wrong_check_digits_is_none(wrong: str) -> None:
    assert read_reference(wrong) is None


def test_a_look_alike_from_another_alphabet_is_none() -> None:
    assert read_reference(OURS.replace("R", "Ｒ", 1)) is None
    assert references_in(OURS.replace("R", "Я", 1)) == []


ASKED = {OURS: Asked(uuid4(), "EUR"), OTHER: Asked(uuid4(), "EUR")}


@pytest.mark.parametrize(
    ("seen", "verdict", "whose"),
    [
        (Seen(100, "EUR", OURS, "", False), Verdict.MATCHED, OURS),
        (Seen(100, "EUR", spaced(OURS).lower(), "", False), Verdict.MATCHED, OURS),
        (Seen(100, "EUR", OURS, f"for {OTHER}", False), Verdict.MATCHED, OURS),
        (Seen(100, "USD", OURS, "", False), Verdict.PROPOSED, OURS),
        (Seen(100, "EUR", None, f"my bill {OURS}", False), Verdict.PROPOSED, OURS),
        (Seen(100, "EUR", None, f"{OURS}/{OTHER}", False), Verdict.UNKNOWN, None),
        (Seen(100, "EUR", None, f"{spaced(OURS)} {spaced(OTHER)}", False), Verdict.UNKNOWN, None),
        (Seen(100, "EUR", make_reference(b"somebody else's"), "", False), Verdict.UNKNOWN, None),
        (Seen(100, "EUR", None, "Ada Lindgren 145.50", False), Verdict.UNKNOWN, None),
        (Seen(-100, "EUR", OURS, "", True), Verdict.RETURNED, OURS),
        (Seen(-100, "EUR", OURS, "", False), Verdict.PROPOSED, OURS),
    ],
)
def test_only_a_structured_reference_of_ours_is_certain(
    seen: Seen, verdict: Verdict, whose: str | None
) -> None:
    judged = judge(seen, ASKED)
    assert (judged.verdict, judged.request_id) == (verdict, ASKED[whose].id if whose else None)
