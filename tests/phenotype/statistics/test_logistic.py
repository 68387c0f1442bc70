"""Logistic models: by hand, their invariances, and outcomes that covariates tell apart."""

import numpy as np
import pytest

from phenotype.statistics.logistic import SeparationError, firth_logistic, logistic
from phenotype.statistics.ranks import UntestableError


def patients(seed=1, n=80):
    """Return outcomes and two covariates of invented patients."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 2, n), rng.normal(60, 9, n)]).astype(float)
    return (rng.random(n) < 1 / (1 + np.exp(-(x[:, 0] - 0.03 * (x[:, 1] - 60))))).astype(float), x


NAMES = ("asct", "age")


def test_the_ratio_of_a_table_is_that_of_its_odds():
    """20 of 30 against 10 of 40: (20/10) / (10/30) = 6, with Woolf's error."""
    y = np.repeat([1, 0, 1, 0], [20, 10, 10, 30])
    x = np.repeat([1, 1, 0, 0], [20, 10, 10, 30])[:, None]
    fit = logistic(y, x, ["exposed"])

    assert fit.odds_ratios[1] == pytest.approx(6)
    assert fit.std_errors[1] == pytest.approx(np.sqrt(1 / 20 + 1 / 10 + 1 / 10 + 1 / 30))
    assert (fit.n, fit.events) == (70, 30)


def test_a_likelihood_at_a_profile_limit_has_fallen_by_half_a_quantile():
    """The definition, by another way: the limit as an offset of a model without that column."""
    y, x = patients()
    fit = logistic(y, x, NAMES)
    for end in (fit.low[1], fit.high[1]):
        best = max(
            float((y * logits - np.logaddexp(0, logits)).sum())
            for shift in np.linspace(-6, 6, 601)
            for slope in np.linspace(-0.12, 0.12, 61)
            for logits in [shift + slope * (x[:, 1] - 60) + np.log(end) * x[:, 0]]
        )
        assert fit.log_likelihood - best == pytest.approx(3.841459 / 2, abs=0.02)


def test_units_and_order_do_not_count():
    """Age in months, patients in another order: the same ratios a year, the same tests."""
    y, x = patients()
    fit, other = logistic(y, x, NAMES), logistic(y[::-1], (x * [1, 12])[::-1], NAMES)

    assert other.odds_ratios[1] == pytest.approx(fit.odds_ratios[1], rel=1e-9)
    assert other.odds_ratios[2] ** 12 == pytest.approx(fit.odds_ratios[2], rel=1e-9)
    assert other.terms["age"].p_value == pytest.approx(fit.terms["age"].p_value, rel=1e-9)


def test_levels_of_a_covariate_are_tested_together():
    """Two columns of one term: two degrees of freedom, twice the difference of two likelihoods."""
    y, x = patients()
    third = np.arange(len(y)) % 3
    columns = np.column_stack([third == 1, third == 2, x[:, 1]]).astype(float)
    fit = logistic(y, columns, ("II", "III", "age"), terms=("stage", "stage", "age"))
    without = logistic(y, columns[:, 2:], ("age",))

    assert fit.terms["stage"].df == 2
    assert fit.terms["stage"].statistic == pytest.approx(2 * (fit.log_likelihood - without.log_likelihood), rel=1e-9)


@pytest.mark.parametrize(
    ("y", "x"),
    [
        ([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6]),
        ([0, 0, 0, 1, 1, 1], [1, 2, 4, 4, 5, 6]),
        ([0, 1, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1]),
    ],
)
def test_separation_is_recognised_and_firth_answers(y, x):
    """Complete, but for a tie, and a group in which all responded: no maximum, and a finite penalised one."""
    with pytest.raises(SeparationError, match="separated"):
        logistic(y, np.array(x)[:, None], ["x"])

    fit = firth_logistic(y, np.array(x)[:, None], ["x"])
    assert np.isfinite([fit.odds_ratios[1], fit.low[1]]).all()
    assert fit.low[1] < fit.odds_ratios[1]


def test_overlap_is_not_separation():
    """One patient on the wrong side is enough for a maximum."""
    assert np.isfinite(logistic([0, 0, 1, 0, 1, 1], [[1], [2], [3], [4], [5], [6]], ["x"]).odds_ratios).all()


@pytest.mark.parametrize("fit", [logistic, firth_logistic])
def test_what_no_model_can_tell_is_refused(fit):
    """Alike outcomes, a constant, two names of one column, more columns than patients: words for the table."""
    y, x = patients()
    with pytest.raises(UntestableError, match="all 80 outcomes are yes"):
        fit(np.ones(80), x, NAMES)
    with pytest.raises(UntestableError, match="age has one value in all 80 patients"):
        fit(y, x * [1, 0], NAMES)
    with pytest.raises(UntestableError, match="asct, age cannot be told apart"):
        fit(y, x[:, [1, 1]] * [1, 2], NAMES)
    with pytest.raises(ValueError, match="0 or 1"):
        fit(y + 1, x, NAMES)
    with pytest.raises(ValueError, match="age: not finite"):
        fit(y, x * [1, np.nan], NAMES)
