"""Thresholds: placed where the data or a control say, else refused with the reason."""

from dataclasses import replace

import numpy as np
import pytest

from gating.options import OptionError
from gating.priors import Lesson, Prior, binned, decades
from gating.references import Reference, Taught
from gating.tally import tally
from gating.thresholds import ControlValues, Evidence, fit_first, fit_threshold, parse_chain
from gating.transforms import Log, Logicle

SCALE = Logicle()


def signal(rng, n, log10_mean, log10_sd=0.3):
    """Return linear intensities of one population, lognormal."""
    return 10 ** rng.normal(log10_mean, log10_sd, n)


def evidence(values, **controls):
    """Return what a step may look at."""
    tubes = {role: ControlValues(f"{role}.fcs", tube) for role, tube in controls.items()}
    return Evidence("CD62L", tally(values), SCALE, tubes)


@pytest.fixture
def two_peaks():
    """Give 4,000 negatives at 200 and 4,000 positives at 8,000."""
    rng = np.random.default_rng(1)
    return np.concatenate([signal(rng, 4000, 2.3), signal(rng, 4000, 3.9)])


@pytest.fixture
def one_peak():
    """Give 5,000 events of one population."""
    return signal(np.random.default_rng(2), 5000, 3.0, 0.5)


def test_a_clean_valley_is_sure(two_peaks):
    """Two populations 40-fold apart: by symmetry the cut is near the geometric middle, 1,260."""
    found = fit_threshold(parse_chain("valley"), evidence(two_peaks))

    assert found.status == "sure"
    assert found.value == pytest.approx(1260, rel=0.35)
    assert found.depth < 0.2


def test_a_shallow_valley_is_weak():
    """Groups three standard deviations apart leave 2 exp(-9/8) / (1 + exp(-9/2)) = 0.64 of the peak, smoothed more."""
    rng = np.random.default_rng(6)
    values = np.concatenate([signal(rng, 40_000, 3.0), signal(rng, 40_000, 3.9)])

    found = fit_threshold(parse_chain("valley"), evidence(values))

    assert found.status == "weak"
    assert 0.64 < found.depth < 0.75
    assert found.note == f"shallow valley (depth {found.depth:.2f})"


@pytest.mark.parametrize(("n", "refused"), [(999, True), (1000, False)])
def test_a_valley_of_few_events_is_not_looked_for(two_peaks, n, refused):
    """Where it lies would be chance; a thousand events are enough."""
    values = np.random.default_rng(7).permutation(two_peaks)[:n]

    assert fit_threshold(parse_chain("valley"), evidence(values)).refused is refused


def test_no_valley_is_refused_not_guessed(one_peak):
    """A smear has no threshold in itself: naming one would be inventing a number."""
    found = fit_threshold(parse_chain("valley"), evidence(one_peak))

    assert found.refused
    assert np.isnan(found.value)
    assert found.note == "valley: no valley of depth 0.8 or less in CD62L"


def test_a_control_decides_where_the_data_cannot_and_the_note_says_so(one_peak):
    """An analyst must see that the valley was looked for first."""
    negative = signal(np.random.default_rng(3), 3000, 2.3)

    found = fit_threshold(parse_chain("valley > control(fmo, quantile=0.99)"), evidence(one_peak, fmo=negative))

    assert found.value == np.quantile(negative, 0.99)
    assert found.source == "0.99 quantile of fmo.fcs"
    assert found.status == "weak"
    assert found.note.startswith("valley: no valley")


def test_the_first_step_deciding_is_sure():
    """The control was asked for first and was there: nothing to doubt."""
    negative = signal(np.random.default_rng(3), 3000, 2.3)

    found = fit_threshold(parse_chain("control(fmo)"), evidence(negative, fmo=negative))

    assert (found.status, found.note) == ("sure", "")


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        ("control(untransduced)", "no untransduced control for CD62L"),
        ("control(fmo)", r"fmo.fcs has 150 events in the parent gate, needs 200"),
        ("control(fmo, quantile=0.999)", r"fmo.fcs has 150 events in the parent gate, needs 1000"),
        ("valley(min_events=100000)", "5000 events, needs 100000"),
    ],
)
def test_why_a_step_cannot_decide_is_said(one_peak, chain, reason):
    """The words reach quality.csv and the report as they are."""
    found = fit_threshold(parse_chain(chain), evidence(one_peak, fmo=one_peak[:150]))

    assert found.refused
    assert reason in found.note


