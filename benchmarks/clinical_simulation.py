"""Whether p-values and intervals of the clinical half hold, on simulated cohorts of 141.

    python benchmarks/clinical_simulation.py [COHORTS] [--jobs 2]

Two worlds, 500 cohorts each. In the first, ASCT means nothing: cohorts are drawn from the structural model and the
transplant labels are then dealt anew among the patients, so that every p-value on ASCT must be uniform and every ratio
1. In the second, effects are those of the model; power stands beside what was computed for it elsewhere (PAPER, E3,
E4). Times are the model's own months; everything goes through the program's own analyses.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import kstest
from threadpoolctl import threadpool_limits

from phenotype.analyses import estimate
from phenotype.simulate.structural import draw_cohort
from phenotype.statistics.competing import cumulative_incidence, incidence_at
from phenotype.statistics.contrasts import compare_groups
from phenotype.statistics.survival import kaplan_meier, quantile, rates
from phenotype.study import Analyses
from phenotype.subsets import SUBSETS

PATIENTS = 141
SETTINGS = Analyses(permutations=199, rates_months=(24, 48))
SHARES = ("naive_pct", "cm_pct", "em_pct", "eff_pct")
POWER = {
    ("within_1y_vs_none", "naive"): 0.91, ("within_1y_vs_none", "central_memory"): 0.29,
    ("within_1y_vs_none", "effector_memory"): 0.77, ("within_1y_vs_none", "effector"): 0.87,
    ("within_1y_vs_over_1y", "naive"): 0.80, ("within_1y_vs_over_1y", "central_memory"): 0.28,
    ("within_1y_vs_over_1y", "effector_memory"): 0.70, ("within_1y_vs_over_1y", "effector"): 0.72,
    ("over_1y_vs_none", "naive"): 0.08, ("over_1y_vs_none", "central_memory"): 0.04,
    ("over_1y_vs_none", "effector_memory"): 0.05, ("over_1y_vs_none", "effector"): 0.08,
    ("asct_vs_none", "naive"): 0.36, ("asct_vs_none", "central_memory"): 0.06,
    ("asct_vs_none", "effector_memory"): 0.25, ("asct_vs_none", "effector"): 0.36,
}  # fmt: skip
"""Of the Mann-Whitney test at 0.05, as stated with the model."""
RATIOS = (
    ("logistic_univariable", "CR"), ("logistic_multivariable", "CR"), ("cox_univariable", "PFS"),
    ("cox_multivariable", "PFS"), ("cox_univariable", "OS"), ("cox_multivariable", "OS"),
    ("fine_gray_multivariable", "relapse"), ("cause_specific_multivariable", "relapse"),
)  # fmt: skip
TESTS = ("log_rank", "log_rank_trend", "gray_test", "composition_manova", "composition_permanova",
         "composition_dirichlet", "subset_kruskal", "subset_trend", "expansion_test")  # fmt: skip


def as_cohort(drawn: pd.DataFrame) -> pd.DataFrame:
    """Return a drawn cohort as the analyses read it: months and events for dates, fractions for percent."""
    best = drawn["best_response"]
    evaluable = best != "NE"
    complete = best.isin(["sCR", "CR"])
    progressed, died = drawn["progression_event"] == 1, drawn["death_event"] == 1
    pfs = drawn["progression_months"].where(progressed, drawn["os_months"])
    flags = {
        "responder": best.isin(["sCR", "CR", "VGPR", "PR"]).astype("Int64").where(evaluable),
        "complete_response": complete.astype("Int64").where(evaluable),
        "cir_event": pd.Series(np.where(progressed, 1, np.where(died, 2, 0)), dtype="Int64").where(complete),
    }
    fractions = {name: drawn[share] / 100 for name, share in zip(SUBSETS, SHARES, strict=True)}
    return drawn[["prior_asct", "asct_group", "extramedullary_disease", "best_response"]].assign(
        pfs_months=pfs, pfs_event=(progressed | died).astype(int), os_months=drawn["os_months"],
        os_event=drawn["death_event"], cir_months=pfs.where(complete), cart_pct_of_t_cmax=drawn["peak_cart_pct_t"],
        **flags, **fractions,
    )  # fmt: skip


def one(seed: int, *, effects: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return comparisons and estimates of one cohort."""
    rng = np.random.default_rng(seed)
    with threadpool_limits(1):
        cohort = as_cohort(draw_cohort(PATIENTS, rng))
        if not effects:
            dealt = rng.permutation(len(cohort))
            labels = ["prior_asct", "asct_group"]
            cohort[labels] = cohort[labels].to_numpy()[dealt]
            cohort["prior_asct"] = cohort["prior_asct"].astype(int)
        return compare_groups(cohort), estimate(cohort, SETTINGS)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohorts", nargs="?", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    with ProcessPoolExecutor(asked.jobs) as pool:
        null = list(pool.map(partial(one, effects=False), range(asked.cohorts), chunksize=5))
        real = list(pool.map(partial(one, effects=True), range(10_000, 10_000 + asked.cohorts), chunksize=5))
    comparisons, estimates = (pd.concat([found[place] for found in null]) for place in (0, 1))
    show_uniform(comparisons, estimates)
    show_coverage(comparisons, estimates)
    show_rates([found[1] for found in null])
    show_power(pd.concat([found[0] for found in real]), pd.concat([found[1] for found in real]))


