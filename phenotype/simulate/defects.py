"""What can be wrong with a file, on purpose: which products have it, and how it gets in.

=================== ======================================================= ==============================
defect              what is wrong                                           expected
=================== ======================================================= ==============================
truncated           bytes are missing at the end                            reject
swapped_labels      $PnS of CD62L and CD45RA are exchanged                  reject
hardly_any_car      15 CAR+ among 1,100 T cells                             flag:not_quantified|few_events
few_car             300 CAR+ among 3,000 T cells                            flag:few_events
wrong_matrix        the file's spillover matrix is transposed               flag:spillover_differs
time_gap            a pause, and a slower flow after it                     flag:time_gap
saturating          CD45RA leaves the digitiser's range                     flag:saturation
dying               more than 30 % dead; three files                        flag:viability
shedding            CD62L+ cells at half their brightness; one whole batch  flag:batch_shift
=================== ======================================================= ==============================

With 15 true CAR+ cells either check is right: a gate that 0.5 % of negatives pass finds about five more, and 20
may or may not be above a limit of 22.
"""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from phenotype.simulate.settings import SimulationSettings

__all__ = [
    "ENOUGH_PATIENTS",
    "EXPECTED",
    "MOST_DEFECTS",
    "add_time_gap",
    "choose_defects",
    "cut_short",
    "shedding_batch",
]

EXPECTED = MappingProxyType({
    "truncated": "reject",
    "swapped_labels": "reject",
    "hardly_any_car": "flag:not_quantified|few_events",
    "few_car": "flag:few_events",
    "wrong_matrix": "flag:spillover_differs",
    "time_gap": "flag:time_gap",
    "saturating": "flag:saturation",
    "dying": "flag:viability",
    "shedding": "flag:batch_shift",
})  # fmt: skip
_LOSING = ("truncated", "swapped_labels", "hardly_any_car")
_OTHERS = ("dying", "wrong_matrix", "few_car", "time_gap", "dying", "dying")
MOST_DEFECTS = len(_LOSING) + len(_OTHERS) + 1
"""Files with a defect of their own, the saturating one included."""
ENOUGH_PATIENTS = 24
"""From how many on a study has every defect, complication and format."""


def shedding_batch(patients: int, batches: int) -> int | None:
    """Return which batch sheds CD62L; None in a study too small to lose a batch."""
    return batches // 2 if patients >= ENOUGH_PATIENTS and batches >= 3 else None


def choose_defects(
    groups: Sequence[str], free: NDArray[np.bool_], cd45ra: NDArray[np.float64], rng: np.random.Generator
) -> dict[int, str]:
    """Choose which products have which defect, one each.

    Products that a run will refuse to count are taken from patients never transplanted: the other groups are small. The
    saturating one has the most CD45RA+ cells, so that it does saturate.

    Parameters
    ----------
    groups
        ``asct_group`` of each product's patient.
    free
        (n,), products that may have a defect.
    cd45ra
        (n,), share of CD45RA+ cells.

    Returns
    -------
    dict
        Defect by position; all ten in 24 patients or more, fewer in fewer, none below six.
    """
    allowed = int(np.clip((len(groups) - 4) // 2, 0, MOST_DEFECTS))
    if len(groups) >= ENOUGH_PATIENTS:
        allowed = MOST_DEFECTS
    order = [int(i) for i in rng.permutation(len(groups)) if free[i]]
    order.sort(key=lambda i: groups[i] != "none")
    chosen = dict(zip(order, _LOSING[:allowed], strict=False))
    left = [int(i) for i in rng.permutation(order) if i not in chosen]
    if allowed > len(_LOSING) and left:
        brightest = max(left, key=lambda i: cd45ra[i])
        chosen[brightest] = "saturating"
        left.remove(brightest)
    return chosen | dict(zip(left, _OTHERS[: max(allowed - len(_LOSING) - 1, 0)], strict=False))


def add_time_gap(ticks: NDArray[np.float64], settings: SimulationSettings) -> NDArray[np.float64]:
    """Return times with a pause in the middle and a slower flow after it."""
    middle, length = float(np.median(ticks)), float(ticks.max())
    after = middle + settings.pause * length + (ticks - middle) / settings.slower
    return np.asarray(np.floor(np.where(ticks <= middle, ticks, after)))


def cut_short(data: bytes, share: float) -> bytes:
    """Return a file's bytes without a share of them at its end; not a whole number of events.

    >>> cut_short(b"0123456789", 0.3)
    b'0123456'
    """
    keep = len(data) - round(len(data) * share)
    return data[: keep - (keep + 1) % 2]
