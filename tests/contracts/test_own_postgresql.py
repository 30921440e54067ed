"""The PostgreSQL of the tests is nobody else's, and goes when its owner goes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.contracts.sources import ROOT
from tests.databases import SQLITE_ONLY, Databases
from tests.postgres import Cluster

OWNER = """
import sys, time
from tests.postgres import running_cluster
with running_cluster() as cluster:
    print(cluster.folder, cluster.port, cluster.postgres_pid, flush=True)
    time.sleep(60)
"""

pytestmark = pytest.mark.skipif(SQLITE_ONLY, reason="DOORSTEP_TEST_SQLITE_ONLY=1")


def test_a_killed_owner_leaves_no_server_and_no_file_behind() -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        folder, port, pid = owner.stdout.readline().split()
        cluster = Cluster(folder, int(port), int(pid))
        cluster.connect().close()
        owner.kill()
    deadline = time.monotonic() + 10
    while Path(folder).parent.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(folder).parent.exists()
    with pytest.raises(psycopg.OperationalError):
        cluster.connect()
    assert not Path(f"/proc/{pid}").exists()


def test_the_workers_of_one_run_share_one_cluster(databases: Databases) -> None:
    first, second = databases.postgresql(), databases.postgresql()
    assert first == second
    described = json.loads((databases.home / "fast" / "cluster.json").read_text())
    assert described["port"] == first.port


def test_a_durable_cluster_keeps_what_it_acknowledged(databases: Databases) -> None:
    with databases.postgresql(durable=True).connect() as durable, databases.postgresql().connect() as fast:
        settings = "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
        assert durable.execute(settings).fetchone() == ("on", "on")
        assert fast.execute(settings).fetchone() == ("off", "off")