def test_otsu_always_cuts_and_is_never_sure(one_peak):
    """It would split one population in half; only its status can say so."""
    found = fit_threshold(parse_chain("otsu"), evidence(one_peak))

    assert found.status == "weak"
    assert np.isfinite(found.value)


def test_otsu_cuts_among_the_events():
    """The density reaches beyond the events, and there the variance is 0/0: a cut there calls all cells negative."""
    cuts = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = np.concatenate([signal(rng, 2000, 2.3), signal(rng, 1000 + 100 * seed, 4.0)])
        cuts.append(np.mean(values >= fit_threshold(parse_chain("otsu"), evidence(values)).value))

    np.testing.assert_allclose(cuts, [(10 + i) / (30 + i) for i in range(20)], atol=0.01)


def test_otsu_equals_the_best_split_by_hand(two_peaks):
    """Of all cuts, the one with the largest variance between the sides, found here by trying each."""
    shown = np.sort(SCALE(two_peaks))
    between = [i * (len(shown) - i) * (shown[:i].mean() - shown[i:].mean()) ** 2 for i in range(1, len(shown))]
    best = shown[int(np.argmax(between))]

    found = fit_threshold(parse_chain("otsu"), evidence(two_peaks))

    assert SCALE(np.array([found.value]))[0] == pytest.approx(best, abs=0.02)


def test_a_mixture_refuses_components_that_overlap(one_peak, two_peaks):
    """Two normals can be fitted to anything; only when they part is there a cut."""
    apart = fit_threshold(parse_chain("mixture"), evidence(two_peaks))
    mixed = fit_threshold(parse_chain("mixture"), evidence(one_peak))

    assert apart.value == pytest.approx(1260, rel=0.35)
    assert mixed.refused
    assert "overlap" in mixed.note


@pytest.mark.parametrize("chain", ["valley", "otsu", "mixture", "control(fmo)"])
def test_the_order_of_events_does_not_move_a_threshold(two_peaks, chain):
    """The same events in another order are the same sample."""
    shuffled = np.random.default_rng(5).permutation(two_peaks)

    once = fit_threshold(parse_chain(chain), evidence(two_peaks, fmo=two_peaks))
    again = fit_threshold(parse_chain(chain), evidence(shuffled, fmo=shuffled))

    assert once == again or (once.value, once.status) == (again.value, again.status)


def test_a_constant_channel_is_refused():
    """A detector that was off has one value, and no threshold."""
    found = fit_threshold(parse_chain("valley"), evidence(np.full(2000, 7.0)))

    assert found.note == "valley: all 2000 events have the value 7"


def test_a_valley_that_only_luck_made_says_so():
    """In this file it is there; a third of those that could have been drawn from the same cells lack it."""
    rng = np.random.default_rng(2)
    values = np.concatenate([signal(rng, 600, 3.0), signal(rng, 600, 3.66)])

    found = fit_threshold(parse_chain("valley(smoothing=1, max_depth=0.95)"), evidence(values))

    assert found.status == "weak"
    assert found.note.endswith("66% of resamples have the valley")


def test_the_interval_of_a_valley_holds_the_middle(two_peaks):
    """By symmetry the true cut of these groups is the middle of their logarithms, 3.1."""
    log = replace(evidence(two_peaks), scale=Log(T=262144, M=5))

    found = fit_threshold(parse_chain("valley"), log)
    low, high = found.interval

    assert low < 10**3.1 < high
    assert 1.3 < high / low < 4
    assert found.origin == "data"


def test_the_spread_of_a_control_quantile_is_that_of_new_tubes():
    """The 99.5 % quantile of 2,000 events rests on ten of them: 300 tubes are drawn, and their quantiles compared."""
    rng = np.random.default_rng(14)
    chain = parse_chain("control(fmo)")
    tubes = [signal(rng, 2000, 2.3) for _ in range(300)]
    cuts = SCALE([np.quantile(tube, 0.995) for tube in tubes])

    spreads = [fit_threshold(chain, evidence(tube, fmo=tube)).spread for tube in tubes]

    assert np.median(spreads) == pytest.approx(np.std(cuts), rel=0.25)


def test_a_control_can_follow_the_sample_whose_negatives_are_brighter(two_peaks):
    """Other stains lift a sample's negatives by 0.2 decades: the control's cut is moved as far, and says so."""
    tube = signal(np.random.default_rng(15), 4000, 2.1)
    chain = parse_chain("control(fmo, quantile=0.99, shift=yes)")

    found = fit_threshold(chain, evidence(two_peaks, fmo=tube))

    assert np.log10(found.value / np.quantile(tube, 0.99)) == pytest.approx(0.2, abs=0.05)
    assert found.note.startswith("moved by +0.")
    assert found.status == "weak"


