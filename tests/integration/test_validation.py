"""Training and validation data of one corpus: two data sets in one folder, of one command."""

import json
import shutil
from dataclasses import replace

import naive
import pyarrow.parquet as pq
import pytest
from data_sets import CORPUS, bytes_of, copy_of, edit_manifest, shard_of
from typer.testing import CliRunner

from maskprep.cli.app import app
from maskprep.config import (
    MaskingConfig,
    PackingConfig,
    PairingConfig,
    RunConfig,
    ShardConfig,
    TokenizationConfig,
    TrainingConfig,
)
from maskprep.encoders.loading import load_tokenizer
from maskprep.errors import ConfigError, MachineError, NoRowsError, ShardError
from maskprep.pipeline import (
    Corpus,
    prepare_corpus,
    repair_dataset,
    tokenize_corpus,
    train_corpus,
    verify_dataset,
)
from maskprep.storage.dataset import DatasetFolder
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.rerun import RepairRequest
from maskprep.tasks.running import Context

SPLIT = replace(CORPUS, validation=0.2)
RECIPE = Recipe(
    SPLIT,
    training=TrainingConfig(vocab_size=600),
    pairing=PairingConfig(max_seq_length=64, seed=7),
    masking=MaskingConfig(seed=7),
    shards=ShardConfig(shard_rows=900),
)
ONE = Context(machine=RunConfig(workers=1))


def of_side(side):
    return replace(RECIPE, corpus=replace(SPLIT, split=side))


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_bytes())


def maskprep(*arguments, exit_code=0):
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture(scope="module")
def tokenizer(toy_tokenizer):
    return load_tokenizer(str(toy_tokenizer))


