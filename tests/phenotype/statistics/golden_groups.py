"""How the cases about groups, correlations, shares and adjusted p-values are answered."""

from unittest.mock import patch

import numpy as np

from phenotype.statistics import groups, ranks
from phenotype.statistics.correlation import kendall, pearson, spearman
from phenotype.statistics.multiplicity import benjamini_hochberg, bonferroni, holm
from phenotype.statistics.proportions import clopper_pearson, wilson
from phenotype.statistics.ranks import cliffs_delta, hodges_lehmann, mann_whitney
from tests.phenotype.statistics.agreement import Answer, Case

SUBSETS = ("naive", "cm", "em", "eff")
ALPHABETICAL = ("<=1y", ">1y", "none")
"""R's order, in which its pairs stand."""
ORDERED = ("none", ">1y", "<=1y")
ADJUST = {"holm": holm, "bh": benjamini_hochberg, "bonferroni": bonferroni}


def subsets(data, r):
    """Answer three groups, subset by subset, and the adjustment of their four p-values."""
    tests = []
    for name in SUBSETS:
        by_name = {level: data.loc[data["asct"] == level, name].to_numpy(float) for level in ORDERED}
        yield from three_groups(f"subsets/{name}", [by_name[level] for level in ALPHABETICAL])
        yield from trend(f"ordered_trend/{name}", [by_name[level] for level in ORDERED])
        tests.append(groups.kruskal_wallis(list(by_name.values())).p_value)
    assert r["kruskal_p_adjusted"]["names"] == list(SUBSETS)
    for name, adjust in ADJUST.items():
        yield Answer(f"kruskal_p_adjusted/{name}", adjust(tests))


def three_groups(path, values):
    """Answer Kruskal-Wallis, Dunn, the two analyses of variance and Levene."""
    kruskal, pairs = groups.kruskal_wallis(values), groups.dunn(values)
    welch, plain, spread = groups.welch_anova(values), groups.anova(values), groups.levene(values)
    for name, value in (
        ("kruskal/H", kruskal.statistic), ("kruskal/df", kruskal.df), ("kruskal/p", kruskal.p_value),
        ("kruskal/epsilon_sq", kruskal.epsilon_squared), ("kruskal/eta_sq_H", kruskal.eta_squared),
        ("dunn/z", [pair.z for pair in pairs]), ("dunn/p", [pair.p_value for pair in pairs]),
        ("dunn/p_holm", [pair.p_holm for pair in pairs]), ("dunn/p_bh", [pair.p_bh for pair in pairs]),
        ("dunn/p_bonferroni", [pair.p_bonferroni for pair in pairs]),
        ("anova/F", plain.statistic), ("anova/p", plain.p_value), ("welch/F", welch.statistic),
        ("welch/df1", welch.df[0]), ("welch/df2", welch.df[1]), ("welch/p", welch.p_value),
        ("levene_bf/F", spread.statistic), ("levene_bf/p", spread.p_value),
    ):  # fmt: skip
        yield Answer(f"{path}/{name}", value)


def trend(path, values):
    """Answer Jonckheere-Terpstra: its z is that of Kendall's score of values and groups."""
    found = groups.jonckheere_terpstra(values)
    assert found.method == "Jonckheere-Terpstra, normal approximation"
    yield Answer(f"{path}/kendall_tau_b", found.tau_b)
    yield Answer(f"{path}/kendall_z", found.z)
    yield Answer(f"{path}/kendall_p", found.p_value)


def correlations(data, r):
    """Answer each subset against peak expansion, and eight pairs exactly."""
    peak = data["peak"].to_numpy(float)
    for name in SUBSETS:
        x = data[name].to_numpy(float)
        straight, ranked, ordered = pearson(x, np.log(peak)), spearman(x, peak), kendall(x, peak)
        yield Answer(f"subsets/{name}/pearson_log", straight.estimate)
        yield Answer(f"subsets/{name}/pearson_ci", [straight.low, straight.high])
        yield Answer(f"subsets/{name}/pearson_p", straight.p_value)
        yield Answer(f"subsets/{name}/spearman", ranked.estimate)
        yield Answer(f"subsets/{name}/spearman_p_t", ranked.p_value)
        yield Answer(f"subsets/{name}/spearman_ci_bonett_wright", [ranked.low, ranked.high])
        yield Answer(f"subsets/{name}/kendall", ordered.estimate)
        yield Answer(f"subsets/{name}/kendall_p", ordered.p_value)
    x, y = r["exact_small"]["x"], r["exact_small"]["y"]
    for name, found in (("spearman", spearman(x, y)), ("kendall", kendall(x, y))):
        yield Answer(f"exact_small/{name}", found.estimate)
        yield Answer(f"exact_small/{name}_exact_p", found.p_value)


