"""Length bins: the rows of a run without bins, in its order, dealt out by length."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import naive
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_sets import CORPUS, ONE_WORKER, copy_of, edit_manifest, forge_shard
from typer.testing import CliRunner

from maskprep.cli.app import app
from maskprep.config import (
    MaskingConfig,
    PackingConfig,
    PairingConfig,
    RunConfig,
    ShardConfig,
    TokenizationConfig,
)
from maskprep.encoders.loading import load_tokenizer
from maskprep.errors import ConfigError, ShardError
from maskprep.pipeline import (
    Corpus,
    StageRows,
    make_examples,
    mask_dataset,
    prepare_corpus,
    repair_dataset,
    tokenize_corpus,
    verify_dataset,
)
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.rerun import RepairRequest
from maskprep.tasks.running import Context

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "length-bins.md"
LENGTH, SIZE = 48, 20
BINS = [20, 40, 48]
KINDS = {
    "pairs": PairingConfig(max_seq_length=LENGTH, short_seq_prob=0.4, seed=7),
    "packed": PackingConfig(LENGTH, 0.4, "document", 3),
}
MASKING = MaskingConfig(unit="word", epochs=2, columns="labels", seed=7)
PLAIN = ShardConfig(num_shards=3)
BINNED = replace(PLAIN, bin_size=SIZE)


@pytest.fixture(scope="module", autouse=True)
def small_runs():
    """Several runs in a small corpus."""
    patch = pytest.MonkeyPatch()
    for module in ("pairing", "packing", "examples"):
        patch.setattr(f"maskprep.tasks.{module}.RUN_TOKENS", LENGTH * 150)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def tokenizer(toy_tokenizer):
    return load_tokenizer(str(toy_tokenizer))


@pytest.fixture(scope="module")
def documents(toy_corpus, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents") / "out"
    corpus = Corpus([str(toy_corpus)], replace(CORPUS, limit=10), TokenizationConfig())
    tokenize_corpus(corpus, tokenizer, ShardConfig(shard_rows=5), folder, ONE_WORKER)
    return folder


@pytest.fixture(scope="module")
def examples(documents, tmp_path_factory):
    """Examples of both kinds, in the order of the corpus."""
    folder = tmp_path_factory.mktemp("examples")
    for name, config in KINDS.items():
        shards = replace(PLAIN, shuffle=False)
        make_examples(StageRows([str(documents)]), config, shards, folder / name, ONE_WORKER)
    return folder


@pytest.fixture(scope="module")
def binned(examples, tmp_path_factory):
    """Masked pairs in bins."""
    return mask(examples / "pairs", BINNED, tmp_path_factory.mktemp("binned") / "out")


def mask(source, shards, folder, masking=MASKING, context=ONE_WORKER, stdin=None):
    rows = StageRows(["-" if stdin is not None else str(source)])
    mask_dataset(rows, masking, shards, folder, replace(context, stdin=stdin))
    return folder


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_bytes())


def data_of(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "data").iterdir())}


def dealt_out(folder):
    """Rows by epoch and bin, in the order of the names; each bin's longest length by the name."""
    found = {}
    for path in sorted((folder / "data").iterdir()):
        end = re.fullmatch(r"part-\d{5}-bin-(\d+)\.parquet", path.name)[1]
        for row in pq.read_table(path).to_pylist():
            found.setdefault((row.get("epoch", 0), int(end)), []).append(row)
    return found


def expected_of(folder):
    """The rows of a data set without bins, dealt out one by one, in plain Python."""
    found = {}
    for path in sorted((folder / "data").iterdir()):
        for row in pq.read_table(path).to_pylist():
            end = naive.find_bin(len(row["input_ids"]), SIZE, LENGTH)
            found.setdefault((row.get("epoch", 0), end), []).append(row)
    return dict(sorted(found.items()))


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_bins_hold_the_rows_without_bins_in_their_order(examples, tmp_path, kind, shuffle):
    plain, bins = replace(PLAIN, shuffle=shuffle), replace(BINNED, shuffle=shuffle)
    source = examples / kind
    expected = expected_of(mask(source, plain, tmp_path / "plain"))
    found = dealt_out(mask(source, bins, tmp_path / "binned"))
    assert [end for epoch, end in expected if epoch == 1] == BINS
    # Names sort by epoch, and from short to long.
    assert list(found) == list(expected)
    assert found == expected


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_examples_have_bins_too(documents, tmp_path, kind, shuffle):
    rows = StageRows([str(documents)])
    for name, shards in (("plain", PLAIN), ("binned", BINNED)):
        order = replace(shards, shuffle=shuffle)
        make_examples(rows, KINDS[kind], order, tmp_path / name, ONE_WORKER)
    assert dealt_out(tmp_path / "binned") == expected_of(tmp_path / "plain")
    assert verify_dataset(tmp_path / "binned", ONE_WORKER).faults == ()


