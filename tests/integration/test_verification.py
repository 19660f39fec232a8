"""verify: nothing is wrong with what the stages write, and every fault that is put in is found."""

import json
import os
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from data_sets import (
    FORMS,
    ONE_WORKER,
    copy_of,
    edit_manifest,
    flip_bit,
    forge_shard,
    make_data_sets,
    shard_of,
)

from maskprep.config import CorpusConfig, MaskingConfig, PairingConfig, RunConfig, ShardConfig
from maskprep.encoders.loading import load_tokenizer
from maskprep.errors import ConfigError, ShardError
from maskprep.pipeline import prepare_corpus, verify_dataset
from maskprep.storage import integrity
from maskprep.tasks import verification
from maskprep.tasks.expectations import expected_schema, row_rules
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.running import Context
from maskprep.tasks.verification import ShardTask, check_shard

DATA_SETS = ("documents", "examples", *FORMS, "prepared")
BIT_FLIPS = 300


@pytest.fixture(scope="module")
def data_sets(toy_corpus, toy_tokenizer, tmp_path_factory):
    return make_data_sets(toy_corpus, toy_tokenizer, tmp_path_factory.mktemp("data-sets"))


@pytest.fixture
def broken(data_sets, tmp_path):
    """A copy of the masked examples, to break."""
    return copy_of(data_sets["loss-mask"], tmp_path / "broken")


def faults_of(folder, context=ONE_WORKER):
    found = verify_dataset(folder, context)
    return [(fault.place, fault.what) for fault in found.faults]


@pytest.mark.parametrize("name", DATA_SETS)
def test_what_the_stages_write_has_no_fault(data_sets, name):
    folder = data_sets[name]
    found = verify_dataset(folder, ONE_WORKER)
    assert found.faults == ()
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert found.totals.rows == sum(shard["rows"] for shard in manifest["shards"])
    assert found.ids[1] == 0
    assert not (folder / ".work").exists()


@pytest.mark.parametrize(
    ("masking", "pairing"),
    [
        (MaskingConfig(mlm_probability=1.0, mask_replace_prob=1.0, random_replace_prob=0.0), {}),
        (MaskingConfig(mlm_probability=0.01, mask_replace_prob=0.0, random_replace_prob=1.0), {}),
        (MaskingConfig(unit="word", epochs=3), {"random_next_prob": 0.0}),
        (MaskingConfig(), {"random_next_prob": 1.0, "max_seq_length": 8}),
        (MaskingConfig(unit="ngram", corrupt_per="token"), {}),
        (MaskingConfig(unit="span", columns="positions"), {}),
        (MaskingConfig(unit="span", selection="bernoulli", mlm_probability=0.3), {}),
        (MaskingConfig(selection="bernoulli"), {"max_seq_length": 8}),
        (MaskingConfig(unit="word", max_predictions=2), {}),
        (MaskingConfig(mlm_probability=(0.3, 0.15), epochs=3), {}),
        (MaskingConfig(replace_from="unigram", random_replace_prob=0.2), {}),
        (MaskingConfig(replace_with="other", random_replace_prob=0.2), {}),
        (MaskingConfig(never_mask=("the", "a"), always_mask=("of",), epochs=2), {}),
        (MaskingConfig(selection="rounded", max_predictions=4, pad_to_max=True), {}),
        (MaskingConfig(selection="rounded", unit="word", max_predictions=5), {}),
        (MaskingConfig(selection="rounded", mlm_probability=0.9, never_mask=("the", "of")), {}),
        (MaskingConfig(selection="rounded"), {"max_seq_length": 8}),
        (MaskingConfig(columns="keras", keep=("input_ids", "token_type_ids")), {}),
    ],
    ids=[
        *("all masked", "few, all replaced", "no random pair", "short rows, all pairs random"),
        *("n-grams, actions per token", "spans", "spans one by one", "short rows, one by one"),
        *("cut", "schedule", "unigram", "never the same", "lists"),
        *("rounded and cut", "rounded words", "rounded, lists", "rounded, short rows"),
        "kept tokens",
    ],
)
def test_extreme_settings_are_no_fault(toy_corpus, toy_tokenizer, tmp_path, masking, pairing):
    recipe = Recipe(
        corpus=CorpusConfig(documents="file", limit=12),
        pairing=PairingConfig(**{"max_seq_length": 32, **pairing}),
        masking=masking,
        shards=ShardConfig(shard_rows=400, compression="none"),
    )
    tokenizer = load_tokenizer(str(toy_tokenizer))
    prepare_corpus([str(toy_corpus)], recipe, tokenizer, tmp_path / "out", ONE_WORKER)
    assert faults_of(tmp_path / "out") == []


