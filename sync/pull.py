"""A pull: where a device stands in its feeds, and the changes after that, one page after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sync.cursor import Place
from sync.feed import NEVER_SENT, Page, hexadecimal, read_page
from sync.host import Look
from sync.status import FeedStatus, Status

PAGE_CHANGES = 1_000
"""Read in one statement, while the ones before are on their way."""


@dataclass(frozen=True)
class Start:
    """Where a pull begins: a place per feed, and whether the device must replace what it holds."""

    places: Mapping[str, Place]
    resync: bool

    def is_at_head(self, status: Status) -> bool:
        """Whether the device has all of every feed already, so that there is nothing to read."""
        feeds = status.feeds
        return all(key in feeds and place.position == feeds[key].head for key, place in self.places.items())


@dataclass
class Pull:
    """The pages of one answer, all from one snapshot, and after each where the device is then (`places`).

    `room` is how many more changes the device takes; `figures` are those of the feeds read to their ends.
    """

    places: dict[str, Place]
    room: int
    figures: dict[str, dict[str, object]] = field(default_factory=dict)
    found: int = 0
    _waiting: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, keys: Sequence[str], start: Start, status: Status, room: int) -> Pull:
        """Nothing read yet. The feeds are read in the order of `keys`."""
        pull = cls({}, room)
        for key in keys:
            place, feed = start.places.get(key, Place(0)), status.feeds.get(key)
            pull.places[key] = place if feed is not None else Place(0)
            if feed is not None and place.position < feed.head:
                pull._waiting.append(key)
            elif feed is not None:
                pull.figures[key] = _figures_of(feed)
        return pull

    @property
    def more(self) -> bool:
        """Whether there is something left to read, now or in the next exchange."""
        return bool(self._waiting)

    def is_over(self) -> bool:
        """Whether this answer brings no further page."""
        return not self._waiting or self.room <= 0

    def read_first(self, look: Look) -> bytes:
        """A page of changes from as many feeds as it takes, or all there are."""
        pages: list[bytes] = []
        while self.found < PAGE_CHANGES and not self.is_over():
            pages.append(self.read(look))
        return b",".join(filter(None, pages))

    def read(self, look: Look) -> bytes:
        """The next page: the changes' JSON texts joined by commas, b"" for none. Not to be called when over.

        Where it raises, the device is where the page before left it.
        """
        key = self._waiting[0]
        place = self.places[key]
        is_fresh = place.position == 0
        started = NEVER_SENT if is_fresh else place.started
        page = read_page(look, key, place.position, started, min(self.room, PAGE_CHANGES))
        assert page is not None, "the status of the same snapshot knows the feed"
        began = page.head if is_fresh else place.started
        self.places[key] = Place(page.last, began if page.last < began else 0)
        self.room -= page.found
        self.found += page.found
        if not page.more:
            self._waiting.remove(key)
            self.figures[key] = _figures_of(page)
        return page.wire

    def stop(self) -> None:
        """Leave the rest to the next exchange."""
        self.room = 0


def _figures_of(feed: FeedStatus | Page) -> dict[str, object]:
    return {"count": feed.records, "hash": hexadecimal(feed.digest)}
