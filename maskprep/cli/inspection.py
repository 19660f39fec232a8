"""Look into whatever a path holds: columns, statistics, a few rows, or a tokenizer."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from maskprep.cli.decoded_rows import Vocabulary
from maskprep.cli.inspected_rows import check_names, read_rows, readable_rows
from maskprep.cli.standard_streams import STANDARD, binary_input
from maskprep.encoders.loading import Tokenizer, load_tokenizer, tokenizer_from_json
from maskprep.errors import ConfigError, ShardError, TokenizerError
from maskprep.stages.measurement import RowCounts, measure_rows, measured_columns
from maskprep.storage.layout import DatasetLayout
from maskprep.storage.shard_reading import open_shard, record_of, shard_metadata
from maskprep.storage.sniffing import PARQUET_MAGIC
from maskprep.storage.streams import StreamReader
from maskprep.tasks.bins import padding_shares
from maskprep.tasks.expectations import require_sound

_TOKENIZER_ENDINGS = (".json", "vocab.txt", "merges.txt")
MEASURED_TOKENS = 2**26
"""Enough to see a rate to four digits, read in a second or two."""


@dataclass
class Inspected:
    """What was found at one path.

    Attributes:
        name: as the user gave it.
        kind: data set, shard, stream or tokenizer.
        stage: that made the rows, if it is known.
        columns: name, type and meaning of each.
        statistics: of all rows.
        rows: the first few.
        tokenizer: of the rows, if it is known.
    """

    name: str
    kind: str
    stage: str = ""
    columns: list[tuple[str, str, str]] = field(default_factory=list)
    statistics: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    tokenizer: Tokenizer | None = None

    def vocabulary(self) -> Vocabulary:
        """Return what it takes to read the rows."""
        if self.tokenizer is None:
            return Vocabulary(lambda _id: None)
        mask_id = self.tokenizer.role_id("mask") if "mask" in self.tokenizer.roles else None
        special_ids = frozenset(int(i) for i in self.tokenizer.special_ids)
        return Vocabulary(self.tokenizer.token, special_ids, mask_id)


def inspect_path(name: str, num_rows: int) -> Inspected:
    """Tell what a path holds, and look into it.

    Args:
        name: path, or "-".
        num_rows: how many rows to keep.

    Raises:
        ConfigError: there is nothing, or nothing of maskprep's.
        ShardError: a data set that is damaged or unfinished.
        TokenizerError: neither rows nor a tokenizer.
    """
    path = Path(name)
    if name == STANDARD:
        return _inspect_stream(num_rows)
    if not path.exists():
        raise ConfigError(
            f"{name}: no such file or folder. Expected a data set, a shard or a tokenizer."
        )
    if path.is_dir() and any((path / one).exists() for one in ("manifest.json", ".work")):
        return _inspect_folder(path, num_rows)
    if path.is_file() and (path.suffix == ".parquet" or _begins_parquet(path)):
        return _inspect_shard(path, num_rows)
    try:
        tokenizer = load_tokenizer(name)
    except TokenizerError:
        if path.is_dir() or path.name.endswith(_TOKENIZER_ENDINGS):
            raise
        raise TokenizerError(
            f"{name} is neither rows that maskprep wrote nor a tokenizer. If it is raw text, "
            f"tokenize it, and inspect what that writes: 'maskprep tokenize {name} --tokenizer "
            f"PATH --output FOLDER'."
        ) from None
    return Inspected(name, "tokenizer", statistics=_described(tokenizer), tokenizer=tokenizer)


def _begins_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC


def _described(tokenizer: Tokenizer) -> dict[str, Any]:
    model = json.loads(tokenizer.json)["model"]
    return {
        "model": model.get("type", "unknown"),
        "num_ids": tokenizer.num_ids,
        "roles": dict(tokenizer.roles),
        "special_tokens": tokenizer.special_tokens,
        "fingerprint": tokenizer.fingerprint,
    }


def _inspect_folder(path: Path, num_rows: int) -> Inspected:
    folder = DatasetLayout(path)
    manifest = folder.finished_manifest("prepare")
    require_sound(folder, manifest)
    shards = [folder.data / entry["name"] for entry in manifest["shards"]]
    tokenizer = load_tokenizer(str(folder.tokenizer)) if folder.tokenizer.is_dir() else None
    found = _inspect_shards(str(path), shards, tokenizer, num_rows)
    found.kind, found.stage = "data set", manifest["stage"]
    kept = (
        *("settings", "lineage", "totals", "rates", "dropped", "changed", "history", "versions"),
        "validation",
    )
    if "bins" in manifest:
        found.statistics["bins"] = manifest["bins"]
        found.statistics["padding"] = padding_shares(manifest)
    found.statistics["manifest"] = {key: manifest[key] for key in kept if key in manifest}
    return found


def _inspect_shard(path: Path, num_rows: int) -> Inspected:
    folder = path.resolve().parent.parent / "tokenizer"
    tokenizer = load_tokenizer(str(folder)) if folder.is_dir() else None
    found = _inspect_shards(str(path), [path], tokenizer, num_rows)
    found.stage = (shard_metadata(path) or {}).get("stage", "")
    return found


def _inspect_shards(
    name: str, shards: Sequence[Path], tokenizer: Tokenizer | None, num_rows: int
) -> Inspected:
    files = [open_shard(path) for path in shards]
    if not files:
        raise ShardError(f"{name} holds no rows: its manifest lists no shard.")
    for path, file in zip(shards, files, strict=True):
        check_names(str(path), file.schema_arrow.names)
    schema = files[0].schema_arrow
    statistics = {
        "rows": sum(file.metadata.num_rows for file in files),
        "shards": len(files),
        "bytes": sum(path.stat().st_size for path in shards),
    }
    counts = RowCounts()
    columns = measured_columns(schema)
    if _has_examples(schema):
        _measure(_batches(shards, columns), tokenizer, counts, MEASURED_TOKENS)
    rows = islice(_first_rows(shards, num_rows), num_rows)
    return Inspected(
        name=name,
        kind="shard",
        columns=_columns(schema),
        statistics=statistics | _measured(counts),
        rows=list(rows),
        tokenizer=tokenizer,
    )


def _has_examples(schema: pa.Schema) -> bool:
    return "example_id" in schema.names


def _columns(schema: pa.Schema) -> list[tuple[str, str, str]]:
    return [
        (
            one.name,
            str(one.type),
            (one.metadata or {}).get(b"meaning", b"").decode(errors="replace"),
        )
        for one in schema
    ]


def _batches(shards: Sequence[Path], columns: list[str]) -> Iterator[pa.RecordBatch]:
    for path in shards:
        yield from read_rows(path, columns)


def _measure(
    batches: Iterator[pa.RecordBatch],
    tokenizer: Tokenizer | None,
    counts: RowCounts,
    tokens: int,
) -> None:
    special_ids = np.empty(0, np.int32) if tokenizer is None else tokenizer.special_ids
    has_mask = tokenizer is not None and "mask" in tokenizer.roles
    mask_id = tokenizer.role_id("mask") if tokenizer is not None and has_mask else None
    for batch in batches:
        measure_rows(batch, special_ids, mask_id, counts)
        if counts.tokens >= tokens:
            return


def _measured(counts: RowCounts) -> dict[str, Any]:
    if not counts.rows:
        return {}
    measured: dict[str, Any] = {
        "rows": counts.rows,
        "tokens": counts.tokens,
        "padding_tokens": counts.padding_tokens,
        "longest_row": counts.longest,
        "rates": counts.rates(),
    }
    if counts.most_selected:
        measured["most_predictions"] = counts.most_selected
    if counts.sequences:
        measured["sequences"] = counts.sequences
    return {"measured": measured}


def _first_rows(shards: Sequence[Path], num_rows: int) -> Iterator[dict[str, Any]]:
    for path in shards:
        for batch in read_rows(path, open_shard(path).schema_arrow.names, num_rows):
            yield from batch.to_pylist()


def _inspect_stream(num_rows: int) -> Inspected:
    source = binary_input()
    if source is None:
        raise ConfigError("standard input is closed. Pipe a stream in, or name a path.")
    reader = StreamReader(source, "standard input")
    check_names(reader.origin, reader.schema.names)
    tokenizer, stage = None, ""
    if b"maskprep" in reader.metadata and b"tokenizer.json" in reader.metadata:
        record = record_of(reader.origin, reader.metadata[b"maskprep"])
        stage, roles = record["stage"], record["tokenizer"]["roles"]
        text = reader.metadata[b"tokenizer.json"].decode()
        tokenizer = tokenizer_from_json(text, roles, "the stream's tokenizer")
    rows: list[dict[str, Any]] = []
    counts = RowCounts()
    for read in reader.batches():
        batch = readable_rows(reader.origin, read, counts.rows)
        rows.extend(batch.slice(0, max(num_rows - len(rows), 0)).to_pylist())
        _measure(iter([batch]), tokenizer, counts, 0)
    statistics = {"rows": counts.rows} | _measured(counts)
    if reader.receipt.get("history"):
        statistics["manifest"] = {"history": reader.receipt["history"]}
    return Inspected(
        name=STANDARD,
        kind="stream",
        stage=stage,
        columns=_columns(reader.schema),
        statistics=statistics,
        rows=rows,
        tokenizer=tokenizer,
    )
