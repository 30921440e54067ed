"""`doorstep doctor`: looks at machine, settings and database, and says what to do about what is amiss."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.attachments.storage import address_of
from backend.db.damage import WHAT_TO_DO, DamagedDatabase, UnreadableDatabase, refuse_damaged
from backend.db.engine import UnsafeDatabase, make_engine, sqlite_driver
from backend.db.sqlite_lock import DatabaseHeldElsewhere, is_faulty
from backend.db.upgrade import pending
from backend.reports.seal.keys import SealFolder, SealKeyMissing
from backend.settings import Settings
from media.errors import StorageUnavailable
from media.s3 import S3Store

LEAST_FREE_BYTES = 1 << 30
BUSY_SECONDS = 5.0
"""How long it waits for a database that somebody else has locked."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `advice` is what to do when it is not well."""

    what: str
    well: bool
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Findings:
    """All that was looked at."""

    items: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        return all(item.well for item in self.items)

    def as_table(self) -> Table:
        """The findings for a screen."""
        table = Table(box=None, pad_edge=False)
        for heading in ("", "what", "found", "what to do"):
            table.add_column(heading, overflow="fold")
        for item in self.items:
            table.add_row("[green]ok[/]" if item.well else "[red]!![/]", item.what, item.found, item.advice)
        return table


def examine(settings: Settings) -> Findings:
    """Look at everything; nothing is changed and nothing raises."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _python,
        _sqlite,
        _data,
        _secret,
        _database,
        _files,
        _mail,
        _seal,
    )
    return Findings(tuple(finding for check in checks for finding in check(settings)))


def _python(_settings: Settings) -> Iterator[Finding]:
    version = sys.version.split()[0]
    yield Finding(
        "Python",
        sys.version_info >= (3, 11),
        version,
        "" if sys.version_info >= (3, 11) else "Install 3.11+.",
    )


def _sqlite(settings: Settings) -> Iterator[Finding]:
    driver = sqlite_driver()
    safe = not is_faulty(driver.sqlite_version_info) or not settings.database_url.startswith("sqlite")
    advice = "" if safe else "Install pysqlite3; until then run one process only."
    yield Finding("SQLite", safe, f"{driver.sqlite_version} ({driver.__name__})", advice)


def _data(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    usable = existing.is_dir() and os.access(existing, os.W_OK)
    yield Finding("data folder", usable, str(folder), "" if usable else "Take a folder to write to.")
    free = shutil.disk_usage(existing).free
    enough = free >= LEAST_FREE_BYTES
    yield Finding(
        "free space", enough, f"{free / 2**30:.1f} GiB", "" if enough else "Photos will soon not fit."
    )


def _secret(settings: Settings) -> Iterator[Finding]:
    file = settings.data_dir / "secret"
    if settings.secret is not None:
        yield Finding("secret", True, "DOORSTEP_SECRET")
    elif not file.exists():
        yield Finding("secret", True, "made on the first start")
    else:
        private = _is_private(file)
        yield Finding("secret", private, str(file), "" if private else f"chmod 600 {file}")


def _is_private(file: Path) -> bool:
    return not stat.S_IMODE(file.stat().st_mode) & 0o077


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_url.startswith("sqlite"):
        try:
            refuse_damaged(settings.database_url, busy_seconds=BUSY_SECONDS)
        except DamagedDatabase as damage:
            yield Finding("database", False, f"damaged: {damage.found}", WHAT_TO_DO)
        except (UnreadableDatabase, DatabaseHeldElsewhere) as trouble:
            yield Finding("database", False, str(trouble), "Stop what uses it, or correct DOORSTEP_DATABASE.")
        else:
            yield Finding("database", True, "SQLite, embedded, reads whole")
        return
    for tool in ("pg_dump", "psql"):
        path = shutil.which(tool)
        yield Finding(
            tool,
            path is not None,
            path or "not found",
            "" if path else "Install postgresql-client for backups.",
        )
    try:
        engine = make_engine(settings.database_url)
        with engine.connect() as connection:
            version = connection.scalar(text("SHOW server_version"))
            postgis = connection.scalar(
                text("SELECT default_version FROM pg_available_extensions WHERE name = 'postgis'")
            )
        behind = pending(settings.database_url)
    except (SQLAlchemyError, UnsafeDatabase, ValueError) as error:
        yield Finding(
            "database", False, str(error).strip().splitlines()[0], "Start it, or correct DOORSTEP_DATABASE."
        )
        return
    yield Finding("PostgreSQL", True, str(version))
    yield Finding(
        "PostGIS", postgis is not None, str(postgis or "missing"), "" if postgis else "Install its package."
    )
    yield Finding(
        "tables",
        not behind,
        "older than this program" if behind else "up to date",
        "doorstep db upgrade" if behind else "",
    )


def _files(settings: Settings) -> Iterator[Finding]:
    if settings.s3_bucket:
        try:
            S3Store(address_of(settings)).reach()
            yield Finding("files", True, f"bucket {settings.s3_bucket}")
        except StorageUnavailable as error:
            advice = "Correct DOORSTEP_S3_…, or what the key may do: docs/operations.md."
            yield Finding("files", False, error.detail.rpartition("The store: ")[2], advice)
    else:
        yield Finding("files", True, str(settings.media_folder))
    found = settings.scanner or "none: files are called not scanned"
    yield Finding("virus scanner", True, found)


def _seal(settings: Settings) -> Iterator[Finding]:
    try:
        key = SealFolder(settings.seal_folder).current()
    except SealKeyMissing:
        yield Finding("seal key", False, "none: reports wait for it", "doorstep seal-key create")
        return
    private = key.token is not None or _is_private(SealFolder(settings.seal_folder).key_file(key))
    found = key.name[:16] + (", in hardware" if key.token is not None else "")
    yield Finding("seal key", private, found, "" if private else "chmod 600 its .key file")
    if settings.timestamp_url:
        rooted = bool(settings.timestamp_roots)
        yield Finding(
            "timestamps",
            rooted,
            settings.timestamp_url,
            "" if rooted else "Set DOORSTEP_TIMESTAMP_ROOTS, or nobody can check them.",
        )


def _mail(settings: Settings) -> Iterator[Finding]:
    by_folder = settings.mail_url.startswith("folder:")
    yield Finding(
        "mail",
        True,
        f"laid down in {settings.mail_folder}" if by_folder else settings.mail_url.split("@")[-1],
    )
