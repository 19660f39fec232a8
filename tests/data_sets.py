"""Data sets of every stage, and ways to change one and keep its manifest consistent."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PairingConfig,
    RunConfig,
    ShardConfig,
    TokenizationConfig,
)
from maskprep.encoders.loading import load_tokenizer
from maskprep.pipeline import (
    Corpus,
    StageRows,
    make_examples,
    mask_dataset,
    prepare_corpus,
    tokenize_corpus,
)
from maskprep.storage.manifest import to_json, with_checksum
from maskprep.storage.shards import write_shard
from maskprep.tasks.expectations import expected_schema
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.running import Context

ONE_WORKER = Context(machine=RunConfig(workers=1))
CORPUS = CorpusConfig(documents="file", block_bytes=150_000)
PAIRING = PairingConfig(max_seq_length=64, seed=7)
MASKING = MaskingConfig(unit="word", epochs=2, seed=7)
SHARDS = ShardConfig(shard_rows=900)
FORMS = ("loss-mask", "labels", "positions", "keras")


def make_data_sets(corpus: Path, tokenizer: Path, folder: Path) -> dict[str, Path]:
    """Make documents, examples, masked examples in every form, and the same in one run."""
    made = {name: folder / name for name in ("documents", "examples", "prepared", *FORMS)}
    loaded = load_tokenizer(str(tokenizer))
    text = Corpus([str(corpus)], CORPUS, TokenizationConfig())
    tokenize_corpus(text, loaded, ShardConfig(shard_rows=10), made["documents"], ONE_WORKER)
    documents = StageRows([str(made["documents"])])
    make_examples(documents, PAIRING, SHARDS, made["examples"], ONE_WORKER)
    for form in FORMS:
        config = MaskingConfig(columns=form, seed=3, keep=("word_starts",))
        examples = StageRows([str(made["examples"])])
        mask_dataset(examples, config, SHARDS, made[form], ONE_WORKER)
    recipe = Recipe(CORPUS, pairing=PAIRING, masking=MASKING, shards=SHARDS)
    prepare_corpus([str(corpus)], recipe, loaded, made["prepared"], ONE_WORKER)
    return made


def copy_of(folder: Path, to: Path) -> Path:
    """Copy a data set, to break the copy."""
    shutil.copytree(folder, to)
    return to


def shard_of(folder: Path, number: int = 0) -> Path:
    """Return the path of a shard."""
    return folder / "data" / f"part-{number:05d}.parquet"


def flip_bit(path: Path, bit: int) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def edit_manifest(folder: Path, edit) -> None:
    """Change a manifest in place and give it the checksum of what it then says."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    edit(manifest)
    path.write_bytes(to_json(with_checksum(manifest)))


def forge_shard(folder: Path, edit, number: int = 0) -> None:
    """Change the rows of a shard as a wrong program would: with the right hashes of wrong rows."""
    path = shard_of(folder, number)
    table = edit(pq.read_table(path)).combine_chunks()
    schema = expected_schema(json.loads((folder / "manifest.json").read_bytes()))
    schema = pa.schema([schema.field(name) for name in table.column_names], schema.metadata)
    shard = write_shard(table.to_batches(), path, schema, "zstd")
    entry = {key: getattr(shard, key) for key in ("rows", "tokens", "bytes")}
    entry |= {"sha256": shard.sha256, "rows_xxh128": shard.rows_xxh128}
    edit_manifest(folder, lambda manifest: manifest["shards"][number].update(entry))


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of a data set, by its path in it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
