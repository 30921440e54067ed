"""Where lines of any script end, and the order in which Hebrew and Arabic are read (UAX 9)."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator

from bidi import get_display
from bidi.mirror import MIRRORED

_LETTERS = r"[\u0590-\u065f\u066e-\u06ef\u06fa-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
"""Everything of these scripts but their figures, which are read from the left."""
_WORDS = re.compile(f"{_LETTERS}+")
_TAG = "\u200b"
"""Takes the direction of the character before it, and has no shape."""
_ONE = "[" + re.escape("".join(MIRRORED)) + "]"
_TURNABLE, _TAGGED = re.compile(_ONE), re.compile(f"{_TAG}({_ONE})|({_ONE}){_TAG}")


def has_right_to_left(text: str) -> bool:
    """Whether there is anything that is read from the right."""
    return _WORDS.search(text) is not None


def is_right_to_left(text: str) -> bool:
    """Whether most letters are read from the right, and so the whole."""
    letters = [character for character in text if character.isalpha()]
    return 2 * sum(bool(_WORDS.match(character)) for character in letters) > len(letters)


def direction_of(text: str) -> str:
    """Where its lines begin, in the algorithm's letters: R or L."""
    return "R" if is_right_to_left(text) else "L"


def broken(text: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """The text in lines that fit, still as it is spoken: the order within a line depends on where it ends.

    Lines end at spaces; a word that is too long for a line ends where it must, but before no mark.
    """
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and not fits(longer):
                yield line
                longer = word
            while not fits(longer) and (cut := _longest(longer, fits)):
                yield longer[:cut]
                longer = longer[cut:]
            line = longer
        yield line


def _longest(word: str, fits: Callable[[str], bool]) -> int:
    """How many of its letters fit, at least one; 0 when that is all of it."""
    ends = [at for at in range(1, len(word)) if not unicodedata.category(word[at]).startswith("M")]
    fitting = bisect_left(ends, True, key=lambda at: not fits(word[:at]))
    return ends[max(fitting - 1, 0)] if ends else 0


def in_order(line: str, base: str) -> str:
    """A line from left to right as it is to be seen; `base` is that of the whole text.

    Only the letters within a Hebrew or Arabic word stay as they are spoken: whoever draws them joins them and
    turns the word round. What only steers the order (category Cf) has done its work, and has no shape.
    """
    if not has_right_to_left(line):
        return line
    marked = _TURNABLE.sub(rf"\g<0>{_TAG}", line.replace(_TAG, ""))
    shown = _TAGGED.sub(_turned, str(get_display(marked, base_dir=base)))
    return _WORDS.sub(lambda word: word[0][::-1], "".join(each for each in shown if not _steers(each)))


def _turned(tagged: re.Match[str]) -> str:
    """A bracket: the library leaves it as it is, but has put its tag before it where it is read backwards."""
    return MIRRORED[tagged[1]] if tagged[1] else tagged[2]


def _steers(character: str) -> bool:
    return unicodedata.category(character) == "Cf"
