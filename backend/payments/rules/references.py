"""Creditor references of ISO 11649 (`RF18 5390 0754 7034`): made, read, and found in free text."""

from __future__ import annotations

import re

from stdnum import iso11649

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_LENGTH = 12
# Looked ahead at, so that a second one right behind the first is seen, too.
_IN_TEXT = re.compile(r"(?=(?<![A-Z0-9])(RF\d{2}(?:[ .\-/]?[A-Z0-9]){1,21}))", re.ASCII)
_JOINTS = re.compile(r"[ .\-/]")


def make_reference(chance: bytes) -> str:
    """A reference of twelve characters drawn from `chance` (at least 12 bytes), with its check digits.

    It says nothing about the customer or the work, and cannot be guessed.
    """
    body = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in chance[:_LENGTH])
    remainder = int("".join(str(int(each, 36)) for each in body + "RF00")) % 97
    return f"RF{98 - remainder:02}{body}"


def read_reference(text: str) -> str | None:
    """The reference in its plain form, or None. Lower case and spaces are forgiven, check digits are not."""
    plain = re.sub(r"\s", "", text).upper()
    is_one = plain.startswith("RF") and len(plain) <= 25 and plain.isascii() and iso11649.is_valid(plain)
    return plain if is_one else None


def references_in(text: str) -> list[str]:
    """Every valid reference in what somebody typed, in order, each once.

    People write on after it, so a run of letters is tried at each of its joints, and in the length of ours.
    """
    found: dict[str, None] = {}
    for match in _IN_TEXT.finditer(text.upper()):
        for candidate in _candidates(match[1]):
            if read_reference(candidate):
                found[candidate] = None
                break
    return list(found)


def _candidates(run: str) -> list[str]:
    """The longest first: with all that follows, then without the last word, and so on; ours before them."""
    plain = _JOINTS.sub("", run)
    ends = [joint.start() for joint in _JOINTS.finditer(run)]
    shorter = [_JOINTS.sub("", run[:end]) for end in reversed(ends)]
    return [plain[: _LENGTH + 4], plain, *shorter]


def spaced(reference: str) -> str:
    """In groups of four, as people type it."""
    return " ".join(reference[i : i + 4] for i in range(0, len(reference), 4))