def show_uniform(comparisons: pd.DataFrame, estimates: pd.DataFrame) -> None:
    """Print, without effect, how p-values spread: uniform p-values have a share of 0.05 below 0.05."""
    print("\nNo effect of ASCT: p-values\n" + f"{'test':52}{'n':>6}{'KS p':>8}{'<= 0.05':>9}{'<= 0.01':>9}")
    groups = {f"Mann-Whitney {c} {s}": rows for (c, s), rows in comparisons.groupby(["contrast", "subset"], sort=False)}
    chosen = estimates[estimates["analysis"].isin(TESTS) & estimates["p_value"].notna()]
    chosen = chosen[~chosen["term"].isin(["responder", "complete_response"])]
    parts = chosen.groupby(["analysis", "endpoint", "term", "level"], sort=False)
    groups |= {" ".join(filter(None, key)): rows for key, rows in parts}
    for analysis, endpoint in RATIOS:
        rows = ratio_rows(estimates, analysis, endpoint)
        groups[f"{analysis} {endpoint} prior_asct"] = rows
    for name, rows in groups.items():
        p = rows["p_value"].dropna()
        ks = kstest(p, "uniform").pvalue
        print(f"{name:52}{len(p):6}{ks:8.3f}{(p <= 0.05).mean():9.3f}{(p <= 0.01).mean():9.3f}")


def ratio_rows(estimates: pd.DataFrame, analysis: str, endpoint: str) -> pd.DataFrame:
    """Return the rows of prior ASCT of a model."""
    chosen = (estimates["analysis"] == analysis) & (estimates["endpoint"] == endpoint)
    return estimates[chosen & (estimates["term"] == "prior_asct")]


def show_coverage(comparisons: pd.DataFrame, estimates: pd.DataFrame) -> None:
    """Print, without effect, how often 95 % intervals hold no difference, or a ratio of 1."""
    print("\nNo effect of ASCT: 95 % intervals that hold the truth\n" + f"{'interval':52}{'n':>6}{'covered':>9}")
    for (contrast, subset), rows in comparisons.groupby(["contrast", "subset"], sort=False):
        known = rows.dropna(subset=["ci_low"])
        held = ((known["ci_low"] <= 0) & (known["ci_high"] >= 0)).mean()
        print(f"{f'shift {contrast} {subset}':52}{len(known):6}{held:9.3f}")
    for analysis, endpoint in RATIOS:
        known = ratio_rows(estimates, analysis, endpoint).dropna(subset=["ci_low"])
        held = ((known["ci_low"] <= 1) & (known["ci_high"] >= 1)).mean()
        print(f"{f'ratio {analysis} {endpoint}':52}{len(known):6}{held:9.3f}")


