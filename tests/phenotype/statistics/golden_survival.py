"""How the cases about curves and log-rank tests are answered."""

import numpy as np

from phenotype.statistics.logrank import log_rank, pairwise_log_rank
from phenotype.statistics.survival import follow_up, kaplan_meier, quantile, rates
from tests.phenotype.statistics.agreement import Answer, Case

MEAN = "restricted means are not offered: summary.survfit extends each curve to the longest of all groups"


def at(path, groups, r):
    """Answer a table of R's summary(times=, extend=TRUE) for the curves given by name."""
    names, times = np.array(r["group"]), np.array(r["time"], float)
    columns = {name: np.full(len(times), np.nan) for name in ("n_risk", "surv", "std_err", "lower", "upper")}
    past, certain = np.zeros(len(times), bool), np.zeros(len(times), bool)
    for name, curve in groups.items():
        rows = names == name
        answer = rates(curve, times[rows])
        for column, values in zip(
            columns, (answer.at_risk, answer.survival, answer.std_error, answer.low, answer.high), strict=True
        ):
            columns[column][rows] = values
        past[rows] = (times[rows] > curve.time[-1]) & (curve.survival[-1] > 0)
        certain[rows] = times[rows] < curve.time[0]
    for column, values in columns.items():
        no_interval = certain & (column in ("lower", "upper"))
        yield Answer(f"{path}/{column}", values, (past & (column != "n_risk")) | no_interval)


def curves(data, group, time, event, *, interval="log-log"):
    """Return a curve per group, by name; one named ``all`` without groups."""
    parts = {"all": data} if group is None else dict(tuple(data.groupby(group)))
    return {name: kaplan_meier(part[time], part[event], interval=interval) for name, part in parts.items()}


def summary(path, groups, r):
    """Answer R's summary table: counts, quartiles, and the median's interval."""
    order = [groups[name] for name in r["group"]]
    medians = [quantile(curve) for curve in order]
    yield Answer(f"{path}/n", [curve.n for curve in order])
    yield Answer(f"{path}/events", [curve.n_events for curve in order])
    for name, share in (("q25", 0.25), ("median", 0.5), ("q75", 0.75)):
        yield Answer(f"{path}/{name}", [quantile(curve, share).estimate for curve in order])
    yield Answer(f"{path}/median_lower", [median.low for median in medians])
    yield Answer(f"{path}/median_upper", [median.high for median in medians])


def whole_curve(path, groups, r):
    """Answer every step of the curves."""
    order = [groups[name] for name in dict.fromkeys(r["group"])]
    names = {
        "time": "time", "n_risk": "at_risk", "n_event": "events", "n_censor": "censored", "surv": "survival",
        "std_err_log": "log_error", "lower": "low", "upper": "high",
    }  # fmt: skip
    for theirs, ours in names.items():
        yield Answer(f"{path}/{theirs}", np.concatenate([getattr(curve, ours) for curve in order]))


def tested(path, test):
    """Answer a log-rank test."""
    for name in ("n", "observed", "expected"):
        yield Answer(f"{path}/{name}", getattr(test, name))
    yield Answer(f"{path}/chisq", test.statistic)
    yield Answer(f"{path}/df", test.df)
    yield Answer(f"{path}/p", test.p_value)


def edge(data, r):
    """Answer three tiny groups."""
    groups = curves(data, "group", "time", "event")
    yield from whole_curve("curve", groups, r["curve"])
    yield from at("at", groups, r["at"])
    yield from summary("summary", groups, r["summary"])


def lung(data, r):
    """Answer one curve with three kinds of interval."""
    for interval in ("log-log", "log", "plain"):
        groups = curves(data, None, "time", "event", interval=interval)
        yield from at(f"{interval}/at", groups, r[interval]["at"])
        yield from summary(f"{interval}/summary", groups, r[interval]["summary"])


