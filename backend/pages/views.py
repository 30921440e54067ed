"""What a page says of a visit: the words a customer reads, made from what the link shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from backend.visits.links import VisitBehindLink
from schemas.visits import Confirmation, VisitStatus


@dataclass(frozen=True)
class ShownWindow:
    """A window on the wall clock of the site."""

    day: str
    hours: str
    zone: str


@dataclass(frozen=True)
class ShownOffer:
    """A window on offer, and the id that picks it."""

    id: UUID
    window: ShownWindow


@dataclass(frozen=True)
class Note:
    """The line above everything: `tone` is good, warn or bad."""

    tone: str
    text: str


@dataclass(frozen=True)
class ShownVisit:
    """All that the template needs, in words."""

    heading: str
    summary: str
    number: str
    address: str
    technician: str | None
    window: ShownWindow | None
    window_version: int
    offers: tuple[ShownOffer, ...]
    note: Note | None
    can_confirm: bool
    can_decline: bool
    may_be_billed: bool


_ON_THE_WAY = frozenset({VisitStatus.EN_ROUTE, VisitStatus.ON_SITE, VisitStatus.IN_PROGRESS})
_HEADINGS: Mapping[VisitStatus, str] = {
    VisitStatus.EN_ROUTE: "We are on our way",
    VisitStatus.ON_SITE: "We are with you",
    VisitStatus.IN_PROGRESS: "We are with you",
    VisitStatus.COMPLETED: "Your visit is done",
    VisitStatus.PARTIALLY_COMPLETED: "We will come again",
    VisitStatus.CANNOT_COMPLETE: "We could not finish",
    VisitStatus.NO_ACCESS: "We could not reach you",
    VisitStatus.CANCELLED: "This visit is cancelled",
    VisitStatus.REQUIRES_SLOT: "We are looking for a time",
}


_NAMED = frozenset(VisitStatus) - {VisitStatus.NO_ACCESS, VisitStatus.CANCELLED}
"""Where the customer is told who comes (or came): not of somebody whom nobody let in, or who never comes."""

_MAY_BE_BILLED = frozenset({VisitStatus.COMPLETED, VisitStatus.PARTIALLY_COMPLETED})
"""Where the customer may ask for a bill; whether there is one, this side does not know."""


def show_visit(seen: VisitBehindLink, *, who_comes: str | None = None) -> ShownVisit:
    """The page of one visit; `who_comes` is the name of its technician."""
    zone = seen.visit.time_zone
    window = seen.window
    offers = tuple(ShownOffer(o.id, show_window(o.starts_at, o.ends_at, zone)) for o in seen.offers)
    return ShownVisit(
        heading=_HEADINGS.get(seen.visit.status) or _planned_heading(seen),
        summary=seen.work_order.summary,
        number=seen.work_order.number,
        address=seen.address,
        technician=who_comes if seen.visit.status in _NAMED else None,
        window=None if window is None else show_window(window.starts_at, window.ends_at, zone),
        window_version=seen.visit.window_version,
        offers=offers if seen.can_pick else (),
        note=_note(seen),
        can_confirm=seen.can_confirm,
        can_decline=seen.can_decline,
        may_be_billed=seen.visit.status in _MAY_BE_BILLED,
    )


def show_window(starts_at: datetime, ends_at: datetime, time_zone: str) -> ShownWindow:
    """A window as people say it; one that ends on another day names that day."""
    zone = ZoneInfo(time_zone)
    start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%H:%M} on {_day(end)}"
    return ShownWindow(day=_day(start), hours=f"{start:%H:%M} – {until}", zone=time_zone.replace("_", " "))


def calendar_of(seen: VisitBehindLink, *, firm: str, host: str, now: datetime) -> bytes:
    """The visit as an iCalendar file (RFC 5545) in UTC; a new window version is a later SEQUENCE.

    Raises ValueError when the visit has no window.
    """
    if seen.window is None:
        raise ValueError("a visit without a window has no calendar entry")
    event = Event()
    event.add("uid", f"visit-{seen.visit.id}@{host}")
    event.add("dtstamp", now)
    event.add("sequence", seen.visit.window_version)
    event.add("dtstart", seen.window.starts_at)
    event.add("dtend", seen.window.ends_at)
    event.add("summary", f"{firm}: {seen.work_order.summary}")
    event.add("location", seen.address)
    event.add("description", f"Work order {seen.work_order.number}. The technician arrives within this time.")
    event.add("status", _calendar_status(seen))
    calendar = Calendar()
    calendar.add("prodid", "-//Doorstep//Visit//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def _calendar_status(seen: VisitBehindLink) -> str:
    if seen.visit.status is VisitStatus.CANCELLED:
        return "CANCELLED"
    return "CONFIRMED" if seen.visit.confirmation is Confirmation.CONFIRMED else "TENTATIVE"


def _planned_heading(seen: VisitBehindLink) -> str:
    if seen.visit.confirmation is Confirmation.CONFIRMED:
        return "We have an appointment"
    return "Does this time suit you?" if seen.can_confirm else "Your visit"


def _note(seen: VisitBehindLink) -> Note | None:
    if seen.visit.status in _ON_THE_WAY:
        return None
    if seen.visit.confirmation is Confirmation.CONFIRMED and seen.can_decline:
        return Note("good", "You confirmed this time. Thank you!")
    if seen.visit.status is VisitStatus.REQUIRES_SLOT:
        return Note("warn", "No time is agreed yet. We will get in touch with you.")
    if seen.visit.status is VisitStatus.CANCELLED:
        return Note("bad", "Nobody will come. Please call us if you did not expect this.")
    return None


def _day(moment: datetime) -> str:
    return f"{moment:%A}, {moment.day} {moment:%B} {moment.year}"
