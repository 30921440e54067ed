"""Reading files of service requests: nothing sound is lost, nothing damaged gets in, whatever the file."""

import csv
import io
import tracemalloc
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.requests.csv_records import LONGEST_LINE, NotARequestFile
from backend.requests.import_csv import DamagedRow, ImportedRow, read_rows, to_utc
from tests.backend.requests.files import HEADER, a_line, a_row, csv_bytes

LINE = a_line().encode() + b"\n"
HEAD = ",".join(HEADER).encode() + b"\n"


def _local(text: str) -> datetime:
    """A time on some wall: no zone."""
    return datetime.fromisoformat(text)


def _read(data: bytes) -> tuple[list[ImportedRow], list[DamagedRow]]:
    rows = list(read_rows(io.BytesIO(data)))
    sound = [row for row in rows if isinstance(row, ImportedRow)]
    return sound, [row for row in rows if isinstance(row, DamagedRow)]


def _one(**cells: str) -> ImportedRow:
    (row,), damaged = _read(csv_bytes([a_row(**cells)]))
    assert not damaged
    return row


def _damage(**cells: str) -> DamagedRow:
    sound, (row,) = _read(csv_bytes([a_row(**cells)]))
    assert not sound
    return row


def test_the_real_file_is_all_sound_and_21_rows_have_no_place(shared_data: Path) -> None:
    sound, damaged = _read((shared_data / "nyc311-service-requests.csv").read_bytes())
    assert (len(sound), len(damaged)) == (591, 0)
    assert sum(row.place is None for row in sound) == 21
    assert len({row.key for row in sound}) == 591


def test_a_row_says_what_its_cells_say() -> None:
    row = _one()
    assert (row.line, row.key, row.created) == (2, "19937901", _local("2011-03-01T10:41:13"))
    assert row.place is not None
    assert (row.place.latitude, row.place.longitude) == (40.660811, -73.998594)
    assert (row.address, row.city, row.postal_code) == ("186 25 STREET", "BROOKLYN", "11232")
    assert row.customer_name == "Department of Transportation"
    assert row.said == "Street Sign - Dangling: Street Cleaning (Street)"
    assert row.zone("UTC") == "America/New_York"


@given(st.permutations(HEADER))
def test_columns_may_come_in_any_order_among_unknown_ones(order: list[str]) -> None:
    columns = [*order[:3], "Unknown", *order[3:]]
    values = {**a_row(), "Unknown": "?"}
    sound, damaged = _read(csv_bytes([values], columns))
    assert not damaged
    assert sound == [_one()]


def test_a_byte_order_mark_crlf_and_a_missing_last_line_end_change_nothing() -> None:
    data = b"\xef\xbb\xbf" + (HEAD + LINE).replace(b"\n", b"\r\n").rstrip()
    assert _read(data)[0] == [_one()]


def test_blank_lines_are_no_rows_but_lines() -> None:
    (row,), damaged = _read(HEAD + b"\n  \r\n" + LINE)
    assert (row.line, damaged) == (4, [])


@pytest.mark.parametrize("empty", ["Latitude", "Longitude"])
def test_an_empty_coordinate_is_no_place_and_no_damage(empty: str) -> None:
    assert _one(**{empty: " "}).place is None


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("Latitude", "forty"),
        ("Latitude", "90.01"),
        ("Latitude", "nan"),
        ("Latitude", "inf"),
        ("Latitude", "1e400"),
        ("Latitude", "40,66"),
        ("Latitude", "4_0"),
        ("Latitude", "٤٠"),
        ("Latitude", "40.66\x00"),
        ("Longitude", "-180.5"),
        ("Longitude", "-"),
        ("Longitude", "9" * 400),
        ("Created Date", ""),
        ("Created Date", "yesterday"),
        ("Created Date", "02/30/2011 10:00:00 AM"),
        ("Created Date", "13/01/2011 10:00:00 AM"),
        ("Created Date", "03/01/2011 13:00:00 PM"),
        ("Created Date", "03/01/2011 00:00:00 AM"),
        ("Created Date", "03/01/9999 10:00:00 AM"),
        ("Created Date", "2011-02-29T10:00:00"),
        ("Created Date", "2011-03-01T10:00:00+99:00"),
        ("Due Date", "soon"),
        ("Closed Date", "03/01/2011"),
        ("Unique Key", ""),
        ("Unique Key", "   "),
        ("Unique Key", "k" * 101),
        ("Unique Key", "a\x00b"),
        ("Descriptor", "bell\x07"),
        ("Incident Address", "x" * 200),
    ],
)
def test_an_unreadable_cell_damages_its_row_and_names_the_column(column: str, cell: str) -> None:
    damage = _damage(**{column: cell})
    assert damage.line == 2
    assert damage.reason.startswith(column)
    assert damage.reason.isprintable()


