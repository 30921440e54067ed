"""`python -m tests.benchmarks`: the sync engine over HTTP on both databases, each beside the bare one."""

from __future__ import annotations

import json
import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text

from backend.app import wire
from backend.db.engine import make_engine
from backend.parts.models import Part
from backend.settings import read_settings
from schemas.parts import PartKind
from tests.benchmarks.device import Device
from tests.journeys.server import ServerProcess
from tests.postgres import running_cluster

RECORDS = 10_000
CONNECTIONS = 16
SECONDS = 5.0
BATCH = 10
_BODIES = "SELECT body FROM sync_feed_rows WHERE audience = 'everyone' ORDER BY position"


@dataclass
class Figures:
    """What one database did; times in seconds, rates per second."""

    database: str
    values: dict[str, float] = field(default_factory=dict)


def measure(database: str, url: str, folder: Path, records: int) -> Figures:
    """Start a server on an empty database, fill it, and measure."""
    figures = Figures(database)
    server = ServerProcess(url, folder, {"DOORSTEP_THROTTLE": "0"})
    server.run("db", "upgrade").check_returncode()
    fill(url, folder, records)
    seeded = server.run("seed", "--technicians", "1", "--visits-per-technician", "1", "--json")
    firm = json.loads(seeded.stdout)
    engine = make_engine(url)
    with server:
        device = Device(server.url, firm["technicians"][0]["enrolment_code"])
        started = time.perf_counter()
        first = device.pull_everything()
        figures.values["cold first pull, records/s"] = len(first) / (time.perf_counter() - started)
        figures.values |= first_pull(device, engine)
        visit = next(change["id"] for change in first if change["collection"] == "visits")
        figures.values |= no_change(server, device)
        figures.values |= push(device, visit, engine)
        device.close()
    engine.dispose()
    return figures


def fill(url: str, folder: Path, records: int) -> None:
    """A catalogue of `records` parts, as everybody's reference data."""
    engine = make_engine(url)
    wiring = wire(engine, read_settings(database=url, data=folder))
    for start in range(0, records, 1000):
        with wiring.factory.begin() as uow:
            uow.add_all(a_part(uow.mint_id(), number) for number in range(start, min(start + 1000, records)))
    engine.dispose()


def a_part(part_id: object, number: int) -> Part:
    """A part whose body is of the usual length."""
    name = f"Part {number} " + "of the usual length of names in a catalogue " * 3
    return Part(
        id=part_id,
        sku=f"BENCH-{number:06}",
        name=name.strip(),
        search_name=name.strip().lower(),
        unit="piece",
        kind=PartKind.PART,
        price_minor=100 + number,
        currency="EUR",
    )


def first_pull(device: Device, engine: Engine) -> dict[str, float]:
    """A pull of everything from a feed that is there, against the bare read of the same bodies."""

    def pull() -> None:
        device.cursor = None
        device.pull_everything()

    bare = copy_bodies if engine.dialect.name == "postgresql" else select_bodies
    pulled, read = best(pull), best(lambda: bare(engine))
    return {
        "first pull, s": pulled,
        "bare read of the bodies, s": read,
        "first pull ÷ bare read": pulled / read,
    }


def copy_bodies(engine: Engine) -> None:
    """`COPY … TO STDOUT` of the bodies: as fast as PostgreSQL hands out bytes."""
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        with raw.cursor().copy(f"COPY ({_BODIES}) TO STDOUT") as stream:
            for _ in stream:
                pass


def select_bodies(engine: Engine) -> None:
    """A raw SELECT of the bodies through the driver."""
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute(_BODIES).fetchall()


def no_change(server: ServerProcess, device: Device) -> dict[str, float]:
    """Exchanges without news: one after the other, and from many connections at once."""
    device.pull_everything()
    single = [timed(device.exchange) for _ in range(200)]
    ends, counts = time.perf_counter() + SECONDS, [0] * CONNECTIONS

    def ask(place: int) -> None:
        own = clone(server, device)
        while time.perf_counter() < ends:
            own.exchange()
            counts[place] += 1
        own.close()

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "no-change exchange, p50 ms": 1000 * statistics.median(single),
        f"no-change exchanges/s, {CONNECTIONS} connections": sum(counts) / SECONDS,
    }


def clone(server: ServerProcess, device: Device) -> Device:
    """The same device on a connection of its own."""
    own = Device.__new__(Device)
    own.__dict__ |= device.__dict__
    own.connect(server.url)
    return own


def push(device: Device, visit: str, engine: Engine) -> dict[str, float]:
    """Batches of mutations through the real use case, against bare inserts of the same bodies."""
    batches = 60
    started = time.perf_counter()
    for number in range(batches):
        device.exchange([device.note(visit, f"note {number}.{line}") for line in range(BATCH)], limit=0)
    rate = batches * BATCH / (time.perf_counter() - started)
    bare = bare_inserts(engine, batches)
    return {"pushed mutations/s": rate, "bare inserts/s": bare, "bare inserts ÷ pushed": bare / rate}


def bare_inserts(engine: Engine, batches: int) -> float:
    """Rows like a mutation's, one transaction per batch, and nothing else done."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bench_notes (id TEXT PRIMARY KEY, content TEXT NOT NULL)"))
    started = time.perf_counter()
    for number in range(batches):
        rows = [{"id": f"{number}.{line}", "content": "x" * 400} for line in range(BATCH)]
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO bench_notes VALUES (:id, :content)"), rows)
    rate = batches * BATCH / (time.perf_counter() - started)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE bench_notes"))
    return rate


def timed(work: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def best(work: Callable[[], object], times: int = 5) -> float:
    """Seconds of the fastest of some calls: the one that was disturbed least."""
    return min(timed(work) for _ in range(times))


def as_table(all_figures: list[Figures], records: int) -> Table:
    """Databases side by side."""
    table = Table(title=f"{records:,} records · {os.cpu_count()} cores, load generator included", box=None)
    table.add_column("measure")
    for figures in all_figures:
        table.add_column(figures.database, justify="right")
    for measure_name in all_figures[0].values:
        table.add_row(measure_name, *(f"{figures.values[measure_name]:,.3g}" for figures in all_figures))
    return table


@click.command()
@click.option("--records", default=RECORDS, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("var/bench.json"), show_default=True)
def main(records: int, out: Path) -> None:
    """Measure, show, and write JSON."""
    with (
        tempfile.TemporaryDirectory(prefix="doorstep-bench-") as scratch,
        running_cluster(durable=True) as cluster,
    ):
        folder = Path(scratch)
        measured = [
            measure("SQLite", f"sqlite:///{folder / 'bench.sqlite'}", folder / "sqlite", records),
            measure("PostgreSQL", cluster.create_database("bench"), folder / "postgresql", records),
        ]
    Console().print(as_table(measured, records))
    out.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "records": records,
        "figures": {figures.database: figures.values for figures in measured},
    }
    out.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
