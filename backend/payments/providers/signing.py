"""The signature scheme of webhooks: HMAC-SHA256 over time and raw body, with a skew limit both ways."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime

from backend.payments.rules.errors import WebhookRefused

TOLERANCE_SECONDS = 300
_HEADER = re.compile(r"t=(\d{1,12})((?:,v\d=[0-9a-f]{1,128}){1,8})", re.ASCII)


def signed(raw: bytes, key: bytes, at: datetime) -> str:
    """The header for a message sent at that moment: `t=…,v1=…`."""
    stamp = str(int(at.timestamp()))
    return f"t={stamp},v1={_mac(raw, key, stamp)}"


def stamp_of(header: str, now: datetime) -> str:
    """The time in a signature header, as text; raises WebhookRefused when it is not within the tolerance.

    Libraries refuse what is old. What is from the future is refused here, too: nobody is to keep a signed
    message for later.
    """
    match = _HEADER.fullmatch(header)
    if match is None:
        raise WebhookRefused("The signature header is missing or not as it should be.", reason="header")
    if abs(now.timestamp() - int(match[1])) > TOLERANCE_SECONDS:
        raise WebhookRefused(
            f"The message is signed over {TOLERANCE_SECONDS} seconds away from now.", reason="time"
        )
    return match[1]


def check_signature(raw: bytes, header: str, key: bytes, now: datetime) -> None:
    """Raise WebhookRefused unless one of the signatures (during a change of keys there are two) is right."""
    stamp = stamp_of(header, now)
    expected = f"v1={_mac(raw, key, stamp)}"
    if not any(hmac.compare_digest(expected, given) for given in header.split(",")[1:]):
        raise WebhookRefused("The signature is not right.", reason="signature")


def _mac(raw: bytes, key: bytes, stamp: str) -> str:
    return hmac.new(key, stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
