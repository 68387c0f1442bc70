"""Findings: each defect is said, and a sound sample is left in peace."""

import numpy as np
import pytest

from gating import Channel, Repair, Sample, Spillover, declare_uncompensated, gate_sample, parse_template
from phenotype.frequencies import CountLimits
from phenotype.quality import (
    check_acquisition,
    check_counts,
    check_drift,
    check_gates,
    check_partition,
    check_saturation,
    check_signal,
    check_spillover,
    check_viability,
    file_findings,
)

CHANNELS = (Channel("Time"), Channel("APC-H7-A", "Viability"))


def acquired(clock, dye=None) -> Sample:
    """Return a sample with the given times and dye signal."""
    dye = np.full(len(clock), 100.0) if dye is None else dye
    return declare_uncompensated(Sample("pt01.fcs", CHANNELS, np.column_stack([clock, dye])), "none (declared)")


def checks(found) -> list[str]:
    """Return the names of findings."""
    return [finding.check for finding in found]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [2500, 20_000])
def test_a_steady_flow_is_left_in_peace(seed, n):
    """A warning on every file is a warning on none."""
    clock = np.sort(np.random.default_rng(seed).uniform(0, 60, n))

    assert checks(check_acquisition("pt01", acquired(clock))) == []


def test_a_stop_of_the_flow_is_found():
    """A tenth of the time without events: a clog, and what came after it may be another sample."""
    clock = np.sort(np.random.default_rng(1).uniform(0, 60, 8000))
    clock[clock > 30] += 6

    (finding,) = check_acquisition("pt01", acquired(clock))

    assert (finding.check, finding.severity) == ("time_gap", "warning")
    assert finding.message == "no events for 8% of the acquisition time: the flow stopped (a clog, an air bubble?)"


def test_a_step_of_the_rate_is_found():
    """Twice as fast from one moment on: another pressure, other coincidences."""
    rng = np.random.default_rng(2)
    clock = np.sort(np.concatenate([rng.uniform(0, 30, 3000), rng.uniform(30, 60, 6000)]))

    (finding,) = check_acquisition("pt01", acquired(clock))

    assert finding.check == "flow_rate"
    assert finding.value == pytest.approx(2, rel=0.15)


def flowing(*rates: int) -> Sample:
    """Return a sample with these numbers of events in the fifty parts of its time."""
    return acquired(np.concatenate([part + np.linspace(0.35, 0.65, n) for part, n in enumerate(rates)]))


@pytest.mark.parametrize(("later", "found"), [(140, []), (150, ["flow_rate"]), (60, ["flow_rate"])])
def test_a_step_by_half_or_more_counts(later, found):
    """Slower or faster; less than by half is how pumps are."""
    assert checks(check_acquisition("pt01", flowing(*[100] * 25, *[later] * 25))) == found


@pytest.mark.parametrize(("left", "found"), [(5, []), (4, ["time_gap"])])
def test_a_part_of_the_time_need_not_be_empty_to_be_a_gap(left, found):
    """Less than a twentieth of what usually comes: a clog lets some pass."""
    assert checks(check_acquisition("pt01", flowing(*[100] * 30, left, *[100] * 19))) == found


def test_time_running_backwards_is_said():
    """Concatenated files look like one, and are not."""
    clock = np.concatenate([np.linspace(0, 60, 4000), np.linspace(0, 60, 4000)])

    assert "time_order" in checks(check_acquisition("pt01", acquired(clock)))


def test_saturation_above_the_limit_is_found():
    """Events at the top of the scale have lost their value; 8 % of them move a median."""
    dye = np.full(1000, 100.0)
    dye[:80] = 262143.0

    (finding,) = check_saturation("pt01", acquired(np.arange(1000.0), dye), {"Viability": 1}, 0.05)

    assert finding.value == pytest.approx(0.08)
    assert finding.message == "8.0% of events are at the top of Viability (APC-H7-A); the limit is 5%"


