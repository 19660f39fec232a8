"""verify --repair: the bytes of the first run, only where they are missing, or nothing at all."""

import io
import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from data_sets import (
    CORPUS,
    ONE_WORKER,
    PAIRING,
    bytes_of,
    copy_of,
    edit_manifest,
    flip_bit,
    make_data_sets,
    shard_of,
)

from maskprep.config import MaskingConfig, RunConfig, ShardConfig, TrainingConfig
from maskprep.encoders.loading import load_tokenizer
from maskprep.errors import ConfigError, MachineError, ShardError
from maskprep.pipeline import (
    Corpus,
    StageRows,
    make_examples,
    mask_dataset,
    prepare_corpus,
    repair_dataset,
    tokenize_corpus,
)
from maskprep.storage.dataset import DatasetFolder
from maskprep.tasks import writing
from maskprep.tasks.plan import Silence
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.rerun import RepairRequest
from maskprep.tasks.running import Context


@pytest.fixture(scope="module")
def data_sets(toy_corpus, toy_tokenizer, tmp_path_factory):
    made = make_data_sets(toy_corpus, toy_tokenizer, tmp_path_factory.mktemp("data-sets"))
    return made | {"corpus": toy_corpus}


@pytest.fixture
def broken(data_sets, tmp_path):
    """A copy of masked examples, to break; its card names its folder."""
    return copy_of(data_sets["labels"], tmp_path / "labels")


def repair(folder, *inputs, context=ONE_WORKER, tokenizer=None):
    return repair_dataset(folder, RepairRequest([str(one) for one in inputs], tokenizer), context)


INPUTS = {
    "documents": "corpus",
    "examples": "documents",
    "loss-mask": "examples",
    "labels": "examples",
    "positions": "examples",
    "keras": "examples",
    "prepared": "corpus",
}


@pytest.mark.parametrize("name", INPUTS)
def test_broken_and_missing_shards_get_their_bytes_back(data_sets, tmp_path, name):
    folder = copy_of(data_sets[name], tmp_path / name)
    shard_of(folder, 0).unlink()
    flip_bit(shard_of(folder, 2), 54_321)
    sound = shard_of(folder, 1).stat().st_ino
    found = repair(folder, data_sets[INPUTS[name]])
    assert found.faults == ()
    assert found.repaired == ("data/part-00000.parquet", "data/part-00002.parquet")
    assert bytes_of(folder) == bytes_of(data_sets[name])
    assert shard_of(folder, 1).stat().st_ino == sound
    assert not (folder / ".work").exists()


def test_the_last_epoch_alone_is_made_by_two_workers(data_sets, tmp_path):
    folder = copy_of(data_sets["prepared"], tmp_path / "prepared")
    last = sorted((folder / "data").iterdir())[-2:]
    for path in last:
        path.write_bytes(b"")
    two = Context(machine=RunConfig(workers=2))
    assert repair(folder, data_sets["corpus"], context=two).faults == ()
    assert bytes_of(folder) == bytes_of(data_sets["prepared"])


def test_only_broken_shards_are_written(data_sets, broken, monkeypatch):
    written = []

    def remember(groups, path, *more):
        written.append(path.name)
        return original(groups, path, *more)

    original = writing.write_shard
    monkeypatch.setattr(writing, "write_shard", remember)
    shard_of(broken, 1).unlink()
    repair(broken, data_sets["examples"])
    assert written == ["part-00001.parquet"]


class Phases(Silence):
    """Remembers how much each phase did."""

    def __init__(self) -> None:
        self.done = {}
        self._phase = None

    def begin(self, phase, _total, _unit):
        self._phase = phase
        self.done[phase] = 0

    def advance(self, amount):
        self.done[self._phase] += amount


def test_text_behind_the_last_broken_shard_is_not_read(data_sets, tmp_path):
    folder = copy_of(data_sets["documents"], tmp_path / "documents")
    shard_of(folder).unlink()
    phases = Phases()
    repair(folder, data_sets["corpus"], context=replace(ONE_WORKER, progress=phases))
    whole = sum(path.stat().st_size for path in data_sets["corpus"].iterdir())
    assert 0 < phases.done["tokenize"] < whole / 2


def test_an_epoch_without_a_broken_shard_is_not_masked(data_sets, tmp_path):
    folder = copy_of(data_sets["prepared"], tmp_path / "prepared")
    shard_of(folder).unlink()
    phases = Phases()
    repair(folder, data_sets["corpus"], context=replace(ONE_WORKER, progress=phases))
    assert phases.done["mask epoch 0"] == 900
    assert not {"mask epoch 1", "shuffle epoch 1"} & phases.done.keys()


def test_a_sound_folder_is_left_alone(data_sets, broken):
    before = {path: path.stat().st_mtime_ns for path in broken.rglob("*")}
    found = repair(broken, data_sets["examples"])
    assert (found.faults, found.repaired) == ((), ())
    assert {path: path.stat().st_mtime_ns for path in broken.rglob("*")} == before


