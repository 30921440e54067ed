"""Which files are taken for which kind of medium."""

import pytest

from backend.attachments.rules import (
    ACCEPTED,
    LARGEST_STROKE_FILE,
    TRANSITIONS,
    MediaNotAccepted,
    PlaceIncomplete,
    check_acceptable,
    place_of,
)
from media.objects import LARGEST_OBJECT
from media.sniffing import CONTENT_TYPES
from schemas.attachments import MediaKind, MediaState


def test_every_kind_takes_only_what_the_store_can_take() -> None:
    assert set(ACCEPTED) == set(MediaKind)
    for accepted in ACCEPTED.values():
        assert accepted.content_types <= CONTENT_TYPES
        assert accepted.largest <= LARGEST_OBJECT


def test_strokes_are_a_signature_and_nothing_else() -> None:
    check_acceptable(MediaKind.SIGNATURE, "application/json", LARGEST_STROKE_FILE)
    with pytest.raises(MediaNotAccepted):
        check_acceptable(MediaKind.SIGNATURE, "application/json", LARGEST_STROKE_FILE + 1)
    for kind in set(MediaKind) - {MediaKind.SIGNATURE}:
        with pytest.raises(MediaNotAccepted):
            check_acceptable(kind, "application/json", 100)


@pytest.mark.parametrize("content_type", ["image/svg+xml", "text/html", "application/pdf", ""])
def test_a_photo_is_a_picture_without_scripts(content_type: str) -> None:
    with pytest.raises(MediaNotAccepted):
        check_acceptable(MediaKind.BEFORE, content_type, 100)


def test_half_a_place_is_refused_and_none_is_none() -> None:
    assert place_of(None, None) is None
    for half in ((1.0, None), (None, 1.0)):
        with pytest.raises(PlaceIncomplete):
            place_of(*half)


def test_a_receipt_once_given_is_never_taken_back() -> None:
    assert {after for (before, _), after in TRANSITIONS.items() if before is MediaState.STORED} == {
        MediaState.STORED
    }
