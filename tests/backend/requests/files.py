"""Files of service requests, as tests need them."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

_ROW = {
    "Unique Key": "19937901",
    "Created Date": "03/01/2011 10:41:13 AM",
    "Closed Date": "",
    "Due Date": "03/15/2011 05:32:23 PM",
    "Agency": "DOT",
    "Agency Name": "Department of Transportation",
    "Complaint Type": "Street Sign - Dangling",
    "Descriptor": "Street Cleaning",
    "Location Type": "Street",
    "Incident Zip": "11232",
    "Incident Address": "186 25 STREET",
    "Street Name": "25 STREET",
    "Cross Street 1": "",
    "Cross Street 2": "",
    "Intersection Street 1": "",
    "Intersection Street 2": "",
    "City": "BROOKLYN",
    "Borough": "BROOKLYN",
    "Latitude": "40.660811",
    "Longitude": "-73.998594",
}
HEADER = list(_ROW)


def a_row(**cells: str) -> dict[str, str]:
    """A sound row, with some cells replaced."""
    return {**_ROW, **cells}


def rows(count: int, **cells: str) -> list[dict[str, str]]:
    """Sound rows with different keys and addresses."""
    return [
        a_row(**{"Unique Key": f"k{n}", "Incident Address": f"{n} MAIN STREET", **cells})
        for n in range(count)
    ]


def a_line(**cells: str) -> str:
    """A sound row as a line of a file, without quotes."""
    return ",".join(a_row(**cells).values())


def csv_bytes(rows: Iterable[Mapping[str, str]], columns: Sequence[str] = HEADER) -> bytes:
    """A file with these rows."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()
