"""Words and shapes of the catalogue, kits, checklists, part usages and van stock."""

from enum import StrEnum

from marshmallow import fields, validate

from schemas.base import (
    Count,
    Currency,
    Enumeration,
    Flag,
    Id,
    Instant,
    Line,
    MinorUnits,
    PageQuery,
    RecordShape,
    Shape,
    Text,
)

LARGEST_QUANTITY = 100_000
MOST_KIT_LINES = 200


class PartKind(StrEnum):
    """A part stays with the customer, a tool comes back."""

    PART = "part"
    TOOL = "tool"


class UsageDirection(StrEnum):
    """What became of a part of the van: built in at the customer's, or brought back unused to the store."""

    USED = "used"
    RETURNED = "returned"


class MovementReason(StrEnum):
    """Why the stock of a van changed."""

    LOAD = "load"
    USE = "use"
    RETURN = "return"
    COUNT = "count"


class PartBody(RecordShape):
    """A line of the catalogue, as GET and the feed show it; the price is for one `unit`."""

    sku = Line(max=60)
    name = Line(max=200)
    unit = Line(max=20)
    kind = Enumeration(PartKind)
    price_minor = MinorUnits(allow_none=True)
    currency = Currency(allow_none=True)
    archived_at = Instant(allow_none=True)


class CreatePart(Shape):
    """A new line of the catalogue; a price needs its currency."""

    id = Id()
    sku = Line(max=60, required=True)
    name = Line(max=200, required=True)
    unit = Line(max=20)
    kind = Enumeration(PartKind, required=True)
    price_minor = MinorUnits(allow_none=True)
    currency = Currency(allow_none=True)


class EditPart(Shape):
    """What may change of a part; its kind and its stock number may not."""

    name = Line(max=200)
    unit = Line(max=20)
    price_minor = MinorUnits(allow_none=True)
    currency = Currency(allow_none=True)


class PartQuery(PageQuery):
    """Which parts: `name` is the beginning of a name, whatever its case and accents."""

    name = Line(max=200)
    sku = Line(max=60)
    kind = Enumeration(PartKind)
    archived = Flag(load_default=False)


class KitLineBody(Shape):
    """One part of a kit and how many of it; `required` lines hold a dispatch back until they are packed."""

    part_id = Id(required=True)
    quantity = Count(required=True, min=1, max=LARGEST_QUANTITY)
    required = Flag(load_default=True)


class KitBody(RecordShape):
    """A kit: what a type of work needs in the van."""

    name = Line(max=200)
    archived_at = Instant(allow_none=True)
    lines = fields.List(fields.Nested(KitLineBody))


_LINES = validate.Length(max=MOST_KIT_LINES)


class CreateKit(Shape):
    """A new kit with its lines."""

    id = Id()
    name = Line(max=200, required=True)
    lines = fields.List(fields.Nested(KitLineBody), required=True, validate=_LINES)


class EditKit(Shape):
    """A new name, or new lines in place of all the old ones; existing checklists stay as they are."""

    name = Line(max=200)
    lines = fields.List(fields.Nested(KitLineBody), validate=_LINES)


class KitQuery(PageQuery):
    """Which kits."""

    archived = Flag(load_default=False)


class ChecklistItemBody(RecordShape):
    """One line of a visit's checklist, as GET and the feed show it."""

    visit_id = Id()
    part_id = Id()
    name = Line(max=200)
    kind = Enumeration(PartKind)
    quantity = Count(max=LARGEST_QUANTITY)
    required = Flag()
    packed = Flag()
    verified = Flag()
    quantity_used = Count()
    quantity_returned = Count()


class AddChecklistItem(Shape):
    """One more part or tool for one visit."""

    id = Id()
    visit_id = Id(required=True)
    part_id = Id(required=True)
    quantity = Count(required=True, min=1, max=LARGEST_QUANTITY)
    required = Flag(load_default=True)


class TickChecklistItem(Shape):
    """`packed`: it was taken; `verified`: it was seen in the van. Verified is packed, unpacked unverified."""

    packed = Flag()
    verified = Flag()


class ChecklistQuery(PageQuery):
    """Which checklist lines."""

    visit_id = Id()


class PartUsageBody(RecordShape):
    """A fact: this much of a part was used at a visit, or came back unused."""

    visit_id = Id()
    part_id = Id()
    checklist_item_id = Id(allow_none=True)
    direction = Enumeration(UsageDirection)
    quantity = Count(max=LARGEST_QUANTITY)
    serial_number = Line(max=100, allow_none=True)
    used_by = Id()
    occurred_at = Instant()


class RecordPartUsage(Shape):
    """What happened to a part at a visit; the visit's line of that part is counted up when none is named."""

    visit_id = Id(required=True)
    part_id = Id(required=True)
    checklist_item_id = Id(allow_none=True)
    direction = Enumeration(UsageDirection, required=True)
    quantity = Count(required=True, min=1, max=LARGEST_QUANTITY)
    serial_number = Line(max=100, allow_none=True)


class PostPartUsage(RecordPartUsage):
    """A part usage as the web door takes it; `occurred_at` is now unless told."""

    id = Id()
    occurred_at = Instant()


class PartUsageQuery(PageQuery):
    """Which part usages."""

    visit_id = Id()


class VanStockBody(RecordShape):
    """How many of a part a technician's van holds by its movements; below zero somebody has to count."""

    technician_id = Id()
    part_id = Id()
    quantity = Count(min=-(10**9), max=10**9)


class VanStockQuery(PageQuery):
    """Whose van."""

    technician_id = Id()


class StockMovementBody(RecordShape):
    """A fact: the stock of a van changed by a signed amount."""

    technician_id = Id()
    part_id = Id()
    quantity_delta = Count(min=-LARGEST_QUANTITY, max=LARGEST_QUANTITY)
    reason = Enumeration(MovementReason)
    note = Text(max=400, allow_none=True)
    part_usage_id = Id(allow_none=True)
    recorded_by = Id()
    occurred_at = Instant()


class RecordStockMovement(Shape):
    """A signed change of a van's stock; what a part usage did is recorded by the part usage itself."""

    id = Id()
    technician_id = Id(required=True)
    part_id = Id(required=True)
    quantity_delta = Count(required=True, min=-LARGEST_QUANTITY, max=LARGEST_QUANTITY)
    reason = Enumeration(MovementReason, required=True)
    note = Text(max=400, allow_none=True)
    occurred_at = Instant()


class StockMovementQuery(PageQuery):
    """Which movements."""

    technician_id = Id()
    part_id = Id()
