"""Fine and Gray's model by law, by simulated truth and where there is no estimate; R's numbers are in test_golden."""

import numpy as np
import pytest

from phenotype.statistics.cox import cox, wald_test
from phenotype.statistics.partial_likelihood import MonotoneLikelihoodError
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.subdistribution import cause_specific_cox, fine_gray

NAMES = ("emd", "age")


def cohort(seed=6, n=100, censored=True):
    """Return times with ties, a status of 0, 1 or 2, and two covariates."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.random(n) < 0.4, rng.normal(60, 8, n)]).astype(float)
    time = np.ceil(rng.exponential(10 / np.exp(0.5 * x[:, 0])))
    status = np.where(rng.random(n) < 0.7, 1, 2)
    return time, np.where(censored & (rng.random(n) < 0.3), 0, status), x


def test_without_another_cause_it_is_a_cox_model():
    """Nobody stays in a risk set then: Breslow's ties, and the robust errors of Lin and Wei."""
    time, status, x = cohort()
    status = np.minimum(status, 1)

    fit, plain = fine_gray(time, status, x, NAMES), cox(time, status, x, NAMES, ties="breslow", robust=True)

    assert fit.coefficients == pytest.approx(plain.coefficients, rel=1e-9)
    assert fit.std_errors == pytest.approx(plain.std_errors, rel=1e-9)
    assert fit.log_likelihood == pytest.approx(plain.log_likelihood)
    assert fit.wald.statistic == pytest.approx(plain.wald.statistic)


def test_without_censoring_the_competing_stay_for_ever():
    """With everybody followed to an event it is a Cox model in which those with another event leave last of all."""
    time, status, x = cohort(censored=False)
    stays = np.where(status == 2, time.max() + 1, time)

    fit, plain = fine_gray(time, status, x, NAMES), cox(stays, status == 1, x, NAMES, ties="breslow", robust=True)

    assert fit.coefficients == pytest.approx(plain.coefficients, rel=1e-9)
    assert fit.std_errors == pytest.approx(plain.std_errors, rel=1e-9)


def test_it_finds_the_effect_it_was_simulated_with():
    """Fine and Gray's own model: F1 = 1 - (1 - p (1 - exp(-t)))**exp(bx); b = 1, p = 0.4; 95 % intervals hold b."""
    rng = np.random.default_rng(3)
    held, estimates = 0, []
    for _ in range(200):
        x = (rng.random(300) < 0.5).astype(float)
        power = np.exp(x)
        share = 1 - 0.6**power
        first = rng.random(300) < share
        u = rng.random(300)
        inner = (1 - (1 - u * share) ** (1 / power)) / 0.4
        event = np.where(first, -np.log(1 - np.minimum(inner, 1 - 1e-12)), rng.exponential(1, 300))
        end = rng.uniform(0.5, 4, 300)
        status = np.where(event > end, 0, np.where(first, 1, 2))
        fit = fine_gray(np.minimum(event, end), status, x[:, None], ["x"])
        held += fit.low[0] <= np.e <= fit.high[0]
        estimates.append(fit.coefficients[0])

    assert np.mean(estimates) == pytest.approx(1, abs=0.05)
    assert 0.91 <= held / 200 <= 0.985


def test_units_and_the_order_of_rows_do_not_matter():
    """Age in days, time in days, rows shuffled: the same z."""
    time, status, x = cohort()
    order = np.random.default_rng(0).permutation(len(time))
    fit = fine_gray(time, status, x, NAMES)

    moved = fine_gray(time[order] * 30.4375, status[order], (x * [1, 365.25])[order], NAMES)

    assert moved.z == pytest.approx(fit.z, rel=1e-9)
    assert moved.coefficients[1] * 365.25 == pytest.approx(fit.coefficients[1], rel=1e-9)
    assert (fit.n, fit.events, fit.competing) == (100, (status == 1).sum(), (status == 2).sum())
    assert fit.events_per_variable == fit.events / 2


def test_terms_are_tested_together():
    """A factor's columns have one p-value, as in a Cox model."""
    time, status, x = cohort()
    fit = fine_gray(time, status, x, NAMES, terms=("who", "who"))

    assert wald_test(fit, ["who"]).statistic == pytest.approx(fit.wald.statistic, rel=1e-10)
    assert wald_test(fit, ["age"]).statistic == pytest.approx(fit.z[1] ** 2)


def test_the_cause_specific_model_censors_the_other_event():
    """What it answers differs from Fine and Gray's, so its name goes with it."""
    time, status, x = cohort()

    fit = cause_specific_cox(time, status, x, NAMES, cause=2)

    assert fit.coefficients.tolist() == cox(time, status == 2, x, NAMES).coefficients.tolist()
    assert fit.method == "cause-specific Cox, Efron ties"
    assert fine_gray(time, status, x, NAMES, cause=2).method == "Fine-Gray"


def test_patients_with_another_event_still_count_against_a_monotone_likelihood():
    """All relapses have x = 1. Those with x = 2 died before: a Cox model no longer sees them, this one does."""
    time, status = [1, 2, 3, 4, 5, 6], [2, 2, 1, 1, 1, 0]
    x = np.array([[2.0], [0], [1], [1], [1], [0]])

    fit = fine_gray(time, status, x, ["x"])

    assert np.isfinite(fit.std_errors).all()
    with pytest.raises(MonotoneLikelihoodError, match="x orders every event, 3 in all"):
        cause_specific_cox(time, status, x, ["x"])
    with pytest.raises(MonotoneLikelihoodError, match="x orders every event, 3 in all"):
        fine_gray(time, status, np.minimum(x, 1), ["x"])


@pytest.mark.parametrize(
    ("status", "x", "message"),
    [
        ([2, 0, 2, 0, 2], [1, 2, 3, 4, 5], "no event of cause 1 in 5 patients"),
        ([1, 0, 1, 2, 0], [3, 3, 3, 3, 3], "all 5 patients have the same value of x"),
    ],
)
def test_what_cannot_be_estimated_says_why(status, x, message):
    """The reason stands in the table in place of a hazard ratio."""
    with pytest.raises(UntestableError, match=message):
        fine_gray([1, 2, 3, 4, 5], status, np.array(x, dtype=float)[:, None], ["x"])


def test_an_error_of_zero_is_no_error():
    """Both events at the last time, one of each group: nobody's part moves the estimate, so nothing measures it."""
    time, status, x = [12, 12, 11, 2], [1, 1, 0, 0], [[0], [1], [1], [0]]

    with pytest.raises(UntestableError, match="its robust error would be 0"):
        fine_gray(time, status, x, ["x"])
    with pytest.raises(UntestableError, match="its robust error would be 0"):
        cox(time, status, x, ["x"], ties="breslow", robust=True)


def test_a_higher_level_gives_a_wider_interval():
    """The level is an option, and a forgotten one would give 95 % under any name."""
    time, status, x = cohort()
    narrow, wide = (fine_gray(time, status, x, NAMES, level=level) for level in (0.95, 0.99))

    assert (wide.low < narrow.low).all()
    assert (wide.high > narrow.high).all()
