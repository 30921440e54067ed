"""What the user sees before the server has answered: unsettled mutations laid over the server's records."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mobile_client_stub.journal import Mutation
from mobile_client_stub.words import Body

_SHOWN_BY_NONE = frozenset({"evidence"})
Look = Callable[[Body | None, Mutation], Body | None]


@dataclass(frozen=True)
class Effect:
    """Which record a mutation changes on the screen, and how it looks afterwards."""

    collection: str
    look: Look


def _changes(collection: str, **stamps: str) -> Effect:
    """The mutation's fields in place of the record's; `stamps` are further members, "@" for the moment."""

    def look(record: Body | None, mutation: Mutation) -> Body | None:
        if record is None:
            return None
        stamped = {name: mutation.occurred_at if value == "@" else value for name, value in stamps.items()}
        shown = {name: value for name, value in mutation.fields.items() if name not in _SHOWN_BY_NONE}
        return record | shown | stamped

    return Effect(collection, look)


def _adds(collection: str, **stamps: str) -> Effect:
    """A record that the server does not have yet."""

    def look(record: Body | None, mutation: Mutation) -> Body | None:
        stamped = {name: mutation.occurred_at if value == "@" else value for name, value in stamps.items()}
        return (record or {"id": mutation.record, "revision": None}) | mutation.fields | stamped

    return Effect(collection, look)


EFFECTS: Mapping[str, Effect] = {
    "visit.accept": _changes("visits", status="accepted"),
    "visit.depart": _changes("visits", status="en_route", en_route_at="@"),
    "visit.arrive": _changes("visits", status="on_site", arrived_at="@"),
    "visit.start": _changes("visits", status="in_progress", started_at="@"),
    "visit.complete": _changes("visits", status="completed", finished_at="@"),
    "visit.complete_partially": _changes("visits", status="partially_completed", finished_at="@"),
    "visit.cannot_complete": _changes("visits", status="cannot_complete", finished_at="@"),
    "visit.report_no_access": _changes("visits", status="no_access", finished_at="@"),
    "visit_note.add": _adds("visit_notes", occurred_at="@"),
    "checklist_item.tick": _changes("checklist_items"),
    "part_usage.record": _adds("part_usages", occurred_at="@"),
    "conduct_step.answer": _changes("conduct_steps", answered_at="@"),
    "conduct_step.waive": _changes("conduct_steps"),
    "removed_part.record": _adds("removed_parts", occurred_at="@"),
    "removed_part.settle": _changes("removed_parts"),
    "media.register": _adds("media", state="expected"),
    "service_report.write": _changes("service_reports"),
    "service_report.freeze": _changes("service_reports", status="frozen", frozen_at="@"),
    "service_report.sign": _changes("service_reports", status="signed", closed_at="@"),
    "service_report.refuse": _changes("service_reports", status="refused", closed_at="@"),
    "service_report.mark_absent": _changes("service_reports", status="absent", closed_at="@"),
    "report_charge.add": _adds("report_charges"),
    "report_charge.withdraw": _changes("report_charges", withdrawn_at="@"),
    "feedback_card.fill": _changes("feedback_cards", offered_at="@"),
}
"""Mutation type → what it looks like here.

A type that is missing is sent all the same; it only shows nothing.
"""


def types_shown_in(collection: str) -> list[str]:
    """The types of mutations that change how records of this collection look."""
    return [kind for kind, effect in EFFECTS.items() if effect.collection == collection]


def overlaid(records: Mapping[str, Body], unsettled: Iterable[Mutation]) -> dict[str, Body]:
    """Records of one collection as the user should see them; `unsettled` of `types_shown_in` that
    collection, in the order of writing.

    A mutation that was refused or overridden shows no more: the server's word stands, and the outbox says
    why.
    """
    seen = dict(records)
    for mutation in unsettled:
        if mutation.outcome in {"refused", "overridden"}:
            continue
        record = EFFECTS[mutation.type].look(seen.get(mutation.record), mutation)
        if record is not None:
            seen[mutation.record] = record
    return seen