def test_the_card_needs_no_input(data_sets, broken):
    (broken / "README.md").unlink()
    assert repair(broken).repaired == ("README.md",)
    assert bytes_of(broken) == bytes_of(data_sets["labels"])


def test_a_data_set_of_loose_shards_is_repaired_from_them(data_sets, tmp_path):
    loose = [shard_of(data_sets["examples"], number) for number in (1, 0)]
    rows = StageRows([str(path) for path in loose], limit=1000)
    output = tmp_path / "out"
    shards = ShardConfig(shard_rows=400, shuffle=False, compression="lz4")
    mask_dataset(rows, MaskingConfig(epochs=2), shards, output, ONE_WORKER)
    expected = bytes_of(output)
    for number in (2, 3):
        shard_of(output, number).unlink()
    with pytest.raises(ConfigError, match=r"another order, part-00001\.parquet first"):
        repair(output, *loose[::-1])
    assert repair(output, *loose).faults == ()
    assert bytes_of(output) == expected


def test_the_first_documents_are_found_again(data_sets, toy_tokenizer, tmp_path):
    text = Corpus([str(data_sets["corpus"])], replace(CORPUS, limit=30))
    output = tmp_path / "out"
    tokenizer = load_tokenizer(str(toy_tokenizer))
    tokenize_corpus(text, tokenizer, ShardConfig(shard_rows=8), output, ONE_WORKER)
    expected = bytes_of(output)
    shard_of(output, 1).unlink()
    assert repair(output, data_sets["corpus"]).faults == ()
    assert bytes_of(output) == expected


def test_a_data_set_from_pipes_is_repaired_through_pipes(data_sets, toy_tokenizer, tmp_path):
    """The corpus cannot be told from its text alone: it takes the same pipe once more."""
    documents, examples = io.BytesIO(), io.BytesIO()
    text = Corpus([str(data_sets["corpus"])], CORPUS)
    tokenize_corpus(text, load_tokenizer(str(toy_tokenizer)), ShardConfig(), documents, ONE_WORKER)
    documents.seek(0)
    context = replace(ONE_WORKER, stdin=documents)
    make_examples(StageRows(["-"]), PAIRING, ShardConfig(), examples, context)
    stream = examples.getvalue()
    output = tmp_path / "out"
    context = replace(ONE_WORKER, stdin=io.BytesIO(stream))
    shards = ShardConfig(shard_rows=900)
    mask_dataset(StageRows(["-"]), MaskingConfig(seed=5), shards, output, context)
    expected = bytes_of(output)
    shard_of(output, 1).unlink()
    with pytest.raises(ConfigError, match="Pipe the same rows in"):
        repair(output, data_sets["corpus"])
    context = replace(ONE_WORKER, stdin=io.BytesIO(stream))
    assert repair(output, "-", context=context).faults == ()
    assert bytes_of(output) == expected


@pytest.fixture(scope="module")
def trained(toy_corpus, tmp_path_factory):
    """A data set whose tokenizer was trained in the same run."""
    recipe = Recipe(
        corpus=CORPUS,
        training=TrainingConfig(vocab_size=500),
        pairing=PAIRING,
        shards=ShardConfig(shard_rows=900),
    )
    output = tmp_path_factory.mktemp("trained") / "trained"
    prepare_corpus([str(toy_corpus)], recipe, None, output, ONE_WORKER)
    return output


def test_a_trained_tokenizer_is_trained_again(trained, toy_corpus, tmp_path):
    folder = copy_of(trained, tmp_path / "trained")
    shutil.rmtree(folder / "tokenizer")
    shard_of(folder).unlink()
    found = repair(folder, toy_corpus)
    assert found.faults == ()
    assert found.repaired == ("tokenizer", "data/part-00000.parquet")
    assert bytes_of(folder) == bytes_of(trained)


def test_a_broken_tokenizer_is_taken_from_where_the_user_says(data_sets, broken, toy_tokenizer):
    (broken / "tokenizer" / "tokenizer.json").write_text("{")
    with pytest.raises(ConfigError, match="Name that one with --tokenizer PATH"):
        repair(broken)
    assert repair(broken, tokenizer=str(toy_tokenizer)).repaired == ("tokenizer",)
    assert bytes_of(broken) == bytes_of(data_sets["labels"])


def test_another_tokenizer_is_refused(broken, trained):
    shutil.rmtree(broken / "tokenizer")
    with pytest.raises(ConfigError, match=r"is another one .* Nothing was changed"):
        repair(broken, tokenizer=str(trained / "tokenizer"))
    assert not (broken / "tokenizer").exists()


def test_a_changed_file_of_the_tokenizer_is_written_anew(data_sets, broken):
    (broken / "tokenizer" / "tokenizer_config.json").write_text("{}")
    assert repair(broken).repaired == ("tokenizer",)
    assert bytes_of(broken) == bytes_of(data_sets["labels"])


