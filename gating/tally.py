"""How many events have which value: what densities and quantiles need to know of a channel, and no more.

Values are told apart to one part in 4,096, a two-thousandth of a decade, which is a fiftieth of the narrowest
kernel that a density of a million events has. A tally is as long as there are values to tell apart, so what is
computed from it costs the same for ten thousand events as for ten million, and does not know their order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Keyed", "Tally", "keyed", "tally"]

_TOP = 18
"""Powers of two between the linear part around zero and the largest size after scaling: 5.4 decades."""
_BLOCK = 262_144
"""Events counted at a time: what is computed of them stays in the processor's cache."""
_DROPPED_BITS = 12
"""Of the 23 bits of a single-precision fraction: 11 stay, which tell 2,048 values in a power of two."""
_ONE = np.int32(0x3F800000)
"""The bits of 1.0, the smallest size: its key is 0, and that of -1.0 is -1, with no keys between that nothing has."""
_FLIPPED = 2 ** (31 - _DROPPED_BITS) - 1
"""The bits of a negative number's key that are flipped, so that keys ascend as values do."""


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Distinct values in ascending order, and how many events have each; both of shape (k,)."""

    values: NDArray[np.float64]
    """The middle of the events that count as one value, on the scale they were given in."""
    counts: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of events."""
        return int(self.counts.sum())

    def below(self, value: float) -> "Tally":
        """Return the events below a value.

        Examples
        --------
        >>> tally(np.arange(1.0, 101.0)).below(11.0).n
        10
        """
        stop = int(np.searchsorted(self.values, value))
        return Tally(self.values[:stop], self.counts[:stop])

    def quantile(self, share: float) -> float:
        """Return the smallest value that at least this share of the events does not exceed; NaN without events.

        Examples
        --------
        >>> tally(np.arange(1.0, 101.0)).quantile(0.25)
        25.0
        """
        return self.quantiles(share)[0]

    def quantiles(self, *shares: float) -> list[float]:
        """Return the quantile of each share, all for the cost of one.

        Examples
        --------
        >>> tally(np.arange(1.0, 101.0)).quantiles(0.25, 0.5)
        [25.0, 50.0]
        """
        if not len(self.counts):
            return [float("nan")] * len(shares)
        cumulative = np.cumsum(self.counts)
        total = cumulative[-1]
        found: list[float] = self.values[np.searchsorted(cumulative, [share * total for share in shares])].tolist()
        return found

    def median_and_deviation(self) -> tuple[float, float]:
        """Return the median, and the median absolute deviation from it.

        Examples
        --------
        >>> tally(np.array([1.0, 2.0, 3.0, 4.0, 50.0])).median_and_deviation()
        (3.0, 1.0)
        """
        centre = self.quantile(0.5)
        apart = np.abs(self.values - centre)
        order = np.argsort(apart, kind="stable")
        return centre, Tally(apart[order], self.counts[order]).quantile(0.5)


def tally(values: NDArray[np.float64]) -> Tally:
    """Count events by value.

    Sizes are scaled by a power of two so that the largest lies below 2**18, 1 is added, and the eleven leading
    bits of the fraction are kept: a logarithmic resolution that becomes linear around zero. Up to 10,000 events
    are told apart exactly: sorting them costs less.

    Parameters
    ----------
    values
        (n,); what is not finite is passed over.

    Examples
    --------
    >>> tally(np.array([3.0, 1.0, 3.0])).counts
    array([1, 2])
    """
    if len(values) <= 10_000:
        return Tally(*np.unique(values[np.isfinite(values)], return_counts=True))
    if not np.isfinite(values.max() - values.min()):
        return tally(values[np.isfinite(values)])
    exponent, first, last = _span(values)
    counts = np.zeros(last - first + 1, dtype=np.int64)
    for start in range(0, len(values), _BLOCK):
        keys = _keys(values[start : start + _BLOCK], exponent)
        keys -= first
        counts += np.bincount(keys, minlength=len(counts))
    present = np.flatnonzero(counts)
    return Tally(np.ldexp(_middle(present + first), exponent - _TOP), counts[present])


@dataclass(frozen=True, slots=True, eq=False)
class Keyed:
    """Events by the number of their value: what is known of values is then known of events, or any part of them."""

    keys: NDArray[np.int32]
    """(n,), from 0 to k - 1, ascending with the value."""
    values: NDArray[np.float64]
    """(k,), ascending; not every one needs to have events."""

    def counts(self, events: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return (k,), how many of some events have each value."""
        return np.bincount(self.keys[events], minlength=len(self.values))

    def tally(self) -> Tally:
        """Return how many events have each value that is there."""
        counts = np.bincount(self.keys, minlength=len(self.values))
        present = np.flatnonzero(counts)
        return Tally(self.values[present], counts[present])

    def places(self, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return (n,), the bin of each event between ascending edges: 0 below the first, k at or above the last of k.

        As a tally does, it takes values for one that differ by less than one part in 4,096.
        """
        reached = np.bincount(np.searchsorted(self.values, edges), minlength=len(self.values))
        return np.cumsum(reached)[self.keys]


def keyed(values: NDArray[np.float64]) -> Keyed:
    """Return events by the number of their value; those that a tally takes for one have one number.

    Parameters
    ----------
    values
        (n,), finite.

    Examples
    --------
    >>> channel = keyed(np.array([3.0, 1.0, 3.0]))
    >>> channel.values, channel.counts(np.array([0, 2])), channel.places(np.array([2.0]))
    (array([1., 3.]), array([0, 2]), array([1, 0, 1]))
    """
    if len(values) <= 10_000:
        known, numbers = np.unique(values, return_inverse=True)
        return Keyed(numbers.astype(np.int32), known)
    exponent, first, last = _span(values)
    keys = np.empty(len(values), dtype=np.int32)
    for start in range(0, len(values), _BLOCK):
        keys[start : start + _BLOCK] = _keys(values[start : start + _BLOCK], exponent)
    keys -= first
    return Keyed(keys, np.ldexp(_middle(np.arange(first, last + 1)), exponent - _TOP))


def _span(values: NDArray[np.float64]) -> tuple[int, int, int]:
    """Return the power of two that finite values are scaled by, and the least and the largest key."""
    low, high = float(values.min()), float(values.max())
    exponent = int(np.frexp(max(high, -low))[1])
    first, last = (int(key) for key in _keys(np.array([low, high]), exponent))
    return exponent, first, last


def _keys(values: NDArray[np.float64], exponent: int) -> NDArray[np.int32]:
    """Return a number for each value that ascends with it, the same for those that count as one."""
    scaled = np.asarray(values * 2.0 ** (_TOP - exponent), dtype=np.float32)
    scaled += np.copysign(np.float32(1), scaled)
    keys = scaled.view(np.int32)
    keys -= _ONE
    keys >>= _DROPPED_BITS
    keys ^= (keys >> 31) & _FLIPPED
    return keys


def _middle(keys: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the scaled value in the middle of those that have a key."""
    bits = (keys ^ ((keys >> 31) & _FLIPPED)).astype(np.int32)
    first = (bits << _DROPPED_BITS) + _ONE
    low = first.view(np.float32).astype(np.float64)
    high = (first | (2**_DROPPED_BITS - 1)).view(np.float32).astype(np.float64)
    middle = (low + high) / 2
    return np.asarray(middle - np.copysign(1, middle))
