"""`python -m tests.benchmarks`: Doorstep beside the bare database and beside Kinto, all in one run."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.benchmarks import exchanges, money, seals, storm, uploads
from tests.benchmarks.exchanges import CATALOGUE, Figures
from tests.benchmarks.firm import running_firm
from tests.benchmarks.growth import fill_with_years, growth
from tests.benchmarks.kinto import running_kinto
from tests.benchmarks.load import keep_memory
from tests.benchmarks.refreshes import refresh
from tests.benchmarks.targets import TARGETS, Target
from tests.postgres import Cluster, measured_cluster

RECORDS = 10_000
OTHERS = 50
"""Records that a phone has besides: the first pull is of so many records together, on one page."""
WORKERS = 2
THREADS = 8
PHONES = 120
"""As many as it takes to stay below the limit of requests per phone, which is left on."""

SETTINGS = {"autovacuum": "on", "shared_buffers": "1GB", "max_wal_size": "4GB"}
"""Of the one PostgreSQL that everybody in the run uses; all else, fsync included, as it comes."""


@dataclass
class Bench:
    """One run: where it may write, on which cluster, and what has been measured."""

    folder: Path
    cluster: Cluster
    records: int
    console: Console
    figures: dict[str, Figures] = field(default_factory=dict)

    def say(self, what: str) -> None:
        """A line of progress."""
        self.console.print(f"[dim]{what} …[/dim]")

    def note(self, column: str, figures: Figures) -> None:
        """Keep figures of one database."""
        self.figures.setdefault(column, {}).update(figures)


def on_postgresql(bench: Bench) -> None:
    """Exchanges and refresh on PostgreSQL, beside COPY and Kinto."""
    with ExitStack() as stack:
        bench.say(f"PostgreSQL: {bench.records:,} records and {PHONES} phones")
        url = bench.cluster.create_database("bench")
        firm = stack.enter_context(
            running_firm(url, bench.folder / "postgresql", workers=WORKERS, records=bench.records - OTHERS)
        )
        phones = firm.phones(PHONES)
        firm.pull(phones)
        bench.say("Kinto: installed where missing, and filled with the same documents")
        kinto = stack.enter_context(running_kinto(bench.cluster, bench.folder / "kinto", WORKERS, THREADS))
        kinto.make([CATALOGUE, *(f"writer-{n}" for n in range(exchanges.PUSHING))])
        kinto.fill(bench.cluster, CATALOGUE, exchanges.documents_of(firm.wiring.engine))
        for measure in (exchanges.no_change, exchanges.push):
            bench.say(f"PostgreSQL: {measure.__name__}, turn by turn with Kinto")
            bench.note("PostgreSQL", measure(firm, phones, kinto))
        bench.say("PostgreSQL: first pull, turn by turn with COPY and Kinto")
        bench.note("PostgreSQL", exchanges.first_pull(firm, phones[-1], kinto))
        bench.say("PostgreSQL: refresh")
        bench.note("PostgreSQL", refresh(firm))


def on_sqlite(bench: Bench) -> None:
    """The same on SQLite, with one worker and without Kinto."""
    bench.say(f"SQLite: {bench.records:,} records and {PHONES} phones")
    url = f"sqlite:///{bench.folder / 'bench.sqlite'}"
    with running_firm(url, bench.folder / "sqlite", workers=1, records=bench.records - OTHERS) as firm:
        phones = firm.phones(PHONES)
        firm.pull(phones)
        bench.say("SQLite: exchanges and refresh")
        bench.note("SQLite", exchanges.no_change(firm, phones, None))
        bench.note("SQLite", exchanges.push(firm, phones, None))
        bench.note("SQLite", exchanges.first_pull(firm, phones[-1], None))
        bench.note("SQLite", refresh(firm))


def with_neighbours(bench: Bench) -> None:
    """What one noisy phone does to the others."""
    url = bench.cluster.create_database("neighbours")
    with running_firm(url, bench.folder / "neighbours", workers=WORKERS) as firm:
        phones = firm.phones(storm.NEIGHBOURS)
        firm.pull(phones)
        bench.say("PostgreSQL: a noisy neighbour")
        bench.note("PostgreSQL", storm.noisy_neighbour(firm, phones))


def in_a_storm(bench: Bench) -> None:
    """Everybody comes back at once."""
    url = bench.cluster.create_database("storm")
    with running_firm(url, bench.folder / "storm", workers=WORKERS) as firm:
        bench.say(f"storm: {storm.PHONES} technicians are made, some minutes")
        phones = firm.phones(storm.PHONES)
        firm.pull(phones)
        bench.say("storm: begins")
        bench.note("PostgreSQL", storm.storm(firm, phones))


def after_years(bench: Bench) -> None:
    """Whether what has piled up makes exchanges dearer."""
    bench.say("growth: a database is filled, some minutes")
    new, full = (bench.cluster.create_database(name) for name in ("growth_new", "growth_full"))
    with (
        running_firm(full, bench.folder / "full", workers=WORKERS) as full_firm,
        running_firm(new, bench.folder / "new", workers=WORKERS) as new_firm,
    ):
        bench.note("PostgreSQL", fill_with_years(full_firm.wiring.engine, bench.say))
        phones = full_firm.phones(PHONES), new_firm.phones(PHONES)
        bench.say("growth: exchanges with both databases, turn by turn")
        bench.note("PostgreSQL", growth(full_firm, phones[0], new_firm, phones[1]))


def with_photos(bench: Bench) -> None:
    """Photos go up to a store of their own while the API's memory is watched."""
    bench.say(f"media: {uploads.PHOTOS} photos of {uploads.MEGABYTES} MB to OpenStack Swift")
    url = bench.cluster.create_database("media")
    with uploads.running_on_s3(url, bench.folder / "media", workers=WORKERS) as firm:
        bench.note("PostgreSQL", uploads.uploads(firm, firm.phones(uploads.PHONES)))


