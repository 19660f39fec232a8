"""Sizes of pages, read from their headers."""

import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskprep.config import CorpusConfig
from maskprep.errors import CorpusError
from maskprep.storage.blocks import plan_blocks
from maskprep.storage.corpus import ReadCounts, read_documents
from maskprep.storage.parquet_pages import Pages, page_sizes
from maskprep.storage.sources import find_sources


def sizes_in(path):
    return page_sizes(str(path), pq.read_metadata(path).row_group(0).column(0))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_every_page_is_found(tmp_path, version, compression):
    texts = [f"{n} " + "x" * 1000 for n in range(2000)]
    pq.write_table(
        pa.table({"text": texts}),
        tmp_path / "a.parquet",
        use_dictionary=False,
        data_page_version=version,
        data_page_size=50_000,
        write_batch_size=10,
        compression=compression,
        write_page_checksum=True,
    )
    pages = sizes_in(tmp_path / "a.parquet")
    assert pages.rows.sum() == 2000
    assert len(pages.rows) > 20
    assert pages.sizes.sum() == pytest.approx(sum(map(len, texts)), rel=0.05)
    assert pages.dictionary == 0


def test_the_dictionary_is_told_from_the_data(tmp_path):
    pq.write_table(pa.table({"text": ["x" * 5000] * 100}), tmp_path / "a.parquet")
    pages = sizes_in(tmp_path / "a.parquet")
    assert pages.dictionary == 5004
    assert pages.rows.tolist() == [100]


@given(
    pages=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 9)), max_size=8),
    limit=st.integers(9, 30),
)
def test_as_many_rows_at_once_as_lie_on_few_bytes(pages, limit):

    counts, sizes = np.array(pages, np.int64).reshape(-1, 2).T.copy()
    rows = Pages(0, counts, sizes).rows_within(limit, 16)
    of_row = [page for page, (count, _) in enumerate(pages) for _ in range(count)]
    touched = [
        sum(pages[page][1] for page in set(of_row[first : first + rows]))
        for first in range(len(of_row))
    ]
    assert rows == 1 or max(touched, default=0) <= limit


def read(path, tmp_path, **options):
    counts = ReadCounts()
    config = CorpusConfig(**options)
    sources = find_sources([str(path)], config).sources
    batches = [
        batch
        for blocks in plan_blocks(sources, config, tmp_path)
        for batch in read_documents(blocks, config, counts)
    ]
    return [row["text"] for batch in batches for row in batch.to_pylist()], counts


def test_a_page_too_large_to_decode_is_named_or_its_rows_are_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr("maskprep.storage.tables.LARGEST_PAGE_BYTES", 5000)
    table = pa.table({"text": ["a", "b" * 9000, "c", "d"]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    with pytest.raises(CorpusError, match=r"a\.parquet: row group 0 has a page of 9,00. bytes"):
        read(tmp_path / "a.parquet", tmp_path)
    texts, counts = read(tmp_path / "a.parquet", tmp_path, on_invalid="skip")
    assert texts == ["c", "d"]
    assert counts.dropped == {"too_long": 2}


@pytest.mark.parametrize("dictionary", [True, False])
def test_long_texts_are_read_in_small_batches(tmp_path, monkeypatch, dictionary):
    for name in ("LONGEST_WHOLE_BYTES", "PIECE_BYTES"):
        monkeypatch.setattr(f"maskprep.storage.tables.{name}", 1000)
    chance = random.Random(1)
    texts = [str(n) * chance.choice([1, 1, 1, 900]) for n in range(300)]
    table = pa.table({"text": texts, "n": [str(n) for n in range(300)]})
    settings = {"use_dictionary": dictionary, "write_batch_size": 3, "data_page_size": 100}
    pq.write_table(table, tmp_path / "a.parquet", **settings)
    assert read(tmp_path / "a.parquet", tmp_path, id_column="n")[0] == texts


def test_equal_names_in_a_small_file_take_bounded_memory(tmp_path):
    table = pa.table({"text": ["word"] * 400, "n": ["x" * 2**19] * 400})
    pq.write_table(table, tmp_path / "a.parquet")
    config = CorpusConfig(id_column="n")
    sources = find_sources([str(tmp_path / "a.parquet")], config).sources
    (blocks,) = plan_blocks(sources, config, tmp_path)
    before = pa.total_allocated_bytes()
    for batch in read_documents(blocks, config, ReadCounts()):
        assert pa.total_allocated_bytes() - before < 2**26
        assert batch.num_rows < 30
