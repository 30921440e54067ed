"""What devices hold of visits, how it merges, and what they may do with it."""

from backend.access.reach import TECHNICIAN
from backend.visits import actions
from backend.visits.models import PaymentBadge, Visit, VisitEvent, VisitNote, WorkOrder, WorkType
from backend.visits.rules import FIELD_WORK
from schemas.visits import (
    FieldStep,
    PaymentBadgeBody,
    UnfinishedStep,
    VisitBody,
    VisitEventBody,
    VisitNoteBody,
    WorkOrderBody,
    WorkTypeBody,
    WriteVisitNote,
)
from sync.collections import EVERYONE, Collection, Edge, Kind, Root
from sync.mutations import MutationType
from sync.row_rules import RowRules, one_creation

_PROMISED = (
    "technician_id",
    "arrival_window_start",
    "arrival_window_end",
    "window_version",
    "scheduled_start",
    "scheduled_end",
    "confirmation",
    "confirmed_window_version",
)
_HAPPENED = ("accepted_at", "en_route_at", "arrived_at", "started_at", "finished_at", "reason")

COLLECTIONS = (
    Collection(
        "work_types",
        WorkType,
        WorkTypeBody,
        EVERYONE,
        kinds=dict.fromkeys(("name", "duration_minutes", "kit_id", "instructions"), Kind.PROMISE),
        roots=(Root(None),),
    ),
    Collection(
        "work_orders",
        WorkOrder,
        WorkOrderBody,
        TECHNICIAN,
        kinds={
            **dict.fromkeys(("summary", "priority", "earliest_start", "due"), Kind.PROMISE),
            "status": Kind.STATUS,
        },
        edges=(
            Edge(WorkOrder.request_id, "service_requests", "target"),
            Edge(WorkOrder.customer_id, "customers", "target"),
            Edge(WorkOrder.site_id, "sites", "target"),
            Edge(WorkOrder.asset_id, "assets", "target"),
        ),
    ),
    Collection(
        "visits",
        Visit,
        VisitBody,
        TECHNICIAN,
        kinds={
            **dict.fromkeys(_PROMISED, Kind.PROMISE),
            **dict.fromkeys(_HAPPENED, Kind.FACT),
            "status": Kind.STATUS,
        },
        roots=(Root(Visit.technician_id, window=(Visit.scheduled_start, Visit.scheduled_end)),),
        edges=(Edge(Visit.work_order_id, "work_orders", "target"),),
    ),
    Collection(
        "visit_events",
        VisitEvent,
        VisitEventBody,
        TECHNICIAN,
        kinds=dict.fromkeys(("name", "to_status", "occurred_at", "reason"), Kind.FACT),
        edges=(Edge(VisitEvent.visit_id, "visits", "owner"),),
        # A store that pushes rows moves a visit by making its event: the event's name is the step.
        rows=RowRules(
            creates={step.value: f"visit.{step.value}" for step in sorted(FIELD_WORK)},
            by="name",
            record="visit_id",
            row_id="event_id",
        ),
    ),
    Collection(
        "visit_notes",
        VisitNote,
        VisitNoteBody,
        TECHNICIAN,
        kinds=dict.fromkeys(("text", "author_id", "occurred_at"), Kind.FACT),
        edges=(Edge(VisitNote.visit_id, "visits", "owner"),),
        rows=RowRules(one_creation("visit_note.add")),
    ),
    Collection(
        "payment_badges",
        PaymentBadge,
        PaymentBadgeBody,
        TECHNICIAN,
        kinds={"state": Kind.PROMISE},
        edges=(Edge(PaymentBadge.work_order_id, "work_orders", "owner"),),
    ),
)

MUTATIONS = (
    MutationType("visit.accept", "visits", FieldStep, actions.accept_visit, Kind.STATUS),
    MutationType("visit.depart", "visits", FieldStep, actions.depart_visit, Kind.STATUS),
    MutationType("visit.arrive", "visits", FieldStep, actions.arrive_visit, Kind.STATUS),
    MutationType("visit.start", "visits", FieldStep, actions.start_visit, Kind.STATUS),
    MutationType("visit.complete", "visits", FieldStep, actions.complete_visit, Kind.STATUS),
    MutationType(
        "visit.complete_partially", "visits", UnfinishedStep, actions.complete_visit_partially, Kind.STATUS
    ),
    MutationType(
        "visit.cannot_complete", "visits", UnfinishedStep, actions.cannot_complete_visit, Kind.STATUS
    ),
    MutationType("visit.report_no_access", "visits", FieldStep, actions.report_no_access, Kind.STATUS),
    MutationType(
        "visit_note.add",
        "visit_notes",
        WriteVisitNote,
        actions.add_visit_note,
        Kind.FACT,
        together=actions.add_visit_notes,
    ),
)
