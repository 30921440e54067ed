"""JSON is read strictly: what two readers could understand differently is refused, and nothing crashes."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.web.reading import DEEPEST, UnreadableBody, parse_json

REFUSED = {
    "nothing": b"",
    "blank": b"  \n",
    "duplicate key": b'{"a": 1, "a": 2}',
    "duplicate key, escaped": b'{"a": 1, "\\u0061": 2}',
    "duplicate key, deep": b'[{"x": {"a": 1, "b": 2, "a": 1}}]',
    "NaN": b'{"a": NaN}',
    "Infinity": b"[Infinity]",
    "minus Infinity": b"[-Infinity]",
    "huge power": b"1" + b"0" * 400,
    "huge exponent": b"1e400",
    "minus huge exponent": b"-1e999999999999",
    "more than 64 bits": b"9223372036854775808",
    "long fraction": b"0." + b"1" * 5000,
    "trailing junk": b"{} x",
    "two values": b"{}{}",
    "trailing comma": b"[1,]",
    "comment": b"{} // so",
    "single quotes": b"{'a': 1}",
    "leading zero": b"01",
    "plus": b"+1",
    "hexadecimal": b"0x10",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without mark": '{"a": 1}'.encode("utf-16-le"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "latin-1": '{"a": "é"}'.encode("latin-1"),
    "overlong UTF-8": b'{"a": "\xc0\xaf"}',
    "UTF-8 of a surrogate": b'{"a": "\xed\xa0\x80"}',
    "lone surrogate": b'{"a": "\\ud800"}',
    "lone surrogate as key": b'{"\\udfff": 1}',
    "swapped surrogates": b'["\\udc00\\ud800"]',
    "NUL": b'{"a": "x\\u0000"}',
    "NUL as key": b'{"\\u0000": 1}',
    "raw control character": b'{"a": "x\ny"}',
    "raw NUL": b'{"a": 1}\x00',
    "cut": b'{"a": [1, 2',
    "deep arrays": b"[" * 10_000 + b"]" * 10_000,
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "unclosed depth": b"[" * 1_000_000,
    "one too deep": b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_an_ambiguous_or_broken_text_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableBody):
        parse_json(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b"-0", 0),
        (b"-0.0", 0.0),
        (b"9223372036854775807", 2**63 - 1),
        (b'"\\ud83d\\ude00"', "😀"),
        ("[" * DEEPEST + "]" * DEEPEST, None),
        ('{"é": "\\\\u0000"}', {"é": "\\u0000"}),
    ],
)
def test_what_every_reader_understands_is_read(raw: bytes | str, value: object) -> None:
    parsed = parse_json(raw.encode() if isinstance(raw, str) else raw)
    assert value is None or parsed == value


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8", min_codepoint=1)), inner)
    ),
    max_leaves=20,
)


@given(json_values)
def test_whatever_a_careful_client_writes_is_read_as_it_was_meant(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary() | st.text(alphabet='{}[]",:0123456789eE+-.\\ud8\n ').map(str.encode))
@example(b"\xff\xfe")
def test_no_bytes_do_anything_but_parse_or_be_refused(raw: bytes) -> None:
    with contextlib.suppress(UnreadableBody):
        parse_json(raw)
