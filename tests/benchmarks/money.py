"""A storm of providers' messages against the payments process (L8), and a large bank statement (L9)."""

from __future__ import annotations

import base64
import io
import json
import random
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import func, select

from backend.db.upgrade import upgrade
from backend.payments.app import wire_payments
from backend.payments.bank.statements import import_statements
from backend.payments.models import CHAIN, InboxEvent, InboxOutcome, LedgerTransaction
from backend.payments.rules.postings import TransactionKind
from backend.payments.settings import PaymentsSettings
from backend.payments.wiring import PaymentsWiring
from tests.backend.payments.bank_files import IBAN
from tests.backend.payments.test_bank import many_entries
from tests.backend.payments.world import Firm
from tests.benchmarks.exchanges import Figures
from tests.benchmarks.load import Script, converse
from tests.benchmarks.rates import quantile
from tests.benchmarks.served import Served, answers_at
from tests.clock import SettableClock
from tests.journeys.server import free_port
from tests.memory import MemoryTaken

MESSAGES, DOUBLED = 1_000, 300
SECONDS = 10.0
CONNECTIONS = 20
ENTRIES = 10_000
PATIENCE_SECONDS = 900.0
SECRET = "a secret of benchmarks, and of nothing else"


def webhooks(url: str, folder: Path) -> Figures:
    """So many messages in ten seconds, three in ten told again, shuffled: each is to be posted once."""
    with ExitStack() as stack:
        wiring = a_ledger(url, folder)
        stack.callback(wiring.sides.dispose)
        port, file = free_port(), folder / "messages.jsonl"
        environment = {
            "DOORSTEP_PAYMENTS_DATABASE": url,
            "DOORSTEP_PAYMENTS_FIELD_DATABASE": url,
            "DOORSTEP_PAYMENTS_DATA": str(folder),
            "DOORSTEP_PAYMENTS_SECRET": SECRET,
            "DOORSTEP_PAYMENTS_STUB_PROVIDER": "1",
            "DOORSTEP_PAYMENTS_THROTTLE": "0",
            "DOORSTEP_BENCH_PAYMENTS": str(MESSAGES),
            "DOORSTEP_BENCH_MESSAGES": str(file),
        }
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port)]
        command += ["--blocking-threads", "4", "--backpressure", "64", "--log-level", "warning"]
        target = "tests.benchmarks.money_server:application"
        log = folder / "payments.log"
        stack.enter_context(Served([*command, target], environment, Path.cwd(), log))
        _wait_for(file)
        answers_at(f"http://127.0.0.1:{port}/health", log)
        requests = [_request(line) for line in file.read_text().splitlines()]
        storm = requests + requests[:DOUBLED]
        random.Random(8).shuffle(storm)
        began = time.monotonic()
        acknowledged, statuses = _send(port, storm)
        told = time.monotonic() - began
        _wait_until_settled(wiring)
        settled = time.monotonic() - began
        postings = _postings(wiring)
    assert statuses == {204}, statuses
    assert postings == MESSAGES, f"{postings} postings for {MESSAGES} payments"
    return {
        "messages sent": float(len(storm)),
        "sent within, s": told,
        "webhooks, acknowledged p99 ms": 1000 * quantile(acknowledged, 99),
        "postings for 1,000 payments": float(postings),
        "all posted after, s": settled,
    }


def statements(url: str, folder: Path) -> Figures:
    """A statement of ten thousand entries, imported twice in this process."""
    wiring = a_ledger(url, folder)
    try:
        firm = Firm(url, wiring.sides.field, wiring, SettableClock(wiring.clock()))
        file, _ = many_entries(firm, ENTRIES)
        memory = MemoryTaken()
        seconds, new = [], []
        for content in (file, file + b"\n"):
            began = time.perf_counter()
            with wiring.factory.begin() as uow:
                done = import_statements(uow, io.BytesIO(content), name="a", person_id=None, own_iban=IBAN)
            seconds.append(time.perf_counter() - began)
            new.append(done.new)
        taken = memory.bytes()
    finally:
        wiring.sides.dispose()
    assert new == [ENTRIES, 0], new
    return {
        "statement of 10,000 entries, first import s": seconds[0],
        "the same again s": seconds[1],
        "statement twice, s": sum(seconds),
        "memory it took, MB": taken / 2**20,
    }


def a_ledger(url: str, folder: Path) -> PaymentsWiring:
    """Both sides' tables on one database, and the payments side's wiring."""
    folder.mkdir(parents=True, exist_ok=True)
    upgrade(url)
    upgrade(url, CHAIN)
    settings = PaymentsSettings(url, url, folder, secret=SECRET.encode(), stub_provider=True)
    return wire_payments(settings)


def _request(line: str) -> bytes:
    message = json.loads(line)
    raw = base64.b64decode(message["raw"])
    head = f"POST /webhooks/stub HTTP/1.1\r\nHost: 127.0.0.1\r\nStub-Signature: {message['signature']}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw


def _send(port: int, storm: Sequence[bytes]) -> tuple[list[float], set[int]]:
    """Every message at its own moment of the ten seconds: how long each answer took, and the statuses."""
    taken: list[float] = []
    statuses: set[int] = set()
    began = time.perf_counter()

    def script(first: int) -> Script:
        for number in range(first, len(storm), CONNECTIONS):
            due = began + SECONDS * number / len(storm)
            if (early := due - time.perf_counter()) > 0:
                yield early
            reply = yield storm[number]
            assert reply is not None
            # From when it was due: whoever has to wait for a connection waits, too.
            taken.append(time.perf_counter() - due)
            statuses.add(reply.status)

    converse(port, [script(first) for first in range(CONNECTIONS)])
    return taken, statuses


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not file.exists():
        assert time.monotonic() < deadline, "the payments were not made in time"
        time.sleep(0.5)


def _wait_until_settled(wiring: PaymentsWiring) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with wiring.factory.begin(write=False) as uow:
            came = uow.session.scalar(select(func.count()).select_from(InboxEvent))
            done = uow.session.scalar(select(func.count()).select_from(InboxOutcome))
        if came == done == MESSAGES:
            return
        time.sleep(0.5)
    raise AssertionError(f"{done} of {came} messages were acted on")


def _postings(wiring: PaymentsWiring) -> int:
    with wiring.factory.begin(write=False) as uow:
        statement = select(func.count()).where(LedgerTransaction.kind == TransactionKind.CARD_PAID)
        return uow.session.scalar(statement) or 0