def cohort(data, r):
    """Answer PFS and OS, by group and in all."""
    for endpoint in ("pfs", "os"):
        for name, group in ((f"{endpoint}_by_asct", "asct"), (f"{endpoint}_all", None)):
            groups = curves(data, group, endpoint, f"{endpoint}_event")
            yield from at(f"{name}/at", groups, r[name]["at"])
            yield from summary(f"{name}/summary", groups, r[name]["summary"])
        test = log_rank(data[endpoint], data[f"{endpoint}_event"], data["asct"])
        yield from tested(f"{endpoint}_by_asct/logrank", test)


def veteran(data, r):
    """Answer four cell types."""
    groups = curves(data, "celltype", "time", "status")
    yield from whole_curve("curve", groups, r["curve"])
    yield from at("at", groups, r["at"])
    yield from summary("summary", groups, r["summary"])


def veteran_tests(data, r):
    """Answer the log-rank family."""
    time, event, celltype = data["time"], data["status"], data["celltype"]
    yield from tested("celltype", log_rank(time, event, celltype))
    yield from tested("trt", log_rank(time, event, data["trt"]))
    yield from tested("celltype_peto_rho1", log_rank(time, event, celltype, rho=1))
    yield from tested("celltype_stratified_kps70", log_rank(time, event, celltype, strata=data["kps70"]))
    pairs = pairwise_log_rank(time, event, celltype)
    for place, pair in enumerate(pairs):
        assert pair.groups == (r["pairwise_celltype"]["pairs"][place]["a"], r["pairwise_celltype"]["pairs"][place]["b"])
        yield Answer(f"pairwise_celltype/pairs/{place}/chisq", pair.test.statistic)
        yield Answer(f"pairwise_celltype/pairs/{place}/p", pair.test.p_value)
    yield Answer("pairwise_celltype/p_holm", [pair.p_holm for pair in pairs])
    yield Answer("pairwise_celltype/p_bh", [pair.p_bh for pair in pairs])


def reverse(data, r):
    """Answer median follow-up."""
    answer = follow_up(data["os"], data["os_event"])
    flipped = kaplan_meier(data["os"], 1 - data["os_event"])
    yield from summary("survfit_flipped", {"all": flipped}, r["survfit_flipped"])
    yield Answer("survfit_flipped/median", answer.reverse.estimate)
    yield Answer("median_of_survivors", answer.event_free)
    yield Answer("median_of_all", answer.observed)


def reverse_ties(data, _):
    """Answer a curve of follow-up where deaths and censorings tie."""
    curve = kaplan_meier(data["time"], 1 - data["event"])
    yield Answer("flipped/time", curve.time)
    yield Answer("flipped/surv", curve.survival)


PRODLIM = "prodlim lets events go first where they tie with a censoring; survfit's convention was chosen"
TIMES = {"at/time": "what was asked for"}
CASES = {
    "km_edge_cases": Case("own", edge, {"summary/rmean": MEAN, **TIMES}),
    "km_lung_conftypes": Case(
        "own", lung,
        {"logit": "not offered", "arcsin": "not offered"}
        | {f"{kind}/summary/rmean": MEAN for kind in ("log-log", "log", "plain")}
        | {f"{kind}/at/time": TIMES["at/time"] for kind in ("log-log", "log", "plain")},
    ),
    "km_sim_cart_pfs_os": Case(
        "own", cohort,
        {f"{end}_{who}/summary/rmean": MEAN for end in ("pfs", "os") for who in ("by_asct", "all")}
        | {f"{end}_{who}/at/time": TIMES["at/time"] for end in ("pfs", "os") for who in ("by_asct", "all")},
    ),
    "km_veteran_celltype": Case("own", veteran, {"summary/rmean": MEAN, **TIMES}),
    "logrank_veteran": Case("own", veteran_tests),
    "reverse_km_followup": Case(
        "own", reverse, {"survfit_flipped/rmean": MEAN, "prodlim_reverse": PRODLIM}
    ),
    "reverse_km_ties": Case("own", reverse_ties, {"prodlim": PRODLIM}),
}  # fmt: skip
