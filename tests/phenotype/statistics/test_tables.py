"""Tables of counts: by every table with the margins, by hand, by SciPy, by law, and what is refused."""

from math import factorial, prod

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from phenotype.statistics import tables
from phenotype.statistics.ranks import UntestableError
from phenotype.statistics.tables import chi_square, fisher, fisher_freeman_halton, trend_of_shares

SMALL = st.tuples(st.integers(2, 4), st.integers(2, 4)).flatmap(
    lambda shape: st.lists(st.integers(0, 3), min_size=prod(shape), max_size=prod(shape)).map(
        lambda cells: np.reshape(cells, shape)
    )
)
TWO = st.lists(st.integers(0, 30), min_size=4, max_size=4).map(lambda cells: np.reshape(cells, (2, 2)))


def rows_of(total, room):
    """Give every way to fill one row."""
    if len(room) == 1:
        if total <= room[0]:
            yield (total,)
        return
    for cell in range(min(total, room[0]) + 1):
        for rest in rows_of(total - cell, room[1:]):
            yield (cell, *rest)


def every_table(rows, columns):
    """Give every table with the margins, one row after the other."""
    if not rows:
        if not any(columns):
            yield ()
        return
    for row in rows_of(rows[0], columns):
        for others in every_table(rows[1:], tuple(c - x for c, x in zip(columns, row, strict=True))):
            yield (row, *others)


@settings(max_examples=120, deadline=None)
@given(counts=SMALL)
def test_exact_p_by_counting_every_table(counts):
    """The definition, in whole numbers: no rounding, no halves that meet."""
    assume(counts.sum(axis=0).all() and counts.sum(axis=1).all() and counts.sum() <= 14)
    margins = tuple(counts.sum(axis=1).tolist()), tuple(counts.sum(axis=0).tolist())
    scale = factorial(int(counts.sum())) ** 2

    def weight(table):
        return scale // prod(factorial(int(cell)) for row in table for cell in row)

    weights = [weight(table) for table in every_table(*margins)]
    expected = sum(w for w in weights if w <= weight(counts.tolist())) / sum(weights)

    assert fisher_freeman_halton(counts).p_value == pytest.approx(expected, rel=1e-9)


@settings(max_examples=120, deadline=None)
@given(counts=TWO)
def test_two_by_two_is_scipys(counts):
    """SciPy's 2 x 2 test is exact; ours is one case of r x c, with the same p."""
    assume(counts.sum(axis=0).all() and counts.sum(axis=1).all())

    assert fisher(counts).p_value == pytest.approx(stats.fisher_exact(counts).pvalue, rel=1e-7)
    assert fisher(counts).p_value == pytest.approx(fisher_freeman_halton(counts).p_value, rel=1e-12)


def test_the_lady_tasting_tea():
    """Fisher 1935: three of four cups right; 1, 16, 36, 16, 1 of 70 ways, so p = (1 + 16 + 16 + 1) / 70."""
    test = fisher([[3, 1], [1, 3]])

    assert test.p_value == pytest.approx(34 / 70)
    # The conditional estimate solves expected = observed: (16 w + 72 w^2 + 48 w^3 + 4 w^4) / sum = 3.
    w = test.odds_ratio
    ways = np.array([1, 16, 36, 16, 1]) * w ** np.arange(5)
    assert (ways @ np.arange(5)) / ways.sum() == pytest.approx(3)


def test_limits_of_the_odds_ratio_leave_out_what_one_side_rejects():
    """At each limit the chance of the observed cell or one further out is 2.5 %: the definition."""
    test = fisher([[8, 2], [1, 5]])

    for odds, cells in ((test.low, range(8, 10)), (test.high, range(3, 9))):
        chance = stats.nchypergeom_fisher.pmf(list(cells), 16, 9, 10, odds).sum()
        assert chance == pytest.approx(0.025, rel=1e-6)


def test_a_group_without_responders_has_an_open_interval():
    """0 of 12 against 5 of 12: the ratio is 0, and its interval begins there; the mirror image has no upper end."""
    none, all_ = fisher([[0, 12], [5, 7]]), fisher([[12, 0], [7, 5]])

    assert (none.odds_ratio, none.low) == (0, 0)
    assert (all_.odds_ratio, all_.high) == (np.inf, np.inf)
    assert none.high == pytest.approx(1 / all_.low, rel=1e-6)
    assert none.p_value == pytest.approx(all_.p_value)


