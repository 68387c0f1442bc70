"""How the case about pooling is answered: both models fitted in each of twenty sets that mice completed."""

import numpy as np

from phenotype.statistics.cox import cox
from phenotype.statistics.imputation import pool
from phenotype.statistics.logistic import logistic
from tests.phenotype.statistics.agreement import Answer, Case

LOGISTIC = ("naive", "age", "hr_cyto", "lldh", "emd")
COX = ("naive", "age", "hr_cyto", "lldh", "emd")
FIELDS = {
    "estimate": "estimates", "se": "std_errors", "statistic": "t", "df": "df", "p": "p_values", "lower": "low",
    "upper": "high", "ubar": "within", "b": "between", "t": "total", "riv": "increase", "fmi": "missing_information",
}  # fmt: skip


def pooled(data, r):
    """Answer every column of summary(pool()) and what stands behind it."""
    sets = [part for _, part in data.groupby(".imp")]
    odds = [logistic(part["cr"], part[list(LOGISTIC)].to_numpy(float), LOGISTIC) for part in sets]
    hazards = [cox(part["pfs"], part["pfs_event"], part[list(COX)].to_numpy(float), COX) for part in sets]
    yield Answer("m", len(sets))
    # What mice takes for the degrees of freedom of complete data.
    freedom = {"logistic": odds[0].n - len(LOGISTIC) - 1, "cox": hazards[0].events - len(COX)}
    for path, fits in (("logistic", odds), ("cox", hazards)):
        estimates = np.array([fit.coefficients for fit in fits])
        variances = np.array([fit.std_errors for fit in fits]) ** 2
        found = pool(estimates, variances, df_complete=freedom[path])
        yield Answer(f"{path}/dfcom", np.full(len(r[path]["dfcom"]), freedom[path]))
        yield Answer(f"{path}/lambda", (1 + 1 / found.m) * found.between / found.total)
        for name, attribute in FIELDS.items():
            yield Answer(f"{path}/{name}", getattr(found, attribute))


CASES = {"mi_rubin_pooling": Case("own", pooled)}
