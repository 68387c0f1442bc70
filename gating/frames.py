"""What a method sees, the parent's events in a row's channels, and what it returns, a gate with its thresholds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gating.gates import Gate
from gating.tally import Tally
from gating.thresholds import Step, Threshold
from gating.transforms import Transform

__all__ = ["Chain", "Fit", "Frame", "placed"]

Chain = tuple[Step, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What a method may look at: the parent's events in the row's channels."""

    channels: tuple[str, ...]
    """$PnN of the row's channels."""
    tops: tuple[float, ...]
    """Upper end of each channel's linear scale."""
    gather: Callable[[], NDArray[np.float64]]
    """Collect the parent's events in these channels."""
    tally: Callable[[int], Tally]
    """Count the parent's finite values on axis ``i``."""
    threshold: Callable[[int, Chain, Transform | None], Threshold]
    """Fit axis ``i`` by a chain on the population that the row names, on a scale (fitted if None)."""
    scale: Callable[[int], Transform]
    """The display scale of axis ``i``, as fitted on the parent."""
    offsets: Callable[[Transform | None, bool], tuple[Threshold, Threshold, Threshold] | str]
    """Place the first axis above and below the second's threshold, and that; or say why they cannot be. The flag asks
    for cuts moved towards those of the batch."""

    @property
    def events(self) -> NDArray[np.float64]:
        """(n, d), linear, n events of the parent; collected anew each time."""
        return self.gather()


@dataclass(frozen=True, slots=True)
class Fit:
    """A gate with the thresholds it rests on; ``gate`` is None when a threshold was refused."""

    gate: Gate | None
    thresholds: tuple[Threshold, ...]
    move: Callable[[Sequence[float]], Gate] | None = None
    """The same gate with other values of its thresholds, linear; None where it rests on none that could move."""

    @property
    def status(self) -> str:
        """The worst of its thresholds."""
        return max((t.status for t in self.thresholds), key=("sure", "weak", "refused").index)


def placed(thresholds: tuple[Threshold, ...], move: Callable[[Sequence[float]], Gate]) -> Fit:
    """Return the gate at its thresholds, with how it would be made at others."""
    return Fit(move([threshold.value for threshold in thresholds]), thresholds, move)
