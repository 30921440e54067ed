"""What the phone shows on a terminal: tables for people. Nothing here decides anything."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mobile_client_stub.phone import Outbox, Phone, SyncReport
from mobile_client_stub.words import Body, short, text_of

STATUS_COLOURS = {
    "dispatched": "cyan",
    "accepted": "cyan",
    "en_route": "yellow",
    "on_site": "yellow",
    "in_progress": "yellow",
    "completed": "green",
    "partially_completed": "green",
    "cancelled": "red",
    "cannot_complete": "red",
    "no_access": "red",
}
"""How a visit's status is coloured; others are plain."""


def local(text: str, zone: str, form: str = "%a %d %b %H:%M") -> str:
    """An instant on the wall clock of a zone; "" for none."""
    return datetime.fromisoformat(text).astimezone(ZoneInfo(zone or "UTC")).strftime(form) if text else ""


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[RenderableType]]) -> RenderableType:
    """A table, or a quiet line when there is nothing in it."""
    drawn = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False
    )
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    return drawn if drawn.row_count else Text.assemble((title, "bold"), "  none", style="dim")


def status_text(status: str) -> Text:
    """A visit's status in its colour."""
    return Text(status.replace("_", " "), style=STATUS_COLOURS.get(status, ""))


def visits_screen(phone: Phone) -> RenderableType:
    """The day: one line per visit."""
    orders, sites = phone.view("work_orders"), phone.view("sites")
    rows = []
    for visit in phone.visits():
        order = orders.get(text_of(visit, "work_order_id"), {})
        site = sites.get(text_of(order, "site_id"), {})
        zone = text_of(visit, "time_zone")
        window = local(text_of(visit, "arrival_window_start"), zone)
        if window:
            window += "-" + local(text_of(visit, "arrival_window_end"), zone, "%H:%M")
        stored, files = phone.media_of_visit(text_of(visit, "id"))
        rows.append(
            (
                short(text_of(visit, "id")),
                window,
                status_text(text_of(visit, "status")),
                text_of(order, "summary"),
                ", ".join(filter(None, (text_of(site, "address"), text_of(site, "city")))),
                f"{stored} of {files} stored" if files else "",
            )
        )
    return table("Visits", ("id", "window", "status", "what", "where", "files"), rows)


def visit_screen(phone: Phone, visit: Body) -> RenderableType:
    """One visit with everything that belongs to it."""
    visit_id, zone = text_of(visit, "id"), text_of(visit, "time_zone")
    order = phone.view("work_orders").get(text_of(visit, "work_order_id"), {})
    site = phone.view("sites").get(text_of(order, "site_id"), {})
    customer = phone.view("customers").get(text_of(order, "customer_id"), {})
    head = Text.assemble(
        (text_of(order, "summary") or "Visit", "bold"),
        f"\n{text_of(customer, 'name')}  {text_of(customer, 'phone')}",
        f"\n{text_of(site, 'address')}, {text_of(site, 'postal_code')} {text_of(site, 'city')}",
        f"\n{text_of(site, 'access_notes')}".rstrip(),
        f"\n{local(text_of(visit, 'arrival_window_start'), zone)} ({zone})  ",
        status_text(text_of(visit, "status")),
        f"  confirmation {text_of(visit, 'confirmation')}",
    )
    return Group(Panel(head, title=short(visit_id), title_align="left"), *_parts_of(phone, visit_id))


NOTABLE_SKEW = 120.0  # seconds


def _span(ahead: float) -> str:
    return f"{abs(ahead) / 60:.0f} minutes {'fast' if ahead > 0 else 'slow'}"


def outbox_screen(outbox: Outbox, zone: str) -> RenderableType:
    """What waits and why."""
    heard = local(outbox.last_contact or "", zone) or "never"
    foot = Text(f"{outbox.unsent} not sent. Last contact with the server: {heard}.", style="dim")
    if outbox.clock_ahead is not None and abs(outbox.clock_ahead) > NOTABLE_SKEW:
        foot.append(f"\nThis phone's clock is {_span(outbox.clock_ahead)}: set it right.", style="red")
    mutations = [
        (
            str(entry.mutation.number or ""),
            entry.mutation.type,
            short(entry.mutation.record),
            local(entry.mutation.occurred_at, zone),
            Text(entry.state, style="yellow" if entry.state in {"waiting", "held"} else "red"),
            entry.why,
        )
        for entry in outbox.mutations
    ]
    files = [
        (short(medium.id), medium.kind, f"{medium.size:,} bytes", medium.state, medium.trouble or "")
        for medium in outbox.media
    ]
    return Group(
        table("Outbox", ("no", "what", "record", "when", "state", "why"), mutations),
        table("Files", ("id", "kind", "size", "state", "trouble"), files),
        foot,
    )


def inbox_screen(entries: Sequence[Body], zone: str) -> RenderableType:
    """What the office has to look at, or has looked at."""
    rows = [
        (
            local(text_of(entry, "created_at"), zone),
            text_of(entry, "type"),
            short(text_of(entry, "record_id")),
            text_of(entry, "outcome"),
            text_of(entry, "detail") or text_of(entry, "title"),
            _decision(entry),
        )
        for entry in entries
    ]
    return table("Inbox", ("when", "what", "record", "outcome", "why", "decision"), rows)


