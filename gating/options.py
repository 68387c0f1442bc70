"""Options that people type in a template: ``smoothing=1.5; on=T cells``.

A method is a plain function; its keyword-only parameters, with their annotations and defaults, are the
options it takes. This module turns text into those arguments, or says what is wrong with each.
"""

import inspect
import math
import types
from collections.abc import Callable, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from gating.errors import TransformError, missing
from gating.transforms import Transform, parse_transform

__all__ = ["OptionError", "bind_options", "keyword_options", "split_options", "split_outside"]

Converters = Mapping[Any, Callable[[str, str], Any]]
NO_CONVERTERS: Converters = types.MappingProxyType({})


class OptionError(ValueError):
    """An option is unknown, missing, or has a value of the wrong kind."""


def split_options(text: str, separator: str = ";") -> dict[str, str]:
    """Split ``key=value`` pairs; a separator within parentheses belongs to the value.

    Raises
    ------
    OptionError
        If a part has no ``=``, or a key stands twice.

    Examples
    --------
    >>> split_options("quadrant=++; on=T cells")
    {'quadrant': '++', 'on': 'T cells'}
    """
    options: dict[str, str] = {}
    for part in split_outside(text, separator):
        key, equals, value = part.partition("=")
        if not equals:
            raise OptionError(f"argument {part!r} has no '='; arguments read key=value; key=value")
        if key.strip() in options:
            raise OptionError(f"argument {key.strip()!r} stands twice; give it once")
        options[key.strip()] = value.strip()
    return options


def split_outside(text: str, separator: str) -> list[str]:
    """Split at a separator that is not within parentheses; parts are stripped, empty ones dropped.

    Examples
    --------
    >>> split_outside("control(fmo, quantile=0.99) > valley", ">")
    ['control(fmo, quantile=0.99)', 'valley']
    """
    parts, depth = [""], 0
    for sign in text:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def bind_options(
    function: Callable[..., Any], given: Mapping[str, str], converters: Converters = NO_CONVERTERS
) -> dict[str, Any]:
    """Turn texts into the keyword arguments of a method.

    ``converters`` adds types beyond numbers, yes/no, text, transforms and lists of them.

    Raises
    ------
    OptionError
        If an option is unknown, a required one is missing, or a text does not fit its type.

    Examples
    --------
    >>> def valley(values, *, smoothing: float = 1.5): ...
    >>> bind_options(valley, {"smoothing": "2"})
    {'smoothing': 2.0}
    >>> bind_options(valley, {"smothing": "2"})
    Traceback (most recent call last):
    gating.options.OptionError: valley: no argument 'smothing'; did you mean 'smoothing'? Known: smoothing
    """
    known = keyword_options(function)
    hints = get_type_hints(function)
    for key in given:
        if key not in known:
            raise OptionError(missing("argument", key, known, _name(function)))
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in given:
            raise OptionError(f"{_name(function)}: argument {key!r} is missing")
    return {key: _convert(key, text, hints[key], converters) for key, text in given.items()}


def keyword_options(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the keyword-only parameters of a method: the options it takes."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}


def _name(function: Callable[..., Any]) -> str:
    return function.__name__.removeprefix("fit_").removeprefix("fixed_")


def _convert(key: str, text: str, kind: Any, converters: Converters) -> Any:
    if kind in converters:
        return converters[kind](key, text)
    if get_origin(kind) in {Union, types.UnionType}:
        kind = next(option for option in get_args(kind) if option is not type(None))
    if kind is Transform:
        try:
            return parse_transform(text)
        except TransformError as error:
            raise OptionError(f"{key}={text}: {error}") from error
    if get_origin(kind) is tuple:
        return tuple(_convert(key, part, get_args(kind)[0], converters) for part in _numbers(text))
    return _CONVERTERS[kind](key, text)


def _numbers(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _number(key: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise OptionError(f"{key}={text!r} is not a number") from error
    if not math.isfinite(number):
        raise OptionError(f"{key}={text!r} is not a finite number")
    return number


def _whole(key: str, text: str) -> int:
    number = _number(key, text)
    if number != int(number):
        raise OptionError(f"{key}={text!r} is not a whole number")
    return int(number)


def _yes(key: str, text: str) -> bool:
    if text.casefold() not in {"yes", "no", "true", "false"}:
        raise OptionError(f"{key}={text!r}; say yes or no")
    return text.casefold() in {"yes", "true"}


def _text(key: str, text: str) -> str:
    if not text:
        raise OptionError(f"{key}= has no value")
    return text


_CONVERTERS: dict[Any, Callable[[str, str], Any]] = {float: _number, int: _whole, bool: _yes, str: _text}
