"""Each type of work of the demo has photos of its own, of before and of after."""

from backend.seed_catalogue import WORK
from tests.journeys.photographs import photograph


def test_no_two_types_of_work_look_alike_nor_before_and_after() -> None:
    seen = {photograph(when, work.code)[100:] for work in WORK for when in ("before", "after")}
    assert len(seen) == 2 * len(WORK)


def test_what_nobody_has_drawn_has_a_photo_too() -> None:
    assert photograph("before", "street").startswith(b"\xff\xd8\xff\xfe")
