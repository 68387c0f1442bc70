"""Compositions: invariances, permutation p-values, and what has no log-ratio. R's numbers are in test_golden."""

from functools import partial

import numpy as np
import pytest
from scipy import stats

from phenotype.statistics.composition import (
    closed,
    clr,
    dispersion,
    ilr,
    log_ratio_effects,
    manova,
    permanova,
    replace_zeros,
)
from phenotype.statistics.dirichlet import dirichlet, dirichlet_means, mean_ratios
from phenotype.statistics.ranks import UntestableError


def patients(shift=0.0, n=60, seed=1):
    """Return compositions of two groups, the second's first log-ratio shifted, and the group as a column."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % 2
    logs = rng.normal([0.2, 0.8, 0.1, -1.0], 0.5, (n, 4)) + np.outer(group, [-shift, 0, 0, 0])
    return closed(np.exp(logs)), group[:, None].astype(float)


def test_percent_and_counts_are_the_same_composition():
    """Only ratios carry information: a product measured twice as long is the same product."""
    parts, _ = patients()

    np.testing.assert_allclose(clr(parts * 100), clr(parts))
    np.testing.assert_allclose(ilr(parts * np.arange(1, 61)[:, None]), ilr(parts))


def test_ratios_of_seen_parts_survive_the_replacement_of_zeros():
    """A zero takes its share from all alike, and rows still sum to 1."""
    replaced = replace_zeros([[0.0, 0.2, 0.3, 0.5], [0.0, 0.0, 0.4, 0.6]], 0.001)

    np.testing.assert_allclose(replaced.sum(axis=1), 1)
    assert replaced[0, 1] / replaced[0, 3] == pytest.approx(0.4)
    assert replaced[1, 2] / replaced[1, 3] == pytest.approx(4 / 6)


def test_nobody_with_a_single_cell_is_below_somebody_with_none():
    """A share of one in 60,000 is below the share that stands for none: both count as that, or ratios would turn."""
    none, one = replace_zeros([[0, 0.3, 0.3, 0.4], [1 / 60_000, 0.3, 0.3, 0.4 - 1 / 60_000]])

    assert none[0] == one[0] == 0.0005
    np.testing.assert_allclose([none.sum(), one.sum()], 1)
    assert one[1] / one[2] == pytest.approx(1)


def test_distances_are_those_of_any_basis():
    """Four centred logarithms or three balances: the distance between two products is one number."""
    parts, group = patients(0.5)

    assert np.linalg.norm(clr(parts)[0] - clr(parts)[1]) == pytest.approx(np.linalg.norm(ilr(parts)[0] - ilr(parts)[1]))
    assert permanova(clr(parts), group, permutations=99).f == pytest.approx(
        permanova(ilr(parts), group, permutations=99).f
    )


def test_a_shift_is_found_and_none_is_not():
    """Half of the parts shifted by one standard deviation in 60 patients; the same seed, the same p."""
    shifted, group = patients(0.8)
    same, _ = patients(0.0)

    assert permanova(clr(shifted), group, permutations=999).p_value < 0.01
    assert manova(ilr(shifted), group).p_value < 0.01
    assert permanova(clr(same), group, permutations=999).p_value > 0.05
    assert permanova(clr(same), group, seed=3, permutations=999) == permanova(
        clr(same), group, seed=3, permutations=999
    )


def test_permutation_p_values_are_uniform_without_effect():
    """Of 200 studies without effect about 10 have p at or below 0.05."""
    found = [permanova(clr(patients(seed=i, n=24)[0]), patients(n=24)[1], permutations=99).p_value for i in range(200)]

    assert 3 <= np.sum(np.array(found) <= 0.05) <= 20
    assert min(found) >= 0.01


def test_covariates_take_what_is_theirs():
    """A group that differs only in age explains nothing once age is in the model."""
    rng = np.random.default_rng(4)
    age = rng.normal(60, 9, 80)
    group = (age + rng.normal(0, 4, 80) > 60).astype(float)[:, None]
    logs = rng.normal(0, 0.3, (80, 4)) + np.outer((age - 60) / 9, [0.5, 0, 0, -0.5])
    parts = closed(np.exp(logs))

    assert manova(ilr(parts), group).p_value < 1e-4
    assert manova(ilr(parts), group, age[:, None]).p_value > 0.05
    assert permanova(clr(parts), group, age[:, None], permutations=999).p_value > 0.05


def test_what_a_covariate_explains_is_not_shuffled():
    """However much age decides, the p of the group beside it is the same; with patients shuffled whole it grows."""
    rng = np.random.default_rng(8)
    age = rng.normal(0, 1, 40)[:, None]
    group = (age[:, 0] + rng.normal(0, 1, 40) > 0).astype(float)[:, None]
    logs = rng.normal(size=(40, 3)) + 0.8 * group
    plain, driven = (permanova(logs + effect * age, group, age, permutations=999) for effect in (0, 10))

    assert driven.p_value == plain.p_value
    assert driven.f == pytest.approx(plain.f)
    assert driven.r_squared < plain.r_squared / 10


def test_all_ways_to_split_six_patients_count():
    """By hand: of the 20 splits of three against three two are as extreme, so p comes to 2/20, ties and all."""
    logs = np.array([0.0, 0.1, 0.3, 5.1, 5.3, 5.4])[:, None] * [[1, -1]]
    found = permanova(logs, np.repeat([0.0, 1.0], 3)[:, None], permutations=4999)

    assert found.p_value == pytest.approx(0.1, abs=3 * np.sqrt(0.1 * 0.9 / 4999))


def test_a_ratio_between_groups_is_that_of_their_centres():
    """Without covariates the model's ratio is that of closed geometric means, but for the common factor."""
    parts, group = patients(0.5)
    found = log_ratio_effects(parts, group)
    first, second = (clr(parts[group[:, 0] == side]).mean(axis=0) for side in (0, 1))

    np.testing.assert_allclose(found.slopes[:, 1], second - first)
    np.testing.assert_allclose(found.slopes.sum(axis=0), 0, atol=1e-12)


