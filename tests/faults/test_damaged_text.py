"""Raw text that is damaged, hostile or odd: one clear message and the right exit code.

Nothing half-written is left, and where nothing is wrong all of the text is read.
"""

import bz2
import gzip
import json
import lzma
import os
import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from maskprep.cli.app import app
from maskprep.storage import corpus

TEXT = b"".join(b"The %d. line has its own words.\n" % n for n in range(3000))
CHECKED_ZSTD = bytes.fromhex(
    "28b52ffd0458e900006f6e65206c696e65206f6620746578740a616e6f74686572206f6e650ab4b960e0"
)
SKIPPABLE = struct.pack("<II", 0x184D2A50, 5) + b"notes"


def zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


COMPRESS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}
CODECS = pytest.mark.parametrize("suffix", list(COMPRESS))


def flip(data, place):
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


@pytest.fixture
def tokenize(toy_tokenizer, tmp_path):
    """Write a source, tokenize it; return the result of the command."""

    def run(name, data, *options):
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        output = ("--output", tmp_path / "documents", "--workers", 1)
        arguments = ["tokenize", path, "--tokenizer", toy_tokenizer, *output, *options]
        return CliRunner().invoke(app, [str(one) for one in arguments])

    return run


def assert_refused(result, tmp_path, *parts, exit_code=1):
    assert result.exit_code == exit_code, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    for part in parts:
        assert part in lines[0]
    assert not (tmp_path / "documents").exists()


def totals(tmp_path):
    return json.loads((tmp_path / "documents" / "manifest.json").read_text())["totals"]


# --- compressed files ---------------------------------------------------------------------------

