"""What every answer carries, what the log says of it, and what it never says."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from uuid import uuid4

import pytest
import structlog
from sqlalchemy.exc import OperationalError

from backend.settings import Settings
from backend.web import limits
from backend.web.journal import configure_log, escape
from backend.web.limits import Limits, Rate, TooManyRequests
from schemas.access import Role
from tests.api import PASSWORD, Api
from tests.backend.floor import make_floor
from tests.backend.web.conftest import Probes
from tests.clock import SettableClock
from tests.databases import Database


@pytest.fixture
def log() -> io.StringIO:
    """The log of this test."""
    stream = io.StringIO()
    configure_log(stream)
    return stream


def test_every_answer_is_guarded_by_its_headers(sqlite_firm: Api) -> None:
    client = sqlite_firm.as_(Role.DISPATCHER)
    answers = [client.get(path) for path in ("/me", "/nowhere", "/docs", "/openapi.json", "/health")]
    answers.append(sqlite_firm.anonymous.get("/me"))
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Strict-Transport-Security" not in answer.headers


def test_https_is_kept_once_the_public_address_has_it(
    sqlite_database: Database, settings: Settings, clock: SettableClock
) -> None:
    secure = replace(settings, public_url="https://doorstep.example")
    answer = Api(make_floor(sqlite_database.factory, secure, clock)).anonymous.get("/health")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_request_is_logged_under_an_id_that_the_answer_names(sqlite_firm: Api, log: io.StringIO) -> None:
    client = sqlite_firm.as_(Role.DISPATCHER)
    given = str(uuid4())
    answer = client.get("/me", headers={"X-Request-Id": given})
    line = json.loads(log.getvalue().splitlines()[-1])
    assert answer.headers["X-Request-Id"] == given == line["request_id"]
    assert line["route"] == "/me"
    assert line["status"] == 200
    assert line["actor"] == str(client.user_id)
    assert client.get("/me", headers={"X-Request-Id": "x\u2028y"}).headers["X-Request-Id"] != "x\u2028y"


def test_the_log_knows_no_token_no_password_and_no_person(sqlite_firm: Api, log: io.StringIO) -> None:
    client = sqlite_firm.as_(Role.DISPATCHER)
    sqlite_firm.anonymous.post("/sessions", {"email": "eve@example.org", "password": "let me in please"})
    client.get("/users", after="secret-cursor")
    client.send("GET", "/users/eve@example.org")
    client.post("/sessions/refresh", {"refresh_token": "R" * 43})
    client.post("/devices/enrol", {"code": "ABCDE-FGHJK", "device_name": "Eve's phone", "platform": "x"})
    text = log.getvalue()
    assert text
    for secret in (
        str(client.token),
        PASSWORD,
        "example.org",
        "let me in",
        "Dispatcher",
        "secret-cursor",
        "R" * 43,
        "FGHJK",
        "Eve",
        "127.0.0.1",
    ):
        assert secret not in text, secret


def test_nobody_writes_lines_of_their_own_into_the_log(log: io.StringIO) -> None:
    structlog.get_logger().info("seen", what='x\r\n{"event":"forged"}\u2028\x1b[31m', token="t0ps3cret")
    lines = log.getvalue().splitlines()
    assert len(lines) == 1
    event = json.loads(lines[0])
    assert event["what"] == 'x\\x0d\\x0a{"event":"forged"}\\x2028\\x1b[31m'
    assert event["token"] == "[kept out]"
    assert "t0ps3cret" not in lines[0]


def test_what_is_too_long_for_the_log_is_cut() -> None:
    assert len(escape("x" * 1_000_000)) == 2_000


def test_health_says_whether_the_database_answers(
    sqlite_firm: Api, probes: Probes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sqlite_firm.anonymous.get("/health").json == {"status": "ok"}

    def refuse(**_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))

    monkeypatch.setattr(sqlite_firm.factory, "begin", refuse)
    answer = sqlite_firm.anonymous.get("/health")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "refused" not in answer.text


def test_one_caller_gone_wild_is_slowed_down_and_nobody_else(
    sqlite_database: Database, settings: Settings, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PER_ACTOR", Rate(burst=5, per_second=0.001))
    monkeypatch.setattr(limits, "PER_ADDRESS", Rate(burst=8, per_second=0.001))
    api = Api(make_floor(sqlite_database.factory, replace(settings, throttle=True), clock))
    wild, other = api.as_(Role.DISPATCHER), api.as_(Role.MANAGER)
    assert [wild.get("/me").status_code for _ in range(6)] == [200] * 5 + [429]
    assert wild.get("/me").headers["Retry-After"]
    assert other.get("/me").status_code == 200
    statuses = [
        api.anonymous.get("/me", headers={"Authorization": "Bearer " + "x" * 43}).status_code
        for _ in range(9)
    ]
    assert statuses[-1] == 429, "tokens are not guessed at leisure either"
    assert other.get("/me").status_code == 200, "people who are signed in share an address in peace"


def test_a_bucket_fills_again_and_the_oldest_caller_is_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    counted = Limits(clock=lambda: now)
    rate = Rate(burst=2, per_second=0.5)
    counted.count("a", rate)
    counted.count("a", rate)
    with pytest.raises(TooManyRequests) as refused:
        counted.count("a", rate)
    assert refused.value.extensions == {"retry_after": 2}
    now = 2.0
    counted.count("a", rate)
    monkeypatch.setattr(limits, "_MOST_CALLERS", 2)
    counted.count("b", rate)
    counted.count("c", rate)
    counted.count("a", rate)
