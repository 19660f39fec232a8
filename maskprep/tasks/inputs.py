"""What `pair` and `mask` read: data-set folders, loose shards, or a stream."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from maskprep.encoders.loading import (
    RoleOptions,
    Tokenizer,
    load_tokenizer,
    tokenizer_from_json,
)
from maskprep.errors import ConfigError, ShardError, TokenizerError
from maskprep.schema import DOCUMENTS, PACKED_KINDS, examples_schema, kind_of_examples
from maskprep.storage.atomic import hash_file
from maskprep.storage.layout import DatasetLayout
from maskprep.storage.shard_reading import check_columns, open_shard, record_of, shard_metadata
from maskprep.storage.streams import StreamReader
from maskprep.tasks.expectations import require_sound, setting_faults
from maskprep.tasks.records import Record, history_entry, tokenizer_record

STDIN = "-"
EXAMPLE_STAGES = ("pair", "pack")


@dataclass
class StageInput:
    """Rows that another stage made.

    Attributes:
        record: stage, settings and lineage of the rows.
        tokenizer: that made them.
        schema: the columns that are read.
        shards: path and number of rows of each; empty for a stream.
        sources: name, bytes and hash of each, for the manifest.
        history: what the stages before counted, oldest first.
        stream: to be read once, instead of shards.
    """

    record: Record
    tokenizer: Tokenizer
    schema: pa.Schema
    shards: list[tuple[str, int]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    stream: StreamReader | None = None

    @property
    def rows(self) -> int:
        """How many rows the shards hold."""
        return sum(rows for _, rows in self.shards)

    def entries(self) -> list[dict[str, Any]]:
        """Name, bytes and hash of each input; of a stream nothing is known yet."""
        return self.sources if self.stream is None else [{"name": "standard input"}]

    def provenance(self) -> dict[str, Any]:
        """Where the rows came from and what was counted there; of a stream, once it is read."""
        history = self.history if self.stream is None else self.stream.receipt["history"]
        return {
            "sources": self.sources if self.stream is None else history[-1]["sources"],
            "history": history,
            "tokenizer": tokenizer_record(self.tokenizer),
        }


@dataclass(frozen=True)
class InputRequest:
    """What the user named, and what the stage needs.

    Attributes:
        inputs: folders, shards, or `-`.
        made_by: the stages whose rows are read: tokenize, or pair and pack.
        tokenizer: path of a tokenizer, for shards without one.
        roles: roles named by the user.
        stdin: binary file, read for `-`.
    """

    inputs: Sequence[str]
    made_by: tuple[str, ...]
    tokenizer: str | None = None
    roles: RoleOptions = field(default_factory=RoleOptions)
    stdin: BinaryIO | None = None

    @property
    def commands(self) -> str:
        """What makes such rows, for messages."""
        return " or ".join(f"'maskprep {stage}'" for stage in self.made_by)

    def check(self, where: str, found: pa.Schema) -> pa.Schema:
        """Return the columns that are to be read of what was found.

        Raises:
            SchemaError: a column is missing or of another type.
        """
        made_by, wanted = self.made_by[0], DOCUMENTS
        if self.made_by == EXAMPLE_STAGES:
            kind = kind_of_examples(found.names)
            made_by, wanted = "pack" if kind in PACKED_KINDS else "pair", examples_schema(kind)
        check_columns(where, found, wanted, made_by)
        return wanted


def spare_inputs(inputs: Sequence[str], output: Any) -> None:  # noqa: ANN401 - a folder or a file
    """Refuse to write a folder that holds an input, or a data set inside another one.

    Raises:
        ConfigError: the run would replace or change what it reads.
    """
    if not isinstance(output, Path):
        return
    # Unlike Path.resolve, this takes a link to itself.
    target = Path(os.path.realpath(output))
    for name in inputs:
        source = Path(os.path.realpath(name))
        is_data_set = (source / "manifest.json").is_file() and (source / "data").is_dir()
        if name != STDIN and (
            source.is_relative_to(target) or (is_data_set and target.is_relative_to(source))
        ):
            raise ConfigError(
                f"--output {output} is where the input {name} lies, which must stay as it is. "
                f"Choose another --output."
            )


def open_stage_input(request: InputRequest) -> StageInput:
    """Find the rows, and check that they are what the stage reads.

    Raises:
        ConfigError: a path does not exist, or the inputs were made with different tokenizers.
        SchemaError: rows of another kind.
        ShardError: a data set that is damaged, unfinished, or holds no rows.
        TokenizerError: no tokenizer is known.
    """
    if STDIN in request.inputs:
        if len(request.inputs) > 1:
            raise ConfigError("'-' (standard input) cannot be mixed with other inputs.")
        return _open_stream(request)
    parts = [_open_path(Path(path), request) for path in request.inputs]
    if not any(part.rows for part in parts):
        raise ShardError(
            f"{', '.join(request.inputs)}: no shard holds a row; expected what {request.commands} "
            f"wrote. Check the input."
        )
    _refuse_equal_shards(request.inputs, parts)
    first = parts[0]
    for part, path in zip(parts, request.inputs, strict=True):
        if part.tokenizer.fingerprint != first.tokenizer.fingerprint:
            raise ConfigError(
                f"{path} was made with another tokenizer ({part.tokenizer.fingerprint[:12]}) than "
                f"{request.inputs[0]} ({first.tokenizer.fingerprint[:12]}). Make both with one."
            )
        if part.record["settings"] != first.record["settings"] or part.schema != first.schema:
            raise ConfigError(
                f"{path} was made with other settings than {request.inputs[0]}. Give data sets "
                f"that 'maskprep {first.record['stage']}' made alike."
            )
    return StageInput(
        record=first.record,
        tokenizer=first.tokenizer,
        schema=first.schema,
        shards=[shard for part in parts for shard in part.shards],
        sources=[source for part in parts for source in part.sources],
        history=[entry for part in parts for entry in part.history],
    )


def _refuse_equal_shards(inputs: Sequence[str], parts: Sequence[StageInput]) -> None:
    seen: dict[str, str] = {}
    for name, part in zip(inputs, parts, strict=True):
        for source in part.sources:
            before = seen.setdefault(source["sha256"], name)
            if before != name or inputs.count(name) > 1:
                raise ConfigError(
                    f"{name} holds the same rows as {before} ({source['name']}); every row would "
                    f"count twice. Name each input once."
                )


def _open_stream(request: InputRequest) -> StageInput:
    if request.stdin is None:
        raise ConfigError("standard input is closed. Pipe a stream in, or name a path.")
    reader = StreamReader(request.stdin, "standard input")
    schema = request.check(reader.origin, reader.schema)
    text = reader.metadata.get(b"maskprep")
    tokenizer_json = reader.metadata.get(b"tokenizer.json")
    if text is None or tokenizer_json is None:
        raise ShardError(
            f"standard input was not written by {request.commands}: it carries no tokenizer."
        )
    record = record_of(reader.origin, text)
    _require_settings(reader.origin, record)
    roles = {**record["tokenizer"]["roles"], **_named(request.roles)}
    tokenizer = tokenizer_from_json(tokenizer_json.decode(), roles, "the stream's tokenizer")
    return StageInput(record=record, tokenizer=tokenizer, schema=schema, stream=reader)


def _named(roles: RoleOptions) -> dict[str, str]:
    options = {
        "mask": roles.mask_token,
        "cls": roles.cls_token,
        "sep": roles.sep_token,
        "pad": roles.pad_token,
        "unk": roles.unk_token,
    }
    return {role: token for role, token in options.items() if token is not None}


def _open_path(path: Path, request: InputRequest) -> StageInput:
    if path.is_dir():
        return _open_folder(path, request)
    if not path.exists():
        raise ConfigError(
            f"{path}: no such file or folder. Expected what {request.commands} wrote."
        )
    record, schema = _record_of(path, request)
    rows = open_shard(path).metadata.num_rows
    source = {"name": path.name, "bytes": path.stat().st_size, "sha256": hash_file(path)}
    tokenizer = _tokenizer_for(path.parent.parent / "tokenizer", record, path, request)
    return StageInput(record, tokenizer, schema, [(str(path), rows)], [source])


def _record_of(path: Path, request: InputRequest) -> tuple[Record, pa.Schema]:
    schema = request.check(str(path), open_shard(path).schema_arrow)
    record = shard_metadata(path)
    if record is None:
        stage = "pack" if "sequence_lengths" in schema.names else request.made_by[0]
        record = {"stage": stage, "settings": {}, "lineage": [], "tokenizer": {}}
    else:
        _require_settings(str(path), record)
    return record, schema


def _require_settings(where: str, record: Record) -> None:
    for what in setting_faults(record):
        raise ShardError(f"{where}: its metadata 'maskprep': {what}. Make the data set again.")


def _tokenizer_for(folder: Path, record: Record, path: Path, request: InputRequest) -> Tokenizer:
    if request.tokenizer is None and not folder.is_dir():
        raise TokenizerError(
            f"{path} has no tokenizer beside it (expected {folder}). Name the one it was made "
            f"with: --tokenizer PATH."
        )
    origin = request.tokenizer or str(folder)
    tokenizer = load_tokenizer(origin)
    expected = record["tokenizer"].get("fingerprint", tokenizer.fingerprint)
    if tokenizer.fingerprint != expected:
        raise ConfigError(
            f"{path} was made with another tokenizer ({expected[:12]}) than {origin} "
            f"({tokenizer.fingerprint[:12]}). Name the one it was made with: --tokenizer PATH."
        )
    return load_tokenizer(origin, request.roles) if _named(request.roles) else tokenizer


def _open_folder(path: Path, request: InputRequest) -> StageInput:
    folder = DatasetLayout(path)
    manifest = folder.finished_manifest(request.made_by[0])
    require_sound(folder, manifest)
    if manifest["stage"] not in request.made_by:
        raise ConfigError(
            f"{path} holds what 'maskprep {manifest['stage']}' writes; expected what "
            f"{request.commands} writes."
        )
    shards = [_listed_shard(folder, entry) for entry in manifest["shards"]]
    if not shards:
        raise ShardError(f"{path} holds no rows: its manifest lists no shard.")
    record, schema = _record_of(Path(shards[0][0]), request)
    tokenizer = _tokenizer_for(folder.tokenizer, record, path, request)
    sources = [
        {key: entry[key] for key in ("name", "bytes", "sha256")} for entry in manifest["shards"]
    ]
    history = [*manifest.get("history", []), history_entry(manifest["stage"], manifest)]
    return StageInput(record, tokenizer, schema, shards, sources, history)


def _listed_shard(folder: DatasetLayout, entry: Mapping[str, Any]) -> tuple[str, int]:
    """Return path and number of rows of a shard, which are those that its manifest says.

    Raises:
        ShardError: they are not.
    """
    shard = folder.data / entry["name"]
    size = shard.stat().st_size if shard.exists() else None
    if size != entry["bytes"]:
        found = "is missing" if size is None else f"has {size} bytes"
        raise ShardError(
            f"{shard} {found}; the manifest says {entry['bytes']} bytes. Make the data set again."
        )
    rows = open_shard(shard).metadata.num_rows
    if rows != entry["rows"]:
        raise ShardError(
            f"{shard} has {rows} rows; the manifest says {entry['rows']} rows. Make the data set "
            f"again."
        )
    return str(shard), rows
