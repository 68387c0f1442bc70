"""The tables behind the figures, and the rows of the report: joins and means of what a run left, no statistics."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from phenotype.cells import cell
from phenotype.figures.palette import GROUPS
from phenotype.figures.subsets import CONTRASTS
from phenotype.report.read import Results
from phenotype.report.text import ALPHA
from phenotype.statistics.contrasts import CONTRASTS as MEMBERS_OF
from phenotype.subsets import SUBSETS

__all__ = [
    "Product",
    "composition_by_group",
    "control_pairs",
    "count_mismatches",
    "cuts_by_batch",
    "gatings_and_shifts",
    "group_medians",
    "patients_by_contrast",
    "products",
    "quality_summary",
    "write_figure_table",
]

MEMBERS = {
    name: members
    for contrast, names in CONTRASTS.items()
    for name, members in zip(names, MEMBERS_OF[contrast], strict=True)
}
"""The values of ``asct_group`` that make each group of a contrast."""
SEVERITIES = ("error", "warning", "info")


def patients_by_contrast(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return a row per contrast, patient and subset: the dots of Figure 4.

    Returns
    -------
    pandas.DataFrame
        ``contrast, group, patient_id, subset, fraction``; only patients with the fraction.
    """
    long = _long(cohort)
    parts = [
        long[long["asct_group"].isin(MEMBERS[group])].assign(contrast=contrast, group=group)
        for contrast, pair in CONTRASTS.items()
        for group in pair
    ]
    return pd.concat(parts, ignore_index=True)[["contrast", "group", "patient_id", "subset", "fraction"]]


