"""Rules about mutations on their way up: once each, in order, and none ever stops the queue."""

from __future__ import annotations

from mobile_client_stub.conformance.bench import Bench
from mobile_client_stub.conformance.exchanging import words_of
from mobile_client_stub.conformance.rule import expect, rule
from mobile_client_stub.conformance.wire import Body, Journal, new_id

OUTCOMES = {"applied", "merged", "overridden", "held", "refused"}


@rule
def every_mutation_has_an_outcome(bench: Bench) -> str:
    """Every mutation has its outcome in the answer, in order, and expected_number goes beyond the last."""
    journal = bench.phone.journal()
    sent = [bench.note(journal) for _ in range(3)]
    answer = journal.exchange(sent, limit=0)
    came = [(outcome["number"], outcome["mutation_id"]) for outcome in answer.outcomes]
    expect(
        came == [(m["number"], m["mutation_id"]) for m in sent],
        f"outcomes for the numbers {[n for n, _ in came]}",
    )
    unknown = set(words_of(answer.outcomes)) - OUTCOMES
    expect(not unknown, f"outcomes that the protocol does not know: {', '.join(sorted(unknown))}")
    expect(answer.body["expected_number"] == 4, f"expected_number {answer.body['expected_number']}")
    return f"3 outcomes, {words_of(answer.outcomes)}, expected_number 4"


@rule
def push_without_pull(bench: Bench) -> str:
    """With limit 0 no changes come and the cursor stays: nothing is removed before all is up."""
    journal = bench.phone.journal()
    journal.pull()
    before = journal.cursor
    answer = journal.exchange([bench.note(journal)], limit=0)
    expect(not answer.changes, f"{len(answer.changes)} changes")
    expect(answer.body["cursor"] == before, "another cursor")
    expect("digest" not in answer.body, "a digest")
    expect(words_of(answer.outcomes) == ["applied"], f"outcomes {words_of(answer.outcomes)}")
    return "applied, no changes, the same cursor"


@rule
def a_repeat_applies_nothing_twice(bench: Bench) -> str:
    """The same request again brings the same outcomes, and nothing happens twice."""
    text, journal = f"once {new_id()}", bench.phone.journal()
    request = journal.request([bench.note(journal, text)], limit=0)
    answers = [bench.phone.post("/sync/exchange", request) for _ in range(3)]
    expect(all(answer.status == 200 for answer in answers), f"statuses {[a.status for a in answers]}")
    first = answers[0].outcomes
    expect(words_of(first) == ["applied"], f"outcomes {words_of(first)}")
    expect(all(answer.outcomes == first for answer in answers), "another outcome for the repeat")
    stored = len(bench.notes_like(text))
    expect(stored == 1, f"{stored} notes after sending one three times")
    return "the same outcome three times, one note"


@rule
def a_mutation_is_known_in_every_journal(bench: Bench) -> str:
    """mutation_id is the key across journals: in a new one the stored outcome comes again."""
    text, journal, other = f"moved {new_id()}", bench.phone.journal(), bench.phone.journal()
    sent = bench.note(journal, text)
    first = journal.push(sent)
    other.mutation("visit_note.add", new_id(), {})  # takes the first number, and is not sent
    second = other.push(sent | {"number": 1})
    expect(words_of(first) == words_of(second) == ["applied"], f"outcomes {words_of(first + second)}")
    stored = len(bench.notes_like(text))
    expect(stored == 1, f"{stored} notes after one mutation in two journals")
    return "the same outcome, one note"


@rule
def the_first_content_counts(bench: Bench) -> str:
    """A known mutation_id with other content is refused as mutation-altered, and changes nothing."""
    text, journal = f"first {new_id()}", bench.phone.journal()
    sent = bench.note(journal, text)
    journal.push(sent)
    altered = sent | {"fields": sent["fields"] | {"text": f"{text}, altered"}}
    outcomes = journal.push(altered)
    expect_problem(outcomes, "mutation-altered")
    expect(len(bench.notes_like(text)) == 1, "the first content is gone")
    expect(not bench.notes_like(f"{text}, altered"), "the second content is stored")
    return "refused, mutation-altered; the first stands"


