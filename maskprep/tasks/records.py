"""What a data set says of itself: settings and lineage in every shard, the manifest beside them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from maskprep import __version__
from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PackingConfig,
    PairingConfig,
    ShardConfig,
    TokenizationConfig,
    TrainingConfig,
)
from maskprep.encoders.loading import Tokenizer
from maskprep.errors import ConfigError, ShardError
from maskprep.schema import ExampleKind
from maskprep.setting_types import describe_type, field_types, is_of_type
from maskprep.stages.abbreviations import SENTENCE_RULES
from maskprep.storage.manifest import FORMAT_VERSION, bin_entries, shard_entry
from maskprep.storage.shards import Shard
from maskprep.tasks.hashing import SourceHashes

Record = dict[str, Any]
Config = TypeVar("Config")


def tokenization_record(corpus: CorpusConfig, config: TokenizationConfig) -> Record:
    """Describe rows of documents: the settings that decided them."""
    settings = {
        **asdict(config),
        "format": corpus.format,
        "documents": corpus.documents,
        "on_invalid": corpus.on_invalid,
        "text_column": corpus.text_column,
        "id_column": corpus.id_column,
        "words": corpus.words,
        "limit": corpus.limit,
    }
    if corpus.validation:
        settings |= {"validation": corpus.validation, "split": corpus.split or "train"}
    return {"stage": "tokenize", "settings": settings, "lineage": []}


def next_record(
    before: Record,
    stage: str,
    config: PairingConfig | PackingConfig | MaskingConfig,
    limit: int | None,
) -> Record:
    """Describe rows that a stage makes of the rows described by `before`."""
    done = {"stage": before["stage"], "settings": before["settings"]}
    settings = {**asdict(config), "limit": limit}
    return {"stage": stage, "settings": settings, "lineage": [*before["lineage"], done]}


def tokenizer_record(tokenizer: Tokenizer) -> Record:
    """Describe a tokenizer: fingerprint, size, special tokens."""
    return {
        "fingerprint": tokenizer.fingerprint,
        "num_ids": tokenizer.num_ids,
        "roles": dict(tokenizer.roles),
        "special_ids": {role: tokenizer.role_id(role) for role in tokenizer.roles},
    }


def shard_record(record: Record, tokenizer: Tokenizer) -> Record:
    """Return what every shard says of itself."""
    return {**record, "tokenizer": tokenizer_record(tokenizer)}


def setting_of(record: Mapping[str, Any], stage: str, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return a setting of one stage of the lineage, or None if that stage is not known."""
    return settings_of_stage(record, stage).get(name)


def settings_of_stage(record: Mapping[str, Any], stage: str) -> Record:
    """Return the settings of one stage of a record or a manifest; empty if it is not known."""
    for entry in (*record["lineage"], record):
        if entry["stage"] == stage:
            found: Record = entry["settings"]
            return found
    return {}


def max_seq_length_of(record: Mapping[str, Any]) -> int | None:
    """Return the most tokens of an example; None if the record does not know it."""
    found = (setting_of(record, stage, "max_seq_length") for stage in ("pair", "pack"))
    return next((int(length) for length in found if length), None)


def kind_of_record(record: Record) -> ExampleKind:
    """Return the kind of the examples that a record or a manifest speaks of."""
    if any(entry["stage"] == "pack" for entry in (*record["lineage"], record)):
        return "segments" if setting_of(record, "pack", "two_segments_prob") else "packed"
    return "sop" if setting_of(record, "pair", "objective") == "sop" else "nsp"


@dataclass(frozen=True)
class Identity:
    """Everything that decides the bytes of a data set (`storage.manifest.IDENTITY_KEYS`).

    Attributes:
        known: all of it, but for hashes of inputs that have not been read yet.
        sources: name, bytes and hash of each input, read now if need be.
        hashes: of a corpus; None: `known` is all.
    """

    known: Record
    sources: Callable[[], list[Record]] = list
    hashes: SourceHashes | None = None

    @property
    def is_known(self) -> bool:
        """Whether `whole` need not wait."""
        return self.hashes is None or self.hashes.are_known

    def complete(self) -> None:
        """Read what is missing, beside other work if there are processes for that."""
        if self.hashes is not None:
            self.hashes.begin()

    def whole(self) -> Record:
        """Return all of it; waits for the hashes."""
        return self.known if self.hashes is None else {**self.known, "sources": self.sources()}


