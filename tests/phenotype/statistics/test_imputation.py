"""Missing covariates: what is filled in, whether intervals cover, agreement with mice, pooling by hand, refusals."""

import numpy as np
import pytest

from phenotype.statistics.imputation import event_predictors, impute, pool
from phenotype.statistics.logistic import logistic
from phenotype.statistics.ranks import UntestableError


def patients(n=80, seed=1):
    """Return age, a number, a flag and a stage with gaps, and a complete response."""
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 8, n)
    columns = {
        "age": age,
        "ldh": 200 + 3 * (age - 60) + rng.normal(0, 20, n),
        "emd": (rng.random(n) < 0.4).astype(float),
        "iss": rng.integers(1, 4, n).astype(float),
        "cr": (rng.random(n) < 0.5).astype(float),
    }
    for name in ("ldh", "emd", "iss"):
        columns[name] = np.where(rng.random(n) < 0.2, np.nan, columns[name])
    return columns


def test_what_was_observed_stays_and_what_was_not_is_one_of_it():
    """A flag stays 0 or 1, a stage a stage; nothing is made up between or beyond."""
    columns = patients()
    found = impute(columns, seed=3, categories=["iss"], m=3)

    assert (found.m, found.n, found.seed, found.trace.shape) == (3, 80, 3, (3, 10, 3))
    gaps = {name: np.isnan(values) for name, values in columns.items()}
    assert found.missing == {name: gap.sum() for name, gap in gaps.items()}
    assert found.incomplete == np.any(list(gaps.values()), axis=0).sum()
    for completed in found.sets:
        for name, values in columns.items():
            assert completed[name][~gaps[name]].tolist() == values[~gaps[name]].tolist()
            assert set(completed[name]) <= set(values[~gaps[name]])


def test_the_seed_gives_the_sets_and_more_sets_do_not_change_the_first():
    """A report must be made again to the same digits; 5 of 20 are the 5 of before."""
    columns = patients()
    few, many, other = (impute(columns, seed=seed, m=m, rounds=3) for seed, m in ((3, 2), (3, 4), (4, 2)))

    for one, same in zip(few.sets, many.sets, strict=False):
        assert all(one[name].tolist() == same[name].tolist() for name in columns)
    assert few.sets[0]["ldh"].tolist() != other.sets[0]["ldh"].tolist()
    assert few.sets[0]["ldh"].tolist() != few.sets[1]["ldh"].tolist()
    assert "seed 3" in few.method


def test_columns_given_are_not_written_to():
    """The caller's data keep their gaps."""
    columns = patients()
    before = {name: values.copy() for name, values in columns.items()}
    impute(columns, seed=1, m=1, rounds=1)

    assert all(np.array_equal(columns[name], before[name], equal_nan=True) for name in columns)


def studies(count, n, steepness, share, rng):
    """Give studies in which y is missing more often where x is large; its mean is 0 and its slope 1."""
    for _ in range(count):
        x = rng.normal(size=n)
        y = x + rng.normal(size=n)
        yield x, y, rng.random(n) < 1 / (1 + np.exp(-steepness * x) * (1 - share) / share)


def mean_and_slope(completed):
    """Estimate both, with variances."""
    x, y = completed["x"], completed["y"]
    centred = x - x.mean()
    slope = centred @ y / (centred @ centred)
    rest = y - y.mean() - slope * centred
    return (y.mean(), slope), (y.var(ddof=1) / len(y), rest @ rest / (len(y) - 2) / (centred @ centred))


