"""Reads at a glance the request that devices send most: nothing to push, only whether there is news."""

from __future__ import annotations

import re
from functools import lru_cache
from uuid import UUID

import orjson

from schemas.base import EMPTY_IDS, JSON_SAFE_INTEGER
from schemas.sync import MOST_CHANGES, PROTOCOL
from sync.request import Request

_MEMBERS = {"protocol", "journal", "acknowledged", "device_now", "cursor", "limit", "mutations"}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_REMEMBERED = 4096
"""Journals: a device without news names the same one every time."""


def read_plain(raw: bytes) -> Request | None:
    """The ExchangeRequest in `raw` if it has all members, a cursor and no mutations; None for anything else.

    Whatever this reads, `sync.request.read_request` reads in the same way; what is None here may be an
    ExchangeRequest all the same, or none at all: that is for the other one to judge.
    """
    try:
        message = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(message, dict) or message.keys() != _MEMBERS or message["mutations"] != []:
        return None
    journal, cursor, now = message["journal"], message["cursor"], message["device_now"]
    texts = len(_MEMBERS) + 2 + isinstance(now, str)
    # A text has two quotes and nothing escaped. More quotes than that: a member was given twice.
    is_plain = b"\\" not in raw and raw.count(b'"') == 2 * texts and (now is None or isinstance(now, str))
    if not (is_plain and isinstance(cursor, str) and isinstance(journal, str) and len(journal) == 36):
        return None
    protocol, acknowledged, limit = message["protocol"], message["acknowledged"], message["limit"]
    if not (_is_count(protocol, PROTOCOL, PROTOCOL) and _is_count(acknowledged, 0, JSON_SAFE_INTEGER)):
        return None
    read = _journal(journal)
    if not _is_count(limit, 1, MOST_CHANGES) or read is None:
        return None
    return Request(read, acknowledged, None, cursor, limit, (), None)


@lru_cache(_REMEMBERED)
def _journal(text: str) -> UUID | None:
    read = UUID(text) if _UUID.fullmatch(text) else None
    return None if read in EMPTY_IDS else read


def _is_count(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
