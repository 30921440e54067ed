"""What a fault is here: how it is provoked, what people see meanwhile, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from tests.faults.world import Verdict, World

BOTH = ("sqlite", "postgresql")
Work: TypeAlias = Callable[[World], None]


@dataclass(frozen=True)
class Case:
    """One line of the table.

    `world` is None for faults that may share a server with others. `quick_on` are the engines on which the
    test suite runs it; `python -m tests.faults` runs it on all of `engines`.
    """

    fault: str
    title: str
    seen: str
    work: Work
    engines: tuple[str, ...] = BOTH
    world: str | None = None
    quick_on: tuple[str, ...] = BOTH


@dataclass(frozen=True)
class Row:
    """What came of a case on one engine."""

    case: Case
    engine: str
    verdict: Verdict
    seconds: float
    measured: str = ""

    @property
    def name(self) -> str:
        """The first two cells of its line."""
        return name_of(self.case, self.engine)


def case(
    fault: str,
    title: str,
    *,
    seen: str,
    engines: tuple[str, ...] = BOTH,
    world: str | None = None,
    quick_on: tuple[str, ...] | None = None,
) -> Callable[[Work], Case]:
    """Make a case of the function that provokes the fault (its docstring says how)."""
    return lambda work: Case(
        fault, title, seen, work, engines, world, engines if quick_on is None else quick_on
    )


def run_case(case: Case, world: World) -> Row:
    """Provoke, heal, drain, judge. The case asserts that its fault happened, and what was seen."""
    try:
        case.work(world)
        world.proxy.heal()
        seconds = world.drain()
        world.assert_no_trouble_but_told()
        return Row(case, world.engine_name, world.judge(), seconds, world.measured)
    finally:
        world.proxy.heal()
        world.end_case()


def how(case: Case) -> str:
    """How it is provoked: the first sentence of its docstring."""
    return " ".join((case.work.__doc__ or "").split("\n\n")[0].split())


def name_of(case: Case, engine: str) -> str:
    """The first two cells of the line of a case on an engine: no other line begins with them."""
    return f"| {case.fault} {case.title} | {engine} |"


def lines(rows: list[Row]) -> Iterator[str]:
    """The table of docs/reliability.md."""
    yield "| fault | engine | what was done | users see meanwhile | mutations | lost | doubled | drained, s |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        found = row.verdict
        state = "" if found.clean else " **not clean**"
        done = f"{how(row.case)} {row.measured}".strip()
        yield (
            f"{row.name} {done} | {row.case.seen} "
            f"| {found.mutations} | {found.lost} | {found.doubled} | {row.seconds:.1f}{state} |"
        )
