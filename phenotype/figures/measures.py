"""The three measures of expansion on an axis: their names, their scale, and where what was not detected is drawn."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from phenotype.figures.palette import MUTED

__all__ = ["LOG_PEAKS", "MEASURE_LABELS", "MEASURE_UNITS", "log_axis", "peak_axis", "power_of_ten"]

MEASURE_LABELS: Mapping[str, str] = {
    "cart_pct_of_t": "CAR-T cells, % of T cells",
    "cart_per_ul": "CAR-T cells per µL blood",
    "copies_per_ug": "CAR copies per µg DNA",
}
MEASURE_UNITS: Mapping[str, str] = {
    "cart_pct_of_t": "% of T cells",
    "cart_per_ul": "cells per µL",
    "copies_per_ug": "copies per µg",
}
LOG_PEAKS = frozenset({"cart_per_ul", "copies_per_ug"})
"""Measures whose peaks differ by decades between patients; peaks in percent of T cells lie within one."""
_MOST_TICKS = 6
_APART = 0.075
"""Share of an axis between the floor and the next tick: with less, their labels would touch."""
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def power_of_ten(exponent: int) -> str:
    """Return a decade as a tick says it.

    Examples
    --------
    >>> power_of_ten(-2), power_of_ten(2), power_of_ten(5)
    ('0.01', '100', '10⁵')
    """
    plain = -3 <= exponent <= 3
    return f"{10.0**exponent:g}" if plain else f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def log_axis(ax: Axes, *, floor: float, top: float, marked: bool) -> None:
    """Give an axis decades from a floor up; a marked floor is a dashed line at which no value stands.

    Parameters
    ----------
    ax
        Its vertical axis is set.
    floor
        Where values that could not be quantified are drawn, below all that could.
    top
        The largest value.
    marked
        Whether there is such a value.
    """
    ax.set_yscale("log")
    ax.set_ylim(floor / 1.7, top * 1.8)
    low, high = (float(np.log10(end)) for end in ax.get_ylim())
    lowest = float(np.log10(floor)) + _APART * (high - low) if marked else low
    decades = list(range(int(np.ceil(lowest)), int(np.floor(high)) + 1))
    decades = decades[:: max(-(-len(decades) // _MOST_TICKS), 1)]
    places, labels = [10.0**k for k in decades], [power_of_ten(k) for k in decades]
    if marked:
        places, labels = [floor, *places], ["< limit", *labels]
        ax.axhline(floor, color=MUTED, linewidth=0.6, linestyle=(0, (3, 3)), zorder=0)
    ax.yaxis.set_major_locator(FixedLocator(places))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_yticks(places, labels)


def peak_axis(ax: Axes, measure: str, *, lowest: float, top: float, never: bool) -> None:
    """Give an axis the scale of a measure's peaks: percent from 0 to 100, the others logarithmic.

    Parameters
    ----------
    ax
        Its vertical axis is set.
    measure
        A key of ``MEASURE_LABELS``.
    lowest
        The lowest place of a dot; at a logarithmic scale, that of patients in whom cells were never detected.
    top
        The largest peak.
    never
        Whether there are such patients.
    """
    if measure in LOG_PEAKS:
        log_axis(ax, floor=lowest, top=top, marked=never)
        return
    ax.set_ylim(-3, 103)
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.yaxis.set_major_formatter("{x:.0f}")
