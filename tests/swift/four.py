"""Swift's proxy, account, container and object server: four processes, one replica, until told to end.

Runs under the Python of Swift's own environment: FOLDER PROXY ACCOUNT CONTAINER OBJECT (ports). What all four
import is imported once, before they part.
"""

import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

import swift.common.middleware.s3api.s3api
import swift.common.middleware.slo
import swift.common.middleware.tempauth
import swift.obj.server
import swift.proxy.server  # noqa: F401 - loaded for all four
from swift.common.ring import RingBuilder
from swift.common.wsgi import run_wsgi

KINDS = ("proxy", "account", "container", "object")
USER = "test:tester"
KEY = "testing"
PR_SET_PDEATHSIG = 1

_CONSTRAINTS = """
[swift-hash]
swift_hash_path_suffix = tests
[storage-policy:0]
name = one
default = yes
"""
_COMMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
workers = 0
disable_fallocate = true
log_level = WARNING
log_address = /nonexistent
[pipeline:main]
"""
_PROXY = """
pipeline = catch_errors gatekeeper s3api tempauth copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
"""
_STORAGE = """
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{program}
fallocate_reserve = 0
"""


def write_settings(folder: Path, ports: dict[str, int]) -> None:
    """Rings with one device each, and a settings file for each server."""
    (folder / "devices" / "one").mkdir(parents=True)
    (folder / "swift.conf").write_text(_CONSTRAINTS)
    user = pwd.getpwuid(os.getuid()).pw_name
    for kind, port in ports.items():
        program = "mem_object" if kind == "object" and not keeps_attributes(folder) else kind
        own = _PROXY if kind == "proxy" else _STORAGE.format(kind=kind, program=program)
        (folder / f"{kind}.conf").write_text(_COMMON.format(port=port, user=user, folder=folder) + own)
        if kind != "proxy":
            _write_ring(folder / f"{kind}.ring.gz", port)


def keeps_attributes(folder: Path) -> bool:
    """Whether files of this folder can have the attributes in which Swift keeps an object's metadata."""
    probe = folder / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.swift.metadata", b"x" * 1024)
    except OSError:
        return False
    finally:
        probe.unlink()
    return True


def _write_ring(file: Path, port: int) -> None:
    builder = RingBuilder(1, 1, 0)
    device = {
        "id": 0,
        "region": 1,
        "zone": 1,
        "ip": "127.0.0.1",
        "port": port,
        "device": "one",
        "weight": 1.0,
    }
    builder.add_dev(device)
    builder.rebalance()
    builder.get_ring().save(str(file))


def _end_with_parent() -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Start the four; when one ends, end all."""
    folder, ports = Path(sys.argv[1]), dict(zip(KINDS, map(int, sys.argv[2:]), strict=True))
    write_settings(folder, ports)
    children = []
    for kind in KINDS:
        child = os.fork()
        if child == 0:
            _end_with_parent()
            os._exit(run_wsgi(str(folder / f"{kind}.conf"), f"{kind}-server"))
        children.append(child)

    def end(*_: object) -> None:
        for child in children:
            os.kill(child, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    os.wait()
    end()


if __name__ == "__main__":
    main()