def test_intervals_cover_where_a_quarter_is_missing():
    """300 studies of 200, more missing where y is large: the complete ones' means are too low; pooled intervals hold.

    The standard error of a coverage of 95 % is 1.3 here, and matching is known to cost a little.
    """
    rng = np.random.default_rng(12)
    held, complete, beyond = np.zeros(2), [], []
    for number, (x, y, gone) in enumerate(studies(300, 200, 0.7, 0.25, rng)):
        found = impute({"x": x, "y": np.where(gone, np.nan, y)}, seed=number, m=10)
        answers = np.array([mean_and_slope(completed) for completed in found.sets])
        pooled = pool(answers[:, 0], answers[:, 1], df_complete=198)
        held += (pooled.low <= [0, 1]) & (pooled.high >= [0, 1])
        complete.append(y[~gone].mean())
        beyond.append(found.beyond["y"])

    assert np.mean(complete) < -0.12
    assert (held / 300 > 0.905).all()
    assert (held / 300 < 0.985).all()
    assert np.mean(beyond) < 0.05


def test_values_missing_at_one_end_are_told():
    """Above 0.5 nearly nothing is known: no donor is like those patients, and the result says how many they are."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=200)
    found = impute({"x": x, "y": np.where(x > 0.5, np.nan, x + rng.normal(size=200))}, seed=1, m=5)

    assert found.beyond["y"] > 0.8


def test_levels_follow_what_predicts_them():
    """Stage III where x is large and I where it is small, II between, as codes 3, 1, 2 or any others."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=300)
    stage = np.where(x < -0.5, 10.0, np.where(x > 0.5, 7.0, 99.0))
    gone = rng.random(300) < 0.3
    found = impute({"x": x, "stage": np.where(gone, np.nan, stage)}, seed=1, categories=["stage"], m=5)

    right = np.mean([completed["stage"][gone] == stage[gone] for completed in found.sets])
    assert right > 0.7
    assert np.isfinite(found.trace).all()


def test_patients_alike_give_their_values_equally():
    """All have the same predictors but for a flag: each recipient has other donors, not the first five of the sheet."""
    y = np.where(np.arange(200) < 100, np.arange(200.0), np.nan)
    found = impute({"flag": (np.arange(200) % 2).astype(float), "y": y}, seed=2, m=1)

    given = found.sets[0]["y"][100:]
    assert len(set(given)) > 45
    assert np.mean(given) == pytest.approx(49.5, abs=12)


