"""Merging by kind of field: the pure rules, and through an exchange what others did meanwhile."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.collections import Kind
from sync.merge import UNKNOWN, Base, FieldNow, LastChange, changed_by_others, merge
from tests.sync import days
from tests.sync.device import device_of
from tests.sync.test_journal import codes, inbox, job_of, outcomes
from tests.sync.toy import Job, Toy

ME, OTHER = uuid4(), uuid4()
values = st.sampled_from(["a", "b", "c"])


# The design's table (sync.md §4), row by row: what becomes of a value that differs from the server's, by
# whether somebody else changed the field after the user looked at it.
TABLE = {
    Kind.FACT: ("accepted", "accepted"),
    Kind.PROMISE: ("overridden", "overridden"),
    Kind.STATUS: ("accepted", "accepted"),
    Kind.QUANTITY: ("accepted", "accepted"),
    Kind.ANSWER: ("accepted", "overridden"),
    Kind.SEALED: ("overridden", "overridden"),
}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("by_others", [False, True])
def test_each_kind_of_field_merges_as_the_table_says(kind: Kind, by_others: bool) -> None:
    field = FieldNow("theirs", kind, LastChange(5, OTHER if by_others else ME))
    merged = merge({"x": "mine"}, {"x": field}, Base(4, same_epoch=True), ME, "server")
    became = "accepted" if "x" in merged.accepted else "overridden"
    assert became == TABLE[kind][by_others]
    assert merged.overridden == (("x",) if became == "overridden" else ())
    assert merged.contested == ()


@pytest.mark.parametrize(
    ("revision", "actor", "base", "others"),
    [
        (5, OTHER, 4, True),
        (5, OTHER, 5, False),  # the user saw just this
        (4, OTHER, 5, False),
        (5, ME, 4, False),  # the user's other phone
        (5, None, 4, True),  # the server itself
        (1, OTHER, None, True),  # the user had no copy at all
    ],
)
def test_changed_by_others_means_a_later_revision_by_another_person(
    revision: int, actor: UUID | None, base: int | None, others: bool
) -> None:
    assert changed_by_others(LastChange(revision, actor), Base(base, same_epoch=True), ME) is others


def test_a_field_nobody_ever_changed_was_not_changed_by_others() -> None:
    assert not changed_by_others(None, Base(1, same_epoch=True), ME)


def test_an_answer_stands_when_nobody_else_changed_it() -> None:
    field = FieldNow("old", Kind.ANSWER, LastChange(3, ME))
    merged = merge({"x": "new"}, {"x": field}, Base(1, same_epoch=True), ME, "server")
    assert (merged.accepted, merged.overridden) == ({"x": "new"}, ())


@pytest.mark.parametrize(("keeps", "stands"), [("server", False), ("device", True)])
def test_an_answer_that_others_changed_follows_the_policy(keeps: str, stands: bool) -> None:
    field = FieldNow("theirs", Kind.ANSWER, LastChange(3, OTHER))
    merged = merge({"x": "mine"}, {"x": field}, Base(2, same_epoch=True), ME, keeps)  # type: ignore[arg-type]
    assert ("x" in merged.accepted) is stands
    assert merged.contested == (("x",) if stands else ())
    assert merged.overridden == (() if stands else ("x",))


@pytest.mark.parametrize("kind", [Kind.FACT, Kind.STATUS, Kind.QUANTITY])
def test_facts_statuses_and_quantities_are_never_decided_here(kind: Kind) -> None:
    field = FieldNow("theirs", kind, LastChange(9, OTHER))
    assert merge({"x": "mine"}, {"x": field}, Base(1, same_epoch=False), ME, "server").accepted == {
        "x": "mine"
    }


@pytest.mark.parametrize("kind", [Kind.PROMISE, Kind.SEALED])
def test_a_promise_and_a_seal_are_never_the_devices(kind: Kind) -> None:
    field = FieldNow("ours", kind, LastChange(1, ME))
    assert merge({"x": "mine"}, {"x": field}, Base(1, same_epoch=True), ME, "device").overridden == ("x",)


def test_a_base_of_another_epoch_makes_every_difference_somebody_elses() -> None:
    assert changed_by_others(LastChange(1, ME), Base(7, same_epoch=False), ME)


@given(
    values, values, st.sampled_from(Kind), st.integers(0, 5), st.integers(0, 5), st.booleans(), st.booleans()
)
def test_every_field_sent_is_accepted_or_overridden_and_equal_values_never_conflict(
    sent: str, now: str, kind: Kind, base: int, revision: int, mine: bool, same_epoch: bool
) -> None:
    field = FieldNow(now, kind, LastChange(revision, ME if mine else OTHER))
    merged = merge({"x": sent}, {"x": field}, Base(base, same_epoch), ME, "server")
    assert ("x" in merged.accepted) != ("x" in merged.overridden)
    if sent == now:
        assert merged.accepted


def test_a_field_the_record_does_not_have_goes_to_the_use_case() -> None:
    field = FieldNow(UNKNOWN, Kind.ANSWER, None)
    assert merge({"x": 1}, {"x": field}, Base(1, same_epoch=True), ME, "server").accepted == {"x": 1}


def test_edits_of_different_fields_both_stand(toy: Toy) -> None:
    technician = uuid4()
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    base = device.records["jobs", str(job)]["revision"]
    days.change(toy, Job, job, actor=OTHER, remark="from the office")
    device.do("job.edit", job, base, findings="leaks")
    assert outcomes(device.sync()) == ["applied"]
    assert (job_of(toy, job).remark, job_of(toy, job).findings) == ("from the office", "leaks")
    assert inbox(toy) == []


def test_both_values_of_a_contested_answer_are_in_the_inbox(toy: Toy) -> None:
    technician = uuid4()
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    base = device.records["jobs", str(job)]["revision"]
    days.change(toy, Job, job, actor=OTHER, findings="theirs")
    device.do("job.edit", job, base, findings="mine", remark="also mine")
    answer = device.sync()
    assert outcomes(answer) == ["merged"]
    assert answer["outcomes"][0]["fields"] == ["findings"]
    assert (job_of(toy, job).findings, job_of(toy, job).remark) == ("theirs", "also mine")
    (entry,) = inbox(toy)
    assert '"mine"' in entry.content
    assert '"theirs"' in entry.content


def test_a_promise_is_overridden_and_kept_in_the_inbox(toy: Toy) -> None:
    technician = uuid4()
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    device.do("job.edit", job, 1, price=5)
    answer = device.sync()
    assert (outcomes(answer), codes(answer)) == (["overridden"], ["edit-overridden"])
    assert job_of(toy, job).price == 0


def test_my_own_earlier_edit_is_not_somebody_elses(toy: Toy) -> None:
    technician = uuid4()
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    device.do("job.edit", job, 1, findings="first")
    device.do("job.edit", job, 1, findings="second")
    assert outcomes(device.sync()) == ["applied", "applied"]
    assert job_of(toy, job).findings == "second"


def test_an_edit_on_a_base_of_another_epoch_does_not_overwrite(toy: Toy) -> None:
    technician = uuid4()
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    days.change(toy, Job, job, actor=technician, findings="what stands")
    device.do("job.edit", job, 5, findings="from before the restore")["epoch"] = str(uuid4())
    assert outcomes(device.sync()) == ["overridden"]
    assert job_of(toy, job).findings == "what stands"
