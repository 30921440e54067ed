"""Photos on their way to S3: what they cost the API's memory, and how fast pictures are made of them."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import httpx
from PIL import Image
from sqlalchemy import func, select

from backend.attachments.models import MediaExamination
from schemas.attachments import PicturesState
from tests.benchmarks.exchanges import Figures
from tests.benchmarks.firm import Firm, running_firm
from tests.benchmarks.phone import Phone
from tests.swift.servers import running_swift

PHONES = 24
"""As many as it takes to stay below the limit of requests per phone."""
PHOTOS = 200
MEGABYTES = 7
AT_ONCE = 4
WARMING = 8
"""Photos before the memory is looked at: what a process takes once it does not take again."""
DRAWING_SECONDS = 20.0
"""How long drawing is watched once nothing comes up any more: a rate needs no end."""


@contextmanager
def running_on_s3(url: str, folder: Path, *, workers: int) -> Iterator[Firm]:
    """A firm whose files go into a bucket of a Swift of its own."""
    with running_swift() as swift:
        address = swift.address(swift.new_bucket())
        where = {
            "DOORSTEP_S3_BUCKET": address.bucket,
            "DOORSTEP_S3_ENDPOINT": str(address.endpoint),
            "DOORSTEP_S3_ACCESS_KEY": str(address.access_key),
            "DOORSTEP_S3_SECRET_KEY": str(address.secret_key),
        }
        with mock.patch.dict(os.environ, where), running_firm(url, folder, workers=workers) as firm:
            yield firm


def uploads(firm: Firm, phones: list[Phone], photos: int = PHOTOS) -> Figures:
    """Send photos of 7 MB from several phones at once; then see how fast pictures are made of them."""
    photo = a_large_photo()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda n: _send(firm, phones[n % len(phones)], photo, n), range(WARMING)))
        before = _resident(firm)
        with _watched(firm) as peak:
            began = time.monotonic()
            list(pool.map(lambda n: _send(firm, phones[n % len(phones)], photo, WARMING + n), range(photos)))
            took = time.monotonic() - began
    drawn_before, began = _drawn(firm), time.monotonic()
    while (drawn := _drawn(firm)) < WARMING + photos and time.monotonic() - began < DRAWING_SECONDS:
        time.sleep(0.5)
    drawing = time.monotonic() - began
    return {
        f"{photos} photos of {MEGABYTES} MB up, s": took,
        "API workers' memory before, MB": before / 1e6,
        "API workers' memory at most meanwhile, MB": max(peak) / 1e6,
        "memory at most ÷ before": max(peak) / before,
        "photos drawn meanwhile": float(drawn_before),
        "photos of 12 megapixels drawn/s, after the uploads": (drawn - drawn_before) / drawing,
    }


def a_large_photo() -> bytes:
    """A JPEG of 12 megapixels and about seven megabytes."""
    noise = Image.effect_noise((4000, 3000), 90)
    colours = Image.merge("RGB", (noise, noise.transpose(Image.Transpose.ROTATE_180), noise))
    for quality in range(95, 20, -5):
        file = io.BytesIO()
        colours.save(file, "JPEG", quality=quality)
        if file.tell() <= MEGABYTES * 1_000_000:
            return file.getvalue() + bytes(MEGABYTES * 1_000_000 - file.tell())
    raise AssertionError("noise does not become so small")


def _send(firm: Firm, phone: Phone, photo: bytes, number: int) -> None:
    content = photo[:-8] + number.to_bytes(8, "big")
    told = {
        "visit_id": phone.visit_id,
        "kind": "before",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "content_type": "image/jpeg",
    }
    with httpx.Client(headers={"Authorization": f"Bearer {phone.token}"}, timeout=60) as client:
        media_id = client.post(f"{firm.server.url}/media", json=told).raise_for_status().json()["id"]
        how = client.post(f"{firm.server.url}/media/{media_id}/upload").raise_for_status().json()
        assert (
            how["headers"]["x-amz-checksum-sha256"]
            == base64.b64encode(bytes.fromhex(told["sha256"])).decode()
        )
        httpx.put(how["url"], headers=how["headers"], content=content, timeout=60).raise_for_status()
        receipt = client.post(f"{firm.server.url}/media/{media_id}/complete").raise_for_status().json()
        assert receipt["state"] == "stored", receipt


def _resident(firm: Firm) -> int:
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in firm.server.workers_alive()]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def _watched(firm: Firm) -> Iterator[list[int]]:
    seen, over = [_resident(firm)], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            seen.append(_resident(firm))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def _drawn(firm: Firm) -> int:
    with firm.wiring.factory.begin(write=False) as uow:
        made = select(func.count()).where(MediaExamination.pictures == PicturesState.MADE)
        return uow.session.scalar(made) or 0
