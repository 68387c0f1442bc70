"""Panels: files with the same detectors and markers, and in what a panel differs from the most frequent one."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gating import Channel
from phenotype.survey.folder import Tube

__all__ = ["Panel", "find_panels"]

Names = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Panel:
    """A set of detectors and markers, and the files that have it."""

    number: int
    """Counted from 1, the most frequent first."""
    channels: tuple[Channel, ...]
    """As in the first of its files."""
    members: tuple[int, ...]
    """Positions of its tubes."""
    differences: tuple[str, ...] = ()
    """From panel 1, each in words."""
    moved: tuple[str, ...] = ()
    """Those among them where a marker of panel 1 sits on another detector."""


def find_panels(tubes: Sequence[Tube]) -> tuple[Panel, ...]:
    """Group tubes by detectors and markers, in whatever order they are; Time is no part of a panel."""
    members: dict[Names, list[int]] = {}
    for i, tube in enumerate(tubes):
        members.setdefault(_names(tube.channels), []).append(i)
    ordered = sorted(members.items(), key=lambda item: (-len(item[1]), item[1][0]))
    usual = ordered[0][0]
    return tuple(
        Panel(
            number,
            tubes[places[0]].channels,
            tuple(places),
            tuple(_differences(usual, names)),
            tuple(_moved(usual, names)),
        )
        for number, (names, places) in enumerate(ordered, start=1)
    )


def _names(channels: Sequence[Channel]) -> Names:
    return frozenset((c.name, "" if c.marker == c.name else c.marker) for c in channels if c.kind != "time")


def _differences(usual: Names, names: Names) -> Iterator[str]:
    """Say where another marker sits, what a panel lacks and has beside; or all that it is, if it shares little."""
    before, now = dict(sorted(usual)), dict(sorted(names))
    shared = before.keys() & now.keys()
    if len(shared) < len(now) / 2:
        stained = ", ".join(_label(name, now) for name in now if now[name] or name not in shared)
        yield f"another panel, with {len(shared)} of its {len(now)} channels in panel 1: {stained}"
        return
    for detector in [name for name in before if name in now and before[name] != now[name]]:
        yield f"{detector} is {now[detector] or 'not named'}, not {before[detector] or 'without a name'}"
    yield from (f"no {_label(name, before)}" for name in before if name not in now)
    yield from (f"also {_label(name, now)}" for name in now if name not in before)


def _moved(usual: Names, names: Names) -> Iterator[str]:
    """Name each marker that both panels have once, on two detectors that panel 1 has."""
    before, now = _homes(usual), _homes(names)
    for marker in sorted(before.keys() & now.keys()):
        if before[marker] != now[marker] and now[marker] in dict(usual):
            yield f"{marker} is on {now[marker]}, in panel 1 on {before[marker]}"


def _homes(names: Names) -> dict[str, str]:
    """Return the detector of each marker that is there once."""
    counts = Counter(marker for _, marker in names if marker)
    return {marker: detector for detector, marker in names if counts[marker] == 1}


def _label(detector: str, names: dict[str, str]) -> str:
    marker = names[detector]
    return f"{detector} ({marker})" if marker else detector
