"""Whether an account's statements follow one another and lead to what the ledger says. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise

NO_BALANCES = (
    "of the last statements say no balances or no day, so that the ledger is not held against them: "
    "ask the bank for camt.053 with opening and closing balance (OPBD, CLBD)"
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a statement says of itself, in minor units, None where the bank does not say it.

    `entries` and `moved` are how many entries it brought that no statement had brought before, and their sum.
    """

    sequence: int | None
    ends_on: date | None
    opening: int | None
    closing: int | None
    entries: int = 0
    moved: int = 0

    @property
    def leads(self) -> bool:
        """Whether it leads from a balance to a balance, and its place among others can be told."""
        has_place = self.sequence is not None or self.ends_on is not None
        return has_place and self.opening is not None and self.closing is not None

    @property
    def number(self) -> tuple[int, int]:
        """Its year and number: many banks begin at 1 every year. One that names no day comes first."""
        return (self.ends_on.year if self.ends_on else 0), self.sequence or 0


def what_does_not_follow(every: Sequence[Told], moved: int) -> Iterator[str]:
    """A gap in the numbers, a balance that does not follow, a sum that the ledger does not have.

    `every` statement of one account and currency, in the order of import; `moved`: by the ledger, ever. Where
    each has a number of its own, numbers are the order. Else days are, and within a day where one begins.
    """
    leading = [told for told in every if told.leads]
    numbered = _by_number(every)
    in_order = [told for told in numbered if told.leads] or list(_by_day(leading))
    before, after = _outside(every, in_order)
    unled = sum(told.entries > 0 for told in after)
    if unled:
        yield f"{unled} {NO_BALANCES}"
    yield from _gaps(numbered) if numbered else _breaks(in_order)
    if in_order:
        opening, closing = in_order[0].opening or 0, in_order[-1].closing or 0
        inside = moved - sum(told.moved for told in (*before, *after))
        if opening + inside != closing:
            yield f"by the ledger {inside} moved, by the bank {closing - opening}"


def _outside(every: Sequence[Told], in_order: Sequence[Told]) -> tuple[list[Told], list[Told]]:
    """What was told without balances before the first that leads, and after the last; by day or import."""
    before: list[Told] = []
    after: list[Told] = []
    leading = [at for at, told in enumerate(every) if told.leads]
    for at, told in enumerate(every):
        if told.leads:
            continue
        if not leading or _is_later(told, in_order[-1], by_import=at > leading[-1]):
            after.append(told)
        elif _is_later(in_order[0], told, by_import=at < leading[0]):
            before.append(told)
    return before, after


def _is_later(one: Told, other: Told, *, by_import: bool) -> bool:
    return one.ends_on > other.ends_on if one.ends_on and other.ends_on else by_import


def _by_number(every: Sequence[Told]) -> list[Told]:
    """In the order of their numbers, each once; empty where one has none, or two are called the same."""
    found: dict[tuple[int, int], Told] = {}
    for told in every:
        known = found.get(told.number, told)
        is_same = (known.opening, known.closing) == (told.opening, told.closing)
        if told.sequence is None or (known.leads and told.leads and not is_same):
            return []
        found[told.number] = known if known.leads else told
    return [found[number] for number in sorted(found)]


def _gaps(numbered: Sequence[Told]) -> Iterator[str]:
    for before, after in pairwise(numbered):
        last, this = before.number[1], after.number[1]
        expected = (last if this > last else 0) + 1  # a new year begins at 1
        if this > expected:
            yield f"statements {expected} to {this - 1} are missing"
        elif before.leads and after.leads and before.closing != after.opening:
            yield f"statement {this} does not begin where {last} ended"


def _by_day(every: Sequence[Told]) -> Iterator[Told]:
    """In the order of their days, and of one day so that each begins where another ended, if that can be."""
    balance: int | None = None
    for _, of_day in groupby(sorted(every, key=_day), key=_day):
        rest = list(of_day)
        while rest:
            begins = [told for told in rest if told.opening == balance] or _first_of_all(rest) or rest
            told = min(begins, key=lambda each: _ends_nowhere(each, rest))
            rest.remove(told)
            balance = told.closing
            yield told


def _first_of_all(of_day: Sequence[Told]) -> list[Told]:
    """Those that begin at a balance which more of them leave than reach."""
    leave, reach = Counter(told.opening for told in of_day), Counter(told.closing for told in of_day)
    return [told for told in of_day if leave[told.opening] > reach[told.opening]]


def _ends_nowhere(told: Told, rest: Sequence[Told]) -> bool:
    """Whether no other begins where it ends: then it is the last of its day."""
    return not any(each.opening == told.closing for each in rest if each is not told)


def _day(told: Told) -> date:
    return told.ends_on or date.min


def _breaks(in_order: Sequence[Told]) -> Iterator[str]:
    if not in_order:
        return
    at, seen = in_order[0], {in_order[0].opening}
    for told in in_order[1:]:
        if told.closing == at.closing and told.opening in seen:
            continue  # a second copy, or the sum of a month whose days were told one by one
        if told.opening != at.closing:
            yield (
                f"the statement of {told.ends_on} does not begin where that of {at.ends_on} ended: "
                "import what the bank has between them"
            )
        at = told
        seen |= {told.opening, told.closing}
