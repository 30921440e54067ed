"""What the server says: its records on this phone, the pages on their way to them, and the digest."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from mobile_client_stub.store import dumped
from mobile_client_stub.words import Body, number_of, text_of

HASH_SPACE = 2**64
DAMAGED = "0" * 16


def read_all(connection: sqlite3.Connection, collection: str) -> dict[str, Body]:
    """The server's records of one collection by id."""
    rows = connection.execute("SELECT id, body FROM records WHERE collection = ? ORDER BY id", (collection,))
    return {row["id"]: json.loads(row["body"]) for row in rows}


def read_one(connection: sqlite3.Connection, collection: str, record: str) -> dict[str, Body]:
    """The server's record of that id by its id; empty when the server did not send it."""
    rows = connection.execute(
        "SELECT id, body FROM records WHERE collection = ? AND id = ?", (collection, record)
    )
    return {row["id"]: json.loads(row["body"]) for row in rows}


def revision_of(connection: sqlite3.Connection, collection: str, record: str) -> int | None:
    """The revision that the user sees, None for a record that the server did not send."""
    row = connection.execute(
        "SELECT json_extract(body, '$.revision') FROM records WHERE collection = ? AND id = ?",
        (collection, record),
    ).fetchone()
    return None if row is None else row[0]


def stage(connection: sqlite3.Connection, changes: Iterable[Body], cursor: str) -> None:
    """Lay one page aside.

    Nothing of it is seen before the last page is here; the next one begins at `cursor`.
    """
    connection.executemany(
        "INSERT INTO staged (collection, id, op, hash, body) VALUES (?, ?, ?, ?, ?)",
        [
            (
                change["collection"],
                change["id"],
                change["op"],
                change.get("hash"),
                dumped(change["body"]) if change["op"] == "put" else None,
            )
            for change in changes
        ],
    )
    connection.execute("UPDATE progress SET staged_cursor = ?", (cursor,))


def apply_staged(connection: sqlite3.Connection) -> int:
    """Make all staged pages visible at once; returns how many changes.

    A pull from the very start replaces everything.
    """
    cursor, staged_cursor = connection.execute("SELECT cursor, staged_cursor FROM progress").fetchone()
    if cursor is None:
        connection.execute("DELETE FROM records")
    rows = connection.execute(
        "SELECT collection, id, op, hash, body FROM staged ORDER BY position"
    ).fetchall()
    for row in rows:
        if row["op"] == "put":
            whole = (row["collection"], row["id"], row["hash"] or "", row["body"], _sum_of(row["body"]))
            connection.execute(
                "INSERT OR REPLACE INTO records (collection, id, hash, body, body_sum)"
                " VALUES (?, ?, ?, ?, ?)",
                whole,
            )
        else:
            connection.execute(
                "DELETE FROM records WHERE collection = ? AND id = ?", (row["collection"], row["id"])
            )
    connection.execute("DELETE FROM staged")
    connection.execute("UPDATE progress SET cursor = ?, staged_cursor = NULL", (staged_cursor,))
    return len(rows)


def start_again(connection: sqlite3.Connection) -> None:
    """Forget the cursor and the staged pages: the next pull brings everything.

    The records stay until it has.
    """
    connection.execute("DELETE FROM staged")
    connection.execute("UPDATE progress SET cursor = NULL, staged_cursor = NULL")


def digest(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many records there are, and the sum of their hashes modulo 2^64."""
    hashes = [int(record.hash or "0", 16) for record in _held(connection)]
    return len(hashes), sum(hashes) % HASH_SPACE


def equals_digest(connection: sqlite3.Connection, feeds: Mapping[str, object]) -> bool:
    """Whether the records are those that the server summed up.

    Every collection belongs to exactly one feed, so the sum over all feeds says as much as each alone.
    """
    count = total = 0
    for summary in feeds.values():
        if not isinstance(summary, dict):
            raise ValueError("a digest is not an object")
        count += number_of(summary, "count")
        total += int(text_of(summary, "hash") or "0", 16)
    return digest(connection) == (count, total % HASH_SPACE)


def inventory(connection: sqlite3.Connection) -> list[Body]:
    """Every record as collection, id and hash: what the server needs to find the differences."""
    return [asdict(record) for record in _held(connection)]


@dataclass(frozen=True)
class _Held:
    """A record as it is accounted for."""

    collection: str
    id: str
    hash: str


def _held(connection: sqlite3.Connection) -> Iterator[_Held]:
    """What the phone holds; a body that is no longer what was written counts as one that nobody sent."""
    for row in connection.execute("SELECT * FROM records ORDER BY collection, id"):
        is_whole = _sum_of(row["body"]) == row["body_sum"]
        yield _Held(row["collection"], row["id"], row["hash"] if is_whole else DAMAGED)


def _sum_of(body: str) -> str:
    return hashlib.blake2b(body.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
