"""What customers see of a photo: its pixels, and nothing that came along with them."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from media.errors import PictureTooLarge, PictureUnreadable
from media.pictures import COPY_SIDE, THUMBNAIL_SIDE, draw
from tests.media.pictures import EICAR, SVG, a_bomb, a_photo_with_place, a_picture, polyglots


def drawn(content: bytes) -> tuple[Image.Image, Image.Image]:
    pictures = draw(io.BytesIO(content))
    return Image.open(io.BytesIO(pictures.thumbnail)), Image.open(io.BytesIO(pictures.copy))


def test_the_place_of_a_photo_is_gone_from_all_that_is_made_of_it() -> None:
    original = a_photo_with_place()
    assert b"GPSLatitude" in original
    assert Image.open(io.BytesIO(original)).getexif().get_ifd(0x8825)
    pictures = draw(io.BytesIO(original))
    for made in (pictures.thumbnail, pictures.copy):
        assert not Image.open(io.BytesIO(made)).getexif()
        for trace in (b"Exif", b"GPS", b"xmp", b"Elm Street", b"Doorphone"):
            assert trace not in made


def test_a_photo_stands_upright_without_its_exif() -> None:
    thumbnail, copy = drawn(a_photo_with_place(orientation=6))
    assert copy.size == (480, 640)
    assert thumbnail.size == (240, 320)
    assert draw(io.BytesIO(a_photo_with_place(orientation=6))).width == 480


def test_large_photos_become_smaller_and_small_ones_stay() -> None:
    thumbnail, copy = drawn(a_picture(3000, 2000))
    assert max(copy.size) == COPY_SIDE
    assert max(thumbnail.size) == THUMBNAIL_SIDE
    assert drawn(a_picture(100, 50))[1].size == (100, 50)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("CMYK", "JPEG"),
        ("L", "JPEG"),
        ("I;16", "PNG"),
        ("RGBA", "PNG"),
        ("P", "PNG"),
        ("1", "PNG"),
        ("RGBA", "WEBP"),
    ],
)
def test_every_kind_of_picture_becomes_one_that_every_reader_shows(mode: str, kind: str) -> None:
    for made in drawn(a_picture(mode=mode, kind=kind)):
        assert (made.mode, made.format) == ("RGB", "JPEG")


def test_sixteen_bits_keep_their_light_and_their_shade() -> None:
    wide = Image.linear_gradient("L").convert("I").point(lambda value: value * 257).convert("I;16")
    file = io.BytesIO()
    wide.save(file, "PNG")
    low, high = drawn(file.getvalue())[1].convert("L").getextrema()
    assert low < 10
    assert high > 245


def test_of_an_animation_the_first_frame_is_shown() -> None:
    file = io.BytesIO()
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    red, _, blue = drawn(file.getvalue())[1].getpixel((20, 20))
    assert red > 200
    assert blue < 60


@pytest.mark.parametrize(("width", "pixels"), [(20_000, "400000000"), (7_000, "140000000")])
def test_a_bomb_is_refused_before_it_is_decoded(width: int, pixels: str) -> None:
    """Also one of less than twice the limit, of which the library would only warn."""
    bomb = a_bomb(width)
    assert len(bomb) < 500_000
    with pytest.raises(PictureTooLarge, match=pixels):
        draw(io.BytesIO(bomb))


@pytest.mark.parametrize("name", sorted(polyglots()))
def test_of_a_polyglot_only_the_picture_is_left(name: str) -> None:
    pictures = draw(io.BytesIO(polyglots()[name]))
    for made in (pictures.thumbnail, pictures.copy):
        for trace in (b"script", b"evil", b"PDF", b"JavaScript", b"program", EICAR[:20], b"PK\x03\x04"):
            assert trace not in made


@pytest.mark.parametrize(
    "content",
    [
        b"",
        SVG,
        a_picture()[:-2000],
        a_picture(kind="PNG")[:-100],
        b"\xff\xd8\xff" + bytes(100),
        a_picture(kind="GIF"),
    ],
    ids=["nothing", "SVG with script", "cut JPEG", "cut PNG", "no JPEG", "GIF"],
)
def test_what_cannot_be_drawn_is_a_fact_and_no_crash(content: bytes) -> None:
    with pytest.raises(PictureUnreadable):
        draw(io.BytesIO(content))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_damage_whatever_makes_drawing_fail_in_another_way(data: st.DataObject) -> None:
    content = bytearray(a_picture(64, 48, kind=data.draw(st.sampled_from(["JPEG", "PNG", "WEBP"]))))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        pictures = draw(io.BytesIO(bytes(content)))
    except (PictureUnreadable, PictureTooLarge):
        return
    assert pictures.copy.startswith(b"\xff\xd8\xff")
