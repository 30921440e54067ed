"""Type and colour of the page, and text in any script as something that can be laid out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any
from unicodedata import category
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfbase.ttfonts import ShapedStr, shapeStr
from reportlab.platypus import Flowable, Paragraph

from backend.paper.fonts import BOLD, LATIN, REGULAR, Run, font_of, has_han, runs_of
from backend.paper.ordering import broken, direction_of, in_order, is_right_to_left

INK, SOFT, ACCENT, RULE = HexColor("#1c2733"), HexColor("#5a6b7b"), HexColor("#0b6e6e"), HexColor("#dde4ea")

TITLE, LEAD, HEADING, BODY, SMALL = 16.0, 15.0, 10.5, 9.5, 7.8
"""Sizes, in points."""

LEADING, DESCENT = 1.42, 0.38
"""Of the size of the letters: from line to line, and from the foot of a line to what it stands on."""

LINE: Sequence[tuple[Any, ...]] = (
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 6),
    ("TOPPADDING", (0, 0), (-1, -1), 2.2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.6),
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, RULE),
)
FRAME: Sequence[tuple[Any, ...]] = (
    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
    ("BOX", (0, 0), (-1, -1), 0.8, RULE),
    ("LEFTPADDING", (0, 0), (-1, -1), 8),
    ("RIGHTPADDING", (0, 0), (-1, -1), 8),
    ("TOPPADDING", (0, 0), (-1, -1), 8),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 8),
)

PHOTOS: Sequence[tuple[Any, ...]] = (
    ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
    ("VALIGN", (0, 1), (-1, -1), "TOP"),
    ("NOSPLIT", (0, 0), (-1, -1)),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 0),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
)


def text(
    said: str,
    size: float,
    *,
    bold: bool = False,
    align: str = "left",
    color: Color = INK,
    language: str = "",
) -> Flowable:
    """A paragraph; each piece of it in a font that has its letters, markup in it shown as it stands."""

    right = align == "right" or is_right_to_left(said)
    runs = list(runs_of(said, bold=bold, language=language))
    if any(run.shaped for run in runs):
        return Shaped(said, size, color, bold=bold, right=right, language=language)
    marked = "".join(f'<font name="{run.font}">{escape(run.text)}</font>' for run in runs)
    style = ParagraphStyle(
        "text",
        fontName=font_of(LATIN, BOLD if bold else REGULAR),
        fontSize=size,
        leading=size * LEADING,
        textColor=color,
        alignment=TA_RIGHT if right else TA_LEFT,
        wordWrap="CJK" if has_han(said) else None,
        spaceAfter=size * 0.3,
    )
    return Paragraph(marked.replace("\n", "<br/>"), style)


class Shaped(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """Text in scripts that join or reorder their letters, drawn piece by piece.

    The library's own paragraphs know one direction, and shape a word in one font only.
    """

    def __init__(
        self, said: str, size: float, color: Color, *, bold: bool, right: bool, language: str
    ) -> None:
        super().__init__()
        self._said, self._size, self._color = said, size, color
        self._bold, self._right, self._language = bold, right, language
        self._base = direction_of(said)
        self._lines: list[str] = []

    def wrap(self, available: float, _height: float) -> tuple[float, float]:
        """Break the text into lines of that width."""
        self._lines = list(broken(self._said, lambda line: self._width(line) <= available))
        self.width, self.height = available, len(self._lines) * self._size * LEADING
        return self.width, self.height

    def split(self, available: float, height: float) -> list[Flowable]:
        """The lines that fit, and the others."""
        self.wrap(available, height)
        fitting = int(height // (self._size * LEADING))
        if not 0 < fitting < len(self._lines):
            return [self] if fitting else []
        return [self._part(self._lines[:fitting]), self._part(self._lines[fitting:])]

    def getSpaceAfter(self) -> float:  # noqa: N802 - the library's name
        """As of every paragraph."""
        return self._size * 0.3

    def draw(self) -> None:
        """Draw line by line."""
        self.canv.setFillColor(self._color)
        for number, line in enumerate(self._lines):
            at = self.width - self._width(line) if self._right else 0.0
            height = self.height - (number + 1) * self._size * LEADING + self._size * DESCENT
            for run in self.pieces(line):
                self.canv.setFont(run.font, self._size)
                self.canv.drawString(at, height, self.shaped(run) if _has_letters(run) else run.text)
                at += self._width_of(run)

    def _part(self, lines: Sequence[str]) -> Shaped:
        part = copy(self)
        part._said = "\n".join(lines)
        return part

    def pieces(self, line: str) -> Iterator[Run]:
        """What is drawn of a line, from left to right, each piece in its font."""
        return runs_of(in_order(line, self._base), bold=self._bold, language=self._language)

    def _width(self, line: str) -> float:
        return sum(self._width_of(run) for run in self.pieces(line))

    def _width_of(self, run: Run) -> float:
        if not _has_letters(run):
            return float(stringWidth(run.text, run.font, self._size))
        advances = [glyph.x_advance for glyph in self.shaped(run).__shapeData__]
        return float(sum(advances)) * self._size / 1000

    def shaped(self, run: Run) -> ShapedStr:
        """The piece with its letters joined and in their places."""
        return shapeStr(run.text, run.font, self._size, force=True)


def _has_letters(run: Run) -> bool:
    """Whether there is something to join or reorder; figures alone would be turned round."""
    return run.shaped and any(category(character)[0] in "LM" for character in run.text)
