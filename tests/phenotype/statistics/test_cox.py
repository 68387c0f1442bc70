"""Cox models by hand, against statsmodels, by law and where there is no estimate; R's numbers are in test_golden."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from statsmodels.duration.hazard_regression import PHReg

from phenotype.statistics.cox import cox, firth_cox, likelihood_ratio_test, proportional_hazards, wald_test
from phenotype.statistics.logrank import log_rank, log_rank_trend
from phenotype.statistics.partial_likelihood import MonotoneLikelihoodError, check_estimable
from phenotype.statistics.ranks import UntestableError

NAMES = ("asct", "age")


def cohort(seed=5, n=80, tied=True):
    """Return times, events, two covariates and two strata of invented patients, with or without ties."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.random(n) < 0.4, rng.normal(60, 8, n)]).astype(float)
    time = rng.exponential(10 / np.exp(0.7 * x[:, 0] + 0.02 * (x[:, 1] - 60)))
    return np.ceil(time) if tied else time, rng.random(n) < 0.7, x, rng.integers(0, 2, n)


def test_a_model_by_hand():
    """e^b/(2e^b + 1) * 1/(1 + e^b) is largest where 1/(2e^b + 1) = e^b/(1 + e^b): e^b = sqrt(1/2)."""
    fit = cox([1, 2, 3], [1, 1, 0], [[1], [0], [1]], ["x"])

    assert fit.hazard_ratios[0] == pytest.approx(np.sqrt(0.5), rel=1e-10)
    assert fit.log_likelihood_null == pytest.approx(-np.log(3 * 2))
    h = np.sqrt(0.5)
    assert fit.std_errors[0] ** -2 == pytest.approx(2 * h / (2 * h + 1) ** 2 + h / (1 + h) ** 2)


def test_tied_events_by_hand():
    """Two of three die together, x = 1 and 0: Efron takes half of both out of the second set, Breslow nothing."""
    efron, breslow = (cox([1, 1, 2], [1, 1, 0], [[1], [0], [0]], ["x"], ties=ties) for ties in ("efron", "breslow"))

    assert efron.log_likelihood_null == pytest.approx(-np.log(3 * 2))
    assert breslow.log_likelihood_null == pytest.approx(-np.log(3 * 3))
    h = breslow.hazard_ratios[0]
    assert h == pytest.approx(2)  # d/db of b - 2 log(e^b + 2): e^b + 2 = 2 e^b
    h = efron.hazard_ratios[0]
    assert h / (h + 2) + h / 2 / ((h + 1) / 2 + 1) == pytest.approx(1)
    assert (efron.method, breslow.method) == ("Cox, Efron ties", "Cox, Breslow ties")


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("stratified", [False, True])
def test_statsmodels_agrees(ties, stratified):
    """Another implementation, also with strata, for which there is no case of R here."""
    time, event, x, strata = cohort()
    labels = strata if stratified else None

    fit = cox(time, event, x, NAMES, ties=ties, strata=labels)

    other = PHReg(time, x, status=event.astype(int), ties=ties, strata=labels).fit(tol=1e-12)
    assert fit.coefficients == pytest.approx(other.params, rel=1e-9)
    assert fit.std_errors == pytest.approx(other.bse, rel=1e-8)
    assert fit.log_likelihood == pytest.approx(other.llf, rel=1e-10)
    assert fit.method == f"Cox, {ties.capitalize()} ties" + ", stratified" * stratified


@pytest.mark.parametrize("stratified", [False, True])
def test_the_score_test_of_groups_is_the_log_rank_test(stratified):
    """Without ties they are the same statistic, by two ways of computing it; of scores 0, 1, 2, the trend test."""
    time, event, _, strata = cohort(tied=False)
    group = np.arange(len(time)) % 3
    labels = strata if stratified else None
    two = cox(time, event, np.column_stack([group == 1, group == 2]), ("b", "c"), strata=labels)
    scores = cox(time, event, group[:, None], ["score"], strata=labels)

    test = log_rank(time, event, group, strata=labels)
    trend = log_rank_trend(time, event, group, ("0", "1", "2"), strata=labels)

    assert two.score.statistic == pytest.approx(test.statistic, rel=1e-9)
    assert scores.score.statistic == pytest.approx(trend.statistic**2, rel=1e-9)


