"""A value as a cell of a CSV, and back: what a spreadsheet would run as a formula is guarded."""

import math

__all__ = ["as_typed", "cell"]

_MISSING = {"NaTType", "NAType"}
"""Of pandas, which need not be loaded to know that a value is not one of them."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes text that starts so for a formula."""


def cell(value: object) -> str:
    """Return a value as a CSV cell; every end of line within text is a line feed, which CSV puts in quotes.

    Examples
    --------
    >>> cell(0.1), cell(3), cell(float("nan")), cell("=1+1"), cell(-2.3), cell(True)
    ('0.1', '3', '', "'=1+1", '-2.3', '1')
    """
    if value is None or type(value).__name__ in _MISSING:
        return ""
    if isinstance(value, str):
        guarded = f"'{value}" if value.startswith(_FORMULA) else value
        return guarded.replace("\r\n", "\n").replace("\r", "\n")
    if hasattr(value, "isoformat"):
        return str(value.isoformat())[:10]
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        return ""
    whole = not isinstance(value, float) and number == int(number)
    return str(int(number)) if whole else repr(number)


def as_typed(text: str) -> str:
    """Return a cell's text without the guard that :func:`cell` gave it.

    Examples
    --------
    >>> as_typed(cell("=1+1")), as_typed("'n Roll")
    ('=1+1', "'n Roll")
    """
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