def test_a_control_does_not_follow_a_positive_peak():
    """Nearly all cells are positive: the only peak is theirs, and the cut moved to it would call them negative."""
    rng = np.random.default_rng(16)
    tube, sample = signal(rng, 4000, 2.3), np.concatenate([signal(rng, 60, 2.3), signal(rng, 5000, 4.0)])
    chain = parse_chain("control(fmo, quantile=0.99, shift=yes)")

    found = fit_threshold(chain, evidence(sample, fmo=tube))

    assert found.refused
    assert found.note.endswith("no peak of the sample is near the negative one of fmo.fcs")


def test_a_chain_may_end_in_a_refusal(one_peak):
    """What the template says aloud is what happens, and the words are its own."""
    found = fit_threshold(parse_chain("valley > refuse"), evidence(one_peak))

    assert found.refused
    assert found.note.endswith("refuse: the template stops here for CD62L")


def test_a_second_population_stands_in_for_the_first(one_peak, two_peaks):
    """CD8 cells too few for a valley of their own take that of all T cells: weak, with both named."""
    few, many = evidence(one_peak[:300]), evidence(two_peaks)

    found = fit_first(parse_chain("valley"), [replace(few, on="CD8+ T"), replace(many, on="T cells")])

    assert (found.on, found.status) == ("T cells", "weak")
    assert found.note == "on CD8+ T: valley: 300 events, needs 1000; placed by valley on T cells"


def test_no_population_will_do(one_peak):
    """A threshold that none can place is refused with the reasons; one that holds for all is said once."""
    few, many = evidence(one_peak[:300]), evidence(one_peak)

    found = fit_first(parse_chain("valley > control(fmo)"), [replace(few, on="CD8+ T"), replace(many, on="T cells")])

    assert found.refused
    assert found.note == (
        "valley: 300 events, needs 1000 (on CD8+ T), no valley of depth 0.8 or less in CD62L (on T cells); "
        "control(fmo): no fmo control for CD62L"
    )


def test_a_moved_cut_lies_that_far_on_its_scale(two_peaks):
    """Half a decade up is half a decade on the axis the analyst sees."""
    found = fit_threshold(parse_chain("valley"), evidence(two_peaks))

    shown = SCALE([found.value, found.moved(0.1), found.moved(-0.1)])

    assert shown[1] - shown[0] == pytest.approx(0.1)
    assert shown[0] - shown[2] == pytest.approx(0.1)


def test_a_persons_cut_does_not_move(two_peaks):
    """Nobody knows how unsure a person was: no interval is invented."""
    found = fit_threshold(parse_chain("at(700)"), evidence(two_peaks))

    assert found.interval == (700, 700)
    assert found.origin == "person"


def taught(values, **said):
    """Return what a step may look at, with what other samples say."""
    return Evidence("CD62L", tally(values), SCALE, {}, "T cells", Taught(**said))


def batch_of(values, place, between=0.1, error=0.02):
    """Return a batch of nine samples with these events and cuts around a linear value."""
    counts = tuple(binned(tally(values)).tolist())
    return Prior("batch B1", float(decades(place)), between, error, 9, "9 cuts of batch B1", counts)


def test_a_sample_without_a_cut_takes_that_of_its_batch(two_peaks):
    """Too few events for a valley of its own: placed by nine others, their differences in its interval."""
    few = np.random.default_rng(7).permutation(two_peaks)[:300]

    found = fit_threshold(parse_chain("valley > batch"), taught(few, prior=batch_of(two_peaks, 1200)))

    assert (found.status, found.origin, found.value) == ("weak", "batch", pytest.approx(1200))
    assert "valley: 300 events, needs 1000; placed by 9 cuts of batch B1" in found.note
    low, high = decades(found.interval)
    assert (high - low) / 2 == pytest.approx(2.306 * np.hypot(0.1, 0.02), rel=0.05)


def test_a_sample_measured_otherwise_takes_no_cut_of_its_batch(two_peaks):
    """At another voltage the batch's cut would divide the negative cells: refused, with the distance."""
    odd = np.random.default_rng(7).permutation(two_peaks)[:900] * 2

    found = fit_threshold(parse_chain("batch"), taught(odd, prior=batch_of(two_peaks, 1200)))

    assert found.refused
    assert "the sample's peaks lie +0.2" in found.note