def weighted_efron(weight, time, event, x, strata):
    """Return the coefficient of one covariate with patients weighted, by Efron's likelihood written out."""

    def gradient(beta):
        total = 0.0
        risk = weight * np.exp(beta * x)
        for moment, stratum in {*zip(time[event], strata[event], strict=True)}:
            dying, at_risk = event & (time == moment) & (strata == stratum), (time >= moment) & (strata == stratum)
            total += (weight * x)[dying].sum()
            for place in range(dying.sum()):
                share = at_risk - place / dying.sum() * dying
                total -= weight[dying].mean() * (share * risk * x).sum() / (share * risk).sum()
        return total

    return brentq(gradient, -5, 5, xtol=1e-13)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("stratified", [True, False])
def test_robust_errors_are_what_each_patient_moves(tied, stratified):
    """The sandwich adds up the squares of how far each patient's weight moves the coefficient: finite differences."""
    time, event, x, strata = cohort(n=30, tied=tied)
    time, strata = np.ceil(time / 3) if tied else time, strata * stratified

    fit = cox(time, event, x[:, :1], ["asct"], strata=strata, robust=True)

    moved = []
    for patient in range(len(time)):
        ends = []
        for side in (-1, 1):
            weight = np.ones(len(time))
            weight[patient] += side * 1e-4
            ends.append(weighted_efron(weight, time, event, x[:, 0], strata))
        moved.append((ends[1] - ends[0]) / 2e-4)
    assert fit.std_errors[0] == pytest.approx(np.sqrt(np.sum(np.square(moved))), rel=1e-5)
    assert fit.method == "Cox, Efron ties, stratified, robust standard errors"


def test_joint_tests_of_terms():
    """A factor's columns are tested together: by Wald, z squared for one column, or by two likelihoods."""
    time, event, x, strata = cohort()
    full = cox(time, event, np.column_stack([x, strata]), (*NAMES, "site"), terms=("who", "who", "site"))
    without = cox(time, event, strata[:, None], ["site"])

    joint = likelihood_ratio_test(full, ["who"])

    assert joint.df == 2
    assert joint.statistic == pytest.approx(2 * (full.log_likelihood - without.log_likelihood), rel=1e-10)
    assert wald_test(full, ["site"]).statistic == pytest.approx(full.z[2] ** 2)
    assert wald_test(full, ["who", "site"]).statistic == pytest.approx(full.wald.statistic, rel=1e-10)
    assert likelihood_ratio_test(full, ["asct", "age", "site"]) == full.likelihood_ratio
    with pytest.raises(ValueError, match="no term 'whom'; did you mean 'who'"):
        wald_test(full, ["whom"])


def test_units_and_the_order_of_rows_do_not_matter():
    """Age in days, time in days, rows shuffled: the same z, and the hazard ratio per day."""
    time, event, x, _ = cohort()
    order = np.random.default_rng(0).permutation(len(time))
    fit = cox(time, event, x, NAMES)

    moved = cox(time[order] * 30.4375, event[order], (x * [1, 365.25])[order], NAMES)

    assert moved.z == pytest.approx(fit.z, rel=1e-9)
    assert moved.hazard_ratios[1] ** 365.25 == pytest.approx(fit.hazard_ratios[1], rel=1e-9)
    assert moved.concordance == pytest.approx(fit.concordance)
    for transform in ("km", "rank", "identity"):
        tests = [proportional_hazards(model, transform).overall.statistic for model in (fit, moved)]
        assert tests[1] == pytest.approx(tests[0], rel=1e-8)


def test_large_covariates_do_not_overflow():
    """Absolute cell counts in the millions are as good as their logarithms' unit: nothing is lost to exp()."""
    time, event, x, _ = cohort()
    fit = cox(time, event, x[:, 1:], ["age"])

    moved = cox(time, event, 1e9 + x[:, 1:] * 1e6, ["age"])

    assert moved.z == pytest.approx(fit.z, rel=1e-6)


def test_an_outlier_does_not_throw_the_search_off():
    """A thousand standard deviations away, one patient makes Newton's first step land far below where it began."""
    x = np.append(1000.0, np.random.default_rng(0).normal(size=999))

    fit = cox(np.arange(1000), np.ones(1000), x[:, None], ["x"])

    risk = np.exp(fit.coefficients[0] * x)
    mean = np.cumsum((risk * x)[::-1])[::-1] / np.cumsum(risk[::-1])[::-1]
    assert (x - mean).sum() == pytest.approx(0, abs=1e-6)


