"""Scales: exact, reversible, and the same as the field's reference implementation."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gating.errors import TransformError
from gating.transforms import (
    BLOCK,
    Arcsinh,
    Hyperlog,
    Linear,
    Log,
    Logicle,
    Transform,
    estimate_logicle,
    parse_transform,
)

numbers = st.floats(-1e6, 1e6)
tops = st.floats(1, 1e7)


@st.composite
def curved(draw: st.DrawFn, kind: type[Logicle] | type[Hyperlog], narrowest: float) -> Logicle | Hyperlog:
    """Any logicle or hyperlog a cytometrist may meet: W of at most 1.5 decades, M up to 8."""
    m = draw(st.floats(3, 8))
    w = draw(st.floats(narrowest, min(m / 2, 1.5)))
    a = draw(st.floats(-w, min(m - 2 * w, 2)))
    return kind(T=draw(st.floats(1000, 1e7)), W=w, M=m, A=a)


mirrored = st.one_of(curved(Logicle, 0), curved(Hyperlog, 1e-6))
arcsinhs = st.builds(Arcsinh, T=tops, M=st.floats(2, 6), A=st.floats(0, 2))
linears = st.builds(Linear, T=tops, A=st.floats(0, 1))
logs = st.builds(Log, T=tops, M=st.floats(1, 8))
signed = st.one_of(mirrored, arcsinhs, linears)
transforms = st.one_of(signed, logs)


@given(transform=signed, x=numbers)
def test_inverse_undoes_the_transform(transform: Transform, x: float):
    """A threshold found on the display scale must cut the linear events at the same place."""
    back = float(transform.inverse(transform(x)))

    assert back == pytest.approx(x, rel=1e-9, abs=1e-9 * max(1, transform.T / 1e4))


@given(transform=logs, x=st.floats(1e-3, 1e6))
def test_inverse_undoes_the_logarithm(transform: Log, x: float):
    """The logarithm is defined above zero only, and exact there."""
    assert float(transform.inverse(transform(x))) == pytest.approx(x, rel=1e-9)


@given(transform=transforms, values=st.lists(numbers, min_size=2, max_size=20))
def test_order_is_kept(transform: Transform, values: list[float]):
    """A gate on the linear scale is the gate on the display scale only if order is kept (up to rounding)."""
    shown = transform(sorted(values))

    assert all(high >= low - 1e-14 * max(1, abs(low)) for low, high in pairwise(shown.tolist()))


@given(transform=transforms)
def test_text_can_be_read_back(transform: Transform):
    """gates.csv names the transform of each gate; whoever reads it must get the very same scale."""
    assert parse_transform(str(transform)) == transform


@given(transform=transforms)
def test_top_of_the_scale_is_shown_at_one(transform: Transform):
    """Gating-ML 2.0 defines all five such that T is shown at 1."""
    assert float(transform(transform.T)) == pytest.approx(1, abs=1e-12)


@given(transform=mirrored, x=numbers)
def test_below_zero_is_the_mirror_image(transform: Transform, x: float):
    """Moore and Parks define the logicle below zero as the mirror image of that above, Gating-ML the hyperlog."""
    zero = float(transform(0.0))

    assert float(transform(x)) - zero == pytest.approx(zero - float(transform(-x)), abs=1e-14)


def test_round_trip_over_the_whole_range():
    """The error budget: 1e-9 of the value (of 1, below 1), from noise to a million, for any W."""
    x = np.concatenate([-np.geomspace(1e6, 1e-6, 20_001), [0], np.geomspace(1e-6, 1e6, 20_001)])

    for transform in (
        *(Logicle(), Logicle(W=0), Logicle(W=1.5), Logicle(W=2.25), Logicle(W=1, M=4, A=0.5)),
        *(Hyperlog(), Hyperlog(W=1e-6), Hyperlog(W=1.5), Hyperlog(W=2.25), Hyperlog(W=1, M=4, A=0.5)),
    ):
        back = transform.inverse(transform(x))

        assert np.max(np.abs(back - x) / np.maximum(np.abs(x), 1)) < 1e-9, transform


@pytest.mark.parametrize(
    "transform",
    [
        Logicle(),
        Logicle(W=0),
        Logicle(W=2.25),
        Logicle(T=10_000, W=1, M=4, A=0.5),
        Logicle(W=1, A=-1),
        Logicle(T=4_194_304, W=1.2, M=5.5, A=0.7),
        Logicle(T=1024, W=0.1),
        Hyperlog(),
        Hyperlog(W=0.01),
        Hyperlog(W=2.25),
        Hyperlog(T=10_000, W=1, M=4, A=0.5),
        Hyperlog(W=1, A=-1),
        Hyperlog(W=0.5, A=3.5),
        Hyperlog(T=4_194_304, W=1.2, M=5.5, A=0.7),
        Hyperlog(T=1024, W=0.1),
    ],
    ids=str,
)
def test_scale_equals_the_reference_implementation(transform: Logicle | Hyperlog):
    """The C code published with the definition, as flowutils compiles it, is what FlowKit computes."""
    reference = pytest.importorskip("flowutils").transforms
    x = np.concatenate([-np.geomspace(1e6, 1e-3, 5001), [0], np.geomspace(1e-3, 1e6, 5001)])
    letters = {"t": transform.T, "w": transform.W, "m": transform.M, "a": transform.A}

    name = type(transform).__name__.casefold()

    shown = transform(x)

    np.testing.assert_allclose(shown, getattr(reference, name)(x, None, **letters), rtol=0, atol=1e-14)
    theirs = getattr(reference, f"{name}_inverse")(shown, None, **letters)
    np.testing.assert_allclose(transform.inverse(shown), theirs, rtol=1e-12, atol=1e-10)


def test_logicle_by_hand():
    """W=0.5 of 4.5 decades: zero is shown at W / M, and -1000 as far below it as 1000 above."""
    assert Logicle()(0.0) == 0.5 / 4.5
    assert Logicle()([-1000, 1000]).mean() == pytest.approx(0.5 / 4.5, abs=1e-15)


def test_logicle_satisfies_its_definition():
    """At zero the scale is as straight as a line: its second derivative is zero there."""
    transform = Logicle(W=0.8, A=0.3)
    step = 1e-4
    zero = float(transform(0.0))

    left, middle, right = transform.inverse(zero + step * np.array([-1, 0, 1]))

    assert middle == 0
    assert right + left == pytest.approx(0, abs=1e-12)
    assert right / step == pytest.approx(float(transform.inverse(zero + step / 10)) * 10 / step, rel=1e-5)


def test_hyperlog_is_that_of_gating_ml():
    """The formulas of Gating-ML 2.0, written out: EH(y) = a exp(b y) + c y - f above the display value of zero."""
    top, width, decades, negative = 10_000, 1, 4.5, 0.5
    w, x2 = width / (decades + negative), negative / (decades + negative)
    x1, x0, b = x2 + w, x2 + 2 * w, (decades + negative) * math.log(10)
    ca = math.exp(b * x0) / w
    fa = math.exp(b * x1) + ca * x1
    a = top / (math.exp(b) + ca - fa)
    y = np.array([0.3, 0.31, 0.5, 0.7, 1, 1.2])

    linear = a * np.exp(b * y) + ca * a * y - fa * a

    transform = Hyperlog(T=top, W=width, M=decades, A=negative)
    assert transform.inverse(y) == pytest.approx(linear, rel=1e-13, abs=1e-11)
    assert transform(linear) == pytest.approx(y, abs=1e-15)


@pytest.mark.parametrize("decades", [1e-6, 1, 4.5, 30, 100, 300])
def test_hyperlog_is_solved_to_rounding_whatever_its_parameters(decades: float):
    """The number of steps is fixed, so it must suffice for the worst of scales; three leave 2e-14 at 300 decades."""
    for width in decades * np.array([1e-200, 1e-9, 0.01, 0.1, 0.3, 0.5]):
        for negative in (-width, decades - 2 * width):
            transform = Hyperlog(W=width, M=decades, A=negative)
            y = np.linspace(float(transform(0.0)), 1, 2001)

            assert np.max(np.abs(transform(transform.inverse(y)) - y)) < 1e-15, transform


def test_arcsinh_and_log_are_those_of_gating_ml():
    """The two formulas of Gating-ML 2.0, written out."""
    assert Arcsinh(T=10_000, M=4, A=1)(123.0) == pytest.approx(
        (math.asinh(123 * math.sinh(4 * math.log(10)) / 10_000) + math.log(10)) / (5 * math.log(10)), abs=1e-15
    )
    assert Log(T=10_000, M=5)(123.0) == pytest.approx(math.log10(123 / 10_000) / 5 + 1, abs=1e-15)
    assert Linear(T=10_000, A=500)(123.0) == pytest.approx(623 / 10_500, abs=1e-15)


@pytest.mark.parametrize("transform", [Linear(), Log(), Arcsinh(), Logicle(), Hyperlog(), Hyperlog(W=5e-324)], ids=str)
def test_values_that_are_not_finite_stay_recognisable(transform: Transform):
    """A NaN must not come out as a number, and an overflow not as a NaN: gates rely on both."""
    shown = transform([np.nan, np.inf, 1e308])

    assert np.isnan(shown[0])
    assert shown[1] == np.inf
    assert shown[2] > 1


def test_log_shows_zero_and_less_below_everything():
    """FCS data have zeros and, compensated, negatives; they must not become NaN and vanish from a range."""
    assert Log()([-5.0, 0.0]).tolist() == [-np.inf, -np.inf]
    assert Log().inverse(-np.inf) == 0


@pytest.mark.parametrize("transform", [Logicle(), Hyperlog()], ids=str)
def test_display_value_depends_on_the_event_alone(transform: Transform):
    """Shuffled events must give the same populations, to the last bit, wherever a block ends."""
    rng = np.random.default_rng(7)
    x = rng.normal(0, 5000, 3 * BLOCK + 17)
    order = rng.permutation(x.size)
    shown = transform(x)

    assert np.array_equal(transform(x[order]), shown[order])
    assert np.array_equal(transform(x[5:12]), shown[5:12])


def test_shape_is_kept():
    """Figures transform grids, gates columns, thresholds single numbers."""
    grid = np.arange(12.0).reshape(3, 4)

    assert Logicle()(grid).shape == (3, 4)
    assert Logicle()(grid.T[::2]).tolist() == Logicle()(grid).T[::2].tolist()
    assert Logicle()(5).shape == ()
    assert Logicle()([]).shape == (0,)


def test_integers_are_taken_as_numbers():
    """FCS integer data and numbers from a template are not floats."""
    assert Logicle(T=262144, W=1) == Logicle(T=262144.0, W=np.float32(1))
    assert str(Logicle(T=262144)) == "logicle(T=262144, W=0.5, M=4.5, A=0)"
    assert Logicle()(np.array([10], dtype=np.uint16)) == Logicle()(10.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(T=0), "T=0, the top of the scale, must be above 0"),
        (lambda: Linear(T=10, A=11), r"A=11 defines no scale; A is 0 to T \(0 to 10\)"),
        (lambda: Log(M=-1), "M=-1 defines no scale; M is above 0, at most 300"),
        (lambda: Arcsinh(A=5), r"A=5 defines no scale; A is 0 to M \(0 to 4.5\)"),
        (lambda: Logicle(W=2.3), r"W=2.3 defines no scale; W is 0 to M/2 \(0 to 2.25\)"),
        (lambda: Logicle(W=-0.1), "W=-0.1 defines no scale"),
        (lambda: Logicle(A=-0.6), r"A=-0.6 defines no scale; A is -W to M - 2W \(-0.5 to 3.5\)"),
        (lambda: Logicle(M=1000), "M=1000 defines no scale"),
        (lambda: Hyperlog(W=0), "W=0 defines no scale; W is above 0, at most M/2"),
        (lambda: Hyperlog(W=2.3), "W=2.3 defines no scale; W is above 0, at most M/2"),
        (lambda: Hyperlog(A=-0.6), r"A=-0.6 defines no scale; A is -W to M - 2W \(-0.5 to 3.5\)"),
        (lambda: Hyperlog(A=3.6), "A=3.6 defines no scale"),
        (lambda: Hyperlog(T=-1), "T=-1, the top of the scale, must be above 0"),
        (lambda: Logicle(T=math.nan), "T=nan is not a finite number"),
        (lambda: Logicle(W="wide"), "W='wide' is not a finite number"),
    ],
)
def test_parameters_that_define_no_scale_are_refused(make, message):
    """The message names the parameter, its value and what is allowed."""
    with pytest.raises(TransformError, match=message):
        make()


@pytest.mark.parametrize(
    ("text", "transform"),
    [
        ("linear", Linear()),
        ("logicle", Logicle()),
        ("logicle()", Logicle()),
        (" Logicle( w = 0.8 ) ", Logicle(W=0.8)),
        ("arcsinh(T=262144, M=4.5, A=0)", Arcsinh()),
        ("log(T=1e4,M=4)", Log(T=10_000, M=4)),
        ("HyperLog(W=1)", Hyperlog(W=1)),
    ],
)
def test_short_forms(text: str, transform: Transform):
    """A template is typed by hand: defaults may be left out, spaces and case do not matter."""
    assert parse_transform(text) == transform


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("asinh", "no transform 'asinh'; did you mean 'arcsinh'"),
        ("", "'' is not a transform; write one like logicle"),
        ("logicle(W=0.8", "is not a transform"),
        ("logicle(0.8)", "'0.8' has no '='; parameters are written like T=1"),
        ("logicle(W=wide)", "W='wide' is not a number"),
        ("log(W=1)", "no parameter 'W'"),
        ("logicle(W=1, W=2)", "W stands twice; give it once"),
        ("logicle(W=nan)", "W=nan is not a finite number"),
    ],
)
def test_text_that_is_no_transform_is_refused(text: str, message: str):
    """The message shows the text as typed, and what would be right."""
    with pytest.raises(TransformError, match=message):
        parse_transform(text)


def test_estimated_width_is_that_of_parks():
    """With r = -83, W = (4.5 - log10(262144 / 83)) / 2 = 0.500."""
    values = np.concatenate([np.full(1000, -83.0), np.full(500, 4000.0)])

    assert estimate_logicle(values, top=262144) == Logicle(W=0.5)


def test_estimate_shows_the_negatives():
    """Nearly all of a negative population lies on the display, and fills most of what is below zero."""
    rng = np.random.default_rng(3)
    values = rng.normal(0, 300, 20_000)
    transform = estimate_logicle(values, top=262144)

    lowest = transform(np.quantile(values[values < 0], 0.05))

    assert 0 <= lowest < transform(0.0) / 2


def test_estimate_does_not_depend_on_order():
    """Populations must not depend on the order of events in the file."""
    rng = np.random.default_rng(4)
    values = rng.normal(0, 300, 5000)

    assert estimate_logicle(values, top=262144) == estimate_logicle(rng.permutation(values), top=262144)


@pytest.mark.parametrize("negatives", [0, 1, 99])
def test_few_negatives_give_the_default(negatives: int):
    """A percentile of a handful of events is noise; the default is documented instead."""
    values = np.concatenate([np.full(negatives, -50_000.0), np.full(1000, 100.0)])

    assert estimate_logicle(values, top=262144) == Logicle()


@pytest.mark.parametrize(("negative", "width"), [(-1e-300, 0.1), (-0.5, 0.1), (-1e5, 1.5), (-1e300, 1.5)])
def test_estimate_stays_within_limits(negative: float, width: float):
    """Neither noise of nearly nothing nor a wrong compensation makes an unreadable scale."""
    transform = estimate_logicle(np.full(200, negative), top=262144)

    assert transform == Logicle(W=width)


def test_estimate_passes_over_what_is_not_finite():
    """A tenth of broken values must not decide the scale of a channel."""
    values = np.concatenate([np.full(1000, -83.0), np.full(100, -np.inf), [np.nan, np.inf]])

    assert estimate_logicle(values, top=262144) == Logicle(W=0.5)


def test_estimate_needs_a_top():
    """$PnR of 0 is seen in files; the message names it."""
    with pytest.raises(TransformError, match="T=0, the top of the scale"):
        estimate_logicle(np.zeros(3), top=0)