def with_seals(bench: Bench) -> None:
    """What the press does, without a server."""
    bench.say(f"seals: {seals.REPORTS} reports with {seals.PHOTOS} photos each")
    bench.note("the press", seals.seals(bench.folder / "seals"))


def with_webhooks(bench: Bench) -> None:
    """Providers tell of payments, all at once."""
    bench.say(f"webhooks: {money.MESSAGES} payments are made, then told of in {money.SECONDS:.0f} seconds")
    url = bench.cluster.create_database("webhooks")
    bench.note("payments", money.webhooks(url, bench.folder / "webhooks"))


def with_statements(bench: Bench) -> None:
    """A large bank statement, twice."""
    bench.say(f"statements: {money.ENTRIES} entries")
    url = bench.cluster.create_database("statements")
    bench.note("payments", money.statements(url, bench.folder / "statements"))


PARTS: dict[str, Callable[[Bench], None]] = {
    "postgresql": on_postgresql,
    "sqlite": on_sqlite,
    "neighbours": with_neighbours,
    "storm": in_a_storm,
    "growth": after_years,
    "media": with_photos,
    "seals": with_seals,
    "webhooks": with_webhooks,
    "statements": with_statements,
}


def as_table(figures: dict[str, Figures]) -> Table:
    """Databases side by side."""
    table = Table(title=f"{os.cpu_count()} cores, load generator included", box=None)
    table.add_column("measure")
    for name in figures:
        table.add_column(name, justify="right")
    for measure in dict.fromkeys(measure for values in figures.values() for measure in values):
        cells = (as_read(values[measure]) if measure in values else "" for values in figures.values())
        table.add_row(measure, *cells)
    return table


def as_verdicts(found: dict[str, tuple[Target, float]]) -> Table:
    """What was to be reached, and what was."""
    table = Table(box=None)
    for heading in ("key", "measured", "must", "aim", "verdict"):
        table.add_column(heading)
    for key, (target, value) in found.items():
        bounds = target.bound(target.must), target.bound(target.aim)
        table.add_row(key, as_read(value), *bounds, target.verdict(value))
    return table


def as_read(value: float) -> str:
    """Three digits, or all of a larger number."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


@click.command()
@click.option("--only", type=click.Choice(list(PARTS)), multiple=True, help="These parts instead of all.")
@click.option("--records", default=RECORDS, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("var/bench.json"), show_default=True)
def main(only: tuple[str, ...], records: int, out: Path) -> None:
    """Measure, show, and write JSON after each part; keys of parts that did not run keep what they had.

    A part that fails is named and the others go on; the exit code is 1 then.
    """
    keep_memory()
    console = Console()
    failed: list[str] = []
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doorstep-bench-")))
        scratch.chmod(0o711)
        cluster = stack.enter_context(measured_cluster(SETTINGS))
        bench = Bench(scratch, cluster, records, console)
        for name in only or PARTS:
            before = reached(bench.figures).keys()
            try:
                checkpoint(cluster)
                PARTS[name](bench)
            except Exception:  # an hour of other parts must not be lost with it
                console.print_exception(max_frames=8)
                failed.append(name)
            now = reached(bench.figures)
            if fresh := now.keys() - before:
                console.print(as_verdicts({key: now[key] for key in now if key in fresh}))
            write(out, bench.figures, failed)
    console.print(as_table(bench.figures), as_verdicts(reached(bench.figures)))
    if failed:
        raise click.ClickException(f"not measured: {', '.join(failed)}")


def checkpoint(cluster: Cluster) -> None:
    """Have what earlier parts left in memory written now, and not while the next one is measured."""
    with cluster.connect() as connection:
        connection.autocommit = True
        connection.execute("CHECKPOINT")
    os.sync()


def reached(figures: dict[str, Figures]) -> dict[str, tuple[Target, float]]:
    """By key of the JSON: what was to be reached, and the measured value."""
    return {
        key: (target, figures[target.column][target.measure])
        for key, target in TARGETS.items()
        if target.measure in figures.get(target.column, {})
    }


def write(out: Path, figures: dict[str, Figures], failed: Sequence[str]) -> None:
    """Put what was measured into the JSON file, and which parts failed: their keys are of an earlier run."""
    out.parent.mkdir(parents=True, exist_ok=True)
    document = json.loads(out.read_text()) if out.exists() else {}
    document |= {key: value for key, (_, value) in reached(figures).items()}
    document["machine"] = {"cores": os.cpu_count(), "python": platform.python_version()}
    document["failed"] = list(failed)
    known = document.setdefault("figures", {})
    for column, measured in figures.items():
        known[column] = known.get(column, {}) | measured
    out.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
