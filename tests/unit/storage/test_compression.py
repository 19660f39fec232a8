"""Compressed input: read to its end, or an error."""

import bz2
import gzip
import io
import lzma

import pyarrow as pa
import pytest

from maskprep.errors import CorpusError
from maskprep.storage.compression import (
    StoredBytes,
    decompress,
    detect_compression,
    open_stored,
)

TEXT = b"".join(b"The %d. line has its own words.\n" % n for n in range(60_000))


def zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


COMPRESS = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zstd": zstd}
CODECS = pytest.mark.parametrize("codec", list(COMPRESS))


def read(data, codec):
    return b"".join(decompress(StoredBytes(io.BytesIO(data), "a.txt"), codec, "a.txt"))


@CODECS
def test_compression_is_told_from_content_and_undone(codec):
    data = COMPRESS[codec](TEXT)
    assert detect_compression(data[:8]) == codec
    assert read(data, codec) == TEXT


@CODECS
def test_all_members_are_read(codec):
    data = COMPRESS[codec](TEXT) + COMPRESS[codec](b"") + COMPRESS[codec](b"end\n")
    assert read(data, codec) == TEXT + b"end\n"


@CODECS
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9999])
def test_a_cut_off_file_is_an_error(codec, share):
    data = COMPRESS[codec](TEXT)
    with pytest.raises(CorpusError, match=rf"a\.txt: damaged or cut-off {codec} data near byte"):
        read(data[: min(int(len(data) * share) + 3, len(data) - 1)], codec)


@CODECS
def test_garbage_behind_the_end_is_an_error(codec):
    with pytest.raises(CorpusError, match="near byte"):
        read(COMPRESS[codec](b"text\n") + b"no member at all", codec)


@pytest.mark.parametrize("codec", ["gzip", "bz2", "xz"])
def test_a_flipped_bit_is_an_error(codec):
    data = bytearray(COMPRESS[codec](TEXT))
    data[len(data) // 2] ^= 1
    with pytest.raises(CorpusError):
        read(bytes(data), codec)


@CODECS
def test_chunks_of_a_bomb_are_small(codec):
    data = COMPRESS[codec](bytes(2**25))
    sizes = [len(chunk) for chunk in decompress(StoredBytes(io.BytesIO(data), "b"), codec, "b")]
    assert sum(sizes) == 2**25
    assert max(sizes) <= 2**20


def test_a_file_of_another_size_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"longer than before")
    with pytest.raises(CorpusError, match="changed during the run: 3 bytes"):
        open_stored(str(path), 3)
    with pytest.raises(CorpusError, match="vanished"):
        open_stored(str(tmp_path / "gone.txt"), 3)
