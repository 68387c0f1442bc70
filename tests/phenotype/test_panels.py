"""Panels: the picture of a gate is made of counts, on the scale the gate was applied on."""

import hashlib
import zipfile

import numpy as np
import pytest

from gating import Channel, ControlValues, Sample, gate_sample, parse_template
from phenotype.panels import panels_of, read_panels, write_panels

CHANNELS = (
    Channel("FSC-A"),
    Channel("FSC-H"),
    Channel("BV421-A", "CD62L"),
    Channel("APC-A", "CD45RA"),
    Channel("PE-A", "CAR"),
)


def two_peaks(rng, n, share, low=2.3, high=4.2):
    """Return linear signals of which a share is bright."""
    bright = rng.random(n) < share
    return np.where(bright, 10 ** rng.normal(high, 0.2, n), 10 ** rng.normal(low, 0.2, n)) + rng.normal(0, 30, n)


def product(n=6000, seed=0):
    """Return a compensated sample whose four subsets are known shares."""
    rng = np.random.default_rng(seed)
    size = rng.normal(100_000, 10_000, n)
    columns = [
        size,
        size * rng.normal(0.9, 0.01, n),
        two_peaks(rng, n, 0.7),
        two_peaks(rng, n, 0.3),
        two_peaks(rng, n, 0.4),
    ]
    return Sample("pt01", CHANNELS, np.column_stack(columns), compensation="none (declared)")


def panels(rows, sample=None, controls=None):
    """Gate a sample by template rows and return its panels."""
    template = parse_template("population,parent,channels,method,arguments\n" + rows)
    return panels_of(
        gate_sample(product() if sample is None else sample, template, controls=controls or {}), controls=controls
    )


QUADRANTS = (
    "naive,root,CD62L|CD45RA,quadrant,quadrant=++\n"
    "central_memory,root,CD62L|CD45RA,quadrant,quadrant=+-\n"
    "effector_memory,root,CD62L|CD45RA,quadrant,quadrant=--\n"
    "effector,root,CD62L|CD45RA,quadrant,quadrant=-+\n"
)


def test_four_quadrants_are_one_panel_with_four_percentages():
    """They share two thresholds and one density; together they are the whole parent."""
    (panel,) = panels(QUADRANTS)

    assert [label.population for label in panel.labels] == ["naive", "central_memory", "effector_memory", "effector"]
    assert sum(label.fraction for label in panel.labels) == pytest.approx(1)
    assert [(label.x > 0.5, label.y > 0.5) for label in panel.labels] == [
        (True, True),
        (True, False),
        (False, False),
        (False, True),
    ]


def test_a_quadrant_label_agrees_with_the_density_under_it():
    """The corner that says naive must be the corner where the naive cells are: x is CD62L, y is CD45RA."""
    (panel,) = panels(QUADRANTS)
    horizontal, vertical, _ = panel.outlines
    x = np.linspace(panel.x.low, panel.x.high, 97)[:-1] >= vertical[0, 0]
    y = np.linspace(panel.y.low, panel.y.high, 97)[:-1] >= horizontal[0, 1]

    shown = panel.counts[np.ix_(x, y)].sum() / panel.counts.sum()

    assert shown == pytest.approx(panel.labels[0].fraction, abs=0.01)


def test_every_event_of_the_parent_is_counted():
    """Events beyond the axis are in its outermost bins: a panel that hides events hides a gate's mistakes."""
    for panel in panels("CAR+,root,CAR,valley,\n" + QUADRANTS.replace("root", "CAR+")):
        assert panel.counts.sum() == panel.n


def test_the_order_of_events_does_not_matter():
    """Files are re-exported in other orders; the report must not change."""
    sample = product()
    shuffled = Sample(
        "pt01", CHANNELS, np.random.default_rng(1).permutation(sample.events), compensation="none (declared)"
    )

    assert np.array_equal(panels(QUADRANTS, sample)[0].counts, panels(QUADRANTS, shuffled)[0].counts)


