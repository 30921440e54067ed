"""A pull: where a device stands in its feeds, and the changes after that, one page after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sync.cursor import Place
from sync.feed import NEVER_SENT, Page, ask_page, hexadecimal
from sync.host import Snapshot
from sync.status import FeedStatus, Status

PAGE_CHANGES = 500
"""Read in one statement, while the ones before are on their way. Twice as many are no faster on the way, and
cost the database and us a third more: such long texts are given new memory each time (decision 115)."""


Asked: TypeAlias = Callable[[], Page | None]


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

    def read_first(self, snapshot: Snapshot) -> bytes:
        """A page of changes from as many feeds as it takes, or all there are."""
        pages: list[bytes] = []
        while self.found < PAGE_CHANGES and not self.is_over():
            pages.append(self.take(self.ask(snapshot)))
        return b",".join(filter(None, pages))

    def ask(self, snapshot: Snapshot) -> Asked:
        """Ask for the next page, for `take` to wait for. Not to be called when over."""
        key = self._waiting[0]
        place = self.places[key]
        started = NEVER_SENT if place.position == 0 else place.started
        return ask_page(snapshot, key, place.position, started, min(self.room, PAGE_CHANGES))

    def take(self, asked: Asked) -> bytes:
        """The page that was asked for: its changes' JSON texts joined by commas, b"" for none.

        Where it raises, the device is where the page before left it.
        """
        page = asked()
        key = self._waiting[0]
        place = self.places[key]
        is_fresh = place.position == 0
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
