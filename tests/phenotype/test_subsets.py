"""The definitions of the subsets, held against a template that divides otherwise."""

import pytest

from gating import parse_template
from phenotype.subsets import DEFAULT_TEMPLATE, SUBSETS, quadrant_faults


def faults(*replaced: tuple[str, str]) -> list[str]:
    """Return the faults of the default template with some texts replaced."""
    text = DEFAULT_TEMPLATE
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    template = parse_template(text)
    return list(quadrant_faults({subset: template.row(subset) for subset in SUBSETS}))


def test_the_default_template_follows_the_definitions():
    """It is what most studies start from."""
    assert faults() == []


def test_markers_in_the_other_order_are_not_the_same_quadrants():
    """With CD45RA first, ``+-`` is effector, not central memory: two subsets would trade places unseen."""
    assert faults(("CD62L|CD45RA", "CD45RA|CD62L")) == [
        "subset 'central_memory' is CD62L-; by definition it is CD62L+",
        "subset 'central_memory' is CD45RA+; by definition it is CD45RA-",
        "subset 'effector' is CD62L+; by definition it is CD62L-",
        "subset 'effector' is CD45RA-; by definition it is CD45RA+",
    ]


def test_a_quadrant_used_twice_leaves_one_unused():
    """Its cells would be counted twice, and those of the fourth not at all."""
    found = faults(("naive,CAR+ T,CD62L|CD45RA,quadrant,quadrant=++", "naive,CAR+ T,CD62L|CD45RA,quadrant,quadrant=+-"))

    assert found[-1] == "subsets 'naive' and 'central_memory' are both CD62L+ CD45RA-; each is a quadrant of its own"


def test_quadrants_of_two_pairs_do_not_divide_a_population():
    """CD62L in one row and CD27 in the others is a slip of the pen, and the sum of four shares is not one."""
    assert faults(("naive,CAR+ T,CD62L|", "naive,CAR+ T,CD27|")) == [
        "the four subsets are quadrants of CD27|CD45RA and of CD45RA|CD62L; they divide one pair of channels"
    ]


@pytest.mark.parametrize(
    "replaced",
    [
        (("CD62L|CD45RA", "CCR7|CD45RA BV510"),),
        (("CD62L|CD45RA", "BV421-A|BV510-A"),),
        (
            ("quadrant=++", "quadrant=a"), ("quadrant=+-", "quadrant=++"), ("quadrant=a", "quadrant=+-"),
            ("quadrant=--", "quadrant=a"), ("quadrant=-+", "quadrant=--"), ("quadrant=a", "quadrant=-+"),
            ("CD62L|CD45RA", "CD62L|CD45RO"),
        ),
    ],
)  # fmt: skip
def test_another_panel_is_left_alone(replaced):
    """CCR7 stands for CD62L; detector names and CD45RO are for a person to know."""
    assert faults(*replaced) == []
