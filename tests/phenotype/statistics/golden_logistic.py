"""How the cases about logistic regression are answered."""

import numpy as np

from phenotype.statistics.logistic import firth_logistic, logistic
from tests.phenotype.statistics.agreement import Answer, Case

COHORT = ("gt1y", "le1y", "naive_cm10", "age", "emd", "log2peak")
SEX2 = ("age", "oc", "vic", "vicl", "vis", "dia")


def cohort(data, _):
    """Answer CR in the simulated cohort, by both likelihoods."""
    columns = [
        data["asct"] == ">1y", data["asct"] == "<=1y", (data["naive"] + data["cm"]) / 10, data["age"], data["emd"],
        np.log2(data["peak"]),
    ]  # fmt: skip
    x = np.column_stack(columns).astype(float)
    fit = logistic(data["cr"], x, COHORT)
    yield Answer("ml/coef", fit.coefficients)
    yield Answer("ml/se", fit.std_errors)
    yield Answer("ml/p", fit.p_values)
    yield Answer("ml/wald_lower", np.log(fit.wald_low))
    yield Answer("ml/wald_upper", np.log(fit.wald_high))
    yield Answer("ml/profile_lower", np.log(fit.low))
    yield Answer("ml/profile_upper", np.log(fit.high))
    yield from penalised("firth/", data["cr"], x, COHORT)


def penalised(path, outcome, x, names):
    """Answer what logistf says."""
    fit = firth_logistic(outcome, x, names)
    yield Answer(f"{path}coef", fit.coefficients)
    yield Answer(f"{path}se", fit.std_errors)
    yield Answer(f"{path}pl_lower", np.log(fit.low))
    yield Answer(f"{path}pl_upper", np.log(fit.high))
    yield Answer(f"{path}plr_p", fit.p_values)
    yield Answer(f"{path}loglik", fit.log_likelihood)
    yield Answer(f"{path}loglik_null", fit.log_likelihood_null)
    yield Answer(f"{path}brglm2_coef", fit.coefficients)


def separation(data, _):
    """Answer the case that plain likelihood cannot."""
    yield from penalised("", data["y"], data[["x", "g"]].to_numpy(float), ("x", "g"))


def sex2(data, _):
    """Answer the case of the rare covariate."""
    yield from penalised("", data["case"], data[list(SEX2)].to_numpy(float), SEX2)


def birthwt(data, r):
    """Answer the text-book model, race against its first level."""
    race = [data["race"] == level for level in (2, 3)]
    x = np.column_stack([data["age"], data["lwt"], *race, data["smoke"], data["ht"], data["ui"]]).astype(float)
    terms = ("age", "lwt", "race", "race", "smoke", "ht", "ui")
    fit = logistic(data["low"], x, tuple(f"{term}{i}" for i, term in enumerate(terms)), terms=terms)
    columns = {
        "coef": fit.coefficients, "se": fit.std_errors, "z": fit.z, "p": fit.p_values, "or": fit.odds_ratios,
        "wald_lower": fit.wald_low, "wald_upper": fit.wald_high, "profile_lower": fit.low, "profile_upper": fit.high,
        "deviance": -2 * fit.log_likelihood, "null_deviance": -2 * fit.log_likelihood_null,
        "aic": 2 * len(fit.names) - 2 * fit.log_likelihood,
    }  # fmt: skip
    for name, value in columns.items():
        yield Answer(name, value)
    assert list(fit.terms) == r["lrt_term"]
    for name, attribute in (("lrt_chisq", "statistic"), ("lrt_df", "df"), ("lrt_p", "p_value")):
        yield Answer(name, [getattr(test, attribute) for test in fit.terms.values()])


OTHERS = dict.fromkeys(
    ("wald_p", "wald_lower", "wald_upper"),
    "not in the result: profile limits and the likelihood-ratio p are reported",
)
BRGLM2 = {"brglm2_se": "brglm2's convention of the information"}
PROFILE = {"profile_lower": 2e-4, "profile_upper": 2e-4}
"""confint() interpolates the profile by a spline."""
CASES = {
    "logistic_sim_cart_cr": Case(
        "own",
        cohort,
        {f"firth/{name}": why for name, why in (OTHERS | BRGLM2).items()},
        {f"ml/{name}": tolerance for name, tolerance in PROFILE.items()},
    ),
    "firth_complete_separation": Case("own", separation, OTHERS | BRGLM2),
    "firth_sex2": Case("own", sex2, OTHERS | BRGLM2),
    "logistic_birthwt": Case("own", birthwt, {"lrt_term": "names"}, PROFILE),
}
