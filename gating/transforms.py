"""Scales on which signals are looked at: linear values to display values and back.

The five transforms are those of Gating-ML 2.0 [1]_, with its letters: ``T`` is the top of the linear scale,
shown at 1; ``M`` the decades of the logarithmic part; ``W`` the decades of the linear part of a logicle or hyperlog;
``A`` additional negative decades. They never change an event: gates and figures look through them.

References
----------
.. [1] Spidlen J et al. Gating-ML 2.0, ISAC recommendation, 2013; Cytometry A 2015;87:683-687.
"""

import math
import re
import sys
from dataclasses import dataclass, fields
from functools import lru_cache
from numbers import Real
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gating.errors import TransformError, missing
from gating.tally import Tally

__all__ = [
    "Arcsinh",
    "Hyperlog",
    "Linear",
    "Log",
    "Logicle",
    "Transform",
    "decade",
    "estimate_logicle",
    "parse_transform",
]

LN10 = math.log(10)
MOST_DECADES = 300
"""A double spans 308 decades; beyond, the scale itself overflows."""
BLOCK = 16_384
"""Events solved at a time: what a logicle needs for them stays in the processor's cache."""
LOGICLE_STEPS = 3
"""Two steps reach 1e-9 of the display for any W and M up to 10 decades, the third reaches rounding."""
HYPERLOG_STEPS = 4
"""Three steps reach rounding for M up to 30 decades, the fourth for every scale there is."""


class Transform(Protocol):
    """A strictly increasing scale; ``str(t)`` can be read back by :func:`parse_transform`."""

    @property
    def T(self) -> float:  # noqa: N802 - the letter of Gating-ML 2.0
        """Top of the scale."""
        ...

    def __hash__(self) -> int:
        """Return the same for scales that show all values alike."""
        ...

    def __call__(self, linear: ArrayLike, /) -> NDArray[np.float64]:
        """Return display values of any shape; the range of interest is 0 to 1."""
        ...

    def inverse(self, displayed: ArrayLike, /) -> NDArray[np.float64]:
        """Return the linear values that are shown there."""
        ...


def decade(scale: Transform) -> float:
    """Return how long the last decade below the top is on the display: what an analyst calls one decade.

    Examples
    --------
    >>> round(decade(Logicle(M=4.5)), 2)
    0.22
    """
    below, top = scale([scale.T / 10, scale.T])
    return float(top - below)


