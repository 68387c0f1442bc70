"""A small result folder, made by hand: what a run of twenty patients leaves behind."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phenotype.panels import Axis, Label, Panel, write_panels
from phenotype.report import build_report

SUBSETS = ("naive", "central_memory", "effector_memory", "effector")
CONTRASTS = {
    "asct_vs_none": (("within_1y", "over_1y"), ("none",)),
    "over_1y_vs_none": (("over_1y",), ("none",)),
    "within_1y_vs_none": (("within_1y",), ("none",)),
    "within_1y_vs_over_1y": (("within_1y",), ("over_1y",)),
}
CENTRES = {"none": (24, 46, 24, 6), "over_1y": (22, 46, 25, 7), "within_1y": (11, 36, 40, 13)}
"""Percent; simulated. Only the direction of the last group is published."""
Rows = list[dict[str, Any]]
Make = Callable[..., Path]


@pytest.fixture
def make_results(tmp_path: Path) -> Make:
    """Return a function that writes a result folder and returns it."""

    def make(name: str = "results", **options: Any) -> Path:
        return write_results(tmp_path / name, **options)

    return make


@pytest.fixture
def results(make_results: Make) -> Path:
    """Twenty simulated patients in three groups, 12, 5 and 3."""
    return make_results()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same folder with its report built; tests only look at it."""
    folder = write_results(tmp_path_factory.mktemp("built") / "results")
    build_report(folder)
    return folder


def write_results(
    folder: Path,
    *,
    sizes: Mapping[str, int] | None = None,
    synthetic: bool = True,
    names: Mapping[int, str] | None = None,
    panels: int = 2,
    **changes: Any,
) -> Path:
    """Write every table of a run; ``names`` replaces the names of some patients, ``changes`` parts of run.json."""
    (folder / "panels").mkdir(parents=True)
    cohort = _cohort({"none": 12, "over_1y": 5, "within_1y": 3} if sizes is None else sizes, names or {})
    subsets = [row for patient in cohort for row in _subset_rows(patient, "")]
    control = [row for patient in cohort for row in _subset_rows(patient, "CAR- ")]
    _write(folder / "cohort.csv", ("patient_id", "asct_group", *SUBSETS), cohort)
    _write(folder / "subsets.csv", SUBSET_COLUMNS, subsets)
    _write(folder / "subsets_control.csv", SUBSET_COLUMNS, control)
    _write(folder / "comparisons.csv", COMPARISON_COLUMNS, _comparisons(cohort))
    _write(folder / "robustness.csv", ROBUSTNESS_COLUMNS, _robustness(_comparisons(cohort)))
    _write(folder / "estimates.csv", ESTIMATE_COLUMNS, _estimates(cohort))
    _write(folder / "quality.csv", ("sample_id", "check", "value", "limit", "severity", "message"), _quality(cohort))
    _write(folder / "failures.csv", ("file", "stage", "error"), FAILURES)
    for i, patient in enumerate(cohort[:panels]):
        if not set(f"{patient['patient_id']}") & set("/\\"):
            write_panels(folder / "panels" / f"{patient['patient_id']}_product.npz", fake_panels(i))
    run = {**RUN, "synthetic": synthetic, "counts": {"products": len(cohort) + 1, "gated": len(cohort), "failed": 1}}
    (folder / "run.json").write_text(json.dumps({**run, **changes}), encoding="utf-8")
    return folder


SUBSET_COLUMNS = (
    "sample_id", "patient_id", "subset", "count", "parent_count", "fraction", "ci_low", "ci_high", "flags",
    "population", "file", "batch",
)  # fmt: skip
COMPARISON_COLUMNS = (
    "contrast", "subset", "n_a", "n_b", "median_a", "median_b", "difference", "ci_low", "ci_high", "test", "p_value",
    "p_adjusted", "p_adjusted_bh", "cliffs_delta", "cliffs_low", "cliffs_high", "note",
)  # fmt: skip
ROBUSTNESS_COLUMNS = (
    "contrast", "subset", "shift", "gatings", "difference", "difference_low", "difference_high", "p_adjusted",
    "p_low", "p_high", "share_same_sign", "share_same_conclusion",
)  # fmt: skip
ESTIMATE_COLUMNS = (
    "analysis", "endpoint", "term", "level", "time", "n", "events", "estimate", "ci_low", "ci_high", "statistic",
    "p_value", "method",
)  # fmt: skip
FAILURES = [
    {
        "file": "pt99.fcs",
        "stage": "read",
        "error": "/home/li/data/pt99.fcs: $TOT says 52311 events, the DATA segment holds 52310; the file is cut short",
    }
]
RUN: dict[str, Any] = {
    "study": {"name": "BCMA CAR-T, infusion products (simulated)"},
    "version": "0.1.0",
    "python": "3.11.7",
    "packages": {"numpy": "2.4.6", "pandas": "2.3.3"},
    "settings": {"asct": {"reference": "infusion", "within_days": 365}, "comparisons": {"family": "all"}},
    "template": ["Cells,root,FSC-A,debris,", "Singlets,Cells,FSC-A|FSC-H,singlets,"],
    "inputs": {"data/P001.fcs": "ab" * 32},
    "seed": None,
    "join": {"without_clinical": ["P777"], "without_product": ["P021", "P022"]},
    "notes": ["unlisted.fcs is in the folder and not in samples.csv"],
    "seconds": 12.3,
}


