"""Rules about the form of an exchange: members, encodings, caches, refusals."""

from __future__ import annotations

import json

from mobile_client_stub.conformance.bench import Bench
from mobile_client_stub.conformance.getting_in import refused
from mobile_client_stub.conformance.rule import expect, rule
from mobile_client_stub.conformance.wire import PROTOCOL, Answer, Body, understood

MEMBERS = {
    "server_now": str,
    "epoch": str,
    "expected_number": int,
    "outcomes": list,
    "changes": list,
    "cursor": str,
    "more": bool,
    "directives": list,
}
DIRECTIVES = {"wipe", "lock", "resync", "new_journal", "upload_logs"}
LARGE = "A note that is worth packing. " * 100


@rule
def answer_has_its_members(bench: Bench) -> str:
    """An exchange is answered with all its members, each of its type."""
    answer = bench.phone.journal().exchange()
    wrong = [name for name, kind in MEMBERS.items() if type(answer.body.get(name)) is not kind]
    expect(not wrong, f"missing or of another type: {', '.join(wrong)}")
    unknown = set(answer.directives) - DIRECTIVES
    expect(not unknown, f"directives that the protocol does not know: {', '.join(sorted(unknown))}")
    return f"200 with {len(answer.body)} members"


@rule
def answers_are_not_cached(bench: Bench) -> str:
    """Answers carry Cache-Control: no-store."""
    journal = bench.phone.journal()
    journal.pull()
    asked: Body = {"protocol": PROTOCOL, "cursor": journal.cursor, "held": []}
    for path, answer in (
        ("exchange", journal.ask()),
        ("reconcile", journal.device.post("/sync/reconcile", asked)),
    ):
        said = answer.headers.get("cache-control", "")
        expect("no-store" in said, f"{path}: {answer} with Cache-Control {said or 'missing'}")
    return "no-store on exchange and reconcile"


@rule
def gzip_request_is_read(bench: Bench) -> str:
    """A request may come with Content-Encoding: gzip."""
    journal = bench.phone.journal()
    request = journal.request([bench.note(journal)], limit=0)
    answer = understood(bench.phone.post("/sync/exchange", request, zipped=True))
    expect(_words(answer) == ["applied"], f"outcomes {_words(answer)}")
    return "200, applied"


@rule
def gzip_answer_when_taken(bench: Bench) -> str:
    """A large answer comes as gzip to whom takes gzip, plain to whom does not, and says the same."""
    request = bench.phone.journal().request()
    plain = understood(bench.phone.post("/sync/exchange", request, take="identity"))
    zipped = understood(bench.phone.post("/sync/exchange", request, take="gzip"))
    expect(plain.encoding == "identity", f"{plain.encoding} to whom takes no encoding")
    expect(zipped.encoding == "gzip", f"{zipped.encoding} to whom takes gzip")
    expect(plain.changes == zipped.changes, "other changes in the packed answer")
    return f"both ways, {len(plain.changes)} changes"


@rule
def refusals_are_problems(bench: Bench) -> str:
    """What is no exchange at all is a 4xx with a problem: type, title, status, detail."""
    whole = bench.phone.journal().request()
    without_journal = {name: value for name, value in whole.items() if name != "journal"}
    bodies: tuple[object, ...] = (
        b"{",
        b"[]",
        b"{} {}",
        b'{"protocol": 1, "protocol": 1}',
        without_journal,
        whole | {"acknowledged": -1},
        whole | {"limit": "all"},
    )
    came = {refused(bench.phone.post("/sync/exchange", body)) for body in bodies}
    return f"{len(bodies)} refused: {', '.join(sorted(came))}"


@rule
def unknown_protocol_is_refused(bench: Bench) -> str:
    """A version of the protocol that the server does not speak is a 4xx, and nothing is applied."""
    journal = bench.phone.journal()
    came = refused(journal.ask([bench.note(journal)], protocol=PROTOCOL + 998))
    answer = journal.exchange(limit=1)
    expect(answer.body["expected_number"] == 1, "the mutation was taken all the same")
    return came


@rule
def unstorable_text_costs_one_mutation(bench: Bench) -> str:
    """A text that no database takes is one mutation's fault, and its neighbours are applied."""
    journal = bench.phone.journal()
    sent = [bench.note(journal), bench.note(journal, "NUL \0 here"), bench.note(journal, LARGE)]
    sent.append(bench.note(journal, "half a pair \ud800"))
    text = json.dumps(journal.request(sent, limit=0)).encode()
    answer = understood(bench.phone.post("/sync/exchange", text))
    words = _words(answer)
    expect(words == ["applied", "refused", "applied", "refused"], f"outcomes {words}")
    return ", ".join(words)


def _words(answer: Answer) -> list[str]:
    return words_of(answer.outcomes)


def words_of(outcomes: list[Body]) -> list[str]:
    """What became of each."""
    return [str(outcome.get("outcome")) for outcome in outcomes]


RULES = (
    answer_has_its_members,
    answers_are_not_cached,
    gzip_request_is_read,
    gzip_answer_when_taken,
    refusals_are_problems,
    unknown_protocol_is_refused,
    unstorable_text_costs_one_mutation,
)
