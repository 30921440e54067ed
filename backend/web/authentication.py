"""Reads the bearer token of a request and asks the wired authenticator who that is."""

from __future__ import annotations

import re

from flask import Request, g

from backend.db.look import Look
from backend.web.wiring import Admission, current_wiring
from schemas.errors import Unauthenticated

BEARER = re.compile(r"Bearer ([A-Za-z0-9._~+/-]{16,512}=*)", re.IGNORECASE)


def bearer_token(request: Request) -> str:
    """The token of `Authorization: Bearer …`; raises Unauthenticated. Tokens in addresses are not read."""
    headers = request.headers.getlist("Authorization")
    match = BEARER.fullmatch(headers[0]) if len(headers) == 1 else None
    if match is None:
        raise Unauthenticated("Send Authorization: Bearer with an access token from POST /sessions.")
    return match.group(1)


def authenticate(look: Look, token: str, *, allow_revoked: bool) -> Admission:
    """Who holds `token`; the actor is remembered for this request's log and refusals."""
    admission = current_wiring().authenticator.authenticate(look, token, allow_revoked=allow_revoked)
    g.actor = admission.actor
    return admission
