"""The messages of the sync protocol, and the body of a field inbox entry."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from schemas.base import JSON_SAFE_INTEGER, Count, Flag, Id, Instant, Line, QueryShape, RecordShape, Shape

PROTOCOL = 1
MOST_MUTATIONS = 1000
MOST_CHANGES = 10_000
LONGEST_WAIT = 25
"""Seconds: shorter than what proxies and mobile networks cut off."""


class Anything(fields.Field[object]):
    """A member that is judged later: what is wrong with it must not refuse the request it came in."""

    def _deserialize(self, value: object, *_: Any, **__: Any) -> object:
        return value


class ExchangeRequest(Shape):
    """What a device sends: its place, and what its user did."""

    protocol = Count(required=True, min=PROTOCOL, max=PROTOCOL)
    journal = Id(required=True, metadata={"description": "UUID minted together with the local database."})
    journal_start = Count(
        min=1,
        max=JSON_SAFE_INTEGER,
        metadata={"description": "After mutation-gap: the lowest number this device still has."},
    )
    acknowledged = Count(
        required=True,
        max=JSON_SAFE_INTEGER,
        metadata={"description": "Highest number up to which the device holds every outcome."},
    )
    device_now = Anything(load_default=None, metadata={"type": "string", "format": "date-time"})
    cursor = fields.String(
        allow_none=True, load_default=None, metadata={"description": "Opaque; null at first."}
    )
    limit = Count(
        load_default=1000,
        max=MOST_CHANGES,
        metadata={"description": "Most changes to send; 0 while pushing."},
    )
    mutations = fields.List(
        Anything(allow_none=True), load_default=list, validate=validate.Length(max=MOST_MUTATIONS)
    )


class MutationMessage(Shape):
    """One thing the user did, as it stands in the device's journal."""

    mutation_id = Id(required=True)
    number = Count(required=True, min=1, max=JSON_SAFE_INTEGER)
    schema = Count(load_default=1, min=1, max=1_000_000)
    type = Line(required=True, max=100)
    record = Id(required=True)
    base = Count(allow_none=True, load_default=None, min=0, max=JSON_SAFE_INTEGER)
    epoch = Id(allow_none=True, load_default=None, metadata={"description": "The epoch `base` was read in."})
    fields = Anything(  # type: ignore[assignment]  # a field by this name; the metaclass takes it away
        required=True, metadata={"type": "object"}
    )
    occurred_at = Anything(required=True, metadata={"type": "string", "format": "date-time"})


class OutcomeMessage(Shape):
    """What became of one mutation."""

    number = Count(required=True)
    mutation_id = Id(required=True)
    outcome = fields.String(
        required=True, validate=validate.OneOf(["applied", "merged", "overridden", "held", "refused"])
    )
    problem = fields.Dict(keys=fields.String())
    fields = fields.List(  # type: ignore[assignment]  # a field by this name; the metaclass takes it away
        fields.String(), metadata={"description": "Fields of which the device's value does not stand."}
    )


class ChangeMessage(Shape):
    """One record to put or to remove."""

    collection = fields.String(required=True)
    id = Id(required=True)
    op = fields.String(required=True, validate=validate.OneOf(["put", "remove"]))
    why = fields.String(validate=validate.OneOf(["deleted", "out_of_scope"]))
    hash = fields.String(metadata={"description": "64 bits of the body, 16 hexadecimal digits."})
    body = fields.Dict(keys=fields.String())


class DigestMessage(Shape):
    """What the device should hold of one feed: how many records, and the sum mod 2^64 of their hashes."""

    count = Count(required=True)
    hash = fields.String(required=True)


class ExchangeAnswer(Shape):
    """What the server answers."""

    server_now = Instant(required=True)
    epoch = Id(required=True)
    expected_number = Count(required=True)
    outcomes = fields.List(fields.Nested(OutcomeMessage), required=True)
    changes = fields.List(fields.Nested(ChangeMessage), required=True)
    cursor = fields.String(required=True, allow_none=True)
    more = Flag(required=True)
    digest = fields.Dict(keys=fields.String(), values=fields.Nested(DigestMessage))
    directives = fields.List(
        fields.String(validate=validate.OneOf(["wipe", "lock", "resync", "new_journal", "upload_logs"])),
        required=True,
    )
    retry_after = Count(metadata={"description": "Seconds to wait before the next exchange."})


class WakeQuery(QueryShape):
    """How to wait for news."""

    cursor = fields.String(
        validate=validate.Length(max=4096),
        metadata={"description": "Of the last complete pull: what came since then is news at once."},
    )
    seconds = Count(
        load_default=LONGEST_WAIT, max=LONGEST_WAIT, metadata={"description": "How long to wait at most."}
    )


class WakeAnswer(Shape):
    """Whether it is worth exchanging now. A hint: nothing is lost by never asking."""

    news = Flag(required=True)
    retry_after = Count(
        metadata={"description": "Nobody could wait here now: seconds to stay away before asking again."}
    )


class HeldRecord(Shape):
    """One line of a device's inventory."""

    collection = Line(required=True, max=100)
    id = Id(required=True)
    hash = fields.String(required=True, validate=validate.Regexp(r"\A[0-9a-f]{16}\Z"))


class ReconcileRequest(Shape):
    """Everything a device holds, so that the server can send just what differs."""

    protocol = Count(required=True, min=PROTOCOL, max=PROTOCOL)
    cursor = fields.String(required=True, metadata={"description": "The cursor of the last complete pull."})
    held = fields.List(fields.Nested(HeldRecord), required=True, validate=validate.Length(max=100_000))


class ReconcileAnswer(Shape):
    """The differences, and the cursor to go on from."""

    changes = fields.List(fields.Nested(ChangeMessage), required=True)
    cursor = fields.String(required=True, allow_none=True)
    digest = fields.Dict(keys=fields.String(), values=fields.Nested(DigestMessage))
    directives = fields.List(fields.String(), required=True)


class FieldInboxBody(RecordShape):
    """A mutation, or part of one, that did not simply apply."""

    created_at = Instant(dump_only=True)
    mutation_id = Id(dump_only=True, allow_none=True)
    number = Count(dump_only=True)
    type = fields.String(dump_only=True)
    collection = fields.String(dump_only=True, allow_none=True)
    record_id = Id(dump_only=True, allow_none=True)
    outcome = fields.String(dump_only=True)
    code = fields.String(dump_only=True)
    title = fields.String(dump_only=True)
    detail = fields.String(dump_only=True)
    subject_collection = fields.String(dump_only=True, allow_none=True)
    subject_id = Id(
        dump_only=True, allow_none=True, metadata={"description": "What it is about: a note's visit, say."}
    )
    occurred_at = Instant(dump_only=True, allow_none=True)
    settled_at = Instant(dump_only=True, allow_none=True)
    decision = fields.String(
        dump_only=True,
        allow_none=True,
        metadata={"description": "What a person decided; null while open, and when it closed by itself."},
    )
    decided_by_name = fields.String(dump_only=True, allow_none=True)
    remark = fields.String(dump_only=True, allow_none=True)
    fields = fields.String(  # type: ignore[assignment]  # a field by this name; the metaclass takes it away
        dump_only=True, metadata={"description": "Comma-separated names; empty: the whole mutation."}
    )
