"""Other connections to the PostgreSQL of a world: one that holds locks, and one that sees who waits."""

from __future__ import annotations

import psycopg
from sqlalchemy import make_url

from tests.faults.world import World


def rival(world: World, *, autocommit: bool = False) -> psycopg.Connection:
    """A connection of the administrator's."""
    url = make_url(world.url)
    return psycopg.connect(
        host=url.host, port=url.port, user=url.username, dbname=url.database, autocommit=autocommit
    )


def is_waited_for(one: psycopg.Connection, watcher: psycopg.Connection) -> bool:
    """Whether somebody waits for `one`; the cluster has other databases, and others wait for each other."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
    return watcher.execute(waiting, [one.info.backend_pid]).fetchone() is not None
