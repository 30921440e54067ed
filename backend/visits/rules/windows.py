"""Arrival windows: from what a person says to two instants, and the plan that has to begin inside them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from backend.visits.rules.errors import PlanOutsideWindow, WindowInvalid

SHORTEST_WINDOW = timedelta(minutes=15)
LONGEST_WINDOW = timedelta(hours=24)


@dataclass(frozen=True)
class Window:
    """A span of time in which a technician will be at the door; both ends are aware, in UTC."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class SaidWindow:
    """A window as somebody said it: two instants, or a day and two times on the wall clock of the site."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    local_date: date | None = None
    local_start: time | None = None
    local_end: time | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether no window was said at all."""
        return self == SaidWindow()


def resolve_window(said: SaidWindow, time_zone: str) -> Window:
    """The instants that were meant, in the site's `time_zone` (IANA). Raises WindowInvalid.

    A local time that the clock skips is refused. One that it shows twice means the first for the start and
    the second for the end: the customer waits longer rather than in vain.
    """
    by_instants = (said.starts_at, said.ends_at)
    by_clock = (said.local_date, said.local_start, said.local_end)
    if any(value is not None for value in by_instants) and any(value is not None for value in by_clock):
        raise WindowInvalid("Give two instants or a local day with two times, not both.")
    if said.starts_at is not None and said.ends_at is not None:
        return _checked(Window(said.starts_at.astimezone(UTC), said.ends_at.astimezone(UTC)))
    if said.local_date is not None and said.local_start is not None and said.local_end is not None:
        zone = ZoneInfo(time_zone)
        starts_at = local_instant(said.local_date, said.local_start, zone, second=False)
        ends_at = local_instant(said.local_date, said.local_end, zone, second=True)
        return _checked(Window(starts_at, ends_at))
    raise WindowInvalid("Give starts_at and ends_at, or local_date, local_start and local_end.")


def local_instant(day: date, clock: time, zone: ZoneInfo, *, second: bool) -> datetime:
    """The instant (UTC) at which the wall clock of `zone` shows `clock` on `day`, `second`: for the second
    time.

    Raises WindowInvalid when the clock never shows it, because it is being put forward.
    """
    shown = datetime.combine(day, clock)
    instant = shown.replace(tzinfo=zone, fold=int(second)).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != shown:
        raise WindowInvalid(
            f"{shown:%H:%M} does not exist on {day} in {zone.key}: the clock is put forward then. "
            "Choose another time.",
            local_time=f"{shown:%Y-%m-%dT%H:%M}",
            time_zone=zone.key,
        )
    return instant


def _checked(window: Window) -> Window:
    length = window.ends_at - window.starts_at
    if length < SHORTEST_WINDOW:
        raise WindowInvalid("The window must end at least 15 minutes after it starts.")
    if length > LONGEST_WINDOW:
        raise WindowInvalid("The window must not be longer than 24 hours: nobody waits that long.")
    return window


def plan_within(window: Window, duration_minutes: int, start: datetime | None) -> tuple[datetime, datetime]:
    """When the technician is to begin (at the start of the window unless told) and to end.

    The window is about arriving, so the work itself may go on after it. Raises PlanOutsideWindow.
    """
    begins = window.starts_at if start is None else start.astimezone(UTC)
    if not window.starts_at <= begins <= window.ends_at:
        raise PlanOutsideWindow(
            "Plan the start inside the promised window, or reschedule the visit and ask the customer again.",
            arrival_window_start=window.starts_at.isoformat(),
            arrival_window_end=window.ends_at.isoformat(),
        )
    return begins, begins + timedelta(minutes=duration_minutes)
