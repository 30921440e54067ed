"""What every part of the sealed page is put together from: sections, tables, cells, times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, Spacer, Table

from backend.paper.styles import ACCENT, BODY, HEADING, LINE, SMALL, SOFT, text

MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN


def section(heading: str, parts: Sequence[Flowable]) -> Iterable[Flowable]:
    """A heading that never stands alone at the foot of a page, and what follows it."""
    yield CondPageBreak(26 * mm)
    space, head, first, *rest = headed(heading, parts)
    yield space
    yield KeepTogether([head, first])
    yield from rest


def headed(heading: str, parts: Iterable[Flowable]) -> Iterable[Flowable]:
    """A heading and what follows it, for what is kept together as a whole: nothing here breaks the page."""
    yield Spacer(1, 4.5 * mm)
    yield text(heading, HEADING, bold=True, color=ACCENT)
    yield from parts


def table(
    rows: Sequence[Sequence[object]],
    shares: Sequence[float],
    *,
    heads: Sequence[str] = (),
    total: bool = False,
) -> Table:
    """Rows over the whole width, in these shares of it; with `total` the last row sums up the others."""
    head = [[text(name, SMALL, color=SOFT, align="right" if _is_figure(name) else "left") for name in heads]]
    whole = [*(head if heads else []), *rows]
    style = [*LINE, *([("LINEABOVE", (0, -1), (-1, -1), 0.8, ACCENT)] if total else [])]
    made = Table(whole, colWidths=[WIDTH * share for share in shares], style=style, repeatRows=bool(heads))
    made.hAlign = "LEFT"
    return made


def fact(known: tuple[str, str], language: str) -> tuple[Flowable, Flowable]:
    """A name and what it stands for, as two cells."""
    return text(known[0], SMALL, color=SOFT), text(known[1], BODY, language=language)


def cell(said: str, language: str = "", *, bold: bool = False) -> Flowable:
    """Text in a table."""
    return text(said, BODY, language=language, bold=bold)


def number(said: str, *, bold: bool = False) -> Flowable:
    """A figure in a table, to the right."""
    return text(said, BODY, align="right", bold=bold)


def clock(instant: str | None, zone: str) -> str:
    """Day, time and zone of an instant as the wall clock there showed it; nothing for none."""
    if instant is None:
        return ""
    local = datetime.fromisoformat(instant).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%B %Y, %H:%M} ({local:%Z})"


def span(begun: str | None, ended: str | None, zone: str) -> str:
    """From when to when, as the wall clock there showed it; nothing while an end is missing."""
    if begun is None or ended is None:
        return ""
    start, end = (datetime.fromisoformat(at).astimezone(ZoneInfo(zone)) for at in (begun, ended))
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end.day} {end:%B, %H:%M}"
    return f"{start:%H:%M} – {until}"


def _is_figure(heading: str) -> bool:
    return heading in {"Quantity", "Each", "Sum"}