@rule
def a_gap_is_told(bench: Bench) -> str:
    """A number beyond expected_number is 409 mutation-gap with the number to go on from."""
    text, journal = f"gap {new_id()}", bench.phone.journal()
    journal.push(bench.note(journal))
    journal.mutation("visit_note.add", new_id(), {})  # number 2 gets lost
    answer = journal.ask([bench.note(journal, text)])
    expect(answer.status == 409, f"{answer} with outcomes {words_of(answer.body.get('outcomes', []))}")
    expect(answer.code == "mutation-gap", f"{answer}")
    expect(answer.body.get("expected_number") == 2, f"expected_number {answer.body.get('expected_number')}")
    expect(not bench.notes_like(text), "the mutation after the gap was applied")
    return "409 mutation-gap, expected_number 2"


@rule
def what_nobody_has_any_more_is_passed(bench: Bench) -> str:
    """journal_start says what is lost: the queue moves on, and the field inbox tells of the loss."""
    journal = bench.phone.journal()
    journal.push(bench.note(journal))
    journal.numbered = 4
    outcomes = journal.push(bench.note(journal), journal_start=5)
    expect(words_of(outcomes) == ["applied"], f"outcomes {words_of(outcomes)}")
    expect(journal.acknowledged == 5, f"expected_number {journal.acknowledged + 1}")
    told = [
        entry["code"] for entry in _inbox(bench) if entry.get("number") == 2 and not entry.get("mutation_id")
    ]
    expect(told, "nothing in the field inbox")
    return f"applied, expected_number 6, inbox: {told[0]}"


@rule
def a_clone_gets_a_new_journal(bench: Bench) -> str:
    """Another mutation under a used number is refused with new_journal, and applied in a new one."""
    text, journal = f"clone {new_id()}", bench.phone.journal()
    clone = Journal(bench.phone, journal.id)
    journal.push(bench.note(journal))
    sent = bench.note(clone, text)
    answer = clone.exchange([sent], limit=0)
    expect_problem(answer.outcomes, "mutation-number-reused")
    expect("new_journal" in answer.directives, f"directives {answer.directives}")
    outcomes = bench.phone.journal().push(sent)
    expect(words_of(outcomes) == ["applied"], f"in the new journal {words_of(outcomes)}")
    stored = len(bench.notes_like(text))
    expect(stored == 1, f"{stored} notes")
    return "refused with new_journal, applied in the new one"


@rule
def a_journal_belongs_to_one_person(bench: Bench) -> str:
    """Of a journal that is another person's nothing is taken; the directive is new_journal."""
    journal = bench.phone.journal()
    journal.push(bench.note(journal))
    theirs = Journal(bench.stranger, journal.id)
    answer = theirs.exchange([bench.note(theirs)], limit=0)
    expect("new_journal" in answer.directives, f"directives {answer.directives}")
    expect(not answer.outcomes, f"outcomes {words_of(answer.outcomes)}")
    expect(not answer.changes, f"{len(answer.changes)} changes")
    return "new_journal, nothing taken"


@rule
def a_bad_mutation_is_an_outcome(bench: Bench) -> str:
    """Whatever is wrong with a mutation is its outcome, never an error of the request: the queue moves on."""
    journal = bench.phone.journal()
    sent: list[object] = [
        journal.mutation("nothing.anybody_knows", new_id(), {}),
        journal.mutation("visit_note.add", new_id(), {}),
        journal.mutation("visit_note.add", new_id(), {"text": 7, "visit_id": "no id"}),
        bench.note(journal, "fields that nobody declared") | {"fields": {"pay_state": "paid"}},
        bench.note(journal) | {"fields": "no object"},
        bench.note(journal) | {"record": "no id"},
        bench.note(journal) | {"unheard_of": True},
        bench.note(journal) | {"occurred_at": "yesterday"},
    ]
    good = bench.note(journal)
    answer = journal.exchange([*sent, good], limit=0)
    words = words_of(answer.outcomes)
    expect(words == ["refused"] * len(sent) + ["applied"], f"outcomes {words}")
    reasons = [outcome.get("problem", {}).get("type") for outcome in answer.outcomes[:-1]]
    expect(all(reasons), "a refusal without a problem")
    return f"{len(sent)} refused, each with a problem, and the next one applied"


