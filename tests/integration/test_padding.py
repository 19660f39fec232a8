"""--pad-to-max: the same rows, filled up; by every route, to the byte; checked and mended."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_sets import bytes_of, copy_of, edit_manifest, flip_bit, forge_shard, shard_of
from typer.testing import CliRunner

from maskprep.cli.app import app
from maskprep.encoders.loading import load_tokenizer
from maskprep.stages import padding

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "load-in-pytorch.md"
LENGTH, MOST = 64, 10
FORMS = ("loss-mask", "labels", "positions", "keras")
PADDED = ("--pad-to-max", "--max-predictions", MOST)


def run(*arguments, code=0, **options):
    result = CliRunner().invoke(app, [str(one) for one in arguments], **options)
    assert result.exit_code == code, result.output
    return result


def shards_of(folder):
    return {name: data for name, data in bytes_of(folder).items() if name.startswith("data/")}


def rows_of(folder):
    return pq.read_table(folder / "data").to_pylist()


@pytest.fixture(scope="module")
def folder(toy_corpus, toy_tokenizer, tmp_path_factory):
    """Examples, and the same masked, padded and not, in every form."""
    folder = tmp_path_factory.mktemp("stages")
    text = ("--documents", "file", "--limit", "20", "--tokenizer", toy_tokenizer)
    run("tokenize", toy_corpus, *text, "-o", folder / "documents", "--workers", "1")
    run("pair", folder / "documents", "--max-seq-length", LENGTH, "-o", folder / "examples")
    for form in FORMS:
        made = (folder / "examples", "--columns", form, "--max-predictions", MOST, "--workers", "1")
        run("mask", *made, "-o", folder / form)
        run("mask", *made, "--pad-to-max", "-o", folder / f"{form}-padded")
    return folder


@pytest.mark.parametrize("form", FORMS)
def test_padded_rows_are_the_unpadded_ones_and_nothing_else(folder, form):
    plain, padded = rows_of(folder / form), rows_of(folder / f"{form}-padded")
    assert len(plain) == len(padded) > 200
    for before, after in zip(plain, padded, strict=True):
        for name, value in before.items():
            if not isinstance(value, list):
                assert after[name] == value
                continue
            filled = {"labels": -100}.get(name, 0)
            width = MOST if name.startswith("mask") else LENGTH
            assert after[name] == value + [filled] * (width - len(value))
        if "input_ids" in before:
            size = len(before["input_ids"])
            assert after["attention_mask"] == [1] * size + [0] * (LENGTH - size)


def test_the_padded_positions_are_what_create_pretraining_data_writes(folder):
    """Names, shapes and zeros of write_instance_to_example_files (google-research/bert)."""
    theirs = {
        "input_ids": "input_ids",
        "input_mask": "attention_mask",
        "segment_ids": "token_type_ids",
        "masked_lm_positions": "masked_lm_positions",
        "masked_lm_ids": "masked_lm_ids",
        "masked_lm_weights": "masked_lm_weights",
    }
    made = folder / "positions-padded"
    types = pq.read_schema(shard_of(made))
    cls = load_tokenizer(str(made / "tokenizer")).role_id("cls")
    for row in rows_of(made):
        features = {name: row[ours] for name, ours in theirs.items()}
        for name in ("input_ids", "input_mask", "segment_ids"):
            assert len(features[name]) == LENGTH
        for name in ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights"):
            assert len(features[name]) == MOST
        size = sum(features["input_mask"])
        assert features["input_mask"] == [1] * size + [0] * (LENGTH - size)
        assert not any(features["input_ids"][size:] + features["segment_ids"][size:])
        count = int(sum(features["masked_lm_weights"]))
        assert features["masked_lm_weights"] == [1.0] * count + [0.0] * (MOST - count)
        positions = features["masked_lm_positions"]
        assert positions[0] > 0
        assert positions[:count] == sorted(set(positions[:count]))
        assert not any(positions[count:] + features["masked_lm_ids"][count:])
        assert features["input_ids"][0] == cls  # What a padded position points at.
    assert types.field("masked_lm_weights").type == pa.list_(pa.float32())
    assert types.field("attention_mask").type == pa.list_(pa.int8())


@pytest.mark.parametrize("form", FORMS)
def test_only_real_tokens_are_counted(folder, form):
    manifests = [
        json.loads((folder / name / "manifest.json").read_bytes())
        for name in (form, f"{form}-padded")
    ]
    plain, padded = (manifest["totals"] for manifest in manifests)
    assert plain["padding_tokens"] == 0
    assert padded["padding_tokens"] == plain["rows"] * LENGTH - plain["tokens"] > 0
    assert {**padded, "padding_tokens": 0} == plain
    assert manifests[0]["rates"] == manifests[1]["rates"]
    tokens = [sum(shard["tokens"] for shard in manifest["shards"]) for manifest in manifests]
    assert tokens == [plain["tokens"]] * 2


def test_padded_shards_are_the_same_by_every_route(
    folder, toy_corpus, toy_tokenizer, tmp_path, monkeypatch
):
    expected = shards_of(folder / "positions-padded")
    positions = ("--columns", "positions", *PADDED)
    run("mask", folder / "examples", *positions, "-o", tmp_path / "two", "--workers", "2")
    assert shards_of(tmp_path / "two") == expected
    text = ("--documents", "file", "--limit", "20", "--tokenizer", toy_tokenizer)
    whole = (*text, "--max-seq-length", LENGTH, *positions)
    run("prepare", toy_corpus, *whole, "-o", tmp_path / "prepared", "--workers", "1")
    assert shards_of(tmp_path / "prepared") == expected
    kept = ("--keep-stages", tmp_path / "kept")
    run("prepare", toy_corpus, *whole, *kept, "-o", tmp_path / "again", "--workers", "1")
    assert shards_of(tmp_path / "again") == expected
    monkeypatch.setattr(padding, "PADDED_TOKENS", 1000)
    run("mask", folder / "examples", *positions, "-o", tmp_path / "pieces", "--workers", "1")
    assert shards_of(tmp_path / "pieces") == expected


@pytest.mark.parametrize("form", FORMS)
def test_lists_of_predictions_are_not_longer_than_rows(folder, form, tmp_path):
    """Padded to 100,000 values, a row group of them would take 10 GB."""
    many = ("--columns", form, "--pad-to-max", "--max-predictions", 100_000)
    refused = form in ("positions", "keras")
    result = run("mask", folder / "examples", *many, "-o", tmp_path / "out", code=2 * refused)
    if refused:
        assert "--max-predictions is 100,000, to which --pad-to-max" in result.stderr
        assert "expected at most 64" in result.stderr


def test_padded_rows_travel_through_pipes(folder, tmp_path):
    examples = run(
        "pair", folder / "documents", "--max-seq-length", LENGTH, "--no-shuffle", "-o", "-"
    ).stdout_bytes
    labels = ("--columns", "labels", "--pad-to-max")
    run("mask", "-", *labels, "-o", tmp_path / "out", input=examples)
    expected = {row["example_id"]: row for row in rows_of(tmp_path / "out")}
    stream = run("mask", "-", *labels, "-o", "-", input=examples).stdout_bytes
    rows = pa.ipc.open_stream(stream).read_all().to_pylist()
    assert {row["example_id"]: row for row in rows} == expected
    said = run("inspect", "-", input=stream).output
    assert "tokens more" in said


@pytest.mark.parametrize("form", FORMS)
def test_padded_shards_are_verified_and_made_anew(folder, tmp_path, form):
    copy = copy_of(folder / f"{form}-padded", tmp_path / "copy")
    assert "tokens more" in run("verify", copy).output
    flip_bit(shard_of(copy), 9_999)
    run("verify", copy, code=1)
    run("verify", copy, "--repair", folder / "examples")
    assert shards_of(copy) == shards_of(folder / f"{form}-padded")


def test_a_mask_that_covers_padding_is_found_though_all_hashes_are_right(folder, tmp_path):
    copy = copy_of(folder / "labels-padded", tmp_path / "copy")

    def cover(table):
        place = table.schema.get_field_index("attention_mask")
        ones = pa.array([[1] * LENGTH] * len(table), pa.list_(pa.int8()))
        return table.set_column(place, table.schema.field(place), ones)

    forge_shard(copy, cover)
    said = run("verify", copy, code=1).output
    assert "totals.padding_tokens is" in said


def _without_pad(manifest):
    del manifest["tokenizer"]["special_ids"]["pad"]


def _without_length(manifest):
    del manifest["lineage"][1]["settings"]["max_seq_length"]


def _with_strange_length(manifest):
    manifest["lineage"][1]["settings"]["max_seq_length"] = "long"


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (_without_pad, "settings.pad_to_max is true; tokenizer.special_ids has no pad"),
        (_without_length, "settings.pad_to_max is true; lineage says no max_seq_length"),
        (_with_strange_length, "settings: max_seq_length is 'long'; expected a whole number"),
    ],
)
def test_settings_that_cannot_pad_are_found(folder, tmp_path, edit, expected):
    copy = copy_of(folder / "labels-padded", tmp_path / "copy")
    edit_manifest(copy, edit)
    assert expected in run("verify", copy, code=1).output


def test_inspect_shows_tokens_and_says_how_much_padding_there_is(folder):
    said = run("inspect", folder / "labels-padded", "--rows", "20").output
    assert "[PAD]" not in said
    assert "padding: " in said
    found = json.loads(run("inspect", folder / "labels-padded", "--json").output)
    totals = found["statistics"]["manifest"]["totals"]
    measured = found["statistics"]["measured"]
    assert measured["padding_tokens"] == totals["padding_tokens"]
    assert measured["tokens"] == totals["tokens"]
    plain = json.loads(run("inspect", folder / "labels", "--json").output)["statistics"]
    assert measured["rates"] == plain["measured"]["rates"]


def test_padding_needs_a_padding_token_before_any_work(toy_corpus, toy_tokenizer, tmp_path):
    tokenizer = json.loads(toy_tokenizer.read_bytes())
    tokenizer["added_tokens"] = [one for one in tokenizer["added_tokens"] if one["id"] != 0]
    tokenizer["model"]["vocab"]["pad"] = tokenizer["model"]["vocab"].pop("[PAD]")
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    given = ("--documents", "file", "--limit", "3", "--tokenizer", tmp_path / "tokenizer.json")
    wanted = ("--columns", "labels", "--pad-to-max", "-o", tmp_path / "out")
    refused = run("prepare", toy_corpus, *given, *wanted, code=2)
    assert "has no pad token" in refused.stderr
    assert "--pad-token" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_examples_that_do_not_say_how_long_they_are_cannot_be_padded(folder, tmp_path):
    table = pq.read_table(shard_of(folder / "examples")).replace_schema_metadata(None)
    pq.write_table(table, tmp_path / "loose.parquet")
    given = (tmp_path / "loose.parquet", "--tokenizer", folder / "examples" / "tokenizer")
    refused = run("mask", *given, "--pad-to-max", "-o", tmp_path / "out", code=2)
    assert "the examples do not say how long their rows can be" in refused.stderr
    assert not (tmp_path / "out").exists()
    run("mask", *given, "-o", tmp_path / "out")


def test_lists_of_predictions_need_a_length(folder, tmp_path):
    positions = ("--columns", "positions", "--pad-to-max", "-o", tmp_path / "out")
    refused = run("mask", folder / "examples", *positions, code=2)
    assert "20 for rows of 128 tokens, 77 for 512" in " ".join(refused.stderr.split())


def test_packed_rows_are_padded_too(folder, tmp_path):
    run("pack", folder / "documents", "--max-seq-length", LENGTH, "-o", tmp_path / "packed")
    run("mask", tmp_path / "packed", *PADDED, "--columns", "labels", "-o", tmp_path / "out")
    run("verify", tmp_path / "out")
    names = pq.read_schema(shard_of(tmp_path / "out")).names
    assert names[names.index("input_ids") :][:3] == ["input_ids", "attention_mask", "labels"]
    for row in rows_of(tmp_path / "out"):
        assert len(row["input_ids"]) == len(row["attention_mask"]) == LENGTH
        assert sum(row["sequence_lengths"]) == sum(row["attention_mask"])


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")  # The libraries' own.
def test_a_data_loader_stacks_padded_rows_for_a_model_and_padding_costs_no_loss(
    folder, tmp_path, monkeypatch
):
    """The page's code, and the same rows without padding: one by one, the loss of each token."""
    import datasets
    import torch
    from transformers import BertConfig, BertForPreTraining

    section = PAGE.read_text().partition("## Padded rows")[2]
    (tmp_path / "shards").symlink_to(folder / "labels-padded")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    names = {}
    exec(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1], names)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=1000, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=LENGTH,
    )  # fmt: skip
    model = BertForPreTraining(config).eval()
    batch = next(iter(names["loader"]))
    assert {name: tuple(column.shape) for name, column in batch.items()} == {
        **dict.fromkeys(names["COLUMNS"][:-1], (32, LENGTH)),
        "next_sentence_label": (32,),
    }
    with torch.no_grad():
        stacked = model(**batch)
        single = [
            model(input_ids=torch.tensor([row["input_ids"]]),
                  token_type_ids=torch.tensor([row["token_type_ids"]])).prediction_logits[0]
            for row in rows_of(folder / "labels")[:32]
        ]  # fmt: skip
    assert torch.isfinite(stacked.loss)
    for number, logits in enumerate(single):
        padded = stacked.prediction_logits[number, : len(logits)]
        torch.testing.assert_close(padded, logits, atol=1e-4, rtol=1e-4)
