"""Threads of one process write to SQLite in the order in which they came, and none is forgotten."""

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from backend.db.engine import make_engine, reading
from backend.db.sqlite_queue import Queue

PATIENCE = 10.0


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = make_engine(f"sqlite:///{tmp_path}/queue.db")
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE said (word TEXT)"))
    return made


def say(engine: Engine, word: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO said VALUES (:word)"), {"word": word})


def test_the_turn_goes_to_whoever_has_waited_longest() -> None:
    queue, served, threads = Queue(), list[int](), list[threading.Thread]()
    assert queue.enter(PATIENCE)

    def wait(number: int) -> None:
        assert queue.enter(PATIENCE)
        served.append(number)
        queue.leave()

    for number in range(5):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        while len(queue) < number + 1:
            time.sleep(0.001)
    queue.leave()
    for thread in threads:
        thread.join(PATIENCE)
    assert served == [0, 1, 2, 3, 4]


def test_who_waits_in_vain_leaves_the_queue_and_holds_up_nobody() -> None:
    queue = Queue()
    assert queue.enter(PATIENCE)
    assert not queue.enter(0.01)
    queue.leave()
    assert queue.enter(0.01), "the one that gave up was not let in"


def test_a_transaction_that_ends_in_any_way_lets_the_next_one_in(engine: Engine) -> None:
    say(engine, "committed")
    with pytest.raises(OperationalError), engine.begin() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (1)"))
    abandoned = engine.connect()
    abandoned.execute(text("INSERT INTO said VALUES ('abandoned')"))
    abandoned.close()
    lost = engine.connect()
    lost.execute(text("INSERT INTO said VALUES ('lost')"))
    lost.invalidate()
    lost.close()
    began = time.monotonic()
    say(engine, "after all of them")
    assert time.monotonic() - began < PATIENCE
    with engine.begin() as connection:
        words = connection.execute(text("SELECT word FROM said")).scalars().all()
    assert words == ["committed", "after all of them"]


def test_nobody_queues_to_read(engine: Engine) -> None:
    with engine.begin() as writing:
        writing.execute(text("INSERT INTO said VALUES ('not yet')"))
        with reading(engine).connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM said")).scalar() == 0


def test_many_threads_that_write_at_once_are_all_served(engine: Engine) -> None:
    threads = [threading.Thread(target=say, args=(engine, str(number))) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    with reading(engine).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM said")).scalar() == 12
