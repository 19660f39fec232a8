"""What a manifest calls for: settings, tokenizer, columns and metadata, and rules of the rows."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PackingConfig,
    PairingConfig,
    ShardConfig,
    TokenizationConfig,
    check_padding,
)
from maskprep.encoders.loading import Tokenizer, load_tokenizer
from maskprep.encoders.saving import differing_copies
from maskprep.errors import ConfigError, MachineError, ShardError, TokenizerError
from maskprep.schema import documents_schema, examples_schema, masked_schema, with_metadata
from maskprep.stages.masking import check_kept_columns
from maskprep.stages.padding import Padding
from maskprep.stages.row_rules import RowRules
from maskprep.storage.layout import DatasetLayout
from maskprep.storage.manifest_faults import manifest_faults
from maskprep.tasks.bins import bin_faults
from maskprep.tasks.records import (
    Record,
    config_from,
    kind_of_record,
    max_seq_length_of,
    record_of_manifest,
    settings_of_stage,
)

_KINDS: dict[str, type] = {
    "tokenize": TokenizationConfig,
    "pair": PairingConfig,
    "pack": PackingConfig,
}


def faults_of_manifest(manifest: Record) -> list[str]:
    """Return what is wrong with a manifest, judged by itself; of one without, all can be used."""
    return (
        list(manifest_faults(manifest))
        or list(setting_faults(manifest))
        or list(bin_faults(manifest))
    )


def require_sound(folder: DatasetLayout, manifest: Record) -> None:
    """Check the manifest of a folder.

    Raises:
        ShardError: something is wrong with it; the message names the first fault.
    """
    for what in faults_of_manifest(manifest):
        raise ShardError(
            f"{folder.manifest}: {what}. See all that is wrong with 'maskprep verify "
            f"{folder.path}'."
        )


def setting_faults(manifest: Record) -> Iterator[str]:
    """Yield what is wrong with the settings of a manifest."""
    try:
        shards = config_from(ShardConfig, manifest["settings"])
        if manifest["stage"] == "mask":
            masking = config_from(MaskingConfig, manifest["settings"])
            check_kept_columns(masking, examples_schema(kind_of_record(manifest)))
            check_padding(masking, shards)
        config_from(CorpusConfig, settings_of_stage(manifest, "tokenize"))
        for stage, kind in _KINDS.items():
            config_from(kind, settings_of_stage(manifest, stage))
        yield from _padding_faults(manifest)
    except (ShardError, ConfigError) as error:
        yield str(error).rstrip(".")  # A fault is no sentence; who reports it makes one.


def _padding_faults(manifest: Record) -> Iterator[str]:
    """Yield what padded rows need that a manifest lacks."""
    if manifest["stage"] != "mask" or not manifest["settings"].get("pad_to_max"):
        return
    if "pad" not in manifest["tokenizer"]["special_ids"]:
        yield "settings.pad_to_max is true; tokenizer.special_ids has no pad"
    if max_seq_length_of(manifest) is None:
        yield "settings.pad_to_max is true; lineage says no max_seq_length"


def load_copy(folder: DatasetLayout, manifest: Record) -> tuple[Tokenizer | None, list[str]]:
    """Load the tokenizer of a folder, if it is the one of the manifest; say what is wrong."""
    if not folder.tokenizer.is_dir():
        return None, ["is missing"]
    try:
        tokenizer = load_tokenizer(str(folder.tokenizer))
    except (TokenizerError, MachineError) as error:
        return None, [str(error)]
    expected = manifest["tokenizer"]["fingerprint"]
    if tokenizer.fingerprint != expected:
        what = (
            f"is another one ({tokenizer.fingerprint[:12]}) than the rows were made with "
            f"({expected[:12]})"
        )
        return None, [what]
    changed = differing_copies(tokenizer, folder.tokenizer)
    return tokenizer, [f"{name} is not what was written" for name in changed]


def row_rules(manifest: Record, tokenizer: Tokenizer | None) -> RowRules:
    """Return what settings and tokenizer say of the rows.

    Without the tokenizer the manifest tells some of its special tokens.
    """
    described = manifest["tokenizer"]
    special = described["special_ids"]
    maskable = np.ones(described["num_ids"], np.bool_)
    maskable[[number for number in special.values() if number < maskable.size]] = False
    replacing = None
    if tokenizer is not None:
        maskable = tokenizer.maskable
        replacing = np.zeros(maskable.size, np.bool_)
        replacing[tokenizer.replacement_pool] = True
    length = max_seq_length_of(manifest)
    rules = RowRules(maskable, replacing, special.get("mask"), special.get("unk"), length)
    if manifest["stage"] != "mask":
        return rules
    config = config_from(MaskingConfig, manifest["settings"])
    padding = None
    if config.pad_to_max and length is not None:
        padding = Padding(special["pad"], length, config.max_predictions)
    return replace(rules, masking=config, padding=padding)


def expected_schema(manifest: Record) -> pa.Schema:
    """Return columns and metadata of every shard of a data set."""
    kind = kind_of_record(manifest)
    columns = examples_schema(kind)
    if manifest["stage"] == "tokenize":
        columns = documents_schema(manifest["settings"].get("id_column"))
    elif manifest["stage"] == "mask":
        config = config_from(MaskingConfig, manifest["settings"])
        columns = masked_schema(config.columns, config.keep, kind, padded=config.pad_to_max)
    return with_metadata(columns, record_of_manifest(manifest))
