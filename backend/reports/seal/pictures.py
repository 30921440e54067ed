"""Pictures for a page: made small and without anything but their points, whatever the file held."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

MOST_POINTS = 100_000_000
"""A photo has fewer; what claims more is a bomb."""
EDGE = 900
"""The longer side, in points, of what is printed: sharp on a quarter of a page."""

Image.MAX_IMAGE_PIXELS = MOST_POINTS

Stroke = Sequence[tuple[float, float]]


class PictureUnusable(Exception):
    """No picture can be made of this file; the message says why."""


def small_jpeg(path: Path) -> bytes:
    """A JPEG of at most `EDGE` points, upright, without EXIF or place. Raises PictureUnusable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("JPEG", "PNG", "WEBP")) as photo:
                photo.draft("RGB", (EDGE, EDGE))
                upright = ImageOps.exif_transpose(photo)
                upright.thumbnail((EDGE, EDGE))
                small = io.BytesIO()
                upright.convert("RGB").save(small, "JPEG", quality=80, optimize=True)
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as bad:
        raise PictureUnusable(f"{type(bad).__name__}") from bad
    return small.getvalue()


def strokes_of(path: Path) -> tuple[float, float, list[Stroke]]:
    """Width, height and lines of a stroke file, in the canvas' own units. Raises PictureUnusable."""
    try:
        drawn = json.loads(path.read_bytes())
        lines: list[Stroke] = [[(float(x), float(y)) for x, y, *_ in line] for line in drawn["strokes"]]
        return float(drawn["width"]), float(drawn["height"]), lines
    except (ValueError, KeyError, TypeError, IndexError) as bad:
        raise PictureUnusable("no strokes") from bad
