"""The time of a test: stands still until the test moves it."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""A Monday morning, and no change of daylight saving anywhere near."""


class SettableClock:
    """Calling it tells the time (aware, UTC), as the application's own clock does."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def set(self, now: datetime) -> None:
        """Make it `now`, an aware instant in any zone."""
        if now.tzinfo is None:
            raise ValueError("a clock needs an aware instant")
        self.now = now.astimezone(UTC)

    def advance(self, **spans: float) -> datetime:
        """Let time pass: `advance(minutes=5)`. Returns the new time."""
        self.now += timedelta(**spans)
        return self.now