def test_a_threshold_stands_between_its_events():
    """The line separates on the picture what the gate separates in the data."""
    (panel,) = panels("CAR+,root,CAR,valley,\n")
    line = panel.outlines[0][0, 0]
    edges = np.linspace(panel.x.low, panel.x.high, 129)

    above = panel.counts[edges[:-1] >= line].sum() / panel.n

    assert above == pytest.approx(panel.labels[0].fraction, abs=0.01)
    assert panel.labels[0].x > 0.5


def test_a_gate_that_keeps_the_low_side_is_labelled_there():
    """Live cells are dye-negative: the percentage stands left."""
    (panel,) = panels("Live,root,CAR,valley,side=below\n")

    assert panel.labels[0].x < 0.5


def test_ticks_are_decades_where_the_scale_is_logarithmic():
    """Cytometrists read 0, 10³, 10⁴; display values between 0 and 1 mean nothing to them."""
    (panel,) = panels("CAR+,root,CAR,valley,\n")

    assert {"10³", "10⁴"} <= set(panel.x.tick_labels)
    assert all(panel.x.low <= tick <= panel.x.high for tick in (*panel.x.ticks, *panel.x.minor))
    assert list(panel.x.ticks) == sorted(panel.x.ticks)


def test_ticks_of_scatter_are_thousands():
    """Scatter is linear."""
    (panel,) = panels("Big,root,FSC-A,range,minimum=50000\n")

    assert "100K" in panel.x.tick_labels


def test_a_ratio_gate_is_drawn_as_two_rays():
    """Singlets lie between two lines through the origin of area against height."""
    (panel,) = panels("Singlets,root,FSC-A|FSC-H,singlets,\n")
    low, high = panel.outlines

    assert (panel.x.label, panel.y.label) == ("FSC-A", "FSC-H")
    assert 0.8 < low[-1, 1] / low[-1, 0] < 0.9 < high[-1, 1] / high[-1, 0] < 1.0


def test_a_polygon_is_closed_and_on_the_display_scale():
    """Its edges are straight where it was drawn."""
    (panel,) = panels("Big,root,FSC-A|FSC-H,polygon,vertices=1 2 5 2 5 9\n")

    assert panel.outlines[0].tolist() == [[1, 2], [5, 2], [5, 9], [1, 2]]


def test_an_ellipse_runs_through_its_half_axes():
    """Covariance is that of the display scale: half axes are its square roots."""
    (panel,) = panels("Big,root,FSC-A|FSC-H,ellipse,mean=10 20; covariance=4 0 0 9\n")

    assert panel.outlines[0].max(axis=0) == pytest.approx([12, 23], abs=0.01)
    assert panel.outlines[0].min(axis=0) == pytest.approx([8, 17], abs=0.01)


def test_a_rectangle_has_four_corners():
    """An open side would be drawn beyond the edge."""
    (panel,) = panels("Big,root,FSC-A|FSC-H,rectangle,minimum=10 20; maximum=30 50\n")

    assert panel.outlines[0].tolist() == [[10, 20], [30, 20], [30, 50], [10, 50], [10, 20]]


def test_a_refused_threshold_still_shows_the_events():
    """A person decides by looking; without the density there is nothing to look at."""
    rng = np.random.default_rng(0)
    events = product().events.copy()
    events[:, 2] = 10 ** rng.normal(3, 0.3, len(events))
    sample = Sample("pt01", CHANNELS, events, compensation="none (declared)")

    (panel,) = panels(QUADRANTS, sample)

    assert panel.status == "refused"
    assert "no valley" in panel.note
    assert panel.counts.sum() == len(sample)
    assert {label.fraction for label in panel.labels} == {None}
    assert len(panel.outlines) == 1, "the threshold that was found is shown"


def test_below_a_refused_gate_there_are_no_events():
    """Nothing is known of a population whose parent was refused: no count, not zero."""
    first, second = panels("CAR+,root,CAR,control(fmo),\n" + QUADRANTS.replace("root", "CAR+"))

    assert first.status == second.status == "refused"
    assert second.n is None
    assert second.counts.sum() == 0
    assert second.note == "CAR+ has no gate, so there are no events to divide"


