"""How the cases about tables of counts are answered."""

import numpy as np

from phenotype.statistics.tables import chi_square, fisher, fisher_freeman_halton, trend_of_shares
from tests.phenotype.statistics.agreement import Answer, Case


def tables(data, r):
    """Answer the 2 x 2 tables, response by ASCT counted from the data, and the veterans' cells by treatment."""
    for place, row in enumerate(r["two_by_two"]):
        yield from two_by_two(f"two_by_two/{place}", np.reshape(row["table"], (2, 2)))
    yield from by_asct(data)
    yield Answer("veteran_4x3/fisher_p", fisher_freeman_halton(r["veteran_4x3"]["table"]).p_value)


def two_by_two(path, counts):
    """Answer Fisher's test, and chi-square with and without correction."""
    exact, plain, yates = fisher(counts), chi_square(counts), chi_square(counts, correction=True)
    yield Answer(f"{path}/fisher_p", exact.p_value)
    yield Answer(f"{path}/fisher_cond_or", exact.odds_ratio)
    yield Answer(f"{path}/fisher_or_ci", [exact.low, exact.high])
    for name, test in (("chisq", plain), ("chisq_yates", yates)):
        yield Answer(f"{path}/{name}", test.statistic)
        yield Answer(f"{path}/{name}_p", test.p_value)


def by_asct(data):
    """Answer CR in three groups."""
    groups = ("none", ">1y", "<=1y")
    counts = np.array([[((data["asct"] == g) & (data["cr"] == value)).sum() for value in (0, 1)] for g in groups])
    plain = chi_square(counts)
    trend = trend_of_shares(counts[:, 1], counts.sum(axis=1))
    yield Answer("asct_by_cr/table", counts)
    yield Answer("asct_by_cr/fisher_p", fisher_freeman_halton(counts).p_value)
    yield Answer("asct_by_cr/chisq", plain.statistic)
    yield Answer("asct_by_cr/df", plain.df)
    yield Answer("asct_by_cr/p", plain.p_value)
    yield Answer("asct_by_cr/cochran_armitage_chisq", trend.chi_square)
    yield Answer("asct_by_cr/cochran_armitage_p", trend.p_value)


INPUT = {f"two_by_two/{place}/{name}": why for place in range(7) for name, why in (
    ("table", "the question"), ("newcombe_note", "a note"))} | {"veteran_4x3/table": "the question"}  # fmt: skip
SOLVED = {f"two_by_two/{place}/{name}": 0.01 for place in range(7) for name in ("fisher_cond_or", "fisher_or_ci")}
"""R finds odds ratio and limits to a tolerance of 1.2e-4 on a scale of 0 to 1: up to 1 % off in extreme tables."""
CASES = {"tables_fisher_chisq": Case("own, scipy", tables, INPUT, SOLVED)}
