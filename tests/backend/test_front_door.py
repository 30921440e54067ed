"""The front door and the route give the same answers, and without news it is the front door that answers."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from backend.access import actions
from backend.access.doorkeeper import Doorkeeper
from backend.access.models import Device, User
from backend.access.permissions import SYSTEM
from backend.front_door import FrontDoor
from backend.sync_host import engine_of
from backend.visits.actions import add_visit_note
from backend.web.limits import LIMITS, PER_ACTOR, Limits
from backend.web.reading import parse_json
from schemas.access import Role
from sync.models import JOURNALS, STATE
from sync.plain import read_plain
from sync.request import read_request
from tests.api import Api
from tests.clock import SettableClock
from tests.given.dispatch import a_dispatched_visit, a_technician, as_actor
from tests.given.parts import a_part

JOURNAL = "3b2f1a52-6a0e-4b8f-9a6e-0d9d4c7f2a11"
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass
class Answer:
    """What came back; the headers without those of this one request."""

    status: str
    headers: dict[str, str]
    body: bytes


class Bench:
    """A phone before both doors of one application, and what may happen around it."""

    def __init__(self, api: Api, clock: SettableClock) -> None:
        self.api, self.app, self.clock = api, api.app, clock
        self.handed_on: list[bytes] = []
        self.front = FrontDoor(self.app, https=False)  # one for all requests: it remembers
        self.front._inside = lambda environ, _: self.handed_on.append(environ["wsgi.input"].read()) or []  # type: ignore[assignment,func-returns-value]
        with api.factory.begin() as uow:
            technician = a_technician(uow)
            self.user_id, self.actor = technician.id, as_actor(technician)
            self.visit_id = a_dispatched_visit(uow, technician).id
            a_part(uow)
        asked = api.as_(Role.DISPATCHER).post("/devices/enrolment-codes", {"user_id": str(self.user_id)})
        form = {"code": asked.json["code"], "device_name": "Pixel", "platform": "android 15"}
        enrolled = api.anonymous.post("/devices/enrol", form).json
        self.device_id, self.token = UUID(enrolled["device_id"]), enrolled["access_token"]
        self.cursor: str | None = None
        self.old_cursor: str | None = None
        self.pull()
        self.pull()

    @property
    def door(self) -> FrontDoor:
        door = self.app.wsgi_app
        assert isinstance(door, FrontDoor)
        return door

    def environ(self, body: bytes, **over: str) -> dict[str, Any]:
        usual = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/sync/exchange",
            "QUERY_STRING": "",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_AUTHORIZATION": f"Bearer {self.token}",
            "REMOTE_ADDR": "192.0.2.1",
            "SERVER_NAME": "doorstep",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
        }
        return {**usual, "wsgi.input": io.BytesIO(body), **over}

    def message(self, **over: Any) -> dict[str, Any]:
        usual = {
            "protocol": 1,
            "journal": JOURNAL,
            "acknowledged": 0,
            "device_now": None,
            "cursor": self.cursor,
            "limit": 1000,
            "mutations": [],
        }
        return {**usual, **over}

    def at_the_door(self, environ: dict[str, Any]) -> Answer | None:
        """What the front door answers by itself; None when it hands on, after which the body can be read."""
        self.handed_on.clear()
        body = environ["wsgi.input"].getvalue()
        answer = ask(self.front, environ)
        assert self.handed_on in ([], [body])
        return None if self.handed_on else answer

    def at_the_route(self, environ: dict[str, Any]) -> Answer:
        answer = ask(self.door._inside, environ)
        assert answer is not None
        return answer

    def pull(self) -> None:
        while True:
            answer = self.at_the_route(self.environ(orjson.dumps(self.message())))
            if answer.status != "200 OK":
                return
            read = orjson.loads(answer.body)
            self.old_cursor, self.cursor = self.cursor, read["cursor"]
            if not read["more"]:
                return

    # What may happen

    def write_for_everybody(self) -> None:
        with self.api.factory.begin() as uow:
            a_part(uow)

    def write_for_us(self) -> None:
        with self.api.factory.begin() as uow:
            add_visit_note(uow, self.actor, None, visit_id=self.visit_id, text="Bring a ladder.")

    def expand(self) -> None:
        engine_of(self.app).expand()

    def push_what_is_held(self) -> None:
        note = {
            "mutation_id": str(uuid4()),
            "number": 1,
            "type": "visit_note.add",
            "record": str(uuid4()),
            "fields": {"visit_id": str(uuid4()), "text": "about a visit that nobody knows yet"},
            "occurred_at": "2026-03-02T08:00:00Z",
        }
        self.at_the_route(self.environ(orjson.dumps(self.message(mutations=[note], acknowledged=0))))

    def wait_a_little(self) -> None:
        self.clock.advance(minutes=3)

    def sleep_over_it(self) -> None:
        self.clock.advance(hours=20)
        self.sign_in_again()

    def sign_in_again(self) -> None:
        doorkeeper = self.api.wiring.authenticator
        assert isinstance(doorkeeper, Doorkeeper)
        with self.api.factory.begin() as uow:
            self.token = doorkeeper.sessions.begin(uow, self.user_id, self.device_id).access_token

    def move_to_another_zone(self) -> None:
        with self.api.factory.begin() as uow:
            user = uow.session.get_one(User, self.user_id)
            user.time_zone = "Asia/Tokyo" if user.time_zone != "Asia/Tokyo" else "Europe/Berlin"

    def become_somebody_else(self) -> None:
        with self.api.factory.begin() as uow:
            user = uow.session.get_one(User, self.user_id)
            user.role = Role.DISPATCHER if user.role is Role.TECHNICIAN else Role.TECHNICIAN

    def lose_the_phone(self) -> None:
        with self.api.factory.begin() as uow:
            actions.revoke_device(uow, SYSTEM, self.device_id)

    def find_it(self) -> None:
        with self.api.factory.begin() as uow:
            uow.session.execute(update(Device).values(revoked_at=None))

    def restore_the_database(self) -> None:
        with self.api.factory.begin() as uow:
            uow.session.execute(update(STATE).values(epoch=uuid4()))

    def be_another_server(self) -> None:
        with self.api.factory.begin() as uow:
            uow.session.execute(update(STATE).values(server_identity="another"))
        self.front._ask_identity_at = self.door._ask_identity_at = 0.0


STEPS = sorted(
    name
    for name in vars(Bench)
    if not name.startswith("_") and name not in {"environ", "message", "at_the_door", "at_the_route", "door"}
)
OVER: dict[str, tuple[Any, ...]] = {
    "protocol": (2, True, 1.0, None),
    "journal": (JOURNAL.upper(), str(uuid4()), str(UUID(int=0)), JOURNAL[:-1], 7, None),
    "acknowledged": (0, 1, 2, -1, 2**53, True, "0"),
    "device_now": ("2026-03-02T08:00:00Z", "long ago", 7, [], {"a": 1}),
    "cursor": (None, "", "forged", "\u00e9", 5),
    "limit": (0, 1, 10_000, 10_001, 1.0, None),
    "mutations": (None, [None], [{}], {}),
    "journal_start": (1,),
    "unknown": (1,),
}
"""Other values of the members than those of an exchange without news."""
ANYTHING = [value for values in OVER.values() for value in values]
HEADERS = (
    {"HTTP_X_REQUEST_ID": JOURNAL.upper()},
    {"HTTP_X_REQUEST_ID": "nonsense"},
    {"HTTP_ACCEPT_ENCODING": "gzip"},
    {"HTTP_CONTENT_ENCODING": "gzip"},
    {"HTTP_CONTENT_ENCODING": "identity"},
    {"QUERY_STRING": "a=1"},
    {"CONTENT_TYPE": "text/plain"},
    {"CONTENT_TYPE": ""},
    {"HTTP_AUTHORIZATION": "Bearer of-a-token-that-nobody-gave-out"},
    {"HTTP_AUTHORIZATION": ""},
    {"REQUEST_METHOD": "GET"},
    {"PATH_INFO": "/sync/exchange/"},
)
TEXTS = (
    lambda text: text.replace('{"protocol":1', '{"protocol":2,"protocol":1'),
    lambda text: text.replace('"cursor":', '"\\u0063ursor":'),
    lambda text: f"\ufeff{text}",
    lambda text: f" {text}\n",
    lambda text: text[:-1],
    lambda text: f"{text}{{}}",
    json.dumps,
)


def ask(wsgi: Any, environ: dict[str, Any]) -> Answer:
    """One answer of a WSGI application."""
    begun: list[Any] = []
    body = b"".join(wsgi(environ, lambda status, headers, _=None: begun.append((status, headers))))
    status, headers = begun[0] if begun else ("", [])
    assert len(headers) == len({name for name, _ in headers})
    given = environ.get("HTTP_X_REQUEST_ID")  # what is no UUID is replaced by another one each time
    kept = {name: value for name, value in headers if name != "X-Request-Id" or value == given}
    return Answer(status, kept, body)


@pytest.fixture
def bench(api: Api, clock: SettableClock) -> Bench:
    return Bench(api, clock)


def test_an_exchange_without_news_is_answered_at_the_front_door(bench: Bench) -> None:
    answer = bench.at_the_door(bench.environ(orjson.dumps(bench.message())))
    assert answer is not None
    assert orjson.loads(answer.body)["changes"] == []


def test_news_of_any_kind_go_to_the_route(bench: Bench) -> None:
    bench.write_for_everybody()
    assert bench.at_the_door(bench.environ(orjson.dumps(bench.message()))) is None


@FEW
@given(data=st.data())
def test_front_door_and_route_give_the_same_answer(bench: Bench, data: st.DataObject) -> None:
    bench.find_it()
    bench.pull()
    bench.at_the_door(bench.environ(orjson.dumps(bench.message())))  # so that there is something to remember
    for step in data.draw(st.lists(st.sampled_from(STEPS), max_size=3)):
        getattr(bench, step)()
    over: dict[str, Any] = {}
    if data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(OVER)))
        over[name] = data.draw(
            st.sampled_from((*OVER[name], *((bench.old_cursor,) if name == "cursor" else ())))
        )
    text = orjson.dumps(bench.message(**over)).decode()
    if data.draw(st.integers(0, 4)) == 0:
        text = data.draw(st.sampled_from(TEXTS))(text)
    headers = data.draw(st.sampled_from(HEADERS)) if data.draw(st.integers(0, 3)) == 0 else {}
    at_the_door = [bench.at_the_door(bench.environ(text.encode(), **headers)) for _ in range(2)]
    at_the_route = bench.at_the_route(bench.environ(text.encode(), **headers))
    assert at_the_door in ([None, None], [at_the_route, at_the_route])


def judged_before(bench: Bench) -> bool:
    """Whether the front door answers a quiet phone, and again from memory with the time of then."""
    answers = []
    for _ in range(2):
        bench.clock.advance(seconds=1)
        answers.append(bench.at_the_door(bench.environ(orjson.dumps(bench.message()))))
    first, second = (orjson.loads(answer.body) if answer else {} for answer in answers)
    assert first.pop("server_now", "") < second.pop("server_now", " ")
    return bool(first == second != {})


@pytest.mark.parametrize(
    "step", ["write_for_us", "move_to_another_zone", "lose_the_phone", "restore_the_database"]
)
def test_what_is_remembered_of_a_phone_ends_when_the_database_says_something_else(
    bench: Bench, step: str
) -> None:
    assert judged_before(bench)
    getattr(bench, step)()
    assert bench.at_the_door(bench.environ(orjson.dumps(bench.message()))) is None


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_another_database_server_is_noticed_until_the_route_was_told(bench: Bench) -> None:
    assert judged_before(bench)
    bench.be_another_server()
    for _ in range(2):
        assert bench.at_the_door(bench.environ(orjson.dumps(bench.message()))) is None


def test_what_is_remembered_of_a_phone_is_the_answer_to_the_same_request_only(bench: Bench) -> None:
    assert judged_before(bench)
    ahead = bench.message(acknowledged=1)  # of the outcome of a mutation that nobody pushed
    assert bench.at_the_door(bench.environ(orjson.dumps(ahead))) is None


def test_what_is_remembered_of_a_phone_ends_with_its_day(bench: Bench) -> None:
    bench.clock.advance(hours=(21 - bench.clock().hour) % 24)
    bench.clock.advance(
        minutes=58 - bench.clock().minute
    )  # in UTC; where the technician is, midnight is near
    with bench.api.factory.begin() as uow:
        uow.session.get_one(User, bench.user_id).time_zone = "Africa/Cairo"
    bench.sign_in_again()
    bench.pull()
    bench.pull()
    assert judged_before(bench)
    bench.clock.advance(minutes=3)
    assert bench.at_the_door(bench.environ(orjson.dumps(bench.message()))) is None


def test_what_is_remembered_of_a_phone_ends_when_what_it_pushed_is_due_again(bench: Bench) -> None:
    bench.push_what_is_held()
    bench.pull()
    usual = bench.message
    bench.message = lambda **over: usual(**{"acknowledged": 1, **over})  # type: ignore[method-assign]
    assert judged_before(bench)
    with bench.api.factory.begin(write=False) as uow:
        retry_at = uow.session.scalars(select(JOURNALS.c.retry_at)).one()
    bench.clock.advance(seconds=(retry_at - bench.clock()).total_seconds() + 1)
    assert bench.at_the_door(bench.environ(orjson.dumps(bench.message()))) is None


@given(
    over=st.dictionaries(
        st.sampled_from(sorted(OVER)), st.sampled_from([v for vs in OVER.values() for v in vs])
    ),
    text=st.sampled_from((lambda text: text, *TEXTS)),
)
def test_what_is_read_at_a_glance_is_read_in_the_same_way_with_care(over: dict[str, Any], text: Any) -> None:
    usual = {
        "protocol": 1,
        "journal": JOURNAL,
        "acknowledged": 3,
        "device_now": None,
        "cursor": "abc",
        "limit": 1000,
        "mutations": [],
    }
    raw = text(orjson.dumps({**usual, **over}).decode()).encode()
    glance = read_plain(raw)
    if glance is not None:
        with_care = read_request(parse_json(raw, refuse_unstorable_text=False))
        assert glance == replace(with_care, device_now=None, mutations=())


def test_a_phone_that_asks_too_often_is_refused_at_either_door(bench: Bench) -> None:
    bench.app.extensions[LIMITS] = Limits(clock=lambda: 0.0)
    environ = [bench.environ(orjson.dumps(bench.message())) for _ in range(PER_ACTOR.burst + 2)]
    said = [ask(bench.app.wsgi_app, one).status for one in environ]
    assert said == ["200 OK"] * PER_ACTOR.burst + ["429 TOO MANY REQUESTS"] * 2
