"""The three kinds of exchange, turn by turn with the bare database and, on PostgreSQL, with Kinto."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Engine, text

from tests.benchmarks.firm import Firm
from tests.benchmarks.kinto import RECORDS, USER, Kinto, a_document, batch, since
from tests.benchmarks.load import http
from tests.benchmarks.phone import Phone
from tests.benchmarks.rates import Asked, ask, median, once, timed

Figures: TypeAlias = dict[str, float]

ROUNDS = 5
SECONDS = 3.0
CONNECTIONS = 16
PUSHING = 4
"""Phones that push at once, and writers of Kinto, each into a collection of its own."""
BATCH = 10
DOCUMENT_BYTES = 650
CATALOGUE = "catalogue"
_BODIES = "SELECT body FROM sync_feed_rows WHERE audience = 'everyone' ORDER BY position"


def documents_of(engine: Engine) -> list[dict[str, Any]]:
    """The bodies of everybody's feed: what Kinto is filled with."""
    with engine.connect() as connection:
        return [orjson.loads(body) for body in connection.execute(text(_BODIES)).scalars()]


def first_pull(firm: Firm, phone: Phone, kinto: Kinto | None) -> Figures:
    """Everything from a feed that is there, against the bare read of the same bodies and Kinto's answer.

    By a phone that has pushed nothing in this run: thousands of notes would be in its first pull, too.
    """
    bodies = documents_of(firm.wiring.engine)
    ours, bare, theirs = [], [], []
    for _ in range(3 * ROUNDS):
        phone.cursor, phone.seconds = None, 0.0
        firm.pull([phone])
        ours.append(phone.seconds)
        bare.append(timed(lambda: read_bare(firm.wiring.engine)))
        if kinto is not None:
            theirs.append(once(kinto.port, http("GET", RECORDS.format(CATALOGUE), USER)))
    figures = {
        "records": float(len(bodies)),
        "bytes of a body": sum(len(orjson.dumps(body)) for body in bodies) / len(bodies),
        "first pull, ms": 1000 * median(ours),
        "bare read, ms": 1000 * median(bare),
        "first pull ÷ bare read": median([a / b for a, b in zip(ours, bare, strict=True)]),
    }
    if theirs:
        figures["first pull by Kinto, ms"] = 1000 * median(theirs)
        figures["first pull, records/s ÷ Kinto's"] = median(
            [b / a for a, b in zip(ours, theirs, strict=True)]
        )
    return figures


def read_bare(engine: Engine) -> None:
    """The bodies as fast as the database hands them out: COPY, or a raw SELECT on SQLite."""
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        if engine.dialect.name == "sqlite":
            raw.execute(_BODIES).fetchall()
            return
        with raw.cursor().copy(f"COPY ({_BODIES}) TO STDOUT") as stream:
            for _ in stream:
                pass


def no_change(firm: Firm, phones: list[Phone], kinto: Kinto | None) -> Figures:
    """Exchanges without news, with the phones taking turns, against Kinto's `_since` with nothing new."""
    firm.pull(phones)
    firm.pull(phones)
    ours, theirs, single = [], [], []
    nothing = since(CATALOGUE, kinto.newest(CATALOGUE)) if kinto is not None else b""
    for _ in range(ROUNDS):
        ours.append(ask(firm.server.port, quiet(phones), SECONDS))
        single.append(ask(firm.server.port, [cycle([phone.exchange() for phone in phones])], SECONDS))
        if kinto is not None:
            theirs.append(ask(kinto.port, [cycle([nothing])] * CONNECTIONS, SECONDS))
    figures = {
        "no-change exchange alone, p50 ms": 1000 * median([asked.quantile(50) for asked in single]),
        f"no-change exchanges/s, {CONNECTIONS} connections": median([asked.rate for asked in ours]),
        "their p99 ms": 1000 * median([asked.quantile(99) for asked in ours]),
    }
    if theirs:
        figures["Kinto's _since/s"] = median([asked.rate for asked in theirs])
        figures["no-change ÷ Kinto's"] = _ratio(ours, theirs)
    return figures


def quiet(phones: list[Phone]) -> list[Iterator[bytes]]:
    """Per connection, the exchanges of some of the phones in turn."""
    return [cycle([phone.exchange() for phone in phones[place::CONNECTIONS]]) for place in range(CONNECTIONS)]


def push(firm: Firm, phones: list[Phone], kinto: Kinto | None) -> Figures:
    """Batches of notes through the real use case, against Kinto's batches of as many documents as long."""
    pushing = phones[:PUSHING]
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(ask(firm.server.port, [pushes(phone) for phone in pushing], SECONDS))
        if kinto is not None:
            theirs.append(ask(kinto.port, [writes(f"writer-{n}") for n in range(PUSHING)], SECONDS))
    rate, bare = BATCH * median([asked.rate for asked in ours]), bare_inserts(firm.wiring.engine)
    figures = {
        f"pushed mutations/s, {PUSHING} phones, batches of {BATCH}": rate,
        "bare inserts/s": bare,
        "bare inserts ÷ pushed": bare / rate,
    }
    if theirs:
        figures["Kinto's batch writes/s"] = BATCH * median([asked.rate for asked in theirs])
        figures["pushed ÷ Kinto's"] = _ratio(ours, theirs)
    return figures


def pushes(phone: Phone) -> Iterator[bytes]:
    """Endless batches of one phone."""
    while True:
        yield phone.exchange(phone.notes(BATCH), limit=0)


def writes(collection: str) -> Iterator[bytes]:
    """Endless batches into one collection of Kinto's."""
    while True:
        yield batch(collection, [a_document(DOCUMENT_BYTES) for _ in range(BATCH)])


def bare_inserts(engine: Engine, batches: int = 60) -> float:
    """Rows like a mutation's per second, one transaction per batch, and nothing else done."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bench_notes (id TEXT PRIMARY KEY, content TEXT NOT NULL)"))

    def insert() -> None:
        for number in range(batches):
            rows = [{"id": f"{number}.{line}", "content": "x" * DOCUMENT_BYTES} for line in range(BATCH)]
            with engine.begin() as connection:
                connection.execute(text("INSERT INTO bench_notes VALUES (:id, :content)"), rows)

    rate = batches * BATCH / timed(insert)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE bench_notes"))
    return rate


def _ratio(ours: list[Asked], theirs: list[Asked]) -> float:
    return median([a.rate / b.rate for a, b in zip(ours, theirs, strict=True)])
