"""A feed as stored: how a body becomes a row, and how a page is read as the bytes that travel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    Select,
    Text,
    bindparam,
    case,
    func,
    select,
    true,
)

from sync.host import Snapshot
from sync.models import FEED_ROWS, FEEDS

_MODULUS = 2**64
NEVER_SENT = 2**62
"""As `started`: the reader holds nothing, so no removal concerns it."""


@dataclass(frozen=True)
class Page:
    """A stretch of one feed, with the feed's figures from the same snapshot.

    `wire` is the comma-joined JSON text of the changes, b"" for none; `last` is how far the reader is then.
    """

    head: int
    records: int
    digest: int
    last: int
    found: int
    wire: bytes

    @property
    def more(self) -> bool:
        """Whether the feed goes on after this page."""
        return self.last < self.head


def write_body(body: object) -> str:
    """The one JSON text of a body: this text is hashed, stored and sent."""
    return orjson.dumps(body).decode()


def hash_of(collection: str, record_id: UUID, body: str) -> int:
    """64 bits that stand for this record with this body; 0 … 2^64-1."""
    content = f"{collection}\0{record_id}\0{body}".encode()
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big")


def put_envelope(collection: str, record_id: UUID, record_hash: int) -> str:
    """The text of a put up to its body; the body and a brace follow."""
    return f'{{"collection":"{collection}","id":"{record_id}","op":"put","hash":"{record_hash:016x}","body":'


def removal_envelope(collection: str, record_id: UUID, why: str) -> str:
    """The whole text of a removal."""
    return f'{{"collection":"{collection}","id":"{record_id}","op":"remove","why":"{why}"}}'


def signed(value: int) -> int:
    """64 bits as databases keep them: a signed integer."""
    value %= _MODULUS
    return value - _MODULUS if value >= _MODULUS // 2 else value


def hexadecimal(value: int) -> str:
    """64 bits as they travel: 16 hexadecimal digits."""
    return f"{value % _MODULUS:016x}"


def ask_page(
    snapshot: Snapshot, audience: str, after: int, started: int, limit: int
) -> Callable[[], Page | None]:
    """Up to `limit` changes after a position, in one statement; gives None when there is no such feed."""
    parameters = {"audience": audience, "after": after, "started": started, "limit": limit}
    rows = snapshot.ahead(_PAGE[snapshot.dialect], parameters)
    return lambda: _page_in(rows(), limit)


def _page_in(rows: Sequence[Sequence[Any]], limit: int) -> Page | None:
    if not rows:
        return None
    head, records, digest, found, last, wire = rows[0]
    read = wire.encode() if isinstance(wire, str) else wire
    return Page(head, records, digest, last if found == limit else head, found, read or b"")


def wire_text() -> ColumnElement[str]:
    """A feed row as the JSON text of a ChangeMessage."""
    row = FEED_ROWS.c
    return case((row.removed_at.is_(None), row.envelope + row.body + "}"), else_=row.envelope)


def _wire_text_at_once() -> ColumnElement[str]:
    """The same on PostgreSQL, where each `||` would copy the body once more."""
    row = FEED_ROWS.c
    put = func.concat(row.envelope, row.body, "}", type_=Text)
    return case((row.removed_at.is_(None), put), else_=row.envelope)


def _glued(texts: ColumnElement[str]) -> ColumnElement[str]:
    return func.group_concat(texts, ",", type_=Text)


def _glued_as_bytes(texts: ColumnElement[str]) -> ColumnElement[bytes]:
    """As bytes, which nobody on the way to the network takes apart to see whether they are UTF-8."""
    return func.convert_to(func.string_agg(texts, ",", type_=Text), "UTF8", type_=LargeBinary)


def _page_statement(dialect: str) -> Select[Any]:
    row = FEED_ROWS
    text, glued = (wire_text(), _glued) if dialect == "sqlite" else (_wire_text_at_once(), _glued_as_bytes)
    wanted = (
        select(row.c.position, text.label("text"))
        .where(
            row.c.audience == bindparam("audience", type_=Text),
            row.c.position > bindparam("after", type_=BigInteger),
            row.c.removed_at.is_(None) | (row.c.position > bindparam("started", type_=BigInteger)),
        )
        .order_by(row.c.position)
        .limit(bindparam("limit", type_=BigInteger))
        .subquery("wanted")
    )
    page = select(
        func.count().label("found"),
        func.max(wanted.c.position).label("last"),
        glued(wanted.c.text).label("wire"),
    ).subquery("page")
    feed = FEEDS
    return (
        select(
            feed.c.head,
            feed.c.records,
            feed.c.digest,
            page.c.found,
            page.c.last,
            page.c.wire,
        )
        .select_from(feed.join(page, true()))
        .where(feed.c.audience == bindparam("audience", type_=Text))
    )


_PAGE = {dialect: _page_statement(dialect) for dialect in ("sqlite", "postgresql")}
