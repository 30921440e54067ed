"""Places for bodies: all threads are never taken, and never all by one address."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from backend.web import places
from backend.web.places import KEPT_FREE, BodyPlaces, TooManyBodies


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "LONGEST_WAIT_SECONDS", 0.01)


def take(counted: BodyPlaces, stack: ExitStack, address: str) -> int:
    """How many places an address can take at once."""
    for number in range(100):
        try:
            stack.enter_context(counted.one(address))
        except TooManyBodies:
            return number
    return 100


def test_one_address_leaves_a_place_for_others_and_all_leave_threads() -> None:
    counted = BodyPlaces(threads=8)
    with ExitStack() as stack:
        assert take(counted, stack, "203.0.113.66") == 8 - KEPT_FREE - 1
        assert take(counted, stack, "192.0.2.1") == 1
        assert take(counted, stack, "192.0.2.2") == 0
    with ExitStack() as stack:
        assert take(counted, stack, "192.0.2.2") == 8 - KEPT_FREE - 1, "places are given back"


def test_the_smallest_server_still_reads_bodies() -> None:
    with ExitStack() as stack:
        assert take(BodyPlaces(threads=1), stack, "192.0.2.1") == 1
