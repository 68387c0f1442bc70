"""A person's cuts carried between real files of one centre: skipped where the data are not at hand."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gating.priors import Lesson, binned, from_decades
from gating.references import Reference, Taught
from gating.tally import tally
from gating.thresholds import Evidence, fit_threshold, parse_chain
from gating.transforms import Arcsinh

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "hipc_tcell_labels"
DECADES = 4.5 / 4096
TOP = float(from_decades(4.5))
SCALE = Arcsinh(T=TOP, M=math.log10(2 * TOP / 150))

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the HIPC files are not at hand")


def gated(name, first, marker, positive):
    """Return a lineage's events of one file, linear, and the cut that disagrees with the fewest labels."""
    table = pd.read_csv(FOLDER / f"{name}.csv.gz").query("@first <= label <= @first + 3")
    values, inside = table[marker].to_numpy() * DECADES, (table["label"] - first).isin(positive).to_numpy()
    tried = np.quantile(values, np.linspace(0.01, 0.99, 197))
    best = tried[int(np.argmin([np.count_nonzero((values >= cut) != inside) for cut in tried]))]
    return from_decades(values), float(from_decades(best))


@pytest.mark.parametrize(("source", "target"), [("Yale_1", "Yale_2"), ("Yale_2", "Yale_1")])
@pytest.mark.parametrize(
    ("first", "marker", "positive"),
    [(1, "CCR7", (1, 2)), (1, "CD45RA", (0, 1)), (6, "CCR7", (1, 2)), (6, "CD45RA", (0, 1))],
)
def test_a_cut_of_the_same_centre_gives_the_persons_fraction(source, target, first, marker, positive):
    """Where the file's own valley is 3 to 7 points off, or is not there, a cut of its neighbour is within 2."""
    events, cut = gated(source, first, marker, positive)
    others, truth = gated(target, first, marker, positive)
    taught = Taught(references=(Reference(source, cut, "a person", lesson=Lesson(source, binned(tally(events)))),))

    found = fit_threshold(parse_chain("reference"), Evidence(marker, tally(others), SCALE, {}, "", taught))

    assert abs(np.mean(others >= found.value) - np.mean(others >= truth)) < 0.02
    assert found.status == "sure"
    low, high = found.interval
    assert low <= truth <= high
