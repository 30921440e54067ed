"""A PostgreSQL of our own for tests and benchmarks: started from the installed binaries, gone with its owner.

Nobody's running server is ever used. The owner (a pytest run, a benchmark) holds a file lock as long as it
lives; a supervisor process waits for that lock and stops the cluster when it gets it, so that even an owner
that was killed leaves nothing behind.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import psycopg

MISSING = (
    "PostgreSQL with PostGIS is missing: install it, on Debian 12 the packages postgresql and "
    "postgresql-15-postgis-3 (DOORSTEP_TEST_SQLITE_ONLY=1 leaves the PostgreSQL half of the tests out)."
)
SUPERUSER = "postgres"
FAST, DURABLE = "fast", "durable"
PREFIX = "doorstep-pg-"
START_SECONDS = 60.0
STOP_SECONDS = 20.0
SWEEP_SECONDS = 600
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2 << 30

_supervisors: list[subprocess.Popen[bytes]] = []
"""Those this process has started: kept, because a collected Popen complains that its process still runs."""

_ALWAYS = {
    "listen_addresses": "127.0.0.1",
    "lock_timeout": "20s",
    "max_connections": "200",
    "shared_buffers": "96MB",
    # Neither UTC nor a whole hour from it: code that leans on the server's zone shows itself.
    "timezone": "Asia/Kathmandu",
    "log_timezone": "UTC",
    "autovacuum": "off",
    "logging_collector": "off",
    "log_min_messages": "warning",
}
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
}


class PostgresMissing(RuntimeError):
    """The binaries or the PostGIS extension are not installed; the message says what to install."""


@dataclass(frozen=True)
class Cluster:
    """A running cluster: where it listens and who answers for it."""

    folder: str
    port: int
    postgres_pid: int

    def url(self, database: str) -> str:
        """The SQLAlchemy address of one database, over TCP on the loopback."""
        return f"postgresql+psycopg://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A raw autocommit connection over the socket, to look without asking the application."""
        return psycopg.connect(
            host=self.folder, port=self.port, user=SUPERUSER, dbname=database, autocommit=True
        )

    def create_database(self, name: str, template: str = "template0") -> str:
        """Make a database and return its address."""
        with self.connect() as connection:
            # Copying files beats writing them through the log: half the time for a template of this size.
            strategy = "STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {strategy}')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def find_binaries() -> Path:
    """The folder of the newest installed PostgreSQL that has PostGIS; raises PostgresMissing."""
    for folder in _candidate_folders():
        if (folder / "initdb").exists() and _has_postgis(folder):
            return folder
    raise PostgresMissing(MISSING)


def _candidate_folders() -> Iterator[Path]:
    if named := os.environ.get("DOORSTEP_TEST_POSTGRES_BIN"):
        yield Path(named)
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda folder: _major(folder.parent.name), reverse=True)
    for program in ("postgres", "pg_config"):
        if found := shutil.which(program):
            yield Path(found).resolve().parent


def _major(name: str) -> int:
    return int(name) if name.isdigit() else 0


def _has_postgis(folder: Path) -> bool:
    config = folder / "pg_config"
    if not config.exists():
        return False
    share = subprocess.run([config, "--sharedir"], capture_output=True, text=True, check=False).stdout.strip()
    # Debian's pg_config may be that of another major's development package: the folder's own comes first.
    own = Path("/usr/share/postgresql") / folder.parent.name
    return any((Path(place) / "extension" / "postgis.control").exists() for place in (own, share) if place)


@contextlib.contextmanager
def cluster_home(*, on_disk: bool = False) -> Iterator[Path]:
    """A folder in which whoever knows it may start clusters; they stop with this context or its process."""
    # Hundreds of databases are made and dropped: in memory where there is enough of it.
    roomy = not on_disk and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    home = Path(tempfile.mkdtemp(prefix=PREFIX, dir=MEMORY if roomy else None))
    _sweep(home.parent)
    with (home / "owner.lock").open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        home.chmod(0o711)
        try:
            yield home
        finally:
            fcntl.flock(owner, fcntl.LOCK_UN)
            _wait_for_supervisors(home)
            shutil.rmtree(home, ignore_errors=True)


def _sweep(place: Path) -> None:
    """Remove the homes of killed owners in which no cluster ran: nobody else was there to do it."""
    for home in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - home.stat().st_mtime < SWEEP_SECONDS:
                continue
            with (home / "owner.lock").open("a") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A cluster of one's own for the length of a with-block."""
    with cluster_home() as home:
        yield cluster_in(home)


@contextlib.contextmanager
def measured_cluster(settings: Mapping[str, str]) -> Iterator[Cluster]:
    """A durable cluster of one's own on the disk, for the length of a with-block: what commits cost shows."""
    with cluster_home(on_disk=True) as home:
        yield cluster_in(home, durable=True, settings=settings)