def show_rates(found: list[pd.DataFrame]) -> None:
    """Print how often intervals of rates hold the population's, from one very large cohort."""
    population = population_rates(as_cohort(draw_cohort(200_000, np.random.default_rng(1))))
    print(
        "\nRates of all patients: 95 % intervals that hold the population's\n"
        + f"{'rate':52}{'truth':>8}{'covered':>9}"
    )
    for (analysis, endpoint, time), truth in population.items():
        rows = pd.concat([
            one[(one["analysis"] == analysis) & (one["endpoint"] == endpoint) & (one["level"] == "all")
                & (one["time"].isna() if pd.isna(time) else one["time"] == time)] for one in found
        ]).dropna(subset=["ci_low"])  # fmt: skip
        held = ((rows["ci_low"] <= truth) & (rows["ci_high"].fillna(np.inf) >= truth)).mean()
        when = "" if pd.isna(time) else f" {time:g} months"
        print(f"{f'{analysis} {endpoint}{when}':52}{truth:8.3f}{held:9.3f}")


def population_rates(cohort: pd.DataFrame) -> dict[tuple[str, str, float], float]:
    """Return what rates tend to in ever larger cohorts."""
    truth: dict[tuple[str, str, float], float] = {
        ("response_rate", "CR", float("nan")): float(cohort["complete_response"].mean())
    }
    for endpoint, name in (("PFS", "pfs"), ("OS", "os")):
        curve = kaplan_meier(cohort[f"{name}_months"], cohort[f"{name}_event"])
        for time, rate in zip(SETTINGS.rates_months, rates(curve, SETTINGS.rates_months).survival, strict=True):
            truth["survival_rate", endpoint, time] = float(rate)
        truth["survival_median", endpoint, float("nan")] = quantile(curve).estimate
    known = cohort["cir_event"].notna()
    relapse = cumulative_incidence(cohort.loc[known, "cir_months"], cohort.loc[known, "cir_event"].astype(int))
    for time, rate in zip(SETTINGS.rates_months, incidence_at(relapse, SETTINGS.rates_months).incidence, strict=True):
        truth["cumulative_incidence", "relapse", time] = float(rate)
    return {key: value for key, value in truth.items() if np.isfinite(value)}


def show_power(comparisons: pd.DataFrame, estimates: pd.DataFrame) -> None:
    """Print, with the model's effects, power beside what was stated, and the spread of the main estimates."""
    print("\nEffects of the model: power at 0.05\n" + f"{'Mann-Whitney':52}{'ours':>8}{'stated':>8}")
    for key, stated in POWER.items():
        rows = comparisons[(comparisons["contrast"] == key[0]) & (comparisons["subset"] == key[1])]
        print(f"{' '.join(key):52}{(rows['p_value'] <= 0.05).mean():8.2f}{stated:8.2f}")
    print("\nEffects of the model: median and 5 to 95 % of cohorts\n")
    for analysis, endpoint in RATIOS:
        ratio = ratio_rows(estimates, analysis, endpoint)["estimate"].dropna()
        low, middle, high = ratio.quantile([0.05, 0.5, 0.95])
        print(f"{f'{analysis} {endpoint} prior_asct':52}{middle:8.2f}  [{low:.2f} to {high:.2f}]")
    for analysis, endpoint in (("survival_median", "PFS"), ("survival_rate", "PFS"), ("survival_rate", "OS")):
        rows = estimates[(estimates["analysis"] == analysis) & (estimates["endpoint"] == endpoint)]
        rows = rows[(rows["level"] == "all") & (rows["time"].isna() | (rows["time"] == 48))]
        low, middle, high = rows["estimate"].quantile([0.05, 0.5, 0.95])
        print(f"{f'{analysis} {endpoint}':52}{middle:8.3f}  [{low:.3f} to {high:.3f}]")


if __name__ == "__main__":
    main()
