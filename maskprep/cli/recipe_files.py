"""Recipes: settings of a whole run in a TOML file, checked key by key."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from itertools import takewhile
from pathlib import Path
from typing import Any

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
from maskprep.setting_types import describe_type, field_types, is_of_type

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
            f"{near_name(name, names)} A file of your own goes with --config FILE."
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
        # Some editors begin a file with a byte-order mark.
        return parse_recipe(path.read_bytes().decode("utf-8-sig"), str(path))
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
    except ValueError as error:  # Also of numbers with too many digits.
        raise ConfigError(f"{origin} is no TOML: {error}. Mend that line.") from error
    except RecursionError:
        raise ConfigError(f"{origin} is no TOML: lists lie in one another too deeply.") from None
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
    homes = [table for table, kind in TABLES.items() if name in field_types(kind)]
    if homes and not isinstance(value, dict):
        where = " or ".join(f"[{table}]" for table in homes)
        return f"{origin}: the key {name!r} stands in no table. Put it below {where}."
    expected = " ".join(f"[{table}]" for table in TABLES)
    return f"{origin}: unknown table [{name}]. Expected {expected}.{near_name(name, list(TABLES))}"


def _checked(key: str, value: object, table: str, origin: str) -> object:
    hints = field_types(TABLES[table])
    if key not in hints:
        raise ConfigError(
            f"{origin}: unknown key {key!r} in [{table}].{near_name(key, list(hints))} "
            f"Known: {', '.join(hints)}."
        )
    expected = describe_type(hints[key])
    if not is_of_type(value, hints[key]):
        raise ConfigError(f"{origin}: {key} in [{table}] is {value!r}; expected {expected}.")
    return tuple(value) if isinstance(value, list) else value


def near_name(name: str, names: Sequence[str]) -> str:
    """Return a sentence that asks for the name that is spelt much like this one, or nothing."""
    close = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
