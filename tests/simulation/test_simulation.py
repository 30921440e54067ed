"""The simulator finds nothing in the product, everything in the mutants, and tells the same story twice."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

import tests.simulation.run
import tests.simulation.world
from backend.cli import main, protocol
from backend.cli.entry import REFUSED
from tests.databases import SQLITE_ONLY, Database, Databases
from tests.given import access
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.run import CannotRun, simulate

ENOUGH_FOR_RARE_THINGS = 200
WITHIN = 2_000
"""Steps in which every mutant must be found."""


def test_one_seed_tells_one_story_and_nothing_is_lost_in_it(databases: Databases, tmp_path: Path) -> None:
    told = []
    for time in ("first", "second"):
        (tmp_path / time).mkdir()
        told.append(simulate(tmp_path / time, 1, 100, partial(databases.fresh_url, "sqlite")))
    assert [one.broken for one in told] == [None, None]
    assert told[0].trace == told[1].trace
    assert told[0].counts["typed"] > 25


@pytest.mark.parametrize(("engine", "seed", "steps"), [("sqlite", 2, 200), ("postgresql", 3, 90)])
def test_no_fault_loses_or_doubles_anything(
    databases: Databases, tmp_path: Path, engine: str, seed: int, steps: int
) -> None:
    if engine == "postgresql" and SQLITE_ONLY:
        pytest.skip("DOORSTEP_TEST_SQLITE_ONLY=1")
    told = simulate(tmp_path, seed, steps, partial(databases.fresh_url, engine))
    assert told.broken is None, "\n".join((*told.before, told.last_line()))
    assert told.steps == steps
    if steps >= ENOUGH_FOR_RARE_THINGS:
        assert {"clone", "revoke", "backup", "restore", "deploy", "day"} <= told.counts.keys()


def test_a_long_run_that_has_not_seen_everything_fails(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tests.simulation.run, "LONG_RUN", 2)
    told = simulate(tmp_path, 1, 2, partial(databases.fresh_url, "sqlite"))
    assert told.broken is not None
    assert "no restore" in told.broken


@pytest.fixture(scope="module")
def clean() -> dict[int, int]:
    """Up to which step a seed finds nothing where nothing is planted."""
    return {}


@pytest.mark.parametrize(("mutant", "seed"), MUTANTS.items(), ids=[one.__name__ for one in MUTANTS])
def test_a_mutant_is_found_and_nothing_where_none_is(
    databases: Databases, tmp_path: Path, clean: dict[int, int], mutant: Mutant, seed: int
) -> None:
    fresh_url = partial(databases.fresh_url, "sqlite")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tests.simulation.world, "STEPS_BETWEEN_LOOKS", 60)
        with patch.context() as planted:
            mutant(planted)
            told = simulate(tmp_path, seed, WITHIN, fresh_url, eventful=True)
        assert told.broken is not None, f"not found within {WITHIN} steps"
        assert not told.broken.startswith("Traceback"), told.broken
        assert "internal-error" not in told.broken, "it must do its mistake, not fall over"
        if told.steps > clean.get(seed, 0):
            (tmp_path / "clean").mkdir()
            assert simulate(tmp_path / "clean", seed, told.steps, fresh_url, eventful=True).broken is None
            clean[seed] = told.steps


def test_an_upgraded_postgresql_is_copied_and_one_with_people_refused(
    postgresql_database: Database, tmp_path: Path
) -> None:
    postgresql_database.engine.dispose()  # what somebody is connected to cannot be copied
    copies = tests.simulation.run.Databases(tmp_path, postgresql_database.url)
    copies.prepare()
    with copies.fresh_url() as url:
        assert url != postgresql_database.url
        assert simulate(tmp_path, 1, 1, lambda: nullcontext(url)).broken is None
    with postgresql_database.factory.begin() as uow:
        access.an_actor(uow)
    with pytest.raises(CannotRun, match="empty"):
        copies.prepare()


def test_without_its_sources_the_command_says_where_the_simulator_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(protocol, "CHECKOUT", tmp_path)
    result = CliRunner().invoke(main, ["simulate"])
    assert result.exit_code == REFUSED
    assert "clone them" in result.stderr