def test_a_corpus_of_one_document_has_no_random_pair_and_no_fault(
    toy_corpus, toy_tokenizer, tmp_path
):
    recipe = Recipe(corpus=CorpusConfig(documents="file"), pairing=PairingConfig(max_seq_length=32))
    tokenizer = load_tokenizer(str(toy_tokenizer))
    text = max(toy_corpus.iterdir(), key=lambda path: path.stat().st_size)
    prepare_corpus([str(text)], recipe, tokenizer, tmp_path / "out", ONE_WORKER)
    found = verify_dataset(tmp_path / "out", ONE_WORKER)
    assert (found.totals.random_pairs, found.faults) == (0, ())


def test_two_workers_find_the_same(data_sets, tmp_path):
    folder = copy_of(data_sets["prepared"], tmp_path / "out")
    shard_of(folder, 2).unlink()
    flip_bit(shard_of(folder, 4), 80_000)
    two = Context(machine=RunConfig(workers=2))
    assert faults_of(folder, two) == faults_of(folder) != []


def test_every_flipped_bit_is_found(data_sets, tmp_path):
    folder = data_sets["loss-mask"]
    manifest = json.loads((folder / "manifest.json").read_bytes())
    entry = manifest["shards"][-1]
    original = (folder / "data" / entry["name"]).read_bytes()
    rules = row_rules(manifest, load_tokenizer(str(folder / "tokenizer")))
    copy = tmp_path / entry["name"]
    task = ShardTask(str(copy), entry, expected_schema(manifest), rules)
    copy.write_bytes(original)
    assert check_shard(task)["faults"] == []
    bits = random.Random(0).sample(range(8 * len(original)), BIT_FLIPS)
    missed = []
    for bit in bits:
        copy.write_bytes(original)
        flip_bit(copy, bit)
        if not check_shard(task)["faults"]:
            missed.append(bit)
    assert missed == []


def test_pages_have_checksums_that_are_verified(data_sets, tmp_path, monkeypatch):
    """Without the file's hash nine flips in ten are found; the rest lie in headers, not in rows."""
    monkeypatch.setattr(verification, "byte_faults", lambda _path, _entry: iter(()))
    folder = data_sets["labels"]
    manifest = json.loads((folder / "manifest.json").read_bytes())
    entry = manifest["shards"][0]
    path = folder / "data" / entry["name"]
    footer = int.from_bytes(path.read_bytes()[-8:-4], "little")
    copy = tmp_path / entry["name"]
    rules = row_rules(manifest, load_tokenizer(str(folder / "tokenizer")))
    task = ShardTask(str(copy), entry, expected_schema(manifest), rules)
    found = []
    for bit in random.Random(1).sample(range(64, 8 * (entry["bytes"] - footer - 8)), 40):
        shutil.copyfile(path, copy)
        flip_bit(copy, bit)
        found += check_shard(task)["faults"]
    assert sum("CRC checksum verification failed" in what for what in found) >= 36


def _truncate(folder):
    os.truncate(shard_of(folder), 5000)


def _exchange(folder):
    first, second = shard_of(folder, 0), shard_of(folder, 1)
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


def _swap_tokens(folder):
    path = folder / "tokenizer" / "tokenizer.json"
    tokenizer = json.loads(path.read_bytes())
    vocabulary = tokenizer["model"]["vocab"]
    first, second = list(vocabulary)[100:102]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    path.write_text(json.dumps(tokenizer))


@pytest.mark.parametrize(
    ("damage", "place", "what"),
    [
        (lambda f: shard_of(f).unlink(), "data/part-00000.parquet", "is missing"),
        (_truncate, "data/part-00000.parquet", "has 5,000 bytes; the manifest says"),
        (_truncate, "data/part-00000.parquet", "cannot be read as Parquet"),
        (_exchange, "data/part-00001.parquet", "bytes"),
        (
            lambda f: (f / "data" / "part-00009.parquet").touch(),
            "data/part-00009.parquet",
            "is none of the manifest's shards",
        ),
        (
            lambda f: (f / "data" / "notes.txt").touch(),
            "data/notes.txt",
            "is none of the manifest's shards",
        ),
        (lambda f: (f / "README.md").unlink(), "README.md", "is missing"),
        (lambda f: shutil.rmtree(f / "tokenizer"), "tokenizer", "is missing"),
        (_swap_tokens, "tokenizer", "is another one"),
        (
            lambda f: (f / "tokenizer" / "tokenizer.json").write_text("{"),
            "tokenizer",
            "tokenizer.json",
        ),
        (
            lambda f: (f / "tokenizer" / "tokenizer_config.json").write_text("{}"),
            "tokenizer",
            "tokenizer_config.json is not what was written",
        ),
        (
            lambda f: (f / "manifest.json").write_text(
                (f / "manifest.json").read_text().replace('"rows_forced": ', '"rows_forced": 1')
            ),
            "manifest.json",
            "was changed after it was written",
        ),
    ],
    ids=[
        *("missing shard", "truncated shard", "unreadable shard", "exchanged shards"),
        *("a shard too many", "an extra file", "no card", "no tokenizer", "swapped tokens"),
        *("broken tokenizer.json", "edited tokenizer settings", "edited manifest"),
    ],
)
def test_damage_is_found(broken, damage, place, what):
    damage(broken)
    assert any(place == where and what in found for where, found in faults_of(broken))


