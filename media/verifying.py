"""Reading back everything that is stored, to tell what is missing and what has rotted."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from media.errors import StorageUnavailable, UploadMissing
from media.objects import CHUNK, ObjectStore, sha256_of_key


@dataclass
class Verified:
    """What a whole reading found: keys by what is the matter with them, and how much was read."""

    objects: int = 0
    bytes_read: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    unnamed: int = 0
    """Whole objects that no record names: uploads whose last step never came."""

    @property
    def sound(self) -> bool:
        """Whether every object is there, and is what its name says."""
        return not (self.missing or self.damaged or self.unreadable)


def verify(store: ObjectStore, named: Collection[str]) -> Verified:
    """Hash every object of the store again; `named` are the keys that records speak of."""
    found = Verified()
    seen = set()
    for key in store.keys():  # noqa: SIM118 - no dict
        seen.add(key)
        try:
            size, sha256 = _read(store, key)
        except StorageUnavailable:
            found.unreadable.append(key)
            continue
        except UploadMissing:
            continue  # deleted while we looked; if it is named it counts as missing
        found.objects += 1
        found.bytes_read += size
        if sha256 != sha256_of_key(key):
            found.damaged.append(key)
        elif key not in named:
            found.unnamed += 1
    found.missing = sorted(key for key in set(named) - seen)
    return found


def _read(store: ObjectStore, key: str) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with store.open(key) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()