def test_a_share_that_just_reaches_the_limit_of_saturation_is_harmless():
    """The limit is the largest harmless share."""
    dye = np.full(1000, 100.0)
    dye[:50] = 262143.0
    sample = acquired(np.arange(1000.0), dye)

    assert checks(check_saturation("pt01", sample, {"Viability": 1}, 0.05)) == []
    assert checks(check_saturation("pt01", sample, {"Viability": 1}, 0.049)) == ["saturation"]


def test_bright_is_not_saturated():
    """At 95 % of the scale a detector still tells signals apart."""
    sample = acquired(np.arange(1000.0), np.full(1000, 249_000.0))

    assert checks(check_saturation("pt01", sample, {"Viability": 1}, 0.05)) == []


def test_the_brightest_event_of_a_dim_channel_is_not_saturation():
    """The maximum of the data is not the top of the scale."""
    sample = acquired(np.arange(1000.0), np.full(1000, 900.0))

    assert checks(check_saturation("pt01", sample, {"Viability": 1}, 0.05)) == []


def test_low_viability_is_compared_with_the_limit():
    """70 % is a common release limit."""
    dye = np.where(np.arange(1000) < 400, 10_000.0, 100.0)
    template = parse_template("population,parent,channels,method,arguments\nLive,root,Viability,at(1000),side=below\n")
    gated = gate_sample(acquired(np.arange(1000.0), dye), template)

    (finding,) = check_viability("pt01", gated, "Live", 0.7)

    assert finding.message == "60.0% of singlets are live; the limit is 70%"
    assert checks(check_viability("pt01", gated, "Live", 0.6)) == []


def test_a_third_group_of_the_dye_is_named():
    """Dying cells are a decision of the lab: the analyst reads that they are there and on which side they fell."""
    rng = np.random.default_rng(5)
    dye = 10 ** np.concatenate([rng.normal(2.4, 0.2, 3000), rng.normal(3.5, 0.2, 800), rng.normal(4.7, 0.2, 1500)])
    template = parse_template(
        "population,parent,channels,method,arguments\nLive,root,Viability,valley(which=lowest),side=below\n"
    )
    gated = gate_sample(acquired(np.arange(5300.0), dye), template)

    (groups, _) = check_viability("pt01", gated, "Live", 0.7)

    assert (groups.check, groups.severity, groups.value) == ("viability_groups", "info", 3)
    assert groups.message == (
        "Viability has 3 groups of cells, not live and dead alone; Live is cut at the lowest valley: "
        "are those between dying?"
    )


def test_a_refused_gate_is_an_error_with_its_reason():
    """The analyst reads why there is no number, in words."""
    template = parse_template("population,parent,channels,method,arguments\nLive,root,Viability,valley,side=below\n")
    gated = gate_sample(acquired(np.arange(1500.0)), template)

    (finding,) = check_gates("pt01", gated)

    assert (finding.check, finding.severity) == ("gate_refused", "error")
    assert finding.message == ("threshold of Viability on root is refused: valley: all 1500 events have the value 100")


@pytest.mark.parametrize(
    ("count", "check", "severity"),
    [
        (12, "not_detected", "error"),
        (13, "not_quantified", "error"),
        (21, "not_quantified", "error"),
        (22, "few_events", "warning"),
        (499, "few_events", "warning"),
    ],
)
def test_event_counts_meet_the_limits_of_detection_and_quantification(count, check, severity):
    """13 and 22 events: the limits of a validated CAR assay, each boundary on its right side; no fraction, an error."""
    rows = [{"parent_count": count, "subset": "naive"}]

    (finding,) = check_counts("pt01", rows, CountLimits())

    assert (finding.check, finding.severity) == (check, severity)


def test_few_events_are_said_to_be_of_the_population_that_was_divided():
    """A study without a CAR divides T cells: to call them CAR+ would be a statement about another population."""
    rows = [{"parent_count": 367, "count": 90, "subset": "naive"}]

    (few,) = check_counts("pt01", rows, CountLimits(), "T cells")
    (divided,) = check_partition("pt01", rows, "T cells")

    assert few.message == "367 events in T cells; below 500 a fraction is imprecise: see its interval"
    assert divided.message.startswith("the four subsets hold 90 of 367 events in T cells")