def identity_of(
    record: Record,
    sources: Sequence[Mapping[str, Any]],
    shards: ShardConfig,
    tokenizer: str | TrainingConfig,
    **more: int | bool,
) -> Record:
    """Collect what is known of an `Identity`.

    Args:
        record: of its rows.
        sources: name, bytes and hash of each input.
        shards: layout.
        tokenizer: fingerprint, or how it is trained.
        more: further settings.
    """
    made_with = tokenizer if isinstance(tokenizer, str) else _jsonable(asdict(tokenizer))
    return {
        "stage": record["stage"],
        "lineage": _jsonable(record["lineage"]),
        "settings": _jsonable(
            {**record["settings"], **asdict(shards), "made_with_tokenizer": made_with, **more}
        ),
        "sources": list(sources),
        "versions": installed_versions(),
    }


def installed_versions() -> Record:
    """Return the versions of what decides the bytes of a data set."""
    return {
        "maskprep": __version__,
        "sentence_rules": SENTENCE_RULES,
        **{name: version(name) for name in ("pyarrow", "tokenizers")},
    }


def _jsonable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value as it comes back from JSON: tuples are lists there."""
    return json.loads(json.dumps(value))


_NOT_OF_ROWS = (
    *("shard_rows", "num_shards", "bin_size", "shuffle", "compression"),
    *("made_with_tokenizer", "made_with_validation", "block_bytes"),
)
"""Settings of a manifest that a shard does not repeat."""


def record_of_manifest(manifest: Mapping[str, Any]) -> Record:
    """Return what every shard of a data set says of itself, from its manifest."""
    settings = {
        name: value for name, value in manifest["settings"].items() if name not in _NOT_OF_ROWS
    }
    return {
        "stage": manifest["stage"],
        "settings": settings,
        "lineage": manifest["lineage"],
        "tokenizer": manifest["tokenizer"],
    }


def config_from(kind: type[Config], settings: Mapping[str, Any]) -> Config:
    """Return settings of a stage as they stood in a manifest.

    Raises:
        ShardError: a value is none that the setting can have.
    """
    values = {}
    for name, hint in field_types(kind).items():
        if name not in settings:
            continue
        value = settings[name]
        if not is_of_type(value, hint):
            raise ShardError(f"settings: {name} is {value!r}; expected {describe_type(hint)}")
        values[name] = tuple(value) if isinstance(value, list) else value
    try:
        return kind(**values)
    except ConfigError as error:
        raise ShardError(f"settings: {error}") from None


def history_entry(stage: str, results: Mapping[str, Any]) -> Record:
    """Return what a stage leaves behind in the manifests of the stages after it."""
    names = ("encoder", "totals", "rates", "dropped", "changed")
    counted = {name: results[name] for name in names if name in results}
    return {"stage": stage, "sources": results.get("sources", []), **counted}


def build_manifest(
    identity: Record, shards: Sequence[Mapping[str, Any]], results: Record
) -> tuple[Record, list[Path]]:
    """Return a manifest and, in the order of its shards, the files that still await their names.

    Args:
        identity: of the run.
        shards: receipts of all shards, in order.
        results: totals, rates, dropped, history, and sources where they are known only now.
    """
    entries = []
    for number, receipt in enumerate(shards):
        fields = {name: value for name, value in receipt.items() if name != "file"}
        entries.append(shard_entry(Shard(**fields), number))
    written = {"shards": entries, **({"bins": bins} if (bins := bin_entries(entries)) else {})}
    manifest = {"format_version": FORMAT_VERSION, **identity, **written, **results}
    return manifest, [Path(receipt["file"]) for receipt in shards]
