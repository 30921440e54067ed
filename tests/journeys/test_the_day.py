"""The demo's day and a real city's day, each on both databases, through real servers and phones."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from tests.databases import Databases
from tests.journeys.money import BEFORE_THE_VISIT
from tests.journeys.plan import Plan, demo_plan
from tests.journeys.the_day import tell_the_day
from tests.journeys.warm import Warm

QUIET = Console(quiet=True)


@pytest.mark.slow
def test_the_demos_day_holds(databases: Databases, engine_name: str, warm: Warm, tmp_path: Path) -> None:
    with databases.fresh_url(engine_name) as url:
        told = tell_the_day(demo_plan(tmp_path / "day", database=url), QUIET, warm=warm)
    assert told.holds, told
    assert told.last_line().endswith("0 lost, 0 doubled, devices equal server")
    assert told.outcomes["overridden"] > 0, "the moved and the cancelled visit leave work after revocation"
    assert sum(told.faults.values()) > 10, "the network was bad"
    assert told.sealed > 20, "complete reports were sealed by themselves"
    assert (told.paid, told.leaked) == (["paid"] * 3, []), "phones learn one word of money"
    assert told.taken_off == BEFORE_THE_VISIT, "a bill takes off what was paid before its visit"
    left = sorted(file.name for file in tmp_path.rglob("*.pdf"))
    assert left == ["customers-copy.pdf", "issued-report.pdf"], "one report, as it was issued and as it came"


WHOLE_CITY = os.environ.get("DOORSTEP_TEST_WHOLE_CITY") == "1"
REQUESTS, ROUNDS = (591, 76) if WHOLE_CITY else (118, 17)
"""How many requests come in, and in how many rounds eight technicians visit them: a fifth of the city's."""


@pytest.mark.slow
def test_a_citys_requests_become_a_day_of_work_for_eight_technicians(
    databases: Databases, engine_name: str, warm: Warm, tmp_path: Path, shared_data: Path
) -> None:
    head_and_requests = (shared_data / "nyc311-service-requests.csv").read_text().splitlines(keepends=True)
    requests = tmp_path / "requests.csv"
    requests.write_text("".join(head_and_requests[: REQUESTS + 1]))
    with databases.fresh_url(engine_name) as url:
        plan = Plan(
            database=url,
            folder=tmp_path,
            requests=requests,
            technicians=8,
            time_zone="America/New_York",
            booking_day=date(2011, 3, 3),
            first_hour=6,
            visit_minutes=12,
            rounds=ROUNDS,
            place=(40.7128, -74.0060),
            brisk=True,
        )
        told = tell_the_day(plan, QUIET, warm=warm)
    assert told.holds, told
    assert told.visits == REQUESTS - 1, (
        "every request became a visit that was finished, but the cancelled one"
    )
