"""Held mutations: whoever brings what they wait for, they follow at once, and a decision ends the wait."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from sync.checks import check
from sync.decisions import (
    Decider,
    Decision,
    apply_kept,
    check_open,
    decide,
    is_repeat,
    kind_to_accept,
    take_entry,
)
from sync.facts import EntryDecided, NothingToAccept
from sync.inbox import kept_in
from sync.models import MUTATIONS, FieldInboxEntry
from tests.sync import days
from tests.sync.device import Device, device_of
from tests.sync.test_journal import a_device_with_a_job, codes, inbox, job_of, lines_of, outcomes
from tests.sync.toy import Job, Toy, edit_job

DANA = uuid4()


def told(device: Device) -> list[dict[str, Any]]:
    """What the device knows of its inbox entries, after it has asked."""
    device.sync()
    return [body for (name, _), body in device.records.items() if name == "field_inbox"]


def a_line_before_its_job(toy: Toy) -> tuple[Device, UUID]:
    """A device did something about a job that has not arrived."""
    device, job = device_of(toy, uuid4()), uuid4()
    device.do("job_line.add", uuid4(), job_id=str(job), text="early")
    assert outcomes(device.sync()) == ["held"]
    return device, job


def attempts(toy: Toy) -> list[int]:
    """How often each mutation was tried."""
    with toy.host.begin(write=False) as uow:
        return list(uow.session.connection().execute(select(MUTATIONS.c.attempts)).scalars())


def the_job_comes(toy: Toy, device: Device, job: UUID) -> None:
    order = days.an_order(toy)
    with toy.write() as uow:
        uow.add(Job(id=job, order_id=order, technician_id=device.caller.user_id))


def closed(toy: Toy, device: Device, decision: Decision, *, apply: bool = False) -> None:
    """Somebody decides on the device's first open entry."""
    (entry, *_) = [found for found in inbox(toy) if found.settled_at is None]
    dana = Decider(DANA, "Dana", entry.revision)
    with toy.write(DANA) as uow:
        taken = take_entry(uow, entry.id, decision, dana)
        if apply:
            apply_kept(uow, kind_to_accept(taken, toy.sync.mutations), taken, device.caller.user_id)
        decide(uow, taken, decision, dana)


def test_what_waits_for_a_parent_follows_whoever_brings_it(toy: Toy) -> None:
    device, job = a_line_before_its_job(toy)
    the_job_comes(toy, device, job)
    device_of(toy, uuid4()).sync()  # a stranger's pull: the waiting device is out of reach
    assert lines_of(toy) == ["early"]
    (entry,) = told(device)
    assert (entry["outcome"], entry["settled_at"] is None, entry["decision"]) == ("applied", False, None)
    assert (entry["subject_collection"], entry["subject_id"]) == ("jobs", str(job))
    assert check(toy.sync).sound


