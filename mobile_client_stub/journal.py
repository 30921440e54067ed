"""The journal: what the user did, in order, on the disk before anything is sent and never altered after."""

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mobile_client_stub.store import dumped
from mobile_client_stub.words import Body, Mint, text_of, written

MUTATION_SCHEMA = 1
MOST_IN_A_BATCH = 100
LARGEST_BATCH = 512 * 2**10  # characters of JSON
KEPT_AFTER_OUTCOME = timedelta(days=90)


@dataclass(frozen=True)
class Mutation:
    """One thing the user did, and what the server said became of it (`outcome` None: nothing yet)."""

    mutation_id: str
    number: int
    schema: int
    type: str
    record: str
    base: int | None
    epoch: str | None
    fields: Body
    occurred_at: str
    outcome: str | None = None
    problem: Body | None = None

    def message(self) -> Body:
        """As it travels: the same bytes at every try."""
        return {
            "mutation_id": self.mutation_id,
            "number": self.number,
            "schema": self.schema,
            "type": self.type,
            "record": self.record,
            "base": self.base,
            "epoch": self.epoch,
            "fields": self.fields,
            "occurred_at": self.occurred_at,
        }


@dataclass(frozen=True)
class Progress:
    """How far the exchange with the server has come."""

    journal: str
    acknowledged: int
    epoch: str | None
    cursor: str | None
    staged_cursor: str | None
    last_contact: str | None
    last_trouble: str | None
    clock_ahead: float | None


def progress(connection: sqlite3.Connection) -> Progress:
    """The one row of that name."""
    row = connection.execute("SELECT * FROM progress").fetchone()
    return Progress(*(row[name] for name in Progress.__dataclass_fields__))


def write(
    connection: sqlite3.Connection,
    mutation_id: str,
    kind: str,
    record: str,
    base: int | None,
    fields: Body,
    occurred_at: datetime,
) -> None:
    """Put a mutation at the end of the journal. `base` is the revision that the user saw."""
    connection.execute(
        "INSERT INTO mutations (mutation_id, schema, type, record, base, epoch, fields, occurred_at)"
        " VALUES (?, ?, ?, ?, ?, (SELECT epoch FROM progress), ?, ?)",
        (mutation_id, MUTATION_SCHEMA, kind, record, base, dumped(fields), written(occurred_at)),
    )
    _place(connection, [mutation_id])


def next_batch(connection: sqlite3.Connection) -> list[Mutation]:
    """The mutations to send now: in order from the first not acknowledged, bounded in number and size."""
    batch: list[Mutation] = []
    room = LARGEST_BATCH
    for mutation in _read(
        connection, "p.number > ? ORDER BY p.number LIMIT ?", _acknowledged(connection), MOST_IN_A_BATCH
    ):
        room -= len(dumped(mutation.message()))
        if batch and room < 0:
            break
        batch.append(mutation)
    return batch


def unacknowledged(connection: sqlite3.Connection) -> list[Mutation]:
    """All that the server does not have, as far as we know."""
    return list(_read(connection, "p.number > ? ORDER BY p.number", _acknowledged(connection)))


def unsettled(
    connection: sqlite3.Connection, types: Collection[str], record: str | None = None
) -> list[Mutation]:
    """What the records on this phone do not show yet, of these types (and for one record): it is laid over
    them."""
    condition = f"m.settled = 0 AND m.type IN ({', '.join('?' * len(types))})"
    if record is None:
        return list(_read(connection, f"{condition} ORDER BY m.written", *types))
    return list(_read(connection, f"{condition} AND m.record = ? ORDER BY m.written", *types, record))


def unacknowledged_count(connection: sqlite3.Connection) -> int:
    """How many mutations the server does not have, as far as we know."""
    row = connection.execute(
        "SELECT count(*) FROM places p JOIN progress g ON g.journal = p.journal AND p.number > g.acknowledged"
    ).fetchone()
    return int(row[0])


def everything(connection: sqlite3.Connection) -> list[Mutation]:
    """The whole journal that is still kept, oldest first."""
    return list(_read(connection, "TRUE ORDER BY m.written"))


def begins_at(connection: sqlite3.Connection) -> int:
    """The first number that this journal still has; the next one to be given when it is empty."""
    here = progress(connection).journal
    first, last = connection.execute(
        "SELECT min(number), max(number) FROM places WHERE journal = ?", (here,)
    ).fetchone()
    return int(first) if last is not None else _acknowledged(connection) + 1


