"""What devices hold and do of parts: the catalogue for everyone, a technician's checklists and van."""

from backend.access.reach import TECHNICIAN
from backend.parts import actions
from backend.parts.models import ChecklistItem, Part, PartUsage, VanStock
from schemas.parts import (
    ChecklistItemBody,
    PartBody,
    PartUsageBody,
    RecordPartUsage,
    TickChecklistItem,
    VanStockBody,
)
from sync.collections import EVERYONE, Collection, Edge, Kind, Root
from sync.mutations import MutationType
from sync.row_rules import RowRules, one_creation

COLLECTIONS = (
    Collection(
        "parts",
        Part,
        PartBody,
        EVERYONE,
        kinds=dict.fromkeys(("name", "unit", "price_minor", "currency"), Kind.PROMISE),
        roots=(Root(None),),
    ),
    Collection(
        "checklist_items",
        ChecklistItem,
        ChecklistItemBody,
        TECHNICIAN,
        kinds={
            "packed": Kind.ANSWER,
            "verified": Kind.ANSWER,
            "quantity_used": Kind.QUANTITY,
            "quantity_returned": Kind.QUANTITY,
        },
        edges=(Edge(ChecklistItem.visit_id, "visits", "owner"),),
        rows=RowRules(edits=("checklist_item.tick",)),
    ),
    Collection(
        "part_usages",
        PartUsage,
        PartUsageBody,
        TECHNICIAN,
        kinds=dict.fromkeys(("direction", "quantity", "serial_number", "used_by", "occurred_at"), Kind.FACT),
        edges=(Edge(PartUsage.visit_id, "visits", "owner"),),
        rows=RowRules(one_creation("part_usage.record")),
    ),
    Collection(
        "van_stock",
        VanStock,
        VanStockBody,
        TECHNICIAN,
        kinds={"quantity": Kind.QUANTITY},
        roots=(Root(VanStock.technician_id),),
    ),
)

MUTATIONS = (
    MutationType(
        "checklist_item.tick",
        "checklist_items",
        TickChecklistItem,
        actions.tick_checklist_item,
        Kind.ANSWER,
    ),
    MutationType("part_usage.record", "part_usages", RecordPartUsage, actions.record_part_usage, Kind.FACT),
)