@dataclass(frozen=True, slots=True)
class Linear:
    """Show values as ``(x + A) / (T + A)``; by default as they are.

    Raises
    ------
    TransformError
        Unless ``T > 0`` and ``0 <= A <= T``.

    Examples
    --------
    >>> Linear(T=262144)([0, 131072])
    array([0. , 0.5])
    """

    T: float = 1.0
    """Top of the scale, shown at 1."""
    A: float = 0.0
    """How far the scale extends below zero, in linear units."""

    def __post_init__(self) -> None:
        _settle(self)
        _check(self, "A", 0, self.T, "0 to T")

    def __call__(self, linear: ArrayLike) -> NDArray[np.float64]:
        """Return display values, of the shape given."""
        return (_floats(linear) + self.A) / (self.T + self.A)

    def inverse(self, displayed: ArrayLike) -> NDArray[np.float64]:
        """Return linear values, of the shape given."""
        return _floats(displayed) * (self.T + self.A) - self.A

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True, slots=True)
class Log:
    """Show values as ``log10(x / T) / M + 1``.

    There is no logarithm of zero and less: such values are shown at minus infinity, below
    every other, so that order is kept; no drawn shape contains them.

    Raises
    ------
    TransformError
        Unless ``T`` and ``M`` are positive.

    Examples
    --------
    >>> Log(T=10_000, M=4)([1, 100, 10_000, -5])
    array([ 0. ,  0.5,  1. , -inf])
    """

    T: float = 262144.0
    """Top of the scale, shown at 1."""
    M: float = 4.5
    """Decades shown between 0 and 1."""

    def __post_init__(self) -> None:
        _settle(self)

    def __call__(self, linear: ArrayLike) -> NDArray[np.float64]:
        """Return display values, of the shape given."""
        with np.errstate(divide="ignore"):
            shown: NDArray[np.float64] = np.log10(np.maximum(_floats(linear), 0) / self.T) / self.M + 1
        return shown

    def inverse(self, displayed: ArrayLike) -> NDArray[np.float64]:
        """Return linear values, of the shape given; zero for minus infinity."""
        with np.errstate(over="ignore"):
            return self.T * np.power(10.0, (_floats(displayed) - 1) * self.M)

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True, slots=True)
class Arcsinh:
    """Show values as ``(asinh(x sinh(M ln 10) / T) + A ln 10) / ((M + A) ln 10)``.

    Raises
    ------
    TransformError
        Unless ``T`` and ``M`` are positive and ``0 <= A <= M``.

    Examples
    --------
    >>> Arcsinh(T=1000, M=4, A=1)([-1000, 0, 1000]).round(6)
    array([-0.6,  0.2,  1. ])
    """

    T: float = 262144.0
    """Top of the scale, shown at 1."""
    M: float = 4.5
    """Decades from the quasi-linear part to the top."""
    A: float = 0.0
    """Additional negative decades."""

    def __post_init__(self) -> None:
        _settle(self)
        _check(self, "A", 0, self.M, "0 to M")

    def __call__(self, linear: ArrayLike) -> NDArray[np.float64]:
        """Return display values, of the shape given."""
        slope = math.sinh(self.M * LN10) / self.T
        return (np.arcsinh(_floats(linear) * slope) + self.A * LN10) / ((self.M + self.A) * LN10)

    def inverse(self, displayed: ArrayLike) -> NDArray[np.float64]:
        """Return linear values, of the shape given."""
        slope = math.sinh(self.M * LN10) / self.T
        with np.errstate(over="ignore"):
            return np.sinh(_floats(displayed) * ((self.M + self.A) * LN10) - self.A * LN10) / slope

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True, slots=True)
class Logicle:
    """Show values linearly around zero and logarithmically far from it.

    The scale is the inverse of a biexponential ``B(y) = a exp(b y) - c exp(-d y) + f`` whose five
    coefficients follow from ``T, W, M, A``; below zero it is the mirror image of what it is above [1]_.

    Raises
    ------
    TransformError
        Unless ``T`` and ``M`` are positive, ``0 <= W <= M / 2`` and ``-W <= A <= M - 2 W``.

    Notes
    -----
    Counted from the display value of zero, ``z = y - y0``, the biexponential is
    ``alpha expm1(b z) - gamma expm1(-d z)``: two positive terms, so nothing cancels near zero, and its curvature
    there is zero exactly if ``gamma = alpha (b / d)**2``. The condition that fixes ``d``,
    ``2 ln(d / b) + w (b + d) = 0`` with ``w = W / (M + A)``, is solved by Lambert's W function.
    ``z`` is found for all events at once by a fixed number of steps of Householder's third-order method, so the
    display value of an event depends on no other event. Monotone up to rounding (a few 1e-16).

    References
    ----------
    .. [1] Moore WA, Parks DR. Cytometry A 2012;81:273-277.

    Examples
    --------
    >>> Logicle()([-1000, 0, 1000, 262144]).round(4)
    array([-0.2321,  0.1111,  0.4543,  1.    ])
    >>> print(Logicle(W=0.8))
    logicle(T=262144, W=0.8, M=4.5, A=0)
    """

    T: float = 262144.0
    """Top of the scale, shown at 1."""
    W: float = 0.5
    """Decades of the quasi-linear part, on either side of zero."""
    M: float = 4.5
    """Decades of the whole scale, were it logarithmic."""
    A: float = 0.0
    """Additional negative decades."""

    def __post_init__(self) -> None:
        _settle(self)
        _check(self, "W", 0, self.M / 2, "0 to M/2")
        _check(self, "A", -self.W, self.M - 2 * self.W, "-W to M - 2W")

    def __call__(self, linear: ArrayLike) -> NDArray[np.float64]:
        """Return display values, of the shape given; what is not finite stays as it is."""
        return _shown(_biexponential(self.T, self.W, self.M, self.A), linear)

    def inverse(self, displayed: ArrayLike) -> NDArray[np.float64]:
        """Return linear values, of the shape given."""
        return _linear(_biexponential(self.T, self.W, self.M, self.A), displayed)

    def __str__(self) -> str:
        return _text(self)


