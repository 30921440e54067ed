"""Letters for every script that customers write in: Noto Sans from installed packages, loaded when needed.

The fonts come as variable ones; a PDF takes a weight of them that is cut out here, once per process. Nothing
is fetched. What no font can show is written as its code point: a reader sees that something was there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from unicodedata import category

import uharfbuzz
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD = 400, 700


@dataclass(frozen=True)
class Family:
    """A font file of an installed package; `shaped` scripts join or reorder their letters."""

    name: str
    package: str
    path: str
    shaped: bool = False


LATIN = Family("NotoSans", "fontpkg_noto_sans", "files/NotoSans[wdth,wght].ttf")
_CJK = "fonts/ofl/notosans{0}/NotoSans{1}[wght].ttf"
SIMPLIFIED = Family("NotoSansSC", "justmytype_intl_cjk", _CJK.format("sc", "SC"))
TRADITIONAL = Family("NotoSansTC", "justmytype_intl_cjk", _CJK.format("tc", "TC"))
JAPANESE = Family("NotoSansJP", "justmytype_intl_cjk", _CJK.format("jp", "JP"))
KOREAN = Family("NotoSansKR", "justmytype_intl_cjk", _CJK.format("kr", "KR"))


def _more(package: str, *scripts: str) -> list[Family]:
    path = "fonts/ofl/notosans{0}/NotoSans{1}[wdth,wght].ttf"
    return [
        Family(f"NotoSans{script}", package, path.format(script.lower(), script), shaped=True)
        for script in scripts
    ]


FROM_THE_RIGHT: Sequence[Family] = _more("justmytype_intl_rtl", "Arabic", "Hebrew")
SHAPED: Sequence[Family] = (
    *_more("justmytype_intl_south_asia", "Devanagari", "Bengali", "Tamil", "Telugu"),
    *_more("justmytype_intl_sea", "Thai", "Lao", "Khmer", "Myanmar"),
    *FROM_THE_RIGHT,
)
_KANA = ("\u3040", "\u30ff")
_HANGUL = ("\uac00", "\ud7a3")
_SHAPED_SCRIPTS = ("\u0590", "\u17ff")


@dataclass(frozen=True)
class Run:
    """Some text and the font that can show it."""

    text: str
    font: str
    shaped: bool


def runs_of(text: str, *, bold: bool = False, language: str = "") -> Iterator[Run]:
    """The text in pieces, each with a font that has its letters; `language` decides between Han scripts."""
    weight = BOLD if bold else REGULAR
    order = (LATIN, *_han_order(text, language))
    chosen: list[tuple[str, Family]] = []
    for character in text:
        if character in "\n\t":
            chosen.append((character, chosen[-1][1] if chosen else LATIN))
            continue
        family = _family_of(character, order, chosen[-1][1] if chosen else LATIN)
        shown = character if family is not None else f"[U+{ord(character):04X}]"
        chosen += [(letter, family or LATIN) for letter in shown]
    for family, letters in groupby(chosen, key=lambda item: item[1]):
        piece = "".join(letter for letter, _ in letters)
        yield Run(piece, font_of(family, weight), family.shaped)


def has_han(text: str) -> bool:
    """Whether lines of the text may break between any two characters."""
    return any(_within(character, ("\u2e80", "\ud7a3")) or character >= "\U00020000" for character in text)


def font_of(family: Family, weight: int = REGULAR) -> str:
    """The name under which the weight of that family is known to the PDF library."""
    return str(_font(family, weight).fontName)


@cache
def _font(family: Family, weight: int) -> TTFont:
    face = uharfbuzz.Face(uharfbuzz.Blob(files(family.package).joinpath(family.path).read_bytes()))
    wanted = uharfbuzz.SubsetInput()
    wanted.sets(uharfbuzz.SubsetInputSets.UNICODE).invert()
    wanted.pin_axis_location(face, "wght", weight)
    if "[wdth" in family.path:
        wanted.pin_axis_location(face, "wdth", 100)
    content = uharfbuzz.subset(face, wanted).blob.data
    font = TTFont(f"{family.name}-{weight}", io.BytesIO(bytes(content)), shapable=family.shaped)
    # Both weights are cut from one file and would be embedded as one font.
    font.face.name = font.fontName.encode()
    registerFont(font)
    return font


def _family_of(character: str, order: Sequence[Family], before: Family) -> Family | None:
    # Noto Sans has Devanagari too, but scripts that are shaped are shaped by their own fonts.
    families = (*SHAPED, *order) if _within(character, _SHAPED_SCRIPTS) else order
    if category(character).startswith("M") or not (character.isalnum() or before in FROM_THE_RIGHT):
        # Spaces and marks stay with the letters they stand among, so that a word is not cut into pieces. But
        # a bracket beside Hebrew letters is in its place already, and must not be turned with them again.
        families = (before, *families)
    for family in families:
        if ord(character) in _font(family, REGULAR).face.charToGlyph:
            return family
    return None


def _han_order(text: str, language: str) -> Sequence[Family]:
    if not has_han(text):
        return ()
    if any(_within(character, _KANA) for character in text) or language.startswith("ja"):
        return (JAPANESE, SIMPLIFIED)
    if any(_within(character, _HANGUL) for character in text) or language.startswith("ko"):
        return (KOREAN, SIMPLIFIED)
    if language.lower() in {"zh-tw", "zh-hk", "zh-hant"}:
        return (TRADITIONAL, SIMPLIFIED)
    return (SIMPLIFIED, TRADITIONAL, JAPANESE)


def _within(character: str, bounds: tuple[str, str]) -> bool:
    return bounds[0] <= character <= bounds[1]
