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

from collections.abc import Iterator, Mapping

from gating import Row, same_marker

__all__ = ["DEFAULT_TEMPLATE", "SUBSETS", "SUBSET_LABELS", "quadrant_faults"]

SUBSETS = ("naive", "central_memory", "effector_memory", "effector")
SUBSET_LABELS = {
    "naive": "Naive",
    "central_memory": "Central memory",
    "effector_memory": "Effector memory",
    "effector": "Effector",
}

_QUADRANTS = {"naive": "++", "central_memory": "+-", "effector_memory": "--", "effector": "-+"}

_SIGN_AT = {"CD62L": 0, "CCR7": 0, "CD45RA": 1}
"""Markers whose side the definition of a subset fixes: its place in ``_QUADRANTS``."""


def quadrant_faults(rows: Mapping[str, Row]) -> Iterator[str]:
    """Find subsets that a template divides otherwise than the four quadrants of one pair of markers.

    Parameters
    ----------
    rows
        A template's row of each subset. Rows with another method than ``quadrant`` are left alone: what they
        hold is only known once a sample is gated.

    Examples
    --------
    >>> naive = Row("naive", "CAR+ T", ("CD62L", "CD45RA"), "quadrant", "quadrant=+-")
    >>> list(quadrant_faults({"naive": naive}))
    ["subset 'naive' is CD45RA-; by definition it is CD45RA+"]
    """
    quadrants = {subset: row.signs for subset, row in rows.items() if row.signs}
    first: dict[frozenset[tuple[str, str]], str] = {}
    for subset, signs in quadrants.items():
        known = {marker: sign for marker in _SIGN_AT for channel, sign in signs.items() if same_marker(marker, channel)}
        for marker, sign in known.items():
            right = _QUADRANTS[subset][_SIGN_AT[marker]]
            if sign != right:
                yield f"subset {subset!r} is {marker}{sign}; by definition it is {marker}{right}"
        other = first.setdefault(frozenset(signs.items()), subset)
        if other != subset:
            written = " ".join(channel + sign for channel, sign in signs.items())
            yield f"subsets {other!r} and {subset!r} are both {written}; each is a quadrant of its own"
    pairs = dict.fromkeys("|".join(sorted(signs)) for signs in quadrants.values())
    if len(pairs) > 1:
        yield f"the four subsets are quadrants of {' and of '.join(pairs)}; they divide one pair of channels"


def _quadrant_rows(parent: str, prefix: str) -> str:
    return "".join(
        f"{prefix}{subset},{parent},CD62L|CD45RA,quadrant,quadrant={signs}; offset=yes; on=T cells; by=CD4+ T|CD8+ T\n"
        for subset, signs in _QUADRANTS.items()
    )


DEFAULT_TEMPLATE = (
    "population,parent,channels,method,arguments\n"
    "In range,root,FSC-A|FSC-H,margins,\n"
    "Cells,In range,FSC-A,debris,\n"
    "Singlets,Cells,FSC-A|FSC-H,singlets,\n"
    'Live,Singlets,Viability,"valley(which=lowest) > control(unstained, quantile=0.999)",side=below\n'
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
"""The tree of a CAR-T product. Thresholds of the subsets are fitted on T cells of the sample, CAR+ and CAR-: they are
the most events, and both are then cut at the same place. CD4+ and CD8+ cells have thresholds of their own, since they
differ in brightness, and CD62L is cut above and below CD45RA's threshold, as people do: on files gated by hand that
is what brings CD8 central memory from an F1 of 0.5 to 0.9 (docs/accuracy.md)."""