@rule
def nonsense_in_the_list_is_an_outcome(bench: Bench) -> str:
    """What is no mutation at all takes its place in the journal, and costs nobody else theirs."""
    journal = bench.phone.journal()
    first = bench.note(journal)
    journal.numbered += 2
    answer = journal.exchange([first, None, ["no", "mutation"], bench.note(journal)], limit=0)
    words = words_of(answer.outcomes)
    expect(words == ["applied", "refused", "refused", "applied"], f"outcomes {words}")
    return ", ".join(words)


@rule
def a_newer_schema_is_an_outcome(bench: Bench) -> str:
    """A version of the fields that the server does not know is refused with a problem, not guessed at."""
    journal = bench.phone.journal()
    outcomes = journal.push(bench.note(journal, schema=999))
    expect_problem(outcomes, "unknown-schema")
    return "refused, unknown-schema"


@rule
def a_wrong_clock_loses_nothing(bench: Bench) -> str:
    """A phone whose clock is decades off, or tells no time at all, is served like any other."""
    journal = bench.phone.journal()
    years = ("1970-01-01T00:00:00Z", "2090-06-01T12:00:00Z", "9999-12-31T23:59:59Z")
    sent = [bench.note(journal, occurred_at=year) for year in years]
    answer = journal.exchange(sent, limit=0, device_now="1970-01-01T00:00:07Z")
    words = words_of(answer.outcomes)
    expect(set(words) <= {"applied", "merged"}, f"outcomes {words}")
    answer = journal.exchange([bench.note(journal)], limit=0, device_now="no time at all")
    expect(words_of(answer.outcomes) == ["applied"], f"outcomes {words_of(answer.outcomes)}")
    return f"clocks of 1970, 2090 and 9999: {words}"


@rule
def held_is_received(bench: Bench) -> str:
    """What waits for something is held and counts as received; what follows on that record waits too."""
    journal = bench.phone.journal()
    nowhere = new_id()
    sent = [journal.mutation("checklist_item.tick", nowhere, {"packed": True}) for _ in range(2)]
    answer = journal.exchange([*sent, bench.note(journal)], limit=0)
    words = words_of(answer.outcomes)
    expect(words == ["held", "held", "applied"], f"outcomes {words}")
    expect(answer.body["expected_number"] == 4, f"expected_number {answer.body['expected_number']}")
    reasons = [str(outcome.get("problem", {}).get("type")).rpartition(":")[2] for outcome in answer.outcomes]
    expect(reasons[1] == "waits-behind", f"the second waits because of {reasons[1]}")
    return "held, held behind it, and the next record's applied"


@rule
def what_did_not_apply_is_in_the_inbox(bench: Bench) -> str:
    """What did not simply apply comes down as a record of field_inbox that names it and says why."""
    journal = bench.phone.journal()
    sent = journal.mutation("visit_note.add", new_id(), {"text": "without a visit"})
    journal.push(sent)
    entries = [entry for entry in _inbox(bench) if entry.get("mutation_id") == sent["mutation_id"]]
    expect(len(entries) == 1, f"{len(entries)} entries for it")
    expect(entries[0].get("outcome") == "refused", f"an entry with the outcome {entries[0].get('outcome')}")
    expect(entries[0].get("title") and entries[0].get("detail"), "an entry without title or detail")
    return f"one entry: {entries[0]['code']}"


def expect_problem(outcomes: list[Body], code: str) -> None:
    """Raise Broken unless the only outcome is a refusal with this problem."""
    words = words_of(outcomes)
    expect(words == ["refused"], f"outcomes {words}")
    came = str(outcomes[0].get("problem", {}).get("type", "")).rpartition(":")[2]
    expect(came == code, f"refused with {came or 'no problem'}")


def _inbox(bench: Bench) -> list[Body]:
    return bench.phone.journal().pull().bodies("field_inbox")


RULES = (
    every_mutation_has_an_outcome,
    push_without_pull,
    a_repeat_applies_nothing_twice,
    a_mutation_is_known_in_every_journal,
    the_first_content_counts,
    a_gap_is_told,
    what_nobody_has_any_more_is_passed,
    a_clone_gets_a_new_journal,
    a_journal_belongs_to_one_person,
    a_bad_mutation_is_an_outcome,
    nonsense_in_the_list_is_an_outcome,
    a_newer_schema_is_an_outcome,
    a_wrong_clock_loses_nothing,
    held_is_received,
    what_did_not_apply_is_in_the_inbox,
)
