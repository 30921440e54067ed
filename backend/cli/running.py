"""A WSGI server with worker processes, until somebody stops it; both servers of a firm run so."""

from __future__ import annotations

import logging

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

_TAKEN_ON = 16
"""Requests per thread that a worker takes on at once; what comes beyond them waits."""


def run(target: str, *, host: str, port: int, workers: int, threads: int) -> None:
    """Serve the application that `target` names ("module:name"); a worker that dies gets a successor."""
    # Threads wait for the database most of the time: more of them than cores is what we want.
    logging.getLogger("_granian").addFilter(lambda record: "Python threads" not in record.getMessage())
    Granian(
        target,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=threads,
        backpressure=threads * _TAKEN_ON,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
        websockets=False,
    ).serve()