@dataclass(frozen=True, slots=True)
class Hyperlog:
    """Show values by the inverse of a line plus an exponential: linear around zero, logarithmic far from it.

    The scale is the inverse of ``EH(y) = a exp(b y) + c y - f`` whose four coefficients follow from ``T, W, M, A``;
    below zero it is the mirror image of what it is above [1]_.

    Raises
    ------
    TransformError
        Unless ``T`` and ``M`` are positive, ``0 < W <= M / 2`` and ``-W <= A <= M - 2 W``.

    Notes
    -----
    Counted from the display value of zero, ``z = y - y0``, the curve is ``alpha expm1(b z) + c z``: two positive
    terms, so nothing cancels near zero. At ``z = w``, where the quasi-linear part ends, exponential and line weigh
    the same, ``alpha exp(b w) = c w`` with ``w = W / (M + A)``; that and ``T`` define both. ``z`` is found as for a
    :class:`Logicle`, so the display value of an event depends on no other event. Monotone up to rounding (a few 1e-16).

    References
    ----------
    .. [1] Bagwell CB. Cytometry A 2005;64:34-42.

    Examples
    --------
    >>> Hyperlog()([-1000, 0, 1000, 262144]).round(4)
    array([-0.2168,  0.1111,  0.4391,  1.    ])
    >>> print(Hyperlog(W=0.8))
    hyperlog(T=262144, W=0.8, M=4.5, A=0)
    """

    T: float = 262144.0
    """Top of the scale, shown at 1."""
    W: float = 0.5
    """Decades of the quasi-linear part, on either side of zero."""
    M: float = 4.5
    """Decades of the whole scale, were it logarithmic."""
    A: float = 0.0
    """Additional negative decades."""

    def __post_init__(self) -> None:
        _settle(self)
        _check(self, "W", math.ulp(0), self.M / 2, "above 0, at most M/2")
        _check(self, "A", -self.W, self.M - 2 * self.W, "-W to M - 2W")

    def __call__(self, linear: ArrayLike) -> NDArray[np.float64]:
        """Return display values, of the shape given; what is not finite stays as it is."""
        return _shown(_line_and_exponential(self.T, self.W, self.M, self.A), linear)

    def inverse(self, displayed: ArrayLike) -> NDArray[np.float64]:
        """Return linear values, of the shape given."""
        return _linear(_line_and_exponential(self.T, self.W, self.M, self.A), displayed)

    def __str__(self) -> str:
        return _text(self)


