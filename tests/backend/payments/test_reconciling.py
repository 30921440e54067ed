"""Statements are held against the ledger in whatever order a bank gives them; or it is said that none is."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

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


def test_a_statement_without_balances_fills_the_step_between_two_that_have_them(lite_firm: Firm) -> None:
    assert told(lite_firm, a_day(0)) == []
    told(lite_firm, without_balances(a_day(1)))
    assert told(lite_firm, a_day(2)) == []


def a_statement(day: int, opening: int, closing: int, sequence: int | None = None) -> Told:
    on = date(2026, 3, 1) + timedelta(days=day - 1)
    return Told(sequence, on, opening, closing, int(opening != closing), closing - opening)


THREE_OF_A_DAY = [a_statement(3, 0, 700), a_statement(3, 0, 500), a_statement(3, 500, 0)]


@pytest.mark.parametrize("every", list(permutations(THREE_OF_A_DAY)))
def test_statements_of_one_day_follow_one_another_in_whatever_order_they_came(
    every: tuple[Told, ...],
) -> None:
    assert list(what_does_not_follow([*every, a_statement(4, 700, 800)], 800)) == []
    missing = [each for each in every if each.opening != 500]
    assert list(what_does_not_follow([*missing, a_statement(4, 700, 800)], 1_300)) != []


ONE, TWO = a_statement(3, 0, 100), a_statement(4, 100, 150)
SUM_OF_BOTH = Told(None, date(2026, 3, 4), 0, 150, 2, 150)
UNCLEAR = Told(None, None, None, None, 1, 40)


def again(told: Told) -> Told:
    """The same when all its entries were told before."""
    return replace(told, entries=0, moved=0)


def unled(day: int, moved: int) -> Told:
    return Told(None, date(2026, 3, day), None, None, 1, moved)


WEEK = Told(None, date(2026, 3, 6), 100, 180, 1, 30)
MONTH = Told(None, date(2026, 3, 31), 0, 170, 1, 20)
PAGES = [Told(None, date(2026, 3, 4), 100, None, 1, 50), Told(None, date(2026, 3, 4), None, 170, 1, 20)]


@pytest.mark.parametrize(
    ("every", "moved", "found"),
    [
        ([], 0, []),
        ([ONE, TWO, again(ONE), again(TWO)], 150, []),
        ([ONE, TWO, again(SUM_OF_BOTH)], 150, []),
        ([SUM_OF_BOTH, again(ONE), again(TWO)], 150, []),
        ([ONE, again(TWO)], 100, ["by the ledger 100 moved, by the bank 150"]),
        ([ONE, TWO, WEEK], 180, []),
        ([ONE, TWO, MONTH, a_statement(32, 170, 200)], 200, []),
        ([TWO, Told(None, date(2026, 3, 4), 0, 150, 1, 100)], 150, []),
        ([ONE, unled(4, 50), a_statement(5, 150, 170)], 170, []),
        ([ONE, unled(4, 40), a_statement(5, 150, 170)], 160, ["of 2026-03-05", "160 moved"]),
        ([ONE, *PAGES, a_statement(5, 170, 200)], 200, []),
        ([unled(3, 40), a_statement(3, 40, 140)], 140, []),
        ([ONE, unled(3, 40)], 140, []),
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


@st.composite
def histories(draw: st.DrawFn) -> list[Told]:
    """What a bank tells of some days: on some more than once, or nothing new; amounts are no chance."""
    amounts = draw(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=8, unique_by=abs))
    told, balance, day = list[Told](), draw(st.integers(0, 10**9)), 1
    for amount in amounts:
        day += draw(st.integers(0, 1))
        told.append(a_statement(day, balance, balance + amount))
        balance += amount
        if draw(st.booleans()):
            told.append(a_statement(day, balance, balance))
    return told


@given(histories(), st.randoms(use_true_random=False))
def test_a_history_is_sound_in_whatever_order_it_came(history: list[Told], dice: Random) -> None:
    moved = sum(told.moved for told in history)
    dice.shuffle(history)
    assert list(what_does_not_follow(history, moved)) == []


@given(histories(), st.data())
def test_a_statement_that_is_missing_within_a_history_is_found(
    history: list[Told], data: st.DataObject
) -> None:
    moving = [told for told in history if told.moved]
    assume(len(moving) > 2)
    missing = data.draw(st.sampled_from(moving[1:-1]))
    rest = data.draw(st.permutations([told for told in history if told is not missing]))
    assert list(what_does_not_follow(rest, sum(told.moved for told in rest))) != []