def test_all_faults_are_found_at_once(broken):
    shard_of(broken, 0).unlink()
    flip_bit(shard_of(broken, 1), 99_999)
    (broken / "data" / "x").touch()
    shutil.rmtree(broken / "tokenizer")
    places = {place for place, _ in faults_of(broken)}
    shards = {"data/part-00000.parquet", "data/part-00001.parquet", "data/x"}
    assert places == shards | {"tokenizer"}


@pytest.mark.parametrize("name", ["../../secret.parquet", "../data/part-00000.parquet", "/x"])
def test_no_name_in_a_manifest_is_opened_outside_of_data(broken, monkeypatch, name):
    (broken.parent / "secret.parquet").write_bytes(b"secret")
    opened = []
    monkeypatch.setattr(integrity, "hash_file", opened.append)
    monkeypatch.setattr(pq, "ParquetFile", opened.append)
    edit_manifest(broken, lambda manifest: manifest["shards"][0].update(name=name))
    ((place, what),) = faults_of(broken)
    assert place == "manifest.json"
    assert f"is named {name!r}" in what
    assert opened == []


# Each edit leaves the checksum of the manifest right: only what the rows hold speaks against it.
@pytest.mark.parametrize(
    ("name", "group", "key"),
    [
        *(("documents", "totals", key) for key in ("documents", "tokens", "sentences")),
        ("documents", "totals", "unknown_tokens"),
        ("documents", "rates", "unknown_tokens"),
        *(("examples", "totals", key) for key in ("pairs", "random_pairs", "tokens")),
        ("examples", "rates", "random_next"),
        *(("labels", "totals", key) for key in ("rows", "tokens", "maskable_tokens")),
        *(("labels", "totals", key) for key in ("masked_tokens", "selected_tokens")),
        *(("keras", "totals", key) for key in ("replaced_tokens", "kept_tokens")),
        ("keras", "totals", "rows_without_maskable_tokens"),
        *(("positions", "rates", key) for key in ("selected", "masked", "replaced", "kept")),
        ("positions", "changed", "rows_forced"),
    ],
)
def test_an_edited_count_is_found(data_sets, tmp_path, name, group, key):
    folder = copy_of(data_sets[name], tmp_path / "out")
    edit_manifest(folder, lambda manifest: manifest[group].update({key: manifest[group][key] + 1}))
    faults = faults_of(folder)
    assert {place for place, _ in faults} == {"manifest.json"}
    assert any(f"{group}.{key}" in what or "together" in what for _, what in faults)


def test_shifted_actions_are_found_though_their_sum_is_right(data_sets, tmp_path):
    folder = copy_of(data_sets["labels"], tmp_path / "out")

    def shift(manifest):
        manifest["totals"]["replaced_tokens"] += 400
        manifest["totals"]["kept_tokens"] -= 400

    edit_manifest(folder, shift)
    assert any("may be replaced by themselves" in what for _, what in faults_of(folder))


@pytest.mark.parametrize("key", ["pairs", "random_pairs"])
def test_an_edited_count_of_the_stage_before_is_found(data_sets, tmp_path, key):
    folder = copy_of(data_sets["prepared"], tmp_path / "out")

    def edit(manifest):
        manifest["history"][1]["totals"][key] += 1

    edit_manifest(folder, edit)
    ((_, what),) = faults_of(folder)
    assert what.startswith("history counts")


@pytest.mark.parametrize("key", ["rows", "tokens", "rows_xxh128"])
def test_an_edited_line_of_a_shard_is_found(broken, key):
    values = {"rows": 1, "tokens": 1, "rows_xxh128": "0" * 32}
    edit_manifest(broken, lambda manifest: manifest["shards"][0].update({key: values[key]}))
    ((place, what),) = faults_of(broken)
    assert place == "data/part-00000.parquet"
    assert key in what


def test_settings_that_the_shards_do_not_have_are_found(broken):
    edit_manifest(broken, lambda manifest: manifest["settings"].update(mlm_probability=0.2))
    assert {what for _, what in faults_of(broken)} == {
        "its metadata maskprep differ (settings.mlm_probability: 0.15 there, 0.2 in the manifest)"
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("mlm_probability", value) for value in (1.5, "often", None, [0.1])),
        *(("unit", 7), ("epochs", "2"), ("keep", "word_starts"), ("never_mask", [1])),
        *(("shuffle", 1), ("compression", None)),
    ],
)
def test_settings_that_no_run_can_have_are_found(broken, name, value):
    edit_manifest(broken, lambda manifest: manifest["settings"].update({name: value}))
    ((place, what),) = faults_of(broken)
    assert place == "manifest.json"
    assert what.startswith("settings")


