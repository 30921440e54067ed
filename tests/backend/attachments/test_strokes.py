"""Which stroke files count as a signature somebody can look at."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.attachments.rules import (
    LARGEST_STROKE_FILE,
    MOST_STROKE_POINTS,
    StrokesUnreadable,
    check_strokes,
)


def strokes(points: object, **over: object) -> bytes:
    return json.dumps({"width": 300, "height": 100, "strokes": points, **over}).encode()


def test_a_drawn_name_is_a_signature() -> None:
    check_strokes(strokes([[[1, 2], [3.5, 4.25, 16]], [[300, 100], [0, 0]]]))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b'{"width": 300, "height": 100}',
        strokes([]),
        strokes([[]]),
        strokes([[[1, 1]]]),
        strokes("[[1, 1], [2, 2]]"),
        strokes([[[1, 1], [301, 2]]]),
        strokes([[[1, 1], [2, 100.5]]]),
        strokes([[[1, 1], [-1, 2]]]),
        strokes([[[1, 1], [True, 2]]]),
        strokes([[[1, 1], ["2", 2]]]),
        strokes([[[1, 1], [2]]]),
        strokes([[[1, 1], [2, 2, 3, 4]]]),
        strokes([[[1, 1], [2, 2, -3]]]),
        strokes([[[1, 1], [10**400, 2]]]),
        strokes([[[1, 1], [2, 2]]], width=0),
        strokes([[[1, 1], [2, 2]]], height=100_000),
        strokes([[[1, 1], [2, 2]]], colour="blue"),
        b'{"width": 300, "height": 100, "strokes": [[[1, 1], [NaN, 2]]]}',
        b'{"width": 300, "height": 100, "strokes": [[[1, 1], [1e999, 2]]]}',
        b'{"width": 300, "height": 100, "strokes": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\xff\xfe{\x00}\x00",
    ],
)
def test_a_file_without_a_drawing_on_its_canvas_is_refused(content: bytes) -> None:
    with pytest.raises(StrokesUnreadable):
        check_strokes(content)


def test_an_endless_drawing_is_refused_by_its_points_and_by_its_size() -> None:
    with pytest.raises(StrokesUnreadable, match="points"):
        check_strokes(strokes([[[1, 1]] * (MOST_STROKE_POINTS + 1)]))
    with pytest.raises(StrokesUnreadable, match="larger"):
        check_strokes(strokes([[[1, 1]] * (LARGEST_STROKE_FILE // 4)]))


@given(
    st.binary(max_size=400)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["width", "height", "strokes"]), inner)
        ),
        max_leaves=12,
    ).map(lambda document: json.dumps(document).encode())
)
def test_no_content_whatever_breaks_the_check(content: bytes) -> None:
    with contextlib.suppress(StrokesUnreadable):
        check_strokes(content)
