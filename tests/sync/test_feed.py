"""What comes down: windows, removals, pages, cursors, horizons, restored servers; on both engines."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from backend.db.faults import is_connection_trouble
from sync.collections import CollectionSet
from sync.cursor import Cursor, CursorSigner
from sync.cursor import Place as PlaceInFeed
from sync.engine import SyncEngine
from sync.epoch import NO_IDENTITY, SERVER_IDENTITY, identity_expression
from sync.feed import hash_of, signed
from sync.horizon import forget_what_is_past
from sync.models import FEED_ROWS, FEEDS, FLOORS, JOURNALS, MARKS, MUTATIONS, STATE
from sync.reconcile import reconcile
from tests.sync import days
from tests.sync.device import Device, device_of
from tests.sync.test_law import assert_law
from tests.sync.toy import MUTATIONS as TYPES
from tests.sync.toy import Article, Begin, Job, JobLine, Place, Toy, beginning, collections


@pytest.fixture
def technician() -> UUID:
    return uuid4()


def changes(answer: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return sorted((c["collection"], c["op"], c.get("why")) for c in answer["changes"])


def test_what_is_deleted_and_what_left_the_scope_are_told_apart(toy: Toy, technician: UUID) -> None:
    leaving, staying = days.a_job(toy, technician, lines=0), days.a_job(toy, technician, lines=1)
    device = device_of(toy, technician)
    device.sync()
    days.change(toy, Job, leaving, technician_id=uuid4())
    with toy.write() as uow:
        line = uow.session.scalars(select(JobLine).where(JobLine.job_id == staying)).one()
        uow.delete(line)
    answer = device.sync()
    assert changes(answer) == [
        ("job_lines", "remove", "deleted"),
        ("jobs", "remove", "out_of_scope"),
        ("orders", "remove", "out_of_scope"),
        ("places", "remove", "out_of_scope"),
    ]


def test_what_comes_back_into_scope_comes_back_whole(toy: Toy, technician: UUID) -> None:
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    days.change(toy, Job, job, technician_id=uuid4())
    device.sync()
    assert device.records == {}
    days.change(toy, Job, job, technician_id=technician)
    device.sync()
    assert device.records == days.fresh_scope(toy, technician)
    assert len(device.records) == 4


def test_the_window_moves_with_the_local_day_and_never_back(toy: Toy, technician: UUID) -> None:
    job = days.a_job(toy, technician, days=15)
    device = device_of(toy, technician)
    device.sync()
    assert device.names("jobs") == set()
    toy.clock.pass_days(0.5)
    device.sync()
    assert device.names("jobs") == set(), "half a day later it is still Monday there"
    toy.clock.pass_days(0.5)
    device.sync()
    assert device.names("jobs") == {str(job)}
    toy.clock.pass_days(-2)
    assert device.sync()["changes"] == []
    toy.clock.pass_days(21)
    device.sync()
    assert device.names("jobs") == set()


def test_a_clock_that_goes_back_takes_no_day_away(toy: Toy, technician: UUID) -> None:
    """Neither asks for a refresh by itself, nor narrows the window when another change does."""
    last_day, today = days.a_job(toy, technician, days=15), days.a_job(toy, technician)
    device = device_of(toy, technician)
    toy.clock.pass_days(1)
    device.sync()
    assert device.names("jobs") == {str(last_day), str(today)}
    toy.clock.pass_days(-2)
    with toy.host.begin(write=False) as uow:
        status = toy.sync.status(uow.look, device.journal, device.caller.audiences)
        assert status is not None
        audience = device.caller.audiences[0]
        assert not status.must_refresh(audience, toy.sync.collections, "Europe/Berlin", uow.now)
    days.change(toy, Job, today, remark="marks the feed")
    device.sync()
    assert device.names("jobs") == {str(last_day), str(today)}
    assert device.records["jobs", str(today)]["remark"] == "marks the feed"


def test_pages_can_be_resumed_and_are_applied_together(toy: Toy, technician: UUID) -> None:
    for _ in range(5):
        days.a_job(toy, technician)
    days.an_article(toy)
    device = device_of(toy, technician)
    first = device.take_in(device.ask(limit=4))
    assert (len(first["changes"]), first["more"], "digest" in first) == (4, True, False)
    assert device.records == {}
    lost = device.ask(limit=4)
    again = device.ask(limit=4)
    assert lost["changes"] == again["changes"]
    device.sync(limit=4)
    assert device.records == days.fresh_scope(toy, technician)


def test_a_record_that_changes_between_two_pages_arrives_once_more(toy: Toy, technician: UUID) -> None:
    jobs = [days.a_job(toy, technician, lines=0) for _ in range(4)]
    device = device_of(toy, technician)
    device.take_in(device.ask(limit=3))
    days.change(toy, Job, jobs[0], remark="late")
    days.change(toy, Job, jobs[1], technician_id=None)
    device.sync(limit=3)
    assert device.records == days.fresh_scope(toy, technician)


def test_a_damaged_cursor_starts_over_and_replaces_what_the_device_holds(toy: Toy, technician: UUID) -> None:
    days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    device.records["jobs", "of a former life"] = {}
    device.cursor = (device.cursor or "").swapcase()
    answer = device.sync()
    assert answer["directives"] == ["resync"]
    assert device.records == days.fresh_scope(toy, technician)


def test_another_devices_cursor_starts_over(toy: Toy, technician: UUID) -> None:
    days.a_job(toy, technician)
    device, other = device_of(toy, technician), device_of(toy, technician)
    device.sync()
    other.cursor = device.cursor
    assert other.ask()["directives"] == ["resync"]


def test_a_cursor_of_an_audience_that_is_no_longer_mine_starts_over(toy: Toy, technician: UUID) -> None:
    days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    device.caller = toy.caller(uuid4(), device.caller.device_id)
    device.journal = uuid4()
    assert device.sync()["directives"] == ["resync"]
    assert device.records == {}


def test_a_cursor_beyond_the_head_means_a_restored_server_and_a_new_epoch(toy: Toy, technician: UUID) -> None:
    job = days.a_job(toy, technician)
    device, other = device_of(toy, technician), device_of(toy, uuid4())
    device.sync()
    other.sync()
    epoch = device.epoch
    with toy.engine.begin() as connection:
        connection.execute(delete(FEED_ROWS))
        connection.execute(update(FEEDS).values(head=0, records=0, digest=0, shape=""))
    days.change(toy, Job, job, remark="restored")
    answer = device.sync()
    assert answer["directives"] == ["resync"]
    assert device.epoch != epoch
    assert toy.host.alarms == ["sync-restored"]
    assert other.sync()["directives"] == ["resync"]
    assert toy.host.alarms == ["sync-restored"], "one alarm is enough"
    assert_law(toy, [device, other])


def test_a_device_that_knows_more_outcomes_than_the_server_sends_them_again(
    toy: Toy, technician: UUID
) -> None:
    job = days.a_job(toy, technician, lines=0)
    device = device_of(toy, technician)
    for n in range(3):
        device.do("job_line.add", uuid4(), job_id=str(job), text=f"{n}")
    device.sync()
    epoch = device.epoch
    with toy.write() as uow:  # the backup was made after the first of them
        uow.session.connection().execute(text("DELETE FROM sync_entries WHERE number > 1"))
        uow.session.connection().execute(delete(MUTATIONS).where(MUTATIONS.c.number > 1))
        uow.session.connection().execute(update(JOURNALS).values(expected_number=2, acknowledged=1))
        for line in uow.session.scalars(select(JobLine).where(JobLine.text != "0")):
            uow.session.delete(line)
        uow.flush()
    answer = device.ask()
    assert (answer["directives"], answer["expected_number"], answer["changes"]) == (["resync"], 2, [])
    assert (answer["more"], answer["cursor"]) == (True, None)
    device.take_in(answer)
    device.sync()
    assert device.epoch != epoch
    assert toy.host.alarms == ["sync-restored"]
    assert len(device.names("job_lines")) == 3
    assert_law(toy, [device])


def a_phone_that_claims_too_much(toy: Toy, technician: UUID) -> tuple[Device, UUID]:
    """It has no cursor, and says that it knows outcomes we never gave."""
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    device.cursor, device.acknowledged = None, 7
    return device, job


def test_a_claim_without_a_cursor_starts_nobody_over(toy: Toy, technician: UUID) -> None:
    device, _ = a_phone_that_claims_too_much(toy, technician)
    bystander = device_of(toy, uuid4())
    epoch = bystander.sync()["epoch"]
    first = device.ask()
    assert (first["directives"], first["expected_number"], first["changes"]) == (["resync"], 1, [])
    assert first["epoch"] == epoch
    assert toy.host.alarms == ["sync-journal-ahead"]
    assert bystander.sync()["directives"] == []


def test_a_phone_that_insists_is_served_all_the_same(toy: Toy, technician: UUID) -> None:
    device, job = a_phone_that_claims_too_much(toy, technician)
    device.ask()
    device.do("job.start", job)
    insists = device.ask(mutations=device.mutations)
    assert [outcome["outcome"] for outcome in insists["outcomes"]] == ["applied"]
    assert insists["epoch"] == device.epoch
    assert {change["id"] for change in insists["changes"]} >= {str(job)}
    for _ in range(3):
        assert device.ask(mutations=[])["epoch"] == device.epoch
    assert toy.host.alarms == ["sync-journal-ahead"], "told once, not at every exchange"


def test_what_such_a_phone_saw_is_not_believed_to_be_of_our_time(toy: Toy, technician: UUID) -> None:
    device, job = a_phone_that_claims_too_much(toy, technician)
    days.change(toy, Job, job, actor=uuid4(), findings="what stands")
    device.acknowledged = 1
    device.do("job.edit", job, 99, findings="perhaps of a past that a backup undid")
    device.ask(mutations=device.mutations)
    again = device.ask(acknowledged=0, mutations=device.mutations)
    assert [outcome["outcome"] for outcome in again["outcomes"]] == ["overridden"]
    device.do("job.edit", job, 99, findings="written since, here")
    later = device.ask(acknowledged=1, mutations=device.mutations[1:])
    assert [outcome["outcome"] for outcome in later["outcomes"]] == ["applied"]


def test_another_database_server_begins_a_new_epoch(pg: Toy, technician: UUID) -> None:
    device = device_of(pg, technician)
    device.sync()
    device.sync()
    assert pg.host.alarms == []
    with pg.engine.begin() as connection:
        connection.execute(update(STATE).values(server_identity="7/1"))
    assert device.sync()["directives"] == ["resync"]
    assert pg.host.alarms == ["sync-restored"]
    assert device.sync()["directives"] == []


def test_a_server_that_tells_nobody_who_it_is_is_not_asked_again(pg: Toy) -> None:
    with pg.write() as uow:
        for statement in ("REVOKE EXECUTE ON FUNCTION pg_control_system FROM PUBLIC", "SET ROLE pg_monitor"):
            uow.session.execute(text(statement))
        assert identity_expression(uow.session) is NO_IDENTITY
        uow.session.execute(text("RESET ROLE"))
        assert identity_expression(uow.session) is SERVER_IDENTITY


def test_a_connection_lost_while_the_server_is_asked_who_it_is_is_trouble_that_passes(pg: Toy) -> None:
    with pg.host.begin(write=False) as uow:
        ours = uow.session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with pg.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:ours, 5000)"), {"ours": ours})
        with pytest.raises(DBAPIError) as lost:
            identity_expression(uow.session)
        uow.session.rollback()
    assert is_connection_trouble(lost.value)


def test_removals_are_forgotten_after_ninety_days_and_an_older_cursor_starts_over(
    toy: Toy, technician: UUID
) -> None:
    job, kept = days.a_job(toy, technician), days.a_job(toy, technician, days=None)
    away, home = device_of(toy, technician), device_of(toy, technician)
    away.sync()
    days.change(toy, Job, job, technician_id=None)
    home.sync()
    toy.clock.pass_days(91)
    forget_what_is_past(toy.sync)
    with toy.engine.connect() as connection:
        assert connection.execute(select(FLOORS)).all() != []
        removed = connection.execute(select(FEED_ROWS).where(FEED_ROWS.c.removed_at.is_not(None)))
        assert removed.all() == []
    assert home.sync()["directives"] == []
    assert away.sync()["directives"] == ["resync"]
    assert away.names("jobs") == home.names("jobs") == {str(kept)}
    late = device_of(toy, technician)
    assert late.take_in(late.ask(limit=2))["directives"] == []
    assert late.sync(limit=2)["directives"] == [], "a first pull in pages is not told to start over for ever"
    assert_law(toy, [away, home, late])


def test_removals_younger_than_the_horizon_are_kept(toy: Toy, technician: UUID) -> None:
    job = days.a_job(toy, technician)
    away = device_of(toy, technician)
    away.sync()
    days.change(toy, Job, job, technician_id=None)
    device_of(toy, technician).sync()
    toy.clock.pass_days(89)
    forget_what_is_past(toy.sync)
    assert away.sync()["directives"] == []
    assert away.records == {}


def test_outcomes_outlive_the_ninety_days_in_which_a_device_may_repeat_itself(
    toy: Toy, technician: UUID
) -> None:
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.do("job.start", job)
    device.ask()
    toy.clock.pass_days(90)
    forget_what_is_past(toy.sync)
    assert device.ask()["outcomes"][0]["outcome"] == "applied"
    toy.clock.pass_days(20)
    forget_what_is_past(toy.sync)
    with toy.engine.connect() as connection:
        assert connection.execute(select(MUTATIONS)).all() == []


def test_a_new_shape_version_rewrites_the_bodies_that_read_differently(toy: Toy, technician: UUID) -> None:
    days.a_job(toy, technician, lines=2)
    device = device_of(toy, technician)
    device.sync()
    newer = SyncEngine(toy.host, collections(shape_version=2), TYPES)
    upgraded = Toy(toy.engine, toy.clock, toy.host, newer)
    device.toy = upgraded
    assert device.sync()["changes"] == [], "nothing reads differently yet"
    with toy.engine.begin() as connection:
        connection.execute(update(FEEDS).values(shape="older"))
        connection.execute(update(FEED_ROWS).where(FEED_ROWS.c.collection == "places").values(hash=1))
        head = connection.execute(select(FEEDS.c.head)).scalars().all()
    assert {c["collection"] for c in device.ask()["changes"]} == {"places"}
    with toy.engine.connect() as connection:
        assert max(connection.execute(select(FEEDS.c.head)).scalars().all()) == max(head) + 1


def test_an_older_release_beside_a_newer_one_does_not_rewrite_its_feed(toy: Toy, technician: UUID) -> None:
    job = days.a_job(toy, technician, lines=2)
    device = device_of(toy, technician)
    upgraded = Toy(toy.engine, toy.clock, toy.host, SyncEngine(toy.host, collections(shape_version=2), TYPES))

    def pulled(by: Toy) -> tuple[int, list[str]]:
        device.toy = by
        changes = len(device.sync()["changes"])
        with toy.engine.connect() as connection:
            return changes, sorted(connection.execute(select(FEEDS.c.shape)).scalars())

    device.sync()
    pulled(upgraded)
    _, newer = pulled(upgraded)
    assert any("jobs:2" in shape for shape in newer)
    assert pulled(toy) == (0, newer), "the older release leaves the newer one's feed alone"
    days.change(toy, Job, job, findings="dry")
    assert pulled(toy)[0], "what happened meanwhile comes down all the same"
    assert pulled(upgraded)[1] == newer, "and the newer release puts it into its own shape"


def test_an_exchange_without_news_writes_nothing(toy: Toy, technician: UUID) -> None:
    days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.sync()
    begun: list[bool] = []

    def watched(begin: Begin) -> Begin:
        def begin_and_note(**how: bool) -> Any:
            begun.append(True)
            return begin(**how)

        return begin_and_note

    with beginning(toy, watched):
        device.sync()
    assert begun == [], "not even a transaction that reads"


def test_marks_of_an_audience_that_nobody_pulls_for_do_not_pile_up(toy: Toy, technician: UUID) -> None:
    job = days.a_job(toy, technician)
    device_of(toy, technician).sync()
    for n in range(3):
        days.change(toy, Job, job, remark=str(n))
        toy.sync.expand()
    forget_what_is_past(toy.sync)
    with toy.engine.connect() as connection:
        assert len(connection.execute(select(MARKS)).all()) == 1


def an_inventory(device: Device, cursor: str | None) -> dict[str, Any]:
    """What the server answers to the list of what the device holds."""
    held = [{"collection": c, "id": i, "hash": f"{h:016x}"} for (c, i), h in device.hashes.items()]
    request = {"protocol": 1, "cursor": cursor or "", "held": held}
    return json.loads(reconcile(device.toy.sync, device.caller, request))


def test_a_device_that_does_not_add_up_gets_just_the_differences(toy: Toy, technician: UUID) -> None:
    days.a_job(toy, technician, lines=3)
    days.an_article(toy)
    device = device_of(toy, technician)
    device.sync()
    keys = sorted(device.records)
    del device.records[keys[0]], device.hashes[keys[0]]
    device.hashes[keys[1]] = 7
    device.hashes["jobs", str(uuid4())] = 8
    answer = an_inventory(device, device.cursor)
    assert sorted(c["op"] for c in answer["changes"]) == ["put", "put", "remove"]
    device.take_in({**answer, "outcomes": [], "expected_number": 1, "epoch": device.epoch, "more": False})
    assert device.sync()["changes"] == []
    assert device.records == days.fresh_scope(toy, technician)


def test_whoever_followed_our_feeds_and_holds_something_else_raises_an_alarm_and_is_doubted(
    toy: Toy, technician: UUID
) -> None:
    days.a_job(toy, technician)
    device = device_of(toy, technician)
    device.do("job_line.add", uuid4(), job_id=str(uuid4()), text="waits for its job")
    device.sync()
    an_inventory(device, device.cursor)
    device.hashes[min(device.hashes)] = 7
    an_inventory(device, cursor=None)
    assert toy.host.alarms == [], "nothing differs, or nobody says that it should not"
    an_inventory(device, device.cursor)
    assert toy.host.alarms == ["sync-inventory-differs"]
    with toy.engine.connect() as connection:
        assert connection.execute(select(JOURNALS.c.doubted_through)).scalars().all() == [1]


def test_feed_rows_remember_the_last_revisions_published(toy: Toy, technician: UUID) -> None:
    job = days.a_job(toy, technician)
    device = device_of(toy, technician)
    for n in range(6):
        days.change(toy, Job, job, remark=str(n))
        device.sync()
    with toy.engine.connect() as connection:
        published = connection.execute(
            select(FEED_ROWS.c.published).where(FEED_ROWS.c.record_id == job)
        ).scalar_one()
    revisions = [revision for revision, _ in json.loads(published)]
    assert revisions == [4, 5, 6, 7]


def test_everybody_gets_reference_data_and_nobody_elses_jobs(toy: Toy) -> None:
    first, second = uuid4(), uuid4()
    mine, _ = days.a_job(toy, first), days.a_job(toy, second)
    article = days.an_article(toy)
    device = device_of(toy, first)
    device.sync()
    assert device.names("jobs") == {str(mine)}
    assert device.names("articles") == {str(article)}
    days.change(toy, Article, article, archived=1)
    assert changes(device.sync()) == [("articles", "remove", "out_of_scope")]


def test_a_place_shared_by_two_technicians_reaches_both(toy: Toy) -> None:
    first, second = uuid4(), uuid4()
    place = days.a_place(toy)
    order = days.an_order(toy, place)
    for technician in (first, second):
        days.a_job(toy, technician, order=order)
    devices = [device_of(toy, first), device_of(toy, second)]
    for device in devices:
        device.sync()
    days.change(toy, Place, place, name="renamed")
    for device in devices:
        assert [c["body"]["name"] for c in device.sync()["changes"]] == ["renamed"]


@given(
    st.dictionaries(st.text(max_size=20), st.tuples(st.integers(0, 2**60), st.integers(0, 2**60)), max_size=4)
)
def test_a_cursor_says_what_was_written_into_it(places: dict[str, tuple[int, int]]) -> None:
    signer = CursorSigner(b"k" * 32)
    cursor = Cursor(uuid4(), uuid4(), {feed: PlaceInFeed(*place) for feed, place in places.items()})
    token = signer.write(cursor)
    assert signer.read(token) == cursor
    assert CursorSigner(b"l" * 32).read(token) is None


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda b: b.hex())))
def test_no_text_is_mistaken_for_a_cursor(token: str) -> None:
    assert CursorSigner(b"k" * 32).read(token) is None


@given(st.lists(st.integers(0, 2**64 - 1)), st.randoms())
def test_a_digest_does_not_depend_on_the_order(hashes: list[int], random: Any) -> None:
    shuffled = list(hashes)
    random.shuffle(shuffled)
    total = 0
    for value in shuffled:
        total = signed(total + signed(value))
    assert total == signed(sum(hashes))
    assert -(2**63) <= total < 2**63


def test_the_hash_tells_records_with_equal_bodies_apart() -> None:
    first, second = uuid4(), uuid4()
    assert len({hash_of("a", first, "{}"), hash_of("a", second, "{}"), hash_of("b", first, "{}")}) == 3


def test_collections_are_sent_in_the_order_scope_travels() -> None:
    order = CollectionSet(collections()).order
    assert order.index("jobs") < order.index("orders") < order.index("places")


def test_a_device_that_was_always_there_and_one_that_came_late_hold_the_same(
    toy: Toy, technician: UUID
) -> None:
    early = device_of(toy, technician)
    for n in range(4):
        days.a_job(toy, technician, days=n)
        early.sync()
        toy.clock.now += timedelta(hours=20)
    late = device_of(toy, technician)
    late.sync()
    early.sync()
    assert isinstance(late, Device)
    assert early.records == late.records
