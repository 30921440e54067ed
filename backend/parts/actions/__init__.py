"""What is done with parts: the catalogue and its kits, the checklist of a visit, the stock of a van."""

from backend.parts.actions.catalogue import (
    KitLineFields,
    archive_kit,
    archive_part,
    create_kit,
    create_part,
    edit_kit,
    edit_part,
)
from backend.parts.actions.checklists import (
    add_checklist_item,
    prepare_checklist,
    tick_checklist_item,
    unpack_checklist,
)
from backend.parts.actions.stock import record_part_usage, record_stock_movement

__all__ = [
    "KitLineFields",
    "add_checklist_item",
    "archive_kit",
    "archive_part",
    "create_kit",
    "create_part",
    "edit_kit",
    "edit_part",
    "prepare_checklist",
    "record_part_usage",
    "record_stock_movement",
    "tick_checklist_item",
    "unpack_checklist",
]
