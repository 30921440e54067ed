"""Reads query strings and JSON bodies strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable
from functools import cache
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from flask import Request
from marshmallow import ValidationError
from werkzeug.datastructures import MultiDict

from schemas.base import QueryShape, Shape
from schemas.errors import DomainError, ErrorKind, JsonValue

DEEPEST = 32
"""How many arrays and objects may be inside each other; a shape of ours needs four."""
LONGEST_NUMBER = 40
"""Characters of a number literal; 64 bit integers have 20, doubles 25."""
_LARGEST_INTEGER = 2**63 - 1
_CHUNK = 64 << 10


class UnreadableBody(DomainError):
    """The body is not JSON that every reader would understand in the same way."""

    title = "The body cannot be read."
    kind = ErrorKind.INVALID


class UnsupportedMediaType(DomainError):
    """The body is of a type or encoding that this route does not read."""

    title = "The body is of a type that is not read here."
    kind = ErrorKind.INVALID


class BodyTooLarge(DomainError):
    """The body, after decompression, has more bytes than this route takes."""

    title = "The body is too large."
    kind = ErrorKind.TOO_LARGE


class UnreadableQuery(DomainError):
    """The query string is not UTF-8."""

    title = "The query string cannot be read."
    kind = ErrorKind.INVALID


class RepeatedParameter(DomainError):
    """The query string names a parameter twice."""

    title = "A query parameter was given twice."
    kind = ErrorKind.INVALID


def read_query(request: Request, shape: type[QueryShape]) -> dict[str, Any]:
    """The fields of the query string; raises marshmallow's ValidationError or one of the errors above."""
    if not request.query_string:
        return _load_texts(MultiDict(), shape)
    try:
        unquote_to_bytes(request.query_string).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableQuery("Escape text as UTF-8.") from error
    return _load_texts(request.args, shape)


def read_form(request: Request, shape: type[QueryShape]) -> dict[str, Any]:
    """The fields of an HTML form; raises marshmallow's ValidationError, or RepeatedParameter."""
    return _load_texts(request.form, shape)


def _load_texts(given: MultiDict[str, str], shape: type[QueryShape]) -> dict[str, Any]:
    texts: dict[str, str] = {}
    for name, values in given.lists():
        if len(values) > 1:
            raise RepeatedParameter(f"Give {name[:64]!r} once.")
        texts[name] = values[0]
    fields: dict[str, Any] = _shape(shape).load(texts)
    return fields


@cache
def _shape(shape: type[QueryShape]) -> QueryShape:
    return shape()


def read_fields(request: Request, raw: bytes, shape: type[Shape]) -> dict[str, object]:
    """The fields of a JSON body; raises marshmallow's ValidationError or one of the errors above.

    A shape without required fields also reads an empty body.
    """
    if not raw and not any(field.required for field in shape().fields.values()):
        return dict(shape().load({}))
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send application/json.")
    return load(shape, parse_json(raw))


def load(shape: type[Shape], value: JsonValue) -> dict[str, object]:
    """The fields of a parsed JSON object; raises marshmallow's ValidationError."""
    if not isinstance(value, dict):
        raise ValidationError("Must be an object.")
    fields: dict[str, object] = shape().load(value)
    return fields


def read_bytes(request: Request, limit: int) -> bytes:
    """The body, decompressed when it came as gzip, never more than `limit` bytes of it in memory."""
    # One byte more than we take: a body without a declared length ends at this bound and not with an error.
    request.max_content_length = limit + 1
    if request.content_length is not None and request.content_length > limit:
        raise BodyTooLarge(f"Send at most {limit} bytes.", limit=limit)
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        raw = request.get_data(cache=False)
        if len(raw) > limit:
            raise BodyTooLarge(f"Send at most {limit} bytes.", limit=limit)
        return raw
    if encoding != "gzip":
        raise UnsupportedMediaType("Send the body plain or with Content-Encoding: gzip.")
    return b"".join(_inflate(iter(lambda: request.stream.read(_CHUNK), b""), limit))


def _inflate(chunks: Iterable[bytes], limit: int) -> Iterable[bytes]:
    inflater = zlib.decompressobj(wbits=31)
    left = limit
    try:
        for chunk in chunks:
            if inflater.eof:
                raise UnreadableBody("Something follows the end of the gzip stream.")
            while chunk:
                plain = inflater.decompress(chunk, left + 1)
                left -= len(plain)
                if left < 0:
                    raise BodyTooLarge(f"Send at most {limit} bytes, decompressed.", limit=limit)
                yield plain
                chunk = inflater.unconsumed_tail
        if not inflater.eof or inflater.unused_data:
            raise UnreadableBody("The gzip stream is cut off or something follows it.")
    except zlib.error as error:
        raise UnreadableBody("The body is not a gzip stream.") from error


def parse_json(raw: bytes, *, refuse_unstorable_text: bool = True) -> JsonValue:
    """The value of a JSON text; raises UnreadableBody for whatever readers are known to disagree about.

    Refused: other encodings than UTF-8, a byte order mark, anything after the value, a key twice in one
    object, NaN and Infinity, numbers beyond 64 bits or doubles, nesting deeper than DEEPEST, and (unless told
    otherwise) NUL and lone surrogates, which neither PostgreSQL nor UTF-8 can hold.
    """
    try:
        text = raw.decode("utf-8")
        value: JsonValue = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise UnreadableBody("The body is not UTF-8.") from error
    except RecursionError as error:
        raise UnreadableBody(f"Nest at most {DEEPEST} deep.") from error
    except json.JSONDecodeError as error:
        raise UnreadableBody(f"This is not JSON: {error.msg} at character {error.pos}.") from error
    _examine(value, refuse_unstorable_text)
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise UnreadableBody("An object has the same key twice.")
    return members


def _integer(literal: str) -> int:
    if len(literal) > LONGEST_NUMBER or abs(int(literal)) > _LARGEST_INTEGER:
        raise UnreadableBody("A whole number has more than 64 bits.")
    return int(literal)


def _float(literal: str) -> float:
    number = float(literal) if len(literal) <= LONGEST_NUMBER else math.inf
    if not math.isfinite(number):
        raise UnreadableBody("A number is larger or longer than a double.")
    return number


def _refuse_constant(literal: str) -> NoReturn:
    raise UnreadableBody(f"{literal} is not a JSON number.")


def _examine(value: JsonValue, refuse_unstorable_text: bool) -> None:
    level: list[JsonValue] = [value]
    depth = 0
    while level:
        depth += 1
        if depth > DEEPEST and any(isinstance(item, dict | list) for item in level):
            raise UnreadableBody(f"Nest at most {DEEPEST} deep.")
        below: list[JsonValue] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.keys())
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif refuse_unstorable_text and isinstance(item, str) and not _storable(item):
                raise UnreadableBody("A text contains NUL or half of a surrogate pair.")
        level = below


def _storable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
