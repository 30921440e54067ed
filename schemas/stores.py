"""What the stores of mobile developers ask, and what they are answered: WatermelonDB and RxDB."""

from __future__ import annotations

import json
from typing import Any

from marshmallow import INCLUDE, ValidationError, fields

from schemas.base import JSON_SAFE_INTEGER, Count, Flag, Id, Instant, QueryShape, Shape
from schemas.sync import OutcomeMessage

LONGEST_MIGRATION = 20_000
MOST_DOCUMENTS = 10_000
LONGEST_STREAM = 25
_NOTHING = frozenset({"", "null", "undefined", "0"})


class LastPulledAt(fields.Field["int | None"]):
    """The integer of the last pull; absent, empty, `0` and `null` all mean that there was none."""

    def _deserialize(self, value: object, *_: Any, **__: Any) -> int | None:
        text = str(value)
        if text in _NOTHING:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= JSON_SAFE_INTEGER):
            raise ValidationError("Must be the timestamp of the last pull, or null.")
        return int(text)


class Migration(fields.Field[frozenset[str]]):
    """WatermelonDB's `migration`, as JSON: the tables that are new, or have new columns."""

    def _deserialize(self, value: object, *_: Any, **__: Any) -> frozenset[str]:
        text = str(value)
        if text in _NOTHING:
            return frozenset()
        try:
            if len(text) > LONGEST_MIGRATION:
                raise ValueError
            read = json.loads(text)
            tables = [*read.get("tables", []), *(column["table"] for column in read.get("columns", []))]
            return frozenset(str(table) for table in tables)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValidationError("Must be WatermelonDB's migration object as JSON, or null.") from error


class WatermelonPullQuery(QueryShape):
    """What `synchronize()` hands to `pullChanges`; `unsent` is whether the database has unsynced changes."""

    last_pulled_at = LastPulledAt(load_default=None, metadata={"type": "string"})
    schema_version = fields.String(load_default="")
    migration = Migration(load_default=None, metadata={"type": "string"})
    unsent = Flag(load_default=None)


class WatermelonPushQuery(QueryShape):
    """What goes with a push; `last_pulled_at` may stand in the body instead."""

    last_pulled_at = LastPulledAt(load_default=None, metadata={"type": "string"})
    schema_version = fields.String(load_default="")
    migration = fields.String(load_default="")
    device_now = Instant(load_default=None)


class WatermelonTable(Shape):
    """What changed in one table. New rows are among the updated ones."""

    created = fields.List(fields.Dict(keys=fields.String()), required=True)
    updated = fields.List(fields.Dict(keys=fields.String()), required=True)
    deleted = fields.List(fields.String(), required=True, metadata={"description": "Ids."})


class WatermelonPullAnswer(Shape):
    """What `pullChanges` gives back to `synchronize()`; `directives` are as of an ExchangeAnswer."""

    changes = fields.Dict(keys=fields.String(), values=fields.Nested(WatermelonTable), required=True)
    timestamp = Count(required=True, max=JSON_SAFE_INTEGER)
    directives = fields.List(fields.String(), required=True)
    experimentalStrategy = fields.String(  # noqa: N815  # WatermelonDB's own word
        metadata={"description": "`replacement`: these rows are all there are."}
    )


class WatermelonPushAnswer(Shape):
    """What became of the rows of `pushChanges`, for logs: a refused one comes back corrected."""

    outcomes = fields.List(fields.Nested(OutcomeMessage), required=True)


class RxdbDocument(Shape):
    """A document of the collection, with whether it is gone."""

    class Meta:
        unknown = INCLUDE

    id = fields.String(required=True)
    deleted = Flag(required=True, data_key="_deleted")


class RxdbCheckpoint(Shape):
    """Where the next pull begins."""

    cursor = fields.String(required=True)


class RxdbPullAnswer(Shape):
    """What the pull handler gives back; `epoch` goes with the next push."""

    documents = fields.List(fields.Nested(RxdbDocument), required=True)
    checkpoint = fields.Nested(RxdbCheckpoint, required=True)
    epoch = Id(required=True, allow_none=True)
    directives = fields.List(fields.String(), required=True)


class RxdbPullQuery(QueryShape):
    """The checkpoint of the last pull, and how many documents make a full page."""

    cursor = fields.String(
        load_default="", metadata={"description": "`checkpoint.cursor`; empty or `null` at first."}
    )
    batch_size = Count(load_default=100, min=1, max=MOST_DOCUMENTS)


class RxdbPushQuery(QueryShape):
    """The epoch that the documents were read in, as the last pull said it, and the device's clock."""

    epoch = Id(load_default=None)
    device_now = Instant(load_default=None)


class RxdbStreamQuery(QueryShape):
    """For how many seconds the stream stays open at most."""

    seconds = Count(load_default=LONGEST_STREAM, max=LONGEST_STREAM)
