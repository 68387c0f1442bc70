"""Logistic models: by hand, their invariances, and outcomes that covariates tell apart."""

from warnings import catch_warnings, simplefilter

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


@pytest.mark.parametrize("shift", [2021, 1e6])
@pytest.mark.parametrize("fit", [logistic, firth_logistic])
def test_a_year_is_as_good_as_an_age(fit, shift):
    """A covariate far from 0 and close to the intercept: once the search broke off at 1,000."""
    y, x = patients()
    near, far = fit(y, x, NAMES), fit(y, x + np.array([0, shift]), NAMES)

    assert far.odds_ratios[1:] == pytest.approx(near.odds_ratios[1:], rel=1e-9)
    assert np.concatenate([far.low[1:], far.high[1:]]) == pytest.approx([*near.low[1:], *near.high[1:]], rel=1e-9)
    assert far.terms["age"].p_value == pytest.approx(near.terms["age"].p_value, rel=1e-9)


def test_outcomes_told_by_a_year_are_separated():
    """All after 2020 responded, none before: the same as years from 0; one who did not is no separation."""
    years = np.arange(2015.0, 2027.0)[:, None]
    y = (years[:, 0] > 2020).astype(float)

    with pytest.raises(SeparationError, match=r"\(complete\)"):
        logistic(y, years, ["year"])
    y[[5, 6]] = y[[6, 5]]
    assert np.isfinite(logistic(y, years, ["year"]).high).all()


def test_the_penalised_test_of_a_term_does_not_depend_on_its_reference():
    """Stage against I or against III: the same model, so the same joint test, also where a stage has no responder."""
    rng = np.random.default_rng(5)
    stage, age = rng.integers(0, 3, 60), rng.normal(60, 9, 60)
    y = ((rng.random(60) < 0.4) & (stage != 2)).astype(float)
    names, terms = ("one", "other", "age"), ("stage", "stage", "age")
    fits = [
        firth_logistic(y, np.column_stack([stage == a, stage == b, age]).astype(float), names, terms=terms)
        for a, b in ((1, 2), (0, 1))
    ]

    assert fits[0].terms["stage"].df == 2
    assert fits[0].terms["stage"].statistic == pytest.approx(fits[1].terms["stage"].statistic, rel=1e-8)
    assert fits[0].terms["age"].p_value == pytest.approx(fits[0].p_values[3], rel=1e-9)
    assert fits[0].terms["stage"].statistic > 3.84


def test_penalised_estimates_are_those_of_another_program():
    """The package firthmodels maximises the same likelihood by its own steps, which end earlier."""
    models = pytest.importorskip("firthmodels")
    y, x = patients(seed=4, n=40)
    fit = firth_logistic(y, x, NAMES)

    with catch_warnings():
        simplefilter("ignore")
        other = models.FirthLogisticRegression(backend="numpy").fit(x, y).lrt()
        limits = np.exp(other.conf_int(method="pl"))
    assert fit.odds_ratios[1:] == pytest.approx(np.exp(other.coef_), rel=1e-4)
    assert np.column_stack([fit.low, fit.high])[1:] == pytest.approx(limits[:2], rel=1e-4)
    assert fit.p_values[1:] == pytest.approx(other.lrt_pvalues_[:2], rel=1e-4)
    assert fit.log_likelihood == pytest.approx(other.loglik_, rel=1e-6)


def test_events_for_each_coefficient_count_the_rarer_outcome():
    """70 of 80 responded: it is the 10 others that a model of two covariates is told by."""
    _, x = patients()
    y = np.ones(80)
    y[::8] = 0

    assert logistic(y, x, NAMES).events_per_variable == 5
    assert firth_logistic(y, x, NAMES).events_per_variable == 5


@pytest.mark.parametrize(
    ("y", "x", "kind"),
    [
        ([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6], "complete"),
        ([0, 0, 0, 1, 1, 1], [1, 2, 4, 4, 5, 6], "quasi-complete"),
        ([0, 1, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], "quasi-complete"),
    ],
)
def test_separation_is_recognised_and_firth_answers(y, x, kind):
    """Complete, but for a tie, and a group in which all responded: no maximum, and a finite penalised one."""
    with pytest.raises(SeparationError, match=rf"separated by the covariates \({kind}\)"):
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
