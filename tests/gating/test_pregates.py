"""Gates before the markers: what could be measured, when the flow was steady, what is one cell."""

import numpy as np
import pytest

from gating.compensation import declare_uncompensated
from gating.populations import gate_sample
from gating.sample import Channel, Sample
from gating.template import parse_template

HEADER = "population,parent,channels,method,arguments\n"
TOP = 262_144.0


def gated(columns: dict[str, np.ndarray], row: str):
    """Gate a sample of these columns by one row named ``pop``; return the population."""
    channels = tuple(Channel(name, range=TOP) for name in columns)
    sample = Sample("s.fcs", channels, np.column_stack(list(columns.values())))
    template = parse_template(f"{HEADER}pop,root,{row}\n")
    return gate_sample(declare_uncompensated(sample, "none (declared)"), template).populations["pop"]


def test_a_clump_off_the_scale_is_no_single_cell():
    """Where the area is cut off at the top, height over area is that of one cell: only the margin tells."""
    rng = np.random.default_rng(1)
    area = np.concatenate([rng.normal(90_000, 9_000, 4_000), np.full(500, TOP - 1)])
    height = np.concatenate([area[:4_000] / 1.06, np.full(500, TOP / 1.06)])

    members = gated({"FSC-A": area, "FSC-H": height}, "FSC-A|FSC-H,margins,").members

    assert members[:4_000].all()
    assert not members[4_000:].any()


def test_the_end_is_where_events_end_if_they_lie_beyond_the_stated_range():
    """Some cytometers scale the area: $PnR is then not where it ends, and no cell above it is dropped."""
    area = np.concatenate([np.random.default_rng(2).normal(300_000, 30_000, 4_000), np.full(300, 2 * TOP)])

    found = gated({"FSC-A": area}, "FSC-A,margins,")

    assert found.members[:4_000].all()
    assert not found.members[4_000:].any()
    assert found.thresholds[0].value == pytest.approx(0.999 * 2 * TOP)


def test_margins_of_clean_data_are_empty_and_no_warning():
    """Nearly every file: nothing is lost, nothing is to be looked at."""
    found = gated({"FSC-A": np.random.default_rng(3).normal(90_000, 9_000, 4_000)}, "FSC-A,margins,")

    assert (found.count, found.flags, found.thresholds[0].status) == (4_000, (), "sure")


def run(n=20_000, seed=4, rate=lambda moment: np.ones_like(moment), level=lambda moment: np.zeros_like(moment)):
    """Return time and forward scatter of a run; its rate and brightness, in decades, depend on the moment."""
    rng = np.random.default_rng(seed)
    moment = np.sort(rng.uniform(size=4 * n))
    moment = moment[rng.uniform(size=4 * n) < rate(moment) / 4]
    size = rng.normal(90_000, 12_000, len(moment)) * 10 ** level(moment)
    return {"Time": np.floor(12_000 * moment), "FSC-A": size}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [600, 3_000, 20_000])
def test_a_steady_run_is_kept_whole(n, seed):
    """Chance differences between the parts of a good run must not cost events or raise a flag."""
    columns = run(n, seed)
    found = gated(columns, "Time|FSC-A,steady,")

    assert found.count >= 0.98 * len(columns["Time"])
    assert found.flags == ()


def test_after_a_bubble_the_longer_stretch_is_kept():
    """Ten percent of the time without events at 70 %: what came before it is one stretch, and the longest."""
    columns = run(rate=lambda moment: np.where(np.abs(moment - 0.75) < 0.05, 0.0, 1.0))
    found = gated(columns, "Time,steady,")

    kept = columns["Time"][found.members]
    assert kept.max() <= 0.72 * 12_000
    assert kept.min() == columns["Time"].min()
    assert len(kept) == pytest.approx(np.sum(columns["Time"] < 0.70 * 12_000), rel=0.03)
    assert found.flags == ("weak_gate",)
    assert found.thresholds[0].note == "22% of events lie outside the longest steady stretch of time"


