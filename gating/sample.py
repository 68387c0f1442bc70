"""A sample: one tube's events with the channels they were measured in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gating.errors import ChannelError, FCSError, missing
from gating.markers import same_marker

__all__ = ["AT_THE_TOP", "NO_ALIASES", "Channel", "Described", "Sample", "find_channel"]

NO_ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType({})

AT_THE_TOP = 0.999
"""Share of a scale from which on a detector has hardly any more numbers to tell signals apart."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One measured parameter: its detector ($PnN) and the marker stained on it ($PnS).

    Examples
    --------
    >>> str(Channel("BV421-A", "CD3")), str(Channel("FSC-A"))
    ('CD3', 'FSC-A')
    >>> Channel("SSC-H").kind, Channel("Time").kind, Channel("BV421-A").kind
    ('scatter', 'time', 'fluorescence')
    """

    name: str
    marker: str = ""
    range: float = 262144.0
    """Upper end of the linear scale ($PnR, after division by $PnG)."""

    def __str__(self) -> str:
        return self.marker or self.name

    @property
    def ceiling(self) -> float:
        """Value from which on an event is at the top of the scale."""
        return AT_THE_TOP * self.range

    @property
    def kind(self) -> str:
        """``scatter``, ``time`` or ``fluorescence``: only the last is compensated and transformed."""
        word = self.name.casefold().replace("_", "-").replace(" ", "-")
        if word.startswith(("fsc", "ssc", "fs-", "ss-", "fs0", "ss0", "width", "event")) or word in {
            "fs",
            "ss",
        }:
            return "scatter"
        return "time" if word in {"time", "hdr-t", "time-a"} else "fluorescence"


class Described(Protocol):
    """What is known of a file without its events: a sample, or what the reader found in TEXT."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """In the order of $Pn."""

    @property
    def keywords(self) -> Mapping[str, str]:
        """Upper case, ``$`` kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The events of one tube, linear, with what is known of them.

    Raises
    ------
    FCSError
        If the number of channels is not the number of columns, or a channel name is not unique.
    """

    name: str
    channels: tuple[Channel, ...]
    events: NDArray[np.float64]
    """(n, p) float64, linear scale, read-only; column order is that of ``channels``."""
    keywords: Mapping[str, str] = field(default_factory=dict)
    """TEXT keywords, upper case, ``$`` kept: ``{"$CYT": "LSRII"}``."""
    compensation: str = ""
    """How spillover was dealt with: ``""`` not yet; else the source, ``"$SPILLOVER"`` or ``"none (declared)"``."""
    warnings: tuple[str, ...] = ()
    """What was odd but usable, each a full sentence that reaches quality.csv and the report."""

    def __post_init__(self) -> None:
        if self.events.ndim != 2 or self.events.shape[1] != len(self.channels):
            raise FCSError(
                f"{self.name}: events are {' x '.join(map(str, self.events.shape))}; "
                f"{len(self.channels)} channels need (n, {len(self.channels)})."
            )
        names = [channel.name for channel in self.channels]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise FCSError(f"{self.name}: channel name {repeated[0]!r} is used twice; $PnN must be unique.")
        self.events.flags.writeable = False

    def __len__(self) -> int:
        return len(self.events)

    @property
    def compensated(self) -> bool:
        """Whether fluorescence may be gated: spillover was removed, or declared absent."""
        return bool(self.compensation)

    def index(self, wanted: str, aliases: Mapping[str, tuple[str, ...]] = NO_ALIASES) -> int:
        """Return the column of the channel that ``wanted`` names.

        The rules, in order; the first that finds a channel decides: the channel's own name ($PnN), its
        marker ($PnS), an alias, then the same marker in another spelling (``CD62-L``, ``CD45RA BV421``).
        Pulse area is preferred to height and width of the same detector. Two candidates left is an error.

        Parameters
        ----------
        wanted
            A marker or channel, as a gating template names it.
        aliases
            Marker to the names it may carry in files, from study.toml.

        Raises
        ------
        ChannelError
            If nothing matches, or more than one channel does.

        Examples
        --------
        >>> channels = (Channel("FSC-A"), Channel("BV421-A", "CD62-L BV421"), Channel("PE-A", "BCMA CAR"))
        >>> sample = Sample("pt01", channels, np.zeros((1, 3)))
        >>> sample.index("CD62L"), sample.index("CAR", {"CAR": ("BCMA CAR",)})
        (1, 2)
        >>> sample.index("CD45RA")
        Traceback (most recent call last):
        gating.errors.ChannelError: pt01: no channel or marker 'CD45RA'. Known: FSC-A, CD62-L BV421 (BV421-A), ...
        """
        return find_channel(self.channels, wanted, aliases, self.name)


def find_channel(channels: Sequence[Channel], wanted: str, aliases: Mapping[str, tuple[str, ...]], where: str) -> int:
    """Return the position of the channel that ``wanted`` names, by the rules of :meth:`Sample.index`.

    Raises
    ------
    ChannelError
        If nothing matches, or more than one channel does; ``where`` opens the message.
    """
    for rule in _rules(wanted, aliases.get(wanted, ())):
        found = _areas_first([i for i, channel in enumerate(channels) if rule(channel)], channels)
        if len(found) == 1:
            return found[0]
        if found:
            candidates = ", ".join(label(channels[i]) for i in found)
            raise ChannelError(
                f"{where}: {wanted!r} could be {candidates}; name one channel in the template, "
                f"or under [markers] in study.toml."
            )
    raise ChannelError(missing("channel or marker", wanted, map(label, channels), where))


def label(channel: Channel) -> str:
    """Return both names of a channel, for a message: ``CD3 (BV421-A)``."""
    return f"{channel.marker} ({channel.name})" if channel.marker else channel.name


def _rules(wanted: str, aliases: tuple[str, ...]) -> Iterator[Callable[[Channel], bool]]:
    """Yield the ways a channel can be meant, the surest first."""
    named = {name.casefold() for name in aliases}
    yield lambda channel: channel.name == wanted
    yield lambda channel: channel.name.casefold() == wanted.casefold()
    yield lambda channel: channel.marker.casefold() == wanted.casefold()
    yield lambda channel: bool({channel.name.casefold(), channel.marker.casefold()} & named)
    yield lambda channel: any(
        same_marker(spelling, name) for spelling in (wanted, *aliases) for name in (channel.marker, channel.name)
    )


def _areas_first(found: list[int], channels: Sequence[Channel]) -> list[int]:
    """Keep the area where height, width and area of one detector were found."""
    detectors = {channels[i].name.rsplit("-", 1)[0] for i in found}
    areas = [i for i in found if channels[i].name.endswith("-A")]
    return areas if len(detectors) == 1 and areas else found
