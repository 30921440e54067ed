"""Drawing in a child process: what a file makes it do wrong, it does alone."""

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from media import drawing
from media.drawing import draw_apart
from media.errors import PictureTooLarge, PictureUnreadable
from tests.media.pictures import SVG, a_bomb, a_photo_with_place, a_picture


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "original"
    file.write_bytes(a_photo_with_place())
    return file


def test_a_child_draws_what_we_would(source: Path, tmp_path: Path) -> None:
    pictures = draw_apart(source, tmp_path, tmp_path / "places")
    assert (pictures.width, pictures.height) == (480, 640)
    assert pictures.copy.startswith(b"\xff\xd8\xff")
    assert b"Exif" not in pictures.copy + pictures.thumbnail


@pytest.mark.parametrize(
    ("content", "refusal"),
    [(a_bomb(), PictureTooLarge), (SVG, PictureUnreadable), (a_picture()[:-900], PictureUnreadable)],
    ids=["bomb", "SVG", "cut"],
)
def test_its_refusals_are_ours(
    source: Path, tmp_path: Path, content: bytes, refusal: type[Exception]
) -> None:
    source.write_bytes(content)
    with pytest.raises(refusal):
        draw_apart(source, tmp_path, tmp_path / "places")


def test_a_child_that_wants_too_much_memory_ends_alone(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 115 megapixels are within the limit, and decoded more than what this machine is to give for a picture.
    source.write_bytes(a_bomb(11_500, 10_000))
    draw_apart(source, tmp_path, tmp_path / "places")
    limited = ["prlimit", f"--as={256 << 20}"]
    run = subprocess.run
    monkeypatch.setattr(drawing.subprocess, "run", lambda words, **how: run([*limited, *words], **how))
    with pytest.raises(PictureUnreadable, match="memory"):
        draw_apart(source, tmp_path, tmp_path / "places")


def test_a_child_that_takes_too_long_is_ended(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "PATIENCE_SECONDS", 0.01)
    with pytest.raises(PictureUnreadable, match="too long"):
        draw_apart(source, tmp_path, tmp_path / "places")


def test_two_draw_at_once_and_no_more(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, lock = 0, 0, threading.Lock()
    run = subprocess.run

    def counted(*words, **how):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        try:
            return run(*words, **how)
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr(drawing.subprocess, "run", counted)
    folders = [tmp_path / str(number) for number in range(5)]
    threads = []
    for folder in folders:
        folder.mkdir()
        threads.append(threading.Thread(target=draw_apart, args=(source, folder, tmp_path / "places")))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert most == 2
    assert all((folder / "copy").exists() for folder in folders)


def test_a_place_of_somebody_who_died_is_free(source: Path, tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        with drawing._place(tmp_path / "places"), drawing._place(tmp_path / "places"):
            time.sleep(60)
        os._exit(0)
    time.sleep(0.3)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    assert draw_apart(source, tmp_path, tmp_path / "places").width
