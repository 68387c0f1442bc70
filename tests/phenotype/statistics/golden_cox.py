"""How the cases about Cox models are answered."""

import numpy as np

from phenotype.statistics.cox import cox, firth_cox, proportional_hazards
from tests.phenotype.statistics.agreement import Answer, Case

VETERAN = ("trt", "celltypesmallcell", "celltypeadeno", "celltypelarge", "karno", "diagtime", "age", "prior")
COHORT = ("asct_f>1y", "asct_f<=1y", "naive_cm10", "age", "emd", "lines")


def veteran_fit(data, ties="efron", robust=False):
    """Fit the eight columns of the veterans' trial."""
    kinds = [data["celltype"] == kind for kind in ("smallcell", "adeno", "large")]
    x = np.column_stack([data["trt"], *kinds, *(data[name] for name in VETERAN[4:])]).astype(float)
    terms = ("trt", "celltype", "celltype", "celltype", *VETERAN[4:])
    return cox(data["time"], data["status"], x, VETERAN, terms=terms, ties=ties, robust=robust)


def cohort_fit(data):
    """Fit PFS of the simulated cohort."""
    groups = [data["asct"] == group for group in (">1y", "<=1y")]
    x = np.column_stack([*groups, (data["naive"] + data["cm"]) / 10, data["age"], data["emd"], data["lines"]])
    terms = ("asct_f", "asct_f", *COHORT[2:])
    return cox(data["pfs"], data["pfs_event"], x.astype(float), COHORT, terms=terms)


def model(path, fit):
    """Answer what R says of a Cox model."""
    columns = {
        "coef": fit.coefficients, "hr": fit.hazard_ratios, "se": fit.std_errors, "z": fit.z, "p": fit.p_values,
        "hr_lower": fit.low, "hr_upper": fit.high, "n": fit.n, "nevent": fit.events,
        "loglik_null": fit.log_likelihood_null, "loglik": fit.log_likelihood,
        "concordance": fit.concordance, "concordance_se": fit.concordance_error,
    }  # fmt: skip
    for name, value in columns.items():
        yield Answer(f"{path}/{name}", value)
    for name, test in (("lrt", fit.likelihood_ratio), ("wald", fit.wald), ("score", fit.score)):
        yield from chi_square(f"{path}/{name}", test)


def chi_square(path, test):
    """Answer a chi-square test."""
    yield Answer(f"{path}/chisq", test.statistic)
    yield Answer(f"{path}/df", test.df)
    yield Answer(f"{path}/p", test.p_value)


def hazards(path, fit, r):
    """Answer cox.zph for every transform."""
    for transform in ("km", "rank", "identity", "log"):
        answer = proportional_hazards(fit, transform)
        tests = {**answer.terms, "GLOBAL": answer.overall}
        singles = {**answer.columns, "GLOBAL": answer.overall}
        where = r[transform]
        assert (list(tests), list(singles)) == (where["term"], where["column"])
        prefix = f"{path}{transform}"
        for kind, found in (("", tests), ("column_", singles)):
            yield Answer(f"{prefix}/{kind}chisq", [test.statistic for test in found.values()])
            yield Answer(f"{prefix}/{kind}df", [test.df for test in found.values()])
            yield Answer(f"{prefix}/{kind}p", [test.p_value for test in found.values()])


def cohort(data, r):
    """Answer PFS of the simulated cohort."""
    fit = cohort_fit(data)
    yield from model("fit", fit)
    yield from hazards("zph/", fit, r["zph"])


def veteran(data, _):
    """Answer both kinds of ties."""
    for ties in ("efron", "breslow"):
        yield from model(ties, veteran_fit(data, ties))


def veteran_hazards(data, r):
    """Answer cox.zph of the veterans' trial."""
    yield from hazards("", veteran_fit(data), r)


def monotone(data, _):
    """Answer coxphf."""
    fit = firth_cox(data["time"], data["event"], data[["g", "x"]], ("g", "x"))
    answers = {
        "coef": "coefficients",
        "se": "std_errors",
        "hr_pl_lower": "low",
        "hr_pl_upper": "high",
        "plr_p": "p_values",
    }
    for theirs, ours in answers.items():
        yield Answer(theirs, getattr(fit, ours))


EARLY = {f"{ties}/{name}": 1e-7 for ties in ("efron", "breslow") for name in ("coef", "z")}
"""coxph stops when the likelihood no longer changes by 1e-9: diagtime, a hundredth of its standard error from 0, is
then 5e-8 of itself off, and its test of proportional hazards 1.1e-8. Ours has a gradient of 1e-14, R's of 6e-9."""
CASES = {
    "cox_veteran": Case(
        "own", veteran, {"exact": "exact ties are not offered: Efron's are R's and the field's default"}, EARLY
    ),
    "cox_sim_cart": Case("own", cohort),
    "coxzph_veteran": Case("own", veteran_hazards, looser={"rank/chisq": 2e-8, "rank/column_chisq": 2e-8}),
    "firth_cox_monotone": Case("firthmodels", monotone, {"loglik": "not in the result"}),
}