def _with_column(table, name, values):
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), values)


def _select_special(table):
    """Predict the first token, [CLS], of every row."""
    rows = table.column("loss_mask").to_pylist()
    values = [[True, *row[1:]] for row in rows]
    return _with_column(table, "loss_mask", pa.array(values, pa.list_(pa.bool_())))


def _select_more(table):
    rows = table.select(["input_ids", "target_ids"]).to_pylist()
    values = [
        [t > 0 and target > 4 and (t % 5 == 0 or token != target) for t, (token, target) in
         enumerate(zip(row["input_ids"], row["target_ids"], strict=True))]
        for row in rows
    ]  # fmt: skip
    return _with_column(table, "loss_mask", pa.array(values, pa.list_(pa.bool_())))


def _with_null(table):
    labels = table.column("next_sentence_label").to_pylist()
    return _with_column(table, "next_sentence_label", pa.array([None, *labels[1:]], pa.int64()))


def _all_random(table):
    ones = pc.add(pc.multiply(table.column("next_sentence_label"), 0), 1)
    return _with_column(table, "next_sentence_label", ones)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (_select_special, "row 0: a special token is selected"),
        (lambda table: table.slice(1), "totals.rows is"),
        (_with_null, "column next_sentence_label holds null"),
        (lambda table: table.drop_columns(["loss_mask"]), "has no column loss_mask"),
        (
            lambda table: _with_column(table, "epoch", pa.array([9] * len(table), pa.int32())),
            "a shard holds epoch 9; settings.epochs is 1",
        ),
    ],
    ids=["special tokens", "a lost row", "a null", "a lost column", "a strange epoch"],
)
def test_wrong_rows_with_right_hashes_are_found(broken, edit, expected):
    forge_shard(broken, edit)
    assert any(expected in what for _, what in faults_of(broken)), faults_of(broken)


def test_a_rate_that_nobody_asked_for_is_found_though_all_counts_agree(data_sets, tmp_path):
    """A wrong program writes consistent manifests: settings are what it must be measured by."""
    folder = copy_of(data_sets["loss-mask"], tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for number in range(len(manifest["shards"])):
        forge_shard(folder, _select_more, number)
    asked = [what for _, what in faults_of(folder) if "asked for" in what]
    assert any("selected tokens" in what for what in asked)
    assert any("masked tokens" in what for what in asked)


def test_labels_out_of_balance_are_found(data_sets, tmp_path):
    folder = copy_of(data_sets["examples"], tmp_path / "out")
    forge_shard(folder, _all_random)
    assert any(
        "random pairs" in what and "asked for 50.00%" in what for _, what in faults_of(folder)
    )


def test_documents_of_one_id_are_counted(data_sets, tmp_path, monkeypatch):
    monkeypatch.setattr(verification, "IDS_AT_ONCE", 10)  # Several tasks count.
    folder = copy_of(data_sets["documents"], tmp_path / "out")
    ids = pq.read_table(shard_of(folder)).column("document_id").to_pylist()
    same = pa.array([ids[0]] * 3 + ids[3:], pa.int64())
    forge_shard(folder, lambda table: _with_column(table, "document_id", same))
    found = verify_dataset(folder, ONE_WORKER)
    assert found.faults == ()
    assert found.ids == (79, 2)


def test_an_unfinished_folder_says_so(tmp_path):
    (tmp_path / ".work").mkdir()
    with pytest.raises(ShardError, match=r"is not finished.*Run the command that makes it again"):
        verify_dataset(tmp_path, ONE_WORKER)


def test_a_folder_without_its_manifest_says_so(broken):
    (broken / "manifest.json").unlink()
    with pytest.raises(ShardError, match=r"has lost its manifest\.json"):
        verify_dataset(broken, ONE_WORKER)


@pytest.mark.parametrize("content", ["[", "{}", "[" * 100_000, '{"stage": 1e999}'])
def test_a_file_that_is_no_manifest_is_named(broken, content):
    (broken / "manifest.json").write_text(content)
    with pytest.raises(ShardError, match=r"manifest\.json: not a manifest"):
        verify_dataset(broken, ONE_WORKER)


@pytest.mark.parametrize("name", ["nowhere", "file", "empty"])
def test_what_is_no_data_set_is_refused(tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=name):
        verify_dataset(Path(tmp_path / name), ONE_WORKER)


def test_nothing_is_written(data_sets, tmp_path):
    folder = copy_of(data_sets["labels"], tmp_path / "out")
    shard_of(folder).unlink()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert faults_of(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
