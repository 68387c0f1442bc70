"""A tree of fixed gates, counted while a file is read, against the same tree on all of its events at once."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gating import (
    Channel,
    Counter,
    FCSError,
    Sample,
    Spillover,
    compensate,
    count_blocks,
    counter,
    gate_sample,
    is_fixed,
    open_fcs,
    parse_template,
    read_fcs,
    write_fcs,
)
from gating import compiled as compilation

TEMPLATE = """population,parent,channels,method,arguments
Cells,root,FSC-A|SSC-A,polygon,vertices=30000 5000 200000 5000 200000 150000 60000 150000
Singlets,Cells,FSC-A|FSC-H,polygon,vertices=20000 15000 250000 190000 250000 260000 20000 30000
Live,Singlets,Viability,range,maximum=900
T cells,Live,CD3,range,minimum=500
CD4+,T cells,CD4|CD8,rectangle,minimum=400 -1000; maximum=300000 400
CAR+,T cells,CAR,range,minimum=700
CAR-,T cells,,not,of=CAR+
Rare,CAR+,CD8|CAR,ellipse,mean=1500 1500; covariance=0.01 0 0 0.01; transform=logicle
Absent,CAR+,CD19,range,minimum=1; optional=yes
"""
NAMES = ("FSC-A", "FSC-H", "SSC-A", "V1", "B1", "R1", "Y1", "G1", "Time")
MARKERS = ("", "", "", "Viability", "CD3", "CD4", "CD8", "CAR", "")
DETECTORS = NAMES[3:8]


def events_of(n: int, seed: int) -> np.ndarray:
    """Return events whose values are on a coarse grid, so that many lie on thresholds to the last bit."""
    rng = np.random.default_rng(seed)
    scatter = rng.normal(90_000, 40_000, (n, 1)) * [1, 0.85, 0.6] + rng.normal(0, 6_000, (n, 3))
    stains = np.where(rng.random((n, 5)) < 0.5, rng.lognormal(7.2, 0.7, (n, 5)), rng.normal(100, 150, (n, 5)))
    return np.round(np.column_stack([scatter, stains, np.arange(n)]) / 100) * 100


def spillover_of(seed: int) -> Spillover:
    """Return a matrix with spillover everywhere but in two places."""
    matrix = np.random.default_rng(seed).uniform(0, 0.15, (5, 5))
    np.fill_diagonal(matrix, 1)
    matrix[0, 3] = matrix[2, 1] = 0
    return Spillover(DETECTORS, matrix)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file of 20,011 events, a number that no block divides."""
    channels = tuple(map(Channel, NAMES, MARKERS))
    write_fcs(tmp_path / "a.fcs", Sample("a", channels, events_of(20_011, 1)))
    return tmp_path / "a.fcs"


COUNTERS = [None, counter(1 << 40)]
"""With numpy alone, and compiled; where numba is not installed, the latter is none either."""
both = pytest.mark.parametrize("compiled", COUNTERS, ids=["numpy", "compiled"])


def counted(
    path: Path, template: str, spillover: Spillover, block_bytes: int, compiled: Counter | None
) -> dict[str, int]:
    """Count while reading."""
    tree = parse_template(template)
    with open_fcs(path) as file:
        known = file.metadata
        none = Sample(known.name, known.channels, np.empty((0, len(known.channels))), known.keywords)
        found = count_blocks(
            file, gate_sample(compensate(none, spillover), tree), spillover, block_bytes=block_bytes, counter=compiled
        )
    return {name: population.count for name, population in found.populations.items()}


@both
@pytest.mark.parametrize("block_bytes", [1, 4_099, 1 << 20])
@pytest.mark.parametrize("seed", [1, 2])
def test_counts_are_those_of_the_whole_sample(path, seed, block_bytes, compiled):
    """Fast must mean the same to the last event, on thresholds too, and whatever the size of a block."""
    spillover = spillover_of(seed)
    whole = gate_sample(compensate(read_fcs(path), spillover), parse_template(TEMPLATE))
    expected = {name: population.count for name, population in whole.populations.items()}

    assert counted(path, TEMPLATE, spillover, block_bytes, compiled) == expected
    assert min(expected[name] for name in ("CD4+", "CAR+", "CAR-", "Rare")) > 20
    assert "Absent" not in expected


@both
def test_values_on_a_threshold_are_inside_above_it(path, compiled):
    """The rule for a value at a threshold is one rule: it is above."""
    tree = "population,parent,channels,method,arguments\nA,root,CD3,range,minimum=200\nB,root,CD3,range,maximum=200\n"
    values = read_fcs(path).events[:, NAMES.index("B1")]
    identity = Spillover(("B1", "R1"), np.array([[1.0, 0.2], [0, 1]]))

    found = counted(path, tree, identity, 1 << 12, compiled)

    assert (values == 200).sum() > 100
    assert found["A"] == (values >= 200).sum()
    assert found["A"] + found["B"] == found["root"] == 20_011


