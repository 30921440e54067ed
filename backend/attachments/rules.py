"""Which files are taken, what state their record is in, and what is told when one arrives."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from backend.db.types import Coordinates
from backend.db.unit_of_work import Fact
from schemas.attachments import MediaKind, MediaState, PicturesState, ScanResult
from schemas.errors import DomainError, ErrorKind, RecordNotFound

IMAGES = frozenset({"image/jpeg", "image/png", "image/webp", "image/heic"})
STROKES = "application/json"
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Acceptance:
    """The content types and the largest size in bytes that one kind of medium may have."""

    content_types: frozenset[str]
    largest: int


ACCEPTED: Mapping[MediaKind, Acceptance] = MappingProxyType(
    {
        MediaKind.BEFORE: Acceptance(IMAGES, 64 * MEBIBYTE),
        MediaKind.AFTER: Acceptance(IMAGES, 64 * MEBIBYTE),
        MediaKind.SIGNATURE: Acceptance(frozenset({"image/png", "image/jpeg", STROKES}), 4 * MEBIBYTE),
        MediaKind.DOCUMENT: Acceptance(IMAGES | {"application/pdf"}, 64 * MEBIBYTE),
        MediaKind.OTHER: Acceptance(IMAGES | {"application/pdf"}, 64 * MEBIBYTE),
    }
)
"""What is taken for each kind of medium."""

LARGEST_STROKE_FILE = 256 * 1024
MOST_STROKE_POINTS = 10_000
LARGEST_CANVAS = 10_000  # in the units of the device's screen

TRANSITIONS: Mapping[tuple[MediaState, str], MediaState] = MappingProxyType(
    {
        (MediaState.EXPECTED, "store"): MediaState.STORED,
        (MediaState.EXPECTED, "reject"): MediaState.REJECTED,
        (MediaState.REJECTED, "store"): MediaState.STORED,
        (MediaState.REJECTED, "reject"): MediaState.REJECTED,
        (MediaState.STORED, "store"): MediaState.STORED,
    }
)
"""What may become of a media record. A stored one stays stored: its receipt has been given."""


EXAMINE = "examine"
"""The kind of message that a worker answers by looking at a stored file; the key begins with its id."""


@dataclass(frozen=True)
class Findings:
    """What a worker found in one file; `unscanned` when no scanner was asked this time."""

    scan: ScanResult = ScanResult.UNSCANNED
    finding: str | None = None
    pictures: PicturesState = PicturesState.NONE
    reason: str | None = None
    thumbnail_key: str | None = None
    copy_key: str | None = None
    width: int | None = None
    height: int | None = None


class MediaNotFound(RecordNotFound):
    """No such medium, or none that this person may see."""

    title = "There is no such medium."


class MediaNotAccepted(DomainError):
    """A type or size that this kind of medium may not have."""

    title = "Such a file is not taken for this kind of medium."
    kind = ErrorKind.INVALID


class MediaNotStored(DomainError):
    """Somebody wants the bytes of a medium before they have arrived."""

    title = "The file has not arrived yet."
    kind = ErrorKind.UNMET


class MediaQuarantined(DomainError):
    """The scanner found something in the bytes of a medium: they are kept, and nobody gets them."""

    title = "The file is locked away: the virus scanner found something in it."
    kind = ErrorKind.FORBIDDEN


class MediaNotScanned(DomainError):
    """A scanner is to look at every file, and it has not looked at this one yet."""

    title = "The virus scanner has not looked at the file yet."
    kind = ErrorKind.UNMET


class PicturesMissing(DomainError):
    """There is no thumbnail and no copy of a medium, or not yet."""

    title = "There is no picture of this file."
    kind = ErrorKind.UNMET


class PlaceIncomplete(DomainError):
    """A latitude without a longitude, or the other way round."""

    title = "A place needs both latitude and longitude."
    kind = ErrorKind.INVALID


class StrokesUnreadable(DomainError):
    """A signature file that holds no drawing anybody could look at."""

    title = "The signature cannot be read."
    kind = ErrorKind.INVALID


@dataclass(frozen=True)
class MediaRegistered(Fact):
    """A device has said that it holds this file for this visit."""

    media_id: UUID
    visit_id: UUID


@dataclass(frozen=True)
class MediaRejected(Fact):
    """The bytes of this medium are not what was declared, or nothing anybody can use."""

    media_id: UUID
    visit_id: UUID


@dataclass(frozen=True)
class MediaStored(Fact):
    """The bytes of this medium are in the store, whole and checked."""

    media_id: UUID
    visit_id: UUID


@dataclass(frozen=True)
class MediaExamined(Fact):
    """A worker has looked at the bytes of this medium, and made of them what can be made."""

    media_id: UUID
    visit_id: UUID


def check_acceptable(kind: MediaKind, content_type: str, size: int) -> None:
    """Refuse (`MediaNotAccepted`) a content type or size in bytes that this kind of medium may not have."""
    accepted = ACCEPTED[kind]
    if content_type not in accepted.content_types:
        allowed = ", ".join(sorted(accepted.content_types))
        raise MediaNotAccepted(f"A medium of kind {kind} is one of {allowed}, not {content_type}.")
    largest = LARGEST_STROKE_FILE if content_type == STROKES else accepted.largest
    if size > largest:
        raise MediaNotAccepted(f"This file has {size} bytes; at most {largest} are taken.", largest=largest)


def check_servable(scan: ScanResult, finding: str | None, *, guarded: bool) -> None:
    """Refuse to serve what a scanner objected to, and where there is one (`guarded`) what it has not seen.

    Raises MediaQuarantined, MediaNotScanned.
    """
    if scan is ScanResult.INFECTED:
        raise MediaQuarantined(f"Found: {finding}. Ask an administrator, and have the photo taken again.")
    if guarded and scan is not ScanResult.CLEAN:
        raise MediaNotScanned("Ask again in a moment. If it stays so, see whether the scanner runs.")


def place_of(latitude: float | None, longitude: float | None) -> Coordinates | None:
    """The place from its two halves (degrees, WGS 84); `PlaceIncomplete` when there is only one."""
    if latitude is None and longitude is None:
        return None
    if latitude is None or longitude is None:
        raise PlaceIncomplete("Send both latitude and longitude, or neither.")
    return Coordinates(latitude, longitude)


def next_state(state: MediaState, verb: str) -> MediaState:
    """What the record becomes by "store" or "reject"; a stored one cannot be rejected (KeyError:

    our mistake).
    """
    return TRANSITIONS[state, verb]


def check_strokes(content: bytes) -> None:
    """Refuse (`StrokesUnreadable`) a stroke file that is empty, endless or drawn beside its canvas.

    The format: `{"width": w, "height": h, "strokes": [[[x, y] or [x, y, milliseconds], …], …]}`, coordinates
    in the canvas' own units with 0 ≤ x ≤ w and 0 ≤ y ≤ h.
    """
    document = _parsed(content)
    if not isinstance(document, dict) or set(document) != {"width", "height", "strokes"}:
        raise _unreadable("It must be one object with width, height and strokes.")
    width, height = document["width"], document["height"]
    if not (_measures(width, LARGEST_CANVAS) and _measures(height, LARGEST_CANVAS) and width and height):
        raise _unreadable(f"Width and height must be between 0 and {LARGEST_CANVAS}.")
    strokes = document["strokes"]
    if not isinstance(strokes, list) or not all(isinstance(stroke, list) for stroke in strokes):
        raise _unreadable("Strokes must be a list of lists of points.")
    points = [point for stroke in strokes for point in stroke]
    if not 2 <= len(points) <= MOST_STROKE_POINTS:
        raise _unreadable(f"It must have between 2 and {MOST_STROKE_POINTS} points.")
    if not all(_is_on_canvas(point, width, height) for point in points):
        raise _unreadable("Every point must lie on the canvas.")


def _parsed(content: bytes) -> object:
    if len(content) > LARGEST_STROKE_FILE:
        raise _unreadable(f"It must not be larger than {LARGEST_STROKE_FILE} bytes.")
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _unreadable("It must be JSON.") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _is_on_canvas(point: object, width: float, height: float) -> bool:
    if not isinstance(point, list) or len(point) not in (2, 3):
        return False
    return (
        _measures(point[0], width)
        and _measures(point[1], height)
        and all(_measures(at, 2**53) for at in point[2:])
    )


def _measures(value: object, largest: float) -> bool:
    # NaN and infinity fail the comparison too.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= largest


def _unreadable(detail: str) -> StrokesUnreadable:
    return StrokesUnreadable(f"{detail} Let the customer sign again.")