@pytest.mark.parametrize("latitude", ["90", "-90.0", "+40.66", " 40.66 ", "0"])
def test_a_number_on_earth_is_a_latitude(latitude: str) -> None:
    place = _one(Latitude=latitude).place
    assert place is not None
    assert place.latitude == float(latitude)


@pytest.mark.parametrize(
    ("cell", "created"),
    [
        ("12/31/2011 12:00:00 AM", _local("2011-12-31T00:00:00")),
        ("12/31/2011 12:00:00 pm", _local("2011-12-31T12:00:00")),
        ("3/1/2011 1:02:03 PM", _local("2011-03-01T13:02:03")),
        ("2011-03-01T13:02:03.000", _local("2011-03-01T13:02:03")),
        ("2011-03-01 13:02:03", _local("2011-03-01T13:02:03")),
    ],
)
def test_times_are_read_in_both_forms_of_open_data(cell: str, created: datetime) -> None:
    assert _one(**{"Created Date": cell}).created == created


@pytest.mark.parametrize("cells", [HEADER[:5], [*HEADER, "one too many"], ["only one"]])
def test_a_ragged_row_is_damaged_and_the_rest_goes_in(cells: Sequence[str]) -> None:
    sound, (damage,) = _read(HEAD + ",".join(cells).encode() + b"\n" + LINE)
    assert [row.line for row in sound] == [3]
    assert damage == DamagedRow(2, f"{len(cells)} cells where the header has {len(HEADER)}")


def test_a_quoted_line_break_belongs_to_its_cell() -> None:
    (row, other), damaged = _read(csv_bytes([a_row(Descriptor='two\nlines, "quoted"'), a_row()]))
    assert not damaged
    assert row.descriptor == 'two lines, "quoted"'
    assert other.line == 4


def test_a_stray_quote_damages_its_own_line_only() -> None:
    broken = LINE.replace(b"Street Sign - Dangling", b'"Street Sign - Dangling')
    quoted = csv_bytes([a_row(Descriptor="with, comma")]).split(b"\n", 1)[1]
    sound, (damage,) = _read(HEAD + LINE + broken + quoted + LINE * 30)
    assert damage == DamagedRow(3, "its quotes or line ends are broken")
    assert len(sound) == 32


def test_a_stray_quote_does_not_take_the_next_line_with_it_when_that_has_one_too() -> None:
    broken = LINE.replace(b"Street Sign - Dangling", b'"Street Sign - Dangling')
    inches = LINE.replace(b"Street Cleaning", b'Pipe of 5"')
    (row,), (damage,) = _read(HEAD + broken + inches)
    assert (row.line, row.descriptor, damage.line) == (3, 'Pipe of 5"', 2)


def test_a_quote_that_never_closes_does_not_swallow_the_file() -> None:
    broken = LINE.replace(b"Street Sign - Dangling", b'"Street Sign - Dangling')
    sound, damaged = _read(HEAD + broken + LINE * 100)
    assert (len(sound), len(damaged)) == (100, 1)
    sound, damaged = _read(HEAD + LINE + broken)
    assert (len(sound), len(damaged)) == (1, 1)


def test_a_huge_line_is_damaged_and_the_rest_goes_in() -> None:
    huge = LINE.replace(b"BROOKLYN", b"B" * (3 * LONGEST_LINE))
    sound, damaged = _read(HEAD + huge + LINE)
    assert [row.line for row in sound] == [3]
    assert [row.line for row in damaged] == [2]


def test_a_line_that_is_not_utf8_is_damaged_and_the_rest_goes_in() -> None:
    sound, damaged = _read(HEAD + LINE.replace(b"BROOKLYN", b"BR\xd6OKLYN") + LINE)
    assert [row.line for row in sound] == [3]
    assert damaged == [DamagedRow(2, "the line is not UTF-8")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"\xef\xbb\xbf",
        "Unique Key,Created Date\n".encode("utf-16"),
        "Unique Key,Created Date\n".encode("utf-16-le"),
        b"PK\x03\x04\x14\x00\x00\x00\x08\x00\xd7\xff",
        b'{"Unique Key": 1}',
        b"<html><body>Not found</body></html>",
        HEAD.replace(b",", b";") + LINE.replace(b",", b";"),
        HEAD.replace(b"Latitude", b"Lat"),
        HEAD.replace(b"Unique Key", b"Key"),
        HEAD.replace(b"Longitude", b"Longitude,Latitude"),
        b'"Unique Key\n' + LINE,
        b"x" * (2 * LONGEST_LINE),
        bytes(range(256)) * 40,
    ],
)
def test_what_is_no_such_file_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(NotARequestFile) as refused:
        _read(data)
    assert "\n" not in refused.value.detail


