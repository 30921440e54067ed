"""The words of the mails that go out about a visit."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from backend.visits.models import Visit, WindowOffer, WorkOrder


def link_letter(
    visit: Visit, work_order: WorkOrder, customer_name: str, offers: Sequence[WindowOffer], address: str
) -> dict[str, str]:
    """Subject and text of the mail that asks a customer about a window and carries his link."""
    lines = [f"Dear {customer_name},", "", f"we would like to come for: {work_order.summary}", ""]
    if visit.arrival_window_start is not None and visit.arrival_window_end is not None:
        window = spoken_window(visit.arrival_window_start, visit.arrival_window_end, visit.time_zone)
        lines += ["Our technician would be at your door", f"  {window}", ""]
    if offers:
        lines += ["You can also choose:" if visit.arrival_window_start else "You can choose:"]
        lines += [f"  {spoken_window(offer.starts_at, offer.ends_at, visit.time_zone)}" for offer in offers]
        lines += [""]
    lines += [
        "Please open this link to confirm, to choose another time, or to tell us that none suits you:",
        f"  {address}",
        "",
        "Our technicians never take money at the door.",
        f"Work order {work_order.number}",
    ]
    return {"subject": f"Your visit, work order {work_order.number}", "text": "\n".join(lines) + "\n"}


def spoken_window(starts_at: datetime, ends_at: datetime, time_zone: str) -> str:
    """A window on the wall clock of the site: "Monday, 2 March 2026, 09:00-11:00 (America/New_York)"."""
    zone = ZoneInfo(time_zone)
    start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{_day(end)}, {end:%H:%M}"
    return f"{_day(start)}, {start:%H:%M}-{until} ({time_zone})"


def _day(moment: datetime) -> str:
    return f"{moment:%A}, {moment.day} {moment:%B} {moment.year}"