def composition_by_group(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return the mean composition of each group, over patients with all four subsets.

    Returns
    -------
    pandas.DataFrame
        ``group, subset, n, mean_fraction``; the four means of a group sum to what a patient's fractions sum to, one.
        NaN where a group is empty.
    """
    complete = cohort.dropna(subset=list(SUBSETS))
    rows = []
    for group, members in MEMBERS.items():
        inside = complete[complete["asct_group"].isin(members)]
        rows += [
            {"group": group, "subset": subset, "n": len(inside), "mean_fraction": inside[subset].astype(float).mean()}
            for subset in SUBSETS
        ]
    return pd.DataFrame(rows)


def control_pairs(subsets: pd.DataFrame, control: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """Return each product's fraction of CAR+ cells beside that of its CAR- cells.

    Returns
    -------
    pandas.DataFrame
        ``sample_id, patient_id, group, subset, car_positive, car_negative``, where both fractions are known; group is
        empty for a patient who is not in the clinical sheet.
    """
    left = subsets[["sample_id", "patient_id", "subset", "fraction"]].rename(columns={"fraction": "car_positive"})
    right = control[["sample_id", "subset", "fraction"]].rename(columns={"fraction": "car_negative"})
    pairs = left.merge(right, on=["sample_id", "subset"], how="inner", validate="one_to_one").dropna()
    groups = cohort[["patient_id", "asct_group"]].rename(columns={"asct_group": "group"})
    pairs = pairs.merge(groups, on="patient_id", how="left", validate="many_to_one")
    pairs["group"] = pairs["group"].fillna("")
    return pairs[["sample_id", "patient_id", "group", "subset", "car_positive", "car_negative"]]


def cuts_by_batch(results: Results) -> pd.DataFrame:
    """Return each product's cuts with the medians of their two sides: the dots of the figure of drift.

    Returns
    -------
    pandas.DataFrame
        ``marker, population, batch, sample_id, cut, negative, positive, outlier``, linear; by marker and population in
        the order of thresholds.csv, then by batch and sample. Refused cuts and ends of scales are left out.
    """
    products = set(results.subsets["sample_id"])
    placed = results.thresholds[
        results.thresholds["threshold"].notna()
        & (results.thresholds["origin"] != "detector")
        & results.thresholds["sample_id"].isin(products)
    ]
    names = {"threshold": "cut", "negative_median": "negative", "positive_median": "positive"}
    table = placed.rename(columns=names)[["marker", "population", "batch", "sample_id", *names.values()]]
    found = results.quality[results.quality["check"] == "outlier"]
    odd = {(row["sample_id"], str(row["message"]).partition(":")[0]) for row in found.to_dict("records")}
    places = zip(table["sample_id"], table["marker"] + " on " + table["population"], strict=True)
    table = table.assign(outlier=[place in odd for place in places])
    order = {place: i for i, place in enumerate(dict.fromkeys(zip(table["marker"], table["population"], strict=True)))}
    ranked = table.assign(order=[order[place] for place in zip(table["marker"], table["population"], strict=True)])
    return ranked.sort_values(["order", "batch", "sample_id"], kind="stable").drop(columns="order")


def group_medians(estimates: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row per group: its name and, by subset, n, median and interval, as estimates.csv has them."""
    medians = estimates[estimates["analysis"] == "subset_median"]
    return [
        {"group": group, "n": rows[0]["n"], "subsets": {row["endpoint"]: row for row in rows}}
        for group in GROUPS
        if (rows := medians[medians["level"] == group].to_dict("records"))
    ]


def gatings_and_shifts(comparisons: pd.DataFrame, robustness: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of the figure on moved gates: a row for the gates as they are, and one for each shift.

    Returns
    -------
    pandas.DataFrame
        ``contrast, subset, channel, decades, difference, difference_low, difference_high, ci_low, ci_high,
        p_adjusted, below, gatings, share_same_conclusion``. ``channel`` is empty, and ``decades`` 0, for the gates as
        they are, whose low and high are percentiles over the plausible gatings; ``ci_low`` and ``ci_high`` are those
        of comparisons.csv; ``below`` says whether the adjusted p is below 0.05.
    """
    parts = [str(shift).rpartition(" ") for shift in robustness["shift"]]
    found = robustness.assign(
        channel=[channel for channel, _, _ in parts],
        decades=[float(decades or 0) for _, _, decades in parts],
        below=robustness["p_adjusted"] < ALPHA,
    )
    intervals = comparisons[["contrast", "subset", "ci_low", "ci_high"]]
    found = found.merge(intervals, on=["contrast", "subset"], how="left", validate="many_to_one")
    columns = ["contrast", "subset", "channel", "decades", "difference", "difference_low", "difference_high"]
    return found[[*columns, "ci_low", "ci_high", "p_adjusted", "below", "gatings", "share_same_conclusion"]]


@dataclass(frozen=True, slots=True)
class Product:
    """One product, as a row of the report."""

    sample_id: str
    patient_id: str
    group: str
    file: str
    car_events: float
    """CAR+ T cells: the parent of the four subsets; NaN where it was refused."""
    fractions: Mapping[str, tuple[float, float, float]]
    """Subset to fraction and the ends of its interval; NaN where there is no number."""
    flags: tuple[str, ...]
    findings: int
    """Errors and warnings in quality.csv."""

    @property
    def reported(self) -> bool:
        """Whether every subset has a number."""
        return all(value == value for value, _, _ in self.fractions.values())


def products(results: Results) -> tuple[Product, ...]:
    """Return the products in the order of subsets.csv."""
    groups = dict(zip(results.cohort["patient_id"], results.cohort["asct_group"], strict=True))
    marked = results.quality[results.quality["severity"].isin(SEVERITIES[:2])]["sample_id"].value_counts()
    return tuple(
        _product(str(sample_id), rows, groups, int(marked.get(sample_id, 0)))
        for sample_id, rows in results.subsets.groupby("sample_id", sort=False)
    )


def quality_summary(quality: pd.DataFrame) -> pd.DataFrame:
    """Return how many samples each check found something in, the severest first.

    Returns
    -------
    pandas.DataFrame
        ``severity, check, samples, message``, the message being the first one found.
    """
    grouped = quality.groupby(["severity", "check"], sort=True)
    summary = grouped.agg(samples=("sample_id", "nunique"), message=("message", "first")).reset_index()
    order = summary["severity"].map({name: i for i, name in enumerate(SEVERITIES)}).fillna(len(SEVERITIES))
    return summary.assign(order=order).sort_values(["order", "check"], kind="stable").drop(columns="order")


def count_mismatches(comparisons: pd.DataFrame, patients: pd.DataFrame) -> tuple[str, ...]:
    """Say where comparisons.csv counts other patients than cohort.csv shows.

    The dots of a figure must be the patients of its P value; where they are not, the tables are of two runs.
    """
    drawn = patients.groupby(["contrast", "group", "subset"]).size()
    said = []
    for row in comparisons.to_dict("records"):
        for side, group in zip("ab", CONTRASTS.get(str(row["contrast"]), ()), strict=False):
            dots, n = int(drawn.get((row["contrast"], group, row["subset"]), 0)), row[f"n_{side}"]
            if n == n and dots != n:
                said.append(
                    f"{row['contrast']}, {row['subset']}: comparisons.csv counts {int(n)} patients in group {group}, "
                    f"cohort.csv has {dots}; run the study again"
                )
    return tuple(said)


def write_figure_table(path: Path, table: pd.DataFrame) -> None:
    """Write the numbers of a figure beside it; all digits, empty for missing, formulas guarded, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    words = [
        name for name in table.columns if table[name].dtype == object or isinstance(table[name].dtype, pd.StringDtype)
    ]
    guarded = {name: [cell(value) if isinstance(value, str) else value for value in table[name]] for name in words}
    table.assign(**guarded).to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
    temporary.replace(path)


def _long(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return a row per patient and subset with a fraction, patients in order."""
    long = cohort.melt(["patient_id", "asct_group"], list(SUBSETS), var_name="subset", value_name="fraction")
    long["fraction"] = long["fraction"].astype(float)
    return long.dropna(subset="fraction")


def _product(sample_id: str, rows: pd.DataFrame, groups: Mapping[str, str], findings: int) -> Product:
    nothing = float("nan")
    fractions = dict.fromkeys(SUBSETS, (nothing, nothing, nothing))
    for row in rows.to_dict("records"):
        fractions[str(row["subset"])] = (float(row["fraction"]), float(row["ci_low"]), float(row["ci_high"]))
    flags = (flag for cell in rows["flags"] for flag in str(cell).split(";") if flag)
    patient = str(rows["patient_id"].iloc[0])
    return Product(
        sample_id=sample_id,
        patient_id=patient,
        group=groups.get(patient, ""),
        file=str(rows["file"].iloc[0]) if "file" in rows else "",
        car_events=float(rows["parent_count"].max()),
        fractions=fractions,
        flags=tuple(dict.fromkeys(flags)),
        findings=findings,
    )
