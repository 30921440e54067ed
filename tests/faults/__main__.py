"""`python -m tests.faults`: every fault on every engine it is for, and the table of docs/reliability.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.databases import Databases
from tests.faults.case import Case, Row, lines, name_of, run_case
from tests.faults.cases import CASES
from tests.faults.world import World
from tests.faults.worlds import own_world, shared_world
from tests.journeys.warm import Warm
from tests.postgres import cluster_home

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
ENGINES = ("sqlite", "postgresql")


def run(
    databases: Databases,
    folder: Path,
    engines: Sequence[str],
    wanted: set[str],
    *,
    warm: Warm,
    thorough: bool,
) -> Iterator[Row | None]:
    """Every case on every engine it is for; the lighter ones of an engine on one server."""
    for engine in engines:
        with ExitStack() as life:
            shared: World | None = None
            for number, case in enumerate(CASES):
                if engine not in case.engines:
                    continue
                if wanted and case.fault not in wanted:
                    continue
                if case.world is not None:
                    with own_world(
                        case, databases, engine, folder / f"{engine}-{number}", warm=warm, thorough=thorough
                    ) as own:
                        yield _told(case, own)
                    continue
                if shared is None:
                    shared = life.enter_context(
                        shared_world(databases, engine, folder / engine, warm=warm, thorough=thorough)
                    )
                yield _told(case, shared)


def _told(case: Case, world: World) -> Row | None:
    """Run one case and say how it went; None when it could not be run to its end."""
    began, row = time.monotonic(), None
    try:
        row = run_case(case, world)
        state = "clean" if row.verdict.clean else f"NOT CLEAN {row.verdict}"
    except Exception as error:  # the others shall still be tried
        state = f"FAILED {type(error).__name__}: {error}"
    seconds = time.monotonic() - began
    print(f"{case.fault:4} {world.engine_name:10} {seconds:6.1f} s  {state}  {case.title}", flush=True)
    return row


def write(file: Path, rows: list[Row]) -> None:
    """Put the table between its two marks; lines of other cases than these stay as they are."""
    before, _, rest = file.read_text().partition(BEGIN)
    old, _, after = rest.partition(END)
    table, ours = list(lines([])), list(lines(rows))
    for case in sorted(CASES, key=lambda case: int(case.fault[1:])):
        for name in (name_of(case, engine) for engine in ENGINES):
            table += [line for line in (*ours, *old.splitlines()) if line.startswith(name)][:1]
    file.write_text(f"{before}{BEGIN}\n\n" + "\n".join(table) + f"\n\n{END}{after}")


def main() -> int:
    """Exit code 1 when anything was lost, doubled, stuck or different."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="put the table between the marks of this file"
    )
    parser.add_argument("--quick", action="store_true", help="the short variants, as in the test suite")
    parser.add_argument("--engine", choices=ENGINES, help="only on this one")
    parser.add_argument("faults", nargs="*", metavar="F1", help="only these")
    given = parser.parse_args()
    os.environ["DOORSTEP_ALLOW_UNSAFE_DATABASE"] = "1"
    with cluster_home() as home, tempfile.TemporaryDirectory() as folder, Warm() as warm:
        engines = (given.engine,) if given.engine else ENGINES
        wanted, thorough = set(given.faults), not given.quick
        found = run(Databases(home), Path(folder), engines, wanted, warm=warm, thorough=thorough)
        came = list(found)
    rows = [row for row in came if row is not None]
    if given.write and rows:
        write(given.write, rows)
    return 0 if came and all(row is not None and row.verdict.clean for row in came) else 1


if __name__ == "__main__":
    sys.exit(main())
