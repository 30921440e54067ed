"""What a shift and a territory have to be."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.db.types import Coordinates
from backend.dispatch.rules import (
    HalfAHome,
    ShiftInvalid,
    TerritoryInvalid,
    check_shift,
    home_of,
    territory_of,
)
from schemas.dispatch import ShiftKind

START = datetime(2026, 3, 2, 7, tzinfo=UTC)


def area(*corners: tuple[float, float]) -> list[Coordinates]:
    return [Coordinates(latitude, longitude) for latitude, longitude in corners]


SQUARE = area((52, 13), (52, 14), (53, 14), (53, 13))


def test_a_shift_lasts_up_to_a_day_and_a_leave_up_to_a_year() -> None:
    check_shift(START, START + timedelta(hours=24), ShiftKind.WORK)
    check_shift(START, START + timedelta(days=366), ShiftKind.LEAVE)


@pytest.mark.parametrize(
    ("length", "kind"),
    [
        (timedelta(0), ShiftKind.WORK),
        (timedelta(hours=-1), ShiftKind.LEAVE),
        (timedelta(hours=24, seconds=1), ShiftKind.WORK),
        (timedelta(days=366, seconds=1), ShiftKind.LEAVE),
    ],
)
def test_a_shift_that_nobody_can_work_is_refused(length: timedelta, kind: ShiftKind) -> None:
    with pytest.raises(ShiftInvalid):
        check_shift(START, START + length, kind)


def test_a_territory_keeps_its_corners_and_drops_the_repeated_one() -> None:
    assert territory_of(SQUARE) == tuple(SQUARE)
    assert territory_of([*SQUARE, SQUARE[0]]) == tuple(SQUARE)


@pytest.mark.parametrize(
    "corners",
    [
        [],
        SQUARE[:2],
        [SQUARE[0]] * 4,
        area((52, 13), (53, 14), (52, 14), (53, 13)),
        area((52, 13), (52, 14), (52, 15)),
        area((-10, 179), (-10, -179), (-12, -179), (-12, 179)),
    ],
)
def test_an_area_that_is_none_is_refused(corners: list[Coordinates]) -> None:
    with pytest.raises(TerritoryInvalid):
        territory_of(corners)


def test_a_home_is_a_place_or_nothing() -> None:
    assert home_of(52.5, 13.4) == Coordinates(52.5, 13.4)
    assert home_of(None, None) is None
    for half in ((52.5, None), (None, 13.4)):
        with pytest.raises(HalfAHome):
            home_of(*half)
