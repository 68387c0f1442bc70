r"""The four memory subsets by CD62L and CD45RA, and the gating tree that leads to them.

=================  ======  =======
subset             CD62L   CD45RA
=================  ======  =======
naive              \+      \+
central_memory     \+      \-
effector_memory    \-      \-
effector           \-      \+
=================  ======  =======

CD45RA+ CD62L+ includes stem-memory cells, which need CD95 to be told apart: read "naive" as naive-like.

References
----------
.. [1] Jin C, et al. J Immunother Cancer 2025;13:e010687, figure 4.
"""

__all__ = ["DEFAULT_TEMPLATE", "SUBSETS", "SUBSET_LABELS"]

SUBSETS = ("naive", "central_memory", "effector_memory", "effector")
SUBSET_LABELS = {
    "naive": "Naive",
    "central_memory": "Central memory",
    "effector_memory": "Effector memory",
    "effector": "Effector",
}

_QUADRANTS = {"naive": "++", "central_memory": "+-", "effector_memory": "--", "effector": "-+"}


def _quadrant_rows(parent: str, prefix: str) -> str:
    return "".join(
        f"{prefix}{subset},{parent},CD62L|CD45RA,quadrant,quadrant={signs}; on=T cells\n"
        for subset, signs in _QUADRANTS.items()
    )


DEFAULT_TEMPLATE = (
    "population,parent,channels,method,arguments\n"
    "Cells,root,FSC-A,debris,\n"
    "Singlets,Cells,FSC-A|FSC-H,singlets,\n"
    'Live,Singlets,Viability,"valley > control(unstained, quantile=0.999)",side=below\n'
    'T cells,Live,CD3,"valley > control(fmo) > control(unstained, quantile=0.999)",\n'
    "CD4+ T,T cells,CD4|CD8,quadrant,quadrant=+-; optional=yes\n"
    "CD8+ T,T cells,CD4|CD8,quadrant,quadrant=-+; optional=yes\n"
    'CAR+ T,T cells,CAR,"control(untransduced, quantile=0.995) > control(fmo, quantile=0.995) > valley",\n'
    "CAR- T,T cells,,not,of=CAR+ T\n"
    "CD4+ CAR+ T,CAR+ T,CD4|CD8,quadrant,quadrant=+-; on=T cells; optional=yes\n"
    "CD8+ CAR+ T,CAR+ T,CD4|CD8,quadrant,quadrant=-+; on=T cells; optional=yes\n"
    + _quadrant_rows("CAR+ T", "")
    + _quadrant_rows("CAR- T", "CAR- ")
)
"""The tree of a CAR-T product. Both quadrants use thresholds fitted on all T cells of the sample: they
have the most events, and CAR+ and CAR- cells are then cut at the same place."""
