"""Kinto, the best-known sync store in Python, in an environment of its own on the same PostgreSQL."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from uuid_utils.compat import uuid7

from tests.benchmarks.load import Script, converse, http
from tests.benchmarks.phone import read
from tests.benchmarks.served import Served, answers_at
from tests.journeys.server import free_port
from tests.postgres import Cluster

HOME = Path("var/kinto")
LOCK = Path(".locks/bench.txt")
APPLICATION = Path(__file__).parent / "other"
"""A folder of its own: the workers start there, and this module is called kinto, too."""
USER = "Basic " + base64.b64encode(b"bench:bench").decode()
RECORDS = "/v1/buckets/bench/collections/{}/records"
_MOST_TOGETHER = 50
_RECORD = """
INSERT INTO objects (id, parent_id, resource_name, data, deleted)
VALUES (%s, %s, 'record', %s::jsonb - 'id', false)
"""
_SETTINGS = """\
[app:main]
use = egg:kinto
kinto.storage_backend = kinto.core.storage.postgresql
kinto.storage_url = {url}
kinto.storage_pool_size = 16
kinto.permission_backend = kinto.core.permission.postgresql
kinto.permission_url = {url}
kinto.permission_pool_size = 16
kinto.cache_backend = kinto.core.cache.memory
kinto.bucket_create_principals = system.Authenticated
kinto.batch_max_requests = {batch}
kinto.userid_hmac_secret = nobody's
multiauth.policies = basicauth
"""


@dataclass(frozen=True)
class Kinto:
    """A running Kinto with its workers."""

    port: int

    def make(self, collections: Sequence[str]) -> None:
        """A bucket and these collections, without records."""

        def script() -> Script:
            read((yield http("PUT", "/v1/buckets/bench", USER)))
            for name in collections:
                read((yield http("PUT", f"/v1/buckets/bench/collections/{name}", USER)))

        converse(self.port, [script()])

    def fill(self, cluster: Cluster, collection: str, documents: Sequence[dict[str, Any]]) -> None:
        """Put documents, each under its `id`, into Kinto's table, whose triggers stamp them.

        Through its own door it would take minutes.
        """
        parent = f"/buckets/bench/collections/{collection}"
        rows = [
            (document["id"], parent, orjson.dumps({**document, "id": None}).decode())
            for document in documents
        ]
        with cluster.connect("kinto") as connection:
            connection.cursor().executemany(_RECORD, rows)
            connection.execute("VACUUM (ANALYZE)")

    def newest(self, collection: str) -> int:
        """The timestamp of the newest record."""
        found: list[int] = []

        def script() -> Script:
            body = read((yield http("GET", f"{RECORDS.format(collection)}?_limit=1", USER)))
            found.append(orjson.loads(body)["data"][0]["last_modified"])

        converse(self.port, [script()])
        return found[0]


def since(collection: str, timestamp: int) -> bytes:
    """The request for what is newer than a timestamp."""
    return http("GET", f"{RECORDS.format(collection)}?_since={timestamp}", USER)


def batch(collection: str, documents: Sequence[dict[str, Any]]) -> bytes:
    """The request that writes documents together."""
    path = RECORDS.format(collection).removeprefix("/v1")
    requests = [
        {"method": "PUT", "path": f"{path}/{document['id']}", "body": {"data": document}}
        for document in documents
    ]
    return http("POST", "/v1/batch", USER, orjson.dumps({"requests": requests}))


def a_document(size: int) -> dict[str, Any]:
    """A new document of about `size` bytes of JSON."""
    return {"id": str(uuid7()), "text": "x" * (size - 60)}


def install() -> Path:
    """The Python of Kinto's environment, made from the lock when it is missing or older than the lock."""
    stamp, python = HOME / "installed", HOME / "bin" / "python"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", HOME], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        subprocess.run([*pip, "--require-hashes", "--requirement", LOCK], check=True)
        stamp.write_text(wanted)
    return python.absolute()


@contextmanager
def running_kinto(cluster: Cluster, folder: Path, workers: int, threads: int) -> Iterator[Kinto]:
    """Kinto on a new database of the cluster, behind the same server program as Doorstep, as many workers."""
    python = install()
    url = cluster.create_database("kinto").replace("+psycopg", "+psycopg2")
    with cluster.connect() as connection:
        connection.execute("ALTER DATABASE kinto SET timezone TO 'UTC'")
    folder.mkdir(parents=True)
    settings = folder / "kinto.ini"
    settings.write_text(_SETTINGS.format(url=url, batch=_MOST_TOGETHER))
    migrate = "from kinto.__main__ import main; import sys; sys.exit(main())"
    subprocess.run([python, "-c", migrate, "migrate", "--ini", settings], check=True, capture_output=True)
    port = free_port()
    command = [python, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers), "--blocking-threads", str(threads), "--no-ws"]
    command += ["kinto_application:application"]
    with Served(command, {"KINTO_INI": str(settings)}, APPLICATION, folder / "kinto.log"):
        answers_at(f"http://127.0.0.1:{port}/v1/", folder / "kinto.log")
        yield Kinto(port)
