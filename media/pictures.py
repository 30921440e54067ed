"""Pictures made of pictures: a thumbnail, and a copy that tells nothing but what it shows.

Both are drawn anew from the decoded pixels. EXIF, XMP, GPS, embedded thumbnails, comments, and whatever else
a file carries beside or behind its picture does not come along: a polyglot ends here.
"""

import io
import warnings
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, ImageOps

from media.errors import PictureTooLarge, PictureUnreadable
from media.sniffing import JPEG, PNG, WEBP

DRAWABLE = frozenset({JPEG, PNG, WEBP})
"""What can be decoded here. HEIC cannot: no decoder that is looked after may be shipped (decision 119)."""
MOST_PIXELS = 120_000_000
"""A photo of 108 megapixels fits; decoded it takes 360 MB."""
THUMBNAIL_SIDE, COPY_SIDE = 320, 2560
THUMBNAIL_QUALITY, COPY_QUALITY = 75, 85
_FORMATS = ("JPEG", "PNG", "WEBP")
_DEEP = ("I;16", "I;16L", "I;16B", "I")
"""Sixteen bits in a file, whatever Pillow makes of them."""
_WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")


@dataclass(frozen=True)
class Pictures:
    """Two JPEG files, and how large the original is in pixels, upright."""

    thumbnail: bytes
    copy: bytes
    width: int
    height: int


def draw(source: BinaryIO) -> Pictures:
    """The thumbnail and the copy of a JPEG, PNG or WebP file.

    Raises `PictureTooLarge` before anything is decoded, `PictureUnreadable` for what is cut, broken or of
    another kind. Of an animation the first frame is taken.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow only warns of what may be a bomb
        try:
            return _drawn(source)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise PictureTooLarge(
                f"At most {MOST_PIXELS:,} pixels are decoded. {error}", largest=MOST_PIXELS
            ) from error
        except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, LookupError, Warning) as error:
            raise PictureUnreadable(f"It is damaged: {error}."[:200]) from error


def _drawn(source: BinaryIO) -> Pictures:
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    with Image.open(source, formats=_FORMATS) as picture:
        width, height = picture.size
        # A JPEG can be decoded at half or a quarter of its size, which costs that much less.
        picture.draft("RGB", (COPY_SIDE, COPY_SIDE))
        before = picture.size
        ImageOps.exif_transpose(picture, in_place=True)
        if picture.size != before:
            width, height = height, width
        flat = _flat(picture)
        flat.thumbnail((COPY_SIDE, COPY_SIDE), Image.Resampling.LANCZOS)
        copy = _jpeg(flat, COPY_QUALITY)
        flat.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
        return Pictures(_jpeg(flat, THUMBNAIL_QUALITY), copy, width, height)


def _flat(picture: Image.Image) -> Image.Image:
    """Eight bits, three colours, on white: what every JPEG reader shows."""
    if picture.mode in _DEEP:
        picture = picture.convert("F").point(lambda value: value / 257).convert("L")
    if picture.mode in _WITH_ALPHA or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        paper = Image.new("RGB", seen.size, "white")
        paper.paste(seen, mask=seen.getchannel("A"))
        return paper
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    # Drawn into a new picture: what the old one knew beside its pixels is not even at hand.
    clean = Image.new("RGB", picture.size)
    clean.paste(picture)
    file = io.BytesIO()
    clean.save(file, "JPEG", quality=quality)
    return file.getvalue()
