"""Fields take what they are for, refuse everything else with a message, and write what they read."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from schemas import base
from schemas.base import (
    Count,
    Currency,
    Email,
    Enumeration,
    Flag,
    Id,
    Instant,
    Latitude,
    Line,
    LocalDate,
    Longitude,
    MinorUnits,
    Number,
    PageQuery,
    QueryShape,
    RecordShape,
    Secret,
    Shape,
    Text,
    TimeZone,
    write_instant,
)

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


class Colour(StrEnum):
    """An enum of a test."""

    RED = "red"


FIELDS = {
    "id": Id(),
    "instant": Instant(),
    "day": LocalDate(),
    "text": Text(max=20),
    "line": Line(max=20),
    "secret": Secret(max=20),
    "email": Email(),
    "number": Number(min=-1, max=1),
    "latitude": Latitude(),
    "count": Count(max=10),
    "money": MinorUnits(),
    "flag": Flag(),
    "currency": Currency(),
    "zone": TimeZone(),
    "colour": Enumeration(Colour),
}

WRONG: dict[str, list[object]] = {
    "id": [
        "",
        "1",
        7,
        None,
        "0" * 32,
        "{01890a5d-ac96-774b-bcce-b302099a8057}",
        "x" * 10_000,
        "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
        str(UUID(int=0)),
        str(UUID(int=2**128 - 1)),
        ["a"],
        "../../01890a5d-ac96-774b-bcce-b302099",
        "01890a5d-ac96-774b-bcce-b302099a805\uff17",
    ],
    "instant": [
        "2025-03-01T08:30:00",
        "2025-03-01",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        1_700_000_000,
        "1999-12-31T23:59:59Z",
        "2101-01-01T00:00:00Z",
        "2025-02-30T00:00:00Z",
        "2016-12-31T23:59:60Z",
        "",
        "2025-03-01T24:00:00Z",
        "2025-03-01T08:30Z",
        "20250301T083000Z",
        "2025-03-01T08:30:00+24:00",
        None,
        "2025-03-01T08:30:00+99:99",
        "2025-03-01T08:30:00[Europe/Berlin]",
        "2025-W09-6T08:30:00Z",
        " 2025-03-01",
        "+2025-03-01T08:30:00Z",
        "2025-03-01T08:30:00.Z",
        "٢٠٢٥-03-01T08:30:00Z",
        "2000-01-01T00:00:00+14:00",
    ],
    "day": ["2025-02-29", "2025-3-1", "1899-12-31", "9999-01-01", "2025-03-01T00:00:00Z", 20250301, "", None],
    "text": [
        "",
        " \n ",
        "\u200b\u200d",
        "a\0b",
        "\ud800",
        "a\x1b[31m",
        "\x7f",
        "\x85x",
        "\uffff",
        "x" * 21,
        7,
        None,
        ["a"],
        "😀" * 250_000,
        "e\u0301" * 21,
    ],
    "line": ["a\nb", "a\tb", "a\rb"],
    "secret": ["", "x" * 21, 7, "\ud800"],
    "email": [
        "ada",
        "ada@",
        "@x.org",
        "ada@x",
        "a b@x.org",
        "a@x.org\nBcc: e@x.org",
        "a,b@x.org",
        "a@x..org",
        "<a@x.org>",
        "x" * 65 + "@x.org",
        "a@" + "x" * 260 + ".org",
    ],
    "number": [math.nan, math.inf, -math.inf, 1.0001, "1", True, None, 10**400],
    "latitude": [90.0001, -91, "48.1", math.nan, False],
    "count": [-1, 11, 1.0, 1.5, "1", True, None, 10**30],
    "money": [-1, 0.1, 10**12 + 1, "100", True, 1e30],
    "flag": [0, 1, "true", "yes", None, []],
    "currency": ["eur", "EURO", "", "XXX", "€", 978, None],
    "zone": [
        "Berlin",
        "europe/berlin",
        "../../etc/passwd",
        "UTC+1",
        "",
        "localtime",
        "CET-1CEST",
        0,
        "Mars/Base\0",
    ],
    "colour": ["RED", "blue", "", 0, None, ["red"], {}],
}


def is_taken(field: Any, value: object) -> bool:
    try:
        field.deserialize(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", FIELDS)
def test_wrong_values_are_refused(name: str) -> None:
    for value in WRONG[name]:
        assert not is_taken(FIELDS[name], value), f"{name} took {value!r:.80}"


@pytest.mark.parametrize("name", FIELDS)
@given(value=ANYTHING)
def test_any_value_is_read_or_refused_and_nothing_else_happens(name: str, value: object) -> None:
    assert is_taken(FIELDS[name], value) in (True, False)


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        (Id(), "01890A5D-AC96-774B-BCCE-B302099A8057", UUID("01890a5d-ac96-774b-bcce-b302099a8057")),
        (Instant(), "2025-03-01T08:30:00Z", datetime(2025, 3, 1, 8, 30, tzinfo=UTC)),
        (Instant(), "2025-03-01t08:30:00.5z", datetime(2025, 3, 1, 8, 30, 0, 500_000, tzinfo=UTC)),
        (
            Instant(),
            "2025-03-01T08:30:00.123456789-05:30",
            datetime(2025, 3, 1, 14, 0, 0, 123456, tzinfo=UTC),
        ),
        (LocalDate(), "1980-01-02", date(1980, 1, 2)),
        (Text(max=10), "  cafe\u0301\r\nau lait ", None),
        (Text(max=20), "  cafe\u0301\r\nau lait ", "caf\u00e9\nau lait"),
        (Text(max=20), "שלום\u200f عالم", "שלום\u200f عالم"),
        (Text(max=5, allow_empty=True), "  ", ""),
        (Line(max=10), "👩\u200d🔧", "👩\u200d🔧"),
        (Secret(max=10), " as typed ", " as typed "),
        (Email(), " Ada.L@Example.ORG ", "Ada.L@example.org"),
        (Latitude(), -0.0, 0.0),
        (Longitude(), 180, 180.0),
        (Count(), 0, 0),
        (MinorUnits(), 10**12, 10**12),
        (MinorUnits(min=-5), -5, -5),
        (Currency(), "JPY", "JPY"),
        (TimeZone(), "America/New_York", "America/New_York"),
        (Enumeration(Colour), "red", Colour.RED),
    ],
)
def test_right_values_are_read(field: Any, value: object, read: object) -> None:
    if read is None:
        with pytest.raises(ValidationError):
            field.deserialize(value)
        return
    assert field.deserialize(value) == read
    assert math.copysign(1, read) > 0 if read == 0.0 else True


moments = st.datetimes(
    datetime(2000, 1, 2),  # noqa: DTZ001  # hypothesis adds the zone
    datetime(2100, 12, 30),  # noqa: DTZ001
    timezones=st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(moments)
def test_a_moment_survives_the_journey_whatever_its_zone(moment: datetime) -> None:
    assert Instant().deserialize(write_instant(moment)) == moment


@given(moments, moments)
def test_moments_sort_as_their_texts_do(one: datetime, other: datetime) -> None:
    assert (one < other) == (write_instant(one) < write_instant(other))


def test_a_moment_without_a_zone_cannot_travel() -> None:
    with pytest.raises(ValueError, match="zone"):
        write_instant(datetime(2025, 3, 1))  # noqa: DTZ001  # that is the point


@given(st.text(max_size=30))
def test_a_text_that_was_read_reads_the_same_again(text: str) -> None:
    field = Text(max=30)
    try:
        once = field.deserialize(text)
    except ValidationError:
        return
    assert field.deserialize(once) == once
    once.encode()
    assert "\0" not in once


class Thing(RecordShape):
    """A record of a test."""

    name = Line(max=10, required=True)
    colour = Enumeration(Colour, allow_none=True)


def test_a_shape_refuses_what_it_did_not_declare() -> None:
    for extra in ("role", "revision", "id", "tenant_id", "__class__", "name\0", "", "NAME"):
        with pytest.raises(ValidationError) as refused:
            Thing().load({"name": "x", extra: 1})
        assert extra in refused.value.normalized_messages()


def test_absent_is_not_null() -> None:
    assert Thing().load({"name": "x"}) == {"name": "x"}
    assert Thing().load({"name": "x", "colour": None}) == {"name": "x", "colour": None}
    with pytest.raises(ValidationError):
        Thing().load({"name": None})


def test_an_enum_is_written_from_its_member_or_its_value() -> None:
    record = {"id": UUID(int=5), "revision": 3, "name": "x"}
    for colour in (Colour.RED, "red"):
        assert Thing().dump({**record, "colour": colour})["colour"] == "red"
    assert list(Thing().dump({**record, "colour": None})) == ["id", "revision", "name", "colour"]


class Search(PageQuery):
    """A query of a test."""

    flag = Flag()
    latitude = Latitude()
    name = Line(max=10)


def test_texts_of_a_query_become_what_the_field_is() -> None:
    given = {"flag": "true", "latitude": "-48.5", "name": "7", "limit": "10"}
    assert Search().load(given) == {"flag": True, "latitude": -48.5, "name": "7", "limit": 10}
    assert Search().load({}) == {"limit": base.DEFAULT_PAGE}
    for name, value in {"flag": "1", "latitude": "1e2", "limit": "\u0661", "name": "", "x": "1"}.items():
        with pytest.raises(ValidationError):
            Search().load({name: value})


def test_every_shape_is_strict() -> None:
    assert Shape.Meta.unknown == QueryShape.Meta.unknown == "raise"