def test_scatter_is_told_from_distance():
    """One group three times as wide: the dispersion test says so."""
    rng = np.random.default_rng(5)
    group = np.repeat(["a", "b"], 40)
    logs = rng.normal(0, 0.2, (80, 4)) * np.where(group == "b", 3, 1)[:, None]

    found = dispersion(logs, group)
    assert found.p_value < 1e-6
    assert found.mean_distances[1] > 2 * found.mean_distances[0]


def test_a_dirichlet_sample_gives_its_parameters_back():
    """2,000 draws of (2, 5, 3, 1): parameters within three standard errors, in both forms."""
    parts = np.random.default_rng(6).dirichlet([2, 5, 3, 1], 2000)
    one = np.ones((2000, 1))
    fit, means = dirichlet(parts, one), dirichlet_means(parts, one, one)

    assert (np.abs(fit.coefficients.ravel() - np.log([2, 5, 3, 1])) < 3 * fit.std_errors.ravel()).all()
    assert means.precision[0] == pytest.approx(np.log(11), abs=3 * means.precision_errors[0])
    assert means.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-9)


def test_ratios_of_means_are_those_of_r(golden):
    """R's fitted means of three ASCT groups: each against none."""
    data, expected = golden("dirichlet_asct")
    parts = replace_zeros(data[["naive", "cm", "em", "eff"]].to_numpy(float))
    design = np.column_stack([np.ones(len(data)), data["asct"] == ">1y", data["asct"] == "<=1y"])
    means = np.array(expected["fitted_mean_common"]["mean"])
    fit = dirichlet(parts, design)

    np.testing.assert_allclose(mean_ratios(fit, [1, 1, 0], [1, 0, 0]).ratios, means[1] / means[0], rtol=1e-5)
    np.testing.assert_allclose(mean_ratios(fit, [1, 0, 1], [1, 0, 0]).ratios, means[2] / means[0], rtol=1e-5)
    one, other = mean_ratios(fit, [1, 1, 0], [1, 0, 0]), mean_ratios(fit, [1, 0, 0], [1, 1, 0])
    np.testing.assert_allclose(one.low * other.high, 1)
    np.testing.assert_allclose(one.p_values, other.p_values)


def test_intervals_of_ratios_are_the_same_from_means_and_precision():
    """With the group in both, the two forms are one model: the errors of log ratios follow from R's logits as well."""
    parts, group = patients(0.6)
    design = np.hstack([np.ones((60, 1)), group])
    found = mean_ratios(dirichlet(parts, design), [1, 1], [1, 0])
    fit = dirichlet_means(parts, design, design)

    def log_ratios(theta):
        logits = np.vstack([np.zeros(2), theta.reshape(3, 2)])
        first, second = logits.sum(axis=1), logits[:, 0]
        return (first - np.log(np.exp(first).sum())) - (second - np.log(np.exp(second).sum()))

    theta = fit.coefficients.ravel()
    slope = np.array([(log_ratios(theta + h) - log_ratios(theta - h)) / 2e-5 for h in 1e-5 * np.eye(6)])
    errors = np.sqrt(np.diag(slope.T @ fit.covariance[:6, :6] @ slope))
    np.testing.assert_allclose(np.log(found.ratios), log_ratios(theta), atol=1e-7)
    np.testing.assert_allclose(np.log(found.high / found.ratios), 1.959964 * errors, rtol=1e-5)


