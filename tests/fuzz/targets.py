"""What is fuzzed: whatever bytes a file holds, only maskprep's own errors come out.

Each target takes bytes, writes them where a reader finds them, and reads all of it. A target checks
what it read; that it ends, and in bounded memory, is up to whoever calls it.
"""

import bz2
import gzip
import json
import lzma
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from maskprep.config import CorpusConfig
from maskprep.encoders.loading import load_tokenizer
from maskprep.encoders.reference import ReferenceEncoder
from maskprep.errors import MaskprepError
from maskprep.storage.blocks import plan_blocks
from maskprep.storage.corpus import ReadCounts, read_documents
from maskprep.storage.dataset import DatasetFolder
from maskprep.storage.sources import find_sources
from maskprep.tasks.inputs import InputRequest, open_stage_input

Target = Callable[[bytes], None]

ON_INVALID = ("error", "skip", "replace")


def read_corpus(name: str, data: bytes, **options: object) -> None:
    """Read a source of some bytes, with each way to treat what is invalid."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        for on_invalid in ON_INVALID:
            config = CorpusConfig(on_invalid=on_invalid, **options)
            counts = ReadCounts()
            num_documents = 0
            with suppress(MaskprepError):
                sources = find_sources([str(path)], config).sources
                for blocks in plan_blocks(sources, config, Path(folder)):
                    for batch in read_documents(blocks, config, counts):
                        batch.validate(full=True)
                        num_documents += batch.num_rows - batch.column("continues").true_count
                assert counts.documents == num_documents
                changed = counts.replaced + counts.lines_cut + sum(counts.dropped.values())
                assert len(counts.rejects.first()) == changed


def text(data: bytes) -> None:
    """Read plain text, its first byte choosing how it is cut."""
    cut = ("blank-line", "line", "file")[data[0] % 3] if data else "line"
    read_corpus("a.txt", data[1:], documents=cut, block_bytes=1 + len(data) // 3)


def json_lines(data: bytes) -> None:
    """Read JSON Lines."""
    read_corpus("a.jsonl", data, block_bytes=1 + len(data) // 2, id_column="n")


def csv(data: bytes) -> None:
    """Read CSV."""
    read_corpus("a.csv", data)


def parquet(data: bytes) -> None:
    """Read Parquet."""
    read_corpus("a.parquet", data, id_column="n")


def spaced_words(data: bytes) -> None:
    """Read text whose words are divided by spaces."""
    read_corpus("a.txt", data, words="spaces", block_bytes=1 + len(data) // 2)


def listed_words(data: bytes) -> None:
    """Read JSON Lines with lists of words."""
    read_corpus("a.jsonl", data, words="list")


def parquet_words(data: bytes) -> None:
    """Read Parquet with lists of words."""
    read_corpus("a.parquet", data, words="list", id_column="n")


def compressed(data: bytes) -> None:
    """Read what may be gzip, bzip2, xz or Zstandard, by its first bytes."""
    read_corpus("a.txt", data)


def tokenizer(data: bytes) -> None:
    """Load a tokenizer.json, and encode with it."""
    with tempfile.TemporaryDirectory() as folder, suppress(MaskprepError):
        path = Path(folder, "tokenizer.json")
        path.write_bytes(data)
        loaded = load_tokenizer(str(path))
        line = np.frombuffer(b"Some words, 7 of them.", np.uint8)
        encoded = ReferenceEncoder(loaded).encode_lines(
            line, np.zeros(1, np.int64), np.array([line.size])
        )
        assert encoded.ids.max(initial=0) < loaded.num_ids


def vocabulary(data: bytes) -> None:
    """Load a vocab.txt."""
    with tempfile.TemporaryDirectory() as folder, suppress(MaskprepError):
        path = Path(folder, "vocab.txt")
        path.write_bytes(data)
        load_tokenizer(str(path))


def manifest(data: bytes) -> None:
    """Open a data-set folder whose manifest holds some bytes."""
    with tempfile.TemporaryDirectory() as folder, suppress(MaskprepError):
        Path(folder, "manifest.json").write_bytes(data)
        Path(folder, "data").mkdir()
        DatasetFolder(Path(folder)).read_manifest()
        open_stage_input(InputRequest([folder], ("tokenize",)))


TARGETS: dict[str, Target] = {
    one.__name__: one
    for one in (
        *(text, json_lines, csv, parquet, compressed, tokenizer, vocabulary, manifest),
        *(spaced_words, listed_words, parquet_words),
    )
}


TEXTS = ["Some words.", "More\nwords, \U0001f600.", None, "x" * 300, ""]
WORDS = [
    ["Some", "words", "."],
    ["\u6211", "\u5317\u4eac", "\n"],
    None,
    ["x"] * 99,
    [],
    ["a", None],
]


def _table(texts: list[object]) -> pa.Table:
    return pa.table({"text": texts, "n": list("abcdef")[: len(texts)]})


def _parquet(texts: list[object] = TEXTS, **settings: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(_table(texts), sink, **settings)
    return sink.getvalue().to_pybytes()


def _zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def _tokenizers() -> list[bytes]:
    vocab = {token: number for number, token in enumerate(["[UNK]", "[CLS]", "some", "##s", "a"])}
    shell = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}
        | {"strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None,
        "decoder": None,
    }
    wordpiece = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##"}
    wordpiece |= {"max_input_chars_per_word": 100, "vocab": vocab}
    bpe = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}
    unigram = {"type": "Unigram", "unk_id": 0, "vocab": [["a", -1.0], ["b", -2.0]]}
    return [json.dumps({**shell, "model": model}).encode() for model in (wordpiece, bpe, unigram)]


UTF16 = "Some words.".encode("utf-16")
PROSE = "Some words.\n\n  More\r\nwords, \U0001f600.\n".encode()
SEEDS: dict[str, list[bytes]] = {
    "text": [b"\0" + PROSE, b"\1" + PROSE, b"\2\xef\xbb\xbf" + PROSE, b"\0" + UTF16],
    "json_lines": [b'{"text": "Some words.", "n": 1}\n{"n": null, "text": "\\ud83d\\ude00"}\n'],
    "csv": [b'text,n\n"Some\nwords, ""x""",1\nb,2\n', b"n\ttext\n"],
    "parquet": [_parquet(compression=None), _parquet(use_dictionary=False, compression="snappy")],
    "compressed": [
        gzip.compress(PROSE, mtime=0),
        bz2.compress(PROSE),
        lzma.compress(PROSE),
        _zstd(PROSE),
    ],
    "tokenizer": _tokenizers(),
    "vocabulary": [b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n"],
    "spaced_words": [PROSE, "\u6211 \u5728   \u5317\u4eac \n\n\u4ed6 said so .\n".encode()],
    "listed_words": [b'{"text": ["Some", "words", " ", "\\n"]}\n{"text": []}\n{"text": [""]}\n'],
    "parquet_words": [
        _parquet(WORDS, compression=None),
        _parquet(WORDS, use_dictionary=False, compression="snappy"),
    ],
    "manifest": [
        (
            b'{"format_version": 1, "stage": "tokenize", "settings": {}, "lineage": [], '
            b'"versions": {}, "tokenizer": {"fingerprint": "f", "num_ids": 9, "roles": {}, '
            b'"special_ids": {}}, "sources": [], "totals": {"tokens": 5}, "rates": {}, '
            b'"dropped": {}, "changed": {}, "shards": [{"name": "part-00000.parquet", "rows": 1, '
            b'"tokens": 5, "bytes": 4, "sha256": "%s", "rows_xxh128": "%s"}]}'
            % (b"0" * 64, b"1" * 32)
        )
    ],
}
assert SEEDS.keys() == TARGETS.keys()
os.environ.setdefault("RUST_BACKTRACE", "0")
