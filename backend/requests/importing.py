"""Imports a file of service requests batch by batch, each a transaction: a broken run is simply run again."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import Progress
from sqlalchemy.exc import DBAPIError, IntegrityError

from backend.access.actor import Actor
from backend.access.permissions import check
from backend.customers.rules import TimeZoneUnknown
from backend.db.faults import is_transient
from backend.db.unit_of_work import UnitOfWorkFactory
from backend.requests.actions import import_service_requests
from backend.requests.actions.importing import BatchCount
from backend.requests.csv_records import NotARequestFile
from backend.requests.import_csv import DamagedRow, ImportedRow, Row, read_rows
from schemas.base import known_time_zones

BATCH = 200
TRIES = 3
FALLBACK_ZONE = "UTC"
EXIT_CLEAN, EXIT_DAMAGED, EXIT_REFUSED = 0, 1, 2

ProgressReport = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes to read."""


@dataclass(frozen=True)
class ImportCount:
    """What became of the rows of a file."""

    new: int
    known: int
    damaged: int

    def __str__(self) -> str:
        return f"import: {self.new} new, {self.known} known, {self.damaged} damaged"


def import_requests(
    factory: UnitOfWorkFactory,
    actor: Actor,
    path: Path,
    *,
    time_zone: str | None = None,
    progress: ProgressReport = lambda *_: None,
    damaged: Callable[[DamagedRow], None] = lambda _: None,
) -> ImportCount:
    """Take in every sound row of a CSV file whose key is not known; tell `damaged` of every other.

    Rows without a place are read in `time_zone` (IANA); without one, in the zone of most rows with a place.
    Raises NotARequestFile or TimeZoneUnknown (then nothing was imported), OSError, PermissionRefused.
    """
    check(actor, import_service_requests.permission)
    if time_zone is not None and time_zone not in known_time_zones():
        raise TimeZoneUnknown(f"Give an IANA time zone such as America/New_York, not {time_zone!r}.")
    size = path.stat().st_size
    total = size if time_zone else 2 * size
    zone = time_zone or _usual_zone(path, lambda read: progress(read, total))
    new = known = broken = 0
    for rows in _batches(path, lambda read: progress(total - size + read, total)):
        for row in rows:
            if isinstance(row, DamagedRow):
                broken += 1
                damaged(row)
        sound = [row for row in rows if isinstance(row, ImportedRow)]
        count = _import_batch(factory, actor, sound, zone)
        new, known = new + count.new, known + count.known
    return ImportCount(new, known, broken)


def run_import(
    factory: UnitOfWorkFactory,
    actor: Actor,
    path: Path,
    console: Console,
    time_zone: str | None = None,
    *,
    out: TextIO | None = None,
) -> int:
    """The command `import-requests`: damaged rows and the count go to `out`, progress to `console`.

    Returns the exit code: 0 when every row was sound, 1 when some were damaged, 2 when the file was refused.
    """
    out = out or sys.stdout

    def damaged(row: DamagedRow) -> None:
        _write(out, f"line {row.line}: {row.reason}")

    try:
        with _shown_progress(console) as progress:
            count = import_requests(
                factory, actor, path, time_zone=time_zone, progress=progress, damaged=damaged
            )
    except NotARequestFile as error:
        _say(console, f"import refused: {path} is not a CSV of service requests. {error.detail}")
        return EXIT_REFUSED
    except TimeZoneUnknown as error:
        _say(console, f"import refused: {error.detail}")
        return EXIT_REFUSED
    except OSError as error:
        _say(console, f"import refused: {path} cannot be read: {error.strerror}.")
        return EXIT_REFUSED
    _write(out, str(count))
    return EXIT_DAMAGED if count.damaged else EXIT_CLEAN


def _usual_zone(path: Path, read: Callable[[int], None]) -> str:
    """The zone of most rows that have a place, of equals the first by name; without any, FALLBACK_ZONE."""
    zones: Counter[str] = Counter()
    for rows in _batches(path, read):
        zones.update(row.zone(FALLBACK_ZONE) for row in rows if isinstance(row, ImportedRow) and row.place)
    return min(zones, key=lambda zone: (-zones[zone], zone), default=FALLBACK_ZONE)


def _batches(path: Path, read: Callable[[int], None]) -> Iterator[list[Row]]:
    """The rows of a file, BATCH at a time; after each batch `read` hears how far the file is."""
    with path.open("rb") as stream:
        rows = read_rows(stream)
        while batch := list(islice(rows, BATCH)):
            yield batch
            read(stream.tell())


def _import_batch(
    factory: UnitOfWorkFactory, actor: Actor, rows: Sequence[ImportedRow], zone: str
) -> BatchCount:
    """One transaction; tried again when another import of the same rows, or a deadlock, came between."""
    for left in reversed(range(TRIES)):
        try:
            with factory.begin() as uow:
                return import_service_requests(uow, actor, rows=rows, default_zone=zone)
        except DBAPIError as error:
            if not left or not (isinstance(error, IntegrityError) or is_transient(error)):
                raise
    raise AssertionError("the last try returns or raises")


@contextmanager
def _shown_progress(console: Console) -> Iterator[ProgressReport]:
    """A bar on a terminal; elsewhere a plain line per tenth, so that a log file stays readable."""
    if not console.is_terminal:
        yield _progress_in_lines(console)
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("Importing service requests", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _progress_in_lines(console: Console) -> ProgressReport:
    said = 0

    def report(done: int, total: int) -> None:
        nonlocal said
        tenth = 10 * done // max(total, 1)
        if tenth > said:
            said = tenth
            _say(console, f"import: {10 * tenth} % read")

    return report


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _write(out: TextIO, line: str) -> None:
    """One line, whatever the encoding of `out` can say."""
    encoding = out.encoding or "utf-8"
    out.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    out.flush()
