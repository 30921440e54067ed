"""The files on this phone: kept until the server's receipt for them has come down in the feed."""

import hashlib
import json
import os
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mobile_client_stub.store import Store
from mobile_client_stub.words import PhoneError, written

_SIGNATURES = (
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"WEBP", 8, "image/webp"),
    (b"ftyphei", 4, "image/heic"),
    (b"ftypmif1", 4, "image/heic"),
    (b"%PDF-", 0, "application/pdf"),
)
FORGOTTEN_AFTER = 24 * 3600  # seconds


@dataclass(frozen=True)
class File:
    """Bytes that are safe in the phone's own folder."""

    sha256: str
    size: int
    content_type: str


@dataclass(frozen=True)
class Medium:
    """One file's way to the server. `outcome` and `problem` are what became of its registration.

    `record_state`: that of its record in the feed, None when there is none.
    """

    id: str
    visit_id: str
    kind: str
    sha256: str
    size: int
    content_type: str
    sent_at: str | None
    stored_at: str | None
    attempts: int
    trouble: str | None
    outcome: str | None
    problem: str | None
    record_state: str | None

    @property
    def may_go(self) -> bool:
        """Whether the server knows the record, so that it will take the bytes, and has not got them.

        A registration that was held and accepted later keeps its outcome: it is the feed that tells of it.
        """
        known = self.outcome in {"applied", "merged"} or self.record_state in {"expected", "rejected"}
        return known and self.sent_at is None and self.stored_at is None

    @property
    def is_needed_here(self) -> bool:
        """Whether this phone may hold the only copy of something that can still be wanted."""
        if self.sent_at or self.stored_at:
            return False
        return self.may_go or self.outcome not in {"refused", "overridden"}

    @property
    def state(self) -> str:
        """Where it stands, for people."""
        if self.stored_at:
            return "stored"
        if self.sent_at:
            return "sent, waiting for the receipt"
        if not self.may_go and self.outcome in {"held", "refused", "overridden"}:
            return f"kept: its registration was {self.outcome}"
        return "ready to send" if self.may_go else "waiting"


def keep_bytes(store: Store, content: bytes) -> File:
    """Put the bytes on the phone's disk, durably, under their SHA-256; doing it twice is harmless."""
    if not content:
        raise PhoneError("The file is empty. Take it again.")
    file = File(hashlib.sha256(content).hexdigest(), len(content), content_type_of(content))
    part = store.media_folder / f"{store.mint_id()}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    part.replace(path_of(store, file.sha256))
    folder = os.open(store.media_folder, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    return file


def content_type_of(content: bytes) -> str:
    """The type that the first bytes announce; PhoneError for anything that the server would not take."""
    for signature, offset, content_type in _SIGNATURES:
        if content[offset:].startswith(signature):
            return content_type
    try:
        json.loads(content)
    except ValueError:
        raise PhoneError(
            "Only photos (JPEG, PNG, WebP, HEIC), PDF files and signatures can be sent."
        ) from None
    return "application/json"


def path_of(store: Store, sha256: str) -> Path:
    """Where the bytes lie on this phone."""
    return store.media_folder / sha256


def is_whole(path: Path, sha256: str) -> bool:
    """Whether the file is there and still has the bytes that were kept."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def add(
    connection: sqlite3.Connection,
    media_id: str,
    mutation_id: str,
    visit_id: str,
    kind: str,
    file: File,
    now: datetime,
) -> None:
    """Queue a file whose bytes are on the disk and whose registration is in the journal."""
    connection.execute(
        "INSERT INTO media (id, mutation_id, visit_id, kind, sha256, size, content_type, added_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (media_id, mutation_id, visit_id, kind, file.sha256, file.size, file.content_type, written(now)),
    )


def all_media(connection: sqlite3.Connection) -> list[Medium]:
    """Every file this phone ever queued, oldest first."""
    rows = connection.execute(
        "SELECT q.*, m.outcome, m.problem, json_extract(r.body, '$.state') AS record_state"
        " FROM media q LEFT JOIN mutations m USING (mutation_id)"
        " LEFT JOIN records r ON r.collection = 'media' AND r.id = q.id ORDER BY q.id"
    )
    return [Medium(**{name: row[name] for name in Medium.__dataclass_fields__}) for row in rows]


def note_sent(connection: sqlite3.Connection, media_id: str, now: datetime, epoch: str | None) -> None:
    """The server said that it has the whole file; the receipt in the feed is still to come.

    `epoch`: that of the server when the file began to go. When an exchange has heard of a new life of the
    server's database meanwhile, what was said is worth nothing, and the file is offered again.
    """
    connection.execute(
        "UPDATE media SET sent_at = ?, trouble = NULL WHERE id = ? AND (SELECT epoch FROM progress) IS ?",
        (written(now), media_id, epoch),
    )


def note_trouble(connection: sqlite3.Connection, media_id: str, trouble: str) -> None:
    """This try failed; the next one comes by itself. Of a file that has its receipt it is no trouble."""
    connection.execute(
        "UPDATE media SET attempts = attempts + 1, trouble = ? WHERE id = ? AND stored_at IS NULL",
        (trouble, media_id),
    )


def ask_again(connection: sqlite3.Connection) -> None:
    """The server starts over: of a file whose receipt has not come down it may know nothing any more."""
    connection.execute("UPDATE media SET sent_at = NULL WHERE stored_at IS NULL")


def take_receipts(connection: sqlite3.Connection, now: datetime) -> None:
    """After a whole pull: believe the feed about every file.

    A record that left this phone's scope (the visit went to somebody else) brings no receipt any more; then
    what the server answered when it had checked the bytes is the receipt. A record that waits again for bytes
    that it once had belongs to a server restored from a backup: it is told again, and if need be sent again.
    """
    for row in connection.execute(_AS_THE_FEED_SAYS).fetchall():
        state, stored, sent = row["state"], row["stored_at"] is not None, row["sent_at"] is not None
        if not stored and (state == "stored" or (state is None and sent)):
            connection.execute(
                "UPDATE media SET stored_at = ?, trouble = NULL WHERE id = ?", (written(now), row["id"])
            )
        elif state == "rejected" or (state == "expected" and stored):
            trouble = f"rejected: {row['reason'] or 'no reason given'}" if state == "rejected" else None
            connection.execute(
                "UPDATE media SET sent_at = NULL, stored_at = NULL, trouble = ? WHERE id = ?",
                (trouble, row["id"]),
            )


_AS_THE_FEED_SAYS = """
SELECT q.id, q.sent_at, q.stored_at, json_extract(r.body, '$.state') AS state,
       json_extract(r.body, '$.reason') AS reason
FROM media q LEFT JOIN records r ON r.collection = 'media' AND r.id = q.id
"""


def delete_stored(store: Store, now: datetime) -> int:
    """Delete the files that have their receipt; returns how many.

    A file that another record still waits for stays. One that no record speaks of was being added when the
    phone died: it goes after a day, for it may still be on its way into the queue.
    """
    rows = store.connection.execute("SELECT sha256, count(*) > count(stored_at) FROM media GROUP BY sha256")
    waits = {sha256: bool(waiting) for sha256, waiting in rows}
    deleted = 0
    for path in store.media_folder.iterdir():
        known = path.name in waits
        age = now.timestamp() - path.stat().st_mtime
        if (known and not waits[path.name]) or (not known and age > FORGOTTEN_AFTER):
            path.unlink()
            deleted += known
    return deleted