@pytest.fixture(scope="module")
def both(toy_corpus, tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("both") / "both"
    prepare_corpus([str(toy_corpus)], RECIPE, tokenizer, folder, ONE)
    return folder


@pytest.fixture
def broken(both, tmp_path):
    return copy_of(both, tmp_path / "both")


def documents_of(folder):
    names = ["document_id", "document_id_b"]
    columns = pq.read_table(folder / "data", columns=names).to_pydict()
    return {number for column in columns.values() for number in column}


def test_no_document_is_in_both_data_sets(both):
    train, validation = documents_of(both), documents_of(both / "validation")
    assert train & validation == set()
    assert min(len(train), len(validation)) > 5
    totals = manifest_of(both)["history"][0]["totals"]
    assert totals["documents"] + totals["documents_in_other_split"] == 79
    assert manifest_of(both)["validation"]["documents"] == totals["documents_in_other_split"]


def test_both_are_what_runs_of_each_split_make(both, toy_corpus, tokenizer, tmp_path):
    for side, folder in (("train", both), ("validation", both / "validation")):
        alone = tmp_path / side
        prepare_corpus([str(toy_corpus)], of_side(side), tokenizer, alone, ONE)
        assert bytes_of(alone / "data") == bytes_of(folder / "data")
        assert not (alone / "validation").exists()
    assert bytes_of(tmp_path / "validation") == bytes_of(both / "validation")


def test_workers_change_nothing(both, toy_corpus, tokenizer, tmp_path):
    two = Context(machine=RunConfig(workers=2))
    prepare_corpus([str(toy_corpus)], RECIPE, tokenizer, tmp_path / "both", two)
    assert bytes_of(tmp_path / "both") == bytes_of(both)


def test_stages_that_are_kept_make_the_same(toy_corpus, tmp_path):
    options = ["--documents", "file", "--validation", 0.2, "--vocab-size", 600]
    options += ["--max-seq-length", 64, "--workers", 1]
    maskprep("prepare", toy_corpus, *options, "--output", tmp_path / "one")
    kept = ["--keep-stages", tmp_path / "stages"]
    maskprep("prepare", toy_corpus, *options, *kept, "--output", tmp_path / "two")
    for part in ("data", "validation/data"):
        assert bytes_of(tmp_path / "one" / part) == bytes_of(tmp_path / "two" / part)
    assert "path: validation/data/*.parquet" in (tmp_path / "two" / "README.md").read_text()
    assert (tmp_path / "stages" / "validation" / "examples" / "manifest.json").exists()
    again = maskprep("prepare", toy_corpus, *options, *kept, "--output", tmp_path / "two")
    assert "complete already" in again.stdout
    assert verify_dataset(tmp_path / "two", ONE).validation.faults == ()


def test_inspect_tells_the_split_of_every_stage(toy_corpus, toy_tokenizer, tmp_path):
    documents, examples, masked = (tmp_path / name for name in ("documents", "examples", "masked"))
    text = (toy_corpus, "--documents", "file", "--tokenizer", toy_tokenizer)
    maskprep("tokenize", *text, "--validation", 0.2, "-o", documents)
    maskprep("pair", documents, "-o", examples)
    maskprep("mask", examples, "-o", masked)
    for folder in (documents, examples, masked):
        output = maskprep("inspect", folder).stdout
        assert "documents are held out" in output
        assert ("--split validation reads them" in output) == (folder == documents)


def test_a_tokenizer_is_learned_from_the_training_data_only(toy_corpus, tmp_path):
    given = [str(toy_corpus)]
    prepare_corpus(given, of_side("validation"), None, tmp_path / "validation", ONE)
    prepare_corpus(given, RECIPE, None, tmp_path / "both", ONE)
    summary = train_corpus(given, SPLIT, RECIPE.training, tmp_path / "alone", ONE)
    assert (summary.read.documents, summary.read.num_seen) == (summary.trained.num_documents, 79)
    assert summary.read.other_documents == manifest_of(tmp_path / "both")["validation"]["documents"]
    expected = load_tokenizer(str(tmp_path / "alone")).fingerprint
    whole = replace(SPLIT, validation=0.0)
    train_corpus(given, whole, RECIPE.training, tmp_path / "whole", ONE)
    assert load_tokenizer(str(tmp_path / "whole")).fingerprint != expected
    for folder in ("both", "validation", "both/validation"):
        assert manifest_of(tmp_path / folder)["tokenizer"]["fingerprint"] == expected


@pytest.mark.parametrize("sample", [{"sample_bytes": 2**20}, {"limit": 79}], ids=str)
def test_samples_are_of_the_training_data(toy_corpus, tmp_path, sample):
    sample_bytes, limit = sample.get("sample_bytes"), sample.get("limit")
    corpus = replace(SPLIT, limit=limit)
    config = replace(RECIPE.training, sample_bytes=sample_bytes)
    summary = train_corpus([str(toy_corpus)], corpus, config, tmp_path / "some", ONE)
    train_corpus([str(toy_corpus)], SPLIT, RECIPE.training, tmp_path / "all", ONE)
    assert summary.read.num_seen == 79
    found = load_tokenizer(str(tmp_path / "some")).fingerprint
    assert found == load_tokenizer(str(tmp_path / "all")).fingerprint


def test_datasets_finds_both_splits(broken, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    cache = str(tmp_path / "cache")
    found = datasets.load_dataset(str(broken), cache_dir=cache)
    rows = {name: split.num_rows for name, split in found.items()}
    manifest = manifest_of(broken)
    expected = {"train": manifest["totals"]["rows"], "validation": manifest["validation"]["rows"]}
    assert rows == expected
    alone = datasets.load_dataset(str(broken / "validation"), cache_dir=cache)
    assert {name: split.num_rows for name, split in alone.items()} == {
        "validation": expected["validation"]
    }


@pytest.mark.parametrize("part", ["", "validation"])
def test_a_run_that_the_machine_stops_goes_on(
    both, toy_corpus, tokenizer, tmp_path, monkeypatch, part
):
    """When the training data, or the validation data, is about to get its names."""
    folder = tmp_path / "both"
    commit = DatasetFolder.commit

    def stop(self, *given):
        if self.path == folder / part:
            raise MachineError("disk full")
        commit(self, *given)

    with monkeypatch.context() as patched:
        patched.setattr(DatasetFolder, "commit", stop)
        with pytest.raises(MachineError, match="disk full"):
            prepare_corpus([str(toy_corpus)], RECIPE, tokenizer, folder, ONE)
    assert not (folder / "manifest.json").exists()
    tokenized = folder / ".work" / "journal" / "tokenize" / "000000.json"
    before = tokenized.stat().st_mtime_ns
    written = []

    def remember(self, *given):
        written.append(tokenized.stat().st_mtime_ns)
        commit(self, *given)

    monkeypatch.setattr(DatasetFolder, "commit", remember)
    prepare_corpus([str(toy_corpus)], RECIPE, tokenizer, folder, ONE)
    assert set(written) == {before}
    assert bytes_of(folder) == bytes_of(both)


def test_the_same_command_finds_it_finished_and_another_share_is_refused(
    broken, toy_corpus, tokenizer
):
    before = bytes_of(broken)
    summary = prepare_corpus([str(toy_corpus)], RECIPE, tokenizer, broken, ONE)
    assert summary.finished_before
    assert summary.validation.output == broken / "validation"
    others = [
        (replace(SPLIT, validation=0.3), "--validation 0.2 there, 0.3 now"),
        (replace(SPLIT, validation=0.0), "--validation 0.2 there, not given now"),
        (replace(SPLIT, split="train"), "made_with_validation True there, not given now"),
    ]
    for corpus, message in others:
        recipe = replace(RECIPE, corpus=corpus)
        with pytest.raises(ConfigError, match=message):
            prepare_corpus([str(toy_corpus)], recipe, tokenizer, broken, ONE)
    assert bytes_of(broken) == before


def test_validation_data_of_before_is_replaced_with_the_rest(broken, toy_corpus, tokenizer):
    recipe = replace(RECIPE, corpus=CORPUS)
    replacing = Context(machine=RunConfig(overwrite=True))
    prepare_corpus([str(toy_corpus)], recipe, tokenizer, broken, replacing)
    assert not (broken / "validation").exists()
    assert "validation" not in manifest_of(broken)
    assert verify_dataset(broken, ONE).validation is None


def test_files_of_others_are_never_removed(broken, toy_corpus, tokenizer):
    (broken / "validation" / "notes.txt").write_text("mine")
    replacing = Context(machine=RunConfig(overwrite=True))
    with pytest.raises(ConfigError, match=r"did not make \(validation: notes.txt\)"):
        prepare_corpus([str(toy_corpus)], RECIPE, tokenizer, broken, replacing)
    assert (broken / "validation" / "notes.txt").exists()


def test_verify_finds_validation_data_that_is_missing_broken_or_another(
    broken, toy_corpus, tokenizer
):
    assert verify_dataset(broken, ONE).validation.faults == ()
    shard_of(broken / "validation").unlink()
    found = verify_dataset(broken, ONE)
    assert found.faults == ()
    assert [fault.what for fault in found.validation.faults] == ["is missing"]
    path = broken / "validation" / "manifest.json"
    path.write_text(path.read_text().replace('"dropped": {', '"dropped": {"x": 1', 1))
    for what in ("was changed after it was written", "is missing"):
        with pytest.raises(ShardError, match=f"complete, but for its validation data.*{what}"):
            prepare_corpus([str(toy_corpus)], RECIPE, tokenizer, broken, ONE)
        shutil.rmtree(broken / "validation", ignore_errors=True)
    (fault,) = verify_dataset(broken, ONE).faults
    assert (fault.place, fault.what) == ("validation", "is missing")
    other = replace(of_side("validation"), masking=MaskingConfig(seed=8))
    prepare_corpus([str(toy_corpus)], other, tokenizer, broken / "validation", ONE)
    (fault,) = verify_dataset(broken, ONE).faults
    assert fault.what == "is another data set than the one that was made with this"


def test_verify_finds_validation_data_that_the_manifest_does_not_name(broken):
    edit_manifest(broken, lambda manifest: manifest["validation"].update(rows=0))
    (fault,) = verify_dataset(broken, ONE).faults
    assert (fault.place, fault.what.split(":")[0]) == ("validation", "is none of this data set")
    advice = f"Move away what does not belong into {broken}"
    assert advice in maskprep("verify", broken, exit_code=1).stderr


@pytest.mark.parametrize("name", ["rows", "documents"])
def test_verify_finds_other_numbers_than_the_validation_data_has(broken, name):
    edit_manifest(broken, lambda manifest: manifest["validation"].update({name: 1}))
    (fault,) = verify_dataset(broken, ONE).faults
    assert fault.place == "manifest.json"
    assert fault.what.startswith(f"validation.{name} is 1; ")


def test_repair_mends_both(broken, both, toy_corpus):
    shard_of(broken).unlink()
    shard_of(broken / "validation").write_bytes(b"")
    (broken / "validation" / "tokenizer" / "tokenizer.json").unlink()
    found = repair_dataset(broken, RepairRequest([str(toy_corpus)]), ONE)
    assert (found.faults, found.validation.faults) == ((), ())
    assert bytes_of(broken) == bytes_of(both)


@pytest.mark.parametrize("command", ["pair", "pack"])
def test_repair_makes_missing_validation_data(both, toy_corpus, tokenizer, tmp_path, command):
    if command == "pair":
        folder = copy_of(both, tmp_path / "both")
    else:
        folder, packing = tmp_path / "packed", PackingConfig(max_seq_length=64)
        recipe = replace(RECIPE, packing=packing)
        prepare_corpus([str(toy_corpus)], recipe, tokenizer, folder, ONE)
    before = bytes_of(folder)
    shutil.rmtree(folder / "validation")
    advice = f"'maskprep verify {folder} --repair INPUT...'"
    assert advice in maskprep("verify", folder, exit_code=1).stderr
    shard_of(folder).unlink()
    found = repair_dataset(folder, RepairRequest([str(toy_corpus)]), ONE)
    assert (found.faults, found.validation.faults) == ((), ())
    assert found.repaired == ("data/part-00000.parquet", "validation")
    assert bytes_of(folder) == before


def test_a_repair_of_validation_data_that_was_broken_off_goes_on(broken, both, toy_corpus):
    for name in ("manifest.json", "README.md", "data"):
        path = broken / "validation" / name
        path.rename(broken.parent / name)
    (broken / "validation" / ".work").mkdir()
    found = repair_dataset(broken, RepairRequest([str(toy_corpus)]), ONE)
    assert (found.faults, found.repaired) == ((), ("validation",))
    assert bytes_of(broken) == bytes_of(both)


def test_missing_validation_data_is_made_again_as_the_advice_says(toy_corpus, tmp_path):
    out = tmp_path / "out"
    given = ["prepare", toy_corpus, "--documents", "file", "--validation", 0.2]
    given += ["--max-seq-length", 64]
    maskprep(*given, "--vocab-size", 600, "--output", out)
    shutil.rmtree(out / "validation")
    result = maskprep("verify", out, "--repair", exit_code=1)
    advice = f"--split validation --tokenizer {out}/tokenizer --output {out}/validation."
    assert advice in result.stderr
    maskprep(*given, *advice.removesuffix(".").split())
    maskprep("verify", out)


def test_without_a_held_out_document_there_is_no_validation_data(toy_corpus, tmp_path, tokenizer):
    out = tmp_path / "out"
    given = ["prepare", toy_corpus, "--documents", "file", "--validation", 1e-9]
    given += ["--vocab-size", 600, "--output", out]
    for _ in range(2):
        result = maskprep(*given)
        hint = "none of the 79 documents is held out with --validation 1e-09"
        assert hint in result.stdout
    assert "complete already" in result.stdout
    assert not (out / "validation").exists()
    assert "validation/data" not in (out / "README.md").read_text()
    maskprep("verify", out)
    corpus = replace(CORPUS, validation=1e-9, split="validation")
    text = Corpus([str(toy_corpus)], corpus, TokenizationConfig())
    with pytest.raises(NoRowsError, match=r"none of the 79 .* is in the validation split"):
        tokenize_corpus(text, tokenizer, ShardConfig(), tmp_path / "none", ONE)
    assert not (tmp_path / "none").exists()


def test_held_out_documents_that_give_no_row_do_not_stop_the_training_data(tmp_path, tokenizer):
    """A document of one control character has no token."""
    share = naive.hash_text("\x01") / 2**64 * (1 + 1e-9)
    texts = [f"The cats sat on {number} mats. They slept. It rained." for number in range(99)]
    texts = [text for text in texts if naive.hash_text(text) >= share * 2**64]
    corpus = tmp_path / "a.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in [*texts, "\x01"]))
    recipe = replace(RECIPE, corpus=replace(SPLIT, validation=share))
    summary = prepare_corpus([str(corpus)], recipe, tokenizer, tmp_path / "out", ONE)
    assert summary.manifest["validation"] == {"documents": 1, "rows": 0, "checksum": None}
    assert not (tmp_path / "out" / "validation").exists()


def test_a_pipe_gives_one_split(toy_corpus, toy_tokenizer, tmp_path):
    data = (toy_corpus / "strings.txt").read_bytes()
    given = ["prepare", "-", "--tokenizer", toy_tokenizer, "--validation", "0.3"]
    given = [str(one) for one in given]
    refused = CliRunner().invoke(app, [*given, "-o", str(tmp_path / "a")], input=data)
    assert refused.exit_code == 2
    assert "Name one with --split" in refused.stderr
    made = CliRunner().invoke(
        app, [*given, "--split", "train", "-o", str(tmp_path / "b")], input=data
    )
    assert made.exit_code == 0, made.output
    assert "documents are held out" in made.stdout


def test_a_pipe_into_a_finished_folder_is_refused_for_what_it_is(
    toy_corpus, toy_tokenizer, tmp_path
):
    data = (toy_corpus / "strings.txt").read_bytes()
    words = ["tokenize", "-", "--tokenizer", str(toy_tokenizer), "-o", str(tmp_path / "out")]
    assert CliRunner().invoke(app, words, input=data).exit_code == 0
    again = CliRunner().invoke(app, words, input=data)
    assert again.exit_code == 2
    assert "is complete already, and what a pipe brings cannot be compared" in again.stderr
    other = CliRunner().invoke(app, [*words, "--sentences", "none"], input=data)
    assert "made with other settings (--sentences 'split' there, 'none' now" in other.stderr


def test_train_says_what_is_held_out_and_refuses_to_learn_from_it(toy_corpus, tmp_path):
    given = ["train", toy_corpus, "--documents", "file", "--validation", 0.2, "--vocab-size", 600]
    given += ["--output", tmp_path / "tok"]
    result = maskprep(*given, "--split", "validation", exit_code=2)
    assert "learned from the training data" in result.stderr
    assert "of 79 documents are held out" in maskprep(*given).stdout


def test_without_the_option_nothing_tells_of_a_split(toy_corpus, tokenizer, tmp_path):
    recipe = replace(RECIPE, corpus=CORPUS)
    prepare_corpus([str(toy_corpus)], recipe, tokenizer, tmp_path / "out", ONE)
    assert "validation" not in (tmp_path / "out" / "manifest.json").read_text()
    assert "split:" not in (tmp_path / "out" / "README.md").read_text()
