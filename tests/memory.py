"""How much memory something took in this process, however much was taken before it."""

from __future__ import annotations

from pathlib import Path

_OF_THIS_PROCESS = Path("/proc/self")
_FORGET_THE_PEAK = "5"
"""Linux, proc(5): written to `clear_refs`, the peak of the resident memory begins anew."""


class MemoryTaken:
    """Made before the work; `bytes()` is then how far memory went above what it was."""

    def __init__(self) -> None:
        (_OF_THIS_PROCESS / "clear_refs").write_text(_FORGET_THE_PEAK)
        self._before = _resident("VmRSS")

    def bytes(self) -> int:
        """The most that was in use at once since, above what was in use before."""
        return _resident("VmHWM") - self._before


def _resident(what: str) -> int:
    lines = (_OF_THIS_PROCESS / "status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{what}:"))
    return int(kilobytes) << 10
