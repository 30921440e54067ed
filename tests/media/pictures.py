"""Picture files that tests begin with: real ones, made by Pillow, and ones that mean harm."""

import io
import struct
import zlib

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""The test file that every scanner calls a virus, in two halves, so that no scanner stops at our sources."""


def a_picture(
    width: int = 640, height: int = 480, mode: str = "RGB", kind: str = "JPEG", **saved: object
) -> bytes:
    """A colourful picture file."""
    gradient = Image.linear_gradient("L").resize((width, height))
    colours = Image.merge("RGB", (gradient, gradient.transpose(Image.Transpose.ROTATE_180), gradient))
    file = io.BytesIO()
    colours.convert(mode).save(file, kind, **saved)
    return file.getvalue()


def a_photo_with_place(orientation: int = 6) -> bytes:
    """A JPEG that says where it was taken, twice: in its EXIF, and in that of its embedded thumbnail."""
    exif = Image.Exif()
    exif[Base.Make] = "Doorphone"
    exif[Base.Orientation] = orientation
    gps = exif.get_ifd(IFD.GPSInfo)
    gps[GPS.GPSLatitudeRef], gps[GPS.GPSLatitude] = "N", (52.0, 31.0, 12.0)
    gps[GPS.GPSLongitudeRef], gps[GPS.GPSLongitude] = "E", (13.0, 24.0, 36.0)
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>exif:GPSLatitude='52,31.2N'</x:xmpmeta>"
    return a_picture(exif=exif, xmp=xmp, comment=b"taken at the back door of 12 Elm Street")


def a_bomb(width: int = 20_000, height: int = 20_000) -> bytes:
    """A PNG of 400 megapixels that is 400 kB long."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    row = b"\0" + bytes((width + 7) // 8)
    rows = b"".join(packer.compress(row * 1000) for _ in range(height // 1000)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def polyglots() -> dict[str, bytes]:
    """Pictures that are something else as well."""
    photo = a_picture()
    archive = b"PK\x03\x04" + bytes(26) + b"evil.exe" + b"PK\x05\x06" + bytes(18)
    return {
        "JPEG and page": photo + b"<html><script>alert(1)</script></html>",
        "JPEG and archive": photo + archive,
        "JPEG and PDF": photo + b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj",
        "PNG and program": a_picture(kind="PNG") + b"MZ\x90\x00This program cannot be run in DOS mode",
        "JPEG with virus": photo + EICAR,
    }
