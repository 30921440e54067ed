"""Rules about enrolling, signing in and refreshing."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mobile_client_stub.conformance.bench import Bench
from mobile_client_stub.conformance.rule import expect, rule
from mobile_client_stub.conformance.wire import Answer, Device

ENROLLED = (
    "device_id",
    "user_id",
    "display_name",
    "time_zone",
    "access_token",
    "refresh_token",
    "expires_in",
)
NOBODY = "A" * 43


@rule
def enrolment_answers_whole(bench: Bench) -> str:
    """A code is turned into device, user, time zone and tokens."""
    missing = [name for name in ENROLLED if bench.phone.enrolled.get(name) in (None, "")]
    expect(not missing, f"an answer without {', '.join(missing)}")
    return f"201 with {len(ENROLLED)} members"


@rule
def code_works_once(bench: Bench) -> str:
    """A code that was used is refused the second time, with a problem."""
    assert bench.phone.device_id
    asked = {"code": bench.enrolled_with, "device_name": "conformance kit", "platform": "kit"}
    return refused(bench.wire.post("/devices/enrol", asked))


@rule
def no_sign_in_no_exchange(bench: Bench) -> str:
    """Without a token, and with one that nobody gave out, an exchange is 401."""
    request = bench.phone.journal().request()
    for token in (None, NOBODY):
        answer = bench.wire.post("/sync/exchange", request, token=token)
        expect(answer.status == 401, f"{answer} with {'a made-up' if token else 'no'} token")
    return "401 twice"


@rule
def refresh_rotates(bench: Bench) -> str:
    """Refreshing brings a new access token that works, and another refresh token."""
    phone = bench.throw_away_phone()
    renewed = refreshed(phone, phone.refresh_token)
    expect(renewed.refresh_token != phone.refresh_token, "the same refresh token")
    answer = renewed.journal().ask(limit=1)
    expect(answer.status == 200, f"{answer} with the new access token")
    return "new tokens that work"


@rule
def refresh_answered_again(bench: Bench) -> str:
    """While its successor was not used, the same refresh token brings the same successor again."""
    phone = bench.throw_away_phone()
    first, second = (refreshed(phone, phone.refresh_token) for _ in range(2))
    expect(
        first.refresh_token == second.refresh_token, "another successor, so a lost reply signs a phone out"
    )
    for renewed in (first, second):
        answer = renewed.journal().ask(limit=1)
        expect(answer.status == 200, f"{answer} with an access token of a repeated refresh")
    return "the same successor twice"


@rule
def refresh_replay_ends_the_session(bench: Bench) -> str:
    """A refresh token older than the predecessor ends the session: somebody holds a copy."""
    phone = bench.throw_away_phone()
    second = refreshed(phone, phone.refresh_token)
    second.journal().exchange(limit=1)
    third = refreshed(phone, second.refresh_token)
    third.journal().exchange(limit=1)
    replayed = bench.wire.post("/sessions/refresh", {"refresh_token": phone.refresh_token})
    expect(replayed.status == 401, f"{replayed} for the token of two generations ago")
    newest = bench.wire.post("/sessions/refresh", {"refresh_token": third.refresh_token})
    expect(newest.status == 401, f"{newest} for the newest refresh token afterwards")
    answer = third.journal().ask(limit=1)
    expect(answer.status == 401, f"{answer} for the newest access token afterwards")
    return "401, and so for the newest tokens"


@rule
def refresh_needs_the_phones_key(bench: Bench) -> str:
    """A session bound to a key refreshes with the key's signature, and with nothing less."""
    key = generate_private_key(SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    phone = bench.enrol(bench.fresh_code(), public_key=base64.b64encode(public).decode())
    ask = {"refresh_token": phone.refresh_token}
    wrong = _proof(generate_private_key(SECP256R1()), phone.refresh_token)
    for proof in ({}, {"proof": wrong}):
        answer = bench.wire.post("/sessions/refresh", ask | proof)
        expect(
            answer.status == 401, f"{answer} {'with the proof of another key' if proof else 'without proof'}"
        )
    answer = bench.wire.post("/sessions/refresh", ask | {"proof": _proof(key, phone.refresh_token)})
    expect(answer.status == 200, f"{answer} with the right proof")
    return "401 without and with another key's proof, 200 with the right one"


def refused(answer: Answer) -> str:
    """What came, which has to be a 4xx with a whole problem; raises Broken."""
    expect(400 <= answer.status < 500, f"{answer}")
    kind = answer.headers.get("content-type", "")
    expect(kind.startswith("application/problem+json"), f"{answer} as {kind or 'nothing'}")
    missing = [name for name in ("type", "title", "status", "detail") if not answer.body.get(name)]
    expect(not missing, f"{answer}: a problem without {', '.join(missing)}")
    expect(answer.body["status"] == answer.status, f"{answer}: its problem says {answer.body['status']}")
    return f"{answer}"


def refreshed(phone: Device, refresh_token: str) -> Device:
    """The phone with the tokens that this refresh token brings."""
    answer = phone.wire.post("/sessions/refresh", {"refresh_token": refresh_token})
    expect(answer.status == 200, f"POST /sessions/refresh: {answer}")
    return Device(phone.wire, phone.enrolled | answer.body)


def _proof(key: EllipticCurvePrivateKey, refresh_token: str) -> str:
    signed = key.sign(b"doorstep refresh\n" + refresh_token.encode(), ECDSA(SHA256()))
    return base64.b64encode(signed).decode()


RULES = (
    enrolment_answers_whole,
    code_works_once,
    no_sign_in_no_exchange,
    refresh_rotates,
    refresh_answered_again,
    refresh_replay_ends_the_session,
    refresh_needs_the_phones_key,
)
