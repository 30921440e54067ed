"""Drawing pictures in a process of its own, which may take only so much memory and time, two at once.

A decoder is the part of a server that strangers feed with what they like. What it does wrong it does here.
"""

import contextlib
import fcntl
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from media.errors import PictureTooLarge, PictureUnreadable
from media.pictures import Pictures, draw

MEMORY_BYTES = 1 << 30
PROCESSOR_SECONDS = 60
LARGEST_FILE = 64 << 20
PATIENCE_SECONDS = 120.0
PLACES = 2
"""How many draw at once on this machine, however many server processes there are."""
_LOOK_AGAIN_SECONDS = 0.1
_REFUSALS = {refusal.code: refusal for refusal in (PictureTooLarge, PictureUnreadable)}


def draw_apart(source: Path, folder: Path, places: Path) -> Pictures:
    """What `draw` makes of a file, made by a child process into `folder`.

    `places` is a folder for lock files that all server processes of the machine share. Raises
    `PictureTooLarge`, `PictureUnreadable`; a child that takes too much of anything is unreadable, too.
    """
    with _place(places):
        try:
            done = subprocess.run(  # noqa: S603 - this very module
                [sys.executable, "-m", "media.drawing", str(source), str(folder)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PictureUnreadable("Drawing it takes too long.") from error
    if done.returncode != 0:
        raise PictureUnreadable("Drawing it takes more memory or time than a picture may.")
    said = json.loads(done.stdout)
    if refusal := _REFUSALS.get(said.get("refused")):
        raise refusal(said["detail"])
    return Pictures(
        (folder / "thumbnail").read_bytes(), (folder / "copy").read_bytes(), said["width"], said["height"]
    )


@contextmanager
def _place(places: Path) -> Iterator[None]:
    """One of the places, for the length of a with-block; a process that dies leaves its place free."""
    places.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context((places / f"drawing-{number}").open("w")) for number in range(PLACES)]
        while not any(_taken(file) for file in files):
            time.sleep(_LOOK_AGAIN_SECONDS)
        yield


def _taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _draw_here(source: Path, folder: Path) -> dict[str, object]:
    try:
        with source.open("rb") as file:
            pictures = draw(file)
    except (PictureTooLarge, PictureUnreadable) as refusal:
        return {"refused": refusal.code, "detail": refusal.detail}
    (folder / "thumbnail").write_bytes(pictures.thumbnail)
    (folder / "copy").write_bytes(pictures.copy)
    return {"width": pictures.width, "height": pictures.height}


if __name__ == "__main__":
    _limit()
    sys.stdout.write(json.dumps(_draw_here(Path(sys.argv[1]), Path(sys.argv[2]))))
