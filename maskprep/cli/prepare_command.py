"""`maskprep prepare`: a corpus to masked shards, in one command."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from maskprep.cli.corpus_options import (
    CorpusOptions,
    SpecialTokenOptions,
    TokenizationOptions,
    TrainingOptions,
)
from maskprep.cli.example_options import BoundaryOptions, MaskingOptions, PairingOptions
from maskprep.cli.option_groups import settings_from, typed_by_user, values_for
from maskprep.cli.options import (
    ConfigFile,
    DryRun,
    EncoderOptions,
    GivenTokenizerPath,
    KeepStages,
    MachineOptions,
    OrderOptions,
    OutputFolder,
    RawInputs,
    RecipeName,
    ReportOptions,
    Seed,
    ShardOptions,
)
from maskprep.cli.recipe_files import TABLES, RecipeSettings, read_recipe, read_recipe_file
from maskprep.cli.standard_streams import input_names, output_folder
from maskprep.config import MaskingConfig, TrainingConfig
from maskprep.config.checks import option_name
from maskprep.errors import ConfigError

if TYPE_CHECKING:
    from maskprep.encoders.loading import Tokenizer
    from maskprep.tasks.running import Context, Summary


def prepare_command(
    context: typer.Context,
    *,
    inputs: RawInputs = None,
    output: OutputFolder,
    recipe: RecipeName = None,
    config: ConfigFile = None,
    tokenizer: GivenTokenizerPath = None,
    keep_stages: KeepStages = None,
    seed: Seed = MaskingConfig.seed,
    corpus: CorpusOptions,
    tokenization: TokenizationOptions,
    training: TrainingOptions,
    roles: SpecialTokenOptions,
    pairing: PairingOptions,
    boundaries: BoundaryOptions,
    masking: MaskingOptions,
    shards: ShardOptions,
    order: OrderOptions,
    encoder: EncoderOptions,
    machine: MachineOptions,
    report: ReportOptions,
    dry_run: DryRun = False,
) -> None:
    """Turn raw text into masked shards: train a tokenizer, tokenize, pair or pack, mask.

    Options win over the recipe. The shards have the same bytes as those of the single commands.
    """
    names = input_names(inputs)
    folder = output_folder(output)
    groups = (corpus, tokenization, training, pairing, boundaries, masking, shards, order)
    typed = typed_by_user(context)
    settings = _with_options(_read_settings(recipe, config), typed, seed, groups)

    from maskprep.cli.report import report_run
    from maskprep.cli.running import run_context

    with run_context(machine, report, encoder, dry_run=dry_run) as run:
        loaded = _load(tokenizer, roles, settings, typed)
        summary = _prepare(names, settings, loaded, folder, keep_stages, run)
    report_run("prepare", summary, report)


def _read_settings(recipe: str | None, config: str | None) -> RecipeSettings:
    if recipe is not None and config is not None:
        raise ConfigError("--recipe and --config exclude each other. Copy the recipe and edit it.")
    if config is not None:
        return read_recipe_file(Path(config))
    return RecipeSettings() if recipe is None else read_recipe(recipe)


def _with_options(
    settings: RecipeSettings, typed: set[str], seed: int, groups: tuple[object, ...]
) -> RecipeSettings:
    """Return the settings with what the user typed put over them."""
    chosen = _table_of_examples(settings, typed)
    for table, kind in TABLES.items():
        if table in _EXAMPLE_TABLES and table != chosen:
            continue
        values = {name: v for name, v in values_for(kind, *groups).items() if name in typed}
        if "seed" in typed and table in (*_EXAMPLE_TABLES, "masking"):
            values["seed"] = seed
        settings = settings.changed(table, values)
    return settings


_EXAMPLE_TABLES = ("pairing", "packing")


def _table_of_examples(settings: RecipeSettings, typed: set[str]) -> str:
    """Tell whether rows are pairs or packed, from the recipe and from what the user typed.

    Raises:
        ConfigError: an option of pairs for a recipe that packs, or the other way round.
    """
    of_pairs = sorted(typed & {"random_next_prob", "objective", "duplicates"})
    of_sequences = sorted(typed & {"boundaries", "two_segments_prob"})
    packs = settings.packing is not None
    packs = packs or (bool(of_sequences) and not settings.names_pairing)
    if packs and of_pairs:
        option = option_name(of_pairs[0])
        raise ConfigError(
            f"{option} is for pairs, and this run packs sequences. Leave it out, or take a "
            f"recipe with [pairing]."
        )
    if of_sequences and not packs:
        option = option_name(of_sequences[0])
        raise ConfigError(
            f"{option} is for packed sequences, and this recipe makes pairs. Copy it, put "
            f"[packing] in the place of [pairing], and name the copy with --config."
        )
    return "packing" if packs else "pairing"


_SPELT = {
    "lowercase": "--lowercase/--cased",
    "strip_accents": "--strip-accents/--keep-accents",
    "special_tokens": "--special-token",
}
"""Options that are not called as their settings are."""


def _load(
    tokenizer: str | None, roles: SpecialTokenOptions, settings: RecipeSettings, typed: set[str]
) -> "Tokenizer | None":
    from maskprep.encoders.loading import RoleOptions, load_tokenizer

    options = settings_from(RoleOptions, roles)
    if tokenizer is None:
        if options.named():
            raise ConfigError(
                "a trained tokenizer has special tokens of its own; --mask-token and the like go "
                "with --tokenizer PATH."
            )
        return None
    of_training = sorted(typed & {one.name for one in fields(TrainingConfig)})
    if of_training:
        option = _SPELT.get(of_training[0], option_name(of_training[0]))
        raise ConfigError(
            f"{option} is for training a tokenizer, and --tokenizer {tokenizer} gives one. Leave "
            f"one of them out."
        )
    parse = settings.tokenization.special_tokens_in_text == "parse"
    return load_tokenizer(tokenizer, options, parse_special_tokens=parse)


def _prepare(
    names: list[str],
    settings: RecipeSettings,
    tokenizer: "Tokenizer | None",
    folder: Path,
    keep_stages: str | None,
    run: "Context",
) -> "Summary":
    from maskprep import pipeline
    from maskprep.staged_pipeline import prepare_in_stages
    from maskprep.tasks.preparation import Recipe

    recipe = Recipe(**{table: getattr(settings, table) for table in TABLES})
    if keep_stages is None or run.dry_run:
        return pipeline.prepare_corpus(names, recipe, tokenizer, folder, run)
    return prepare_in_stages(names, recipe, tokenizer, Path(keep_stages), folder, run)