@pytest.mark.parametrize("change", [-0.3, 0.3])
def test_where_the_brightness_steps_the_longer_side_is_kept(change):
    """Half a clog dims all channels: the sides are two instruments, and one is measured as it should be."""
    columns = run(level=lambda moment: change * (moment > 0.6))

    assert gated(columns, "Time,steady,").flags == ()
    kept = columns["Time"][gated(columns, "Time|FSC-A,steady,").members]
    assert kept.max() == pytest.approx(0.6 * 12_000, abs=0.02 * 12_000)


@pytest.mark.parametrize("seed", range(5))
def test_a_stain_that_varies_from_cell_to_cell_is_steady(seed):
    """Medians of a hundred cells of a wide stain differ by more than the limit; from one part to the next, too."""
    rng = np.random.default_rng(seed)
    columns = {"Time": run(3_000, seed)["Time"]}
    columns["BV421-A"] = 10 ** rng.normal(3.5, 0.6, len(columns["Time"]))

    assert gated(columns, "Time|BV421-A,steady,").count >= 0.98 * len(columns["Time"])


def test_a_burst_is_left_out():
    """A part with five times the events is a burst of bubbles or carry-over; what is kept is on one side of it."""
    columns = run(rate=lambda moment: np.where(np.abs(moment - 0.2) < 0.02, 4.0, 0.8))
    found = gated(columns, "Time,steady,")

    assert columns["Time"][found.members].min() == pytest.approx(0.22 * 12_000, abs=0.02 * 12_000)


@pytest.mark.parametrize(("clock", "why"), [(np.zeros(5_000), "the time is constant"), (np.arange(50.0), "50 events")])
def test_without_a_clock_everything_is_kept_and_said(clock, why):
    """Some exports have no time: nothing can be told, so nothing is dropped, and the analyst reads why."""
    found = gated({"Time": clock}, "Time,steady,")

    assert (found.count, found.flags) == (len(clock), ("weak_gate",))
    assert found.thresholds[0].note.startswith(why)


def test_singlets_by_width_alone():
    """A centre that did not export the height has the width: two cells take longer than one."""
    rng = np.random.default_rng(6)
    width = np.concatenate([rng.normal(70_000, 2_000, 5_000), rng.normal(120_000, 6_000, 250)])

    found = gated({"FSC-W": width}, "FSC-W,singlets,")

    assert not found.members[5_000:].any()
    assert found.members[:5_000].mean() > 0.995
    assert found.thresholds[0].source == "median + 5 MAD of width"


def test_the_live_cells_lie_below_the_lowest_valley():
    """Dying cells take up some dye: the deepest valley, above them, would count them as live."""
    rng = np.random.default_rng(7)
    dye = 10 ** np.concatenate([rng.normal(2.4, 0.25, 6_000), rng.normal(3.4, 0.2, 1_500), rng.normal(4.7, 0.2, 3_000)])

    found = gated({"Zombie": dye}, "Zombie,valley(which=lowest),side=below")

    assert found.members[:6_000].mean() > 0.98
    assert found.members[6_000:].mean() < 0.02
    assert found.thresholds[0].groups == 3
    assert gated({"Zombie": dye}, "Zombie,valley,side=below").members[6_000:7_500].mean() > 0.9


def test_debris_that_takes_up_no_dye_is_not_the_live_cells():
    """Three percent of the events are dimmer than any cell: the valley above them would leave only debris."""
    rng = np.random.default_rng(8)
    dye = 10 ** np.concatenate([rng.normal(1.9, 0.1, 300), rng.normal(3.0, 0.2, 8_000), rng.normal(4.6, 0.2, 2_000)])

    found = gated({"Zombie": dye}, "Zombie,valley(which=lowest),side=below")

    assert found.members[300:8_300].mean() > 0.98
    assert not found.members[8_300:].any()
