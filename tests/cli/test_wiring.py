"""Each command calls the pipeline with exactly what the user typed."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maskprep import pipeline
from maskprep.cli.app import app
from maskprep.cli.recipe_files import read_recipe
from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PackingConfig,
    PairingConfig,
    RunConfig,
    ShardConfig,
    TokenizationConfig,
    TrainingConfig,
)
from maskprep.encoders.loading import RoleOptions, load_tokenizer
from maskprep.tasks.rerun import RepairRequest

ALL_CORES = len(os.sched_getaffinity(0))


class PipelineCalledError(Exception):
    """Ends a command once the pipeline was called."""


@pytest.fixture
def called(monkeypatch):
    """Run a command line; return the arguments of its one call of a pipeline function."""

    def run(function, *arguments):
        calls = []

        def record(*given):
            calls.append(given)
            raise PipelineCalledError

        monkeypatch.setattr(pipeline, function, record)
        result = CliRunner().invoke(app, [str(one) for one in arguments])
        assert isinstance(result.exception, PipelineCalledError), result.output
        return calls[0]

    return run


def test_train_takes_every_option(called):
    inputs, corpus, config, output, context = called(
        "train_corpus",
        *("train", "a.txt", "b", "--output", "tok", "--format", "text", "--documents", "file"),
        *("--text-column", "body", "--id-column", "key", "--on-invalid", "skip"),
        *("--stdin-filename", "x.txt", "--limit", "7", "--model", "bpe", "--vocab-size", "99"),
        *("--words", "list", "--validation", "0.1", "--split", "train"),
        *("--cased", "--strip-accents", "--min-frequency", "3", "--character-coverage", "0.9"),
        *("--special-token", "<a>", "--special-token", "<b>", "--sample-bytes", "2MiB"),
        *("--workers", "3", "--memory", "2GiB", "--temp-dir", "/t", "--overwrite"),
    )
    assert inputs == ["a.txt", "b"]
    assert corpus == CorpusConfig(
        *("text", "file", "body", "key", "skip", "x.txt"),
        limit=7,
        words="list",
        validation=0.1,
        split="train",
    )
    assert config == TrainingConfig("bpe", 99, False, True, 3, 0.9, ("<a>", "<b>"), 2 * 2**20)
    assert output == Path("tok")
    assert context.machine == RunConfig(3, 2 * 2**30, "/t", overwrite=True)
    assert not context.dry_run


def test_defaults_are_those_of_the_settings(called):
    inputs, corpus, config, _, context = called("train_corpus", "train", "a", "--output", "tok")
    assert inputs == ["a"]
    assert (corpus, config) == (CorpusConfig(), TrainingConfig())
    assert context.machine == RunConfig(workers=ALL_CORES)


def test_tokenize_takes_every_option(called, toy_tokenizer):
    corpus, tokenizer, shards, target, context = called(
        "tokenize_corpus",
        *("tokenize", "a.txt", "--tokenizer", toy_tokenizer, "--output", "out"),
        *("--sentences", "lines", "--line-breaks", "space", "--encode", "document"),
        *("--language", "ru", "--special-tokens-in-text", "parse", "--documents", "line"),
        *("--mask-token", "the", "--shard-rows", "5", "--compression", "lz4", "--dry-run"),
    )
    assert corpus == pipeline.Corpus(
        ["a.txt"],
        CorpusConfig(documents="line"),
        TokenizationConfig("lines", "space", "document", "ru", "parse"),
    )
    assert (
        tokenizer.fingerprint
        == load_tokenizer(str(toy_tokenizer), RoleOptions(mask_token="the")).fingerprint
    )
    assert tokenizer.parse_special_tokens
    assert shards == ShardConfig(5, compression="lz4")
    assert target == Path("out")
    assert context.dry_run


def test_pair_takes_every_option(called):
    rows, config, shards, target, _ = called(
        "make_examples",
        *("pair", "docs", "--output", "out", "--max-seq-length", "64", "--short-seq-prob", "0.2"),
        *("--random-next-prob", "0.4", "--seed", "9", "--limit", "3", "--tokenizer", "tok"),
        *("--cls-token", "<c>", "--sep-token", "<s>", "--no-shuffle", "--shard-rows", "4"),
    )
    roles = RoleOptions(cls_token="<c>", sep_token="<s>")
    assert rows == pipeline.StageRows(["docs"], "tok", roles, 3)
    assert config == PairingConfig(64, 0.2, 0.4, 9)
    assert shards == ShardConfig(4, shuffle=False)
    assert target == Path("out")


def test_pair_takes_an_objective_and_duplicates(called):
    _, config, _, _, _ = called(
        "make_examples",
        *("pair", "docs", "--output", "out", "--objective", "sop", "--duplicates", "3"),
    )
    assert config == PairingConfig(objective="sop", duplicates=3)


@pytest.mark.parametrize("command", ["pair", "pack", "mask"])
def test_examples_are_written_into_so_many_shards(called, command):
    functions = {"pair": "make_examples", "pack": "make_examples", "mask": "mask_dataset"}
    given = (command, "in", "--output", "out", "--num-shards", "12", "--bin-size", "32")
    _, _, shards, *_ = called(functions[command], *given)
    assert shards == ShardConfig(num_shards=12, bin_size=32)


def test_pack_takes_every_option(called):
    rows, config, shards, target, _ = called(
        "make_examples",
        *("pack", "docs", "--output", "out", "--max-seq-length", "64", "--short-seq-prob", "0.2"),
        *("--boundaries", "document", "--seed", "9", "--limit", "3", "--tokenizer", "tok"),
        *("--two-segments-prob", "0.9"),
        *("--cls-token", "<c>", "--sep-token", "<s>", "--no-shuffle", "--shard-rows", "4"),
    )
    roles = RoleOptions(cls_token="<c>", sep_token="<s>")
    assert rows == pipeline.StageRows(["docs"], "tok", roles, 3)
    assert config == PackingConfig(64, 0.2, "document", 9, 0.9)
    assert shards == ShardConfig(4, shuffle=False)
    assert target == Path("out")


def test_prepare_packs_where_the_recipe_or_an_option_says_so(called, tmp_path):
    prepare = ("prepare", "corpus", "--output", "out")
    _, recipe, *_ = called("prepare_corpus", *prepare, "--boundaries", "best-fit", "--seed", "4")
    assert recipe.packing == PackingConfig(boundaries="best-fit", seed=4)
    (tmp_path / "run.toml").write_text('[packing]\nboundaries = "document"\nseed = 3\n')
    config = ("--config", str(tmp_path / "run.toml"))
    _, recipe, *_ = called("prepare_corpus", *prepare, *config, "--max-seq-length", "64")
    assert recipe.packing == PackingConfig(64, boundaries="document", seed=3)
    _, recipe, *_ = called("prepare_corpus", *prepare, *config, "--two-segments-prob", "0.9")
    assert recipe.packing == PackingConfig(boundaries="document", seed=3, two_segments_prob=0.9)
    assert recipe.examples == recipe.packing


@pytest.mark.parametrize(
    ("table", "option", "message"),
    [
        ("pairing", ("--boundaries", "cross"), "--boundaries is for packed sequences"),
        ("pairing", ("--two-segments-prob", "0.9"), "--two-segments-prob is for packed sequences"),
        ("packing", ("--two-segments-prob", "0.9"), "expected 0 with --boundaries cross"),
        ("packing", ("--objective", "sop"), "--objective is for pairs"),
        ("packing", ("--duplicates", "2"), "--duplicates is for pairs"),
    ],
)
def test_an_option_of_the_other_kind_of_rows_is_refused(tmp_path, table, option, message):
    (tmp_path / "run.toml").write_text(f"[{table}]\nseed = 3\n")
    config = ("--config", str(tmp_path / "run.toml"))
    prepare = ("prepare", str(tmp_path), "--output", str(tmp_path / "out"))
    result = CliRunner().invoke(app, [*prepare, *config, *option])
    assert result.exit_code == 2
    assert message in result.stderr


def test_mask_takes_every_option(called):
    rows, config, shards, target, _ = called(
        "mask_dataset",
        *("mask", "examples", "--output", "out", "--mlm-probability", "0.2"),
        *("--mask-replace-prob", "0.7", "--random-replace-prob", "0.2", "--unit", "word"),
        *("--epochs", "4", "--columns", "labels", "--keep", "word_starts", "--seed", "5"),
        "--pad-to-max",
        *("--limit", "8", "--compression", "none", "--max-ngram", "2", "--corrupt-per", "token"),
        *("--selection", "bernoulli", "--max-predictions", "20", "--replace-from", "unigram"),
        *("--replace-with", "other", "--never-mask", "the", "--never-mask", "@a.txt"),
        *("--always-mask", "cats"),
    )
    assert rows == pipeline.StageRows(["examples"], None, RoleOptions(), 8)
    assert config == MaskingConfig(
        mlm_probability=0.2,
        mask_replace_prob=0.7,
        random_replace_prob=0.2,
        unit="word",
        max_ngram=2,
        corrupt_per="token",
        replace_from="unigram",
        replace_with="other",
        never_mask=("the", "@a.txt"),
        always_mask=("cats",),
        selection="bernoulli",
        max_predictions=20,
        epochs=4,
        columns="labels",
        keep=("word_starts",),
        pad_to_max=True,
        seed=5,
    )
    assert shards == ShardConfig(compression="none")
    assert target == Path("out")


def test_the_rate_may_go_from_the_first_epoch_to_the_last(called):
    _, config, *_ = called(
        "mask_dataset",
        *("mask", "examples", "--output", "out", "--mlm-probability", "0.30:0.15"),
        *("--epochs", "4"),
    )
    assert config == MaskingConfig(mlm_probability=(0.3, 0.15), epochs=4)
    assert [config.epoch_mlm_probability(e) for e in range(4)] == pytest.approx(
        [0.3, 0.25, 0.2, 0.15]
    )


def test_prepare_without_a_recipe_has_the_settings_defaults(called):
    inputs, recipe, tokenizer, output, _ = called(
        "prepare_corpus", "prepare", "corpus", "--output", "out"
    )
    assert (inputs, recipe, tokenizer) == (["corpus"], pipeline.Recipe(), None)
    assert output == Path("out")


def test_options_of_prepare_win_over_the_recipe(called, tmp_path, toy_tokenizer):
    (tmp_path / "run.toml").write_text(
        "[pairing]\nmax_seq_length = 64\nseed = 3\n"
        '[masking]\nunit = "word"\nmlm_probability = 0.3\n'
        "[shards]\nshuffle = false\n"
    )
    _, recipe, tokenizer, _, _ = called(
        "prepare_corpus",
        *("prepare", "corpus", "--output", "out", "--config", tmp_path / "run.toml"),
        *("--tokenizer", toy_tokenizer, "--mlm-probability", "0.15", "--seed", "8"),
    )
    # 0.15 is the option's default as well, and still wins: it was typed.
    assert recipe == pipeline.Recipe(
        pairing=PairingConfig(max_seq_length=64, seed=8),
        masking=MaskingConfig(unit="word", mlm_probability=0.15, seed=8),
        shards=ShardConfig(shuffle=False),
    )
    assert tokenizer.fingerprint == load_tokenizer(str(toy_tokenizer)).fingerprint


def test_the_bert_recipe_reaches_the_pipeline(called):
    _, recipe, _, _, _ = called(
        "prepare_corpus",
        *("prepare", "corpus", "--output", "out", "--recipe", "bert", "--strip-accents"),
    )
    expected = read_recipe("bert")
    assert recipe.training == replace(expected.training, strip_accents=True)
    assert recipe.pairing == expected.pairing
    assert recipe.masking == expected.masking


def test_verify_takes_every_option(called):
    folder, context = called(
        "verify_dataset",
        *("verify", "shards", "--workers", "3", "--memory", "2GiB", "--temp-dir", "/t"),
    )
    assert folder == Path("shards")
    assert context.machine == RunConfig(3, 2 * 2**30, "/t")


def test_a_repair_takes_inputs_and_tokenizer(called):
    folder, request, _ = called(
        "repair_dataset", "verify", "shards", "--repair", "a.txt", "b", "--tokenizer", "tok"
    )
    assert folder == Path("shards")
    assert request == RepairRequest(("a.txt", "b"), "tok")


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096", 4096), ("512MiB", 512 * 2**20), ("2 GiB", 2**31), ("1.5gb", 1_500_000_000)],
)
def test_sizes_are_read(called, text, size):
    *_, context = called("train_corpus", "train", "a", "--output", "tok", "--memory", text)
    assert context.machine.memory_bytes == size
