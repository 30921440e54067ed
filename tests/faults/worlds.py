"""Where the cases take place: one server for all the lighter ones, a world of their own for the rest."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from mobile_client_stub.words import utc_now
from tests.databases import Databases
from tests.faults.case import Case
from tests.faults.clocks import SUMMER_ZONE, end_of_summer
from tests.faults.own_cluster import own_cluster
from tests.faults.world import TEN_MINUTES, World, world_on
from tests.journeys.warm import Warm
from tests.postgres import cluster_home, cluster_in

SMALL_DISK = {"sqlite": "32m", "postgresql": "400m"}
"""A new PostgreSQL cluster with two of our databases and its log takes some 150 MB."""
WORKERS = {"sqlite": 1, "postgresql": 2}


@contextlib.contextmanager
def shared_world(
    databases: Databases, engine: str, folder: Path, *, warm: Warm, thorough: bool = False
) -> Iterator[World]:
    """A server that survives all the cases that take place on it."""
    with (
        databases.fresh_url(engine, durable=True) as url,
        world_on(url, folder, thorough=thorough, warm=warm, workers=WORKERS[engine]) as world,
    ):
        world.home = databases.home
        if engine == "postgresql":
            world.cluster = cluster_in(databases.home, durable=True)
        yield world


@contextlib.contextmanager
def own_world(
    case: Case, databases: Databases, engine: str, folder: Path, *, warm: Warm, thorough: bool = False
) -> Iterator[World]:
    """The world that a case asks for by name."""
    if case.world == "own cluster":
        with own_cluster() as own:
            url = own.cluster.url("doorstep")
            with world_on(url, folder, thorough=thorough, warm=warm, workers=WORKERS[engine]) as world:
                world.cluster = own
                yield world
        return
    if case.world == "summer time":
        ahead = end_of_summer() - TEN_MINUTES - utc_now()
        with (
            databases.fresh_url(engine, durable=True) as url,
            world_on(
                url, folder, thorough=thorough, warm=warm, time_zone=SUMMER_ZONE.key, ahead=ahead
            ) as world,
        ):
            yield world
        return
    assert case.world == "small disk", case.world
    if engine == "postgresql":
        # PostgreSQL runs as another user, who cannot enter the folders of a test.
        with (
            cluster_home() as home,
            small_disk(home / "disk", SMALL_DISK[engine]) as disk,
            own_cluster(disk) as own,
            world_on(own.cluster.url("doorstep"), folder, thorough=thorough, warm=warm) as world,
        ):
            world.cluster, world.disk = own, disk if os.path.ismount(disk) else None
            yield world
        return
    with small_disk(folder / "disk", SMALL_DISK[engine]) as disk:
        url = f"sqlite:///{disk / 'doorstep.sqlite'}"
        with world_on(url, folder, thorough=thorough, warm=warm, is_new=True) as world:
            world.disk = disk if os.path.ismount(disk) else None
            yield world


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A small tmpfs for whoever may mount one; for others a folder (the case limits file sizes there)."""
    folder.mkdir(parents=True)
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = (
        os.geteuid() == 0
        and subprocess.run(["mount", *options], capture_output=True, check=False).returncode == 0
    )
    try:
        yield folder
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
