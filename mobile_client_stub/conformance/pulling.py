"""Rules about changes on their way down: whole, resumable from every page, and equal to the digest."""

from __future__ import annotations

import re

from mobile_client_stub.conformance.bench import Bench
from mobile_client_stub.conformance.exchanging import words_of
from mobile_client_stub.conformance.rule import expect, rule
from mobile_client_stub.conformance.wire import (
    PROTOCOL,
    Answer,
    Body,
    Journal,
    Pull,
    applied,
    new_id,
    summed,
    total_of,
)

SMALL_PAGE = 3
HASH = re.compile(r"[0-9a-f]{16}")
Key = tuple[str, str]


@rule
def pages_keep_the_limit(bench: Bench) -> str:
    """No page has more changes than the limit, and only the last one carries the digest."""
    pull = bench.phone.journal().pull(limit=SMALL_PAGE)
    longest = max(len(page.changes) for page in pull.pages)
    expect(longest <= SMALL_PAGE, f"a page of {longest} changes for limit {SMALL_PAGE}")
    early = sum("digest" in page.body for page in pull.pages[:-1])
    expect(not early, f"{early} digests before the last page")
    expect("digest" in pull.pages[-1].body, "no digest on the last page")
    return f"{len(pull.pages)} pages, {len(pull.changes)} changes"


@rule
def changes_are_whole(bench: Bench) -> str:
    """A put carries collection, id, hash and a flat body with id and revision; a removal says why."""
    for change in bench.phone.journal().pull().changes:
        fault = _fault_of(change)
        expect(not fault, f"{change.get('collection')} {change.get('id')}: {fault}")
    return "every change is whole"


@rule
def the_digest_is_what_was_sent(bench: Bench) -> str:
    """What a phone holds after a pull adds up to the digest: the number of records and the sum of hashes."""
    pull = bench.phone.journal().pull()
    expect(summed(pull.records) == pull.digest, f"holds {summed(pull.records)}, digest {pull.digest}")
    return f"{pull.digest[0]} records, the sums are equal"


@rule
def every_page_can_be_resumed_from(bench: Bench) -> str:
    """From the cursor of every page the rest of the pull comes, as it would have without a break."""
    journal = bench.phone.journal()
    whole = journal.pull(limit=SMALL_PAGE)
    expect(len(whole.pages) > 1, "everything on one page, though the limit is 3")
    held: dict[Key, Body] = {}
    for page in whole.pages:
        held = applied(held, page.changes)
        rest = Journal(bench.phone, journal.id, cursor=page.body["cursor"]).pull()
        resumed = applied(held, rest.changes)
        expect(
            resumed == whole.records, f"{len(resumed)} records after a break, {len(whole.records)} without"
        )
    return f"resumed from {len(whole.pages)} pages"


@rule
def nothing_new_nothing_sent(bench: Bench) -> str:
    """An exchange with nothing new in either direction brings no changes and the digest."""
    journal = bench.phone.journal()
    before = journal.pull().digest
    answer = journal.exchange()
    expect(not answer.changes, f"{len(answer.changes)} changes")
    expect(total_of(answer.body.get("digest")) == before, "another digest")
    return "no changes, the same digest"


@rule
def a_phone_sees_its_own_effects(bench: Bench) -> str:
    """What an exchange pushed and applied is in the changes of that exchange's pull."""
    text, journal = f"mine {new_id()}", bench.phone.journal()
    journal.pull()
    answer = journal.exchange([bench.note(journal, text)])
    found = [change for change in answer.changes if change.get("body", {}).get("text") == text]
    expect(words_of(answer.outcomes) == ["applied"], f"outcomes {words_of(answer.outcomes)}")
    expect(found, f"{len(answer.changes)} changes, and it is not among them")
    return "the new record came with its outcome"


@rule
def the_other_phone_hears_of_it(bench: Bench) -> str:
    """A change reaches the person's other phone with its next exchange, and both hold the same."""
    text, journal, other = f"both {new_id()}", bench.phone.journal(), bench.second_phone.journal()
    mine, theirs = journal.pull().records, other.pull().records
    mine = applied(mine, journal.exchange([bench.note(journal, text)]).changes)
    pulled = other.pull()
    theirs = applied(theirs, pulled.changes)
    expect(any(put["body"].get("text") == text for put in theirs.values()), "it did not come")
    expect(summed(mine) == summed(theirs) == pulled.digest, "both hold different things")
    return f"both hold the same {len(theirs)} records"


@rule
def an_own_edit_from_an_old_base_stands(bench: Bench) -> str:
    """An answer that only the same person changed after `base` applies: nobody else has been overridden."""
    journal = bench.phone.journal()
    pull = journal.pull()
    epoch = str(pull.pages[-1].body["epoch"])
    item = bench.something_of("checklist_items")
    base = next(i["revision"] for i in pull.bodies("checklist_items") if i["id"] == item["id"])
    first = journal.push(_tick(journal, item, base, epoch, verified=True))
    other = bench.second_phone.journal()
    second = other.push(_tick(other, item, base, epoch, verified=False))
    expect(words_of(first + second) == ["applied", "applied"], f"outcomes {words_of(first + second)}")
    now = next(i for i in journal.pull().bodies("checklist_items") if i["id"] == item["id"])
    expect(now["verified"] is False, f"verified is {now['verified']}")
    return "both applied, the later one stands"