def test_the_control_that_placed_the_gate_is_shown():
    """The reader sees what the threshold was compared with, and whose tube it was."""
    tube = ControlValues("UT_B1.fcs", 10 ** np.random.default_rng(3).normal(2.3, 0.2, 4000))

    (panel,) = panels(
        "CAR+,root,CAR,control(untransduced) > valley,\n", controls={("untransduced", "root", "CAR"): tube}
    )

    assert panel.control_name == "UT_B1.fcs"
    assert panel.control.sum() == 4000


def test_a_control_that_was_passed_over_is_not_shown():
    """A tube too small to use did not place the gate."""
    tube = ControlValues("UT_B1.fcs", np.full(5, 100.0))

    (panel,) = panels(
        "CAR+,root,CAR,control(untransduced) > valley,\n", controls={("untransduced", "root", "CAR"): tube}
    )

    assert panel.control is None
    assert panel.status == "weak"


def test_boolean_populations_have_no_picture():
    """CAR- is what CAR+ is not: the panel of CAR+ shows both."""
    assert [p.title for p in panels("CAR+,root,CAR,valley,\nCAR-,root,,not,of=CAR+\n")] == ["CAR+"]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_events_are_no_error(n):
    """A file of two events has its figure, which says that there is nothing to see."""
    for panel in panels("Cells,root,FSC-A,debris,\n" + QUADRANTS, product(n)):
        assert panel.counts.sum() == panel.n == n
        assert panel.x.high > panel.x.low


def test_panels_come_back_as_they_were(tmp_path):
    """The figure is drawn by another process, later."""
    tube = ControlValues("UT_B1.fcs", 10 ** np.random.default_rng(3).normal(2.3, 0.2, 4000))
    made = panels(
        "CAR+,root,CAR,control(untransduced),\n" + QUADRANTS, controls={("untransduced", "root", "CAR"): tube}
    )

    write_panels(tmp_path / "a.npz", made)
    read = read_panels(tmp_path / "a.npz")

    for before, after in zip(made, read, strict=True):
        assert (before.title, before.x, before.y, before.labels, before.n) == (
            after.title,
            after.x,
            after.y,
            after.labels,
            after.n,
        )
        assert np.array_equal(before.counts, after.counts)
        assert (before.control is None) == (after.control is None)
        assert all(np.array_equal(a, b) for a, b in zip(before.outlines, after.outlines, strict=True))


def test_the_same_panels_are_the_same_bytes(tmp_path):
    """Two runs on one file leave the same folder: no time of day in the archive."""
    digests = []
    for name in ("a.npz", "b.npz"):
        write_panels(tmp_path / name, panels(QUADRANTS))
        digests.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())

    assert digests[0] == digests[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_no_panels_are_read_back_as_none(tmp_path):
    """A template without pictures writes a file all the same, so that a resumed run finds it."""
    write_panels(tmp_path / "a.npz", ())

    assert read_panels(tmp_path / "a.npz") == ()


def test_a_file_that_is_no_archive_is_named(tmp_path):
    """A file cut short by a full disk must name itself."""
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 cut")

    with pytest.raises(ValueError, match=r"a\.npz: not a file of gating panels"):
        read_panels(tmp_path / "a.npz")


def test_python_objects_are_not_unpickled(tmp_path):
    """A result folder may come from elsewhere: reading it must not run it."""
    np.savez(tmp_path / "a.npz", panels=np.array([{"title": "x"}], dtype=object))

    with pytest.raises(ValueError, match=r"a\.npz: not a file of gating panels .*pickle"):
        read_panels(tmp_path / "a.npz")


def test_panels_hold_counts_and_no_events(tmp_path):
    """What leaves the machine with a report cannot be turned back into a patient's list-mode data."""
    sample = product(20_000)
    write_panels(tmp_path / "a.npz", panels(QUADRANTS, sample))

    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        shapes = [np.load(archive.open(name), allow_pickle=False).shape for name in archive.namelist()]

    assert max(max(shape, default=1) for shape in shapes) <= 128
