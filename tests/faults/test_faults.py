"""Every fault of the list, quickly: nothing lost, nothing doubled, drained, phones equal server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from tests.databases import SQLITE_ONLY, Databases
from tests.faults.case import Case, run_case
from tests.faults.cases import CASES
from tests.faults.world import World
from tests.faults.worlds import own_world, shared_world
from tests.journeys.warm import Warm

QUICK = [
    pytest.param(case, engine, id=f"{case.fault} {case.title} {engine}")
    for engine in ("sqlite", "postgresql")
    for case in CASES
    if engine in case.quick_on
]


@pytest.fixture(scope="module")
def shared(
    databases: Databases, warm: Warm, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], World]]:
    """The world that the lighter faults of an engine have in common, started when first asked for."""
    with ExitStack() as life:

        @cache
        def shared(engine: str) -> World:
            return life.enter_context(
                shared_world(databases, engine, tmp_path_factory.mktemp(engine), warm=warm)
            )

        yield shared


@pytest.mark.slow
@pytest.mark.parametrize(("case", "engine"), QUICK)
def test_after_the_fault_nothing_is_lost_or_doubled_and_phones_equal_the_server(
    case: Case,
    engine: str,
    shared: Callable[[str], World],
    databases: Databases,
    warm: Warm,
    tmp_path: Path,
) -> None:
    if engine == "postgresql" and SQLITE_ONLY:
        pytest.skip("DOORSTEP_TEST_SQLITE_ONLY=1")
    if case.world is None:
        row = run_case(case, shared(engine))
    else:
        with own_world(case, databases, engine, tmp_path, warm=warm) as world:
            row = run_case(case, world)
    assert row.verdict.clean, row.verdict
