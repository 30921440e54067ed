"""What technicians photograph: drawings of the thing they came for, before the work and after it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFilter

Pen: TypeAlias = ImageDraw.ImageDraw
USUAL = "washing-machine"
FLOOR = 270
"""Where the wall ends, in points from above."""
BODY, EDGE, SHADE, DARK = "#eceff1", "#9aa5ab", "#cfd8dc", "#37474f"
WATER, COPPER = "#6f7f86", "#b87333"


def photograph(text: str, subject: str = USUAL) -> bytes:
    """A JPEG that is like no other: `text` stands in its comment segment; "after …" shows work that is done.

    `subject`: the code of a type of work; one that nobody has drawn is a washing machine.
    """
    words = text.encode()
    scene = _scene(subject if subject in _SUBJECTS else USUAL, done=text.startswith("after"))
    comment = b"\xff\xfe" + (len(words) + 2).to_bytes(2, "big") + words
    return scene[:2] + comment + scene[2:]


@cache
def _scene(subject: str, *, done: bool) -> bytes:
    light = Image.linear_gradient("L").resize((480, 360))
    photo = Image.merge("RGB", [light.point(lambda value, d=d: 150 + d + value // 8) for d in (22, 14, 0)])
    pen = ImageDraw.Draw(photo)
    pen.rectangle((0, FLOOR, 480, 360), fill="#8a7460")
    _SUBJECTS[subject](pen, done)
    file = io.BytesIO()
    photo.filter(ImageFilter.GaussianBlur(1.2)).save(file, "JPEG", quality=80)
    return file.getvalue()


def _lamp(pen: Pen, x: int, y: int, *, done: bool) -> None:
    pen.ellipse((x - 10, y - 10, x + 10, y + 10), fill="#4caf50" if done else "#d32f2f")


def _box(pen: Pen, left: int, top: int, right: int, bottom: int) -> None:
    pen.rounded_rectangle((left, top, right, bottom), 10, fill=BODY, outline=EDGE, width=3)


def _washing_machine(pen: Pen, done: bool) -> None:
    if not done:
        pen.ellipse((70, 285, 420, 345), fill=WATER)
    _box(pen, 150, 70, 330, 300)
    pen.rectangle((160, 80, 320, 108), fill=SHADE)
    _lamp(pen, 295, 94, done=done)
    pen.ellipse((180, 130, 300, 250), fill=DARK, outline="#90a4ae", width=10)
    pen.ellipse((205, 155, 275, 225), fill="#263238" if done else "#5b7c8d")


def _dishwasher(pen: Pen, done: bool) -> None:
    if not done:
        pen.ellipse((60, 300, 300, 350), fill=WATER)
    pen.rectangle((40, 80, 440, 105), fill="#795548")
    _box(pen, 140, 105, 340, 300)
    pen.rectangle((150, 112, 330, 138), fill=SHADE)
    pen.rectangle((190, 150, 290, 160), fill=EDGE)
    _lamp(pen, 310, 125, done=done)


def _refrigerator(pen: Pen, done: bool) -> None:
    _box(pen, 160, 20, 320, 300)
    pen.line((160, 115, 320, 115), fill=EDGE, width=4)
    for top in (60, 135):
        pen.rectangle((176, top, 184, top + 40), fill=EDGE)
    pen.rectangle((230, 140, 300, 170), fill=DARK)
    pen.rectangle((236, 146, 256 if done else 294, 164), fill="#29b6f6" if done else "#ef5350")


def _oven(pen: Pen, done: bool) -> None:
    _box(pen, 130, 90, 350, 300)
    for x in (165, 205, 245, 285):
        pen.ellipse((x - 12, 102, x + 12, 126), fill=DARK)
    _lamp(pen, 325, 114, done=done)
    pen.rounded_rectangle(
        (155, 160, 325, 275), 8, fill="#ff8f00" if done else "#212121", outline=EDGE, width=5
    )
    pen.rectangle((155, 142, 325, 150), fill=EDGE)


def _boiler(pen: Pen, done: bool) -> None:
    _box(pen, 160, 30, 320, 220)
    for x in (190, 240, 290):
        pen.rectangle((x - 5, 220, x + 5, FLOOR), fill=COPPER)
    pen.rectangle((200, 60, 280, 90), fill=DARK)
    _lamp(pen, 300, 75, done=done)
    pen.ellipse((220, 140, 260, 180), fill="#1e88e5" if done else "#212121", outline=EDGE, width=4)


def _radiator(pen: Pen, done: bool) -> None:
    for x in range(110, 370, 26):
        pen.rounded_rectangle((x, 110, x + 20, 250), 8, fill=BODY, outline=EDGE, width=2)
    pen.rectangle((90, 232, 110, 240), fill=COPPER)
    pen.rectangle((84, 210, 104, 236), fill="#4caf50" if done else "#d32f2f")
    if not done:
        pen.ellipse((50, 262, 150, 290), fill=WATER)


def _tap(pen: Pen, done: bool) -> None:
    pen.rounded_rectangle((100, 220, 380, 300), 30, fill=BODY, outline=EDGE, width=4)
    pen.rectangle((228, 110, 252, 225), fill=SHADE, outline=EDGE)
    pen.arc((150, 80, 250, 180), 180, 350, fill=EDGE, width=22)
    pen.rectangle((215, 92, 265, 108), fill="#4caf50" if done else "#d32f2f")
    for y in () if done else (150, 175, 200):
        pen.ellipse((156, y, 168, y + 16), fill="#4fc3f7")


def _smoke_alarm(pen: Pen, done: bool) -> None:
    pen.rectangle((0, 0, 480, 70), fill="#f5f5f5")
    pen.ellipse((130, 30, 350, 160), fill=BODY, outline=EDGE, width=4)
    for inset in (30, 55, 80):
        pen.arc((130 + inset, 30 + inset // 2, 350 - inset, 160 - inset // 2), 20, 160, fill=EDGE, width=4)
    _lamp(pen, 240, 70, done=done)


_SUBJECTS: Mapping[str, Callable[[Pen, bool], None]] = {
    USUAL: _washing_machine,
    "dishwasher": _dishwasher,
    "refrigerator": _refrigerator,
    "oven": _oven,
    "boiler": _boiler,
    "radiator": _radiator,
    "tap": _tap,
    "smoke-alarm": _smoke_alarm,
}
"""By the code of the type of work (`backend/seed_catalogue.py`)."""