DAMAGES = {
    "one byte short": lambda data: data[:-1],
    "eight bytes short": lambda data: data[:-8],
    "half": lambda data: data[: len(data) // 2],
    "the magic alone": lambda data: data[:6],
    "garbage behind": lambda data: data + b"garbage",
    "half a second member": lambda data: data + data[: len(data) // 2],
}


@CODECS
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_compressed_file_is_an_error_with_its_place(tokenize, tmp_path, suffix, damage):
    data = DAMAGES[damage](COMPRESS[suffix](TEXT))
    result = tokenize(f"a.txt.{suffix}", data)
    assert_refused(result, tmp_path, f"a.txt.{suffix}: damaged or cut-off", "near byte")


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_flipped_bit_is_an_error(tokenize, tmp_path, suffix, share):
    data = COMPRESS[suffix](TEXT)
    result = tokenize(f"a.txt.{suffix}", flip(data, int(len(data) * share)))
    assert_refused(result, tmp_path, "damaged or cut-off")


@pytest.mark.parametrize("place", range(6, len(CHECKED_ZSTD)))
def test_a_flipped_bit_of_zstandard_with_a_checksum_is_an_error(tokenize, tmp_path, place):
    assert_refused(tokenize("a.txt.zst", flip(CHECKED_ZSTD, place)), tmp_path, "damaged")


@CODECS
def test_empty_members_and_several_members_are_read(tokenize, tmp_path, suffix):
    compress = COMPRESS[suffix]
    data = compress(b"") + compress(TEXT) + compress(b"") + compress(b"\nThe end.\n")
    result = tokenize(f"a.txt.{suffix}", data)
    assert result.exit_code == 0, result.output
    assert totals(tmp_path)["lines"] == 3001


def test_skippable_frames_of_zstandard_are_skipped(tokenize, tmp_path):
    result = tokenize("a.txt.zst", zstd(TEXT) + SKIPPABLE + zstd(b"\nThe end.\n"))
    assert result.exit_code == 0, result.output
    assert totals(tmp_path)["lines"] == 3001


@CODECS
@pytest.mark.parametrize("data", [None, b""], ids=["an empty member", "an empty file"])
def test_no_text_at_all_is_said(tokenize, tmp_path, suffix, data):
    result = tokenize(f"a.txt.{suffix}", COMPRESS[suffix](b"") if data is None else data)
    assert_refused(result, tmp_path, "the corpus holds no text")


def test_a_frame_with_a_window_of_gigabytes_is_refused(tokenize, tmp_path):
    window_log_31, last_raw_block = bytes([0, (31 - 10) << 3]), b"\x29\0\0text\n"
    data = b"\x28\xb5\x2f\xfd" + window_log_31 + last_raw_block
    assert_refused(tokenize("a.txt.zst", data), tmp_path, "damaged or cut-off zstd", "memory")


@CODECS
def test_a_bomb_of_zeros_is_read_in_pieces(tokenize, tmp_path, monkeypatch, suffix):
    for module in ("text", "rows", "corpus"):
        monkeypatch.setattr(f"maskprep.storage.{module}.PIECE_BYTES", 2**16)
    longest = 0
    joined = corpus._joined

    def watched(batches, config):
        nonlocal longest
        batch = joined(batches, config)
        longest = max(longest, batch.nbytes)
        return batch

    monkeypatch.setattr(corpus, "_joined", watched)
    result = tokenize(f"a.txt.{suffix}", COMPRESS[suffix](b"begin " + bytes(2**23) + b" end"))
    assert result.exit_code == 0, result.output
    assert totals(tmp_path)["text_bytes"] == 2**23 + 10
    assert longest < 2**17


# --- encodings and characters -------------------------------------------------------------------

RUSSIAN = "Наступило утро, и все проснулись. " * 20


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        pytest.param(b"good\n\nb\xc3\x28d\n", ("a.txt:3: invalid UTF-8 at byte 2",), id="broken"),
        pytest.param(b"good\n\n\xed\xa0\x80\n", ("a.txt:3: invalid UTF-8",), id="a surrogate"),
        pytest.param(b"\xc0\xaf\n", ("a.txt:1: invalid UTF-8 at byte 1",), id="an overlong slash"),
        pytest.param(RUSSIAN.encode("cp1251"), ("a.txt:1: invalid UTF-8",), id="CP1251"),
        pytest.param(RUSSIAN.encode("utf-16"), ("this is UTF-16", "iconv"), id="UTF-16"),
        pytest.param(RUSSIAN.encode("utf-16-be"), ("this is UTF-16",), id="UTF-16 without mark"),
        pytest.param("Text. ".encode("utf-16-le") * 9, ("this is UTF-16",), id="Latin UTF-16"),
    ],
)  # fmt: skip
def test_text_in_another_encoding_is_told(tokenize, tmp_path, data, parts):
    assert_refused(tokenize("a.txt", data), tmp_path, *parts)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        pytest.param(b"\xef\xbb\xbfA mark.\n", 1, id="byte order mark"),
        pytest.param(b"One.\r\nTwo.\r\n", 2, id="CR LF"),
        pytest.param(b"One.\rTwo.\r", 1, id="CR alone"),
        pytest.param("One.\u2028Two.\u0085Three.\x0bFour.\n".encode(), 1, id="other breaks"),
        pytest.param(b"N\0U\0L\0s are kept \0 in text.\n", 1, id="NUL"),
        pytest.param(bytes(600) + b" zeros\n", 1, id="zeros"),
    ],
)  # fmt: skip
def test_odd_characters_are_text_and_only_a_line_feed_ends_a_line(tokenize, tmp_path, data, lines):
    result = tokenize("a.txt", data)
    assert result.exit_code == 0, result.output
    assert totals(tmp_path)["lines"] == lines


# --- JSON Lines ---------------------------------------------------------------------------------

GOOD = b'{"text": "Good."}\n\n'