def test_an_association_with_the_outcome_needs_the_outcome():
    """Half of x is missing by chance: filled in without the outcome, its slope leans to 0; with it, it does not."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=600)
    outcome, other = x + rng.normal(size=600), rng.normal(size=600)
    gappy = np.where(rng.random(600) < 0.5, np.nan, x)
    beside = impute({"x": gappy, "other": other}, seed=1, m=5)
    within = impute({"x": gappy, "other": other, "outcome": outcome}, seed=1, m=5)

    without_it, with_it = (
        np.mean([np.polyfit(completed["x"], outcome, 1)[0] for completed in found.sets]) for found in (beside, within)
    )
    assert without_it < 0.65
    assert with_it == pytest.approx(1, abs=0.12)


def test_pooled_estimates_are_near_those_of_mice(golden):
    """The cohort of two cases, its gaps and what mice filled in: other random numbers, so half a standard error."""
    completed, expected = golden("mi_rubin_pooling")
    gaps, _ = golden("table1_sim_cart")
    first = completed[completed[".imp"] == 1].set_index("id").loc[gaps["id"]]
    event, hazard = event_predictors(first["pfs"], first["pfs_event"])
    columns = {name: first[name].to_numpy(float) for name in ("age", "emd", "naive", "cr")}
    columns |= {
        "hr_cyto": gaps["hr_cyto"], "lldh": np.log(gaps["ldh"]), "lfer": np.log(gaps["ferritin"]), "event": event,
        "hazard": hazard,
    }  # fmt: skip
    found = impute(columns, seed=2026)
    names = expected["logistic"]["term"][1:]
    fits = [
        logistic(done["cr"], np.column_stack([done[name] for name in names]), names, level=0.5) for done in found.sets
    ]
    pooled = pool([fit.coefficients for fit in fits], [fit.std_errors**2 for fit in fits], df_complete=135)

    errors = np.array(expected["logistic"]["se"])
    assert (found.missing["hr_cyto"], found.missing["lldh"]) == (9, 14)
    assert np.abs((pooled.estimates - expected["logistic"]["estimate"]) / errors).max() < 0.5
    assert pooled.std_errors == pytest.approx(errors, rel=0.2)
    assert (pooled.missing_information < 0.3).all()


def test_the_hazard_at_each_patients_own_time_by_hand():
    """Of five, two events at 2 (2/5), one at 4 of the two left (1/2); a censored patient has what came before."""
    event, hazard = event_predictors([2, 4, 2, 3, 5], [1, 1, 1, 0, 0])

    assert event.tolist() == [1, 1, 1, 0, 0]
    assert hazard == pytest.approx([0.4, 0.9, 0.4, 0.4, 0.9])


def test_pooling_by_hand():
    """1.0, 1.2, 0.8, each of variance 0.04: T = 0.04 + 4/3 x 0.04; of T, 4/7 are due to what is missing."""
    found = pool([[1.0], [1.2], [0.8]], [[0.04]] * 3, df_complete=100)

    assert found.total == pytest.approx([0.04 + 4 / 3 * 0.04])
    assert found.increase == pytest.approx([4 / 3])
    by_sets, observed = 2 / (4 / 7) ** 2, 101 / 103 * 100 * 3 / 7
    assert found.df == pytest.approx([by_sets * observed / (by_sets + observed)])
    assert pool([[1.0], [1.2], [0.8]], [[0.04]] * 3).df == pytest.approx([by_sets])


def test_sets_that_agree_have_the_interval_of_one():
    """Nothing was missing: no variance between sets, and nearly the degrees of freedom of the complete data."""
    found = pool([[1.0, 2.0]] * 4, [[0.04, 0.09]] * 4, df_complete=60)

    assert found.std_errors.tolist() == [0.2, 0.3]
    assert found.df == pytest.approx([60 * 61 / 63] * 2)
    assert found.increase.tolist() == [0, 0]


def test_what_cannot_be_filled_in_is_refused():
    """A value for everybody from three patients would be made up."""
    full = np.arange(20.0)
    with pytest.raises(UntestableError, match="x is missing in all 20 patients"):
        impute({"x": np.full(20, np.nan), "y": full}, seed=1)
    with pytest.raises(UntestableError, match="x is 1 in all who have it, of 20 patients"):
        impute({"x": np.where(full < 5, np.nan, 1.0), "y": full}, seed=1)
    with pytest.raises(UntestableError, match="x is known in 4 patients, too few for a model of 2 coefficients and 5"):
        impute({"x": np.where(full < 16, np.nan, full), "y": full}, seed=1)
    with pytest.raises(UntestableError, match="a model of 7 coefficients"):
        impute({"x": np.where(full < 13, np.nan, full), "y": full % 7}, seed=1, categories=["y"])


def test_what_is_given_wrongly_is_refused():
    """Each says what it found."""
    with pytest.raises(ValueError, match="no column 'is'; did you mean 'iss'"):
        impute(patients(), seed=1, categories=["is"])
    with pytest.raises(ValueError, match=r"x \(2,\), y \(3,\)"):
        impute({"x": [1, 2], "y": [1, 2, 3]}, seed=1)
    with pytest.raises(ValueError, match="x: infinite"):
        impute({"x": [1, np.inf], "y": [1, 2]}, seed=1)
    with pytest.raises(ValueError, match="0 sets, 10 rounds, 5 donors"):
        impute({"x": [1, 2], "y": [1, 2]}, seed=1, m=0)
    with pytest.raises(ValueError, match="m at least 2"):
        pool([[1.0]], [[1.0]])
    with pytest.raises(ValueError, match="variances above 0"):
        pool([[1.0], [1.0]], [[1.0], [0.0]])
    with pytest.raises(UntestableError, match="-1 degrees of freedom are left"):
        pool([[1.0], [1.0]], [[1.0], [1.0]], df_complete=-1)
