"""Paging shows each row once, whatever is inserted meanwhile, and takes no cursor but its own."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute

from backend.db.paging import InvalidPageCursor, PageRequest, fetch_page
from backend.db.unit_of_work import UnitOfWorkFactory
from tests.backend.db.probes import Parcel

KEYS = (Parcel.id, Parcel.created_at, Parcel.weight, Parcel.name)
START = datetime(2026, 3, 2, tzinfo=UTC)


def some_parcels(factory: UnitOfWorkFactory, box: str, numbers: list[int]) -> list[UUID]:
    """Parcels whose times and weights repeat, so that only the id tells them apart."""
    with factory.begin() as uow:
        rows = [
            Parcel(
                id=uuid4(),
                name=f"{box} {number % 3} {uuid4()}",
                weight=1 + number % 3,
                created_at=START + timedelta(microseconds=number % 3),
                papers={"box": box},
            )
            for number in numbers
        ]
        return [row.id for row in uow.add_all(rows)]


def in_box(box: str) -> Select[Parcel]:
    return select(Parcel).where(Parcel.name.startswith(box))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(st.integers(0, 9), max_size=20),
    late=st.lists(st.integers(0, 9), max_size=4),
    limit=st.integers(1, 7),
    key=st.sampled_from(KEYS),
    descending=st.booleans(),
)
def test_every_row_comes_once_and_in_order_while_others_are_inserted(
    factory: UnitOfWorkFactory,
    numbers: list[int],
    late: list[int],
    limit: int,
    key: InstrumentedAttribute[object],
    descending: bool,
) -> None:
    box = str(uuid4())
    ids = set(some_parcels(factory, box, numbers))
    seen: list[Parcel] = []
    request, more = PageRequest(None, limit), True
    while more:
        with factory.begin(write=False) as uow:
            page = fetch_page(uow.session, in_box(box), request, key=key, descending=descending)
        assert len(page.items) == limit or page.next is None
        seen += page.items
        some_parcels(factory, box, late)
        late = []
        request, more = PageRequest(page.next, limit), page.next is not None
    order = [(getattr(row, key.key), row.id) for row in seen]
    assert order == sorted(order, reverse=descending)
    assert len({row.id for row in seen}) == len(seen)
    assert ids <= {row.id for row in seen}


def cursor_of(*content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


GOOD_ID = "0190a000-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "Ω",
        "\ud800",
        "a" * 5000,
        cursor_of(),
        cursor_of("Parcel.id+"),
        cursor_of("Parcel.created_at+", "2026-03-02T00:00:00Z"),
        cursor_of("Parcel.created_at-", "2026-03-02T00:00:00.000000Z", GOOD_ID),
        cursor_of("Label.created_at+", "2026-03-02T00:00:00.000000Z", GOOD_ID),
        cursor_of("Parcel.created_at+", "2026-03-02T00:00:00", GOOD_ID),
        cursor_of("Parcel.created_at+", "yesterday", GOOD_ID),
        cursor_of("Parcel.created_at+", None, GOOD_ID),
        cursor_of("Parcel.created_at+", "2026-03-02T00:00:00.000000Z", "7"),
        cursor_of("Parcel.created_at+", "2026-03-02T00:00:00.000000Z", GOOD_ID, 1),
        base64.urlsafe_b64encode(b"[" * 1500).decode(),
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"7").decode(),
    ],
)
def test_a_cursor_from_elsewhere_is_refused(factory: UnitOfWorkFactory, cursor: str) -> None:
    with factory.begin(write=False) as uow, pytest.raises(InvalidPageCursor):
        fetch_page(uow.session, select(Parcel), PageRequest(cursor), key=Parcel.created_at)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 1.5, True, "1", None])
def test_a_number_that_no_column_holds_is_refused(factory: UnitOfWorkFactory, number: object) -> None:
    request = PageRequest(cursor_of("Parcel.weight+", number, GOOD_ID))
    with factory.begin(write=False) as uow, pytest.raises(InvalidPageCursor):
        fetch_page(uow.session, select(Parcel), request, key=Parcel.weight)


@pytest.mark.parametrize("words", ["a\0b", "\ud800"])
def test_text_that_no_database_takes_is_refused(factory: UnitOfWorkFactory, words: str) -> None:
    request = PageRequest(cursor_of("Parcel.name+", words, GOOD_ID))
    with factory.begin(write=False) as uow, pytest.raises(InvalidPageCursor):
        fetch_page(uow.session, select(Parcel), request, key=Parcel.name)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cursor=st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_noise_is_never_a_cursor(factory: UnitOfWorkFactory, cursor: str) -> None:
    with factory.begin(write=False) as uow, pytest.raises(InvalidPageCursor):
        fetch_page(uow.session, select(Parcel), PageRequest(cursor), key=Parcel.id)


def test_a_column_that_may_be_empty_is_no_order(factory: UnitOfWorkFactory) -> None:
    with factory.begin(write=False) as uow, pytest.raises(ValueError, match="may be NULL"):
        fetch_page(uow.session, select(Parcel), PageRequest(), key=Parcel.packed_at)
