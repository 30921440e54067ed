"""Scripted interleavings on PostgreSQL: the holes that dense traffic heals and hides, each with the mutant
that falls in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

import sync.expand
from sync.expand import Changed, expand
from sync.host import Audience, UnitOfWork
from sync.models import CHANGES
from sync.refresh import _ADVANCE, Refresh
from sync.scope import Difference, Scope
from sync.transaction import write_what_is_left
from tests.sync import days
from tests.sync.device import Device, device_of
from tests.sync.pausing import PATIENCE, Beside, Gate
from tests.sync.test_law import assert_law
from tests.sync.toy import TECHNICIAN, Article, Job, JobLine, Place, Toy

SOON = 0.5
"""Seconds in which whatever is not held up has ended."""


class LawBroken(AssertionError):
    """What a mutant is expected to end in."""


def the_law_holds(toy: Toy, *devices: Device) -> None:
    try:
        assert_law(toy, list(devices))
    except AssertionError as error:
        raise LawBroken from error


def paused_after_scope(of: type[Refresh], gate: Gate) -> type[Refresh]:
    """The same refresh, stopping once between its scope statement and its writes."""

    class Paused(of):  # type: ignore[misc,valid-type]
        def differences(self, day: date | None, *, rewrite: bool) -> list[Difference]:
            found: list[Difference] = super().differences(day, rewrite=rewrite)
            if self.audience.kind == TECHNICIAN:
                gate.pass_through()
            return found

    return Paused


class MarksDeletedLast(Refresh):
    """A mutant: the marks go after the scope was read, and with them one that came in between."""

    def delete_marks(self) -> Callable[[], bool]:
        return lambda: True

    changed = False

    def leave_mark(self) -> bool:
        self.changed = True
        return False

    def run(self) -> bool:
        super().run()
        Refresh.delete_marks(self)()
        return self.changed and Refresh.leave_mark(self)


class MarkCleared(Refresh):
    """A mutant: a refresh that changed something is content."""

    def leave_mark(self) -> bool:
        return False


@contextmanager
def refreshing_by(toy: Toy, step: type[Refresh]) -> Iterator[None]:
    toy.sync.refresh_step = step  # type: ignore[misc]
    try:
        yield
    finally:
        toy.sync.refresh_step = Refresh  # type: ignore[misc]


def refresh(toy: Toy, technician: UUID) -> Callable[[], None]:
    return lambda: toy.sync.refresh(Audience(TECHNICIAN, technician), days.ZONE)


def refresh_once(toy: Toy, technician: UUID) -> Callable[[], None]:
    """One run, as when the process dies right after it."""

    def run() -> None:
        with toy.host.begin_straight() as straight:
            toy.sync.refresh_step(straight, toy.sync.scope, Audience(TECHNICIAN, technician), days.ZONE).run()

    return run


def write_all(uow: UnitOfWork) -> None:
    """Everything that the transaction writes is written, its changes included; only the commit is missing."""
    uow.flush()
    write_what_is_left(uow.session)


def naive_take_changes() -> Callable[[UnitOfWork], Changed]:
    """A mutant: changes are read behind a watermark and stay; whoever drew an early number and commits late
    is lost.
    """
    seen = 0

    def take(uow: UnitOfWork) -> Changed:
        nonlocal seen
        changed: Changed = {}
        rows = uow.session.connection().execute(select(CHANGES).where(CHANGES.c.id > seen)).all()
        for row in rows:
            changed.setdefault(row.collection, []).append(row.record_id)
            seen = max(seen, row.id)
        return changed

    return take


def early_number_late_commit(toy: Toy) -> None:
    """The first writer draws its number first and commits last."""
    technician = uuid4()
    first, second = days.a_job(toy, technician), days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    with toy.write() as slow:
        slow.session.get_one(Job, first).remark = "slow"
        write_all(slow)
        days.change(toy, Job, second, remark="quick")
        device.sync()
    toy.sync.expand()
    device.sync()
    assert device.records["jobs", str(second)]["remark"] == "quick"
    if device.records["jobs", str(first)]["remark"] != "slow":
        raise LawBroken


def test_a_change_that_is_numbered_early_and_committed_late_arrives(pg: Toy) -> None:
    early_number_late_commit(pg)
    technician_device = device_of(pg, uuid4())
    the_law_holds(pg, technician_device)


def test_mutant_a_watermark_over_the_changes_loses_it(pg: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync.expand, "take_changes", naive_take_changes())
    with pytest.raises(LawBroken):
        early_number_late_commit(pg)


def being_given_a_visit_at_that_place(toy: Toy, in_writer: Callable[[UnitOfWork], object]) -> None:
    """A place is renamed while another transaction gives a technician a job there and they pull."""
    technician = uuid4()
    place = days.a_place(toy, "old name")
    order = days.an_order(toy, place)
    device = device_of(toy, technician)
    device.sync()
    with toy.write() as renaming:
        renaming.session.get_one(Place, place).name = "new name"
        write_all(renaming)
        in_writer(renaming)
        days.a_job(toy, technician, order=order)
        device.sync()
        assert device.records["places", str(place)]["name"] == "old name"
    the_law_holds(toy, device)


def test_who_is_given_a_job_at_a_place_that_is_being_renamed_hears_of_the_new_name(pg: Toy) -> None:
    being_given_a_visit_at_that_place(pg, lambda uow: None)


def test_mutant_a_writer_that_works_out_its_audiences_misses_them(pg: Toy) -> None:
    with pytest.raises(LawBroken):
        being_given_a_visit_at_that_place(pg, lambda uow: expand_without_waiting(uow, pg))


def expand_without_waiting(uow: UnitOfWork, toy: Toy) -> None:
    """Expand inside the writer, without the lock that would make the others wait."""
    changed = sync.expand.take_changes(uow)
    for audience in sync.expand.audiences_of(uow, toy.sync.scope, changed):
        uow.session.connection().execute(sync.expand.MARKS.insert().values(audience=audience))


def a_change_while_nothing_is_found(toy: Toy, step: type[Refresh]) -> None:
    """A refresh has read the scope and found nothing; then something changes and is expanded; then it
    commits.
    """
    technician, gate = uuid4(), Gate()
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    with toy.host.begin() as uow:
        uow.session.connection().execute(
            sync.expand.MARKS.insert().values(audience=Audience(TECHNICIAN, technician).key)
        )
    with refreshing_by(toy, paused_after_scope(step, gate)), Beside(refresh_once(toy, technician)):
        gate.wait_until_reached()
        days.change(toy, Job, job, remark="new")
        toy.sync.expand()
        gate.open()
    with refreshing_by(toy, step):
        the_law_holds(toy, device)


def test_a_mark_that_comes_while_the_scope_is_read_stays(pg: Toy) -> None:
    a_change_while_nothing_is_found(pg, Refresh)


def test_mutant_marks_deleted_after_the_scope_query_lose_the_change(pg: Toy) -> None:
    with pytest.raises(LawBroken):
        a_change_while_nothing_is_found(pg, MarksDeletedLast)


def a_visit_that_moves_on_meanwhile(toy: Toy, step: type[Refresh]) -> None:
    """V moves A→B; refresh(B) has read its scope; V moves B→C and is expanded; refresh(B) commits."""
    a, b, c = uuid4(), uuid4(), uuid4()
    gate = Gate()
    job = days.a_job(toy, a)
    devices = [device_of(toy, technician) for technician in (a, b, c)]
    for device in devices:
        device.sync()
    days.change(toy, Job, job, technician_id=b)
    toy.sync.expand()
    with refreshing_by(toy, paused_after_scope(step, gate)), Beside(refresh_once(toy, b)):
        gate.wait_until_reached()
        days.change(toy, Job, job, technician_id=c)
        toy.sync.expand()
        gate.open()
    with refreshing_by(toy, step):
        the_law_holds(toy, *devices)


def test_a_visit_that_moves_on_while_it_is_being_delivered_leaves_again(pg: Toy) -> None:
    a_visit_that_moves_on_meanwhile(pg, Refresh)


def test_mutant_a_refresh_that_changed_something_and_clears_its_mark_keeps_the_visit_for_ever(
    pg: Toy,
) -> None:
    with pytest.raises(LawBroken):
        a_visit_that_moves_on_meanwhile(pg, MarkCleared)


def test_a_pull_waits_for_an_expand_that_is_running(pg: Toy) -> None:
    technician = uuid4()
    job = days.a_job(pg, technician)
    device = device_of(pg, technician)
    device.sync()
    days.change(pg, Job, job, remark="new")
    with pg.host.begin() as expanding:
        expand(expanding, pg.sync.scope)
        pulling = Beside(device.sync)
        pulling.__enter__()
        time.sleep(0.3)
        assert pulling.is_running
    pulling.__exit__(None, None, None)
    assert device.records["jobs", str(job)]["remark"] == "new"


def test_a_row_that_is_deleted_between_scope_and_bodies_does_not_arrive(pg: Toy) -> None:
    technician, gate = uuid4(), Gate()
    job = days.a_job(pg, technician, lines=0)
    with pg.write() as uow:
        line = uow.add(JobLine(id=uuid4(), job_id=job, text="short-lived")).id
    device = device_of(pg, technician)
    with refreshing_by(pg, paused_after_scope(Refresh, gate)), Beside(refresh(pg, technician)):
        gate.wait_until_reached()
        days.remove(pg, JobLine, line)
        gate.open()
    the_law_holds(pg, device)


def test_a_record_changed_between_scope_and_bodies_arrives_with_the_revision_of_its_body(pg: Toy) -> None:
    technician, gate = uuid4(), Gate()
    job = days.a_job(pg, technician)
    device = device_of(pg, technician)
    with refreshing_by(pg, paused_after_scope(Refresh, gate)), Beside(refresh_once(pg, technician)):
        gate.wait_until_reached()
        days.change(pg, Job, job, remark="newer than the scope")
        gate.open()
    with pg.host.begin(write=False) as uow:
        row = (
            uow.session.connection()
            .execute(text("SELECT revision, body FROM sync_feed_rows WHERE record_id = :job"), {"job": job})
            .one()
        )
    assert row.revision == 2
    assert "newer than the scope" in row.body
    the_law_holds(pg, device)


def test_two_phones_of_one_technician_may_pull_for_the_first_time_at_once(pg: Toy) -> None:
    technician, gate = uuid4(), Gate()
    days.a_job(pg, technician)
    first, second = device_of(pg, technician), device_of(pg, technician)
    with (
        refreshing_by(pg, paused_after_scope(Refresh, gate)),
        Beside(first.sync),
        Beside(second.sync) as other,
    ):
        gate.wait_until_reached()
        time.sleep(0.1)
        assert other.is_running
        gate.open()
    the_law_holds(pg, first, second)


def test_eight_writers_at_once_lose_rows_to_a_sequence_cursor_and_none_to_ours(pg: Toy) -> None:
    with pg.engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS naive"))
        connection.execute(text("CREATE TABLE naive (seq bigserial PRIMARY KEY, record uuid)"))
    device = device_of(pg, uuid4())
    stop = threading.Event()
    written: list[UUID] = []

    def write_many(pause: float) -> None:
        while not stop.is_set():
            with pg.write() as uow:
                article = Article(id=uuid4(), name="x")
                uow.session.connection().execute(
                    text("INSERT INTO naive (record) VALUES (:r)"), {"r": article.id}
                )
                uow.add(article)
                time.sleep(pause)
            written.append(article.id)

    def read_naively(seen: set[UUID], after: int) -> int:
        with pg.engine.connect() as connection:
            rows = connection.execute(
                text("SELECT seq, record FROM naive WHERE seq > :a ORDER BY seq"), {"a": after}
            )
            for seq, record in rows:
                seen.add(record)
                after = seq
        return after

    naive: set[UUID] = set()

    cursor = [0]

    def poll_naively() -> None:
        while not stop.is_set():
            cursor[0] = read_naively(naive, cursor[0])

    threads = [threading.Thread(target=write_many, args=(0.003 * n,)) for n in range(1, 9)]
    threads.append(threading.Thread(target=poll_naively))
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 2.5
    while time.monotonic() < deadline:
        device.take_in(device.ask())
    stop.set()
    for thread in threads:
        thread.join()
    read_naively(naive, cursor[0])
    device.sync()
    assert device.names("articles") == {str(record) for record in written}
    assert naive < set(written), "the naive cursor was expected to lose something"


class NotKeptOff(Refresh):
    """A mutant: a refresh that believes that no expand runs beside it, and keeps none off."""

    def advance(self, figures: dict[str, Any]) -> Callable[[], bool]:
        self.straight.run(_ADVANCE["sqlite"], figures)
        return lambda: True


def paused_before_commit(of: type[Refresh], gate: Gate) -> type[Refresh]:
    """The same refresh, stopping once when all is written."""

    class Paused(of):  # type: ignore[misc,valid-type]
        def run(self) -> bool:
            is_marked: bool = super().run()
            gate.pass_through()
            return is_marked

    return Paused


def moved_to(toy: Toy, job: UUID, technician: UUID) -> None:
    days.change(toy, Job, job, technician_id=technician)


def a_visit_that_moves_on_at_the_last_moment(toy: Toy, step: type[Refresh]) -> None:
    """V moves A→B; refresh(B) has decided about its mark; V moves B→C and is expanded; refresh(B) commits."""
    a, b, c = uuid4(), uuid4(), uuid4()
    gate = Gate()
    job = days.a_job(toy, a)
    devices = [device_of(toy, technician) for technician in (a, b, c)]
    for device in devices:
        device.sync()
    moved_to(toy, job, b)
    toy.sync.expand()
    with refreshing_by(toy, paused_before_commit(step, gate)), Beside(refresh_once(toy, b)):
        gate.wait_until_reached()
        moved_to(toy, job, c)
        with Beside(toy.sync.expand) as expanding:
            expanding.wait(SOON)  # for ever, if it is kept off
            gate.open()
    with refreshing_by(toy, step):
        the_law_holds(toy, *devices)


def a_refresh_that_commits_while_an_expand_runs(
    toy: Toy, step: type[Refresh], monkeypatch: pytest.MonkeyPatch
) -> None:
    """refresh(B) has read its scope; V moves B→C; an expand looks for holders; refresh(B) commits first."""
    a, b, c = uuid4(), uuid4(), uuid4()
    read, looked = Gate(), Gate()
    job = days.a_job(toy, a)
    devices = [device_of(toy, technician) for technician in (a, b, c)]
    for device in devices:
        device.sync()
    moved_to(toy, job, b)
    toy.sync.expand()
    find = sync.expand.audiences_of

    def find_and_wait(uow: UnitOfWork, scope: Scope, changed: Changed) -> set[str]:
        found = find(uow, scope, changed)
        looked.pass_through()
        return found

    refreshing = Beside(refresh_once(toy, b))
    with refreshing_by(toy, paused_after_scope(step, read)), refreshing:
        read.wait_until_reached()
        moved_to(toy, job, c)
        monkeypatch.setattr(sync.expand, "audiences_of", find_and_wait)
        with Beside(toy.sync.expand):
            looked.wait_until_reached()
            read.open()
            refreshing.wait(PATIENCE)
            looked.open()
    with refreshing_by(toy, step):
        the_law_holds(toy, *devices)


def test_an_expand_waits_for_a_refresh_that_goes_without_its_mark(pg: Toy) -> None:
    a_visit_that_moves_on_at_the_last_moment(pg, Refresh)


def test_mutant_an_expand_that_is_not_kept_off_does_not_see_who_holds_the_visit(pg: Toy) -> None:
    with pytest.raises(LawBroken):
        a_visit_that_moves_on_at_the_last_moment(pg, NotKeptOff)


def test_a_refresh_beside_a_running_expand_leaves_its_mark(pg: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    a_refresh_that_commits_while_an_expand_runs(pg, Refresh, monkeypatch)


def test_mutant_a_refresh_that_overlooks_a_running_expand_keeps_the_visit_for_ever(
    pg: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LawBroken):
        a_refresh_that_commits_while_an_expand_runs(pg, NotKeptOff, monkeypatch)


def test_a_refresh_that_nobody_disturbs_looks_once(pg: Toy) -> None:
    technician = uuid4()
    job = days.a_job(pg, technician)
    device = device_of(pg, technician)
    device.sync()
    days.change(pg, Job, job, remark="new")
    pg.sync.expand()
    with pg.host.begin_straight() as straight:
        audience = Audience(TECHNICIAN, technician)
        assert pg.sync.refresh_step(straight, pg.sync.scope, audience, days.ZONE).run() is False
    the_law_holds(pg, device)
