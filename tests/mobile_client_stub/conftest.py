"""A fake server, a phone enrolled with it, and a database connection that can die at any commit."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from mobile_client_stub.faults import Fault, FaultyTransport
from mobile_client_stub.phone import Phone
from tests.mobile_client_stub.fake_server import FakeServer, Served


class Crash(BaseException):
    """The phone lost power."""


class MortalConnection(sqlite3.Connection):
    """Dies at the commit that is said, just before it or just after."""

    commits_left: int | None = None
    after = False

    def execute(self, sql: str, *rest: object) -> sqlite3.Cursor:
        if sql != "COMMIT" or MortalConnection.commits_left is None:
            return super().execute(sql, *rest)  # type: ignore[arg-type]
        MortalConnection.commits_left -= 1
        if MortalConnection.commits_left > 0:
            return super().execute(sql)
        MortalConnection.commits_left = None
        super().execute("COMMIT" if MortalConnection.after else "ROLLBACK")
        raise Crash


def mortal(path: Path) -> sqlite3.Connection:
    """As the store connects, but mortal, and not waiting for the disk: it is the process that dies here."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, factory=MortalConnection
    )
    connection.row_factory = sqlite3.Row
    for pragma in ("journal_mode = WAL", "synchronous = OFF", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


@pytest.fixture
def fake() -> FakeServer:
    return FakeServer()


@pytest.fixture
def served(fake: FakeServer) -> Iterator[Served]:
    served = Served(fake)
    yield served
    served.close()


PhoneMaker = Callable[..., Phone]


@pytest.fixture
def pick_up(tmp_path: Path) -> Iterator[PhoneMaker]:
    """Opens the phone in a home; its network suffers the given faults, and it never really waits."""
    phones: list[Phone] = []

    def make(home: str = "phone", faults: tuple[Fault, ...] = (), **options: object) -> Phone:
        transport = FaultyTransport(httpx.HTTPTransport(verify=False), list(faults), sleep=lambda _: None)
        options.setdefault("sleep", lambda _: None)
        phone = Phone(tmp_path / home, transport=transport, dice=random.Random(1), **options)  # type: ignore[arg-type]
        phones.append(phone)
        return phone

    yield make
    for phone in phones:
        phone.close()


@pytest.fixture
def phone(pick_up: PhoneMaker, served: Served) -> Phone:
    phone = pick_up()
    phone.enrol(served.url, "CODE")
    return phone
