"""Letters of every script stand where a reader of it looks for them."""

from __future__ import annotations

import io

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.platypus import Flowable, SimpleDocTemplate

from backend.paper.fonts import FROM_THE_RIGHT, font_of
from backend.paper.ordering import broken, direction_of, in_order
from backend.paper.styles import Shaped, text

HEBREW = "הדוד לא מחמם (דגם XR-250), 1.5 bar"


def seen(said: str) -> str:
    return in_order(said, direction_of(said))


def test_words_run_from_the_right_and_figures_and_foreign_words_from_the_left() -> None:
    assert seen(HEBREW) == "1.5 bar ,(XR-250 דגם) מחמם לא הדוד"
    assert seen("Customer דוד לוי (2 visits)") == "Customer לוי דוד (2 visits)"
    assert seen("تم فحص ١٢ مضخة") == "مضخة ١٢ فحص تم"
    assert seen("Nothing to turn (round).") == "Nothing to turn (round)."


def test_what_only_steers_the_order_is_not_drawn() -> None:
    assert seen("\u200fשלום\u200f (ok)") == "(ok) שלום"


def test_a_long_word_ends_where_it_must_but_before_no_mark() -> None:
    marked = "กี่" * 5
    lines = list(broken(marked, lambda line: len(line) <= 4))
    assert lines == ["กี่"] * 5
    assert list(broken("a bb ccc\n\nd", lambda line: len(line) <= 4)) == ["a bb", "ccc", "", "d"]
    assert list(broken("w", lambda _line: False)) == ["w"], "nothing is lost where nothing fits"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.integers(1, 12))
def test_no_letter_is_lost_between_lines(said: str, width: int) -> None:
    lines = list(broken(said, lambda line: len(line) <= width))
    assert "".join(lines).replace(" ", "") == said.replace("\n", "").replace(" ", "")


def places(flowable: Flowable) -> list[tuple[str, float]]:
    """Every letter on the page with its left edge, in points."""
    made = io.BytesIO()
    SimpleDocTemplate(made).build([flowable])
    with pypdfium2.PdfDocument(made.getvalue()) as document:
        page = document[0].get_textpage()
        letters = [page.get_text_range(at, 1) for at in range(page.count_chars())]
        return [(letter, page.get_charbox(at)[0]) for at, letter in enumerate(letters) if letter.strip()]


def test_on_the_page_a_hebrew_line_begins_at_the_right() -> None:
    at = dict(places(text("הדגמ לכ", 10)))
    assert [letter for letter, _ in sorted(at.items(), key=lambda item: -item[1])] == list("הדגמלכ")


@pytest.mark.parametrize("said", ["किताब", "মডেল", "தெரு"])
def test_a_vowel_that_is_written_before_its_consonant_stands_before_it(said: str) -> None:
    """In these words the second character is drawn first; without shaping they stand as they are stored."""
    drawn = text(said, 10)
    assert isinstance(drawn, Shaped)
    assert len(places(drawn)) > 0
    (run,) = drawn.pieces(said)
    clusters = [glyph.cluster for glyph in drawn.shaped(run).__shapeData__]
    assert len(set(clusters)) < len(said), "the vowel and its consonant have become one"


def test_foreign_words_keep_their_own_letters() -> None:
    (hebrew,) = (family for family in FROM_THE_RIGHT if family.name.endswith("Hebrew"))
    drawn = text("דגם(XR-250)", 10)
    assert isinstance(drawn, Shaped)
    fonts = {run.text: run.font for run in drawn.pieces("דגם(XR-250)")}
    assert fonts["דגם"] == font_of(hebrew)
    assert all(font != font_of(hebrew) for said, font in fonts.items() if "XR" in said)