def cluster_in(home: Path, *, durable: bool = False, settings: Mapping[str, str] | None = None) -> Cluster:
    """The cluster of this home: the first process to ask starts it, all others get the same one.

    `durable` keeps fsync and synchronous commits on: the one to use where a process or a server is killed.
    `settings` of PostgreSQL go before ours.
    """
    folder = home / (DURABLE if durable else FAST)
    with locked(home / f"{folder.name}.start"):
        described = folder / "cluster.json"
        if not described.exists():
            _spawn_supervisor(home, folder, settings or {}, durable=durable)
        return Cluster(**json.loads(described.read_text()))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[IO[str]]:
    """Hold an exclusive lock on a file, against other processes."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _spawn_supervisor(home: Path, folder: Path, settings: Mapping[str, str], *, durable: bool) -> None:
    find_binaries()
    arguments = [sys.executable, "-m", "tests.postgres", "--home", str(home), "--folder", str(folder)]
    arguments += ["--settings", json.dumps(dict(settings))]
    if durable:
        arguments.append("--durable")
    log = home / f"{folder.name}.supervisor.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            arguments,
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _supervisors.append(process)
    (home / f"{folder.name}.pid").write_text(str(process.pid))
    deadline = time.monotonic() + START_SECONDS
    while not (folder / "cluster.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
        time.sleep(0.02)


def _wait_for_supervisors(home: Path) -> None:
    pids = [int(file.read_text()) for file in home.glob("*.pid")]
    deadline = time.monotonic() + STOP_SECONDS
    while pids and time.monotonic() < deadline:
        pids = [pid for pid in pids if _alive(pid)]
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def supervise(home: Path, folder: Path, settings: Mapping[str, str], *, durable: bool) -> None:
    """Run one cluster until the home's owner lets go of its lock, by ending or by dying."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    binaries = find_binaries()
    folder.mkdir(mode=0o700)
    process: subprocess.Popen[bytes] | None = None
    try:
        process, port = start_new(binaries, folder, settings, durable=durable)
        described = json.dumps(asdict(Cluster(str(folder), port, process.pid)))
        (folder / "cluster.json.new").write_text(described)
        (folder / "cluster.json.new").rename(folder / "cluster.json")
        with (home / "owner.lock").open() as owner:
            fcntl.flock(owner, fcntl.LOCK_SH)
    finally:
        if process is not None:
            process.send_signal(signal.SIGQUIT)  # immediate: nothing in it is worth a checkpoint
            process.wait(STOP_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)
        # The owner removes the home; when it was killed, the last cluster in it does.
        if not any((home / name).exists() for name in (FAST, DURABLE)):
            shutil.rmtree(home, ignore_errors=True)


def start_new(
    binaries: Path, folder: Path, settings: Mapping[str, str], *, durable: bool, log: IO[bytes] | None = None
) -> tuple[subprocess.Popen[bytes], int]:
    """Make the data of a new cluster and start it; the process and its port."""
    unprivileged = _as_server_user(folder)
    subprocess.run(
        [
            *unprivileged,
            str(binaries / "initdb"),
            f"--pgdata={folder}/data",
            f"--username={SUPERUSER}",
            # It lives for minutes, on the loopback, and holds invented people.
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ],
        check=True,
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    for attempt in range(5):
        port = _free_port()
        if process := start_again(binaries, folder, port, settings, durable=durable, log=log):
            return process, port
        print(f"attempt {attempt + 1}: no answer on port {port}", file=sys.stderr)
    raise RuntimeError("no port could be had")


def start_again(
    binaries: Path,
    folder: Path,
    port: int,
    settings: Mapping[str, str],
    *,
    durable: bool,
    log: IO[bytes] | None = None,
) -> subprocess.Popen[bytes] | None:
    """Start PostgreSQL on data that are there; None when it does not come to answer."""
    options = _options(folder, port, settings, durable=durable)
    words = [*_as_server_user(folder), str(binaries / "postgres"), *options]
    process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)
    return process if _answers(process, folder, port) else None


def _as_server_user(folder: Path) -> list[str]:
    """The words before a command that run it as a user PostgreSQL accepts, and end it with its supervisor."""
    if not sys.platform.startswith("linux"):
        return []
    words = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0:
        server = pwd.getpwnam(SUPERUSER)
        os.chown(folder, server.pw_uid, server.pw_gid)
        words += [f"--reuid={server.pw_uid}", f"--regid={server.pw_gid}", "--clear-groups"]
    return [*words, "--"]


def _options(folder: Path, port: int, settings: Mapping[str, str], *, durable: bool) -> list[str]:
    given = _ALWAYS | ({} if durable else _FAST) | dict(settings)
    given |= {"port": str(port), "unix_socket_directories": str(folder)}
    return ["-D", f"{folder}/data", *(f"--{name}={value}" for name, value in given.items())]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(process: subprocess.Popen[bytes], folder: Path, port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS / 2
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(host=str(folder), port=port, user=SUPERUSER, dbname="postgres").close()
            return True
        time.sleep(0.05)
    process.kill()
    process.wait()
    return False


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--durable", action="store_true")
    given = parser.parse_args()
    supervise(given.home, given.folder, given.settings, durable=given.durable)


if __name__ == "__main__":
    _main()
