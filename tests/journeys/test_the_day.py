"""The demo's day and a real city's day, each on both databases, through real servers and phones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from tests.databases import Databases
from tests.journeys.the_day import Day, Plan, demo_plan

QUIET = Console(quiet=True)


@pytest.mark.slow
def test_the_demos_day_holds(databases: Databases, engine_name: str, tmp_path: Path) -> None:
    with databases.fresh_url(engine_name) as url:
        told = Day(demo_plan(tmp_path / "day", database=url), QUIET).tell()
    assert told.holds, told
    assert told.last_line().endswith("0 lost, 0 doubled, devices equal server")
    assert told.outcomes["overridden"] > 0, "the moved and the cancelled visit leave work after revocation"
    assert sum(told.faults.values()) > 10, "the network was bad"


@pytest.mark.slow
def test_a_citys_requests_become_a_day_of_work_for_eight_technicians(
    databases: Databases, engine_name: str, tmp_path: Path, shared_data: Path
) -> None:
    with databases.fresh_url(engine_name) as url:
        plan = Plan(
            database=url,
            folder=tmp_path,
            requests=shared_data / "nyc311-service-requests.csv",
            technicians=8,
            time_zone="America/New_York",
            booking_day=date(2011, 3, 3),
            first_hour=6,
            visit_minutes=12,
            rounds=76,
            place=(40.7128, -74.0060),
            brisk=True,
        )
        told = Day(plan, QUIET).tell()
    assert told.holds, told
    assert told.visits == 590, "every request became a visit that was finished, but for the cancelled one"
