"""How the cases about compositions are answered."""

import numpy as np

from phenotype.statistics import composition as coda
from phenotype.statistics.cox import cox, likelihood_ratio_test
from phenotype.statistics.dirichlet import compare, dirichlet, dirichlet_means
from phenotype.statistics.logistic import logistic
from tests.phenotype.statistics.agreement import Answer, Case

PARTS = ["naive", "cm", "em", "eff"]
GROUPS = (">1y", "<=1y")


def log_ratios(data):
    """Return parts without zeros, and their clr."""
    parts = coda.replace_zeros(data[PARTS].to_numpy(float))
    return parts, coda.clr(parts)


def indicators(data):
    """Return the two groups against none."""
    return np.column_stack([data["asct"] == group for group in GROUPS]).astype(float)


def ratios(data, r):
    """Answer closure to Aitchison distance."""
    parts, logs = log_ratios(data)
    rows = np.array(r["replaced_zero_rows"]["row"]) - 1
    yield Answer("delta", coda.DELTA)
    yield Answer("replaced_first5", parts[:5])
    yield Answer("replaced_zero_rows/row", rows + 1)
    yield Answer("replaced_zero_rows/value", parts[rows])
    yield Answer("clr", logs)
    yield Answer("ilr_basis", coda.pivot_basis(4))
    yield Answer("ilr", coda.ilr(parts))
    yield Answer("center", coda.centre(parts))
    yield Answer("variation_matrix", coda.variation_matrix(parts))
    yield Answer("total_variance", coda.variation_matrix(parts).sum() / 8)
    yield Answer("aitchison_distance_1_2", np.linalg.norm(logs[0] - logs[1]))


def pillai(data, _):
    """Answer Pillai's test."""
    parts, _ = log_ratios(data)
    found = coda.manova(coda.ilr(parts), indicators(data))
    for name, value in zip(
        ("stat", "F", "df1", "df2", "p"), (found.pillai, found.f, *found.df, found.p_value), strict=True
    ):
        yield Answer(f"manova/Pillai/{name}", value)
    models = coda.log_ratio_effects(parts, indicators(data))
    for i in range(4):
        yield Answer(f"clr_lm/{i}/coef", models.slopes[i])
        yield Answer(f"clr_lm/{i}/se", models.std_errors[i])
        yield Answer(f"clr_lm/{i}/p", models.p_values[i])
        yield Answer(f"clr_lm/{i}/lower", models.low[i])
        yield Answer(f"clr_lm/{i}/upper", models.high[i])


def distances(data, r):
    """Answer F and R squared, which are exact, and the dispersion about centroids."""
    _, logs = log_ratios(data)
    age = data[["age"]].to_numpy(float)
    alone = coda.permanova(logs, indicators(data), permutations=99)
    beside = coda.permanova(logs, indicators(data), age, permutations=99)
    other = coda.permanova(logs, age, indicators(data), permutations=99)
    first = coda.permanova(logs, age, permutations=99)
    # In an analysis by terms, age is tested against the residual of the whole model.
    left = 1 - first.r_squared - beside.r_squared
    yield Answer("aitchison/df", [2, 138, 140])
    yield Answer("aitchison/r2", [alone.r_squared, 1 - alone.r_squared, 1])
    yield Answer("aitchison/F", [alone.f, np.nan, np.nan])
    yield Answer("aitchison_age_then_asct/r2", [first.r_squared, beside.r_squared, left, 1])
    yield Answer("aitchison_age_then_asct/F", [first.r_squared / left * 137, beside.f, np.nan, np.nan])
    yield Answer("aitchison_marginal/r2", [other.r_squared, beside.r_squared, left, 1])
    yield Answer("aitchison_marginal/F", [other.f, beside.f, np.nan, np.nan])
    spread = coda.dispersion(logs, data["asct"])
    order = [sorted(["none", ">1y", "<=1y"]).index(name) for name in r["betadisper_centroid"]["group"]]
    yield Answer("betadisper_centroid/F", spread.f)
    yield Answer("betadisper_centroid/p", spread.p_value)
    yield Answer("betadisper_centroid/mean_distance", np.array(spread.mean_distances)[order])


def common(path, fit):
    """Answer a common form; R lists columns within parts."""
    yield Answer(f"{path}/coef", fit.coefficients.ravel())
    yield Answer(f"{path}/se", fit.std_errors.ravel())
    yield from size(path, fit)


