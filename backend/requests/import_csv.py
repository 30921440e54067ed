"""Reads a CSV of service requests row by row: sound ones as rows, damaged ones with line and reason.

The columns are those of NYC Open Data, "311 Service Requests", in any order; unknown ones are ignored.
Pure: no database, and never more than a few lines in memory.
"""

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, TypeAlias
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

from backend.customers.rules import zone_at
from backend.db.folding import fold
from backend.db.types import Coordinates
from backend.requests.csv_records import NotARequestFile, Record, read_records
from schemas.base import FIRST_YEAR, LAST_YEAR, Line

KEY, CREATED, LATITUDE, LONGITUDE = "Unique Key", "Created Date", "Latitude", "Longitude"
REQUIRED = (KEY, CREATED, "Complaint Type", LATITUDE, LONGITUDE)
DATES = (CREATED, "Due Date", "Closed Date")
TEXTS: Mapping[str, Line] = {
    KEY: Line(max=100),
    "Agency": Line(max=40),
    "Agency Name": Line(max=150),
    "Complaint Type": Line(max=200),
    "Descriptor": Line(max=200),
    "Location Type": Line(max=100),
    "Incident Zip": Line(max=20),
    "Incident Address": Line(max=120),
    "Street Name": Line(max=80),
    "Cross Street 1": Line(max=80),
    "Cross Street 2": Line(max=80),
    "Intersection Street 1": Line(max=80),
    "Intersection Street 2": Line(max=80),
    "City": Line(max=100),
    "Borough": Line(max=40),
}
_US_TIME = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2}):(\d{2}) ([AP])M", re.ASCII | re.IGNORECASE
)
_ISO_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?(Z|[+-]\d{2}:\d{2})?", re.ASCII
)
_NUMBER = re.compile(r"[+-]?(\d{1,3}(\.\d{0,30})?|\.\d{1,30})", re.ASCII)


@dataclass(frozen=True)
class DamagedRow:
    """A row that cannot be imported: the number of its first line in the file (the header is 1), and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class ImportedRow:
    """A sound row. Times are naive local times of the row's zone, unless the file names an offset."""

    line: int
    key: str
    created: datetime
    due: datetime | None
    place: Coordinates | None
    customer_key: str
    customer_name: str
    site_key: str
    address: str
    city: str | None
    postal_code: str | None
    category: str | None
    descriptor: str | None
    said: str

    def zone(self, default: str) -> str:
        """The IANA zone of the row's place, or `default` when the row has none."""
        return default if self.place is None else zone_at(self.place)


Row: TypeAlias = ImportedRow | DamagedRow


class _Damage(Exception):
    """Why a row is damaged."""


def read_rows(stream: BinaryIO) -> Iterator[Row]:
    """The rows of a file, in order; raises NotARequestFile (on the first step) when it is no such file."""
    records = read_records(stream)
    columns = _columns(next(records, None))
    for record in records:
        try:
            if record.damage is not None:
                raise _Damage(record.damage)
            yield _row(record.line, columns, record.cells)
        except _Damage as found:
            yield DamagedRow(record.line, str(found))


def to_utc(moment: datetime, zone: str) -> datetime:
    """A local time of `zone` as an instant.

    A time that the clocks show twice is the first of the two; one that they skip is read as if they had not
    been put forward yet, 02:30 as 03:30 (PEP 495, fold=0). A time with its own offset needs no zone.
    """
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))
    return aware.astimezone(UTC)


def _columns(header: Record | None) -> dict[str, int]:
    """Where each known column stands; raises NotARequestFile when one is missing or stands twice."""
    if header is None:
        raise NotARequestFile("It is empty.")
    if header.damage is not None:
        raise NotARequestFile(f"Its first line is no header: {header.damage}.")
    known = {fold(name): name for name in (*TEXTS, *DATES, LATITUDE, LONGITUDE)}
    found: dict[str, int] = {}
    for index, cell in enumerate(header.cells):
        name = known.get(fold(cell))
        if name is not None and found.setdefault(name, index) != index:
            raise NotARequestFile(f"It has the column {name} twice.")
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise NotARequestFile(f"It has no column {', '.join(missing)}.")
    return found