def test_the_manifest_counts_each_bin(binned):
    manifest = manifest_of(binned)
    assert manifest["settings"]["bin_size"] == SIZE
    rows = dealt_out(binned)
    for one in manifest["bins"]:
        of_bin = [row for epoch in (0, 1) for row in rows[epoch, one["bin"]]]
        assert one["rows"] == len(of_bin)
        assert one["tokens"] == sum(len(row["input_ids"]) for row in of_bin)
        assert one["shards"] == 2 * PLAIN.num_shards
    assert [one["bin"] for one in manifest["bins"]] == BINS


@pytest.mark.parametrize(
    "shards",
    [ShardConfig(bin_size=SIZE, num_shards=7), ShardConfig(bin_size=SIZE, shard_rows=40)],
    ids=["so many", "of so many rows"],
)
def test_shards_of_a_bin_have_equal_rows(examples, tmp_path, shards):
    source = examples / "pairs"
    manifest = manifest_of(mask(source, shards, tmp_path / "out"))
    half = len(manifest["shards"]) // 2
    for epoch in (manifest["shards"][:half], manifest["shards"][half:]):
        for end in BINS:
            sizes = [shard["rows"] for shard in epoch if shard["bin"] == end]
            if shards.num_shards:
                assert len(sizes) == shards.num_shards
                assert max(sizes) - min(sizes) <= 1
            else:
                assert set(sizes[:-1]) <= {40}
                assert 0 < sizes[-1] <= 40


def test_empty_bins_have_no_shard_and_a_bin_has_no_more_shards_than_rows(documents, tmp_path):
    """One bin for each length: more bins than rows."""
    rows = StageRows([str(documents)], limit=1)
    shards = ShardConfig(bin_size=1, num_shards=3)
    make_examples(rows, KINDS["pairs"], shards, tmp_path / "few", ONE_WORKER)
    mask(tmp_path / "few", shards, tmp_path / "masked")
    for folder in (tmp_path / "few", tmp_path / "masked"):
        found, manifest = dealt_out(folder), manifest_of(folder)
        assert 1 < len(manifest["bins"]) < LENGTH
        for (_, end), rows in found.items():
            assert {len(row["input_ids"]) for row in rows} == {end}
        epochs = len({epoch for epoch, _ in found})
        for one in manifest["bins"]:
            assert one["shards"] == epochs * min(3, one["rows"] // epochs)
        assert verify_dataset(folder, ONE_WORKER).faults == ()


def test_a_bin_as_large_as_the_longest_row_is_the_only_one(examples, tmp_path):
    source = examples / "pairs"
    plain = mask(source, PLAIN, tmp_path / "plain")
    found = mask(source, replace(PLAIN, bin_size=1000), tmp_path / "binned")
    assert [one["bin"] for one in manifest_of(found)["bins"]] == [LENGTH]
    assert list(data_of(found).values()) == list(data_of(plain).values())


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_one_command_or_three_or_a_pipe_give_the_same_bytes(
    toy_corpus, tokenizer, documents, examples, tmp_path, kind, shuffle
):
    shards, config = replace(BINNED, shuffle=shuffle), KINDS[kind]
    expected = data_of(mask(examples / kind, shards, tmp_path / "three"))
    recipe = Recipe(replace(CORPUS, limit=10), masking=MASKING, shards=shards)
    field = "pairing" if kind == "pairs" else "packing"
    recipe = replace(recipe, **{field: config})
    two = Context(machine=RunConfig(workers=2))
    prepare_corpus([str(toy_corpus)], recipe, tokenizer, tmp_path / "one", two)
    assert data_of(tmp_path / "one") == expected
    stream = io.BytesIO()
    make_examples(StageRows([str(documents)]), config, shards, stream, ONE_WORKER)
    piped = mask(None, shards, tmp_path / "piped", stdin=io.BytesIO(stream.getvalue()))
    assert data_of(piped) == expected
    # Bins of the input are no matter, but for the order that --no-shuffle keeps.
    make_examples(StageRows([str(documents)]), config, shards, tmp_path / "binned", ONE_WORKER)
    assert data_of(mask(tmp_path / "binned", shards, tmp_path / "again")) == expected


def test_workers_and_the_size_of_runs_change_nothing(examples, binned, tmp_path, monkeypatch):
    source = examples / "pairs"
    two = mask(source, BINNED, tmp_path / "two", context=Context(machine=RunConfig(workers=2)))
    assert data_of(two) == data_of(binned)
    assert (two / "manifest.json").read_bytes() == (binned / "manifest.json").read_bytes()
    monkeypatch.setattr("maskprep.tasks.examples.RUN_TOKENS", LENGTH * 1000)
    assert data_of(mask(source, BINNED, tmp_path / "large")) == data_of(binned)


def test_replacements_from_frequencies_are_those_without_bins(examples, tmp_path):
    masking = replace(MASKING, replace_from="unigram", random_replace_prob=0.2)
    source = examples / "pairs"
    plain = mask(source, PLAIN, tmp_path / "plain", masking)
    found = mask(source, BINNED, tmp_path / "binned", masking)
    assert dealt_out(found) == expected_of(plain)


def test_a_stream_has_no_bins(documents):
    streams = [io.BytesIO(), io.BytesIO()]
    for shards, stream in zip((PLAIN, BINNED), streams, strict=True):
        make_examples(StageRows([str(documents)]), KINDS["pairs"], shards, stream, ONE_WORKER)
    assert streams[0].getvalue() == streams[1].getvalue()


def test_bins_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="--bin-size is 0; expected a number between 1 and"):
        ShardConfig(bin_size=0)


