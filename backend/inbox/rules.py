"""What can be decided about an entry of the field inbox, and how it is put into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.errors import DomainError, ErrorKind, JsonValue
from schemas.inbox import Urgency

VERBS = ("accept", "decline", "note", "follow_up", "settle")
"""Everything that can be done with an entry."""


class KeptValueRefused(DomainError):
    """The use case refuses what the field did: the report is sealed, the visit over, the record gone."""

    title = "What the field did cannot be applied."
    kind = ErrorKind.CONFLICT


class EntryWithoutVisit(DomainError):
    """A note or a follow-up was asked for where nobody knows which visit it belongs to."""

    title = "This entry is about no visit."
    kind = ErrorKind.CONFLICT


@dataclass(frozen=True)
class Said:
    """What a person did in the field: `kind`, such as `service_report.write`, and when by the phone."""

    kind: str
    who: str
    at: datetime
    time_zone: str
    fields: Mapping[str, JsonValue]


def words_of(said: Said, longest: int) -> str:
    """A note for people: who did what when, and every field in its own line; at most `longest` characters."""
    when = said.at.astimezone(ZoneInfo(said.time_zone)).strftime("%Y-%m-%d %H:%M")
    lines = [f"{said.who}, {when} ({said.time_zone}): {said.kind}"]
    lines += [f"{name}: {value}" for name, value in said.fields.items() if value is not None]
    text = "".join(c if c == "\n" or c.isprintable() else "\ufffd" for c in "\n".join(lines))
    more = "… (all of it is in the field inbox)"
    return text if len(text) <= longest else text[: longest - len(more)] + more


LATE_AFTER, OVERDUE_AFTER = timedelta(hours=4), timedelta(hours=24)
"""A phone without a network for the rest of a day is usual; one that is silent for a whole day is not."""


def urgency_of(waited: timedelta) -> Urgency:
    """How much a report that has waited so long for its files is in need of somebody."""
    if waited >= OVERDUE_AFTER:
        return Urgency.OVERDUE
    return Urgency.LATE if waited >= LATE_AFTER else Urgency.FRESH
