"""How the cases about competing risks are answered."""

import numpy as np

from phenotype.statistics.competing import cumulative_incidence, gray_test, incidence_at
from phenotype.statistics.cox import wald_test
from phenotype.statistics.subdistribution import cause_specific_cox, fine_gray
from tests.phenotype.statistics.agreement import Answer, Case
from tests.phenotype.statistics.golden_cox import model


def incidences(path, data, time, status, group, r):
    """Answer a table of timepoints(cuminc(...)); its keys are "group cause", its last part the cause."""
    keys, times = np.array(r["key"]), np.array(r["time"], float)
    columns = {name: np.full(len(times), np.nan) for name in ("est", "var", "lower", "upper")}
    settled = np.zeros(len(times), bool)
    for key in dict.fromkeys(r["key"]):
        name, cause = key.rsplit(" ", 1)
        part = data if group is None else data[data[group] == name]
        curve = cumulative_incidence(part[time], part[status], cause=int(cause))
        rows = keys == key
        answer = incidence_at(curve, times[rows])
        for column, values in zip(
            columns, (answer.incidence, answer.std_error**2, answer.low, answer.high), strict=True
        ):
            columns[column][rows] = values
        settled[rows] = (times[rows] > curve.time[-1]) & curve.complete
    for column, values in columns.items():
        yield Answer(f"{path}/{column}", values, settled)


def gray(path, data, time, status, group, **options):
    """Answer Gray's test for both causes."""
    tests = [gray_test(data[time], data[status], data[group], cause=cause, **options) for cause in (1, 2)]
    yield Answer(f"{path}/stat", [test.statistic for test in tests])
    yield Answer(f"{path}/df", [test.df for test in tests])
    yield Answer(f"{path}/p", [test.p_value for test in tests])


def subdistribution(path, fit):
    """Answer what R says of a Fine-Gray model."""
    columns = {
        "coef": fit.coefficients, "shr": fit.hazard_ratios, "se": fit.std_errors, "z": fit.z, "p": fit.p_values,
        "lower": fit.low, "upper": fit.high, "loglik": fit.log_likelihood, "loglik_null": fit.log_likelihood_null,
        "n": fit.n,
    }  # fmt: skip
    for name, value in columns.items():
        yield Answer(f"{path}/{name}", value)


def marrow(data, r):
    """Answer relapse and death after marrow transplants."""
    yield from incidences("cuminc", data, "ftime", "fstatus", "group", r["cuminc"])
    yield from gray("gray", data, "ftime", "fstatus", "group")
    yield from gray("gray_rho1", data, "ftime", "fstatus", "group", rho=1)
    yield from gray("gray_stratified_z10", data, "ftime", "fstatus", "group", strata=data["z10"])


def gammopathy(data, r):
    """Answer progression and death of 1,384 patients."""
    yield from incidences("cuminc", data, "etime", "ev", "sex", r["cuminc"])
    yield from gray("gray", data, "etime", "ev", "sex")
    table = r["survfit_ij"]
    for cause in (1, 2):
        found = []
        for sex in dict.fromkeys(table["group"]):
            part = data[data["sex"] == sex]
            times = [t for t, g in zip(table["time"], table["group"], strict=True) if g == sex]
            found.append(incidence_at(cumulative_incidence(part["etime"], part["ev"], cause=cause), times).incidence)
        yield Answer(f"survfit_ij/est{cause}", np.concatenate(found))


def responders(data, r):
    """Answer relapse of simulated patients in complete response."""
    yield from incidences("by_asct", data, "cmp_time", "cmp_status", "asct", r["by_asct"])
    yield from incidences("all", data, "cmp_time", "cmp_status", None, r["all"])
    yield from gray("gray", data, "cmp_time", "cmp_status", "asct")


def marrow_models(data, _):
    """Answer Fine-Gray and cause-specific Cox of relapse after marrow transplants."""
    x = np.column_stack([data["group"] == "g2", data["group"] == "g3", data["z1"], data["z8"]]).astype(float)
    names = ("g2", "g3", "age", "fab")
    fit = fine_gray(data["ftime"], data["fstatus"], x, names)
    yield from subdistribution("crr", fit)
    joint = wald_test(fit, ["g2", "g3"])
    yield Answer("group_wald/chisq", joint.statistic)
    yield Answer("group_wald/df", joint.df)
    yield Answer("group_wald/p", joint.p_value)
    yield from model("cause_specific_cox", cause_specific_cox(data["ftime"], data["fstatus"], x, names))


def responder_models(data, _):
    """Answer Fine-Gray of relapse among simulated patients in complete response."""
    groups = [data["asct"] == group for group in (">1y", "<=1y")]
    x = np.column_stack([*groups, (data["naive"] + data["cm"]) / 10, data["emd"]]).astype(float)
    names = ("gt1y", "le1y", "naive_cm10", "emd")
    yield from subdistribution("crr", fine_gray(data["cmp_time"], data["cmp_status"], x, names))


def ties(data, _):
    """Answer Fine-Gray where everything ties."""
    x = (data["group"] == "B").to_numpy(float)[:, None]
    yield from subdistribution("crr", fine_gray(data["time"], data["status"], x, ["B"]))


ASKED = "what was asked for"
CONVERGED = {"crr/converged": "about R's search, not ours"}
CASES = {
    "cif_gray_bmt": Case("own", marrow, {"cuminc/time": ASKED}),
    "cif_mgus2_sex": Case(
        "own",
        gammopathy,
        {
            "cuminc/time": ASKED,
            "survfit_ij/time": ASKED,
            "survfit_ij/se": "survfit's error is the infinitesimal jackknife; cuminc's was chosen",
        },
    ),
    "cif_sim_cart_cr": Case("own", responders, {"by_asct/time": ASKED, "all/time": ASKED}),
    "finegray_bmt": Case(
        "own",
        marrow_models,
        {**CONVERGED, "survival_finegray_efron": "another tie rule, another model; crr's was chosen"},
    ),
    "finegray_sim_cart_cr": Case("own", responder_models, CONVERGED),
    "finegray_small_ties": Case("own", ties, CONVERGED),
}
