"""Rules about files: registered first, checked byte for byte, and `stored` is the receipt."""

from __future__ import annotations

import hashlib
import secrets

from mobile_client_stub.conformance.bench import Bench
from mobile_client_stub.conformance.exchanging import words_of
from mobile_client_stub.conformance.getting_in import refused
from mobile_client_stub.conformance.rule import expect, rule
from mobile_client_stub.conformance.wire import Body, new_id


@rule
def a_file_gets_its_receipt(bench: Bench) -> str:
    """Registered, put as told and completed, a file is `stored` in the feed, and is not asked for again."""
    content = _photo()
    media = _registered(bench, content)
    how = _instructions(bench, media)
    put = bench.wire.put(how["url"], how["headers"], content)
    expect(put.status < 300, f"{how['method']} {put}")
    completed = bench.phone.post(f"/media/{media}/complete", {})
    expect(completed.body.get("state") == "stored", f"complete: {completed} {completed.body.get('state')}")
    expect(_state(bench, media) == "stored", f"the feed says {_state(bench, media)}")
    twin = bench.phone.post(f"/media/{_registered(bench, content)}/upload", {})
    expect(twin.body.get("needed") is False, "the same bytes are asked for again")
    return "stored, and equal bytes are not needed again"


@rule
def other_bytes_get_no_receipt(bench: Bench) -> str:
    """Bytes that are not those declared are refused, and the record does not become `stored`."""
    content = _photo()
    media = _registered(bench, content)
    how = _instructions(bench, media)
    for wrong in (content[:-1] + b"\0", content[:-1]):
        headers = {name: value for name, value in how["headers"].items() if name.lower() != "content-length"}
        put = bench.wire.put(how["url"], headers, wrong)
        expect(
            put.status >= 400,
            f"{put} for bytes with another {'hash' if len(wrong) == len(content) else 'size'}",
        )
    completed = bench.phone.post(f"/media/{media}/complete", {})
    expect(completed.body.get("state") != "stored", "complete says stored")
    expect(_state(bench, media) != "stored", "the feed says stored")
    return f"refused twice, complete: {completed}"


@rule
def an_upload_address_cannot_be_made_up(bench: Bench) -> str:
    """Whoever changes the address that the server gave is refused."""
    content = _photo()
    how = _instructions(bench, _registered(bench, content))
    url = str(how["url"])
    other = hashlib.sha256(content + b"!").hexdigest()
    declared = hashlib.sha256(content).hexdigest()
    expect(declared in url or "?" in url, "an address without anything that binds it")
    forged = url.replace(declared, other) if declared in url else f"{url}0"
    return refused(bench.wire.put(forged, how["headers"], content))


def _photo() -> bytes:
    return b"\xff\xd8\xff\xe0" + secrets.token_bytes(2000)


def _registered(bench: Bench, content: bytes) -> str:
    journal, media = bench.phone.journal(), new_id()
    fields = {
        "visit_id": bench.something_of("visits")["id"],
        "kind": "before",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "content_type": "image/jpeg",
    }
    outcomes = journal.push(journal.mutation("media.register", media, fields))
    expect(words_of(outcomes) == ["applied"], f"media.register: {words_of(outcomes)}")
    return media


def _instructions(bench: Bench, media: str) -> Body:
    answer = bench.phone.post(f"/media/{media}/upload", {})
    expect(answer.status == 200, f"POST /media/…/upload: {answer}")
    expect(answer.body.get("needed") is True, f"needed {answer.body.get('needed')}")
    wrong = [name for name in ("method", "url", "headers", "expires_at") if not answer.body.get(name)]
    expect(not wrong, f"instructions without {', '.join(wrong)}")
    return answer.body


def _state(bench: Bench, media: str) -> str:
    records = bench.phone.journal().pull().bodies("media")
    return next((str(body["state"]) for body in records if body["id"] == media), "nothing of it")


RULES = (a_file_gets_its_receipt, other_bytes_get_no_receipt, an_upload_address_cannot_be_made_up)
