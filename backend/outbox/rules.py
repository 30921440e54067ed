"""When an outside effect is tried again, and when it is given up."""

import re
from datetime import timedelta
from enum import StrEnum

FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(hours=1)
MOST_ATTEMPTS = 80
"""Nine within an hour and a half, then one an hour: about three days, a weekend without a mail server."""

LONGEST_REST = timedelta(minutes=5)
"""The longest pause for all of a kind while its carrier is away: he is not missed for longer than that."""

LEASE = timedelta(minutes=5)
"""How long one attempt may take; after that another worker may try, as the first one seems to have died."""

KEPT_AFTER_SENDING = timedelta(days=90)
"""How long a sent message stays as the proof that its (kind, key) was sent."""


SLOW_KINDS = frozenset({"examine", "seal", "timestamp", "anchor", "sms"})
"""What takes seconds and comes by the hundred has a worker of its own, so that no mail waits behind it."""

OWN_KINDS = frozenset({"badge"})
"""What goes from one database of ours to the other waits for nobody outside: not for a mail server either."""

PATIENT_KINDS = frozenset({"examine", "seal", "timestamp", "anchor"})
"""What our own records wait for: tried until it works, however long a key, store or scanner is away."""


class Lane(StrEnum):
    """Which messages a worker takes: those of `SLOW_KINDS`, those of `OWN_KINDS`, or all others."""

    QUICK = "quick"
    SLOW = "slow"
    OWN = "own"


KINDS_OF = {Lane.SLOW: SLOW_KINDS, Lane.OWN: OWN_KINDS}
"""The kinds that have a lane of their own."""


_PERSONAL = re.compile(r"[^\s'\"<>{}()\[\],;:=]+@[^\s'\"<>{}()\[\],;:=]+|\+\d{6,15}\b|/p/[\w-]{20,}")


def without_personal_data(words: str) -> str:
    """Words of a failure without mail addresses, telephone numbers and customers' links.

    A mail server repeats whom it refused; whose mail did not go is in the message itself, and in no log.
    """
    return _PERSONAL.sub("<left out>", words)


class CarrierAway(Exception):
    """Whoever carries this kind of message cannot be reached, or takes none at all: not this one alone."""


class PermanentFailure(Exception):
    """The receiving side said that this will never work; trying again would only annoy it."""


def delay_after(attempts: int) -> timedelta:
    """How long to wait after that many failed attempts (≥ 1): doubled each time, an hour at most."""
    doublings = min(attempts - 1, 20)  # 2**20 is far beyond the longest delay already
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)


def is_given_up(kind: str, attempts: int, failure: Exception) -> bool:
    """Whether nobody will try again after that many attempts, the last of which ended with `failure`."""
    if isinstance(failure, PermanentFailure):
        return True
    return kind not in PATIENT_KINDS and attempts >= MOST_ATTEMPTS
