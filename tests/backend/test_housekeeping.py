"""Housekeeping forgets what is past, keeps the rest, and no chore that fails stops the others."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from backend import housekeeping
from backend.access.models import ThrottleBucket
from backend.access.throttle import forget_old_buckets
from backend.app import Wiring, wire
from backend.db.unit_of_work import UnitOfWork
from backend.housekeeping import keep_house
from tests.databases import Database
from tests.settings import cheap_settings


@pytest.fixture
def wiring(database: Database, tmp_path: Path) -> Wiring:
    """Everything but HTTP."""
    return wire(database.engine, cheap_settings(database.url, tmp_path), clock=database.clock)


def buckets(wiring: Wiring) -> list[str]:
    with wiring.factory.begin(write=False) as uow:
        return sorted(uow.session.scalars(select(ThrottleBucket.key)))


def fill_buckets(wiring: Wiring) -> None:
    with wiring.factory.begin() as uow:
        for key, age in (("old", timedelta(days=2)), ("young", timedelta(hours=2))):
            uow.add(ThrottleBucket(key=key, tokens=1.0, updated_at=uow.now - age))


def test_what_is_past_is_forgotten_and_the_rest_is_kept(wiring: Wiring) -> None:
    fill_buckets(wiring)
    assert keep_house(wiring) == []
    assert buckets(wiring) == ["young"]
    assert keep_house(wiring) == [], "twice is once"


def test_a_chore_that_fails_is_named_and_stops_no_other(
    wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spill(_: UnitOfWork) -> None:
        raise RuntimeError("the bucket fell over")

    monkeypatch.setattr(housekeeping, "CHORES", (spill, forget_old_buckets))
    fill_buckets(wiring)
    assert keep_house(wiring) == ["spill"]
    assert buckets(wiring) == ["young"]