def test_enough_events_are_not_mentioned():
    """500 is enough."""
    assert checks(check_counts("pt01", [{"parent_count": 500, "subset": "naive"}], CountLimits())) == []


def matrix(spill: float) -> Spillover:
    """Return a two-colour matrix."""
    return Spillover(("FITC-A", "PE-A"), np.array([[1, spill], [0.01, 1]]))


def test_the_one_matrix_that_differs_in_its_batch_is_found():
    """Nine files with one matrix, one with another: that one was compensated by hand, or by mistake."""
    matrices = {f"s{i}": ("B1", matrix(0.1)) for i in range(4)} | {"odd": ("B1", matrix(0.3))}

    (finding,) = check_spillover(matrices)

    assert finding.sample_id == "odd"
    assert finding.message == (
        "$SPILLOVER is not that of the other files of batch B1: FITC-A into PE-A is 0.300, usually 0.100"
    )


def test_a_matrix_that_differs_in_its_third_decimal_differs():
    """Whoever touched it by hand touched more than a digit; one of the two is not that of the day."""
    matrices = {name: ("B1", matrix(0.1)) for name in "abc"} | {"odd": ("B1", matrix(0.101))}

    assert [finding.sample_id for finding in check_spillover(matrices)] == ["odd"]


def test_batches_may_have_different_matrices():
    """Each day has its own compensation."""
    assert checks(check_spillover({"a": ("B1", matrix(0.1)), "b": ("B1", matrix(0.1)), "c": ("B2", matrix(0.2))})) == []


def test_a_batch_half_as_bright_is_found_for_all_its_samples():
    """Shed CD62L makes naive cells look like effectors; it happens to a whole batch."""
    rows = [
        {"sample_id": f"s{i}", "batch": "B1" if i < 3 else "B2", "marker": "CD62L", "positive_median": m}
        for i, m in enumerate([4000, 4200, 3900, 8000, 8100, 8300, 7900])
    ]

    found = list(check_drift(rows, ("CD62L",)))

    assert {f.sample_id for f in found if "B1" in f.message} == {"s0", "s1", "s2"}
    assert "CD62L+ cells of batch B1 are 0.5 times as bright" in found[0].message


@pytest.mark.parametrize(("fold", "found"), [(1.5, []), (1.7, ["batch_shift"] * 2), (1 / 1.7, ["batch_shift"] * 2)])
def test_a_shift_of_more_than_a_fifth_of_a_decade_counts(fold, found):
    """Brighter or dimmer by a factor of 1.6, as 10 ** 0.2 is; with two batches, which is the odd one cannot be told."""
    rows = [
        {"sample_id": batch, "batch": batch, "marker": "CD62L", "positive_median": median}
        for batch, median in (("B1", 5000), ("B2", 5000 * fold))
    ]

    assert checks(check_drift(rows, ("CD62L",))) == found


def test_what_the_reader_found_is_repeated():
    """A repair that only the log knows is no repair."""
    sample = Sample("pt01.fcs", CHANNELS, np.zeros((1, 2)), warnings=("TEXT is not UTF-8",))

    (finding,) = file_findings("pt01", sample)

    assert finding.message == "TEXT is not UTF-8"


def test_a_repair_is_found_under_its_rule():
    """What the reader put right is told apart from what it only noticed, in the table and in the report."""
    sample = Sample("pt01.fcs", CHANNELS, np.zeros((1, 2)), warnings=(Repair("count", "$TOT is missing."), "Odd."))
    found = list(file_findings("pt01", sample))

    assert [(each.check, each.severity, each.message) for each in found] == [
        ("repair", "warning", "count: $TOT is missing."),
        ("file", "warning", "Odd."),
    ]