def _row(number: int, columns: Mapping[str, int], cells: Sequence[str]) -> ImportedRow:
    raw = {name: cells[index] for name, index in columns.items()}
    dates = {name: _moment(name, raw.get(name, "")) for name in DATES}
    place = _place(raw)
    texts = {name: _text(name, raw.get(name, "")) for name in TEXTS}
    key, created = texts[KEY], dates[CREATED]
    if key is None:
        raise _Damage(f"{KEY} is empty")
    if created is None:
        raise _Damage(f"{CREATED} is empty")
    address = _address(texts)
    city = texts["City"] or texts["Borough"]
    return ImportedRow(
        line=number,
        key=key,
        created=created,
        due=dates["Due Date"],
        place=place,
        customer_key=fold(f"{texts['Agency'] or ''}/{texts['Agency Name'] or ''}"),
        customer_name=texts["Agency Name"] or texts["Agency"] or "Unknown customer",
        site_key=_site_key(key, address, texts, place),
        address=address or _somewhere(place),
        city=city,
        postal_code=texts["Incident Zip"],
        category=texts["Complaint Type"],
        descriptor=texts["Descriptor"],
        said=_said(texts),
    )


def _text(name: str, cell: str) -> str | None:
    """The cell on one line, or None when there is nothing in it."""
    words = " ".join(cell.split())
    if not words:
        return None
    try:
        text: str = TEXTS[name].deserialize(words)
    except ValidationError as error:
        reason = str(error.messages[0]) if isinstance(error.messages, list) else "cannot be read"
        raise _Damage(f"{name}: {reason[:1].lower()}{reason[1:].rstrip('.')}") from error
    return text


def _moment(name: str, cell: str) -> datetime | None:
    """A time as `03/01/2011 10:41:13 AM` or ISO 8601, naive unless it names its offset; None: empty."""
    words = " ".join(cell.split())
    if not words:
        return None
    try:
        moment = _us_time(words) or _iso_time(words)
        if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError(words)
    except ValueError as error:
        raise _Damage(f"{name} {_shown(cell)} is no time such as 03/01/2011 10:41:13 AM") from error
    return moment


def _us_time(words: str) -> datetime | None:
    match = _US_TIME.fullmatch(words)
    if match is None:
        return None
    month, day, year, hour, minute, second = (int(group) for group in match.groups()[:6])
    if not 1 <= hour <= 12:
        raise ValueError(words)
    hour = hour % 12 + (12 if match[7].upper() == "P" else 0)
    return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  local time, its zone comes later


def _iso_time(words: str) -> datetime | None:
    match = _ISO_TIME.fullmatch(words)
    if match is None:
        return None
    return datetime.fromisoformat(f"{match[1]}T{match[2]}{(match[3] or '').replace('Z', '+00:00')}")


def _place(raw: Mapping[str, str]) -> Coordinates | None:
    """The place, or None when latitude or longitude is empty; what is not empty must be a number on Earth."""
    latitude = _degrees(LATITUDE, raw[LATITUDE], 90)
    longitude = _degrees(LONGITUDE, raw[LONGITUDE], 180)
    if latitude is None or longitude is None:
        return None
    return Coordinates(latitude, longitude)


def _degrees(name: str, cell: str, most: int) -> float | None:
    words = cell.strip()
    if not words:
        return None
    value = float(words) if _NUMBER.fullmatch(words) else math.nan
    if not -most <= value <= most:
        raise _Damage(f"{name} {_shown(cell)} is no number of degrees from -{most} to {most}")
    return value


def _shown(cell: str) -> str:
    """The cell, short and harmless to a terminal."""
    printable = "".join(c if unicodedata.category(c)[0] not in "CZ" or c == " " else "?" for c in cell[:40])
    return f"'{printable}{'…' if len(cell) > 40 else ''}'"


def _address(texts: Mapping[str, str | None]) -> str | None:
    """The address, else the corner, else the stretch of street."""
    if texts["Incident Address"]:
        return texts["Incident Address"]
    corner = [street for street in (texts["Intersection Street 1"], texts["Intersection Street 2"]) if street]
    if corner:
        return " & ".join(corner)
    crossings = [street for street in (texts["Cross Street 1"], texts["Cross Street 2"]) if street]
    if texts["Street Name"] and crossings:
        return f"{texts['Street Name']}, at {' and '.join(crossings)}"
    return texts["Street Name"]


def _site_key(
    key: str, address: str | None, texts: Mapping[str, str | None], place: Coordinates | None
) -> str:
    """What a site is recognised by: its address, else its place, else the one request that speaks of it."""
    if address is not None:
        parts = (address, texts["City"], texts["Incident Zip"], texts["Borough"])
        return fold("|".join(part or "" for part in parts))
    if place is not None:
        return f"at {place.latitude:.5f} {place.longitude:.5f}"
    return f"request {key}"


def _somewhere(place: Coordinates | None) -> str:
    return "Address unknown" if place is None else f"Near {place.latitude:.5f}, {place.longitude:.5f}"


def _said(texts: Mapping[str, str | None]) -> str:
    words = ": ".join(word for word in (texts["Complaint Type"], texts["Descriptor"]) if word)
    place = f" ({texts['Location Type']})" if texts["Location Type"] else ""
    return f"{words or 'Nothing was written down'}{place}"