def alternative(path, fit):
    """Answer an alternative form."""
    yield Answer(f"{path}/coef", np.concatenate([fit.coefficients.ravel(), fit.precision]))
    yield Answer(f"{path}/se", np.concatenate([fit.std_errors.ravel(), fit.precision_errors]))
    yield from size(path, fit)


def size(path, fit):
    """Answer likelihood and parameters."""
    yield Answer(f"{path}/loglik", fit.log_likelihood)
    yield Answer(f"{path}/npar", fit.parameters)
    yield Answer(f"{path}/aic", 2 * fit.parameters - 2 * fit.log_likelihood)


def by_group(data, _):
    """Answer the Dirichlet regressions on ASCT."""
    parts, _ = log_ratios(data)
    one = np.ones((len(data), 1))
    groups = np.hstack([one, indicators(data)])
    null, asct = dirichlet(parts, one), dirichlet(parts, groups)
    yield from common("common_null", null)
    yield from common("common_asct", asct)
    yield from common("common_asct_age", dirichlet(parts, np.column_stack([groups, data["age"]])))
    plain, means = dirichlet_means(parts, one, one), dirichlet_means(parts, groups, one)
    yield from alternative("alternative_null", plain)
    yield from alternative("alternative_asct_phi1", means)
    yield from alternative("alternative_asct_phi_asct", dirichlet_means(parts, groups, groups))
    for path, test in (("lr_asct_common", compare(asct, null)), ("lr_asct_alternative", compare(means, plain))):
        yield Answer(f"{path}/chisq", test.statistic)
        yield Answer(f"{path}/df", test.df)
        yield Answer(f"{path}/p", test.p_value)
    alpha = np.exp(np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1]]) @ asct.coefficients.T)
    yield Answer("fitted_mean_common/mean", alpha / alpha.sum(axis=1, keepdims=True))


def lake(data, _):
    """Answer the text-book lake."""
    parts, depth = data[["sand", "silt", "clay"]].to_numpy(float), data["depth"].to_numpy(float)
    one = np.ones(len(data))
    yield from common("common", dirichlet(parts, np.column_stack([one, depth])))
    fit = dirichlet_means(parts, np.column_stack([one, depth, depth**2]), np.column_stack([one, depth]))
    yield from alternative("alternative", fit)


def predictor(data, _):
    """Answer both models that have a composition among their covariates, and the test of it as a whole."""
    parts, _ = log_ratios(data)
    x, names = np.column_stack([coda.ilr(parts), data["age"]]), ("z1", "z2", "z3", "age")
    terms = ("mix", "mix", "mix", "age")
    odds = logistic(data["cr"], x, names, terms=terms)
    hazards = cox(data["pfs"], data["pfs_event"], x, names, terms=terms)
    joint = {"logistic": odds.terms["mix"], "cox": likelihood_ratio_test(hazards, ["mix"])}
    for path, fit in (("logistic", odds), ("cox", hazards)):
        yield Answer(f"{path}/coef", fit.coefficients)
        yield Answer(f"{path}/se", fit.std_errors)
        yield Answer(f"{path}/clr_coef", coda.pivot_basis(4) @ fit.coefficients[-4:-1])
        yield Answer(f"{path}/lrt_composition_chisq", joint[path].statistic)
        yield Answer(f"{path}/df", joint[path].df)
        yield Answer(f"{path}/p", joint[path].p_value)


RANDOM = "p of a permutation test is another draw; see test_composition"
CASES = {
    "coda_clr_ilr": Case("own", ratios, {"mvar": "not offered"}),
    "manova_ilr": Case(
        "own", pillai, {f"manova/{name}": "Pillai's is offered" for name in ("Wilks", "Hotelling-Lawley", "Roy")}
        | {f"clr_lm/{i}/part": "names" for i in range(4)},
    ),
    "permanova_asct": Case(
        "own", distances,
        {f"{path}/{name}": RANDOM if name == "p" else "sums of squares are R squared times their total"
         for path in ("aitchison", "aitchison_age_then_asct", "aitchison_marginal") for name in ("p", "ss", "df")}
        | {"bray_raw": "distances between raw parts are not offered", "betadisper_median": "centroids are offered",
           "anosim": "not offered", "permutations": "a setting"},
    ),
    "coda_predictor": Case("own", predictor),
    "dirichlet_asct": Case("own", by_group, {"fitted_mean_common/asct": "names"}),
    "dirichlet_arcticlake": Case("own", lake, {"note_normalised": "a note"}),
}  # fmt: skip
