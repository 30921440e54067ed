"""Bodies and query strings over HTTP: bounded, of the declared type, and without any effect when refused."""

from __future__ import annotations

import gzip
import io
import time
import tracemalloc
import zlib

import pytest
from werkzeug.test import TestResponse

from schemas.access import Role
from tests.api import Api
from tests.backend.web.conftest import Probes
from tests.backend.web.test_json import REFUSED

JSON = "application/json"


def post(
    api: Api, data: bytes, path: str = "/probes", content_type: str = JSON, **headers: str
) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.as_(Role.DISPATCHER).send("POST", path, data=data, content_type=content_type, headers=named)


def test_every_broken_text_is_a_problem_without_effect(firm: Api, probes: Probes) -> None:
    for name, raw in REFUSED.items():
        began = time.perf_counter()
        answer = post(firm, raw)
        assert answer.status_code in (400, 413, 422), name
        assert answer.mimetype == "application/problem+json", name
        assert time.perf_counter() - began < 1, name
    assert probes.given == []


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "",
        "application/jsonp",
    ],
)
def test_another_content_type_is_not_read(sqlite_firm: Api, probes: Probes, content_type: str) -> None:
    answer = post(sqlite_firm, b'{"words": "x"}', content_type=content_type)
    assert answer.status_code == 415
    assert probes.given == []


def test_parameters_of_the_content_type_do_not_matter(sqlite_firm: Api) -> None:
    assert post(sqlite_firm, b'{"words": "x"}', content_type=JSON + "; charset=utf-8").status_code == 200


