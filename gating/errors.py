"""What can go wrong between an FCS file and a population.

::

    GatingError
    ├── FCSError (ValueError)               the file contradicts itself or the standard
    │   └── UnsupportedFCSError             sound, but of a kind this reader does not read
    ├── ChannelError (LookupError)          no such channel or marker, or more than one
    ├── CompensationError (ValueError)      no matrix, a bad matrix, or compensated twice
    ├── TransformError (ValueError)         parameters that define no scale
    ├── GateError (ValueError)              a shape that cannot be
    ├── ThresholdError (ValueError)         the data do not say where to cut
    ├── TemplateError (ValueError)          every fault of a gating template at once
    └── ExchangeError (ValueError)          another program has no counterpart, or cannot be used here

Every message reads ``where: what is wrong, with the value found; what would be right.``
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

__all__ = [
    "ChannelError",
    "CompensationError",
    "ExchangeError",
    "FCSError",
    "GateError",
    "GatingError",
    "TemplateError",
    "ThresholdError",
    "TransformError",
    "UnsupportedFCSError",
    "missing",
]


class GatingError(Exception):
    """Anything this package raises on purpose."""


class FCSError(GatingError, ValueError):
    """The file contradicts itself or the standard."""


class UnsupportedFCSError(FCSError):
    """The file may be sound, but it is of a kind this reader does not read."""


class ChannelError(GatingError, LookupError):
    """A channel or marker is not in the sample, or is there more than once."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class CompensationError(GatingError, ValueError):
    """A spillover matrix is missing, unusable, or applied twice."""


class TransformError(GatingError, ValueError):
    """The parameters do not define a scale."""


class GateError(GatingError, ValueError):
    """A shape cannot be a gate."""


class ThresholdError(GatingError, ValueError):
    """The data do not say where to cut; the message says why."""


class TemplateError(GatingError, ValueError):
    """A gating template has faults; ``faults`` lists them all, each with its row."""

    def __init__(self, where: str, faults: Sequence[str]) -> None:
        self.where = where
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{where}: {fault}" for fault in self.faults))


class ExchangeError(GatingError, ValueError):
    """Something has no counterpart in another program, or that program cannot be used here."""


LISTED = 40
"""Names that a message lists at most: scatter and a panel of 20 colours; the 73 detectors of a spectral cytometer fill
a screen and help no one."""


def missing(kind: str, wanted: str, known: Iterable[str], where: str) -> str:
    """Say where something is missing, and which known name comes closest.

    Examples
    --------
    >>> missing("channel", "CD3e", ["FSC-A", "CD3"], "pt01.fcs")
    "pt01.fcs: no channel 'CD3e'; did you mean 'CD3'? Known: FSC-A, CD3"
    >>> missing("marker", "CD3e", ["FSC-A", "CD3 (PE-A)"], "pt01.fcs")
    "pt01.fcs: no marker 'CD3e'; did you mean 'CD3'? Known: FSC-A, CD3 (PE-A)"
    """
    known = list(known)
    more = f", and {len(known) - LISTED} more" if len(known) > LISTED else ""
    close = get_close_matches(wanted, [part for name in known for part in (name, name.partition(" (")[0])], n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"{where}: no {kind} {wanted!r}{hint} Known: {', '.join(known[:LISTED]) or 'none'}{more}"
