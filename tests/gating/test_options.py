"""Options typed by people: converted, or refused with what is wrong."""

import pytest

from gating.methods import CHAIN_OPTIONS, cut, fit_quadrant, fixed_polygon
from gating.options import OptionError, bind_options, split_options, split_outside
from gating.transforms import Logicle


def test_arguments_split_outside_parentheses_only():
    """A chain's own commas and equals signs belong to the chain."""
    text = "x=control(fmo, quantile=0.99) > valley; quadrant=++"

    assert split_options(text) == {"x": "control(fmo, quantile=0.99) > valley", "quadrant": "++"}


def test_an_argument_given_twice_is_refused():
    """Taking the last would drop what the analyst wrote first, without a word."""
    with pytest.raises(OptionError, match="argument 'side' stands twice"):
        split_options("side=above; side=below")


def test_an_argument_without_equals_is_refused():
    """It would otherwise be read and ignored."""
    with pytest.raises(OptionError, match="argument 'below' has no '='"):
        split_options("below")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sied": "above"}, "no argument 'sied'; did you mean 'side'"),
        ({"quadrant": "++", "transform": "biex"}, "no argument 'quadrant'"),
    ],
)
def test_an_unknown_argument_is_refused_with_the_nearest(given, message):
    """A misspelt option must not fall back to its default."""
    with pytest.raises(OptionError, match=message):
        bind_options(cut, given, CHAIN_OPTIONS)


def test_numbers_lists_and_transforms_are_read():
    """One polygon in a CSV cell, edges straight on a logicle scale."""
    bound = bind_options(fixed_polygon, {"vertices": "1 2, 3 4, 5 6", "transform": "logicle(W=1)"})

    assert bound == {"vertices": (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), "transform": Logicle(W=1.0)}


@pytest.mark.parametrize(
    ("text", "message"),
    [("nan", "not a finite number"), ("1e999", "not a finite number"), ("ten", "'ten' is not a number")],
)
def test_a_number_must_be_finite(text, message):
    """A gate with an edge at NaN holds no event, and says nothing."""
    with pytest.raises(OptionError, match=message):
        bind_options(fixed_polygon, {"vertices": f"1 2 3 4 5 {text}"})


def test_a_required_argument_is_asked_for():
    """A quadrant row without a sign would be some quadrant."""
    with pytest.raises(OptionError, match="quadrant: argument 'quadrant' is missing"):
        bind_options(fit_quadrant, {}, CHAIN_OPTIONS)


def test_split_outside_keeps_nested_parentheses():
    """Transforms with arguments stand inside steps with arguments."""
    assert split_outside("a(b(c,d),e),f", ",") == ["a(b(c,d),e)", "f"]