def asymptotic(function, *values):
    """Answer as beyond the limit of the exact distribution."""
    with patch.object(ranks, "EXACT_LIMIT", 0):
        return function(*values)


def expansion(data, _):
    """Answer peak expansion by response."""
    peak = np.log(data["peak"].to_numpy(float))
    a, b = peak[data["cr"] == 1], peak[data["cr"] == 0]
    test, ratio = asymptotic(mann_whitney, a, b), groups.welch_t(a, b)
    yield Answer("n1", len(a))
    yield Answer("n0", len(b))
    yield Answer("W", test.statistic)
    yield Answer("p_cc", test.p_value)
    yield Answer("hl_log_ci", asymptotic(hodges_lehmann, a, b)[1:])
    yield Answer("auc", test.statistic / (len(a) * len(b)))
    yield Answer("ratio_geo_mean", np.exp(ratio.difference))
    yield Answer("ratio_ci", np.exp([ratio.low, ratio.high]))
    yield Answer("welch_p", ratio.p_value)


def two_samples(data, r):
    """Answer the rank tests, exactly and by the normal distribution, the shift and Cliff's delta."""
    for case, expected in r.items():
        a, b = (data.loc[(data["set"] == case) & (data["g"] == side), "v"].to_numpy(float) for side in "ab")
        exact, shift, delta = mann_whitney(a, b), hodges_lehmann(a, b), cliffs_delta(a, b)
        known = not expected["ties"]
        for name, value in (
            ("W", exact.statistic), ("coin_exact_p", exact.p_value), ("exactRankTests_p", exact.p_value),
            ("coin_exact_hl", shift[0]), ("median_of_differences", shift[0]), ("coin_exact_hl_ci", shift[1:]),
            ("exactRankTests_hl_ci", shift[1:]), ("cliff_delta", delta[0]), ("cliff_ci", delta[1:]),
            ("prob_superiority", (delta[0] + 1) / 2), ("asymp_cc_p", asymptotic(mann_whitney, a, b).p_value),
            *([("exact_p_noties", exact.p_value), ("exact_hl", shift[0]), ("exact_hl_ci", shift[1:])] if known else []),
        ):  # fmt: skip
            yield Answer(f"{case}/{name}", value)


def shares(data, _):
    """Answer both intervals."""
    for place, (x, n) in enumerate(zip(data["x"], data["n"], strict=True)):
        yield Answer(f"rows/{place}/est", x / n)
        yield Answer(f"rows/{place}/clopper_pearson", clopper_pearson(x, n))
        yield Answer(f"rows/{place}/wilson", wilson(x, n))


def adjusted(data, _):
    """Answer three adjustments."""
    for name, adjust in (("holm", holm), ("BH", benjamini_hochberg), ("fdr", benjamini_hochberg)):
        yield Answer(name, adjust(data["p"]))
    yield Answer("bonferroni", bonferroni(data["p"]))
    yield Answer("none", data["p"])


OTHER = "another adjustment"
SOLVED = "R solves for it by root finding; ours is the median of differences"
CASES = {
    "kruskal_dunn_subsets": Case(
        "own, scipy", subsets,
        {f"subsets/{name}/pairwise_wilcoxon_asymp": "without continuity correction; exact here" for name in SUBSETS}
        | {f"ordered_trend/{name}/rank_linear": "another trend test" for name in SUBSETS}
        | {f"kruskal_p_adjusted/{name}": OTHER for name in ("by", "hommel", "hochberg", "names")}
        | {f"subsets/{name}/dunn/pair": "names" for name in SUBSETS},
    ),
    "correlation_subsets_peak": Case(
        "own, scipy", correlations,
        {f"subsets/{name}/spearman_ci_fisher": "Bonett and Wright's interval is offered" for name in SUBSETS}
        | {"exact_small/x": "the question", "exact_small/y": "the question"},
    ),
    "peak_by_response": Case("own", expansion, {"hl_log": SOLVED}, {"hl_log_ci": 1e-3}),
    "wilcoxon_two_sample": Case(
        "own", two_samples,
        {f"{case}/{name}": why for case in ("noties", "ties", "naive20") for name, why in (
            ("asymp_p", "the correction for continuity is always made"), ("asymp_cc_hl", SOLVED),
            ("asymp_cc_hl_ci", "solved too: held to 2e-4 of the unit in test_ranks"),
            ("exact_", "R has no exact test with ties"), ("coin_z", "not in the result"), ("ties", "names"))},
    ),
    "prop_single_ci": Case("own", shares, {"rows/": "other intervals"}),
    "p_adjust": Case("own", adjusted, dict.fromkeys(("hochberg", "hommel", "BY"), OTHER)),
}  # fmt: skip
