"""The phone's small parts: ids, faults, waiting, what is laid over what."""

import uuid
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import islice

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobile_client_stub.faults import Fault, random_faults
from mobile_client_stub.journal import Mutation
from mobile_client_stub.media_queue import content_type_of
from mobile_client_stub.overlay import EFFECTS, overlaid
from mobile_client_stub.strokes import strokes_of
from mobile_client_stub.transport import encoded, read_reply
from mobile_client_stub.words import PhoneError, new_id, one_that_matches


def test_ids_are_uuids_of_version_seven_in_the_order_they_were_minted() -> None:
    ids = [new_id() for _ in range(5000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {(uuid.UUID(text).version, uuid.UUID(text).variant) for text in ids} == {(7, uuid.RFC_4122)}
    minted = datetime.fromtimestamp((uuid.UUID(ids[0]).int >> 80) / 1000, UTC)
    assert abs(datetime.now(UTC) - minted) < timedelta(seconds=10)


def test_an_id_may_be_typed_by_its_beginning_or_its_end() -> None:
    ids = ["01890000-aaaa-7000-8000-00000000beef", "01890000-bbbb-7000-8000-00000000cafe"]
    assert one_that_matches("beef", ids, "visit") == ids[0]
    assert one_that_matches("01890000-B", ids, "visit") == ids[1]
    with pytest.raises(PhoneError, match="2 visits match"):
        one_that_matches("0189", ids, "visit")
    with pytest.raises(PhoneError, match="no visit"):
        one_that_matches("eef", ids, "visit")


def test_the_same_seed_tells_the_same_story() -> None:
    assert list(islice(random_faults(7, 0.5), 200)) == list(islice(random_faults(7, 0.5), 200))
    assert set(islice(random_faults(7, 0.5), 500)) == set(Fault)
    assert set(islice(random_faults(7, 0.0), 100)) == {Fault.NONE}


def test_large_bodies_travel_zipped_and_small_ones_plain() -> None:
    assert encoded({"a": 1})[1] == {"Content-Type": "application/json"}
    content, headers = encoded({"a": "x" * 5000})
    assert headers["Content-Encoding"] == "gzip"
    assert content is not None
    assert len(content) < 200


@pytest.mark.parametrize(("header", "expected"), [("7", 7.0), ("soon", None), ("-3", None), (None, None)])
def test_a_wait_is_read_or_passed_over(header: str | None, expected: float | None) -> None:
    headers = {} if header is None else {"Retry-After": header}
    assert read_reply(httpx.Response(503, headers=headers)).retry_after == expected


def test_a_wait_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    wait = read_reply(httpx.Response(503, headers={"Retry-After": later})).retry_after
    assert wait is not None
    assert 25 < wait <= 30


@given(st.binary(max_size=300), st.sampled_from([200, 404, 500]))
def test_no_reply_makes_the_phone_stumble(content: bytes, status: int) -> None:
    reply = read_reply(httpx.Response(status, content=content))
    assert isinstance(reply.body, dict)
    assert reply.status in {status, 600}


def mutation(kind: str, record: str, outcome: str | None = None, **fields: object) -> Mutation:
    moment = "2025-03-01T08:30:00.000000Z"
    return Mutation(new_id(), 1, 1, kind, record, None, None, dict(fields), moment, outcome)


def test_several_edits_of_one_record_lie_in_their_order() -> None:
    records = {"r": {"id": "r", "packed": False, "verified": False}}
    seen = overlaid(
        records,
        [
            mutation("checklist_item.tick", "r", packed=True),
            mutation("checklist_item.tick", "r", verified=True),
            mutation("checklist_item.tick", "r", packed=False),
        ],
    )
    assert seen == {"r": {"id": "r", "packed": False, "verified": True}}
    assert records["r"]["packed"] is False


def test_what_the_server_overruled_is_not_shown_as_done() -> None:
    records = {"v": {"id": "v", "status": "dispatched"}}
    for outcome in ("refused", "overridden"):
        assert overlaid(records, [mutation("visit.accept", "v", outcome)]) == records
    for outcome in ("applied", "merged", "held", None):
        assert overlaid(records, [mutation("visit.accept", "v", outcome)])["v"]["status"] == "accepted"


def test_an_edit_of_a_record_that_left_the_phone_shows_nothing() -> None:
    assert overlaid({}, [mutation("visit.accept", "v")]) == {}


@given(st.sampled_from(sorted(EFFECTS)), st.booleans())
def test_laying_over_never_touches_the_servers_record(kind: str, known: bool) -> None:
    records = {"r": {"id": "r", "revision": 3, "status": "draft"}} if known else {}
    before = {record: dict(body) for record, body in records.items()}
    overlaid(records, [mutation(kind, "r", text="new")])
    assert records == before


def test_a_drawn_signature_is_the_same_for_the_same_name() -> None:
    assert strokes_of("Grete Weber") == strokes_of("Grete Weber") != strokes_of("Karl Weber")
    assert content_type_of(strokes_of("Ö")) == "application/json"