@pytest.mark.parametrize(
    ("line", "reason", "message"),
    [
        pytest.param(b'{"text": "cut', "invalid_json", "a.jsonl:3: not valid JSON", id="cut off"),
        pytest.param(b'{"body": "x"}', "missing_text", "no column 'text' (found: body)", id="key"),
        pytest.param(b'{"text": 7}', "invalid_text", "'text' is a number", id="another type"),
        pytest.param(b'{"text": ["a"]}', "invalid_text", "'text' is a list", id="a list"),
        pytest.param(b"7", "invalid_json", "expected a JSON object", id="no object"),
        pytest.param(b"[" * 100_000, "invalid_json", "not valid JSON", id="deep list"),
        pytest.param(b'{"a":' * 100_000, "invalid_json", "not valid JSON", id="deep object"),
        pytest.param(b'{"text": "\\ud800"}', "invalid_json", "not valid JSON", id="surrogate"),
        pytest.param(b'{"text": "\0"}', "invalid_json", "not valid JSON", id="raw NUL"),
        pytest.param(b'{"text": "a\xff"}', "invalid_utf8", "invalid UTF-8 at byte 12", id="bytes"),
        pytest.param(b"{'text': 'a'}", "invalid_json", "not valid JSON", id="Python"),
        pytest.param(b'{"text": NaN}', "invalid_json", "not valid JSON", id="NaN"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_or_skipped(tokenize, tmp_path, line, reason, message):
    result = tokenize("a.jsonl", GOOD + line + b"\n")
    exit_code = 2 if reason == "missing_text" else 1
    assert_refused(result, tmp_path, message, exit_code=exit_code)
    result = tokenize("a.jsonl", GOOD + line + b"\n" + GOOD, "--on-invalid", "skip")
    assert result.exit_code == 0, result.output
    (entry,) = (tmp_path / "documents" / "rejects.jsonl").read_text().splitlines()
    place = {"source": "a.jsonl", "byte": len(GOOD), "line": 3}
    assert json.loads(entry) == {**place, "action": "skipped", "reason": reason}
    assert totals(tmp_path)["documents"] == 2


@pytest.mark.parametrize(
    ("line", "text_bytes"),
    [
        pytest.param(b'{"text": "a", "text": "the last"}', 8, id="the last of equal keys counts"),
        pytest.param(b'{"text": "\\u0000 a\\nb"}', 5, id="an escaped NUL"),
        pytest.param(b'{"text": "a", "x": ' + b"[" * 900 + b"]" * 900 + b"}", 1, id="nested"),
        pytest.param(b'\xef\xbb\xbf{"text": "a"}', 1, id="byte order mark"),
    ],
)  # fmt: skip
def test_odd_lines_are_read(tokenize, tmp_path, line, text_bytes):
    result = tokenize("a.jsonl", line)
    assert result.exit_code == 0, result.output
    assert totals(tmp_path)["text_bytes"] == text_bytes


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "options", "where"),
    [
        ("a.jsonl", GOOD + b'{"text": "' + b"x" * 900 + b'"}\n', (), "a.jsonl:3: the line"),
        ("a.csv", b"text\nGood.\n" + b"x" * 900 + b"\n", (), "a.csv, row 2: the row"),
        ("a.csv", b'text\nGood.\n"open\n' + b"x\n" * 900, (), "a.csv, row 2: the row"),
        ("a.txt", b"Good.\n\n" + b"x \n" * 900, ("--encode", "document"), "a.txt:3: the document"),
    ],
    ids=["JSON line", "CSV row", "unclosed quote", "document encoded whole"],
)
def test_what_is_over_a_limit_is_named_or_skipped(
    tokenize, tmp_path, monkeypatch, name, data, options, where
):
    monkeypatch.setattr("maskprep.storage.text.PIECE_BYTES", 100)
    for module in ("rows", "corpus", "json_lines", "csv_rows"):
        monkeypatch.setattr(f"maskprep.storage.{module}.LONGEST_WHOLE_BYTES", 400)
    result = tokenize(name, data, *options)
    assert_refused(result, tmp_path, where, "is longer than 400 bytes", "--on-invalid skip")
    result = tokenize(name, data, *options, "--on-invalid", "skip")
    assert result.exit_code == 0, result.output
    (entry,) = (tmp_path / "documents" / "rejects.jsonl").read_text().splitlines()
    assert json.loads(entry)["reason"] == "too_long"
    assert totals(tmp_path)["documents"] == 1


# --- files that are no text, and files that are no files ----------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("report.docx", b"PK\x03\x04" + bytes(40), "a zip archive"),
        ("a.txt", b"PK\x03\x04" + bytes(40), "a zip archive"),
        ("a.pdf", b"%PDF-1.7\n", "a PDF document"),
        ("a.arrow", b"ARROW1\0\0" + bytes(40), "an Arrow file"),
    ],
)
def test_what_is_no_text_is_called_by_its_name(tokenize, tmp_path, name, data, kind):
    assert_refused(tokenize(name, data), tmp_path, f"{name}: this is {kind}", "Take the text out")