def test_rows_of_one_length_have_no_bins(examples, tmp_path):
    padded = replace(MASKING, pad_to_max=True)
    rows = StageRows([str(examples / "pairs")])
    with pytest.raises(ConfigError, match="--bin-size is 20, and --pad-to-max gives all rows one"):
        mask_dataset(rows, padded, BINNED, tmp_path / "out", ONE_WORKER)
    assert not (tmp_path / "out").exists()


def test_broken_shards_of_any_epoch_get_their_bytes_back(examples, binned, tmp_path):
    source = examples / "pairs"
    names = [shard["name"] for shard in manifest_of(binned)["shards"]]
    for number in (0, len(names) - 2):
        folder = copy_of(binned, tmp_path / str(number))
        (folder / "data" / names[number]).unlink()
        found = repair_dataset(folder, RepairRequest([str(source)]), ONE_WORKER)
        assert (found.faults, found.repaired) == ((), (f"data/{names[number]}",))
        assert data_of(folder) == data_of(binned)


def test_verify_finds_no_fault(binned):
    assert verify_dataset(binned, ONE_WORKER).faults == ()


def shard_number(folder, end):
    shards = manifest_of(folder)["shards"]
    return next(number for number, shard in enumerate(shards) if shard["bin"] == end)


def test_verify_finds_a_row_in_the_shard_of_another_bin(binned, tmp_path, monkeypatch):
    folder = copy_of(binned, tmp_path / "broken")
    short, long = (shard_number(folder, end) for end in (20, 40))
    names = [manifest_of(folder)["shards"][number]["name"] for number in (short, long)]
    tables = [pq.read_table(folder / "data" / name) for name in names]
    monkeypatch.setattr(
        "data_sets.shard_of", lambda of, number: of / "data" / names[number > short]
    )

    def exchanged(mine, other):
        return lambda _table: pa.concat_tables([other.slice(0, 1), mine.slice(1)])

    forge_shard(folder, exchanged(tables[0], tables[1]), short)
    forge_shard(folder, exchanged(tables[1], tables[0]), long)

    def counted_again(manifest):
        for one in manifest["bins"]:
            of_bin = [shard for shard in manifest["shards"] if shard["bin"] == one["bin"]]
            one["tokens"] = sum(shard["tokens"] for shard in of_bin)

    edit_manifest(folder, counted_again)
    found = verify_dataset(folder, ONE_WORKER).faults
    assert [(fault.place, fault.what) for fault in found] == [
        (f"data/{names[0]}", "row 0: not of bin 20 (1 to 20 tokens)"),
        (f"data/{names[1]}", "row 0: not of bin 40 (21 to 40 tokens)"),
    ]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda m: m["settings"].update(bin_size=None), "settings.bin_size is not set"),
        (lambda m: m["settings"].update(bin_size=15), "no bin is called so with bin_size 15"),
        (lambda m: m["bins"].pop(), "bins are not the sums of the shards of each bin"),
        (lambda m: m["bins"][0].update(rows=1), "bins are not the sums of the shards of each bin"),
        (lambda m: m["shards"][0].update(bin=40), "expected 'part-00000-bin-40.parquet'"),
    ],
)
def test_verify_finds_a_manifest_whose_bins_do_not_agree(binned, tmp_path, edit, expected):
    folder = copy_of(binned, tmp_path / "broken")
    edit_manifest(folder, edit)
    found = verify_dataset(folder, ONE_WORKER).faults
    assert found
    assert {fault.place for fault in found} == {"manifest.json"}
    assert expected in found[0].what