def take_outcomes(connection: sqlite3.Connection, outcomes: Iterable[Body], server_now: datetime) -> None:
    """Note what became of mutations; one that this phone does not know is passed over."""
    for outcome in outcomes:
        problem, fields = outcome.get("problem"), outcome.get("fields")
        connection.execute(
            "UPDATE mutations SET outcome = ?, problem = ?, fields_lost = ?, answered_at = ?"
            " WHERE mutation_id = ?",
            (
                text_of(outcome, "outcome"),
                None if problem is None else dumped(problem),
                None if fields is None else dumped(fields),
                written(server_now),
                text_of(outcome, "mutation_id"),
            ),
        )


def go_on_from(
    connection: sqlite3.Connection, mint_id: Mint, expected_number: int, epoch: str | None
) -> None:
    """Believe the server about the number it expects next.

    A smaller number than before means that it was restored from a backup: what follows is sent again, outcome
    or not.
    """
    before = progress(connection)
    if expected_number - 1 > max(before.acknowledged, _last_number(connection)):
        # The server knows numbers that this phone never gave out: this is a copy, or an old backup.
        start_new_journal(connection, mint_id)
        return
    connection.execute("UPDATE progress SET epoch = coalesce(?, epoch)", (epoch,))
    known = connection.execute(
        "SELECT coalesce(min(p.number) - 1, ?) FROM places p JOIN mutations m USING (mutation_id)"
        " WHERE p.journal = ? AND m.outcome IS NULL",
        (expected_number - 1, before.journal),
    ).fetchone()[0]
    connection.execute("UPDATE progress SET acknowledged = ?", (min(expected_number - 1, known),))


def start_new_journal(connection: sqlite3.Connection, mint_id: Mint) -> None:
    """Give all that is kept new numbers in a journal of its own, under the same mutation ids.

    Also what has an outcome. That another phone used a number first (this one was cloned) is no outcome of
    the mutation. And a server restored from a backup may have lost the others: it notices that by the numbers
    of a journal, which are lost with the journal, so it has to see everything again. What it knows it answers
    as before.
    """
    rows = connection.execute("SELECT mutation_id FROM mutations ORDER BY written")
    mutation_ids = [row["mutation_id"] for row in rows.fetchall()]
    connection.execute("UPDATE progress SET journal = ?, acknowledged = 0", (mint_id(),))
    _place(connection, mutation_ids)


def settle(connection: sqlite3.Connection) -> None:
    """The records now show everything that has an outcome."""
    connection.execute("UPDATE mutations SET settled = 1 WHERE settled = 0 AND outcome IS NOT NULL")


def forget_old(connection: sqlite3.Connection, server_now: datetime) -> None:
    """Drop what was settled more than 90 days ago; the server keeps outcomes no longer than that either.

    By the server's clock: a phone's own may jump ten years ahead, and would then forget what a server that
    is restored tomorrow needs again. The registration of a file without a receipt stays: it says that the
    file may go.
    """
    connection.execute(
        "DELETE FROM mutations WHERE settled = 1 AND answered_at < ? AND written <"
        " coalesce((SELECT min(written) FROM mutations WHERE settled = 0), 1 << 62)"
        " AND mutation_id NOT IN (SELECT mutation_id FROM media WHERE stored_at IS NULL)",
        (written(server_now - KEPT_AFTER_OUTCOME),),
    )


def _read(connection: sqlite3.Connection, condition: str, *values: object) -> Iterable[Mutation]:
    # Only the texts of this module come in as `condition`; every value is bound.
    rows = connection.execute(
        "SELECT m.*, coalesce(p.number, 0) AS number FROM mutations m"  # noqa: S608
        " LEFT JOIN places p ON p.mutation_id = m.mutation_id AND p.journal = (SELECT journal FROM progress)"
        f" WHERE {condition}",
        values,
    )
    for row in rows:
        yield Mutation(
            mutation_id=row["mutation_id"],
            number=row["number"],
            schema=row["schema"],
            type=row["type"],
            record=row["record"],
            base=row["base"],
            epoch=row["epoch"],
            fields=json.loads(row["fields"]),
            occurred_at=row["occurred_at"],
            outcome=row["outcome"],
            problem=None if row["problem"] is None else json.loads(row["problem"]),
        )


def _acknowledged(connection: sqlite3.Connection) -> int:
    return progress(connection).acknowledged


def _last_number(connection: sqlite3.Connection) -> int:
    row = connection.execute(
        "SELECT max(number) FROM places WHERE journal = (SELECT journal FROM progress)"
    ).fetchone()
    return int(row[0] or 0)


def _place(connection: sqlite3.Connection, mutation_ids: Iterable[str]) -> None:
    journal = progress(connection).journal
    number = max(_acknowledged(connection), _last_number(connection))
    connection.executemany(
        "INSERT INTO places (journal, number, mutation_id) VALUES (?, ?, ?)",
        [(journal, number + place, mutation_id) for place, mutation_id in enumerate(mutation_ids, start=1)],
    )
