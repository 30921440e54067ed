"""`kill -9` of the whole server in the middle of a push, ten times: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import random
import threading
import time
from pathlib import Path

import pytest

from mobile_client_stub import journal
from mobile_client_stub.phone import Phone
from mobile_client_stub.words import PhoneError
from tests.databases import Databases
from tests.journeys.server import ServerProcess
from tests.journeys.the_day import write_journal

ROUNDS = 10
NOTES_A_ROUND = 60


def _push(phone: Phone, troubles: list[str]) -> None:
    try:
        phone.sync()
    except PhoneError as error:
        troubles.append(str(error))


def _drain(phone: Phone) -> None:
    for _ in range(30):
        _push(phone, [])
        if not phone.outbox().unsent:
            return
    raise AssertionError(phone.outbox())


@pytest.mark.slow
@pytest.mark.durable
def test_a_server_killed_ten_times_in_the_middle_of_a_push_loses_and_doubles_nothing(
    databases: Databases, engine_name: str, tmp_path: Path
) -> None:
    dice, troubles = random.Random(20), []
    with databases.fresh_url(engine_name, durable=True) as url:
        server = ServerProcess(url, tmp_path / "server")
        firm = json.loads(
            server.run("seed", "--technicians", "1", "--visits-per-technician", "1", "--json").stdout
        )
        phone = Phone(tmp_path / "phone", sleep=lambda _: time.sleep(0.01), dice=dice)
        with server, phone:
            phone.enrol(server.url, firm["technicians"][0]["enrolment_code"])
            phone.sync()
            visit = phone.visits()[0]["id"]
            for number in range(ROUNDS):
                for line in range(NOTES_A_ROUND):
                    phone.note(visit, f"round {number}, line {line}")
                pushing = threading.Thread(target=_push, args=(phone, troubles))
                pushing.start()
                time.sleep(dice.uniform(0.02, 0.35))
                server.kill()
                pushing.join(timeout=60)
                assert not pushing.is_alive()
                server.start()
            _drain(phone)
            made = len(journal.everything(phone.store.connection))
            file = write_journal(phone, tmp_path / "journal.jsonl")
            checked = server.run("check", "--json", "--journals", str(file))
    figures = json.loads(checked.stdout)
    assert checked.returncode == 0, figures["faults"]
    assert made == ROUNDS * NOTES_A_ROUND
    assert figures["journals"] == {"mutations": made, "waiting": 0, "lost": 0, "doubled": 0}
    assert len(troubles) >= ROUNDS // 2, "most kills hit a push"
