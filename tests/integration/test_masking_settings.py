"""Settings of mask through the command: what needs more than one batch of rows."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from maskprep.cli.app import app
from maskprep.encoders.loading import load_tokenizer

UNIGRAM = ("--replace-from", "unigram", "--mask-replace-prob", "0", "--random-replace-prob", "1")


def run(*arguments, code=0, **options):
    result = CliRunner().invoke(app, [str(one) for one in arguments], **options)
    assert result.exit_code == code, result.output
    return result


def bytes_of(folder):
    return [path.read_bytes() for path in sorted((folder / "data").iterdir())]


def column(folder, name):
    table = pq.read_table(sorted((folder / "data").iterdir()), columns=[name])
    return table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)


@pytest.fixture(scope="module")
def folder(toy_corpus, toy_tokenizer, tmp_path_factory):
    """A folder with examples, and with what `prepare` makes of the same text."""
    folder = tmp_path_factory.mktemp("stages")
    text = ("--documents", "file", "--tokenizer", toy_tokenizer, "--workers", "1")
    pairs = ("--max-seq-length", "64")
    run("tokenize", toy_corpus, *text, "-o", folder / "documents")
    run("pair", folder / "documents", *pairs, "-o", folder / "examples", "--workers", "1")
    run("prepare", toy_corpus, *text, *pairs, *UNIGRAM, "-o", folder / "prepared")
    return folder


@pytest.fixture(scope="module")
def unigram(folder):
    run("mask", folder / "examples", *UNIGRAM, "-o", folder / "unigram", "--workers", "1")
    return folder / "unigram"


def test_unigram_replacements_have_the_frequencies_of_the_examples(unigram, toy_tokenizer):
    chosen = column(unigram, "loss_mask")
    replacements, targets = (column(unigram, name) for name in ("input_ids", "target_ids"))
    tokenizer = load_tokenizer(str(toy_tokenizer))
    pool = tokenizer.replacement_pool
    counts = np.bincount(targets, minlength=tokenizer.num_ids)[pool]
    observed = np.bincount(replacements[chosen], minlength=tokenizer.num_ids)[pool]
    assert observed.sum() == chosen.sum()
    common = counts / counts.sum() * observed.sum() >= 5
    expected = counts[common] / counts.sum() * observed.sum()
    statistic = ((observed[common] - expected) ** 2 / expected).sum()
    freedom = common.sum() - 1
    assert statistic < freedom + 3.1 * np.sqrt(2 * freedom) + 10
    assert not observed[counts == 0].any()


def test_unigram_is_the_same_by_every_route(folder, unigram, tmp_path):
    assert bytes_of(unigram)
    run("mask", folder / "examples", *UNIGRAM, "-o", tmp_path / "two", "--workers", "2")
    assert bytes_of(tmp_path / "two") == bytes_of(unigram)
    assert bytes_of(folder / "prepared") == bytes_of(unigram)
    stream = run("mask", folder / "examples", *UNIGRAM, "-o", "-").stdout_bytes
    assert len(stream) > 100_000


def test_a_stream_can_be_counted_on_its_way_to_a_folder_only(folder, unigram, tmp_path):
    examples = run("pair", folder / "documents", "--max-seq-length", "64", "-o", "-").stdout_bytes
    run("mask", "-", *UNIGRAM, "-o", tmp_path / "piped", input=examples)
    assert bytes_of(tmp_path / "piped") == bytes_of(unigram)
    refused = run("mask", "-", *UNIGRAM, "-o", "-", code=2, input=examples)
    assert "--replace-from unigram counts the tokens of all examples" in refused.stderr
    assert refused.stdout_bytes == b""


def test_a_limit_that_cuts_the_rate_is_counted_and_told(folder, tmp_path):
    limit = ("--max-predictions", "4", "--no-shuffle")
    said = run("mask", folder / "examples", *limit, "-o", tmp_path / "out", "--workers", "1")
    assert "hint: --max-predictions 4 cut " in said.output
    assert "of the tokens are predicted instead of 15.0%" in said.output
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    totals, changed = manifest["totals"], manifest["changed"]
    assert changed["predictions_cut"] == totals["predictions_cut"] > 0
    whole = totals["selected_tokens"] + totals["predictions_cut"]
    assert whole == pytest.approx(0.15 * totals["maskable_tokens"], rel=0.02)
    run("verify", tmp_path / "out")
    enough = run("mask", folder / "examples", "--max-predictions", "20", "-o", tmp_path / "enough")
    assert "hint: --max-predictions" not in enough.output


def words_of(folder, tokenizer):
    """Return each word of the shards as text, and whether it is selected."""
    ids, starts, chosen = (
        column(folder, name) for name in ("target_ids", "word_starts", "loss_mask")
    )
    firsts = np.flatnonzero(starts)
    tokens = [tokenizer.token(int(number)) for number in ids]
    ends = [*firsts[1:].tolist(), len(tokens)]
    return [
        ("".join(tokens[i:j]).replace("##", ""), bool(chosen[i]))
        for i, j in zip(firsts.tolist(), ends, strict=True)
    ]


def test_words_of_lists_are_never_and_always_selected(folder, toy_tokenizer, tmp_path):
    (tmp_path / "stop.txt").write_text("The\nof\n\n  iterable\n")
    lists = ("--never-mask", f"@{tmp_path / 'stop.txt'}", "--never-mask", "a")
    lists += ("--always-mask", "python", "--always-mask", "built-in")
    made = ("--keep", "word_starts", "--epochs", "2", "--workers", "1")
    run("mask", folder / "examples", *lists, *made, "-o", tmp_path / "out")
    words = words_of(tmp_path / "out", load_tokenizer(str(toy_tokenizer)))
    by_word = {}
    for word, is_chosen in words:
        by_word.setdefault(word, []).append(is_chosen)
    for word in ("the", "of", "a", "iterable"):
        assert len(by_word[word]) > 100
        assert not any(by_word[word])
    assert len(by_word["python"]) > 100
    assert all(by_word["python"])
    quoted = [
        i for i in range(len(words) - 2) if [w for w, _ in words[i : i + 3]] == ["built", "-", "in"]
    ]
    assert quoted
    assert all(words[i + k][1] for i in quoted for k in range(3))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert manifest["settings"]["never_mask"] == ["The", "of", "iterable", "a"]
    totals = manifest["totals"]
    assert totals["never_tokens"] > 10_000
    # The rate is that of all other tokens; what is always selected comes on top.
    rest = totals["maskable_tokens"] - totals["never_tokens"] - totals["always_tokens"]
    assert totals["selected_tokens"] - totals["always_tokens"] == pytest.approx(
        0.15 * rest, rel=0.01
    )
    run("verify", tmp_path / "out")


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (("--never-mask", "@no-such.txt"), "--never-mask @no-such.txt cannot be read"),
        (("--always-mask", "\u20ac"), "--always-mask names '\u20ac', which the tokenizer does not"),
        (("--never-mask", "cat", "--always-mask", "Cat"), "'cat' is named by --never-mask and, as"),
    ],
)
def test_lists_that_cannot_be_are_refused(folder, tmp_path, lists, message):
    refused = run("mask", folder / "examples", *lists, "-o", tmp_path / "out", code=2)
    assert message in " ".join(refused.stderr.split())
    assert not (tmp_path / "out" / "manifest.json").exists()
