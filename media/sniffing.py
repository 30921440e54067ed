"""What a file is, told from its first bytes, whatever its name or its sender says."""

JPEG = "image/jpeg"
PNG = "image/png"
WEBP = "image/webp"
HEIC = "image/heic"
PDF = "application/pdf"
JSON = "application/json"

CONTENT_TYPES = frozenset({JPEG, PNG, WEBP, HEIC, PDF, JSON})

SNIFFED_BYTES = 64  # enough for every signature below, with room for white space before JSON

# ISO/IEC 23008-12: brands that announce HEVC-coded images (sequences included) in an ISO base media file.
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def sniff(head: bytes) -> str | None:
    """The content type that the first `SNIFFED_BYTES` bytes announce, None for anything we do not take."""
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return HEIC
    if head.startswith(b"%PDF-"):
        return PDF
    # A stroke file is a JSON object or array; whether the rest parses is the business of who reads it.
    if head.lstrip(b" \t\r\n")[:1] in (b"{", b"["):
        return JSON
    return None
