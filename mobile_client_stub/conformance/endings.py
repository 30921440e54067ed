"""Rules about what ends: a phone's right to be here, and the life of a database that was restored."""

from __future__ import annotations

from mobile_client_stub.conformance.bench import Bench
from mobile_client_stub.conformance.exchanging import words_of
from mobile_client_stub.conformance.rule import Skipped, expect, rule
from mobile_client_stub.conformance.wire import Journal, new_id


@rule
def a_revoked_phone_is_heard_and_wiped(bench: Bench) -> str:
    """A revoked phone's work is taken, not applied; it gets wipe and no changes, and 410 once all is in."""
    text, phone = f"too late {new_id()}", bench.throw_away_phone()
    journal = phone.journal()
    journal.pull()
    revoked = bench.phone.post(f"/devices/{phone.device_id}/revoke", {})
    if revoked.status != 200:
        raise Skipped(f"this server lets nobody revoke a phone of their own ({revoked})")
    answer = journal.exchange([bench.note(journal, text)])
    expect("wipe" in answer.directives, f"directives {answer.directives}")
    expect(not answer.changes, f"{len(answer.changes)} changes")
    expect(words_of(answer.outcomes) == ["held"], f"outcomes {words_of(answer.outcomes)}")
    expect(not bench.notes_like(text), "it was applied")
    told = journal.ask()
    expect(told.status in (200, 410), f"{told}")
    last = journal.ask()
    expect(last.status == 410, f"{last} once everything was in")
    return "held, wipe, then 410"


@rule
def a_restored_server_is_noticed(bench: Bench) -> str:
    """Who acknowledges more than the server knows meets a new epoch: resync, and mutations are sent again."""
    text, journal = f"restored {new_id()}", bench.phone.journal()
    sent = bench.note(journal, text)
    before = journal.exchange([sent])
    ahead = Journal(bench.phone, numbered=7, acknowledged=7, cursor=journal.cursor)
    answer = ahead.exchange()
    expect("resync" in answer.directives, f"directives {answer.directives}")
    expect(answer.body["expected_number"] == 1, f"expected_number {answer.body['expected_number']}")
    epoch = answer.body["epoch"]
    expect(epoch != before.body["epoch"], "the same epoch")
    again = Journal(bench.phone, ahead.id).push(sent)
    expect(words_of(again) == ["applied"], f"sent again: {words_of(again)}")
    stored = len(bench.notes_like(text))
    expect(stored == 1, f"{stored} notes after it was sent again")
    return "a new epoch, resync, expected_number 1; sent again, applied once"


@rule
def a_cursor_of_another_epoch_starts_over(bench: Bench) -> str:
    """A cursor of an earlier epoch begins a full replacement."""
    journal = bench.phone.journal()
    whole = journal.pull()
    Journal(bench.phone, acknowledged=3, cursor=journal.cursor).exchange()
    answer = journal.ask()
    expect(answer.status == 200, f"{answer}")
    expect("resync" in answer.directives, f"directives {answer.directives}")
    expect(answer.body["epoch"] != whole.pages[-1].body["epoch"], "the same epoch")
    expect(answer.changes, "no changes")
    return "resync and everything"


RULES = (
    a_revoked_phone_is_heard_and_wiped,
    a_restored_server_is_noticed,
    a_cursor_of_another_epoch_starts_over,
)
