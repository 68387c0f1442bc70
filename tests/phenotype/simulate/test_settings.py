"""The true threshold, and what makes the second set of numbers harder."""

from dataclasses import fields

import numpy as np
import pytest
from scipy import stats

from phenotype.simulate import HARDER, SimulationSettings
from phenotype.simulate.settings import DEFAULTS, Marker


@pytest.mark.parametrize("marker", [*DEFAULTS.markers, *HARDER.markers], ids=str)
def test_the_threshold_is_where_the_densities_cross(marker):
    """Accuracy is judged against it, so it is checked against another computation of the densities."""
    found = marker.threshold

    assert marker.negative < found < marker.positive
    negative = stats.norm.logpdf(found, marker.negative, marker.negative_sd)
    assert np.isclose(negative, stats.norm.logpdf(found, marker.positive, marker.positive_sd))


def test_half_of_the_intermediate_cells_are_above_a_midpoint():
    """With equal spreads, the two labels are equally frequent between the means."""
    assert Marker(2.0, 0.3, 4.0, 0.3).share_above == 0.5


def test_harder_changes_what_it_says_and_nothing_else():
    """A hold-out is only that if one knows how it differs: instrument, negatives, intermediate cells."""
    changed = {f.name for f in fields(SimulationSettings) if getattr(HARDER, f.name) != getattr(DEFAULTS, f.name)}
    signals = {f.name for f in fields(SimulationSettings) if isinstance(getattr(DEFAULTS, f.name), Marker)}

    assert changed == {"spillover_seed", "intermediate"} | signals
    assert HARDER.intermediate == 0.15
    for harder, marker in zip(HARDER.markers, DEFAULTS.markers, strict=True):
        assert harder.negative_sd == pytest.approx(1.4 * marker.negative_sd)
        assert (harder.negative, harder.positive, harder.positive_sd) == (
            marker.negative, marker.positive, marker.positive_sd
        )  # fmt: skip
