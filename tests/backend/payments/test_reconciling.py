"""Statements are held against the ledger in whatever order a bank gives them; or it is said that none is."""

from __future__ import annotations

import re
from datetime import date
from itertools import permutations

import pytest

from backend.payments.checks import reconcile
from backend.payments.rules.statements import NO_BALANCES, Told, what_does_not_follow
from tests.backend.payments.bank_files import Paid, statement_file
from tests.backend.payments.test_bank import take
from tests.backend.payments.world import Firm

DAYS = ("2026-03-03", "2026-03-04", "2026-03-05")


def told(firm: Firm, file: bytes) -> list[str]:
    """What reconciling says after the import of a file, without the account's name."""
    take(firm, file)
    found = reconcile(firm.payments.sides, firm.payments.providers)
    return [each.removeprefix("account …3000: ") for each in found]


def without_balances(file: bytes) -> bytes:
    return re.sub(rb"<Bal>.*?</Bal>", b"", file)


def a_day(at: int) -> bytes:
    """The statement of one of the days, without a number: a hundred comes in on each."""
    return statement_file(
        [Paid(100, day=DAYS[at])],
        statement_id=f"S-{DAYS[at]}",
        sequence=None,
        opening=100 * at,
        day=DAYS[at],
    )


def test_statements_without_a_number_are_held_against_the_ledger_by_their_days(lite_firm: Firm) -> None:
    assert told(lite_firm, a_day(0)) == []
    assert told(lite_firm, a_day(2)) == [
        "the statement of 2026-03-05 does not begin where that of 2026-03-03 ended: "
        "import what the bank has between them",
        "by the ledger 200 moved, by the bank 300",
    ]
    assert told(lite_firm, a_day(1)) == []


def test_a_bank_that_says_no_balances_is_a_finding_until_it_says_some(lite_firm: Firm) -> None:
    (finding,) = told(lite_firm, without_balances(a_day(0)))
    assert finding == f"1 {NO_BALANCES}"
    assert told(lite_firm, a_day(1)) == [], "from here on there is a balance to begin with"
    assert told(lite_firm, without_balances(a_day(2))) == [finding]


def a_statement(day: int, opening: int, closing: int, sequence: int | None = None) -> Told:
    return Told(sequence, date(2026, 3, day), opening, closing, 1, closing - opening)


THREE_OF_A_DAY = [a_statement(3, 0, 700), a_statement(3, 0, 500), a_statement(3, 500, 0)]


@pytest.mark.parametrize("every", list(permutations(THREE_OF_A_DAY)))
def test_statements_of_one_day_follow_one_another_in_whatever_order_they_came(
    every: tuple[Told, ...],
) -> None:
    assert list(what_does_not_follow([*every, a_statement(4, 700, 800)], 800)) == []
    missing = [each for each in every if each.opening != 500]
    assert list(what_does_not_follow([*missing, a_statement(4, 700, 800)], 1_300)) != []


ONE, TWO = a_statement(3, 0, 100), a_statement(4, 100, 150)
SUM_OF_BOTH = Told(None, date(2026, 3, 4), 0, 150)
UNCLEAR = Told(None, None, None, None, 1, 40)


@pytest.mark.parametrize(
    ("every", "moved", "found"),
    [
        ([], 0, []),
        ([ONE, TWO, ONE, TWO], 150, []),
        ([ONE, TWO, SUM_OF_BOTH], 150, []),
        ([SUM_OF_BOTH, ONE, TWO], 150, []),
        ([ONE, TWO], 149, ["by the ledger 149 moved, by the bank 150"]),
        ([UNCLEAR, ONE], 140, []),
        ([ONE, UNCLEAR, TWO], 150, []),
        ([ONE, UNCLEAR, UNCLEAR], 180, ["2 of the last"]),
        ([UNCLEAR], 40, ["1 of the last"]),
        ([Told(None, None, None, None)], 0, []),
        ([TWO, Told(None, date(2026, 3, 3), None, None, 1, 9)], 59, []),
    ],
)
def test_what_a_bank_tells_twice_or_in_sums_is_no_gap_and_what_it_does_not_tell_is_said(
    every: list[Told], moved: int, found: list[str]
) -> None:
    said = list(what_does_not_follow(every, moved))
    assert len(said) == len(found), said
    for words, finding in zip(found, said, strict=True):
        assert words in finding


def test_a_number_that_every_statement_has_is_none() -> None:
    same = [a_statement(3, 0, 100, 1), a_statement(4, 100, 150, 1), a_statement(6, 150, 170, 1)]
    assert list(what_does_not_follow(same, 170)) == []
    assert len(list(what_does_not_follow([same[0], same[2]], 120))) == 2


def test_numbers_go_on_where_one_is_told_without_balances() -> None:
    numbered = [a_statement(3, 0, 100, 1), Told(2, date(2026, 3, 4), None, None, 1, 50)]
    assert "1 of the last" in str(list(what_does_not_follow(numbered, 150)))
    third = a_statement(5, 150, 170, 3)
    assert list(what_does_not_follow([*numbered, third], 170)) == []
    assert list(what_does_not_follow([numbered[0], third], 170)) == ["statements 2 to 2 are missing"]
