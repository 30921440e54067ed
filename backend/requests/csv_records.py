"""Reads CSV records one by one from a file that may be broken anywhere, without losing what comes after."""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from schemas.errors import DomainError, ErrorKind

LONGEST_LINE = 64 << 10
MOST_LINES = 20
"""A record with line breaks in quotes may span so many lines; a quote open for longer is a stray one."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_BOM = b"\xef\xbb\xbf"


class NotARequestFile(DomainError):
    """The file is not a CSV of service requests; nothing of it was imported."""

    title = "The file is not a CSV of service requests."
    kind = ErrorKind.INVALID


@dataclass(frozen=True)
class Record:
    """The cells of one record, the number of its first line (the first is 1), and what is wrong with it."""

    line: int
    cells: list[str]
    damage: str | None = None


@dataclass(frozen=True)
class _Line:
    number: int
    text: str
    damage: str | None = None


def read_records(stream: BinaryIO) -> Iterator[Record]:
    """The records of a file in UTF-8, with or without a byte order mark; the first is the header.

    A quote that opens and finds no end within MOST_LINES, or whose end makes a record of another width than
    the header's, is a stray one: it damages its own line, and the lines after it are read for themselves.
    Raises NotARequestFile for a file in UTF-16.
    """
    lines = _lines(stream)
    ahead: deque[_Line] = deque()
    width: int | None = None
    while (line := ahead.popleft() if ahead else next(lines, None)) is not None:
        if line.damage is not None:
            yield Record(line.number, [], line.damage)
            continue
        if not line.text.strip():
            continue
        cells, taken = _parse(line, ahead, lines, width)
        if cells is None:
            yield Record(line.number, [], "its quotes or line ends are broken")
            continue
        for _ in range(taken):
            ahead.popleft()
        if width is None:
            width = len(cells)
        damage = None if len(cells) == width else f"{len(cells)} cells where the header has {width}"
        yield Record(line.number, cells, damage)


def _lines(stream: BinaryIO) -> Iterator[_Line]:
    """Physical lines as text, each with its number; those that are no text or too long say so."""
    number = 0
    while raw := stream.readline(LONGEST_LINE + 1):
        number += 1
        if number == 1:
            raw = _without_mark(raw)
        if len(raw) > LONGEST_LINE:
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(LONGEST_LINE)
            yield _Line(number, "", f"the line is longer than {LONGEST_LINE} bytes")
            continue
        try:
            yield _Line(number, raw.decode("utf-8"))
        except UnicodeDecodeError:
            yield _Line(number, "", "the line is not UTF-8")


def _without_mark(raw: bytes) -> bytes:
    if raw.startswith(_UTF16):
        raise NotARequestFile("It is UTF-16; save it as CSV in UTF-8.")
    return raw.removeprefix(_UTF8_BOM)


def _parse(
    line: _Line, ahead: deque[_Line], lines: Iterator[_Line], width: int | None
) -> tuple[list[str] | None, int]:
    """The cells of the record that begins at `line`, and how many of the lines `ahead` belong to it."""
    text = line.text
    if (cells := _cells(text)) is not None:
        return cells, 0
    for taken in range(1, MOST_LINES):
        if len(ahead) < taken:
            following = next(lines, None)
            if following is None:
                return None, 0
            ahead.append(following)
        if ahead[taken - 1].damage is not None:
            return None, 0
        text += ahead[taken - 1].text
        cells = _cells(text)
        if cells is not None:
            return (cells, taken) if width in (None, len(cells)) else (None, 0)
    return None, 0


def _cells(text: str) -> list[str] | None:
    """The cells of exactly one record; None when a quote is still open or stands where none may."""
    try:
        records = list(csv.reader([text], strict=True))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None
