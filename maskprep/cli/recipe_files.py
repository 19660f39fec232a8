"""Recipes: settings of a whole run in a TOML file, checked key by key."""

import difflib
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PackingConfig,
    PairingConfig,
    ShardConfig,
    TokenizationConfig,
    TrainingConfig,
)
from maskprep.errors import ConfigError

TABLES: dict[str, type] = {
    "corpus": CorpusConfig,
    "tokenization": TokenizationConfig,
    "training": TrainingConfig,
    "pairing": PairingConfig,
    "packing": PackingConfig,
    "masking": MaskingConfig,
    "shards": ShardConfig,
}
"""Tables of a recipe; their keys are the fields of these settings."""


@dataclass(frozen=True)
class RecipeSettings:
    """Settings of every stage, as a file and the command line give them."""

    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    tokenization: TokenizationConfig = field(default_factory=TokenizationConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    pairing: PairingConfig = field(default_factory=PairingConfig)
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    shards: ShardConfig = field(default_factory=ShardConfig)
    packing: PackingConfig | None = None
    """In place of pairing, where a recipe packs."""
    names_pairing: bool = False
    """A recipe has the table [pairing]."""

    def changed(self, table: str, values: Mapping[str, Any]) -> "RecipeSettings":
        """Return the settings with some fields of one table changed, which is made if need be."""
        found = getattr(self, table)
        made = TABLES[table](**values) if found is None else replace(found, **values)
        return replace(self, **{table: made})


def recipe_names() -> list[str]:
    """Return the names of the recipes that maskprep brings along."""
    folder = resources.files("maskprep.recipes")
    names = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def read_recipe(name: str) -> RecipeSettings:
    """Read a recipe that maskprep brings along.

    Raises:
        ConfigError: there is none of that name.
    """
    return parse_recipe(recipe_text(name), f"recipe {name}")


def recipe_text(name: str) -> str:
    """Return the file of a recipe that maskprep brings along.

    Raises:
        ConfigError: there is none of that name.
    """
    names = recipe_names()
    if name not in names:
        raise ConfigError(
            f"no recipe is called {name!r}; expected one of: {', '.join(names)}."
            f"{_near(name, names)} A file of your own goes with --config FILE."
        )
    return resources.files("maskprep.recipes").joinpath(f"{name}.toml").read_bytes().decode()


def describe_recipe(name: str) -> tuple[str, str]:
    """Return what a recipe is, in one line, and where its settings were published.

    The first says the first comment of its file, the second the one that begins with "Source:".
    """
    comments = takewhile(lambda line: line.startswith("#"), recipe_text(name).splitlines())
    paragraphs = "\n".join(line.removeprefix("#").strip() for line in comments).split("\n\n")
    sources = (text for text in paragraphs if text.startswith("Source:"))
    source = next(sources, "").removeprefix("Source:")
    return paragraphs[0].replace("\n", " "), " ".join(source.split())


def read_recipe_file(path: Path) -> RecipeSettings:
    """Read a recipe from a file.

    Raises:
        ConfigError: there is no such file, or it holds something else.
    """
    try:
        return parse_recipe(path.read_bytes().decode(), str(path))
    except OSError as error:
        raise ConfigError(f"--config {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is no TOML: invalid UTF-8 at byte {error.start}. Save it as UTF-8."
        ) from error


def parse_recipe(text: str, origin: str) -> RecipeSettings:
    """Read settings from the text of a recipe.

    Raises:
        ConfigError: no TOML, an unknown table or key, a value of another type or out of range.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{origin} is no TOML: {error}. Mend that line.") from error
    if "pairing" in tables and "packing" in tables:
        raise ConfigError(
            f"{origin} has [pairing] and [packing]; a row is a pair or a packed sequence. Take one "
            f"of the tables out."
        )
    settings = RecipeSettings(names_pairing="pairing" in tables)
    for table, values in tables.items():
        if table not in TABLES or not isinstance(values, dict):
            raise ConfigError(_unknown_table(table, values, origin))
        checked = {key: _checked(key, value, table, origin) for key, value in values.items()}
        try:
            settings = settings.changed(table, checked)
        except ConfigError as error:
            raise ConfigError(f"{origin}, table [{table}]: {error}") from error
    return settings


def _unknown_table(name: str, value: object, origin: str) -> str:
    homes = [table for table, kind in TABLES.items() if name in _hints(kind)]
    if homes and not isinstance(value, dict):
        where = " or ".join(f"[{table}]" for table in homes)
        return f"{origin}: the key {name!r} stands in no table. Put it below {where}."
    expected = " ".join(f"[{table}]" for table in TABLES)
    return f"{origin}: unknown table [{name}]. Expected {expected}.{_near(name, list(TABLES))}"


def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind)}


def _checked(key: str, value: object, table: str, origin: str) -> object:
    hints = _hints(TABLES[table])
    if key not in hints:
        raise ConfigError(
            f"{origin}: unknown key {key!r} in [{table}].{_near(key, list(hints))} "
            f"Known: {', '.join(hints)}."
        )
    expected = _type_name(hints[key])
    if not _fits(value, hints[key]):
        raise ConfigError(f"{origin}: {key} in [{table}] is {value!r}; expected {expected}.")
    return tuple(value) if isinstance(value, list) else value


_UNIONS = (types.UnionType, Union)
"""What `X | None` is; a Literal in it makes it the second."""


def _fits(value: object, hint: Any) -> bool:  # noqa: ANN401 - any type hint
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint) and isinstance(value, str)
    if origin in _UNIONS:
        return any(_fits(value, one) for one in get_args(hint) if one is not type(None))
    if origin is tuple:
        return isinstance(value, list) and _all_fit(value, get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is hint


def _all_fit(values: list[object], kinds: tuple[Any, ...]) -> bool:
    if kinds[-1] is ...:
        return all(_fits(one, kinds[0]) for one in values)
    return len(values) == len(kinds) and all(map(_fits, values, kinds))


def _type_name(hint: Any) -> str:  # noqa: ANN401 - any type hint
    origin = get_origin(hint)
    if origin is Literal:
        return "one of " + ", ".join(f'"{one}"' for one in get_args(hint))
    if origin in _UNIONS:
        return " or ".join(_type_name(one) for one in get_args(hint) if one is not type(None))
    if origin is tuple:
        return "a list of strings" if get_args(hint)[-1] is ... else "a list of two numbers"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a string"}
    return names[hint]


def _near(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