class _Biexponential(NamedTuple):
    """``alpha expm1(b z) - gamma expm1(-d z)``, where z is the display distance from zero."""

    alpha: float
    gamma: float
    b: float
    d: float
    zero: float
    """Display value of zero."""
    steps: int = LOGICLE_STEPS

    def value(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the linear value at a distance ``z >= 0``."""
        return self.alpha * np.expm1(self.b * z) - self.gamma * np.expm1(-self.d * z)

    @property
    def slope(self) -> float:
        """Linear units per display unit at zero."""
        return self.alpha * self.b + self.gamma * self.d

    def derivatives(self, z: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Return the linear value at ``z`` and its first three derivatives."""
        rising = self.alpha * np.exp(self.b * z)
        falling = self.gamma * np.exp(-self.d * z)
        return (
            (rising - self.alpha) + (self.gamma - falling),
            self.b * rising + self.d * falling,
            self.b**2 * rising - self.d**2 * falling,
            self.b**3 * rising + self.d**3 * falling,
        )


@lru_cache(maxsize=256)
def _biexponential(top: float, width: float, decades: float, negative: float) -> _Biexponential:
    """Return the curve of ``Logicle(T, W, M, A)``."""
    from scipy.special import lambertw  # what is gated on linear scales need not load it

    b = (decades + negative) * LN10
    half = width * LN10 / 2
    d = b * float(lambertw(half * math.exp(-half)).real) / half if half else b
    zero = (negative + width) / (decades + negative)
    ratio = (b / d) ** 2
    alpha = top / (math.expm1(b * (1 - zero)) - ratio * math.expm1(-d * (1 - zero)))
    return _Biexponential(alpha, ratio * alpha, b, d, zero)


class _LineAndExponential(NamedTuple):
    """``alpha expm1(b z) + c z``, where z is the display distance from zero."""

    alpha: float
    b: float
    c: float
    zero: float
    """Display value of zero."""
    steps: int = HYPERLOG_STEPS

    def value(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the linear value at a distance ``z >= 0``."""
        return self.alpha * np.expm1(self.b * z) + self.c * z

    @property
    def slope(self) -> float:
        """Linear units per display unit at zero."""
        return self.alpha * self.b + self.c

    def derivatives(self, z: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Return the linear value at ``z`` and its first three derivatives."""
        risen = self.alpha * np.expm1(self.b * z)
        first = self.b * (risen + self.alpha)
        second = self.b * first
        return risen + self.c * z, first + self.c, second, self.b * second


@lru_cache(maxsize=256)
def _line_and_exponential(top: float, width: float, decades: float, negative: float) -> _LineAndExponential:
    """Return the curve of ``Hyperlog(T, W, M, A)``."""
    b = (decades + negative) * LN10
    zero = (negative + width) / (decades + negative)
    # Where 1 / w would overflow, the scale is a straight line already.
    w = max(width / (decades + negative), sys.float_info.min)
    ratio = 10**width / w
    c = top / (1 - zero + math.expm1(b * (1 - zero)) / ratio)
    return _LineAndExponential(c / ratio, b, c, zero)


_Curve: TypeAlias = _Biexponential | _LineAndExponential


def _shown(curve: _Curve, linear: ArrayLike) -> NDArray[np.float64]:
    """Return display values, of the shape given; below zero the curve is mirrored."""
    values = _floats(linear)
    flat = np.ascontiguousarray(values).reshape(-1)
    shown = np.empty_like(flat)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, flat.size, BLOCK):
            block = flat[start : start + BLOCK]
            shown[start : start + BLOCK] = curve.zero + np.copysign(_solve(curve, np.abs(block)), block)
    return shown.reshape(values.shape)


def _linear(curve: _Curve, displayed: ArrayLike) -> NDArray[np.float64]:
    """Return linear values, of the shape given."""
    distance = _floats(displayed) - curve.zero
    with np.errstate(over="ignore"):
        return np.copysign(curve.value(np.abs(distance)), distance)


def _solve(curve: _Curve, target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance at which the linear value is ``target >= 0``."""
    # The curve is convex and lies above its exponential and above its tangent at zero: both starts are right of
    # the root. Near the largest double a step overflows, and the logarithmic start is exact to rounding.
    logarithmic = np.log1p(target / curve.alpha) / curve.b
    start = z = np.minimum(logarithmic, target / curve.slope)
    for _ in range(curve.steps):
        z = _step(curve, z, target)
    return np.where(np.isfinite(z), z, start)


def _step(curve: _Curve, z: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take one step of Householder's third-order method."""
    value, first, second, third = curve.derivatives(z)
    newton = (value - target) / first
    halley = newton * (second / first)
    return z - newton * (1 - halley / 2) / (1 - halley + newton * newton * (third / first) / 6)


FEWEST_NEGATIVES = 100
"""Below this many, the 5th percentile of the negatives rests on fewer than five events."""
NARROWEST = 0.1
"""A smaller W leaves so little linear scale that noise around zero is drawn as two peaks."""
WIDEST = 1.5
"""Leaves 1.5 of 4.5 decades logarithmic. More is asked for only when noise exceeds 8,000 of 262,144: a wrong
compensation, which no scale should hide."""


def estimate_logicle(values: ArrayLike | Tally, *, top: float) -> Logicle:
    """Return the logicle that shows the negative events of a channel whole, and no more.

    ``W = (M - log10(T / |r|)) / 2`` with M = 4.5 decades and r the 5th percentile of the negative values [1]_,
    rounded to 0.001 and kept within 0.1 and 1.5. With fewer than 100 negative values W is 0.5,
    the default of Gating-ML.

    Parameters
    ----------
    values
        (n,), linear, compensated; what is not finite is passed over. Their order does not matter. Or their tally.
    top
        T, the upper end of the channel's linear scale ($PnR).

    Raises
    ------
    TransformError
        If ``top`` is not a positive number.

    References
    ----------
    .. [1] Parks DR, Roederer M, Moore WA. Cytometry A 2006;69:541-551.

    Examples
    --------
    >>> noise = np.linspace(-200, 200, 4001)
    >>> print(estimate_logicle(noise, top=262144))
    logicle(T=262144, W=0.68, M=4.5, A=0)
    """
    default = Logicle(T=top)
    if not isinstance(values, Tally):
        linear = _floats(values)
        values = Tally(*np.unique(linear[np.isfinite(linear)], return_counts=True))
    below = values.values < 0
    negative = Tally(values.values[below], values.counts[below])
    if negative.n < FEWEST_NEGATIVES:
        return default
    reference = -negative.quantile(0.05)
    width = (default.M - math.log10(default.T / reference)) / 2
    return Logicle(T=top, W=round(min(max(width, NARROWEST), WIDEST), 3))


_Scale: TypeAlias = Linear | Log | Arcsinh | Logicle | Hyperlog
TRANSFORMS: dict[str, type[_Scale]] = {
    "linear": Linear,
    "log": Log,
    "arcsinh": Arcsinh,
    "logicle": Logicle,
    "hyperlog": Hyperlog,
}


def parse_transform(text: str) -> Transform:
    """Read a transform from text; parameters that are not given have their default.

    Raises
    ------
    TransformError
        If the name, a parameter or a value is not one.

    Examples
    --------
    >>> parse_transform("logicle(W=0.8)")
    Logicle(T=262144.0, W=0.8, M=4.5, A=0.0)
    >>> parse_transform("linear")
    Linear(T=1.0, A=0.0)
    >>> parse_transform("logicel")
    Traceback (most recent call last):
    gating.errors.TransformError: 'logicel': no transform 'logicel'; did you mean 'logicle'? Known: linear, ...
    """
    found = re.fullmatch(r"\s*(\w+)\s*(?:\((.*)\))?\s*", text)
    if found is None:
        raise TransformError(f"{text!r} is not a transform; write one like logicle(T=262144, W=0.5, M=4.5, A=0)")
    name, inside = found[1].casefold(), found[2] or ""
    if name not in TRANSFORMS:
        raise TransformError(missing("transform", name, TRANSFORMS, repr(text)))
    known = [field.name for field in fields(TRANSFORMS[name])]
    given: dict[str, float] = {}
    for part in filter(None, map(str.strip, inside.split(","))):
        letter, value = _parse_parameter(part, known, text)
        if letter in given:
            raise TransformError(f"{text!r}: {letter} stands twice; give it once")
        given[letter] = value
    return TRANSFORMS[name](**given)


def _parse_parameter(part: str, known: list[str], text: str) -> tuple[str, float]:
    """Read ``W=0.8``."""
    letter, equals, value = (word.strip() for word in part.partition("="))
    if not equals:
        raise TransformError(f"{text!r}: {part!r} has no '='; parameters are written like {known[0]}=1")
    if letter.upper() not in known:
        raise TransformError(missing("parameter", letter, known, repr(text)))
    try:
        return letter.upper(), float(value)
    except ValueError as error:
        raise TransformError(f"{text!r}: {letter}={value!r} is not a number") from error


def _floats(numbers: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(numbers, dtype=np.float64)


def _text(transform: _Scale) -> str:
    """Write a transform such that :func:`parse_transform` gives it back exactly."""
    name = type(transform).__name__.casefold()
    letters = (field.name for field in fields(transform))
    return f"{name}({', '.join(f'{letter}={_number(getattr(transform, letter))}' for letter in letters)})"


def _number(value: object) -> str:
    """Write a number as short as it can be read back exactly."""
    return repr(float(value) if isinstance(value, Real) else value).removesuffix(".0")


def _settle(transform: _Scale) -> None:
    """Make every parameter a finite float, T and M positive."""
    for field in fields(transform):
        value = getattr(transform, field.name)
        if not isinstance(value, Real) or not math.isfinite(value):
            raise TransformError(f"{_text(transform)}: {field.name}={value!r} is not a finite number")
        object.__setattr__(transform, field.name, float(value))
    if transform.T <= 0:
        raise TransformError(f"{transform}: T={_number(transform.T)}, the top of the scale, must be above 0")
    if not isinstance(transform, Linear):
        _check(transform, "M", math.ulp(0), MOST_DECADES, f"above 0, at most {MOST_DECADES}")


def _check(transform: _Scale, letter: str, low: float, high: float, allowed: str) -> None:
    """Refuse a parameter outside of its limits."""
    value = getattr(transform, letter)
    if not low <= value <= high:
        limits = f"{allowed} ({low:g} to {high:g})" if "to" in allowed.split() else allowed
        raise TransformError(f"{transform}: {letter}={_number(value)} defines no scale; {letter} is {limits}")