@both
def test_events_without_a_value_are_left_out_as_when_all_are_read(tmp_path, compiled):
    """Half a per cent of NaN anywhere is left out by both ways of reading; 2 % are refused by both."""
    channels, events = tuple(map(Channel, NAMES, MARKERS)), events_of(10_000, 3)
    events[::200, 1] = np.nan
    write_fcs(tmp_path / "few.fcs", Sample("few", channels, events.copy()))
    events[::50, 1] = np.nan
    write_fcs(tmp_path / "many.fcs", Sample("many", channels, events))
    spillover = spillover_of(1)
    whole = gate_sample(compensate(read_fcs(tmp_path / "few.fcs"), spillover), parse_template(TEMPLATE))

    found = counted(tmp_path / "few.fcs", TEMPLATE, spillover, 10_000, compiled)

    assert found["root"] == 9_950
    assert found == {name: population.count for name, population in whole.populations.items()}
    with pytest.raises(FCSError, match=r"200 of 10000 events"):
        counted(tmp_path / "many.fcs", TEMPLATE, spillover, 10_000, compiled)


SIMPLE = """population,parent,channels,method,arguments
Cells,root,FSC-A|SSC-A,polygon,vertices=30000 5000 200000 5000 200000 150000 60000 150000
Star,root,FSC-A|SSC-A,polygon,vertices=90000 110000 40000 0 150000 70000 30000 70000 140000 0
Not star,Cells,,not,of=Star
Band,root,FSC-A,range,minimum=60000; maximum=120000
Box,Cells,FSC-A|SSC-A,rectangle,minimum=50000 20000; maximum=120000 80000
Live,Cells,Viability,range,minimum=-100; maximum=900
T cells,Live,CD3,range,minimum=500
CD4+,T cells,CD4|CD8,rectangle,minimum=400 -1000; maximum=300000 400
Triangle,T cells,CD4|CD8,polygon,vertices=-500 -500 4000 0 100 6000
Either,T cells,,or,of=CD4+|Triangle
All,T cells,,and,of=CD4+|Triangle|Live
None,All,CAR,range,minimum=1e9
Of none,None,CAR,range,maximum=1000
"""
"""Gates that need nothing but sums and comparisons: these are compiled."""


@pytest.mark.skipif(COUNTERS[1] is None, reason="numba is not installed")
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"byte_order": ">"},
        {"datatype": "D"},
        {"datatype": "I", "bits": 32},
    ],
    ids=["single", "big-endian", "double", "integers"],
)
def test_compiled_counts_are_those_of_the_whole_sample(tmp_path, form, seed):
    """Each form of numbers, decoded or not; each kind of gate; events that lie on lines and corners to the last bit."""
    spillover, channels = spillover_of(seed), tuple(map(Channel, NAMES, MARKERS))
    write_fcs(tmp_path / "a.fcs", Sample("a", channels, events_of(20_011, seed)), **form)
    whole = gate_sample(compensate(read_fcs(tmp_path / "a.fcs"), spillover), parse_template(SIMPLE))
    expected = {name: population.count for name, population in whole.populations.items()}
    tables = []

    def watched(table: np.ndarray, program: tuple, counts: np.ndarray) -> None:
        tables.append(len(table))
        COUNTERS[1](table, program, counts)

    assert counted(tmp_path / "a.fcs", SIMPLE, spillover, 1 << 16, watched) == expected
    assert sum(tables) == 20_011
    assert min(count for name, count in expected.items() if name not in {"None", "Of none"}) > 20


def test_what_is_compiled_counts_alike_as_plain_python():
    """Without numba a kernel is still a function that can be read, called and tested."""
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "from gating import kernels\n"
        "print(hasattr(kernels.count, 'signatures'), kernels._sum([1, 0, 1, 1], 3))"
    )

    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert ended.stdout.split() == ["False", "2"]


def test_few_bytes_do_not_load_a_compiler(monkeypatch):
    """Loading takes as long as counting a few hundred megabytes."""
    monkeypatch.delitem(sys.modules, "gating.kernels", raising=False)

    assert counter(10_000_000) is None


def test_without_numba_there_is_nothing_compiled(monkeypatch):
    """It is an extra; everything works without."""
    compilation._compiled.cache_clear()
    monkeypatch.setattr(compilation, "find_spec", lambda _: None)

    assert counter(1 << 40) is None
    compilation._compiled.cache_clear()


def test_a_tree_that_asks_the_events_is_not_fixed():
    """One fitted gate is enough: it has to see all of its parent first."""
    head = "population,parent,channels,method,arguments\nA,root,CD3,range,minimum=1\n"

    assert is_fixed(parse_template(head))
    assert not is_fixed(parse_template(f"{head}B,A,CD4,valley,\n"))
