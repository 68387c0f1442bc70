"""Models against R, every number of every case (``tests/golden/README.md``)."""

import pytest

from tests.phenotype.statistics import (
    golden_competing,
    golden_composition,
    golden_cox,
    golden_groups,
    golden_imputation,
    golden_logistic,
    golden_survival,
    golden_table1,
    golden_tables,
)
from tests.phenotype.statistics.agreement import compare
from tests.phenotype.statistics.conftest import read_case

CASES = {
    **golden_survival.CASES,
    **golden_cox.CASES,
    **golden_competing.CASES,
    **golden_logistic.CASES,
    **golden_composition.CASES,
    **golden_tables.CASES,
    **golden_groups.CASES,
    **golden_table1.CASES,
    **golden_imputation.CASES,
}


@pytest.mark.parametrize("name", CASES)
def test_every_number_of_the_case_agrees_with_r(name):
    """Each number is compared to the case's tolerance, or stands with its reason in ``unanswered`` or ``otherwise``."""
    try:
        data, answer = read_case(name)
    except LookupError:
        pytest.skip(f"needs the folder `shared` beside the repository: {name} may not be copied")

    agreement = compare(CASES[name], data, answer)

    assert agreement.mismatched == ()
    assert agreement.forgotten == ()
    assert agreement.compared > 0
    assert agreement.outside == ()