def test_without_inputs_nothing_is_repaired(broken):
    shard_of(broken).unlink()
    before = bytes_of(broken)
    with pytest.raises(ConfigError, match=r"1 of \d+ shards .* 'maskprep pair' wrote \(part-00000"):
        repair(broken)
    assert bytes_of(broken) == before


def _append(corpus):
    path = corpus / "assert.txt"
    path.write_text(path.read_text() + "more\n")


def _replace(corpus):
    path = corpus / "assert.txt"
    path.write_text(path.read_text()[::-1])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_append, r"assert\.txt has [\d,]+ bytes, and had [\d,]+"),
        (_replace, r"assert\.txt has other bytes than it had"),
        (lambda corpus: (corpus / "assert.txt").unlink(), r"assert\.txt is missing"),
        (lambda corpus: (corpus / "new.txt").write_text("x"), r"new\.txt was not among them"),
    ],
    ids=["longer", "other bytes", "missing", "more"],
)
def test_other_inputs_are_refused_and_named(data_sets, tmp_path, change, expected):
    corpus = copy_of(data_sets["corpus"], tmp_path / "corpus")
    change(corpus)
    folder = copy_of(data_sets["prepared"], tmp_path / "prepared")
    shard_of(folder).unlink()
    before = bytes_of(folder)
    with pytest.raises(ConfigError, match=expected + ".*Nothing was changed"):
        repair(folder, corpus)
    assert bytes_of(folder) == before
    assert not (folder / ".work").exists()


def test_a_wrong_manifest_is_not_repaired(broken, data_sets):
    shard_of(broken).unlink()
    path = broken / "manifest.json"
    path.write_text(path.read_text().replace('"rows_forced": ', '"rows_forced": 1'))
    before = bytes_of(broken)
    found = repair(broken, data_sets["examples"])
    assert found.at("manifest.json")
    assert found.repaired == ()
    assert bytes_of(broken) == before


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("sha256", "the same rows in other bytes (pyarrow was 18.0.0, now is"),
        ("rows_xxh128", "other rows (pyarrow was 18.0.0, now is"),
    ],
)
def test_other_bytes_replace_nothing_and_the_versions_are_named(data_sets, broken, key, expected):
    def by_an_older_library(manifest):
        manifest["versions"]["pyarrow"] = "18.0.0"
        manifest["shards"][0].update({"sha256": "0" * 64, key: "0" * 64})

    edit_manifest(broken, by_an_older_library)
    shard_of(broken, 1).unlink()
    before = shard_of(broken).read_bytes()
    found = repair(broken, data_sets["examples"])
    assert found.repaired == ("data/part-00001.parquet",)
    assert any(expected in fault.what for fault in found.faults)
    assert {fault.place for fault in found.faults} == {"data/part-00000.parquet"}
    assert shard_of(broken).read_bytes() == before


def test_a_stray_file_stays(data_sets, broken):
    (broken / "data" / "thesis.tex").write_text("years of work")
    shard_of(broken).unlink()
    found = repair(broken, data_sets["examples"])
    assert [fault.place for fault in found.faults] == ["data/thesis.tex"]
    assert (broken / "data" / "thesis.tex").exists()


def test_a_folder_that_another_run_holds_is_refused(data_sets, broken):
    with (
        DatasetFolder(broken).repairing(),
        pytest.raises(MachineError, match=r"held by another run .* Wait for it to end\.$"),
    ):
        repair(broken, data_sets["examples"])


def test_an_unfinished_folder_is_not_touched(tmp_path):
    (tmp_path / ".work").mkdir()
    (tmp_path / ".work" / "run.json").write_text("{}")
    with pytest.raises(ShardError, match="is not finished"):
        repair(tmp_path, "corpus")
    assert (tmp_path / ".work" / "run.json").exists()


def test_a_killed_repair_is_done_by_the_next(data_sets, tmp_path):
    folder = copy_of(data_sets["prepared"], tmp_path / "prepared")
    for number in range(3):
        shard_of(folder, number).unlink()
    command = [sys.executable, "-m", "maskprep", "verify", folder, "--repair", data_sets["corpus"]]
    process = subprocess.Popen([*command, "--workers", "1"], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (folder / ".work" / "scratch").exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    for name in (path.name for path in (folder / "data").iterdir()):
        assert (
            shard_of(folder).with_name(name).read_bytes()
            == (data_sets["prepared"] / "data" / name).read_bytes()
        )
    assert repair(folder, data_sets["corpus"]).faults == ()
    assert bytes_of(folder) == bytes_of(data_sets["prepared"])


def test_the_manifest_is_never_rewritten(data_sets, broken):
    before = (broken / "manifest.json").stat().st_ino
    shard_of(broken).unlink()
    repair(broken, data_sets["examples"])
    assert (broken / "manifest.json").stat().st_ino == before
    assert json.loads((broken / "manifest.json").read_bytes())["stage"] == "mask"