@settings(max_examples=60, deadline=None)
@given(counts=SMALL, data=st.data())
def test_the_order_of_rows_and_columns_does_not_count(counts, data):
    """Neither does which of them is called a row: the same p to the last digits."""
    assume(counts.sum(axis=0).all() and counts.sum(axis=1).all())
    rows, columns = (data.draw(st.permutations(range(k))) for k in counts.shape)
    other = counts[rows][:, columns].T

    assert fisher_freeman_halton(other).p_value == pytest.approx(fisher_freeman_halton(counts).p_value, rel=1e-9)
    assert chi_square(other).statistic == pytest.approx(chi_square(counts).statistic, rel=1e-9, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(counts=TWO, correction=st.booleans())
def test_chi_square_is_scipys(counts, correction):
    """With Yates' correction no larger than the difference itself."""
    assume(counts.sum(axis=0).all() and counts.sum(axis=1).all())
    test, expected = chi_square(counts, correction=correction), stats.chi2_contingency(counts, correction=correction)

    assert (test.statistic, test.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9, abs=1e-12)
    assert test.least_expected == pytest.approx(expected.expected_freq.min())


BIG = np.array([[9, 4, 6, 3, 5], [2, 8, 5, 7, 1], [6, 6, 1, 9, 8], [3, 2, 9, 4, 7], [8, 5, 2, 6, 4]])


def test_too_many_tables_are_refused_or_drawn():
    """A 5 x 5 table of 130 patients: without a generator no p-value; with one, a p-value that tells its error."""
    with pytest.raises(UntestableError, match="too many tables of 5 x 5 with 130 patients to count"):
        fisher_freeman_halton(BIG)

    drawn, again = (fisher_freeman_halton(BIG, rng=np.random.default_rng(7), rounds=2000) for _ in range(2))
    assert drawn == again
    assert drawn.method.startswith("Fisher-Freeman-Halton, 2000 tables drawn, standard error 0.00")
    assert drawn.p_value == pytest.approx(chi_square(BIG).p_value, abs=0.02)


def test_drawn_tables_have_the_exact_chance(monkeypatch):
    """Twenty thousand draws against the count of all: within four standard errors, and never 0."""
    counts = np.array([[7, 19, 9], [18, 22, 8], [9, 10, 8], [4, 13, 10]])
    exact = fisher_freeman_halton(counts).p_value
    monkeypatch.setattr(tables, "ENUMERATION_LIMIT", 10)

    drawn = fisher_freeman_halton(counts, rng=np.random.default_rng(1), rounds=20_000).p_value
    rare = fisher_freeman_halton(np.diag([20, 20, 20, 20]), rng=np.random.default_rng(1), rounds=100).p_value

    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))
    assert rare == 1 / 101


def test_trend_by_hand():
    """2, 5, 8 of 10: (8 - 2) / sqrt(1/4 x 20); of two groups the square is chi-square without correction."""
    assert trend_of_shares([2, 5, 8], [10, 10, 10]).z == pytest.approx(6 / np.sqrt(5))
    two = trend_of_shares([3, 9], [10, 14])
    assert two.chi_square == pytest.approx(chi_square([[3, 9], [7, 5]]).statistic)
    assert (two.n, two.events) == (24, 12)


def test_trend_knows_its_direction_and_no_units():
    """Groups the other way round turn the sign; scores in months or years are the same test."""
    falling = trend_of_shares([8, 5, 2], [10, 12, 9], [0, 6, 18])

    assert falling.z < 0
    assert trend_of_shares([2, 5, 8], [9, 12, 10], [-18, -6, 0]).z == pytest.approx(-falling.z)
    assert trend_of_shares([8, 5, 2], [10, 12, 9], [1, 1.5, 2.5]).p_value == pytest.approx(falling.p_value)


def test_a_group_without_patients_changes_no_trend():
    """Nobody within a year: the other two keep their scores."""
    assert trend_of_shares([8, 0, 2], [10, 0, 9]).z == pytest.approx(trend_of_shares([8, 2], [10, 9], [0, 2]).z)


@pytest.mark.parametrize("test", [fisher, fisher_freeman_halton, chi_square])
def test_a_table_that_says_nothing_is_refused(test):
    """All responded: SciPy gives p = 1, which reads as if something had been compared."""
    with pytest.raises(UntestableError, match="a column of the table without patients"):
        test([[5, 0], [7, 0]])
    with pytest.raises(UntestableError, match="a row of the table without patients"):
        test([[0, 0], [7, 3]])
    with pytest.raises(ValueError, match="whole and not negative"):
        test([[0.5, 1], [2, 3]])
    with pytest.raises(ValueError, match="whole and not negative"):
        test([[np.nan, 1], [2, 3]])
    with pytest.raises(ValueError, match="at least 2 x 2"):
        test([5, 6])


def test_what_is_asked_wrongly_is_refused():
    """Each says what it was given."""
    with pytest.raises(ValueError, match="a table of 3 x 2; it must be 2 x 2"):
        fisher([[1, 2], [3, 4], [5, 6]])
    with pytest.raises(ValueError, match="a continuity correction of a table of 3 x 2"):
        chi_square([[1, 2], [3, 4], [5, 6]], correction=True)
    with pytest.raises(UntestableError, match="0 of 20 patients have the outcome"):
        trend_of_shares([0, 0], [10, 10])
    with pytest.raises(UntestableError, match="fewer than two groups have patients"):
        trend_of_shares([3, 0], [10, 0])
    with pytest.raises(ValueError, match="whole and not negative"):
        trend_of_shares([11, 2], [10, 10])
    with pytest.raises(ValueError, match=r"shapes \(2,\), \(3,\)"):
        trend_of_shares([1, 2], [10, 10, 10])
