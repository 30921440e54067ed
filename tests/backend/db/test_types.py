"""What goes into a column comes out again, and compares in SQL as it does in Python, on both engines."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, literal, select, text
from sqlalchemy.exc import StatementError

from backend.db.types import Coordinates, Instant, Point, Polygon, area_of
from backend.db.unit_of_work import UnitOfWorkFactory
from tests.backend.db.probes import Mood, Parcel
from tests.backend.db.shapes import areas

SAME_ENGINE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(
    datetime(2, 1, 1),  # noqa: DTZ001 - limits of the clock's face, in any zone
    datetime(9998, 12, 31),  # noqa: DTZ001
    timezones=zones,
)
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)
places = st.builds(Coordinates, st.floats(-90, 90), st.floats(-180, 180))


def stored_and_read(factory: UnitOfWorkFactory, **columns: object) -> Parcel:
    with factory.begin() as uow:
        made = uow.add(Parcel(id=uuid4(), name=str(uuid4()), **columns))
    with factory.begin(write=False) as uow:
        return uow.session.get_one(Parcel, made.id)


@SAME_ENGINE
@given(moment=instants)
def test_an_instant_comes_back_as_the_same_moment_in_utc(
    factory: UnitOfWorkFactory, moment: datetime
) -> None:
    read = stored_and_read(factory, packed_at=moment).packed_at
    assert read == moment
    assert read.tzinfo is UTC


@SAME_ENGINE
@given(one=instants, other=instants, near=st.booleans(), step=st.timedeltas(-timedelta(1), timedelta(1)))
def test_instants_compare_in_sql_as_they_do_in_python(
    engine: Engine, one: datetime, other: datetime, near: bool, step: timedelta
) -> None:
    other = one + step if near else other
    left, right = literal(one, Instant()), literal(other, Instant())
    with engine.connect() as connection:
        less, equal = connection.execute(select(left < right, left == right)).one()
    assert (bool(less), bool(equal)) == (one < other, one == other)


def test_an_instant_without_a_zone_is_refused(factory: UnitOfWorkFactory) -> None:
    with pytest.raises(StatementError, match="no time zone"):
        stored_and_read(factory, packed_at=datetime(2026, 3, 2, 8, 0))  # noqa: DTZ001 - that is the point


def test_an_instant_can_be_written_into_the_statement_itself(engine: Engine) -> None:
    moment = literal(datetime(2026, 3, 2, 8, 0, tzinfo=UTC), Instant())
    statement = str(select(moment).compile(engine, compile_kwargs={"literal_binds": True}))
    assert "'2026-03-02T08:00:00.000000Z'" in statement


@SAME_ENGINE
@given(place=places)
def test_a_place_comes_back_to_the_last_digit(factory: UnitOfWorkFactory, place: Coordinates) -> None:
    assert stored_and_read(factory, place=place).place == place


@SAME_ENGINE
@given(corners=areas())
def test_an_area_comes_back_corner_by_corner(
    factory: UnitOfWorkFactory, corners: tuple[Coordinates, ...]
) -> None:
    assert stored_and_read(factory, area=corners).area == corners


@pytest.mark.parametrize(
    "corners",
    [
        [(0, 0), (0, 120), (0, -120)],
        [(89, 0), (-89, 0), (0, 90)],
        [(0, 0), (0, 90), (0, 180), (1, 90)],
    ],
)
def test_an_area_around_half_the_globe_is_refused(corners: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="half the globe"):
        area_of([Coordinates(*corner) for corner in corners])


def test_an_area_may_repeat_its_first_corner_but_needs_three(factory: UnitOfWorkFactory) -> None:
    corners = (Coordinates(1, 1), Coordinates(2, 1), Coordinates(2, 2))
    assert stored_and_read(factory, area=(*corners, corners[0])).area == corners
    with pytest.raises(StatementError, match="three different corners"):
        stored_and_read(factory, area=(corners[0], corners[1], corners[0]))


def test_nothing_stays_nothing(factory: UnitOfWorkFactory) -> None:
    parcel = stored_and_read(factory, packed_at=None, place=None, area=None, papers=None)
    assert (parcel.packed_at, parcel.place, parcel.area, parcel.papers) == (None, None, None, None)
    with factory.begin(write=False) as uow:
        nulls = select(Parcel.id).where(Parcel.id == parcel.id, Parcel.papers.is_(None))
        assert uow.session.scalar(nulls) == parcel.id


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(90.1, 0), (-91, 0), (0, 180.5), (0, -181), (float("nan"), 0), (0, float("inf"))],
)
def test_there_is_no_such_place(latitude: float, longitude: float) -> None:
    with pytest.raises(ValueError, match="is not between"):
        Coordinates(latitude, longitude)


@SAME_ENGINE
@given(
    papers=st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**53), 2**53)
            | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_a_document_comes_back_as_it_was(factory: UnitOfWorkFactory, papers: dict[str, object]) -> None:
    assert stored_and_read(factory, papers=papers).papers == papers


def test_an_enumeration_is_stored_as_the_word_that_travels(factory: UnitOfWorkFactory) -> None:
    parcel = stored_and_read(factory, mood=Mood.GOOD)
    assert parcel.mood is Mood.GOOD
    with factory.begin(write=False) as uow:
        stored = uow.session.scalar(
            text("SELECT mood FROM parcels WHERE name = :name"), {"name": parcel.name}
        )
    assert stored == "quite-good"


def test_shapes_have_an_index_on_postgresql(postgresql_probes: Engine) -> None:
    with postgresql_probes.connect() as connection:
        names = connection.scalars(
            text("SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%USING gist%'")
        )
        assert set(names) == {"ix_parcels_place", "ix_parcels_area"}


def test_ids_are_minted_in_the_order_of_time(factory: UnitOfWorkFactory) -> None:
    with factory.begin(write=False) as uow:
        minted = [uow.mint_id() for _ in range(100)]
    assert minted == sorted(minted)
    assert {(type(each), each.version) for each in minted} == {(UUID, 7)}


def test_types_say_which_shape_they_hold() -> None:
    assert (Point.impl.geometry_type, Polygon.impl.geometry_type) == ("POINT", "POLYGON")
