"""Type and colour of the page, and text in any script as something that can be laid out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Paragraph

from backend.paper.fonts import BOLD, LATIN, REGULAR, font_of, has_han, is_right_to_left, runs_of

INK, SOFT, ACCENT, RULE = HexColor("#1c2733"), HexColor("#5a6b7b"), HexColor("#0b6e6e"), HexColor("#dde4ea")

TITLE, LEAD, HEADING, BODY, SMALL = 16.0, 15.0, 10.5, 9.5, 7.8
"""Sizes, in points."""

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
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
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
) -> Paragraph:
    """A paragraph; each piece of it in a font that has its letters, markup in it shown as it stands."""
    runs = list(runs_of(said, bold=bold, language=language))
    marked = "".join(f'<font name="{run.font}">{escape(run.text)}</font>' for run in runs)
    right = align == "right" or is_right_to_left(said)
    style = ParagraphStyle(
        "text",
        fontName=font_of(LATIN, BOLD if bold else REGULAR),
        fontSize=size,
        leading=size * 1.42,
        textColor=color,
        alignment=TA_RIGHT if right else TA_LEFT,
        wordWrap="CJK" if has_han(said) else None,
        shaping=int(any(run.shaped for run in runs)),
        spaceAfter=size * 0.3,
    )
    return Paragraph(marked.replace("\n", "<br/>"), style)
