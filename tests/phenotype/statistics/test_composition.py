"""Compositions: invariances, permutation p-values, and what has no log-ratio. R's numbers are in test_golden."""

import numpy as np
import pytest

from phenotype.statistics.composition import closed, clr, dispersion, ilr, manova, permanova, replace_zeros
from phenotype.statistics.dirichlet import dirichlet, dirichlet_means
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


def test_what_has_no_answer_is_refused():
    """A zero has no logarithm, a constant no effect, three patients no covariance of three ratios."""
    parts, group = patients()
    with pytest.raises(ValueError, match="replace zeros first"):
        clr([[0.0, 0.5, 0.5]])
    with pytest.raises(ValueError, match="no row all zero"):
        closed([[0.0, 0.0]])
    with pytest.raises(UntestableError, match="do not vary"):
        manova(ilr(parts), np.ones((60, 1)))
    with pytest.raises(UntestableError, match="too few"):
        manova(ilr(parts[:4]), group[:4])
    with pytest.raises(UntestableError, match="cannot be told apart"):
        dirichlet(parts, np.ones((60, 2)))
