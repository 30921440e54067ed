"""Bearer tokens: opaque, exactly as issued, from the one header; nothing they could say is believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from schemas.access import Role
from tests.api import Api


def unsigned(header: dict[str, object], claims: dict[str, object], signature: str = "") -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    ]
    return ".".join([*parts, signature])


def forged(token: str, user_id: str) -> Iterator[str]:
    claims: dict[str, object] = {
        "sub": user_id,
        "role": "administrator",
        "exp": 4_000_000_000,
        "aud": "doorstep",
    }
    yield unsigned({"alg": "none", "typ": "JWT"}, claims)
    yield unsigned({"alg": "HS256", "typ": "JWT", "kid": "../../dev/null"}, claims, "AAAA")
    yield unsigned({"alg": "HS256", "kid": "x' UNION SELECT 'key"}, claims, "AAAA")
    yield unsigned(
        {"alg": "RS256", "jku": "https://attacker.example/keys", "x5u": "https://a.example"}, claims, "A"
    )
    yield token[:-1]
    yield token + "A"
    yield token + "="
    yield token.swapcase()
    yield token[::-1]
    yield user_id
    yield "A" * 43
    yield "A" * 100_000
    yield "x\x00y" * 10
    yield "' OR 1=1 --" * 2
    for position in range(0, len(token), 6):
        yield token[:position] + chr(ord(token[position]) ^ 1) + token[position + 1 :]


def test_no_forged_token_lets_anybody_in(firm: Api) -> None:
    admin = firm.as_(Role.ADMINISTRATOR)
    assert admin.token is not None
    for token in forged(admin.token, str(admin.user_id)):
        answer = firm.anonymous.get("/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, token
        assert token not in answer.text or len(token) < 4
    assert admin.get("/me").status_code == 200


def test_a_token_counts_in_the_authorization_header_only(sqlite_firm: Api) -> None:
    token = sqlite_firm.as_(Role.DISPATCHER).token
    anonymous = sqlite_firm.anonymous
    for headers in (
        {},
        {"Authorization": str(token)},
        {"Authorization": f"Basic {token}"},
        {"Authorization": f"Token {token}"},
        {"Authorization": f"Bearer {token}, Bearer {token}"},
        {"Cookie": f"access_token={token}"},
        {"X-Access-Token": str(token)},
    ):
        assert anonymous.get("/me", headers=headers).status_code == 401, headers
    assert anonymous.send("GET", f"/me?access_token={token}").status_code == 401
    assert anonymous.get("/me", headers={"Authorization": f"bearer {token}"}).status_code == 200
