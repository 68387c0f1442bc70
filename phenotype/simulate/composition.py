"""What cells must be drawn from so that, once some of them lie between negative and positive, labels come out right."""

import numpy as np
from numpy.typing import NDArray

from phenotype.simulate.settings import Marker

__all__ = ["drawn_composition", "labelled_composition", "more_naive"]

Shares = NDArray[np.float64]
"""(4,): naive, central memory, effector memory, effector; sums to 1."""


def labelled_composition(drawn: Shares, cd62l: Marker, cd45ra: Marker, intermediate: float) -> Shares:
    """Return the subsets expected by label, given those that cells are drawn from.

    A share ``intermediate`` of cells gets another CD62L, anywhere between the means, and is labelled by the
    side of the threshold it falls on; independently, the same for CD45RA.

    Examples
    --------
    >>> marker = Marker(2.0, 0.3, 4.0, 0.3)
    >>> labelled_composition(np.array([1.0, 0, 0, 0]), marker, marker, 0.2).round(3)
    array([0.81, 0.09, 0.01, 0.09])
    """
    table = _mixing(cd62l, intermediate) @ _square(drawn) @ _mixing(cd45ra, intermediate).T
    return _shares(table)


def drawn_composition(labelled: Shares, cd62l: Marker, cd45ra: Marker, intermediate: float) -> Shares:
    """Return the subsets to draw cells from so that labels have a wanted composition.

    The inverse of :func:`labelled_composition`. A subset rarer than intermediate cells alone would make it
    cannot be reached: its share is then 0, the others are scaled, and labels have a little more of it than wanted.

    Examples
    --------
    >>> marker = Marker(2.0, 0.3, 4.0, 0.3)
    >>> drawn_composition(np.array([0.81, 0.09, 0.01, 0.09]), marker, marker, 0.2).round(6) + 0.0
    array([1., 0., 0., 0.])
    """
    left, right = np.linalg.inv(_mixing(cd62l, intermediate)), np.linalg.inv(_mixing(cd45ra, intermediate))
    shares = np.clip(_shares(left @ _square(labelled) @ right.T), 0.0, None)
    return np.asarray(shares / shares.sum())


def more_naive(shares: Shares, shift: float) -> Shares:
    """Return a composition with more naive cells, the others scaled down.

    Examples
    --------
    >>> more_naive(np.array([0.2, 0.4, 0.3, 0.1]), 0.08)
    array([0.28, 0.36, 0.27, 0.09])
    """
    naive = min(shares[0] + shift, 1.0)
    rest = shares[1:] * (1 - naive) / max(shares[1:].sum(), 1e-12)
    return np.concatenate([[naive], rest])


def _mixing(marker: Marker, intermediate: float) -> NDArray[np.float64]:
    """Return the chance of a label (rows: negative, positive) given what a cell is drawn as (columns)."""
    above = marker.share_above
    return (1 - intermediate) * np.eye(2) + intermediate * np.array([[1 - above] * 2, [above] * 2])


def _square(shares: Shares) -> NDArray[np.float64]:
    """Return shares as a table: CD62L negative and positive in rows, CD45RA in columns."""
    naive, central, effector_memory, effector = shares
    return np.array([[effector_memory, effector], [central, naive]])


def _shares(table: NDArray[np.float64]) -> Shares:
    return np.array([table[1, 1], table[1, 0], table[0, 0], table[0, 1]])
