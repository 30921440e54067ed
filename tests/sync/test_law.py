"""The law: after any history, what a device has applied is the fresh scope of its audience."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sync.checks import check
from tests.sync import days
from tests.sync.device import Device, device_of
from tests.sync.toy import START, Article, Job, JobLine, Order, Place, Record, Toy, empty

TECHNICIANS = 3

_number = st.integers(0, 11)
_step = st.one_of(
    st.tuples(st.just("job"), _number, st.sampled_from([None, -10, -3, 0, 2, 14, 15, 40])),
    st.tuples(st.just("reassign"), _number, _number),
    st.tuples(st.just("move"), _number, st.sampled_from([-5, 0, 13, 16])),
    st.tuples(st.just("untimed"), _number, _number),
    st.tuples(st.just("reorder"), _number, _number),
    st.tuples(st.just("relocate"), _number, _number),
    st.tuples(st.just("reline"), _number, _number),
    st.tuples(st.just("rename"), _number, _number),
    st.tuples(st.just("remove line"), _number, _number),
    st.tuples(st.just("remove job"), _number, _number),
    st.tuples(st.just("article"), _number, st.booleans()),
    st.tuples(st.just("night"), _number, st.sampled_from([0.3, 1, 5])),
    st.tuples(st.just("pull"), _number, st.sampled_from([1, 3, 1000])),
    st.tuples(st.just("start"), _number, _number),
)


class World:
    """A history under way: everything a step needs to pick its victims."""

    def __init__(self, toy: Toy) -> None:
        empty(toy)
        self.toy = toy
        self.technicians = [uuid4() for _ in range(TECHNICIANS)]
        self.devices = [device_of(toy, t) for t in (*self.technicians, self.technicians[0])]
        self.jobs: list[UUID] = []
        self.orders = [days.an_order(toy)]
        self.places = [days.a_place(toy)]

    def step(self, what: str, first: int, second: Any) -> None:
        """Do one thing; with nothing to do it to, do nothing."""
        getattr(self, what.replace(" ", "_"))(first, second)

    def _of(self, items: list[UUID], n: int) -> UUID:
        return items[n % len(items)]

    def _who(self, n: int) -> UUID | None:
        return ([*self.technicians, None])[n % (TECHNICIANS + 1)]

    def _lines(self) -> list[UUID]:
        with self.toy.host.begin(write=False) as uow:
            return sorted(uow.session.scalars(JobLine.__table__.select().with_only_columns(JobLine.id)))

    def job(self, n: int, offset: float | None) -> None:
        order = None if n % 2 else self._of(self.orders, n)
        self.jobs.append(days.a_job(self.toy, self._who(n), order=order, days=offset, lines=n % 3))

    def _change(self, model: type[Record], items: list[UUID], n: int, **fields: Any) -> None:
        if items:
            days.change(self.toy, model, self._of(items, n), **fields)

    def reassign(self, n: int, who: int) -> None:
        self._change(Job, self.jobs, n, technician_id=self._who(who))

    def move(self, n: int, offset: float) -> None:
        start = START + timedelta(days=offset)
        self._change(Job, self.jobs, n, starts_at=start, ends_at=start + timedelta(hours=1))

    def untimed(self, n: int, _: int) -> None:
        self._change(Job, self.jobs, n, starts_at=None, ends_at=None)

    def reorder(self, n: int, m: int) -> None:
        self._change(Job, self.jobs, n, order_id=self._of(self.orders, m))

    def relocate(self, n: int, m: int) -> None:
        self._change(Order, self.orders, n, place_id=self._of(self.places, m))

    def reline(self, n: int, m: int) -> None:
        if self.jobs:
            self._change(JobLine, self._lines(), n, job_id=self._of(self.jobs, m))

    def rename(self, n: int, m: int) -> None:
        self._change(Place, self.places, n, name=f"Mill Lane {m}")

    def remove_line(self, n: int, _: int) -> None:
        if lines := self._lines():
            days.remove(self.toy, JobLine, self._of(lines, n))

    def remove_job(self, n: int, _: int) -> None:
        if not self.jobs:
            return
        job = self.jobs.pop(n % len(self.jobs))
        with self.toy.write() as uow:
            for line in uow.session.query(JobLine).filter_by(job_id=job):
                uow.session.delete(line)
            uow.flush()
            uow.delete(uow.session.get(Job, job))

    def article(self, n: int, archive: bool) -> None:
        article = days.an_article(self.toy, f"part {n}")
        if archive:
            days.change(self.toy, Article, article, archived=1)

    def night(self, _: int, length: float) -> None:
        self.toy.clock.pass_days(length)

    def pull(self, n: int, limit: int) -> None:
        device = self.devices[n % len(self.devices)]
        device.take_in(device.ask(limit=limit))

    def start(self, n: int, m: int) -> None:
        if self.jobs:
            self.devices[n % len(self.devices)].do("job.start", self._of(self.jobs, m))


def assert_law(toy: Toy, devices: list[Device]) -> None:
    """Everybody pulls; then devices are their fresh scope, a second exchange is empty, the oracle agrees."""
    for device in devices:
        device.sync()
    for device in devices:
        device.sync()
        assert device.records == days.fresh_scope(toy, device.caller.user_id)
        assert device.sync()["changes"] == []
    report = check(toy.sync)
    assert report.faults == []


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_whatever_happens_devices_hold_the_fresh_scope(engine: str, request: pytest.FixtureRequest) -> None:
    toy: Toy = request.getfixturevalue(f"{engine}_toy")

    @settings(
        max_examples=30 if engine == "sqlite" else 20,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(_step, min_size=15, max_size=40))
    def histories(steps: list[tuple[str, int, Any]]) -> None:
        world = World(toy)
        for step in steps:
            world.step(*step)
        assert_law(toy, world.devices)

    histories()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_the_reverse_lookup_finds_everybody_whom_the_forward_closure_reaches(
    engine: str, request: pytest.FixtureRequest
) -> None:
    toy: Toy = request.getfixturevalue(f"{engine}_toy")

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(_step.filter(lambda step: step[0] != "pull"), min_size=5, max_size=25))
    def histories(steps: list[tuple[str, int, Any]]) -> None:
        world = World(toy)
        for step in steps:
            world.step(*step)
        wanted: dict[tuple[str, UUID], set[UUID]] = {}
        for technician in world.technicians:
            for key in days.reached_from(toy, technician):
                wanted.setdefault(key, set()).add(technician)
        with toy.host.begin(write=False) as uow:
            for (collection, record), members in wanted.items():
                assert toy.sync.scope.members_that_could_see(uow.session, collection, [record]) == members

    histories()