def test_counting_time_from_an_earlier_day_changes_nothing():
    """Days since 1900 have the order and the distances of days since infusion; only rounding could tell them apart."""
    time, event, x, _ = cohort()

    tests = [proportional_hazards(cox(time + shift, event, x, NAMES), "identity").overall for shift in (0, 1e6)]

    assert tests[1].statistic == pytest.approx(tests[0].statistic, rel=1e-9)


def test_an_effect_that_turns_is_found():
    """Harm in the first year and benefit later average to nothing; the test of proportional hazards must see it."""
    rng = np.random.default_rng(2)
    x = np.repeat([0.0, 1.0], 150)
    early, late = rng.exponential(np.where(x == 1, 8, 24)), rng.exponential(np.where(x == 1, 60, 12))
    time = np.where(early < 12, early, 12 + late)

    turning = proportional_hazards(cox(time, np.ones(300), x[:, None], ["x"]))
    steady = proportional_hazards(cox(rng.exponential(np.where(x == 1, 8, 24)), np.ones(300), x[:, None], ["x"]))

    assert turning.overall.p_value < 1e-6
    assert steady.overall.p_value > 0.05
    assert turning.terms["x"] == turning.columns["x"] == turning.overall
    assert turning.method == "score test, km of time"


def test_one_covariate_is_monotone_where_it_orders_all_events():
    """One diverges exactly if every event has the largest value at risk, or every one the smallest."""

    @given(st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.integers(0, 2)), min_size=2, max_size=9))
    def check(patients):
        time, event, x = (np.array(column, dtype=float) for column in zip(*patients, strict=True))
        event = event.astype(bool)
        risk = [(x[time >= t], own) for t, own in zip(time[event], x[event], strict=True)]
        varies = any(np.ptp(others) > 0 for others, _ in risk)
        monotone = all(own == max(others) for others, own in risk) or all(own == min(others) for others, own in risk)
        if not varies:
            with pytest.raises(UntestableError):
                cox(time, event, x[:, None], ["x"])
        elif monotone:
            with pytest.raises(MonotoneLikelihoodError, match="monotone likelihood: x orders every event"):
                cox(time, event, x[:, None], ["x"])
        else:
            assert np.isfinite(cox(time, event, x[:, None], ["x"]).std_errors).all()

    check()


def test_a_monotone_combination_is_seen():
    """Neither column orders the events alone; their sum does, and both coefficients run away together."""
    x = np.array([[3, 1], [1, 2.5], [2, 1], [0, 2], [1, 0.5], [0, 0]], dtype=float)
    time, event = [1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 0]

    with pytest.raises(
        MonotoneLikelihoodError, match=r"a with b orders every event, 5 in all.*Firth's penalty gives one"
    ):
        cox(time, event, x, ("a", "b"))
    for column in range(2):
        assert np.isfinite(cox(time, event, x[:, [column]], ["x"]).std_errors).all()


def test_strata_can_make_a_likelihood_monotone():
    """Within each stratum the event has the largest x, though not over both."""
    time, event, x, strata = [1, 2, 1, 2], [1, 0, 1, 0], np.array([[2.0], [1], [9], [8]]), [0, 0, 1, 1]

    with pytest.raises(MonotoneLikelihoodError):
        cox(time, event, x, ["x"], strata=strata)
    check_estimable(np.array([1.0, 2, 1, 2]), np.array([1, 0, 1, 0], dtype=bool), x, ["x"])


@pytest.mark.parametrize(
    ("event", "x", "message"),
    [
        ([0, 0, 0, 0, 0], [1, 2, 3, 4, 5], "all 5 patients censored"),
        ([1, 0, 1, 1, 0], [2, 2, 2, 2, 2], "all 5 patients have the same value of x"),
        ([0, 1, 1, 1, 0], [1, 2, 2, 2, 2], "x does not vary among patients at risk when events happened"),
    ],
)
@pytest.mark.parametrize("model", [cox, firth_cox])
def test_what_cannot_be_estimated_says_why(model, event, x, message):
    """A coefficient of 0 with an error of 10,000 is not an answer."""
    with pytest.raises(UntestableError, match=message):
        model([1, 2, 3, 4, 5], event, np.array(x, dtype=float)[:, None], ["x"])


@pytest.mark.parametrize("model", [cox, firth_cox])
def test_columns_that_follow_from_each_other_are_named(model):
    """All levels of a factor, or all four subsets, sum to a constant: no coefficient of them means anything."""
    time, event, x, _ = cohort()
    columns = np.column_stack([x[:, 1], x[:, 0], 1 - x[:, 0]])

    with pytest.raises(UntestableError, match="asct, none cannot be told apart"):
        model(time, event, columns, ("age", "asct", "none"))


