"""What devices hold of parts: the catalogue for everyone, a technician's checklists and van."""

from backend.parts.models import ChecklistItem, Part, PartUsage, VanStock
from schemas.parts import ChecklistItemBody, PartBody, PartUsageBody, VanStockBody
from sync.collections import EVERYONE, Collection, Edge, Kind, Root

TECHNICIAN = "technician"

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
    ),
    Collection(
        "part_usages",
        PartUsage,
        PartUsageBody,
        TECHNICIAN,
        kinds=dict.fromkeys(("direction", "quantity", "serial_number", "used_by", "occurred_at"), Kind.FACT),
        edges=(Edge(PartUsage.visit_id, "visits", "owner"),),
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
