"""Numbers for people: rounded once, never into something else."""

import pytest

from phenotype.figures.numbers import p_value, points, significant


@pytest.mark.parametrize(
    ("p", "text"), [(0.00049, "<0.001"), (0.00099, "<0.001"), (0.001, "0.001"), (0.0496, "0.050"), (0.0494, "0.049")]
)
def test_a_p_value_is_never_nought(p, text):
    """Three decimals of a small P value would say that chance is excluded."""
    assert p_value(p) == text


@pytest.mark.parametrize(("difference", "text"), [(0.0004, "0.0"), (-0.0004, "0.0"), (0.0006, "+0.1"), (-1, "−100.0")])
def test_what_rounds_to_nought_has_no_sign(difference, text):
    """A sign says that there is a difference."""
    assert points(difference) == text


@pytest.mark.parametrize(
    ("value", "text"), [(999.4, "999"), (999.7, "1,000"), (0.09996, "0.1"), (-0.5, "−0.5"), (1234567.0, "1,234,567")]
)
def test_a_number_that_rounds_up_to_the_next_decade_is_written_out(value, text):
    """Three digits of 999.7 are 1e+03: no reader of a figure writes so."""
    assert significant(value) == text