def test_what_waits_for_another_device_of_the_same_person_follows_too(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.finish", job)
    assert codes(device.sync()) == ["not-yet"]
    other = device_of(toy, device.caller.user_id)
    other.do("job.start", job)
    other.sync()
    assert job_of(toy, job).state == "finished"
    assert other.records["jobs", str(job)]["state"] == "finished", "in the same exchange"


def test_what_waits_is_not_tried_for_what_does_not_concern_it(toy: Toy) -> None:
    device, _ = a_line_before_its_job(toy)
    tried = attempts(toy)
    days.a_job(toy, device.caller.user_id)
    device_of(toy, uuid4()).sync()
    assert attempts(toy) == tried


def test_the_work_of_somebody_who_is_gone_waits_for_a_decision(toy: Toy) -> None:
    device, job = a_line_before_its_job(toy)
    toy.host.gone.add(device.caller.user_id)
    the_job_comes(toy, device, job)
    device_of(toy, uuid4()).sync()
    assert lines_of(toy) == []
    closed(toy, device, Decision.ACCEPTED, apply=True)
    assert lines_of(toy) == ["early"]


def test_what_is_due_is_tried_though_nobody_asks(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.finish", job)
    device.do("job_line.add", uuid4(), job_id=str(job), text="crash")
    device.sync()
    days.change(toy, Job, job, state="started")
    toy.sync.look_after()
    assert job_of(toy, job).state == "finished"
    assert toy.host.alarms == ["sync-unexpected"], "our own mistake waits for its time"
    toy.clock.pass_days(1)
    toy.sync.look_after()
    assert len(toy.host.alarms) == 2


def test_a_held_edit_that_loses_in_the_end_shows_both_values(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.finish", job)
    device.do("job.edit", job, 1, findings="mine")
    device.sync()
    days.change(toy, Job, job, actor=uuid4(), state="started", findings="theirs")
    device.sync()
    (entry,) = [entry for entry in inbox(toy) if entry.settled_at is None]
    assert (entry.type, entry.outcome) == ("job.edit", "overridden")
    kept = kept_in(entry)
    assert (kept.fields, kept.server) == ({"findings": "mine"}, {"findings": "theirs"})


@pytest.mark.parametrize("decision", [Decision.DECLINED, Decision.NOTED, Decision.SETTLED])
def test_a_decision_ends_the_wait_for_good(toy: Toy, decision: Decision) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.finish", job)
    device.do("job.edit", job, 1, findings="waits behind")
    device.sync()
    closed(toy, device, decision)
    days.change(toy, Job, job, state="started")
    toy.clock.pass_days(1)
    device.sync()
    assert (job_of(toy, job).state, job_of(toy, job).findings) == ("started", "waits behind")
    first, second = sorted(told(device), key=lambda entry: entry["number"])
    assert (first["outcome"], first["decision"], first["decided_by_name"]) == ("overridden", decision, "Dana")
    assert (second["outcome"], second["decision"]) == ("applied", None)
    again = device.ask(mutations=device.mutations)
    assert (outcomes(again), codes(again)[0]) == (["overridden", "applied"], "decided-by-people")


def test_what_a_person_accepted_is_not_applied_again_when_its_condition_comes(toy: Toy) -> None:
    device, job = a_line_before_its_job(toy)
    toy.host.gone.add(device.caller.user_id)
    the_job_comes(toy, device, job)
    closed(toy, device, Decision.ACCEPTED, apply=True)
    toy.host.gone.clear()
    toy.clock.pass_days(1)
    device.sync()
    assert lines_of(toy) == ["early"]
    assert outcomes(device.ask(mutations=device.mutations)) == ["merged"]


def test_accepting_makes_the_decider_the_last_who_changed_the_field(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    base = device.records["jobs", str(job)]["revision"]
    days.change(toy, Job, job, actor=uuid4(), findings="theirs")
    device.do("job.edit", job, base, findings="mine", remark="also mine")
    device.sync()
    days.change(toy, Job, job, actor=uuid4(), remark="changed since")
    closed(toy, device, Decision.ACCEPTED, apply=True)
    found = job_of(toy, job)
    assert (found.findings, found.remark) == ("mine", "changed since"), "only what was contested"
    device.do("job.edit", job, base, findings="of old")
    assert outcomes(device.ask()) == ["overridden"], "the office has spoken since"


def test_an_entry_is_decided_once(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.edit", job, 1, price=5)
    device.sync()
    closed(toy, device, Decision.DECLINED)
    (entry,) = inbox(toy)
    with toy.write() as uow:
        repeated = take_entry(uow, entry.id, Decision.DECLINED, Decider(DANA, "Dana", 1))
        assert is_repeat(repeated, Decision.DECLINED, Decider(DANA, "Dana", 1))
        with pytest.raises(EntryDecided, match="Dana has declined it"):
            take_entry(uow, entry.id, Decision.ACCEPTED, Decider(DANA, "Dana", entry.revision))


@pytest.mark.parametrize(
    ("decision", "done"),
    [("followed_up", "made work for another day of it"), ("noted", "made a note of it"), (None, "by itself")],
)
def test_whoever_comes_too_late_reads_in_words_what_was_decided(decision: str | None, done: str) -> None:
    entry = FieldInboxEntry(decision=decision, decided_by_name="Dana", settled_at=datetime.now(UTC))
    with pytest.raises(EntryDecided, match=done):
        check_open(entry)


def test_what_the_phone_sends_again_by_itself_is_not_accepted(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.start", job)
    device.sync()
    clone = device_of(toy, device.caller.user_id)
    clone.journal = device.journal
    clone.do("job_line.add", uuid4(), job_id=str(job), text="of the clone")
    clone.ask()
    (entry,) = inbox(toy)
    assert entry.code == "mutation-number-reused"
    with pytest.raises(NothingToAccept, match="sends it again"):
        kind_to_accept(entry, toy.sync.mutations)


def test_the_toys_edit_is_the_use_case_that_accepting_calls(toy: Toy) -> None:
    """Accepting has no door of its own: it is the function that the mutation calls."""
    found = toy.sync.mutations.get("job.edit")
    assert found is not None
    assert found.use_case is edit_job
