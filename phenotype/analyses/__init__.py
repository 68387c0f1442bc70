"""The clinical half: every number of the report beside the comparisons of subsets, as rows of estimates.csv.

A module an aim; each turns the cohort, a row per patient with derived endpoints, into rows. What cannot be estimated
is a row too, whose note says why.
"""

from phenotype.analyses.all import cohort_of, estimate
from phenotype.analyses.curves import CURVE_COLUMNS, curve_table
from phenotype.analyses.rows import ESTIMATE_COLUMNS

__all__ = ["CURVE_COLUMNS", "ESTIMATE_COLUMNS", "cohort_of", "curve_table", "estimate"]
