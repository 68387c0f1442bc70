"""A person's cuts on another sample: what several say, and where a shape carries one."""

import numpy as np
import pytest

from gating.priors import Lesson, binned, decades
from gating.references import PERSON_SPREAD, Reference, common_cut, warped
from gating.tally import tally


def lesson(shift=0.0, positive=0.5, seed=1):
    """Return the events of two lognormal populations."""
    rng = np.random.default_rng(seed)
    bright = rng.random(5000) < positive
    logs = np.where(bright, rng.normal(4.0, 0.2, 5000), rng.normal(2.8, 0.2, 5000)) + shift
    return Lesson("s", binned(tally(10**logs)))


def test_several_references_give_their_median():
    """One that slipped does not move the others."""
    cuts = [Reference(name, cut) for name, cut in [("a", 900.0), ("b", 1000.0), ("c", 9000.0)]]

    place, _ = common_cut(cuts)

    assert place == pytest.approx(float(decades(1000.0)))


def test_one_reference_is_as_unsure_as_persons_are():
    """A single cut has no variance of its own; no spread at all would say it is exact."""
    assert common_cut([Reference("a", 1000.0)])[1] == pytest.approx(PERSON_SPREAD * np.sqrt(2))


def test_references_that_agree_are_surer_than_one():
    """Four equal cuts leave a quarter of the variance that one has."""
    cuts = [Reference(name, 1000.0) for name in "abcd"]

    assert common_cut(cuts)[1] == pytest.approx(PERSON_SPREAD / 2 * np.sqrt(1.25))


@pytest.mark.parametrize("shift", [-0.25, 0.0, 0.25])
def test_a_shape_carries_a_cut_with_its_peaks(shift):
    """All cells brighter by a factor: the cut between the peaks moves by that factor, whatever the shares are."""
    place = float(decades(10**3.4))

    found = warped(lesson(), place, lesson(shift, positive=0.3, seed=2))

    assert found - place == pytest.approx(shift, abs=0.08)