def test_pipes_devices_and_circles_are_passed_over_in_folders(tokenize, tmp_path):
    folder = tmp_path / "corpus"
    (folder / "below").mkdir(parents=True)
    (folder / "a.txt").write_text("Good.\n")
    os.mkfifo(folder / "pipe.txt")
    (folder / "null.txt").symlink_to("/dev/null")
    (folder / "itself.txt").symlink_to("itself.txt")
    (folder / "gone.txt").symlink_to("nowhere.txt")
    (folder / "below" / "up").symlink_to(folder, target_is_directory=True)
    result = tokenize("corpus", None)
    assert result.exit_code == 0, result.output
    assert totals(tmp_path)["documents"] == 1


@pytest.mark.parametrize(
    ("name", "exit_code", "message"),
    [("pipe.txt", 2, "is a pipe or a device"), ("itself.txt", 3, "cannot be opened")],
)
def test_a_pipe_or_a_circle_given_by_name_is_refused(tokenize, tmp_path, name, exit_code, message):
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "itself.txt").symlink_to("itself.txt")
    assert_refused(tokenize(name, None), tmp_path, message, exit_code=exit_code)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"line\nbreak.txt", "line\nbreak.txt"),
        (b"not-\xff-utf8.txt", r"not-\xff-utf8.txt"),
        (b"..txt", "..txt"),
    ],
)
def test_odd_names_are_sources_like_others(tokenize, tmp_path, name, shown):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / os.fsdecode(b"x" + name)).write_bytes(b"Good.\n\n\x01\n")
    result = tokenize("corpus", None)
    assert result.exit_code == 0, result.output
    (entry,) = (tmp_path / "documents" / "rejects.jsonl").read_text().splitlines()
    assert json.loads(entry)["source"] == f"x{shown}"


# --- input that changes during the run ----------------------------------------------------------


def grow(path):
    with path.open("ab") as file:
        file.write(b"More.\n")


def rewrite(path):
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (grow, "changed during the run"),
        (rewrite, "changed during the run"),
        (os.unlink, "the file vanished during the run"),
    ],
    ids=["grows", "is rewritten with the same size", "vanishes"],
)
@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.csv", "a.parquet"])
def test_a_file_that_changes_while_it_is_read_is_told(
    tokenize, tmp_path, monkeypatch, name, change, message
):
    data = {"a.txt": TEXT, "a.txt.gz": gzip.compress(TEXT), "a.csv": b"text\n" + TEXT}
    if name == "a.parquet":
        pq.write_table(pa.table({"text": TEXT.decode().split("\n")}), tmp_path / name)
    else:
        (tmp_path / name).write_bytes(data[name])
    written = corpus._all_batches

    def changed(*arguments):
        yield from written(*arguments)
        change(tmp_path / name)

    monkeypatch.setattr(corpus, "_all_batches", changed)
    assert_refused(tokenize(name, None), tmp_path, f"{name}:", message)