def test_a_header_alone_is_an_empty_file_of_requests() -> None:
    assert _read(HEAD) == ([], [])


@given(st.binary(max_size=400))
def test_any_bytes_after_the_header_are_rows_or_damage_and_the_line_after_them_goes_in(noise: bytes) -> None:
    sound, _ = _read(HEAD + noise + b"\n" + LINE)
    assert sound
    assert sound[-1].key == "19937901"


@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=len(HEADER), max_size=len(HEADER))
)
def test_any_cells_are_a_row_or_damage_and_never_an_accident(cells: list[str]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    sound, damaged = _read(HEAD + buffer.getvalue().encode() + LINE)
    assert len(sound) + len(damaged) >= 1


def test_the_customer_is_the_agency_and_the_site_its_address() -> None:
    same = _one(**{"Agency Name": "DEPARTMENT  OF TRANSPORTATION", "Unique Key": "2"})
    assert (same.customer_key, same.site_key) == (_one().customer_key, _one().site_key)
    assert _one(Agency="DPR").customer_key != same.customer_key
    assert _one(**{"Incident Zip": "11233"}).site_key != same.site_key
    assert _one(Agency="", **{"Agency Name": ""}).customer_name == "Unknown customer"


def test_a_corner_a_stretch_and_a_bare_place_are_addresses_too() -> None:
    nowhere = {"Incident Address": "", "Street Name": ""}
    corner = _one(**nowhere, **{"Intersection Street 1": "A AVE", "Intersection Street 2": "B ST"})
    assert corner.address == "A AVE & B ST"
    stretch = {"Incident Address": "", "Street Name": "A AVE", "Cross Street 1": "B ST"}
    assert _one(**stretch).address == "A AVE, at B ST"
    assert _one(**nowhere).address == "Near 40.66081, -73.99859"
    unknown = [_one(**nowhere, Latitude="", **{"Unique Key": key}) for key in ("1", "2")]
    assert {row.address for row in unknown} == {"Address unknown"}
    assert len({row.site_key for row in unknown}) == 2, "two unknown places are not one site"


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        (_local("2011-03-01T10:41:13"), "2011-03-01T15:41:13+00:00"),
        (_local("2011-07-01T10:00:00"), "2011-07-01T14:00:00+00:00"),
        # 02:30 was skipped on 13 March 2011 and shown twice on 6 November 2011 (as 01:30).
        (_local("2011-03-13T02:30:00"), "2011-03-13T07:30:00+00:00"),
        (_local("2011-11-06T01:30:00"), "2011-11-06T05:30:00+00:00"),
    ],
)
def test_local_times_become_utc_also_where_the_clocks_change(local: datetime, utc: str) -> None:
    assert to_utc(local, "America/New_York").isoformat() == utc


def test_a_time_with_an_offset_needs_no_zone() -> None:
    row = _one(**{"Created Date": "2011-03-01T10:00:00+02:00"})
    assert to_utc(row.created, "Asia/Tokyo").isoformat() == "2011-03-01T08:00:00+00:00"


@given(st.datetimes(_local("2001-01-01T00:00:00"), _local("2099-01-01T00:00:00")))
def test_a_local_time_that_exists_is_that_time_on_the_wall(local: datetime) -> None:
    zone = ZoneInfo("America/New_York")
    back = to_utc(local, zone.key).astimezone(zone).replace(tzinfo=None)
    assert back == local or (back - local).total_seconds() == 3600


def test_reading_a_long_file_keeps_a_few_lines_in_memory() -> None:
    class Long(io.BytesIO):
        left = 4_000

        def readline(self, size: int | None = -1) -> bytes:
            self.left -= 1
            return HEAD if self.left == 3_999 else LINE if self.left > 0 else b""

    rows = read_rows(Long())
    next(rows)
    tracemalloc.start()
    try:
        assert sum(1 for _ in rows) == 3_997
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 300_000, "the file has 700 kB"
