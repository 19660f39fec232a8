"""Commands declare groups of options; Typer sees the single options.

A group is a frozen dataclass whose fields are annotated options (`maskprep.cli.options`). A command
that takes a parameter of such a type gets the group, filled; its signature for Typer lists the
group's fields instead.
"""

import copy
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import typer

from maskprep.cli.recipe_files import near_name

Config = TypeVar("Config")

CHOICES = " One of: "
"""What stands before the choices of an option in its help text."""


def grouped_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with each group among its parameters spread into single options."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type] = {
        name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)
    }
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in groups:
            parameters.extend(_parameters_of(groups[parameter.name]))
        else:
            parameters.append(
                parameter.replace(
                    kind=inspect.Parameter.KEYWORD_ONLY,
                    annotation=_as_shown(hints[parameter.name]),
                )
            )

    @functools.wraps(command)
    def run(**values: Any) -> None:  # noqa: ANN401 - whatever Typer parsed
        for name, group in groups.items():
            values[name] = group(**{one.name: values.pop(one.name) for one in _fields(group)})
        command(**values)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _fields(group: Any) -> Iterator[Any]:  # noqa: ANN401 - a dataclass
    return iter(fields(group))


def _parameters_of(group: type) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for one in _fields(group):
        yield inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=one.default,
            annotation=_as_shown(hints[one.name]),
        )


_NUMBERS = {int: "a whole number", float: "a number"}


def _as_shown(hint: Any) -> Any:  # noqa: ANN401 - a type hint
    """Return the annotated type of an option as help and messages show it.

    Choices stand in its help text, and a flag has none: a wide column of types would cut the names
    of options in a terminal of 80 columns. A value that is no number is named.
    """
    kind, *infos = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if not infos:
        return hint
    info = copy.copy(infos[0])
    kinds = (kind, *get_args(kind))
    literals = [one for one in kinds if get_origin(one) is Literal]
    numbers = [one for one in kinds if one in _NUMBERS]
    if kind is bool:
        info.metavar = ""
    elif numbers and info.parser is None:
        info.parser = functools.partial(_parse_number, kind=numbers[0])
    elif literals:
        choices = get_args(literals[0])
        info.metavar = "NAME"
        info.help = f"{info.help}{CHOICES}{', '.join(choices)}."
        info.parser = functools.partial(_parse_choice, choices=choices)
        info.autocompletion = lambda: list(choices)
    return Annotated[kind, info]


def _parse_number(value: str | float, kind: type[int] | type[float]) -> float:
    try:
        return kind(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r}; expected {_NUMBERS[kind]}.") from None


def _parse_choice(text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise typer.BadParameter(
            f"{text!r}; expected one of {', '.join(choices)}.{near_name(text, choices)}"
        )
    return text


def values_for(kind: type, *groups: object) -> dict[str, Any]:
    """Return the groups' values for the fields of a settings dataclass, by name.

    None stands for the settings' own default.
    """
    names = {one.name for one in _fields(kind)}
    values: dict[str, Any] = {}
    for group in groups:
        for one in _fields(group):
            value = getattr(group, one.name)
            if one.name in names and value is not None:
                values[one.name] = tuple(value) if isinstance(value, list) else value
    return values


def settings_from(kind: type[Config], *groups: object, **more: Any) -> Config:  # noqa: ANN401
    """Make settings from groups of options.

    Args:
        kind: dataclass of `maskprep.config`; the groups' fields have its fields' names.
        groups: filled by Typer.
        more: further fields.
    """
    return kind(**values_for(kind, *groups), **more)


def typed_by_user(context: typer.Context) -> set[str]:
    """Return the names of the options that stand on the command line."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {
        name
        for name, source in sources.items()
        if source is not None and source.name == "COMMANDLINE"
    }
