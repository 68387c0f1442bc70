"""What a batch says of a cut: its centre, how much samples differ, and how far one of them may be moved."""

import numpy as np
import pytest

from gating.priors import (
    NO_EVENTS,
    Lesson,
    Prior,
    binned,
    decades,
    from_decades,
    misfit,
    pool_lessons,
    shrunk,
)
from gating.tally import tally


def lessons(cuts, spread=0.1):
    """Return a lesson of each cut, without events."""
    return [Lesson(f"s{i}", NO_EVENTS, cut, spread) for i, cut in enumerate(cuts)]


def events_of(seed, n, *, shift=0.0, positive=0.5):
    """Return a lesson of n events of two lognormal populations, without a cut."""
    rng = np.random.default_rng(seed)
    bright = rng.random(n) < positive
    logs = np.where(bright, rng.normal(4.0, 0.2, n), rng.normal(2.5, 0.2, n)) + shift
    return Lesson(f"s{seed}", binned(tally(10**logs)))


def test_the_shared_scale_is_invertible_and_counts_decades():
    """Cuts that were compared on it go back to a file's own numbers; a tenfold signal is one decade further."""
    linear = np.array([-5e3, -20.0, 0.0, 40.0, 1e3, 2e5])

    np.testing.assert_allclose(from_decades(decades(linear)), linear, rtol=1e-12)
    assert decades(1e6) - decades(1e5) == pytest.approx(1, abs=1e-5)


def test_three_cuts_by_hand():
    """Residuals -d, 0, d, none clipped: 2 d2 / v = 2 x 0.7785 (Huber 1964, table for k = 1.5), so v = d2 / 0.7785."""
    found = pool_lessons("B1", lessons([0.8, 1.0, 1.2]))

    assert found.location == pytest.approx(1.0)
    assert found.between**2 == pytest.approx(0.04 / 0.7785 - 0.01, rel=1e-3)
    assert found.samples == 3


def test_cuts_that_differ_less_than_their_spreads_do_not_differ_between_samples():
    """What chance explains is no property of the samples: then each is moved all the way it may go."""
    found = pool_lessons("B1", lessons([0.98, 1.0, 1.01, 1.02]))

    assert found.between == 0


def test_one_outlier_among_many_does_not_move_the_batch():
    """A sample of another voltage must not take the others with it: the mean would move by 0.2."""
    cuts = list(np.random.default_rng(1).normal(1.0, 0.05, 9))

    clean, spoiled = pool_lessons("B1", lessons(cuts, 0.02)), pool_lessons("B1", lessons([*cuts, 3.0], 0.02))

    assert abs(spoiled.location - clean.location) < 0.05
    assert spoiled.between < 0.15


def test_one_of_three_that_disagrees_widens_the_batch():
    """With three samples nobody can say which is odd, so the batch must not claim to know."""
    found = pool_lessons("B1", lessons([1.0, 1.02, 1.8], 0.02))

    assert found.between > 0.3


def test_the_interval_of_one_more_sample_holds_it_as_often_as_it_says():
    """An interval that is too short is a guess in disguise: 1,000 cuts drawn anew by batches of 3 and of 10."""
    rng = np.random.default_rng(7)
    for size in (3, 10):
        held = 0
        for _ in range(1000):
            truth = rng.normal(1.0, 0.1, size + 1)
            found = pool_lessons("B1", lessons(truth[:size] + rng.normal(0, 0.05, size), 0.05))
            held += abs(truth[size] - found.location) <= 1.96 * found.spread
        assert 0.90 <= held / 1000 <= 0.98, size


def test_the_order_of_samples_does_not_matter():
    """The sheet may be sorted anew, and no number may move for it, not in the last digit."""
    found = lessons([1.0, 1.31, 0.97, 1.11, 2.0])

    assert pool_lessons("B1", found) == pool_lessons("B1", found[::-1])


def test_shrinkage_wins_where_it_is_meant_to():
    """Of samples that differ by 0.05 and are known to 0.1, the moved cut is nearer to the truth on average."""
    rng = np.random.default_rng(3)
    own, moved = [], []
    for _ in range(200):
        truth = rng.normal(1.0, 0.05, 10)
        seen = truth + rng.normal(0, 0.1, 10)
        batch = pool_lessons("B1", lessons(seen))
        own += list(seen - truth)
        moved += [shrunk(batch, cut, 0.1)[0] - real for cut, real in zip(seen, truth, strict=True)]

    assert np.std(moved) < 0.7 * np.std(own)


def test_a_sample_unlike_its_batch_is_moved_by_no_more_than_it_is_unsure():
    """One sample of another voltage: pulled onto the batch it would be wrong by the whole difference."""
    batch = Prior("B1", location=1.0, between=0.01, error=0.01, samples=9)

    assert shrunk(batch, 1.5, 0.05)[0] == pytest.approx(1.45)


def test_two_cuts_do_not_teach():
    """Two that differ do not say which is odd; the batch says how many samples it has, and how many it needs."""
    found = pool_lessons("batch B1", lessons([1.0, 1.1]))

    assert found.refusal == "batch B1 has 2 samples, needs 3"


def test_a_batch_of_samples_without_events_does_not_teach():
    """Four samples, two with a cut and none with events left: neither their cuts nor their events are enough."""
    empty = Lesson("", NO_EVENTS)

    found = pool_lessons("batch B1", [*lessons([1.0, 1.1]), empty, empty])

    assert found.refusal == "4 samples of batch B1: 2 with a cut of their own, 0 with events to pool, needs 3"


def test_samples_too_small_for_a_cut_have_one_together():
    """Five tubes of 400 cells: none has a valley of its own, together they have, at the middle of 2.5 and 4.0."""
    found = pool_lessons("batch B1", [events_of(seed, 400) for seed in range(5)])

    assert found.refusal == ""
    assert float(np.log10(from_decades(found.location))) == pytest.approx(3.25, abs=0.12)
    assert found.spread > found.between > 0
    assert found.source == "valley of 2000 events of 5 samples of batch B1"


def test_a_valley_that_one_sample_makes_is_not_the_batchs():
    """One tube with positives among tubes without: leave it out and there is no valley."""
    alone = [events_of(seed, 400, positive=0.0) for seed in range(4)]

    found = pool_lessons("batch B1", [*alone, events_of(9, 2000)])

    assert "no valley that all share" in found.refusal


def test_peaks_tell_another_voltage_and_not_another_patient():
    """All peaks move with the voltage; with the share of positive cells only their heights do."""
    batch = sum(events_of(seed, 2000).counts for seed in range(5))

    assert abs(misfit(batch, events_of(11, 2000, positive=0.1).counts)) < 0.05
    assert misfit(batch, events_of(11, 2000, shift=0.3).counts) == pytest.approx(0.3, abs=0.06)
    assert misfit(batch, events_of(11, 60).counts) is None


def test_events_beyond_the_bins_are_counted():
    """A saturated or very negative event is an event."""
    assert binned(tally(np.array([-1e9, 0.0, 1e12]))).sum() == 3


def test_a_batch_of_unsure_valleys_teaches_an_unsure_cut():
    """Nine valleys at one place with floors of 0.2 decades: the tenth sample's cut is not surer than each of them."""
    found = pool_lessons("batch B1", lessons([1.0] * 9, spread=0.2))

    assert found.shared == pytest.approx(0.2)
    assert found.spread >= 0.2
