"""How the case about patients at baseline is answered."""

import numpy as np

from phenotype.statistics.table1 import Levels, Numbers, compare_baseline, describe_baseline, standardised_differences
from phenotype.statistics.tables import chi_square
from tests.phenotype.statistics.agreement import Answer, Case

TYPES = {"quartiles_type2_sas": "SAS", "quartiles_type6": "SPSS", "quartiles_type7_r_numpy": "R"}


def baseline(data, r):
    """Answer numbers and levels, overall and by ASCT."""
    groups = {name: (data["asct"] == name).to_numpy() for name in ("<=1y", ">1y", "none")}
    response = {"yes": (data["cr"] == 1).to_numpy(), "no": (data["cr"] == 0).to_numpy()}
    everybody = {"all": np.ones(len(data), dtype=bool)}
    for name in r["continuous"]:
        yield from numbers(f"continuous/{name}", data[name].to_numpy(float), groups | everybody, response)
    for name, expected in r["categorical"].items():
        flags = [None if np.isnan(value) else str(int(value)) for value in data[name]]
        variable = Levels(name, flags)
        rows = {(row.group, row.level): row for row in describe_baseline([variable], groups | everybody)}
        counts = [[rows[group, level].count for group in expected["groups"]] for level in expected["levels"]]
        yield Answer(f"categorical/{name}/counts", counts)
        yield Answer(f"categorical/{name}/missing", rows["all", "0"].missing)
        yield Answer(f"categorical/{name}/fisher_p", compare_baseline([variable], groups)[0].p_value)
        yield Answer(f"categorical/{name}/chisq_p", chi_square(counts).p_value)


def numbers(path, values, groups, response):
    """Answer one variable of numbers."""
    by_group = {row.group: row for row in describe_baseline([Numbers("x", values)], groups)}
    everybody = by_group["all"]
    yield Answer(f"{path}/n", everybody.n)
    for name in ("missing", "mean", "sd"):
        yield Answer(f"{path}/{name}", getattr(everybody, name))
    yield Answer(f"{path}/min", everybody.minimum)
    yield Answer(f"{path}/max", everybody.maximum)
    for name, whose in TYPES.items():
        (row,) = describe_baseline([Numbers("x", values, whose)], {"all": groups["all"]})
        yield Answer(f"{path}/{name}", [row.q1, row.median, row.q3])
    (apart,) = standardised_differences([Numbers("x", values)], response)
    yield Answer(f"{path}/smd_cr", apart.estimate)
    for name, row in by_group.items():
        if name != "all":
            yield Answer(f"{path}/by_asct/{name}", [row.minimum, row.q1, row.median, row.q3, row.maximum])


NAMES = {f"categorical/{name}/{kind}": "names" for name in ("male", "hr_cyto", "emd") for kind in ("levels", "groups")}
CASES = {"table1_sim_cart": Case("own, numpy", baseline, NAMES)}
