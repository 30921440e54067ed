"""The law under any history of faults, crashes and restores: each mutation applied once, records equal."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobile_client_stub import journal, store
from mobile_client_stub.faults import Fault, FaultyTransport
from mobile_client_stub.media_queue import all_media
from mobile_client_stub.phone import Phone
from mobile_client_stub.words import PhoneError
from tests.mobile_client_stub.conftest import Crash, MortalConnection, mortal
from tests.mobile_client_stub.fake_server import ITEM, STEP, VISIT, FakeServer, Served
from tests.mobile_client_stub.test_exchange import phone_records, server_records

FAULTS = st.lists(st.sampled_from(list(Fault)), max_size=12)
WORK = ("note", "tick", "answer", "depart", "photo", "feedback")
STEPS = st.one_of(
    st.tuples(st.just("work"), st.sampled_from(WORK)),
    st.tuples(st.just("sync"), FAULTS),
    st.tuples(st.just("crash"), st.integers(1, 6), st.booleans(), FAULTS),
    st.tuples(st.just("office"), st.sampled_from(["add", "change", "remove"])),
    st.tuples(st.just("server"), st.sampled_from(["expire", "backup", "restore"])),
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    served = Served(FakeServer())
    yield served
    served.close()


@pytest.fixture(autouse=True)
def _phones_are_mortal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "connect", mortal)


class Day:
    """One phone, one server, and what happens to them."""

    def __init__(self, home: Path, served: Served) -> None:
        self.home = home
        self.fake = served.fake = FakeServer()
        self.confirmed: set[str] = set()
        self.backup = self.fake.backup()
        self.count = 0
        self.phone = self.pick_up()
        self.phone.enrol(served.url, "CODE")
        self.phone.sync()

    def pick_up(self, faults: list[Fault] | None = None) -> Phone:
        """Put the phone down, in whatever state it is, and open it again."""
        if hasattr(self, "phone"):
            self.phone.close()
        transport = FaultyTransport(httpx.HTTPTransport(verify=False), faults or [], sleep=lambda _: None)
        return Phone(self.home, transport=transport, sleep=lambda _: None, dice=random.Random(0))

    def work(self, what: str) -> None:
        self.count += 1
        if what == "note":
            self.phone.note(VISIT, f"Note {self.count}")
        elif what == "tick":
            self.phone.tick(ITEM, packed=bool(self.count % 2))
        elif what == "answer":
            self.phone.answer(STEP, "yes", note=f"Answer {self.count}")
        elif what == "depart":
            self.phone.step("depart", VISIT)
        elif what == "photo":
            self.phone.photo(VISIT, b"\xff\xd8\xff" + str(self.count % 3).encode() * 50, "before")
        else:
            self.phone.feedback(VISIT, {"quality": 1 + self.count % 5})
        self.confirmed.add(self.written()[-1])

    def written(self) -> list[str]:
        return [mutation.mutation_id for mutation in journal.everything(self.phone.store.connection)]

    def sync(self, faults: list[Fault]) -> None:
        self.phone = self.pick_up(faults)
        with suppress(PhoneError):  # the network may be too bad this time
            self.phone.sync()

    def crash(self, commits: int, after: bool, faults: list[Fault]) -> None:
        MortalConnection.commits_left, MortalConnection.after = commits, after
        try:
            self.work("photo")
            self.sync(faults)
        except Crash:
            pass
        finally:
            MortalConnection.commits_left = None
        self.phone = self.pick_up()

    def office(self, what: str) -> None:
        self.count += 1
        name = f"part-{self.count % 4}"
        if what == "remove":
            self.fake.remove("parts", name)
        else:
            self.fake.put("parts", name, {"name": f"Part {self.count}"})

    def server(self, what: str) -> None:
        if what == "expire":
            self.fake.access += 1
        elif what == "backup":
            self.backup = self.fake.backup()
        else:
            self.fake.restore(self.backup)

    def end(self) -> None:
        """A good network at last: everything drains, and the law holds."""
        for _ in range(3):
            self.sync([])
        written = self.written()
        assert self.fake.sins == []
        assert self.confirmed <= set(written)
        assert self.fake.state.applied == dict.fromkeys(written, 1)
        assert phone_records(self.phone) == server_records(self.fake)
        assert self.phone.outbox().is_empty
        media = [body["state"] for key, body in self.fake.state.records.items() if key[0] == "media"]
        assert set(media) <= {"stored"}
        assert self.phone.media_of_visit(VISIT) == (len(media), len(media))
        queued = {medium.sha256 for medium in all_media(self.phone.store.connection)}
        assert not queued & {path.name for path in self.phone.store.media_folder.iterdir()}
        again = self.phone.sync().exchanged
        assert (again.sent, again.received) == (0, 0)
        self.pick_up().close()


def live(steps: list[tuple], served: Served) -> None:
    """Live through a day of these steps."""
    with tempfile.TemporaryDirectory() as home:
        day = Day(Path(home), served)
        for name, *rest in steps:
            getattr(day, name)(*rest)
        day.end()


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(STEPS, max_size=14))
def test_any_history_ends_with_each_mutation_applied_once_and_equal_records(
    served: Served, steps: list[tuple]
) -> None:
    live(steps, served)


@pytest.mark.parametrize("after", [False, True], ids=["just before", "just after"])
@pytest.mark.parametrize("commit", range(1, 10))
def test_a_phone_that_dies_at_any_commit_of_a_sync_loses_nothing(
    served: Served, commit: int, after: bool
) -> None:
    crash = ("crash", commit, after, [])
    live([("work", "note"), ("work", "photo"), ("office", "add"), crash, ("work", "tick"), crash], served)


def test_a_mutation_that_was_never_confirmed_may_be_missing_but_never_half(served: Served) -> None:
    with tempfile.TemporaryDirectory() as home:
        day = Day(Path(home), served)
        MortalConnection.commits_left, MortalConnection.after = 1, False
        with pytest.raises(Crash):
            day.work("photo")
        day.phone = day.pick_up()
        assert day.written() == []
        assert day.phone.outbox().media == []
        day.end()
