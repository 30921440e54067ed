"""Every rule of the journal: numbers, repeats, clones, gaps, losses, malformed and held mutations; on both
engines.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event, func, select

from sync.checks import check
from sync.decisions import Decider, Decision, decide, take_entry
from sync.facts import DeviceGone, MutationGap
from sync.held import RETRIED_AT_ONCE
from sync.inbox import read_entry
from sync.models import ENTRIES, JOURNALS, MUTATIONS, FieldInboxEntry
from tests.sync import days
from tests.sync.device import Device, device_of
from tests.sync.toy import START, Job, JobLine, Toy, statements_together


def inbox(toy: Toy) -> list[FieldInboxEntry]:
    with toy.host.begin(write=False) as uow:
        return list(uow.session.scalars(select(FieldInboxEntry).order_by(FieldInboxEntry.created_at)))


def lines_of(toy: Toy) -> list[str]:
    with toy.host.begin(write=False) as uow:
        return sorted(uow.session.scalars(select(JobLine.text)))


def job_of(toy: Toy, job: Any) -> Job:
    with toy.host.begin(write=False) as uow:
        return uow.session.get_one(Job, job)


def a_device_with_a_job(toy: Toy) -> tuple[Device, Any]:
    technician = uuid4()
    job = days.a_job(toy, technician, lines=0)
    device = device_of(toy, technician)
    device.sync()
    return device, job


def outcomes(answer: dict[str, Any]) -> list[str]:
    return [outcome["outcome"] for outcome in answer["outcomes"]]


def codes(answer: dict[str, Any]) -> list[str]:
    found = [outcome.get("problem", {}).get("type", "") for outcome in answer["outcomes"]]
    return [name.rpartition(":")[2] for name in found]


def test_a_mutation_is_applied_and_its_effect_comes_back_in_the_same_exchange(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.start", job)
    answer = device.sync()
    assert outcomes(answer) == ["applied"]
    assert answer["expected_number"] == 2
    assert device.records["jobs", str(job)]["state"] == "started"


def test_a_lost_reply_does_not_apply_a_mutation_twice(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job_line.add", uuid4(), job_id=str(job), text="hose")
    lost = device.ask()
    again = device.sync()
    assert outcomes(lost) == outcomes(again) == ["applied"]
    assert lines_of(toy) == ["hose"]


def test_facts_that_follow_each_other_are_written_together(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    statements_together.clear()
    for text in ("a", "b", "c"):
        device.do("job_line.add", uuid4(), job_id=str(job), text=text)
    device.do("job.start", job)
    device.do("job_line.add", uuid4(), job_id=str(job), text="d")
    assert outcomes(device.sync()) == ["applied"] * 5
    assert statements_together == [3], "one alone goes alone, and what stands between parts them"
    assert lines_of(toy) == ["a", "b", "c", "d"]
    assert device.names("job_lines") == {m["record"] for m in device.mutations if m["type"] == "job_line.add"}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("crash", "held"), ("half", "overridden"), ("\0", "refused"), ("x" * 5000, "refused")],
)
def test_a_fact_that_cannot_be_written_with_others_costs_them_nothing(
    toy: Toy, text: str, outcome: str
) -> None:
    device, job = a_device_with_a_job(toy)
    for content in ("a", text, "c"):
        device.do("job_line.add", uuid4(), job_id=str(job), text=content)
    assert outcomes(device.sync()) == ["applied", outcome, "applied"]
    assert lines_of(toy) == ["a", "c"]
    assert len(inbox(toy)) == 1


def test_a_mutation_in_trouble_undoes_nothing_of_those_around_it(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    line = uuid4()
    device.do("job.start", job)
    device.do("job_line.add", line, job_id=str(job), text="before")
    device.do("job_line.add", uuid4(), job_id=str(job), text="half")
    device.do("job.edit", job, 1, findings="rust")
    device.do("job_line.add", line, job_id=str(job), text="the same id")
    device.do("job.finish", job)
    assert outcomes(device.sync()) == ["applied", "applied", "overridden", "applied", "overridden", "applied"]
    assert lines_of(toy) == ["before"]
    stands = device.records["jobs", str(job)]
    assert (stands["state"], stands["findings"], stands["remark"]) == ("finished", "rust", "")
    with toy.host.begin(write=False) as uow:
        assert uow.session.get_one(Job, job).revision == 4, "each change was made once"


def test_a_batch_without_trouble_is_one_savepoint_and_one_full_of_it_a_few_for_each(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    for _ in range(20):
        device.do("job.edit", job, 1, findings="rust")
    with savepoints_in(toy.engine) as begun:
        assert outcomes(device.sync()) == ["applied"] * 20
    assert len(begun) == 1
    device.do("job.start", uuid4())
    for _ in range(31):
        device.do("job.edit", job, 1, findings="rust")
    with savepoints_in(toy.engine) as begun:
        assert outcomes(device.ask()) == ["held"] + ["applied"] * 31
    assert len(begun) <= 8, "after trouble one goes alone, then two together, then four"


def test_a_batch_full_of_trouble_is_not_begun_again_for_each(toy: Toy) -> None:
    device, _ = a_device_with_a_job(toy)
    for _ in range(50):
        device.do("job.start", uuid4())
    with savepoints_in(toy.engine) as begun:
        assert outcomes(device.ask()) == ["held"] * 50
    assert len(begun) <= 50 + 50 + 1, "each by itself, and each once more because something new arrived"


@contextmanager
def savepoints_in(engine: Engine) -> Iterator[list[str]]:
    """The savepoints begun inside the block."""
    begun: list[str] = []

    def note(_connection: object, name: str) -> None:
        begun.append(name)

    event.listen(engine, "savepoint", note)
    try:
        yield begun
    finally:
        event.remove(engine, "savepoint", note)


def test_a_fact_for_the_inbox_gets_its_own_outcome_among_others(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    others = days.a_job(toy, uuid4(), lines=0)
    for of in (job, others, job):
        device.do("job_line.add", uuid4(), job_id=str(of), text="t")
    assert outcomes(device.sync()) == ["applied", "merged", "applied"]
    assert lines_of(toy) == ["t", "t", "t"]


def test_facts_with_the_same_id_are_judged_one_by_one(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    line = uuid4()
    device.do("job_line.add", line, job_id=str(job), text="a")
    device.do("job_line.add", line, job_id=str(job), text="b")
    assert outcomes(device.sync())[0] == "applied"
    assert lines_of(toy) == ["a"]


def test_a_mutation_sent_again_in_another_journal_keeps_its_outcome(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.start", job)
    device.ask()
    enrolled_again = device_of(toy, device.caller.user_id)
    enrolled_again.mutations = [dict(device.mutations[0])]
    answer = enrolled_again.sync()
    assert outcomes(answer) == ["applied"]
    assert answer["expected_number"] == 2
    assert inbox(toy) == []


def test_a_gap_is_refused_with_the_number_that_is_expected(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.start", job)
    device.do("job.finish", job)
    device.mutations.pop(0)
    with pytest.raises(MutationGap) as gap:
        device.ask()
    assert gap.value.extensions == {"expected_number": 1}
    assert job_of(toy, job).state == "planned"


def test_everything_before_a_gap_inside_a_request_is_taken(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    for n in range(3):
        device.do("job_line.add", uuid4(), job_id=str(job), text=f"{n}")
    del device.mutations[1]
    answer = device.ask()
    assert outcomes(answer) == ["applied"]
    assert answer["expected_number"] == 2


def test_what_nobody_has_any_more_is_noted_as_lost_and_the_queue_moves_on(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    for n in range(4):
        device.do("job_line.add", uuid4(), job_id=str(job), text=f"{n}")
    del device.mutations[:2]
    answer = device.ask(journal_start=3)
    assert outcomes(answer) == ["applied", "applied"]
    assert answer["expected_number"] == 5
    assert [(entry.code, entry.number) for entry in inbox(toy)] == [("lost-in-restore", 1)]
    assert "sync-lost-in-restore" in toy.host.alarms
    assert check(toy.sync).sound


def test_a_cloned_phone_is_told_to_begin_a_new_journal_and_loses_nothing(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    clone = replace(
        device, records=dict(device.records), hashes=dict(device.hashes), staged=[], mutations=[], outcomes={}
    )
    device.do("job_line.add", uuid4(), job_id=str(job), text="original")
    device.sync()
    clone.do("job_line.add", uuid4(), job_id=str(job), text="clone")
    answer = clone.ask()
    assert outcomes(answer) == ["refused"]
    assert codes(answer) == ["mutation-number-reused"]
    assert answer["directives"] == ["new_journal"]
    assert lines_of(toy) == ["original"]
    assert [entry.code for entry in inbox(toy)] == ["mutation-number-reused"]
    clone.ask()
    assert len(inbox(toy)) == 1, "the same clone asking again is not news"

    clone.journal = uuid4()
    assert outcomes(clone.sync()) == ["applied"]
    assert lines_of(toy) == ["clone", "original"]
    assert inbox(toy)[0].settled_at is not None


def test_other_content_under_a_known_id_is_refused_and_the_first_content_stands(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    mutation = device.do("job_line.add", uuid4(), job_id=str(job), text="first")
    device.ask()
    mutation["fields"]["text"] = "second"
    answer = device.ask()
    assert codes(answer) == ["mutation-altered"]
    assert lines_of(toy) == ["first"]
    (entry,) = inbox(toy)
    assert "second" in entry.content


def test_another_users_journal_is_left_alone(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.start", job)
    device.sync()
    other = device_of(toy, uuid4())
    other.journal = device.journal
    other.do("job_line.add", uuid4(), job_id=str(job), text="hose")
    answer = other.ask()
    assert (answer["outcomes"], answer["directives"]) == ([], ["new_journal"])
    other.journal = uuid4()
    assert outcomes(other.sync()) == ["merged"]


MALFORMED = {
    "no object": 7,
    "nothing": None,
    "no type": {"type": None},
    "unknown type": {"type": "job.explode"},
    "unknown schema": {"schema": 99},
    "unknown member": {"status": "done"},
    "record is no id": {"record": "x"},
    "fields are a list": {"fields": []},
    "unknown field": {"fields": {"role": "administrator"}},
    "missing field": {"type": "job_line.add", "fields": {"text": "x"}},
    "lone surrogate": {"type": "job_line.add", "fields": {"text": "\ud800"}},
    "nul": {"type": "job_line.add\0"},
    "half a surrogate pair as a field": {"fields": {"\ud800": 1, "a/b~": 2}},
    "half a surrogate pair as a member": {"\udfff": 1},
    "nul as a field": {"fields": {"\0": 1}},
    "a thousand unknown fields": {"fields": {f"x{n}": n for n in range(1000)}},
    "no time": {"occurred_at": "yesterday"},
    "naive time": {"occurred_at": "2026-03-02T09:00:00"},
    "id is no id": {"mutation_id": "x"},
    "number is text": {"number": "1"},
    "base is negative": {"base": -1},
    "deep": {"fields": {"findings": [[[[[[[[]]]]]]]]}},
}


@pytest.mark.parametrize("how", MALFORMED)
def test_a_malformed_mutation_is_an_outcome_and_never_stops_the_queue(toy: Toy, how: str) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.edit", job, findings="x")
    device.do("job.start", job)
    damage = MALFORMED[how]
    good = device.mutations[0]
    device.mutations[0] = {**good, **damage} if isinstance(damage, dict) else damage
    messages, device.mutations = device.mutations, []
    answer = device.ask(mutations=messages)
    assert outcomes(answer) == ["refused", "applied"]
    assert [outcome["number"] for outcome in answer["outcomes"]] == [1, 2]
    assert len(inbox(toy)) == 1
    again = device.ask(mutations=messages)
    assert again["outcomes"] == answer["outcomes"]
    assert len(inbox(toy)) == 1
    assert check(toy.sync).sound


def test_a_dead_clock_does_not_refuse_the_work(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.start", job)["occurred_at"] = "1970-01-01T00:00:12Z"
    answer = device.ask(device_now="1970-01-01T00:00:13Z")
    assert outcomes(answer) == ["merged"]
    assert [entry.code for entry in inbox(toy)] == ["clock-wrong"]
    assert job_of(toy, job).state == "started"


def test_both_clocks_and_the_skew_are_stored(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.start", job)
    device.ask(device_now="2026-03-02T08:05:00Z")
    with toy.host.begin(write=False) as uow:
        row = uow.session.connection().execute(select(MUTATIONS)).one()
    assert (row.skew_seconds, row.received_at, row.time_zone) == (300.0, START, "Europe/Berlin")
    assert row.occurred_at == START + timedelta(hours=1)


def test_a_refusal_undoes_its_effects_but_not_its_outcome(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job_line.add", uuid4(), job_id=str(job), text="half")
    device.do("job_line.add", uuid4(), job_id=str(job), text="whole")
    answer = device.sync()
    assert outcomes(answer) == ["overridden", "applied"]
    assert job_of(toy, job).remark == ""
    assert lines_of(toy) == ["whole"]
    assert device.outcomes[1]["problem"]["type"] == "urn:doorstep:problem:job-closed"


def test_a_broken_constraint_is_an_outcome(toy: Toy) -> None:
    device, _ = a_device_with_a_job(toy)
    device.do("job_line.add", uuid4(), job_id=str(uuid4()), text="of no job")
    assert outcomes(device.ask()) == ["overridden"]


def test_a_mistake_of_ours_holds_the_mutation_raises_an_alarm_and_stops_nothing(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job_line.add", uuid4(), job_id=str(job), text="crash")
    device.do("job.start", job)
    assert outcomes(device.sync()) == ["held", "applied"]
    assert toy.host.alarms == ["sync-unexpected"]
    device.sync()
    device.do("job_line.add", uuid4(), job_id=str(job), text="fine")
    device.sync()
    assert toy.host.alarms == ["sync-unexpected"], "it waits for its time before it is tried again"
    toy.clock.pass_days(1)
    device.sync()
    assert len(toy.host.alarms) == 2


def test_a_held_mutation_is_applied_when_its_condition_comes_true_and_its_entry_tells(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.finish", job)
    device.do("job.edit", job, 1, findings="waits behind")
    answer = device.sync()
    assert outcomes(answer) == ["held", "held"]
    assert codes(answer) == ["not-yet", "waits-behind"]
    assert len(device.names("field_inbox")) == 2
    days.change(toy, Job, job, state="started")
    toy.clock.pass_days(0.1)
    device.sync()
    assert device.records["jobs", str(job)]["state"] == "finished"
    assert device.records["jobs", str(job)]["findings"] == "waits behind"
    entries = [body for (name, _), body in device.records.items() if name == "field_inbox"]
    assert {(entry["outcome"], entry["settled_at"] is None) for entry in entries} == {("applied", False)}
    again = device.ask(mutations=device.mutations)
    assert outcomes(again) == ["applied", "applied"], "the final outcome is the one that is repeated"
    assert check(toy.sync).sound


def test_what_can_never_apply_holds_up_nothing_else(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    hopeless = [days.a_job(toy, device.caller.user_id, lines=0) for _ in range(RETRIED_AT_ONCE + 5)]
    for one in [*hopeless, job]:
        device.do("job.finish", one)
    assert set(outcomes(device.sync())) == {"held"}
    days.change(toy, Job, job, state="started")
    for _ in range(2):
        toy.clock.pass_days(0.1)
        device.sync()
    assert job_of(toy, job).state == "finished"


def test_a_later_mutation_of_the_same_push_can_meet_the_condition(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.finish", job)
    device.sync()
    days.change(toy, Job, job, state="started")
    device.do("job_line.add", uuid4(), job_id=str(job), text="news")
    device.sync()
    assert job_of(toy, job).state == "finished"


def test_a_use_case_can_apply_a_fact_and_flag_it(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    days.change(toy, Job, job, technician_id=uuid4())
    device.do("job_line.add", uuid4(), job_id=str(job), text="was there")
    device.do("job.start", job)
    answer = device.sync()
    assert outcomes(answer) == ["merged", "overridden"]
    assert codes(answer)[1] == "work-after-revocation"
    assert lines_of(toy) == ["was there"]
    assert [entry.code for entry in inbox(toy)] == ["not-yours", "work-after-revocation"]


def test_a_person_can_settle_an_entry_and_the_device_sees_it(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.start", job)
    device.do("job.start", job)
    device.sync()
    (entry,) = inbox(toy)
    with toy.write() as uow:
        assert '"job.start"' in read_entry(uow, entry.id).content
        dana = Decider(uuid4(), "Dana", entry.revision)
        taken = take_entry(uow, entry.id, Decision.SETTLED, dana)
        decide(uow, taken, Decision.SETTLED, dana, remark="Twice is once.")
    device.sync()
    told = device.records["field_inbox", str(entry.id)]
    assert told["settled_at"] is not None
    assert (told["decision"], told["decided_by_name"], told["remark"]) == (
        "settled",
        "Dana",
        "Twice is once.",
    )
    toy.clock.pass_days(4)
    device.sync()
    assert device.names("field_inbox") == set()


def test_a_revoked_device_hands_its_work_in_and_is_told_to_wipe(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.start", job)
    revoked = Device(
        toy,
        toy.caller(device.caller.user_id, device.caller.device_id, revoked_at=START),
        journal=device.journal,
        mutations=device.mutations,
        cursor=device.cursor,
    )
    answer = revoked.ask()
    assert outcomes(answer) == ["held"]
    assert (answer["directives"], answer["changes"]) == (["wipe"], [])
    assert job_of(toy, job).state == "planned"
    (entry,) = inbox(toy)
    assert entry.code == "device-revoked"
    revoked.acknowledged = 1
    assert revoked.ask()["directives"] == ["wipe"]
    with pytest.raises(DeviceGone):
        revoked.ask()


def test_a_revoked_device_that_never_did_anything_is_told_to_wipe_once(toy: Toy) -> None:
    revoked = device_of(toy, uuid4(), revoked_at=START)
    assert revoked.ask()["directives"] == ["wipe"]
    with pytest.raises(DeviceGone):
        revoked.ask()


def test_a_revoked_device_hands_in_again_what_a_restored_server_lost_before_it_is_wiped(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job_line.add", uuid4(), job_id=str(job), text="done before the backup was lost")
    device.sync()
    with toy.engine.begin() as connection:
        for table in (JOURNALS, ENTRIES, MUTATIONS):
            connection.execute(table.delete())
    device.caller = toy.caller(device.caller.user_id, device.caller.device_id, revoked_at=START)
    answer = device.ask()
    assert (answer["expected_number"], answer["directives"]) == (1, ["resync"]), "its journal first"
    handed_in = device.ask(acknowledged=0, mutations=device.mutations)
    assert (outcomes(handed_in), handed_in["directives"]) == (["held"], ["wipe"])
    assert "done before" in inbox(toy)[-1].content


def test_a_revoked_device_cannot_push_into_another_users_journal(toy: Toy) -> None:
    victim, job = a_device_with_a_job(toy)
    victim.do("job.start", job)
    victim.sync()
    revoked = device_of(toy, uuid4(), revoked_at=START)
    revoked.journal = victim.journal
    revoked.do("job_line.add", uuid4(), job_id=str(job), text="mine")
    answer = revoked.ask()
    assert (answer["outcomes"], answer["directives"]) == ([], ["new_journal"])
    with toy.host.begin(write=False) as uow:
        row = uow.session.connection().execute(select(JOURNALS)).one()
    assert (row.user_id, row.expected_number, row.wiped_at) == (victim.caller.user_id, 2, None)
    revoked.journal = uuid4()
    assert outcomes(revoked.ask()) == ["held"]


def test_a_revoked_device_is_heard_for_thirty_days_and_no_longer(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    device.do("job.start", job)
    device.caller = toy.caller(device.caller.user_id, device.caller.device_id, revoked_at=START)
    toy.clock.pass_days(29)
    assert outcomes(device.ask()) == ["held"]
    toy.clock.pass_days(2)
    with pytest.raises(DeviceGone):
        device.ask()


def test_a_large_push_is_taken_in_chunks(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    for n in range(230):
        device.do("job_line.add", uuid4(), job_id=str(job), text=f"{n:03}")
    answer = device.ask(limit=0)
    assert (answer["more"], answer["changes"], answer["cursor"]) == (True, [], device.cursor)
    assert answer["expected_number"] == 231
    assert len(lines_of(toy)) == 230
    device.sync()
    assert len(device.names("job_lines")) == 230


def test_the_same_mutation_twice_in_one_request_is_applied_once(toy: Toy) -> None:
    device, job = a_device_with_a_job(toy)
    mutation = device.do("job_line.add", uuid4(), job_id=str(job), text="hose")
    device.mutations.append({**mutation, "number": 2})
    assert outcomes(device.ask()) == ["applied", "applied"]
    with toy.host.begin(write=False) as uow:
        assert uow.session.connection().execute(select(func.count()).select_from(MUTATIONS)).scalar_one() == 1
