"""Deliberately faulty servers, one for each rule of the kit: what is broken, and what the kit has to say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from tests.conformance.middle import Answered, Asked, Body, Middle

AskedFault = Callable[[Middle, Asked], Answered | None]
AnsweredFault = Callable[[Middle, Asked, Answered], None]


@dataclass(frozen=True)
class Faulty:
    """One way to break a rule; `caught` stands in what the kit says of it."""

    caught: str
    asked: AskedFault | None = None
    answered: AnsweredFault | None = None


def refusal(status: int, code: str) -> Answered:
    """A problem in place of an answer."""
    answer = Answered(status)
    answer.headers["Content-Type"] = "application/problem+json"
    answer.body = {"type": f"urn:doorstep:problem:{code}", "title": "No.", "status": status, "detail": "No."}
    return answer


# Getting in


def forgets_the_time_zone(_: Middle, asked: Asked, answer: Answered) -> None:
    if asked.path == "/devices/enrol":
        answer.body.pop("time_zone", None)


def takes_a_code_twice(middle: Middle, asked: Asked) -> Answered | None:
    if asked.path != "/devices/enrol":
        return None
    code = asked.body["code"]
    if code not in middle.memory:
        middle.memory[code] = middle.forward(asked)
    return copy.deepcopy(middle.memory[code])


def lets_anybody_in(_: Middle, asked: Asked, answer: Answered) -> None:
    if asked.exchanges and answer.status == 401:
        answer.status, answer.body = 200, {"changes": []}


def never_rotates(_: Middle, asked: Asked, answer: Answered) -> None:
    if asked.path == "/sessions/refresh" and answer.status == 200:
        answer.body["refresh_token"] = asked.body["refresh_token"]


def refreshes_once(middle: Middle, asked: Asked) -> Answered | None:
    if asked.path != "/sessions/refresh":
        return None
    known = middle.memory.setdefault(asked.body["refresh_token"], [])
    known.append(True)
    return refusal(401, "unauthenticated") if len(known) > 1 else None


def binds_no_key(_: Middle, asked: Asked) -> None:
    if asked.path == "/devices/enrol":
        asked.body.pop("public_key", None)


# The form of an exchange


def has_no_clock(_: Middle, asked: Asked, answer: Answered) -> None:
    answer.body.pop("server_now", None)


def lets_answers_be_cached(_: Middle, asked: Asked, answer: Answered) -> None:
    answer.headers["Cache-Control"] = "max-age=60"


def reads_no_gzip(_: Middle, asked: Asked) -> Answered | None:
    return refusal(415, "unsupported-media-type") if "HTTP_CONTENT_ENCODING" in asked.environ else None


def writes_no_gzip(_: Middle, asked: Asked) -> None:
    asked.environ.pop("HTTP_ACCEPT_ENCODING", None)


def has_plain_errors(_: Middle, asked: Asked, answer: Answered) -> None:
    if answer.status >= 400:
        answer.headers["Content-Type"] = "application/json"


def speaks_any_protocol(_: Middle, asked: Asked) -> None:
    if "protocol" in asked.body:
        asked.body["protocol"] = 1


def refuses_the_request_for_a_text(_: Middle, asked: Asked) -> Answered | None:
    return refusal(422, "invalid-fields") if b"\\u0000" in asked.raw else None


# Push


def loses_an_outcome(_: Middle, asked: Asked, answer: Answered) -> None:
    answer.body.get("outcomes", [])[:1] = []


def pulls_while_pushing(_: Middle, asked: Asked) -> None:
    if asked.exchanges and asked.body.get("limit") == 0:
        asked.body["limit"] = 100


def _with_other_ids(middle: Middle, asked: Asked, of: Callable[[str], str]) -> Answered | None:
    """Ask under other mutation and record ids, and answer under those that came."""
    if not asked.exchanges or not asked.mutations:
        return None
    came = {sent["number"]: sent["mutation_id"] for sent in asked.mutations}
    for sent in asked.mutations:
        sent["mutation_id"], sent["record"] = of(sent["mutation_id"]), of(sent["record"])
    answer = middle.forward(asked)
    for outcome in answer.body.get("outcomes", []):
        outcome["mutation_id"] = came[outcome["number"]]
    return answer


def has_no_idempotency_key(middle: Middle, asked: Asked) -> Answered | None:
    if asked.mutations:
        asked.body["journal"] = str(uuid4())
    return _with_other_ids(middle, asked, lambda _: str(uuid4()))


def knows_mutations_by_journal(middle: Middle, asked: Asked) -> Answered | None:
    journal = asked.body.get("journal")
    return _with_other_ids(middle, asked, lambda known: str(uuid5(NAMESPACE_URL, f"{journal} {known}")))


def looks_at_no_content(middle: Middle, asked: Asked) -> None:
    for sent in asked.mutations:
        first = middle.memory.setdefault(sent["mutation_id"], copy.deepcopy(sent))
        sent |= {name: value for name, value in first.items() if name != "number"}


def minds_no_gap(_: Middle, asked: Asked) -> None:
    for place, sent in enumerate(asked.mutations, start=1):
        sent["number"] = asked.body["acknowledged"] + place


def waits_for_what_is_lost(_: Middle, asked: Asked) -> None:
    asked.body.pop("journal_start", None)


def sees_no_clone(_: Middle, asked: Asked, answer: Answered) -> None:
    _without_directive(answer, "new_journal")


def asks_nobody_whose_journal(middle: Middle, asked: Asked) -> None:
    if asked.exchanges:
        owner = middle.memory.setdefault(asked.body["journal"], asked.token)
        if owner != asked.token:
            asked.body["journal"] = str(uuid5(NAMESPACE_URL, asked.token))


def refuses_the_request_for_a_mutation(_: Middle, asked: Asked, answer: Answered) -> None:
    if any(outcome["outcome"] == "refused" for outcome in answer.body.get("outcomes", [])):
        vars(answer).update(vars(refusal(422, "invalid-fields")))


def takes_objects_only(_: Middle, asked: Asked) -> Answered | None:
    whole = len(asked.mutations) == len(asked.body.get("mutations", []))
    return None if whole else refusal(422, "invalid-fields")


def guesses_at_schemas(_: Middle, asked: Asked) -> None:
    for sent in asked.mutations:
        sent["schema"] = 1


def trusts_no_clock(_: Middle, asked: Asked) -> Answered | None:
    old = any(str(sent.get("occurred_at")) < "2000" for sent in asked.mutations)
    return refusal(422, "invalid-fields") if old else None


def waits_for_the_held(_: Middle, asked: Asked, answer: Answered) -> None:
    held = sum(outcome["outcome"] == "held" for outcome in answer.body.get("outcomes", []))
    if held:
        answer.body["expected_number"] -= held


def keeps_the_inbox_to_itself(_: Middle, asked: Asked, answer: Answered) -> None:
    _keep_changes(answer, lambda change: change["collection"] != "field_inbox")


# Pull


def sends_longer_pages(_: Middle, asked: Asked) -> None:
    if asked.body.get("limit"):
        asked.body["limit"] *= 2


def forgets_revisions(_: Middle, asked: Asked, answer: Answered) -> None:
    for change in answer.body.get("changes", []):
        change.get("body", {}).pop("revision", None)


def counts_one_too_many(_: Middle, asked: Asked, answer: Answered) -> None:
    for feed in answer.body.get("digest", {}).values():
        feed["count"] += 1


def loses_one_at_every_page_break(middle: Middle, asked: Asked) -> Answered | None:
    if not asked.exchanges or not asked.body.get("limit"):
        return None
    asked.body["limit"] += 1
    answer = middle.forward(asked)
    if answer.body.get("more"):
        answer.body["changes"].pop()
    return answer


def forgets_where_the_phone_is(_: Middle, asked: Asked) -> None:
    if asked.exchanges:
        asked.body["cursor"] = None


def pulls_before_it_pushes(middle: Middle, asked: Asked) -> Answered | None:
    if not asked.mutations or not asked.body["limit"]:
        return None
    mutations, asked.body["mutations"] = asked.body["mutations"], []
    pulled = middle.forward(asked)
    asked.body |= {"mutations": mutations, "limit": 0}
    pushed = middle.forward(asked)
    return Answered(200, body=pulled.body | {"outcomes": pushed.body["outcomes"]})


def tells_one_phone_only(middle: Middle, asked: Asked, answer: Answered) -> None:
    if asked.exchanges and asked.token != middle.memory.setdefault("first", asked.token):
        _keep_changes(answer, lambda change: change["collection"] != "visit_notes")


def overrides_everything_old(middle: Middle, asked: Asked, answer: Answered) -> None:
    for sent, outcome in zip(asked.mutations, answer.body.get("outcomes", []), strict=False):
        newest = middle.memory.setdefault(sent["record"], sent["base"])
        if sent["base"] is not None and asked.token != middle.memory.setdefault("first", asked.token):
            outcome["outcome"] = "overridden" if newest == sent["base"] else outcome["outcome"]


def refuses_cursors(_: Middle, asked: Asked, answer: Answered) -> None:
    if "resync" in answer.body.get("directives", ()):
        vars(answer).update(vars(refusal(400, "cursor-unknown")))


def believes_any_cursor(_: Middle, asked: Asked, answer: Answered) -> None:
    if "resync" in answer.body.get("directives", ()):
        _without_directive(answer, "resync")
        answer.body["changes"] = []


def sends_everything_to_reconcile(_: Middle, asked: Asked) -> None:
    if asked.path == "/sync/reconcile":
        asked.body["held"] = []


# Waiting


def never_has_news(_: Middle, asked: Asked, answer: Answered) -> None:
    if asked.path == "/sync/wake":
        answer.body["news"] = False


def always_has_news(_: Middle, asked: Asked, answer: Answered) -> None:
    if asked.path == "/sync/wake":
        answer.body["news"] = True


# Files


def gives_no_receipt(_: Middle, asked: Asked, answer: Answered) -> None:
    for body in (answer.body, *(change.get("body", {}) for change in answer.body.get("changes", []))):
        if body.get("state") == "stored":
            body["state"] = "expected"


def takes_any_bytes(_: Middle, asked: Asked) -> Answered | None:
    return Answered(204) if asked.environ["REQUEST_METHOD"] == "PUT" else None


# Endings


def hears_no_revoked_phone(_: Middle, asked: Asked, answer: Answered) -> None:
    if "wipe" in answer.body.get("directives", ()):
        vars(answer).update(vars(refusal(401, "unauthenticated")))


def notices_no_restore(_: Middle, asked: Asked) -> None:
    if asked.exchanges and not asked.body["mutations"]:
        asked.body["acknowledged"] = 0


def goes_on_in_another_epoch(_: Middle, asked: Asked, answer: Answered) -> None:
    _without_directive(answer, "resync")


def adds_members_nobody_knows(_: Middle, asked: Asked, answer: Answered) -> None:
    """Not a fault: shapes grow by addition, and clients ignore what they do not know."""
    bodies = [answer.body, *answer.body.get("outcomes", []), *answer.body.get("changes", [])]
    bodies += [change["body"] for change in answer.body.get("changes", []) if "body" in change]
    for body in bodies:
        if body:
            body["of_a_later_version"] = 1


def _without_directive(answer: Answered, directive: str) -> None:
    if directive in answer.body.get("directives", ()):
        answer.body["directives"].remove(directive)


def _keep_changes(answer: Answered, wanted: Callable[[Body], bool]) -> None:
    if "changes" in answer.body:
        answer.body["changes"] = [change for change in answer.body["changes"] if wanted(change)]


def _fault(caught: str, **parts: Any) -> Faulty:
    return Faulty(caught, **parts)


FAULTY_SERVERS: dict[str, Faulty] = {
    "enrolment-answers-whole": _fault("without time_zone", answered=forgets_the_time_zone),
    "code-works-once": _fault("201", asked=takes_a_code_twice),
    "no-sign-in-no-exchange": _fault("200 with no token", answered=lets_anybody_in),
    "refresh-rotates": _fault("the same refresh token", answered=never_rotates),
    "refresh-answered-again": _fault("401", asked=refreshes_once),
    "refresh-replay-ends-the-session": _fault("200 for the newest", asked=refreshes_once),
    "refresh-needs-the-phones-key": _fault("200 without proof", asked=binds_no_key),
    "answer-has-its-members": _fault("server_now", answered=has_no_clock),
    "answers-are-not-cached": _fault("max-age=60", answered=lets_answers_be_cached),
    "gzip-request-is-read": _fault("415", asked=reads_no_gzip),
    "gzip-answer-when-taken": _fault("identity to whom takes gzip", asked=writes_no_gzip),
    "refusals-are-problems": _fault("as application/json", answered=has_plain_errors),
    "unknown-protocol-is-refused": _fault("200", asked=speaks_any_protocol),
    "unstorable-text-costs-one-mutation": _fault("422", asked=refuses_the_request_for_a_text),
    "every-mutation-has-an-outcome": _fault("numbers [2, 3]", answered=loses_an_outcome),
    "push-without-pull": _fault("changes", asked=pulls_while_pushing),
    "a-repeat-applies-nothing-twice": _fault("3 notes", asked=has_no_idempotency_key),
    "a-mutation-is-known-in-every-journal": _fault("2 notes", asked=knows_mutations_by_journal),
    "the-first-content-counts": _fault("outcomes ['applied']", asked=looks_at_no_content),
    "a-gap-is-told": _fault("200 with outcomes", asked=minds_no_gap),
    "what-nobody-has-any-more-is-passed": _fault("409 mutation-gap", asked=waits_for_what_is_lost),
    "a-clone-gets-a-new-journal": _fault("directives []", answered=sees_no_clone),
    "a-journal-belongs-to-one-person": _fault("directives []", asked=asks_nobody_whose_journal),
    "a-bad-mutation-is-an-outcome": _fault("422", answered=refuses_the_request_for_a_mutation),
    "nonsense-in-the-list-is-an-outcome": _fault("422", asked=takes_objects_only),
    "a-newer-schema-is-an-outcome": _fault("outcomes ['applied']", asked=guesses_at_schemas),
    "a-wrong-clock-loses-nothing": _fault("422", asked=trusts_no_clock),
    "held-is-received": _fault("expected_number 2", answered=waits_for_the_held),
    "what-did-not-apply-is-in-the-inbox": _fault("0 entries", answered=keeps_the_inbox_to_itself),
    "pages-keep-the-limit": _fault("a page of 6 changes", asked=sends_longer_pages),
    "changes-are-whole": _fault("without its id or its revision", answered=forgets_revisions),
    "the-digest-is-what-was-sent": _fault("digest", answered=counts_one_too_many),
    "every-page-can-be-resumed-from": _fault("after a break", asked=loses_one_at_every_page_break),
    "nothing-new-nothing-sent": _fault("changes", asked=forgets_where_the_phone_is),
    "a-phone-sees-its-own-effects": _fault("not among them", asked=pulls_before_it_pushes),
    "the-other-phone-hears-of-it": _fault("it did not come", answered=tells_one_phone_only),
    "an-own-edit-from-an-old-base-stands": _fault("overridden", answered=overrides_everything_old),
    "a-forged-cursor-starts-over": _fault("400 cursor-unknown", answered=refuses_cursors),
    "a-cursor-of-another-phone-starts-over": _fault("directives []", answered=believes_any_cursor),
    "reconcile-sends-the-differences": _fault("put", asked=sends_everything_to_reconcile),
    "reconcile-of-the-equal-is-empty": _fault("changes", asked=sends_everything_to_reconcile),
    "news-wakes-the-waiting": _fault("news False", answered=never_has_news),
    "a-quiet-wait-comes-to-its-end": _fault("news True", answered=always_has_news),
    "a-file-gets-its-receipt": _fault("complete: 200 expected", answered=gives_no_receipt),
    "other-bytes-get-no-receipt": _fault("204 for bytes", asked=takes_any_bytes),
    "an-upload-address-cannot-be-made-up": _fault("204", asked=takes_any_bytes),
    "a-revoked-phone-is-heard-and-wiped": _fault("401", answered=hears_no_revoked_phone),
    "a-restored-server-is-noticed": _fault("directives []", asked=notices_no_restore),
    "a-cursor-of-another-epoch-starts-over": _fault("directives []", answered=goes_on_in_another_epoch),
}
