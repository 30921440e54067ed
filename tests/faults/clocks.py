"""Faults of clocks: years off, jumping, and put back by law."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from backend.visits.models import VisitEvent
from mobile_client_stub import journal
from mobile_client_stub.phone import Phone
from mobile_client_stub.words import utc_now
from schemas.visits import VisitStatus
from sync.models import FEEDS
from tests.faults.case import case
from tests.faults.world import TEN_MINUTES, MovedClock, World, a_visit, attempt, write_notes

SUMMER_ZONE = ZoneInfo("Europe/Berlin")
A_MINUTE, AN_HOUR, A_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def end_of_summer() -> datetime:
    """The next instant at which clocks are put back in SUMMER_ZONE."""
    moment = utc_now().replace(minute=0, second=0, microsecond=0)
    while _ahead_of_utc(moment + AN_HOUR) >= _ahead_of_utc(moment):
        moment += AN_HOUR
    return moment + AN_HOUR


def _ahead_of_utc(moment: datetime) -> timedelta:
    return moment.astimezone(SUMMER_ZONE).utcoffset() or timedelta(0)


@case(
    "F19",
    "Clocks of phones ten years off",
    seen="nothing is refused",
)
def wrong_phones(world: World) -> None:
    """Two phones work ten years ago and in ten years."""
    for years in (-10, 10):
        phone = world.phone(clock=MovedClock(timedelta(days=365.25 * years)))
        write_notes(phone, 4)
        assert attempt(phone) is None
        outcomes = [one.outcome for one in journal.everything(phone.store.connection)]
        assert len(outcomes) == 4
        assert set(outcomes) <= {"applied", "merged"}, outcomes


@case("F19", "The server's clock jumps", seen="nothing; sessions go on", quick_on=("sqlite",))
def jumping_server(world: World) -> None:
    """The server is an hour ahead, then an hour behind, then right, while a phone works."""
    phone = world.phone()
    for hours in (1, -1, 0):
        write_notes(phone, 4)
        world.set_clock(timedelta(hours=hours))
        assert attempt(phone) is None
        write_notes(phone, 2)


@case(
    "F19",
    "Summer time ends",
    seen="nothing: what lasts across the hour that comes twice lasts as long as it did; 25 hours are one day",
    world="summer time",
    quick_on=("sqlite",),
)
def end_of_summer_time(world: World) -> None:
    """A phone works ten minutes before clocks are put back, ten minutes after, and around midnight.

    All clocks are there: the firm's, the server's and the phone's.
    """
    change = end_of_summer()
    sunday = change.astimezone(SUMMER_ZONE).date()
    phone = world.phone(clock=world.clock)
    visit = a_visit(phone)
    for step in ("accept", "depart", "arrive"):
        phone.step(step, visit)
    assert attempt(phone) is None
    world.set_clock(change + TEN_MINUTES - utc_now())
    phone.step("start", visit)
    assert attempt(phone) is None
    took = _moment_of(world, visit, VisitStatus.IN_PROGRESS) - _moment_of(world, visit, VisitStatus.ON_SITE)
    assert abs(took - 2 * TEN_MINUTES) < A_MINUTE
    midnight = datetime.combine(sunday + A_DAY, time(), SUMMER_ZONE).astimezone(UTC)
    assert midnight - change == timedelta(hours=22)
    for moment, day in ((midnight - TEN_MINUTES, sunday), (midnight + TEN_MINUTES, sunday + A_DAY)):
        world.set_clock(moment - utc_now())
        write_notes(phone, 2)
        assert attempt(phone) is None
        assert _day_of_feed(world, phone) == day


def _moment_of(world: World, visit: str, status: VisitStatus) -> datetime:
    """When a visit came to be in a state, by the clock of whoever brought it there."""
    happened = select(VisitEvent.occurred_at).where(
        VisitEvent.visit_id == UUID(visit), VisitEvent.to_status == status
    )
    with world.wiring.factory.begin(write=False) as uow:
        return uow.session.execute(happened).scalar_one()


def _day_of_feed(world: World, phone: Phone) -> date | None:
    """Around which day the phone's records are."""
    of_mine = FEEDS.c.audience == f"technician:{phone.account.user_id}"
    with world.wiring.factory.begin(write=False) as uow:
        day: date | None = uow.session.execute(select(FEEDS.c.local_day).where(of_mine)).scalar_one()
    return day


CASES = (wrong_phones, jumping_server, end_of_summer_time)