def test_shards_without_bins_are_a_fault_where_there_should_be_some(examples, tmp_path):
    folder = copy_of(examples / "pairs", tmp_path / "broken")
    edit_manifest(folder, lambda manifest: manifest["settings"].update(bin_size=SIZE))
    found = verify_dataset(folder, ONE_WORKER).faults
    assert [fault.what for fault in found][:1] == ["shards[0] has no bin; settings.bin_size is 20"]


def test_a_folder_of_bins_without_its_manifest_is_known_as_ours(examples, binned, tmp_path):
    folder = copy_of(binned, tmp_path / "out")
    (folder / "manifest.json").unlink()
    with pytest.raises(ShardError, match="has lost its manifest"):
        verify_dataset(folder, ONE_WORKER)
    (folder / "manifest.json").write_text("{")
    replacing = Context(machine=RunConfig(workers=1, overwrite=True))
    assert data_of(mask(examples / "pairs", BINNED, folder, context=replacing)) == data_of(binned)


def maskprep(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_end_of_a_run_inspect_and_verify_tell_the_bins(examples, tmp_path):
    shards = ("--bin-size", SIZE, "--num-shards", "2", "--workers", "1")
    said = maskprep("mask", examples / "pairs", *shards, "--output", tmp_path / "out")
    manifest = manifest_of(tmp_path / "out")
    rows, tokens = (sum(one[key] for one in manifest["bins"]) for key in ("rows", "tokens"))
    room = sum(one["rows"] * one["bin"] for one in manifest["bins"])
    line = (
        f"3; padding to the end of the bin {1 - tokens / room:.1%}, "
        f"to 48 tokens {1 - tokens / (rows * LENGTH):.1%}"
    )
    shown = maskprep("inspect", tmp_path / "out")
    for output in (said, shown):
        assert re.search(rf"^  bins +{re.escape(line)}$", output, re.MULTILINE)
    first = manifest["bins"][0]
    full = first["tokens"] / (first["rows"] * SIZE)
    assert f"{first['rows']:,} rows, {full:.1%} full, in 2 shards\n" in shown
    found = json.loads(maskprep("inspect", tmp_path / "out", "--json"))["statistics"]
    assert found["bins"] == manifest["bins"]
    assert found["padding"]["to_bin"] == pytest.approx(1 - tokens / room, abs=1e-6)
    assert "3; every row lies in that of its shard\n" in maskprep("verify", tmp_path / "out")
    maskprep("inspect", tmp_path / "out", "--html", tmp_path / "page.html")
    assert "bin 20" in (tmp_path / "page.html").read_text()


def test_the_data_set_card_names_the_bins(binned):
    card = (binned / "README.md").read_text()
    configs = re.findall(r"- config_name: (\S+)\n  data_files: (\S+)\n", card)
    bins = [(f"bin-{end}", f"data/*-bin-{end}.parquet") for end in BINS]
    assert configs == [("default", "data/*.parquet"), *bins]
    for name, pattern in bins:
        lengths = [
            len(row)
            for path in binned.glob(pattern)
            for row in pq.read_table(path)["input_ids"].to_pylist()
        ]
        assert {naive.find_bin(length, SIZE, LENGTH) for length in lengths} == {int(name[4:])}


@pytest.mark.torch
def test_the_batches_of_the_page_are_of_one_bin_each(examples, tmp_path):
    masking = replace(MASKING, epochs=1)
    folder = mask(examples / "pairs", replace(BINNED, num_shards=4), tmp_path / "out", masking)
    names = {}
    code = max(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL), key=len)
    exec(code, names)
    every = {tuple(row["input_ids"]): row for rows in dealt_out(folder).values() for row in rows}
    shapes, seen = [], 0
    for process in (0, 1):
        shapes.append([])
        for batch in names["batches"](folder, 2, seed=1, process=process, processes=2):
            assert {tensor.shape for tensor in batch.values()} == {batch["input_ids"].shape}
            shapes[-1].append(tuple(batch["input_ids"].shape))
            for ids, real, labels in zip(
                *(batch[name].tolist() for name in ("input_ids", "attention_mask", "labels")),
                strict=True,
            ):
                row = every[tuple(ids[: sum(real)])]
                assert len(ids) - sum(real) < SIZE
                assert labels == row["labels"] + [-100] * (len(ids) - sum(real))
                seen += 1
    assert shapes[0] == shapes[1]
    assert set(shapes[0]) == {(2, end) for end in BINS}
    assert shapes[0] != sorted(shapes[0])
    rows = manifest_of(folder)["totals"]["rows"]
    assert rows - len(BINS) * 2 * 3 <= seen <= rows
