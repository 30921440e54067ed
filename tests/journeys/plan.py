"""Which day is told: where, with whom, and at what pace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

DEMO_REQUESTS = Path(__file__).parent / "data" / "requests.csv"


@dataclass(frozen=True)
class Plan:
    """Which day is told.

    `visit_minutes` is the pace of the round, `first_hour` its beginning on the clock of `time_zone`.
    `booking_day` is the day before the visits. `fault_rate` is the share of requests that the evening's bad
    network spoils. `place` stands in for what has no location. On a `brisk` day every request becomes a short
    visit, given out in turn and, but for a few, confirmed on the telephone; and at most doors nobody opens.
    `port`: where the server listens, also after the day, so that the codes on the reports lead there.
    """

    database: str
    folder: Path
    requests: Path
    technicians: int
    time_zone: str
    booking_day: date
    first_hour: int = 8
    visit_minutes: int = 60
    rounds: int = 13
    fault_rate: float = 0.25
    seed: int = 1
    workers: int = 1
    place: tuple[float, float] = (52.0412, 1.1554)
    brisk: bool = False
    port: int | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def at(self, day: int, hour: int, minute: int = 0) -> datetime:
        """An instant on the wall clock: day 0 books, day 1 works."""
        local = datetime.combine(self.booking_day, datetime.min.time(), self.zone) + timedelta(days=day)
        return local.replace(hour=hour, minute=minute).astimezone(UTC)

    def slot(self, number: int) -> datetime:
        """When the visits of round `number` are planned to begin."""
        return self.at(1, self.first_hour) + timedelta(minutes=self.visit_minutes * number)


def demo_plan(
    folder: Path,
    *,
    database: str | None = None,
    seed: int = 1,
    booking_day: date = date(2026, 3, 3),
    port: int | None = None,
) -> Plan:
    """The day that `make demo` tells, in a folder that is not there yet; on SQLite unless told otherwise."""
    folder.mkdir(parents=True)
    folder = folder.resolve()
    return Plan(
        database=database or f"sqlite:///{folder / 'doorstep.sqlite'}",
        folder=folder,
        requests=DEMO_REQUESTS,
        technicians=3,
        time_zone="Europe/London",
        booking_day=booking_day,
        seed=seed,
        port=port,
    )
