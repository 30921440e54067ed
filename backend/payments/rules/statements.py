"""Whether an account's statements follow one another and lead to what the ledger says. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations, groupby, pairwise, product

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
    each has a number of its own, numbers are the order. Else days are, and what was told of one day is sound
    if some order leads through it.
    """
    leading = [told for told in every if told.leads]
    numbered = _by_number(every)
    if numbered:
        yield from _gaps(numbered)
        in_order = [told for told in numbered if told.leads]
        span = (in_order[0].opening or 0, in_order[-1].closing or 0) if in_order else None
    else:
        in_order = sorted(leading, key=_day)
        walk = _Walk([_Step(_day(told), 0, told.moved) for told in every if not told.leads])
        walk.through(_steps(leading))
        yield from walk.breaks
        span = None if walk.opening is None else (walk.opening, walk.at)
    before, after = _outside(every, in_order)
    unled = sum(told.entries > 0 for told in after)
    if unled:
        yield f"{unled} {NO_BALANCES}"
    if span is not None:
        inside, by_bank = moved - sum(told.moved for told in (*before, *after)), span[1] - span[0]
        if inside - by_bank not in _on_the_edges(every, in_order):
            yield f"by the ledger {inside} moved, by the bank {by_bank}"


def _on_the_edges(every: Sequence[Told], in_order: Sequence[Told]) -> set[int]:
    """Sums of what was told without balances on the first day that leads or the last: who knows where."""
    days = {in_order[0].ends_on, in_order[-1].ends_on}
    sums = [
        sum(told.moved for told in every if not told.leads and told.ends_on == day) for day in days if day
    ]
    return {sum(some) for count in range(len(sums) + 1) for some in combinations(sums, count)}


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


@dataclass(frozen=True, slots=True)
class _Step:
    """From one balance to another, told of a day."""

    day: date
    opening: int
    closing: int


def _steps(leading: Sequence[Told]) -> list[_Step]:
    """What each statement adds to those that the bank told besides.

    Those that brought nothing new are copies, or days of a month that was told as a whole, if all of them
    together lead from what others told to what others told. One that brought less than lies between its
    balances overlaps with others: what it adds ends at its closing balance, or begins at its opening one.
    """
    fresh = [told for told in leading if told.entries or told.opening == told.closing]
    stale = [told for told in leading if not told.entries and told.opening != told.closing]
    known = Counter(balance for told in fresh for balance in {told.opening, told.closing})
    whole = [_Step(_day(told), told.opening or 0, told.closing or 0) for told in stale]
    if all(balance in known for balance in (*_begins(whole), *_ends(whole))):
        stale = []
    steps = []
    for told in (*fresh, *stale):
        opening, closing = told.opening or 0, told.closing or 0
        tail, head = closing - told.moved, opening + told.moved
        others = known - Counter({opening, closing})
        if told.entries and closing - opening != told.moved:
            opening, closing = (
                (tail, closing) if tail in others else (opening, head if head in others else closing)
            )
        steps.append(_Step(_day(told), opening, closing))
    return steps


def _day(told: Told) -> date:
    return told.ends_on or date.min


@dataclass
class _Walk:
    """Through the days of an account, from the balance where it begins.

    Within a day statements stand in no order: they are sound if some order leads from where the day before
    ended through all of them. Where that leads is then known, whatever the order: it is the sum.
    """

    unled: Sequence[_Step]
    """Told without balances: its day, and how much it moved from 0."""
    breaks: list[str] = field(default_factory=list)
    opening: int | None = None
    at: int = 0
    day: date = date.min

    def through(self, steps: Sequence[_Step]) -> None:
        """All days, in their order."""
        days = [(day, list(of_day)) for day, of_day in groupby(sorted(steps, key=_of_day), key=_of_day)]
        for at, (day, of_day) in enumerate(days, start=1):
            after = days[at][1] if at < len(days) else []
            self._through_day(day, of_day, _begins(after) or [step.opening for step in after])

    def _through_day(self, day: date, of_day: Sequence[_Step], following: Sequence[int]) -> None:
        begins, ends = _begins(of_day), _ends(of_day)
        start = self._start(of_day, begins, following)
        if self.opening is None:
            self.opening = self.at = start
            self.day = day
        if not self._is_told(start - self.at, day):
            self.breaks.append(
                f"the statement of {day} does not begin where that of {self.day} ended: "
                "import what the bank has between them"
            )
        end = start + sum(step.closing - step.opening for step in of_day)
        if len(begins) > 1:
            end = next((each for each in ends if each in following), ends[-1])
        missing = (sum(begins) - start) - (sum(ends) - end) if begins else 0
        if (len(begins) > 1 or not _hang_together(of_day)) and not (missing and self._is_told(missing, day)):
            self.breaks.append(
                f"the statements of {day} do not follow one another: import what the bank has between them"
            )
        self.at, self.day = end, day

    def _start(self, of_day: Sequence[_Step], begins: Sequence[int], following: Sequence[int]) -> int:
        """A balance that more leave than reach; where a day comes full circle, any of its balances."""
        if begins:
            return self.at if self.at in begins else begins[0]
        touched = [step.opening for step in of_day]
        if self.opening is not None and self.at in touched:
            return self.at
        return next((each for each in touched if each in following), touched[0])

    def _is_told(self, missing: int, day: date) -> bool:
        """Whether just that much was told without balances, between the day before and this one."""
        between = sum(step.closing for step in self.unled if self.day < step.day < day)
        on_the_edge = ({0, sum(s.closing for s in self.unled if s.day == edge)} for edge in {self.day, day})
        return missing in {0} | {between + sum(some) for some in product(*on_the_edge)}


def _begins(steps: Sequence[_Step]) -> list[int]:
    """The balances that more of them leave than reach."""
    return list((Counter(s.opening for s in steps) - Counter(s.closing for s in steps)).elements())


def _ends(steps: Sequence[_Step]) -> list[int]:
    """The balances that more of them reach than leave."""
    return list((Counter(s.closing for s in steps) - Counter(s.opening for s in steps)).elements())


def _of_day(step: _Step) -> date:
    return step.day


def _hang_together(of_day: Sequence[_Step]) -> bool:
    """Whether from one balance of a day every other can be reached, forwards or back."""
    reached, found = set[int](), {of_day[0].opening}
    while found - reached:
        reached |= found
        found = {each for step in of_day if _touches(step, reached) for each in (step.opening, step.closing)}
    return all(_touches(step, reached) for step in of_day)


def _touches(step: _Step, reached: set[int]) -> bool:
    return step.opening in reached or step.closing in reached