def test_a_body_that_is_no_object_is_refused(sqlite_firm: Api, probes: Probes) -> None:
    for raw in (b"[]", b"null", b"7", b'"words"', b'[{"words": "x"}]'):
        assert post(sqlite_firm, raw).status_code == 422, raw
    assert probes.given == []


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(sqlite_firm: Api, probes: Probes) -> None:
    answer = post(sqlite_firm, b'{"words": "' + b"x" * (10 << 20) + b'"}')
    assert answer.status_code == 413
    assert answer.mimetype == "application/problem+json"
    assert probes.given == []


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(sqlite_firm: Api, probes: Probes) -> None:
    client = sqlite_firm.as_(Role.DISPATCHER)
    source = io.BytesIO(b'{"words": "' + b"x" * (10 << 20) + b'"}')
    answer = client.send(
        "POST",
        "/probes",
        input_stream=source,
        headers={"Content-Type": JSON, "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413, answer.text
    assert source.tell() < 3 << 20
    assert probes.given == []


def test_gzip_is_read(sqlite_firm: Api, probes: Probes) -> None:
    packed = gzip.compress(b'{"words": "' + b"x" * 150_000 + b'"}')
    assert post(sqlite_firm, packed, Content_Encoding="gzip").status_code == 200
    assert len(str(probes.given[0]["words"])) == 150_000


def test_a_gzip_bomb_takes_neither_memory_nor_time(sqlite_firm: Api, probes: Probes) -> None:
    bomb = gzip.compress(b'{"words": "' + b"x" * (200 << 20) + b'"}')
    client = sqlite_firm.as_(Role.DISPATCHER)
    tracemalloc.start()
    began = time.perf_counter()
    answer = client.send(
        "POST", "/probes", data=bomb, content_type=JSON, headers={"Content-Encoding": "gzip"}
    )
    seconds, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 413
    assert seconds < 1
    assert peak < 20 << 20
    assert probes.given == []


def test_what_is_no_whole_gzip_stream_is_refused(sqlite_firm: Api, probes: Probes) -> None:
    packed = gzip.compress(b'{"words": "x"}')
    broken = {
        "not gzip": b'{"words": "x"}',
        "empty": b"",
        "cut": packed[:-9],
        "cut checksum": packed[:-2],
        "wrong checksum": packed[:-8] + b"\0" * 8,
        "junk behind": packed + b"junk",
        "two streams": packed + packed,
        "deflate": zlib.compress(b'{"words": "x"}'),
    }
    for name, data in broken.items():
        assert post(sqlite_firm, data, Content_Encoding="gzip").status_code in (400, 422), name
    assert probes.given == []


def test_other_encodings_are_not_read(sqlite_firm: Api, probes: Probes) -> None:
    for encoding in ("br", "deflate", "gzip, gzip", "compress", "x"):
        assert post(sqlite_firm, b'{"words": "x"}', Content_Encoding=encoding).status_code == 415, encoding
    assert probes.given == []


def test_a_route_may_take_more(sqlite_firm: Api, probes: Probes) -> None:
    body = b'{"words": "' + b"x" * 150_000 + b'"' + b" " * (2 << 20) + b"}"
    assert post(sqlite_firm, body, "/probes/big").status_code == 204
    assert post(sqlite_firm, body).status_code == 413
    assert (
        post(
            sqlite_firm, gzip.compress(body + b" " * (20 << 20)), "/probes/big", Content_Encoding="gzip"
        ).status_code
        == 413
    )
    assert len(probes.given) == 1


def test_unknown_fields_are_refused_and_named(sqlite_firm: Api, probes: Probes) -> None:
    fields = (
        "pay_state",
        "role",
        "tenant_id",
        "is_admin",
        "created_by",
        "version",
        "revision",
        "deleted_at",
        "id",
    )
    for field in fields:
        answer = sqlite_firm.as_(Role.DISPATCHER).post("/probes", {"words": "x", field: "1"})
        assert answer.status_code == 422
        assert answer.json["errors"] == [{"pointer": f"/{field}", "detail": "Unknown field."}]
    assert probes.given == []


def test_a_strange_name_of_a_field_is_named_safely(sqlite_firm: Api) -> None:
    answer = post(sqlite_firm, ('{"words": "x", "a/b~c\u202e' + "y" * 10_000 + '": 1}').encode())
    assert answer.status_code == 422
    pointer = answer.json["errors"][0]["pointer"]
    assert pointer.startswith("/a~1b~0c")
    assert len(pointer) < 150


def test_a_query_string_is_as_strict_as_a_body(sqlite_firm: Api) -> None:
    client = sqlite_firm.as_(Role.DISPATCHER)
    assert client.send("GET", "/probes?words=x&number=7").json == {"words": "x", "number": 7}
    for query in (
        "number=x",
        "number=1.0",
        "number=-1",
        "number=1e3",
        "number=9999999999999999999",
        "number=",
    ):
        assert client.send("GET", f"/probes?{query}").status_code == 422, query
    for query in (
        "words=a&words=b",
        "other=1",
        "words=%00",
        "words=%ff",
        "words=" + "x" * 21,
        "words=%ed%a0%80",
    ):
        status = client.send("GET", f"/probes?{query}").status_code
        assert status == 422, query
    assert client.send("GET", "/me?x=1").status_code == 422, "a route without a query takes none"


def test_page_parameters_are_bounded_and_cursors_cannot_be_forged(firm: Api) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    for query in (
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=1e2",
        "limit=x",
        "limit=1&limit=2",
        "limit=%F0%9F%98%80",
    ):
        assert admin.send("GET", f"/users?{query}").status_code == 422, query
    for cursor in ("x", "-1", "null", "e30", "W10", "%00", "x" * 3000, "../../etc/passwd", "%27%20OR%201=1"):
        assert admin.send("GET", f"/users?after={cursor}").status_code == 422, cursor
    firm.as_(Role.TECHNICIAN)
    of_users = admin.get("/users", limit=1).json["next"]
    assert admin.get("/users", after=of_users).status_code == 200
    assert admin.get("/audit-log", after=of_users).status_code == 422, "a cursor of another list"
    assert admin.get("/users", after=of_users[:-2]).status_code == 422


def test_ids_in_addresses_are_uuids_or_lead_nowhere(firm: Api) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    own = str(admin.user_id)
    assert admin.get(f"/users/{own.upper()}").status_code == 200, "an upper-case twin is the same id"
    for bad in (
        "1",
        "null",
        own[:-1],
        own + "0",
        own.replace("-", ""),
        "{" + own + "}",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "x" * 10_000,
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "aaaaaaaa-aaaa-1aaa-aaaa-aaaaaaaaaaaa",
    ):
        assert admin.send("GET", f"/users/{bad}").status_code == 404, bad