def test_curvature_is_that_of_the_slope():
    """Standard errors are from second derivatives: here from differences of the likelihood, in both forms."""
    parts, group = patients(0.4, n=30)
    design = np.hstack([np.ones((30, 1)), group])
    for fit in (dirichlet(parts, design), dirichlet_means(parts, design, design)):
        theta = np.concatenate([fit.coefficients.ravel(), fit.precision])
        step = 1e-3 * np.eye(len(theta))
        at = partial(_log_likelihood, fit, parts, design)
        second = [
            [at(theta + a + b) - at(theta + a - b) - at(theta - a + b) + at(theta - a - b) for a in step] for b in step
        ]
        np.testing.assert_allclose(np.linalg.inv(-np.array(second) / 4e-6), fit.covariance, rtol=1e-3, atol=1e-6)


def _log_likelihood(fit, parts, design, theta):
    """Return the likelihood by SciPy's own Dirichlet density."""
    if len(fit.precision):
        logits = np.column_stack([np.zeros(len(parts)), design @ theta[:6].reshape(3, 2).T])
        means = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        alpha = means * np.exp(design @ theta[6:])[:, None]
    else:
        alpha = np.exp(design @ theta.reshape(4, 2).T)
    return sum(stats.dirichlet.logpdf(one / one.sum(), a) for one, a in zip(parts, alpha, strict=True))


def test_what_has_no_answer_is_refused():
    """A zero has no logarithm, a constant no effect, three patients no covariance of three ratios."""
    parts, group = patients()
    with pytest.raises(ValueError, match="replace zeros first"):
        clr([[0.0, 0.5, 0.5]])
    with pytest.raises(ValueError, match="no row all zero"):
        closed([[0.0, 0.0]])
    with pytest.raises(UntestableError, match="cannot be told apart"):
        log_ratio_effects(parts, np.hstack([group, group]))
    with pytest.raises(UntestableError, match="do not vary"):
        manova(ilr(parts), np.ones((60, 1)))
    with pytest.raises(UntestableError, match="too few"):
        manova(ilr(parts[:4]), group[:4])
    with pytest.raises(UntestableError, match="cannot be told apart"):
        dirichlet(parts, np.ones((60, 2)))
    with pytest.raises(ValueError, match="are of the common form"):
        mean_ratios(dirichlet_means(parts, np.ones((60, 1)), np.ones((60, 1))), [1], [1])
    with pytest.raises(ValueError, match="the model has 1 columns"):
        mean_ratios(dirichlet(parts, np.ones((60, 1))), [1, 1], [1, 0])


GROUP = np.repeat([0.0, 1.0], 6)[:, None]
SAME = np.tile([0.2, 0.3, 0.4, 0.1], (12, 1))
APART = np.where(GROUP == 1, [[0.1, 0.3, 0.4, 0.2]], SAME)


@pytest.mark.parametrize("parts", [SAME, APART])
def test_patients_all_alike_admit_no_test(parts):
    """What scatter is left is that of rounding: it gave F of -20 with p 0.01, and Pillai's trace above its largest."""
    with pytest.raises(UntestableError, match="differ in 0 of 3 directions only"):
        manova(ilr(parts), GROUP)
    with pytest.raises(UntestableError, match="12 patients do not differ beside the 2 columns"):
        permanova(clr(parts), GROUP, permutations=99)
    with pytest.raises(UntestableError, match="equally far from its centre"):
        dispersion(clr(parts), GROUP[:, 0])
    with pytest.raises(UntestableError, match="the same in all patients of a group"):
        log_ratio_effects(parts, GROUP)
    with pytest.raises(UntestableError, match="Dirichlet"):
        dirichlet(parts, np.hstack([np.ones((12, 1)), GROUP]))


def test_two_subsets_that_nobody_has_are_one_direction_less():
    """Both stand for the same share in each patient: their ratio is constant, and a test of it would be of rounding."""
    seen = np.random.default_rng(9).dirichlet([2, 3], 12)
    parts = replace_zeros(np.column_stack([np.zeros((12, 2)), seen]))

    with pytest.raises(UntestableError, match="differ in 2 of 3 directions only"):
        manova(ilr(parts), GROUP)
    assert 0 < permanova(clr(parts), GROUP, permutations=99).p_value <= 1


def test_two_patients_have_no_scatter_of_their_own():
    """They are equally far from their middle, always: F was 1e32."""
    with pytest.raises(UntestableError, match="patients a: 3, b: 2; scatter needs two groups of 3"):
        dispersion(np.random.default_rng(1).normal(size=(5, 3)), ["a", "a", "a", "b", "b"])
