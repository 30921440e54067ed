"""What a device asks in one exchange, read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from schemas.errors import JsonValue
from schemas.sync import ExchangeRequest
from sync.sent import read_moment

_REQUEST = ExchangeRequest()


@dataclass(frozen=True)
class Request:
    """An ExchangeRequest, read."""

    journal: UUID
    acknowledged: int
    device_now: datetime | None
    cursor: str | None
    limit: int
    mutations: Sequence[JsonValue]
    journal_start: int | None


def read_request(document: JsonValue) -> Request:
    """The request; raises marshmallow's ValidationError."""
    read = _REQUEST.load(cast("dict[str, JsonValue]", document))
    return Request(
        read["journal"],
        read["acknowledged"],
        read_moment(read["device_now"]),
        read["cursor"],
        read["limit"],
        read["mutations"],
        read.get("journal_start"),
    )
