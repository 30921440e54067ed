"""What is drawn rather than written: photos, the customer's hand, the code that leads to the check."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import segno
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Image

from backend.paper.fonts import LATIN, font_of
from backend.paper.styles import INK, RULE, SMALL, SOFT
from backend.reports.seal.pictures import PictureUnusable, small_jpeg, strokes_of


class NumberedCanvas(Canvas):  # type: ignore[misc]  # reportlab ships no types
    """Writes "page 1 of 2" at the foot, which can be known only at the end."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **{**options, "initialFontName": font_of(LATIN)})
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - the library's name
        """Keep the page until their number is known."""
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Write all pages with their numbers."""
        for number, page in enumerate(self._pages, start=1):
            self.__dict__.update(page)
            self.setFont(font_of(LATIN), SMALL)
            self.setFillColor(SOFT)
            right = self._pagesize[0] - 51  # the margin of the layout, in points
            self.drawRightString(right, 36, f"Page {number} of {len(self._pages)}")
            super().showPage()
        super().save()


class Caption(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """A short line in the smallest type."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self.width, self.height = 0, 8
        self._said = said

    def draw(self) -> None:
        """Write it."""
        self.canv.setFont(font_of(LATIN), 6)
        self.canv.setFillColor(SOFT)
        self.canv.drawString(0, 2, self._said)


class QrCode(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """A QR code as squares, so that it prints sharp at any size."""

    def __init__(self, content: str, edge: float) -> None:
        super().__init__()
        self.width = self.height = edge
        self._rows = list(segno.make_qr(content, error="m").matrix_iter(border=1))

    def draw(self) -> None:
        """Fill the dark modules."""
        size = self.width / len(self._rows)
        path = self.canv.beginPath()
        for down, row in enumerate(self._rows):
            for across, dark in enumerate(row):
                if dark:
                    path.rect(across * size, self.height - (down + 1) * size, size, size)
        self.canv.setFillColor(INK)
        self.canv.drawPath(path, stroke=0, fill=1)


class Hand(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """The customer's signature over a line: strokes as they were drawn, or their picture."""

    def __init__(self, file: Path | None, width: float, height: float) -> None:
        super().__init__()
        self.width, self.height = width, height
        self._file = file

    def draw(self) -> None:
        """Draw it; a file that holds no drawing leaves the line empty."""
        self.canv.setStrokeColor(RULE)
        self.canv.line(0, 2, self.width, 2)
        if self._file is None:
            return
        try:
            self._draw_strokes(self._file)
        except PictureUnusable:
            self._draw_picture(self._file)

    def _draw_strokes(self, file: Path) -> None:
        width, height, lines = strokes_of(file)
        scale = min(self.width / width, self.height / height)
        self.canv.setStrokeColor(INK)
        self.canv.setLineWidth(1.1)
        self.canv.setLineCap(1)
        self.canv.setLineJoin(1)
        path = self.canv.beginPath()
        for line in lines:
            for number, (x, y) in enumerate(line):
                point = (x * scale, self.height - y * scale)
                path.lineTo(*point) if number else path.moveTo(*point)
        self.canv.drawPath(path, stroke=1, fill=0)

    def _draw_picture(self, file: Path) -> None:
        try:
            picture = ImageReader(io.BytesIO(small_jpeg(file)))
        except PictureUnusable:
            return
        self.canv.drawImage(picture, 0, 3, self.width, self.height - 3, preserveAspectRatio=True, anchor="sw")


class NoPicture(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """An empty frame with the reason why nothing is shown in it."""

    def __init__(self, why: str, width: float, height: float) -> None:
        super().__init__()
        self.width, self.height = width, height
        self._why = why

    def draw(self) -> None:
        """Draw frame and reason."""
        self.canv.setStrokeColor(RULE)
        self.canv.rect(0, 0, self.width, self.height)
        self.canv.setFont(font_of(LATIN), SMALL)
        self.canv.setFillColor(SOFT)
        self.canv.drawCentredString(self.width / 2, self.height / 2 - 3, self._why)


def photo_of(file: Path | None, width: float, height: float, content_type: str) -> Flowable:
    """The photo within that frame, in points; or why it is not shown here."""
    if content_type == "application/pdf":
        return NoPicture("a PDF, kept with the report", width, height / 2)
    if file is None:
        return NoPicture("kept with the report", width, height / 2)
    try:
        content = small_jpeg(file)
    except PictureUnusable:
        return NoPicture("cannot be shown here", width, height / 2)
    wide, tall = ImageReader(io.BytesIO(content)).getSize()
    scale = min(width / wide, height / tall)
    picture = Image(io.BytesIO(content), wide * scale, tall * scale)
    picture.hAlign = "LEFT"
    return picture
