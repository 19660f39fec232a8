"""Where a task puts its rows: final shards, flat files for pairing, or runs for a later phase."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from maskprep.config import Compression
from maskprep.storage.runs import Order, write_runs
from maskprep.storage.shards import ROW_GROUP_TOKENS, regroup, write_shard
from maskprep.storage.spool import spool_files, write_spool

DOCUMENT_GROUP_ROWS = 8192


@dataclass(frozen=True)
class DocumentShards:
    """Parquet shards of documents; a document never goes on in another shard."""

    folder: str
    stem: str
    schema: pa.Schema
    compression: Compression
    shard_rows: int | None

    def write(self, batches: Iterable[pa.RecordBatch]) -> dict[str, Any]:
        """Write all rows; return the shards with their files."""
        group_rows = min(DOCUMENT_GROUP_ROWS, self.shard_rows or DOCUMENT_GROUP_ROWS)
        groups = _Groups(regroup(batches, group_rows, ROW_GROUP_TOKENS))
        shards: list[dict[str, Any]] = []
        while groups.pending is not None:
            path = Path(self.folder) / f"{self.stem}-{len(shards):05d}.parquet"
            shard = write_shard(
                groups.of_one_shard(self.shard_rows), path, self.schema, self.compression
            )
            if shard is not None:
                shards.append({**asdict(shard), "file": str(path)})
        return {"shards": shards}


class _Groups:
    """Row groups, dealt out to one shard after the other."""

    def __init__(self, groups: Iterator[pa.RecordBatch]) -> None:
        self._groups = groups
        self.pending = next(groups, None)

    def of_one_shard(self, shard_rows: int | None) -> Iterator[pa.RecordBatch]:
        rows = 0
        while self.pending is not None:
            goes_on = self.pending.column("document_part")[0].as_py() > 0
            full = shard_rows is not None and rows + self.pending.num_rows > shard_rows
            if rows and full and not goes_on:
                return
            rows += self.pending.num_rows
            yield self.pending
            self.pending = next(self._groups, None)


@dataclass(frozen=True)
class FlatFiles:
    """A spool, for pairing."""

    folder: str
    max_tokens: int
    num_ids: int

    def write(self, batches: Iterable[pa.RecordBatch]) -> dict[str, Any]:
        """Write all rows; return the spool."""
        spool = write_spool(batches, Path(self.folder), self.max_tokens, self.num_ids)
        return {"spool": asdict(spool)}


@dataclass(frozen=True)
class RunFiles:
    """Runs of rows, sorted if they are to be shuffled or laid into bins."""

    folder: str
    stem: str
    order: Order
    rows: int
    columns: tuple[str, ...] | None = None
    """Names of those to write; None: all."""

    def write(self, batches: Iterable[pa.RecordBatch]) -> dict[str, Any]:
        """Write all rows; return the runs."""
        if self.columns is not None:
            names = list(self.columns)
            batches = (batch.select(names) for batch in batches)
        runs = write_runs(batches, Path(self.folder), self.stem, self.order, self.rows)
        return {"runs": [asdict(run) for run in runs]}


Destination = DocumentShards | FlatFiles | RunFiles


def files_of(receipt: Mapping[str, Any]) -> Iterator[Path]:
    """List the files that a task wrote."""
    for shard in receipt.get("shards", ()):
        yield Path(shard["file"])
    for path in dict.fromkeys(run["path"] for run in receipt.get("runs", ())):
        yield Path(path)
    if "spool" in receipt:
        yield from spool_files(Path(receipt["spool"]["folder"]))
