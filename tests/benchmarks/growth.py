"""What a no-change exchange costs in a database that years of work have filled, against one that is new."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

from sqlalchemy import Engine, text

from tests.benchmarks.exchanges import Figures
from tests.benchmarks.firm import Firm
from tests.benchmarks.phone import Phone
from tests.benchmarks.rates import ask, median

AUDIENCES, RECORDS_EACH = 2_000, 500
JOURNALS, MUTATIONS_EACH = 5_000, 2_000
_JOURNALS_AT_ONCE = 250
ROUNDS, SECONDS = 15, 1.0

_ID = "(lpad(to_hex({}), 8, '0') || '-0000-7000-8000-' || lpad(to_hex({}), 12, '0'))::uuid"
_MUTATION_ID, _JOURNAL, _RECORD = _ID.format("j", "n"), _ID.format("j", "0"), _ID.format("j", "n + 1000000")

_FEEDS = """
INSERT INTO sync_feeds (audience, head, records, digest, local_day, time_zone, shape)
SELECT 'technician:' || {id}, :records, :records, 0, current_date, 'UTC', ''
FROM generate_series(1, :audiences) j
""".format(id=_ID.format("j", "0"))

_FEED_ROWS = """
INSERT INTO sync_feed_rows
  (audience, collection, record_id, position, revision, hash, envelope, body, published)
SELECT 'technician:' || {id}, 'visits', {record}, n, 1, 0,
  repeat('e', 120), repeat('b', 650), '[[1, 1]]'
FROM generate_series(1, :audiences) j, generate_series(1, :records) n
""".format(id=_ID.format("j", "0"), record=_RECORD)

_JOURNAL_ROWS = f"""
INSERT INTO sync_journals (journal, device_id, user_id, expected_number, acknowledged, held, pushed_at)
SELECT {_JOURNAL}, {_JOURNAL}, {_JOURNAL}, :each + 1, :each, 0, now()
FROM generate_series(CAST(:first AS bigint), :last) j
"""

_MUTATION_ROWS = f"""
INSERT INTO sync_mutations
  (mutation_id, journal, number, device_id, user_id, type, record_id, content, content_hash, occurred_at,
   time_zone, received_at, outcome, attempts)
SELECT {_MUTATION_ID}, {_JOURNAL}, n, {_JOURNAL}, {_JOURNAL}, 'visit_note.add', {_RECORD},
  repeat('m', 300), repeat('0', 32), now(), 'UTC', now() - interval '1 second' * (:last - j), 'applied', 1
FROM generate_series(CAST(:first AS bigint), :last) j, generate_series(1, :each) n
"""

_ENTRY_ROWS = f"""
INSERT INTO sync_entries (journal, number, mutation_id)
SELECT {_JOURNAL}, n, {_MUTATION_ID}
FROM generate_series(CAST(:first AS bigint), :last) j, generate_series(1, :each) n
"""


def fill_with_years(engine: Engine, say: Callable[[str], None]) -> Figures:
    """A million feed rows and ten million stored mutations, in the real tables with their real indexes."""
    with engine.begin() as connection:
        given = {"audiences": AUDIENCES, "records": RECORDS_EACH}
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(_FEEDS), given)
        connection.execute(text(_FEED_ROWS), given)
    for first in range(1, JOURNALS + 1, _JOURNALS_AT_ONCE):
        span = {"first": first, "last": first + _JOURNALS_AT_ONCE - 1, "each": MUTATIONS_EACH}
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            for rows in (_JOURNAL_ROWS, _MUTATION_ROWS, _ENTRY_ROWS):
                connection.execute(text(rows), span)
        say(f"growth: {span['last'] * MUTATIONS_EACH:,} mutations stored")
    with engine.connect() as connection:
        counted = connection.execute(
            text("SELECT (SELECT count(*) FROM sync_feed_rows), (SELECT count(*) FROM sync_mutations)")
        ).one()
    return {"growth: feed rows": float(counted[0]), "growth: stored mutations": float(counted[1])}


def growth(full: Firm, full_phones: list[Phone], new: Firm, new_phones: list[Phone]) -> Figures:
    """p50 of no-change exchanges one after the other, both databases turn by turn."""
    p50: dict[str, list[float]] = {"full": [], "new": []}
    for firm, phones in ((full, full_phones), (new, new_phones)):
        firm.pull(phones)
        firm.pull(phones)
        _come_to_rest(firm.wiring.engine)
    for _ in range(ROUNDS):
        for name, firm, phones in (("full", full, full_phones), ("new", new, new_phones)):
            asked = ask(firm.server.port, [cycle([phone.exchange() for phone in phones])], SECONDS)
            p50[name].append(asked.quantile(50))
    return {
        "no-change p50, full database, ms": 1000 * median(p50["full"]),
        "no-change p50, empty database, ms": 1000 * median(p50["new"]),
        "no-change p50 ÷ that of an empty database": median(
            [a / b for a, b in zip(p50["full"], p50["new"], strict=True)]
        ),
    }


def _come_to_rest(engine: Engine) -> None:
    """What autovacuum does within a minute, done now: what was just filled has no statistics yet."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM (ANALYZE)"))
