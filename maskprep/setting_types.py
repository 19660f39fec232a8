"""Types of settings, as values in files are compared with them."""

import types
from dataclasses import fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_UNIONS = (types.UnionType, Union)
"""What `X | None` is; a Literal in it makes it the second."""


def field_types(kind: type) -> dict[str, Any]:
    """Return the fields of a class of settings, and their types."""
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind)}


def is_of_type(value: object, hint: Any) -> bool:  # noqa: ANN401 - any type hint
    """Tell whether a value of TOML or JSON is one that a field of this type can have.

    A tuple is written as a list.
    """
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint) and isinstance(value, str)
    if origin in _UNIONS:
        return any(is_of_type(value, one) for one in get_args(hint))
    if origin is tuple:
        return isinstance(value, list) and _all_fit(value, get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is hint


def _all_fit(values: list[object], kinds: tuple[Any, ...]) -> bool:
    if kinds[-1] is ...:
        return all(is_of_type(one, kinds[0]) for one in values)
    return len(values) == len(kinds) and all(map(is_of_type, values, kinds))


def describe_type(hint: Any) -> str:  # noqa: ANN401 - any type hint
    """Say what a field of this type can be, for messages."""
    origin = get_origin(hint)
    if origin is Literal:
        return "one of " + ", ".join(f'"{one}"' for one in get_args(hint))
    if origin in _UNIONS:
        return " or ".join(describe_type(one) for one in get_args(hint) if one is not type(None))
    if origin is tuple:
        return "a list of strings" if get_args(hint)[-1] is ... else "a list of two numbers"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a string"}
    return names[hint]
