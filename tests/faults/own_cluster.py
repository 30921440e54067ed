"""A PostgreSQL whose process belongs to the test itself, so that the test can kill it and start it again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.databases import TEMPLATE, make_postgresql_template
from tests.postgres import Cluster, cluster_home, find_binaries, start_again, start_new

STOP_SECONDS = 30


@dataclass
class OwnCluster:
    """One cluster with fsync on."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def cluster(self) -> Cluster:
        """The same, to connect to."""
        return Cluster(str(self.folder), self.port, self.process.pid)

    @property
    def log(self) -> Path:
        """What PostgreSQL has to say."""
        return self.folder / "postgres.log"

    def kill(self) -> None:
        """`kill -9` of the postmaster and of every process it has started."""
        for one in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def pids(self) -> list[int]:
        """The postmaster and every process that it has started."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def start(self) -> None:
        """Start it again on what the disk holds."""
        for _ in range(5):
            with self.log.open("ab") as log:
                process = start_again(find_binaries(), self.folder, self.port, {}, durable=True, log=log)
            if process is not None:
                self.process = process
                return
        raise RuntimeError("PostgreSQL does not start again")

    def stop(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def own_cluster(place: Path | None = None) -> Iterator[OwnCluster]:
    """A cluster in `place` (None: where those of the tests live), with our template database in it."""
    with contextlib.ExitStack() as life:
        home = place or life.enter_context(cluster_home())
        folder = home / "own"
        folder.mkdir(mode=0o700)
        with (folder / "postgres.log").open("ab") as log:
            process, port = start_new(find_binaries(), folder, {}, durable=True, log=log)
        own = OwnCluster(folder, port, process)
        life.callback(own.stop)
        make_postgresql_template(own.cluster)
        own.cluster.create_database("doorstep", template=TEMPLATE)
        yield own
