"""Results of a run on a simulated study against its truth.

    phenotype simulate STUDY --patients 141 --events 20000
    phenotype run STUDY/study.toml --jobs 2
    python benchmarks/simulated_accuracy.py STUDY

Prints, per subset, the error of the fraction in percentage points; whether each ASCT group is right; whether each
file with a defect was rejected or flagged; and whether the p-values are scipy's on the fractions written.
"""

import sys
from pathlib import Path

import pandas as pd
from scipy import stats

CONTRASTS = {
    "asct_vs_none": ({"over_1y", "within_1y", "unknown_time"}, {"none"}),
    "over_1y_vs_none": ({"over_1y"}, {"none"}),
    "within_1y_vs_none": ({"within_1y"}, {"none"}),
    "within_1y_vs_over_1y": ({"within_1y"}, {"over_1y"}),
}


def errors(study: Path, results: Path) -> pd.DataFrame:
    """Return gated minus true fraction, in points, of each product and subset, with the file's expectation."""
    truth = pd.read_csv(study / "truth" / "truth_fractions.csv").query("population == 'CAR+'")
    expected = pd.read_csv(study / "truth" / "truth_samples.csv")[["file", "expected", "defects"]]
    found = pd.read_csv(results / "subsets.csv")[["file", "subset", "fraction", "parent_count"]]
    table = found.merge(truth, on=["file", "subset"], suffixes=("", "_true")).merge(expected, on="file")
    return table.assign(error=100 * (table["fraction"] - table["fraction_true"]))


def flags(study: Path, results: Path) -> pd.DataFrame:
    """Return each file with a defect and what the run said of it."""
    expected = pd.read_csv(study / "truth" / "truth_samples.csv").query("expected != 'normal'")
    failures = pd.read_csv(results / "failures.csv")
    names = pd.read_csv(results / "populations.csv")[["sample_id", "file"]].drop_duplicates()
    quality = pd.read_csv(results / "quality.csv").merge(names, on="sample_id").query("severity != 'info'")
    rows = []
    for row in expected.itertuples():
        rejected = sorted(failures.loc[failures["file"] == row.file, "stage"])
        checks = sorted(set(quality.loc[quality["file"] == row.file, "check"]))
        said = [f"rejected: {stage}" for stage in rejected] or checks
        rows.append((row.file, row.defects, row.expected, ", ".join(said) or "NOTHING"))
    return pd.DataFrame(rows, columns=["file", "defect", "expected", "found"])


def largest_p_difference(results: Path) -> float:
    """Return the largest difference of a p-value from scipy's, computed from cohort.csv."""
    cohort, table = pd.read_csv(results / "cohort.csv"), pd.read_csv(results / "comparisons.csv")
    worst = 0.0
    for row in table.dropna(subset=["p_value"]).itertuples():
        first, second = (
            cohort.loc[cohort["asct_group"].isin(groups), row.subset].dropna() for groups in CONTRASTS[row.contrast]
        )
        tied = pd.concat([first, second]).duplicated().any()
        if not tied:
            p = stats.mannwhitneyu(first, second, method="exact").pvalue
            worst = max(worst, abs(p - row.p_value))
        else:
            print(f"  ties in {row.contrast} {row.subset}: scipy has no exact p with ties, not compared")
    return worst


def main(study: Path) -> None:
    """Print every table."""
    results = study / "results"
    table = errors(study, results)
    normal = table[table["expected"] == "normal"].dropna(subset=["error"])
    for title, rows in (
        ("files without a defect", normal),
        ("all files with a fraction", table.dropna(subset=["error"])),
    ):
        summary = rows.groupby("subset", sort=False)["error"].agg(
            n="size",
            mean_absolute=lambda e: e.abs().mean(),
            bias="mean",
            within_3=lambda e: (e.abs() <= 3).mean(),
            worst=lambda e: e.abs().max(),
        )
        print(f"\nError of the fraction in percentage points, {title}\n{summary.round(3).to_string()}")
    refused = table["fraction"].isna()
    print(f"\nwithheld or refused fractions: {refused.sum()} of {len(table)}")
    truth = pd.read_csv(study / "truth" / "truth_clinical.csv").merge(
        pd.read_csv(results / "cohort.csv"), on="patient_id"
    )
    print(f"asct_group right: {(truth['asct_group_x'] == truth['asct_group_y']).sum()} of {len(truth)}")
    print(f"\nDefective files\n{flags(study, results).to_string(index=False)}")
    quality = pd.read_csv(results / "quality.csv")
    print(f"\nfindings on all files\n{quality.groupby(['check', 'severity']).sample_id.nunique().to_string()}")
    print(f"\nlargest difference of a p-value from scipy's: {largest_p_difference(results):.2e}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