def _decision(entry: Body) -> str:
    """What the office made of it, in its own words."""
    if not entry.get("settled_at"):
        return "open"
    if not entry.get("decision"):
        return "closed by itself"
    said = f"{text_of(entry, 'decision').replace('_', ' ')} by {text_of(entry, 'decided_by_name')}"
    remark = text_of(entry, "remark")
    return f"{said}: {remark}" if remark else said


def sync_screen(report: SyncReport) -> RenderableType:
    """One line on what a sync did."""
    exchanged = report.exchanged
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(exchanged.outcomes.items())) or "none"
    line = (
        f"Sent {exchanged.sent} ({outcomes}), received {exchanged.received} changes "
        f"in {exchanged.round_trips} round trips; {report.uploaded.sent} files sent."
    )
    if report.wiped:
        line = "The office asked this phone to forget everything; the work is on the server."
    trouble = f"\n{report.uploaded.trouble}" if report.uploaded.trouble else ""
    failed = (
        f"\n{report.uploaded.failed} files were not taken; `outbox` says why."
        if report.uploaded.failed
        else ""
    )
    return Text(line + trouble + failed)


def console() -> Console:
    """Where people read; as wide as their terminal, never narrower than a table needs."""
    found = Console()
    return found if found.is_terminal else Console(width=160)


def _parts_of(phone: Phone, visit_id: str) -> list[RenderableType]:
    stored, files = phone.media_of_visit(visit_id)
    notes = phone.records_of_visit("visit_notes", visit_id)
    return [
        _checklist(phone.records_of_visit("checklist_items", visit_id)),
        _conduct(phone.records_of_visit("conduct_steps", visit_id)),
        _removed(phone.records_of_visit("removed_parts", visit_id)),
        table("Notes", ("text",), [(text_of(note, "text"),) for note in notes]),
        _charges(_charges_of(phone, visit_id)),
        Text.assemble(("Files", "bold"), f"  {stored} of {files} stored"),
        *(_report_line(report) for report in phone.records_of_visit("service_reports", visit_id)),
    ]


def _checklist(items: Iterable[Body]) -> RenderableType:
    rows = [
        (
            short(text_of(item, "id")),
            text_of(item, "name"),
            text_of(item, "quantity"),
            _tick(item, "packed"),
            _tick(item, "verified"),
            text_of(item, "quantity_used"),
            text_of(item, "quantity_returned"),
        )
        for item in items
    ]
    columns = ("id", "part or tool", "quantity", "packed", "verified", "used", "returned")
    return table("Checklist", columns, rows)


def _conduct(steps: Iterable[Body]) -> RenderableType:
    rows = [
        (
            short(text_of(step, "id")),
            text_of(step, "text"),
            text_of(step, "proof").replace("_", " "),
            _tick(step, "required"),
            text_of(step, "answer"),
            text_of(step, "note"),
        )
        for step in sorted(steps, key=lambda step: int(text_of(step, "position") or 0))
    ]
    return table("Conduct", ("id", "step", "by", "required", "answer", "note"), rows)


def _removed(parts: Iterable[Body]) -> RenderableType:
    rows = [
        (
            short(text_of(part, "id")),
            text_of(part, "name"),
            text_of(part, "disposition"),
            text_of(part, "consented_by"),
        )
        for part in parts
    ]
    return table("Removed parts", ("id", "name", "what with it", "said by"), rows)


def _charges(charges: Iterable[Body]) -> RenderableType:
    columns = ("id", "what", "quantity", "for one", "")
    return table("Charges", columns, [_charge_row(charge) for charge in charges])


def _charges_of(phone: Phone, visit_id: str) -> list[Body]:
    reports = {text_of(report, "id") for report in phone.records_of_visit("service_reports", visit_id)}
    return [charge for charge in phone.view("report_charges").values() if charge.get("report_id") in reports]


def _charge_row(charge: Body) -> tuple[str, ...]:
    price = f"{text_of(charge, 'unit_minor')} (smallest units) {text_of(charge, 'currency')}"
    state = "withdrawn" if charge.get("withdrawn_at") else ""
    return (
        short(text_of(charge, "id")),
        text_of(charge, "description"),
        text_of(charge, "quantity"),
        price,
        state,
    )


def _report_line(report: Body) -> Text:
    signer = text_of(report, "signer_name")
    reasons = (text_of(report, f"{whose}_reason") for whose in ("refusal", "absence", "office"))
    reason = next(filter(None, reasons), "")
    return Text.assemble(
        ("Report", "bold"),
        f"  {text_of(report, 'status')}",
        f"  by {signer}" if signer else "",
        f"  because {reason}" if reason else "",
        f"\n{text_of(report, 'findings')}\n{text_of(report, 'work_done')}".rstrip(),
    )


def _tick(body: Body, name: str) -> str:
    return "yes" if body.get(name) else "-"
