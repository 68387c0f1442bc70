"""How numbers are written for people: percent, percentage points, P values, counts.

Files keep fractions with all their digits. Figures and the report round in these functions and nowhere else.
"""

import math

__all__ = [
    "count", "decimal", "interval", "p_value", "percent", "points", "points_interval", "ratio", "significant",
]  # fmt: skip

MISSING = "–"
"""What stands where there is no number."""


def count(value: float | None) -> str:
    """Return a whole number with thousands set apart.

    Examples
    --------
    >>> count(60000), count(float("nan"))
    ('60,000', '–')
    """
    return MISSING if _absent(value) else f"{int(value or 0):,}"


def percent(fraction: float | None) -> str:
    """Return a fraction as a percentage with one decimal.

    Examples
    --------
    >>> percent(0.2346), percent(float("nan"))
    ('23.5 %', '–')
    """
    return MISSING if _absent(fraction) else f"{_tenth(fraction)} %"


def interval(low: float | None, high: float | None) -> str:
    """Return an interval of fractions in percent.

    Examples
    --------
    >>> interval(0.201, 0.268)
    '20.1 to 26.8'
    """
    return MISSING if _absent(low) or _absent(high) else f"{_tenth(low)} to {_tenth(high)}"


def points(difference: float | None) -> str:
    """Return a difference of fractions in percentage points, always with its sign.

    Examples
    --------
    >>> points(-0.1094), points(0.02), points(0.0)
    ('−10.9', '+2.0', '0.0')
    """
    if difference is None or _absent(difference):
        return MISSING
    text = _tenth(difference)
    return f"+{text}" if difference > 0 and text != "0.0" else text


def points_interval(low: float | None, high: float | None) -> str:
    """Return an interval of differences in percentage points.

    Examples
    --------
    >>> points_interval(-0.161, -0.042), points_interval(None, None)
    ('−16.1 to −4.2', '–')
    """
    return MISSING if _absent(low) or _absent(high) else f"{points(low)} to {points(high)}"


def p_value(p: float | None) -> str:
    """Return a P value to three decimals, or ``<0.001``.

    Examples
    --------
    >>> p_value(0.0312), p_value(0.00004), p_value(1.0), p_value(None)
    ('0.031', '<0.001', '1.000', '–')
    """
    if p is None or _absent(p):
        return MISSING
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def decimal(value: float | None) -> str:
    """Return a number with two decimals.

    Examples
    --------
    >>> decimal(-0.456), decimal(None)
    ('−0.46', '–')
    """
    return MISSING if _absent(value) else _signed(f"{value:.2f}")


def significant(value: float | None) -> str:
    """Return a number with three leading digits, a large one whole with thousands set apart.

    Examples
    --------
    >>> significant(0.01234), significant(-74.75), significant(1305.4), significant(None)
    ('0.0123', '−74.8', '1,305', '–')
    """
    if value is None or _absent(value):
        return MISSING
    return _signed(f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}")


def ratio(value: float | None) -> str:
    """Return an odds or hazard ratio with three decimals, as papers print it; fewer where it is large.

    Examples
    --------
    >>> ratio(0.3521), ratio(14.628), ratio(1371.7), ratio(0.00004), ratio(float("inf")), ratio(None)
    ('0.352', '14.63', '1,372', '<0.001', '∞', '–')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞"
    if 0 < value < 0.001:
        return "<0.001"
    return f"{value:.3f}" if value < 10 else f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _absent(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _tenth(fraction: float | None) -> str:
    return _signed(f"{100 * (fraction or 0.0):.1f}")


def _signed(text: str) -> str:
    """Write a minus as a minus, and no minus before nought."""
    negative = text.startswith("-") and bool(text.strip("-0."))
    return f"−{text[1:]}" if negative else text.removeprefix("-")