def test_more_columns_than_events_are_refused():
    """Three events cannot carry five coefficients, whatever the numbers are."""
    x = np.random.default_rng(1).normal(size=(20, 5))

    with pytest.raises(UntestableError, match="events: 3, coefficients: 5; at least one event for each"):
        cox(np.arange(1, 21), np.arange(20) < 3, x, list("abcde"))


def test_events_per_variable_come_with_the_result():
    """The reader must see how much the model is asked to carry."""
    time, event, x, _ = cohort()

    assert cox(time, event, x, NAMES).events_per_variable == event.sum() / 2


def test_a_higher_level_gives_a_wider_interval():
    """The level is an option, and a forgotten one would give 95 % under any name."""
    time, event, x, _ = cohort()
    for model in (cox, firth_cox):
        narrow, wide = (model(time, event, x, NAMES, level=level) for level in (0.95, 0.99))
        assert (wide.low < narrow.low).all()
        assert (wide.high > narrow.high).all()


def test_without_comparable_pairs_there_is_no_concordance():
    """All events at the last time: nobody outlives anybody."""
    fit = cox([2, 2, 2, 2], [1, 1, 1, 1], [[1], [0], [0], [1]], ["x"])

    assert np.isnan([fit.concordance, fit.concordance_error]).all()


def test_proportional_hazards_need_times():
    """With one time, or one at which anybody differs, there is no course to follow; 0 has no logarithm."""
    fit = cox([2, 2, 2, 2], [1, 1, 1, 0], [[1], [0], [0], [1]], ["x"])
    at_0 = cox([0, 1, 2, 3, 4], [1, 1, 1, 1, 0], [[1], [0], [0], [1], [0]], ["x"])

    last = cox([0, 0, 6, 12], [1, 1, 0, 1], [[1], [0], [0], [1]], ["x"])

    for model in (fit, last):
        with pytest.raises(UntestableError, match="fell on too few times to see a change with time"):
            proportional_hazards(model)
    with pytest.raises(UntestableError, match="an event at time 0 has no logarithm"):
        proportional_hazards(at_0, "log")
    with pytest.raises(ValueError, match="no transform 'ranks'; did you mean 'rank'"):
        proportional_hazards(at_0, "ranks")


def test_firth_approaches_cox_as_events_grow():
    """The penalty is worth half a patient or so: with 400 events the two agree to a hundredth."""
    time, event, x, _ = cohort(n=600, tied=False)

    firth, plain = firth_cox(time, event, x, NAMES), cox(time, event, x, NAMES)

    assert firth.coefficients == pytest.approx(plain.coefficients, abs=0.01)
    assert firth.p_values[0] == pytest.approx(likelihood_ratio_test(plain, ["asct"]).p_value, rel=0.15)


def test_firth_does_not_depend_on_units():
    """Its search takes steps of a size; columns are standardised so that the unit of one cannot stop it."""
    time, event, x, _ = cohort(n=40)

    fit, moved = firth_cox(time, event, x, NAMES), firth_cox(time, event, x * [1, 1e4], NAMES)

    assert moved.coefficients * [1, 1e4] == pytest.approx(fit.coefficients, rel=1e-6)
    assert np.log(moved.low) * [1, 1e4] == pytest.approx(np.log(fit.low), rel=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"covariates": [[1], [np.nan], [0]]}, "covariate x: not finite; leave such patients out"),
        ({"covariates": [1, 2, 3]}, r"covariates of shape \(3,\) for 3 patients and 1 names"),
        ({"names": ["x", "y"]}, "and 2 names"),
        ({"covariates": [[1, 2], [2, 3], [0, 1]], "names": ["x", "x"]}, "names of covariates repeat: x, x"),
        ({"terms": ["a", "b"]}, "2 terms for 1 columns; one each"),
        ({"ties": "exact"}, "no ties 'exact'"),
        ({"strata": [1, 2]}, "strata of shape"),
    ],
)
def test_wrong_arguments_are_refused(change, message):
    """A mistake in a call is a mistake, not an unanswerable question."""
    arguments = {"time": [1, 2, 3], "event": [1, 1, 0], "covariates": [[1], [0], [1]], "names": ["x"], **change}

    with pytest.raises(ValueError, match=message) as caught:
        cox(**arguments)
    assert not isinstance(caught.value, UntestableError)
