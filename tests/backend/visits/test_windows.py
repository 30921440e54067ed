"""Arrival windows: said on a wall clock, kept as instants, right on the days when clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.visits.rules import (
    PlanOutsideWindow,
    SaidWindow,
    Window,
    WindowInvalid,
    plan_within,
    resolve_window,
)


def said(day: str, start: str, end: str) -> SaidWindow:
    return SaidWindow(
        local_date=date.fromisoformat(day),
        local_start=time.fromisoformat(start),
        local_end=time.fromisoformat(end),
    )


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "day", "start", "end", "starts_at", "ends_at"),
    [
        ("America/New_York", "2026-01-15", "09:00", "11:00", "2026-01-15T14:00Z", "2026-01-15T16:00Z"),
        ("America/New_York", "2026-07-15", "09:00", "11:00", "2026-07-15T13:00Z", "2026-07-15T15:00Z"),
        ("Asia/Kathmandu", "2026-03-08", "09:00", "11:00", "2026-03-08T03:15Z", "2026-03-08T05:15Z"),
        ("Australia/Lord_Howe", "2026-06-01", "09:00", "11:00", "2026-05-31T22:30Z", "2026-06-01T00:30Z"),
        ("Australia/Lord_Howe", "2026-12-01", "09:00", "11:00", "2026-11-30T22:00Z", "2026-12-01T00:00Z"),
    ],
)
def test_a_window_means_the_wall_clock_of_the_site(
    zone: str, day: str, start: str, end: str, starts_at: str, ends_at: str
) -> None:
    assert resolve_window(said(day, start, end), zone) == Window(instant(starts_at), instant(ends_at))


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        ("America/New_York", "2026-03-08", "02:30", "04:00"),
        ("America/New_York", "2026-03-08", "01:00", "02:00"),
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "05:00"),
        ("Europe/Berlin", "2026-03-29", "02:00", "03:30"),
    ],
)
def test_a_local_time_that_the_clock_skips_is_refused(zone: str, day: str, start: str, end: str) -> None:
    with pytest.raises(WindowInvalid, match="put forward"):
        resolve_window(said(day, start, end), zone)


@pytest.mark.parametrize(
    ("zone", "day", "start", "end", "lasts"),
    [
        ("America/New_York", "2026-11-01", "01:00", "01:30", timedelta(minutes=90)),
        ("America/New_York", "2026-11-01", "00:00", "04:00", timedelta(hours=5)),
        ("America/New_York", "2026-03-08", "00:00", "04:00", timedelta(hours=3)),
        ("Australia/Lord_Howe", "2026-04-05", "01:30", "02:00", timedelta(minutes=60)),
        ("Australia/Lord_Howe", "2026-10-04", "01:30", "02:30", timedelta(minutes=30)),
        ("Asia/Kathmandu", "2026-11-01", "01:00", "01:30", timedelta(minutes=30)),
    ],
)
def test_a_time_that_the_clock_shows_twice_makes_the_window_wider_and_never_narrower(
    zone: str, day: str, start: str, end: str, lasts: timedelta
) -> None:
    window = resolve_window(said(day, start, end), zone)
    assert window.ends_at - window.starts_at == lasts


@given(
    zone=st.sampled_from(
        ["America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Europe/Berlin", "UTC"]
    ),
    day=st.dates(date(2024, 1, 1), date(2027, 12, 31)),
    start=st.integers(0, 1439),
    length=st.integers(60, 600),
)
def test_a_window_that_is_not_refused_shows_the_said_times_on_the_wall(
    zone: str, day: date, start: int, length: int
) -> None:
    end = min(start + length, 1439)
    clock = [time(minutes // 60, minutes % 60) for minutes in (start, end)]
    try:
        window = resolve_window(SaidWindow(local_date=day, local_start=clock[0], local_end=clock[1]), zone)
    except WindowInvalid:
        return
    shown = [
        moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        for moment in (window.starts_at, window.ends_at)
    ]
    assert shown == [datetime.combine(day, moment) for moment in clock]
    assert window.starts_at < window.ends_at


@pytest.mark.parametrize(
    "half_said",
    [
        SaidWindow(),
        SaidWindow(starts_at=instant("2026-01-15T14:00Z")),
        SaidWindow(local_date=date(2026, 1, 15), local_start=time(9)),
        SaidWindow(
            starts_at=instant("2026-01-15T14:00Z"),
            ends_at=instant("2026-01-15T16:00Z"),
            local_date=date(2026, 1, 15),
        ),
    ],
)
def test_a_window_is_said_in_one_way_and_whole(half_said: SaidWindow) -> None:
    with pytest.raises(WindowInvalid):
        resolve_window(half_said, "Europe/Berlin")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-15T14:00Z", "2026-01-15T13:00Z"),
        ("2026-01-15T14:00Z", "2026-01-15T14:00Z"),
        ("2026-01-15T14:00Z", "2026-01-15T14:14Z"),
        ("2026-01-15T14:00Z", "2026-01-16T14:01Z"),
    ],
)
def test_a_window_that_nobody_could_keep_or_wait_for_is_refused(start: str, end: str) -> None:
    with pytest.raises(WindowInvalid):
        resolve_window(SaidWindow(starts_at=instant(start), ends_at=instant(end)), "UTC")


WINDOW = Window(instant("2026-01-15T14:00Z"), instant("2026-01-15T16:00Z"))


def test_a_plan_begins_with_the_window_unless_told_and_may_end_after_it() -> None:
    assert plan_within(WINDOW, 180, None) == (WINDOW.starts_at, instant("2026-01-15T17:00Z"))


@pytest.mark.parametrize("start", ["2026-01-15T13:59Z", "2026-01-15T16:01Z"])
def test_a_plan_that_leaves_the_promised_window_is_refused(start: str) -> None:
    with pytest.raises(PlanOutsideWindow):
        plan_within(WINDOW, 60, instant(start))
