"""What a rule of the protocol is, and how its check says what came instead of what was expected."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mobile_client_stub.conformance.bench import Bench

Check = Callable[["Bench"], str]


class Broken(Exception):
    """The server did not keep the rule; the message says what came."""


class Skipped(Exception):
    """The rule could not be tried; the message says what was missing."""


@dataclass(frozen=True)
class Rule:
    """One MUST of docs/protocol.md. `check` returns what came, or raises Broken or Skipped."""

    name: str
    expects: str
    check: Check


def rule(check: Check) -> Rule:
    """Make a rule of its check: the name is the function's, what is expected its first sentence."""
    sentence = inspect.cleandoc(check.__doc__ or "").split("\n\n")[0]
    return Rule(check.__name__.replace("_", "-"), " ".join(sentence.split()), check)


def expect(holds: object, came: str) -> None:
    """Raise Broken with what came unless the condition holds."""
    if not holds:
        raise Broken(came)