@rule
def a_forged_cursor_starts_over(bench: Bench) -> str:
    """A cursor that the server did not write is no error: resync comes, and everything from the beginning."""
    journal = bench.phone.journal()
    whole = journal.pull()
    cursor = str(journal.cursor)
    middle = len(cursor) // 2
    other = "A" if cursor[middle] != "A" else "B"
    for forged in ("forged", cursor[:-4], cursor[:middle] + other + cursor[middle + 1 :], "é" * 5000):
        _expect_resync(bench, Journal(bench.phone, journal.id, cursor=forged), whole)
    return "resync and everything, four times"


@rule
def a_cursor_of_another_phone_starts_over(bench: Bench) -> str:
    """A cursor that was given to another device begins a full replacement."""
    theirs = bench.second_phone.journal()
    theirs.pull()
    journal = bench.phone.journal()
    whole = journal.pull()
    _expect_resync(bench, Journal(bench.phone, journal.id, cursor=theirs.cursor), whole)
    return "resync and everything"


@rule
def reconcile_sends_the_differences(bench: Bench) -> str:
    """An inventory is answered with what is missing, what differs and what should go, and nothing else."""
    journal = bench.phone.journal()
    records = journal.pull().records
    expect(len(records) >= 2, f"only {len(records)} records in scope")
    missing, changed = sorted(records)[:2]
    surplus = ("visits", new_id())
    held = {key: put["hash"] for key, put in records.items() if key != missing}
    held[changed] = f"{int(held[changed], 16) ^ 1:016x}"
    held[surplus] = "0" * 16
    answer = _reconcile(journal, held)
    came = {(change["collection"], change["id"]): change["op"] for change in answer.changes}
    expect(came == {missing: "put", changed: "put", surplus: "remove"}, f"{sorted(came.values())}")
    expect(
        all(change.get("why") for change in answer.changes if change["op"] == "remove"),
        "a removal without why",
    )
    expect(total_of(answer.body.get("digest")) == summed(records), "a digest of something else")
    after = Journal(bench.phone, journal.id, cursor=answer.body["cursor"]).exchange()
    expect(not after.changes and not after.directives, "its cursor cannot be gone on from")
    return "one put for the missing, one for the changed, one removal"


@rule
def reconcile_of_the_equal_is_empty(bench: Bench) -> str:
    """An inventory that is right brings no changes."""
    journal = bench.phone.journal()
    records = journal.pull().records
    answer = _reconcile(journal, {key: put["hash"] for key, put in records.items()})
    expect(not answer.changes, f"{len(answer.changes)} changes")
    return "no changes"


def _tick(journal: Journal, item: Body, base: int, epoch: str, **fields: object) -> Body:
    return journal.mutation(
        "checklist_item.tick", item["id"], {"packed": True, **fields}, base=base, epoch=epoch
    )


def _reconcile(journal: Journal, held: dict[Key, str]) -> Answer:
    lines = [{"collection": name, "id": identity, "hash": text} for (name, identity), text in held.items()]
    answer = journal.device.post(
        "/sync/reconcile", {"protocol": PROTOCOL, "cursor": journal.cursor, "held": lines}
    )
    expect(answer.status == 200, f"POST /sync/reconcile: {answer}")
    return answer


def _expect_resync(bench: Bench, journal: Journal, whole: Pull) -> None:
    answer = journal.ask()
    expect(answer.status == 200, f"{answer}")
    expect("resync" in answer.directives, f"directives {answer.directives}")
    held = applied({}, answer.changes)
    if answer.body["more"]:
        held = applied(held, Journal(bench.phone, journal.id, cursor=answer.body["cursor"]).pull().changes)
    expect(held == whole.records, f"{len(held)} records instead of {len(whole.records)}")


def _fault_of(change: Body) -> str:
    if not change.get("collection") or not change.get("id"):
        return "no collection or no id"
    if change.get("op") == "remove":
        return (
            "" if change.get("why") in ("deleted", "out_of_scope") else f"removed because {change.get('why')}"
        )
    if change.get("op") != "put":
        return f"op {change.get('op')}"
    if not HASH.fullmatch(str(change.get("hash"))):
        return f"hash {change.get('hash')}"
    body = change.get("body")
    if (
        not isinstance(body, dict)
        or body.get("id") != change["id"]
        or not isinstance(body.get("revision"), int)
    ):
        return "a body without its id or its revision"
    nested = [name for name, value in body.items() if isinstance(value, dict | list)]
    return f"not flat: {', '.join(nested)}" if nested else ""


RULES = (
    pages_keep_the_limit,
    changes_are_whole,
    the_digest_is_what_was_sent,
    every_page_can_be_resumed_from,
    nothing_new_nothing_sent,
    a_phone_sees_its_own_effects,
    the_other_phone_hears_of_it,
    an_own_edit_from_an_old_base_stands,
    a_forged_cursor_starts_over,
    a_cursor_of_another_phone_starts_over,
    reconcile_sends_the_differences,
    reconcile_of_the_equal_is_empty,
)