def test_of_three_batches_only_the_odd_one_is_flagged():
    """A warning on the sound batches would send the analyst to the wrong files; they too are not quite alike."""
    usual = {"B0": 8000, "B1": 3500, "B2": 10_000}
    rows = [
        {"sample_id": f"s{i}", "batch": f"B{i % 3}", "marker": "CD62L", "positive_median": usual[f"B{i % 3}"]}
        for i in range(12)
    ]

    assert {finding.sample_id for finding in check_drift(rows, ("CD62L",))} == {"s1", "s4", "s7", "s10"}


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ([40, 30, 20, 10], []),
        ([40, 30, 20, 20], ["subsets_partition"]),
        ([40, 30, 20, 0], ["subsets_partition"]),
        ([None, 30, 20, 10], []),
    ],
)
def test_subsets_that_are_not_the_whole_of_their_parent_are_said(counts, found):
    """They would be compared as if they were shares of one whole; a refused one is said elsewhere."""
    rows = [{"count": count, "parent_count": 100} for count in counts]

    assert checks(check_partition("pt01", rows)) == found


STAINED = (Channel("Time"), Channel("BV421-A", "CD62L"))


def running(change, *, seed=1, n=12_000, positive=0.6, width=0.3) -> Sample:
    """Return a tube of two groups whose brightness is changed by ``change(moment)`` decades, moments from 0 to 1."""
    rng = np.random.default_rng(seed)
    moment = np.sort(rng.uniform(0, 1, n))
    bright = rng.random(n) < positive
    signal = 10 ** (np.where(bright, rng.normal(3.9, width, n), rng.normal(2.3, 0.3, n)) + change(moment))
    return declare_uncompensated(Sample("pt01.fcs", STAINED, np.column_stack([60 * moment, signal])), "none (declared)")


def signals(sample, row="CD62L+,root,CD62L,valley,"):
    """Gate a tube and look at its brightness over time."""
    return list(check_signal("pt01", gate_sample(sample, parse_template(f"{HEADER}{row}\n"))))


HEADER = "population,parent,channels,method,arguments\n"


@pytest.mark.parametrize("seed", range(5))
def test_a_steady_signal_is_left_in_peace(seed):
    """A warning on every file is a warning on none."""
    assert signals(running(np.zeros_like, seed=seed)) == []


def test_few_events_are_not_called_a_step():
    """The first tenth of 1,400 widely spread events differs from the rest by chance, by more than the limit."""
    calm = [signals(running(np.zeros_like, seed=seed, n=1_600, positive=0.9, width=0.5)) for seed in range(40)]

    assert sum(map(len, calm)) == 0


@pytest.mark.parametrize("side", [0.8, 0.2])
def test_a_step_of_brightness_is_found_with_its_size_and_its_time(side):
    """After 60 % of the run all cells are 0.2 decades brighter: 1.58 times, whichever side has more of them."""
    (found,) = signals(running(lambda moment: 0.2 * (moment > 0.6), positive=side))

    assert (found.check, found.severity) == ("signal", "warning")
    assert found.value == pytest.approx(0.2, abs=0.05)
    assert any(f"after {when}% of the events" in found.message for when in (55, 60, 65))


def test_a_drift_of_brightness_is_found():
    """A stain that comes off over the run halves by its end."""
    (found,) = signals(running(lambda moment: -0.3 * moment))

    assert found.value < -0.1


def test_more_positive_cells_are_not_a_brighter_stain():
    """Cells that settle change shares, not brightness: the medians of one side stay."""
    rng = np.random.default_rng(3)
    n = 12_000
    moment = np.sort(rng.uniform(0, 1, n))
    bright = rng.random(n) < np.where(moment > 0.5, 0.8, 0.6)
    signal = 10 ** np.where(bright, rng.normal(3.9, 0.3, n), rng.normal(2.3, 0.3, n))
    sample = declare_uncompensated(Sample("s", STAINED, np.column_stack([moment, signal])), "none (declared)")

    assert signals(sample) == []


def test_a_drift_that_hid_the_valley_is_still_said():
    """The cut is refused since the groups are smeared over time: the reason is worth more than the refusal."""
    found = signals(running(lambda moment: 1.6 * moment), row="CD62L+,root,CD62L,valley(max_depth=0.1),")

    assert [finding.check for finding in found] == ["signal"]


def test_without_a_clock_no_drift_is_claimed():
    """A constant Time channel orders nothing."""
    sample = running(lambda moment: 0.3 * moment)
    events = sample.events.copy()
    events[:, 0] = 5.0

    assert signals(declare_uncompensated(Sample("s", STAINED, events), "none (declared)")) == []
