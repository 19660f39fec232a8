"""The same bytes, however a run goes: workers, blocks, pipes, one command or four, crashes."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PairingConfig,
    RunConfig,
    ShardConfig,
    TokenizationConfig,
)
from maskprep.encoders.loading import load_tokenizer
from maskprep.errors import ConfigError, CorpusError, MachineError, ShardError
from maskprep.pipeline import (
    Corpus,
    StageRows,
    make_examples,
    mask_dataset,
    prepare_corpus,
    tokenize_corpus,
)
from maskprep.storage.dataset import DatasetFolder
from maskprep.tasks.plan import Silence
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.running import Context

ONE_WORKER = Context(machine=RunConfig(workers=1))
PAIRING = PairingConfig(max_seq_length=64, seed=7)
MASKING = MaskingConfig(unit="word", epochs=2, seed=7)
SHARDS = ShardConfig(shard_rows=500)
RECIPE = Recipe(
    corpus=CorpusConfig(documents="file", block_bytes=100_000),
    tokenization=TokenizationConfig(),
    pairing=PAIRING,
    masking=MASKING,
    shards=SHARDS,
)


def data_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "data").iterdir())}


@pytest.fixture(scope="module")
def prepared(toy_corpus, toy_tokenizer, tmp_path_factory):
    """The undisturbed run that every other way is compared with."""
    output = tmp_path_factory.mktemp("prepared") / "out"
    prepare_corpus(
        [str(toy_corpus)], RECIPE, load_tokenizer(str(toy_tokenizer)), output, ONE_WORKER
    )
    return output


def prepare(toy_corpus, toy_tokenizer, output, recipe=RECIPE, context=ONE_WORKER):
    tokenizer = load_tokenizer(str(toy_tokenizer))
    return prepare_corpus([str(toy_corpus)], recipe, tokenizer, output, context)


def test_two_workers_make_the_same_folder(prepared, toy_corpus, toy_tokenizer, tmp_path):
    output = tmp_path / "out"
    prepare(toy_corpus, toy_tokenizer, output, context=Context(machine=RunConfig(workers=2)))
    assert data_of(output) == data_of(prepared)
    assert (output / "manifest.json").read_bytes() == (prepared / "manifest.json").read_bytes()


@pytest.mark.parametrize("block_bytes", [20_000, 10**7])
def test_the_size_of_blocks_changes_no_shard(
    prepared, toy_corpus, toy_tokenizer, tmp_path, block_bytes
):
    recipe = replace(RECIPE, corpus=replace(RECIPE.corpus, block_bytes=block_bytes))
    prepare(toy_corpus, toy_tokenizer, tmp_path / "out", recipe)
    assert data_of(tmp_path / "out") == data_of(prepared)


def test_four_commands_make_the_shards_of_one(prepared, toy_corpus, toy_tokenizer, tmp_path):
    corpus = Corpus([str(toy_corpus)], RECIPE.corpus, RECIPE.tokenization)
    tokenizer = load_tokenizer(str(toy_tokenizer))
    tokenize_corpus(corpus, tokenizer, ShardConfig(), tmp_path / "documents", ONE_WORKER)
    documents = StageRows([str(tmp_path / "documents")])
    make_examples(documents, PAIRING, SHARDS, tmp_path / "examples", ONE_WORKER)
    examples = StageRows([str(tmp_path / "examples")])
    mask_dataset(examples, MASKING, SHARDS, tmp_path / "out", ONE_WORKER)
    assert data_of(tmp_path / "out") == data_of(prepared)


def test_a_pipe_makes_the_shards_of_the_folders(prepared, toy_corpus, toy_tokenizer, tmp_path):
    documents, examples = io.BytesIO(), io.BytesIO()
    corpus = Corpus([str(toy_corpus)], RECIPE.corpus, RECIPE.tokenization)
    tokenizer = load_tokenizer(str(toy_tokenizer))
    tokenize_corpus(corpus, tokenizer, ShardConfig(), documents, ONE_WORKER)
    documents.seek(0)
    context = replace(ONE_WORKER, stdin=documents)
    make_examples(StageRows(["-"]), PAIRING, SHARDS, examples, context)
    examples.seek(0)
    context = replace(ONE_WORKER, stdin=examples)
    summary = mask_dataset(StageRows(["-"]), MASKING, SHARDS, tmp_path / "out", context)
    assert data_of(tmp_path / "out") == data_of(prepared)
    assert [entry["stage"] for entry in summary.manifest["history"]] == ["tokenize", "pair"]
    assert len(summary.manifest["history"][0]["sources"]) == len(list(toy_corpus.iterdir()))


class BrokenOffError(Exception):
    pass


class InterruptAfter(Silence):
    """Breaks a run off after so many receipts of all phases together."""

    def __init__(self, receipts: int) -> None:
        self._left = receipts

    def advance(self, _amount: int) -> None:
        if self._left == 0:
            raise BrokenOffError
        self._left -= 1


def test_a_run_broken_off_after_any_receipt_goes_on_to_the_same_folder(
    prepared, toy_corpus, toy_tokenizer, tmp_path
):
    output = tmp_path / "out"
    for receipts in range(1, 100):
        context = replace(ONE_WORKER, progress=InterruptAfter(receipts))
        try:
            prepare(toy_corpus, toy_tokenizer, output, context=context)
        except BrokenOffError:
            assert not (output / "manifest.json").exists()
            assert not (output / "data").exists()
            continue
        break
    assert receipts > 10
    assert data_of(output) == data_of(prepared)
    assert not (output / ".work").exists()


def test_a_run_broken_off_while_names_are_given_goes_on(
    prepared, toy_corpus, toy_tokenizer, tmp_path, monkeypatch
):
    output = tmp_path / "out"
    renamed = []

    def rename_once(self, target):
        if target.parent.name == "data" and renamed:
            raise BrokenOffError
        renamed.append(target)
        return original(self, target)

    original = Path.replace
    monkeypatch.setattr(Path, "replace", rename_once)
    with pytest.raises(BrokenOffError):
        prepare(toy_corpus, toy_tokenizer, output)
    monkeypatch.undo()
    prepare(toy_corpus, toy_tokenizer, output)
    assert data_of(output) == data_of(prepared)


def test_a_run_whose_folder_moved_starts_over(prepared, toy_corpus, toy_tokenizer, tmp_path):
    context = replace(ONE_WORKER, progress=InterruptAfter(8))
    with pytest.raises(BrokenOffError):
        prepare(toy_corpus, toy_tokenizer, tmp_path / "before", context=context)
    (tmp_path / "before").rename(tmp_path / "out")
    prepare(toy_corpus, toy_tokenizer, tmp_path / "out")
    assert data_of(tmp_path / "out") == data_of(prepared)


def test_a_finished_folder_is_found_finished(prepared, toy_corpus, toy_tokenizer):
    before = (prepared / "manifest.json").stat().st_mtime_ns
    assert prepare(toy_corpus, toy_tokenizer, prepared).finished_before
    assert (prepared / "manifest.json").stat().st_mtime_ns == before
    assert not (prepared / ".work").exists()


def test_other_settings_are_refused_and_named(prepared, toy_corpus, toy_tokenizer):
    recipe = replace(RECIPE, masking=replace(MASKING, mlm_probability=0.3))
    with pytest.raises(ConfigError, match=r"--mlm-probability 0\.15 there, 0\.3 now.*--overwrite"):
        prepare(toy_corpus, toy_tokenizer, prepared, recipe)


def test_overwrite_replaces_a_data_set(toy_corpus, toy_tokenizer, tmp_path):
    small = replace(RECIPE, corpus=replace(RECIPE.corpus, limit=3))
    prepare(toy_corpus, toy_tokenizer, tmp_path / "out", small)
    other = replace(small, masking=replace(MASKING, epochs=1))
    context = Context(machine=RunConfig(workers=1, overwrite=True))
    summary = prepare(toy_corpus, toy_tokenizer, tmp_path / "out", other, context)
    assert {path.name for path in (tmp_path / "out" / "data").iterdir()} == {
        shard["name"] for shard in summary.manifest["shards"]
    }


def test_a_folder_with_foreign_files_is_never_touched(toy_corpus, toy_tokenizer, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    context = Context(machine=RunConfig(workers=1, overwrite=True))
    with pytest.raises(ConfigError, match=r"did not make \(thesis.tex\)"):
        prepare(toy_corpus, toy_tokenizer, tmp_path, context=context)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_another_run_holds_is_refused(toy_corpus, toy_tokenizer, tmp_path):
    identity = {"stage": "mask"}
    with (
        DatasetFolder(tmp_path / "out").writing(lambda: identity, overwrite=False),
        pytest.raises(MachineError, match=r"held by another run \(process \d+"),
    ):
        prepare(toy_corpus, toy_tokenizer, tmp_path / "out")


def test_a_manifest_accounts_for_every_token(prepared):
    manifest = json.loads((prepared / "manifest.json").read_bytes())
    tokenized, paired = manifest["history"]
    assert tokenized["totals"]["documents"] == len(tokenized["sources"])
    assert manifest["totals"]["rows"] == MASKING.epochs * paired["totals"]["pairs"]
    assert sum(shard["rows"] for shard in manifest["shards"]) == manifest["totals"]["rows"]
    assert all(shard["rows"] <= SHARDS.shard_rows for shard in manifest["shards"])
    assert {name for name, count in manifest["dropped"].items() if count} == set()


def test_the_first_documents_are_those_of_the_whole_run(toy_corpus, toy_tokenizer, tmp_path):
    """--limit N gives the same documents for any block size."""
    tokenizer = load_tokenizer(str(toy_tokenizer))
    rows = []
    for block_bytes in (5_000, 10**7):
        config = CorpusConfig(documents="file", limit=10, block_bytes=block_bytes)
        output = tmp_path / str(block_bytes)
        corpus = Corpus([str(toy_corpus)], config)
        summary = tokenize_corpus(corpus, tokenizer, ShardConfig(), output, ONE_WORKER)
        assert summary.manifest["totals"]["documents"] == 10
        rows.append(summary.manifest["totals"]["tokens"])
    assert rows[0] == rows[1]


def test_a_corpus_without_text_leaves_nothing_behind(toy_tokenizer, tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n\n")
    with pytest.raises(CorpusError, match="no text"):
        prepare(tmp_path / "empty.txt", toy_tokenizer, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace('"rows_forced": ', '"rows_forced": 1'),
        lambda text: text[: len(text) // 2],
    ],
    ids=["an edited count", "a manifest cut off"],
)
def test_a_damaged_manifest_is_not_taken_for_a_finished_folder(
    prepared, toy_corpus, toy_tokenizer, tmp_path, damage
):
    output = tmp_path / "out"
    shutil.copytree(prepared, output)
    manifest = output / "manifest.json"
    manifest.write_text(damage(manifest.read_text()))
    with pytest.raises(ShardError, match="--overwrite"):
        prepare(toy_corpus, toy_tokenizer, output)
    assert data_of(output) == data_of(prepared)
    context = Context(machine=RunConfig(workers=1, overwrite=True))
    prepare(toy_corpus, toy_tokenizer, output, context=context)
    assert manifest.read_bytes() == (prepared / "manifest.json").read_bytes()
    assert data_of(output) == data_of(prepared)


def test_a_manifest_of_somebody_else_is_never_replaced(toy_corpus, toy_tokenizer, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.tex").write_text("years of work")
    (tmp_path / "manifest.json").write_text('{"name": "thesis"}')
    context = Context(machine=RunConfig(workers=1, overwrite=True))
    with pytest.raises(ShardError, match="not a manifest"):
        prepare(toy_corpus, toy_tokenizer, tmp_path, context=context)
    assert (tmp_path / "data" / "thesis.tex").exists()
