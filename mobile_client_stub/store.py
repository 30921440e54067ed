"""The phone's own database: one SQLite file per server and user, durable before anything is sent."""

import fcntl
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mobile_client_stub.tables import SCHEMA, TABLES
from mobile_client_stub.words import Body, Mint, PhoneError, new_id


@dataclass(frozen=True)
class Account:
    """Who uses this phone, at which server, and whether the server still wants to hear from it."""

    server: str
    user_id: str
    device_id: str
    display_name: str
    time_zone: str
    access_token: str | None
    refresh_token: str | None
    device_key: str | None
    locked: bool
    wipe_due: bool
    signed_out: str | None


def connect(path: Path) -> sqlite3.Connection:
    """The database at `path` (0600), in WAL and synced to the disk at every commit."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


class Store:
    """One user's data on one phone, in a folder (0700) of its own."""

    def __init__(self, folder: Path, mint_id: Mint = new_id) -> None:
        """Open the folder, making it and its tables when they are missing."""
        self.mint_id = mint_id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.media_folder = folder / "media"
        self.media_folder.mkdir(mode=0o700, exist_ok=True)
        with self._alone():
            self.connection = connect(folder / "phone.sqlite")
            self.connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
            columns = {row["name"] for row in self.connection.execute("PRAGMA table_info(records)")}
            if "body_sum" not in columns:
                # Of before there were sums: nothing adds up, and the next sync brings every body once more.
                self.connection.execute("ALTER TABLE records ADD COLUMN body_sum TEXT NOT NULL DEFAULT ''")

    def close(self) -> None:
        """Let go of the database."""
        with self._alone():
            self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and on the disk when the block has ended."""
        with self._alone():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def one_sync_at_a_time(self) -> Iterator[None]:
        """Hold off a second exchange loop on the same data; PhoneError when one runs already."""
        with (self.folder / "sync.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PhoneError("This phone is synchronising already. Wait for it to end.") from None
            yield

    @contextmanager
    def sending_files(self) -> Iterator[bool]:
        """Whether nobody else sends this phone's files: if so, nobody will while the block runs."""
        with (self.folder / "uploads.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def erase(self) -> None:
        """Remove everything that is known here of anybody, and the files."""
        with self.transaction() as connection:
            for table in TABLES:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a literal list
        with self._alone():
            self.connection.execute("VACUUM")
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for path in self.media_folder.iterdir():
            path.unlink()

    def account(self) -> Account | None:
        """The enrolled account, None before enrolment and after a wipe."""
        row = self.connection.execute("SELECT * FROM account").fetchone()
        if row is None:
            return None
        return Account(**{name: row[name] for name in Account.__dataclass_fields__})

    def save_account(
        self, connection: sqlite3.Connection, server: str, enrolled: Body, device_key: str
    ) -> bool:
        """Keep what enrolment answered; True when this is another device to the server than before."""
        before = self.account()
        connection.execute(
            "INSERT OR REPLACE INTO account (only_row, server, user_id, device_id, display_name, time_zone,"
            " access_token, refresh_token, device_key) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
            (server, *(enrolled[name] for name in _ENROLLED), device_key),
        )
        connection.execute(
            "INSERT OR IGNORE INTO progress (only_row, journal) VALUES (1, ?)", (self.mint_id(),)
        )
        return before is not None and before.device_id != enrolled["device_id"]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # SQLite 3.7.0-3.51.2 can damage a WAL database when two connections write and checkpoint at once;
        # checkpoints happen inside COMMIT and close, so one lock around both keeps several processes apart.
        with (self.folder / "phone.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


_ENROLLED = ("user_id", "device_id", "display_name", "time_zone", "access_token", "refresh_token")


def folder_of(home: Path, server: str, user_id: str) -> Path:
    """Where the data of a user of a server live below the phone's home."""
    return home / re.sub(r"[^a-z0-9.-]+", "-", server.partition("://")[2].lower()).strip("-") / user_id


def dumped(value: object) -> str:
    """JSON for the database, keys in their order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