def _write(path: Path, columns: Iterable[str], rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(columns), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _cohort(sizes: Mapping[str, int], names: Mapping[int, str]) -> Rows:
    rng = np.random.default_rng(7)
    groups = [group for group, n in sizes.items() for _ in range(n)]
    rows = []
    for i, group in enumerate(groups):
        shares = rng.dirichlet(np.array(CENTRES[group]) * 0.35)
        rows.append(
            {
                "patient_id": names.get(i, f"P{i + 1:03d}"),
                "asct_group": group,
                **dict(zip(SUBSETS, shares.tolist(), strict=True)),
            }
        )
    return rows


def _subset_rows(patient: Mapping[str, Any], prefix: str) -> Rows:
    total = 1800
    shift = {"naive": 0.03, "effector_memory": -0.03} if prefix else {}
    rows = []
    for subset in SUBSETS:
        share = min(max(float(patient[subset]) + shift.get(subset, 0.0), 0.0), 1.0)
        rows.append(
            {
                "sample_id": f"{patient['patient_id']}_product",
                "patient_id": patient["patient_id"],
                "subset": subset,
                "count": round(share * total),
                "parent_count": total,
                "fraction": share,
                "ci_low": max(share - 0.02, 0.0),
                "ci_high": min(share + 0.02, 1.0),
                "flags": "few_subset_events" if share < 50 / total else "",
                "population": f"{prefix}{subset}",
                "file": f"{patient['patient_id']}.fcs",
                "batch": "B1",
            }
        )
    return rows


def _comparisons(cohort: Rows) -> Rows:
    """Return medians that are those of the cohort; intervals and p are made up, and one p is missing."""
    rows = []
    for k, (contrast, (first, second)) in enumerate(CONTRASTS.items()):
        for j, subset in enumerate(SUBSETS):
            a = [row[subset] for row in cohort if row["asct_group"] in first]
            b = [row[subset] for row in cohort if row["asct_group"] in second]
            if not a or not b:
                rows.append(
                    {"contrast": contrast, "subset": subset, "n_a": len(a), "n_b": len(b), "note": "no patients"}
                )
                continue
            difference, p = float(np.median(a) - np.median(b)), (0.0004, 0.0312, 0.21, 0.87)[(j + k) % 4]
            missing = contrast == "over_1y_vs_none" and subset == "effector"
            rows.append(
                {
                    "contrast": contrast,
                    "subset": subset,
                    "n_a": len(a),
                    "n_b": len(b),
                    "median_a": float(np.median(a)),
                    "median_b": float(np.median(b)),
                    "difference": difference,
                    "ci_low": difference - 0.081,
                    "ci_high": difference + 0.075,
                    "test": "Mann-Whitney U, exact",
                    "p_value": "" if missing else p,
                    "p_adjusted": "" if missing else min(4 * p, 1.0),
                    "p_adjusted_bh": "" if missing else min(2 * p, 1.0),
                    "cliffs_delta": -0.42,
                    "cliffs_low": -0.77,
                    "cliffs_high": 0.05,
                    "note": "too few patients to test" if missing else "",
                }
            )
    return rows


def _robustness(comparisons: Rows) -> Rows:
    """Return made-up gatings of what was tested: 194 of 200 say the same, and CD62L lower in all samples does not."""
    rows = []
    for row in comparisons:
        if row.get("p_adjusted", "") == "":
            continue
        place = {"contrast": row["contrast"], "subset": row["subset"]}
        low, high = row["difference"] - 0.012, row["difference"] + 0.014
        drawn = {"shift": "", "gatings": 200, "difference_low": low, "difference_high": high, "p_low": 0.001}
        kept = {"p_high": 0.062, "share_same_sign": 1.0, "share_same_conclusion": 0.97}
        rows.append(place | drawn | kept | {key: row[key] for key in ("difference", "p_adjusted")})
        for shift, p, same in (("CD62L +0.1", row["p_adjusted"], 1.0), ("CD62L -0.1", 0.31, 0.0)):
            moved = {"shift": shift, "gatings": 1, "difference": low, "p_adjusted": p, "share_same_sign": 1.0}
            rows.append(place | moved | {"share_same_conclusion": same})
    return rows


def _estimates(cohort: Rows) -> Rows:
    """Return the median of each group with a made-up interval, and a made-up p over all."""
    rows: Rows = []
    for subset in SUBSETS:
        for level in CENTRES:
            values = [row[subset] for row in cohort if row["asct_group"] == level]
            if values:
                median = float(np.median(values))
                ends = {"ci_low": max(median - 0.031, 0), "ci_high": median + 0.042} if len(values) > 5 else {}
                row = {"analysis": "subset_median", "endpoint": subset, "level": level, "n": len(values), **ends}
                rows.append({**row, "estimate": median, "method": "median"})
        rows.append({"analysis": "subset_kruskal", "endpoint": subset, "n": len(cohort), "p_value": 0.0219})
    return rows


def _quality(cohort: Rows) -> Rows:
    columns = ("sample_id", "check", "value", "limit", "severity", "message")
    found = [
        ("saturation", 0.08, 0.05, "warning", "8.0% of events are at the top of CD45RA (BV421-A); the limit is 5%"),
        ("time_order", 3, 0, "info", "time runs backwards at 3 events: not in order"),
        ("not_quantified", 15, 22, "error", "15 events in CAR+ T: detected, too few to quantify (22); no fraction"),
    ]
    names = [f"{patient['patient_id']}_product" for patient in cohort]
    return [dict(zip(columns, (name, *rest), strict=True)) for name, rest in zip(names, found, strict=False)]


def fake_panels(seed: int) -> tuple[Panel, ...]:
    """Return seven panels with the shapes of a product's: five histograms and two quadrants."""
    rng = np.random.default_rng(seed)
    axis = Axis("CD62L (BV421-A)", 0.0, 1.0, (0.2, 0.4, 0.6, 0.8), ("0", "10³", "10⁴", "10⁵"), (0.45, 0.5))
    steps = [_histogram(rng, axis, name) for name in ("Cells", "Singlets", "Live", "T cells", "CAR+ T")]
    return (*steps, _quadrants(rng, axis, "CAR+ T", "sure"), _quadrants(rng, axis, "CAR- T", "refused"))


def _histogram(rng: np.random.Generator, axis: Axis, name: str) -> Panel:
    counts = np.histogram(rng.normal(0.6, 0.1, 5000), bins=128, range=(0, 1))[0].astype(np.uint32)
    return Panel(
        title=name, parent="root", n=5000, x=axis, y=None, counts=counts,
        outlines=(np.array([(0.4, 0.0), (0.4, 1.0)]),), labels=(Label(name, 4890, 0.978, 0.97, 0.96),),
        status="sure", source="0.995 quantile of UT_B1.fcs", control=counts[::-1].copy(), control_name="UT_B1.fcs",
    )  # fmt: skip


def _quadrants(rng: np.random.Generator, axis: Axis, parent: str, status: str) -> Panel:
    grid = np.histogram2d(*rng.normal(0.5, 0.15, (2, 4000)), bins=96, range=((0, 1), (0, 1)))[0].astype(np.uint32)
    places = ((0.97, 0.96), (0.97, 0.05), (0.03, 0.05), (0.03, 0.96))
    labels = tuple(Label(name, 1000, 0.25, x, y) for name, (x, y) in zip(SUBSETS, places, strict=True))
    lines = (np.array([(0.5, 0.0), (0.5, 1.0)]), np.array([(0.0, 0.5), (1.0, 0.5)]))
    note = "no valley of depth 0.8 or less in CD62L" if status == "refused" else ""
    return Panel(
        title="CD62L × CD45RA", parent=parent, n=4000, x=axis, y=axis, counts=grid,
        outlines=lines if status == "sure" else (), labels=labels, status=status, source="valley", note=note,
    )  # fmt: skip