def test_without_a_batch_there_is_nothing_to_take(two_peaks):
    """A single file gated alone has no batch, and says so."""
    found = fit_threshold(parse_chain("batch"), evidence(two_peaks))

    assert found.note == "batch: the sample was gated alone"


def test_shrinkage_moves_a_cut_and_says_by_how_much(two_peaks):
    """A number that is not the data's own must be traceable to what moved it."""
    alone = fit_threshold(parse_chain("valley"), taught(two_peaks))

    batch = batch_of(two_peaks, 1000, between=0.003, error=0.001)
    found = fit_threshold(parse_chain("valley(shrink=yes)"), taught(two_peaks, prior=batch))

    assert 1000 < found.value < alone.value
    assert found.shift == pytest.approx(float(decades(found.value) - decades(alone.value)))
    assert f"moved by {found.shift:+.3f} decades towards 9 cuts of batch B1" in found.note
    assert found.spread == pytest.approx(alone.spread, rel=0.05)
    assert found.status == alone.status


def test_shrinkage_without_a_batch_leaves_the_cut(two_peaks):
    """What cannot be had is said, and is no reason to refuse a clean valley."""
    alone = fit_threshold(parse_chain("valley"), taught(two_peaks))

    found = fit_threshold(parse_chain("valley(shrink=yes)"), taught(two_peaks, prior=Prior("B", refusal="too few")))

    assert found.value == alone.value
    assert found.note == "not moved towards its batch: too few"


@pytest.mark.parametrize(("chain", "asked"), [("valley > batch", False), ("batch > valley", True), ("valley", False)])
def test_only_what_was_asked_may_change(two_peaks, chain, asked):
    """A sample that never asked its batch is not gated again: its result cannot change."""
    assert fit_threshold(parse_chain(chain), evidence(two_peaks)).asked is asked


def references(values, *cuts):
    """Return references with these events and cuts."""
    lesson = Lesson("ref", binned(tally(values)))
    return tuple(Reference(f"r{i}", cut, "Ann", lesson=lesson) for i, cut in enumerate(cuts))


def test_a_reference_cut_is_kept_as_it_is(two_peaks):
    """Verbatim is what a lab means by its template: the same linear number on every file."""
    found = fit_threshold(parse_chain("reference"), taught(two_peaks, references=references(two_peaks, 900.0)))

    assert (found.value, found.status, found.origin) == (pytest.approx(900), "sure", "reference")
    assert found.source == "reference r0"


def test_a_reference_cut_snaps_to_a_near_valley_and_says_how_far(two_peaks):
    """The valley is at 1,260 by symmetry; 5 % of the display are about a quarter of a decade."""
    alone = fit_threshold(parse_chain("valley"), taught(two_peaks))

    near, far = (
        fit_threshold(parse_chain("reference(snap)"), taught(two_peaks, references=references(two_peaks, cut)))
        for cut in (alone.value / 1.3, alone.value / 4)
    )

    assert near.value == pytest.approx(alone.value, rel=1e-6)
    assert near.shift == pytest.approx(np.log10(1.3), abs=0.01)
    assert near.note.startswith("snapped by +0.11 decades")
    assert far.value == pytest.approx(alone.value / 4)
    assert "no valley within 5% of the display" in far.note


def test_a_reference_cut_follows_the_shape(two_peaks):
    """Twice as bright throughout: the cut is carried to twice its value."""
    found = fit_threshold(
        parse_chain("reference(how=shape)"), taught(two_peaks * 2, references=references(two_peaks, 1260.0))
    )

    assert found.value == pytest.approx(2520, rel=0.2)


def test_a_sample_unlike_the_reference_is_weak(two_peaks):
    """The person has not seen cells like these: the cut is placed, and a person should look."""
    found = fit_threshold(parse_chain("reference"), taught(two_peaks * 2, references=references(two_peaks, 1260.0)))

    assert found.status == "weak"
    assert "the sample's peaks lie +0.2" in found.note


def test_on_the_reference_sample_the_persons_cut_holds(two_peaks):
    """Whatever the chain would rather do: a person has looked at this very sample."""
    own = Reference("this", 777.0, "Ann", "smear below the valley")

    found = fit_threshold(parse_chain("valley > reference"), taught(two_peaks, own=own))

    assert (found.value, found.origin, found.status, found.source) == (777.0, "person", "sure", "placed by Ann")
    assert found.note == "smear below the valley"


def test_a_way_that_is_not_one_is_refused():
    """A misspelt way must not fall back to another in silence."""
    with pytest.raises(OptionError, match="no way 'snapp'; did you mean 'snap'"):
        parse_chain("reference(snapp)")
