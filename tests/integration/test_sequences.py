"""Packed sequences and pairs in order: the same bytes however a run goes, and no fault in them."""

import io
import json
from dataclasses import replace

import pyarrow.parquet
import pytest
from data_sets import ONE_WORKER, copy_of, edit_manifest, forge_shard, shard_of

from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PackingConfig,
    PairingConfig,
    RunConfig,
    ShardConfig,
    TokenizationConfig,
)
from maskprep.encoders.loading import load_tokenizer
from maskprep.errors import ConfigError
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
from maskprep.tasks import packing
from maskprep.tasks.plan import Silence
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.rerun import RepairRequest
from maskprep.tasks.running import Context

CORPUS = CorpusConfig(documents="file", block_bytes=60_000)
MASKING = MaskingConfig(unit="word", epochs=2, seed=7)
SHARDS = ShardConfig(shard_rows=900)
UNSHUFFLED = replace(SHARDS, shuffle=False)
KINDS = {
    "cross": PackingConfig(64, 0.1, "cross", 3),
    "document": PackingConfig(64, 0.0, "document"),
    "best-fit": PackingConfig(64, 0.0, "best-fit"),
    "segments": PackingConfig(64, 0.05, "document", 4, two_segments_prob=0.9),
    "sop": PairingConfig(max_seq_length=64, seed=5, objective="sop", duplicates=2),
}


@pytest.fixture(scope="module", autouse=True)
def small_sections():
    """Several sections in a small corpus."""
    patch = pytest.MonkeyPatch()
    patch.setattr(packing, "SECTION_TOKENS", 20_000)
    patch.setattr(packing, "SECTION_ROWS", 1)
    yield
    patch.undo()


def recipe_of(config, corpus=CORPUS, shards=SHARDS):
    recipe = Recipe(corpus=corpus, masking=MASKING, shards=shards)
    if isinstance(config, PackingConfig):
        return replace(recipe, packing=config)
    return replace(recipe, pairing=config)


def prepare(corpus, tokenizer, output, recipe, context=ONE_WORKER):
    return prepare_corpus([str(corpus)], recipe, load_tokenizer(str(tokenizer)), output, context)


def data_of(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "data").iterdir())}


@pytest.fixture(scope="module", params=KINDS)
def made(request, toy_corpus, toy_tokenizer, tmp_path_factory):
    """Settings, and the undisturbed run that every other way is compared with."""
    output = tmp_path_factory.mktemp("prepared") / "out"
    config = KINDS[request.param]
    prepare(toy_corpus, toy_tokenizer, output, recipe_of(config))
    return config, output


@pytest.fixture(scope="module")
def documents(toy_corpus, toy_tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents") / "out"
    corpus = Corpus([str(toy_corpus)], CORPUS, TokenizationConfig())
    tokenizer = load_tokenizer(str(toy_tokenizer))
    tokenize_corpus(corpus, tokenizer, ShardConfig(shard_rows=10), folder, ONE_WORKER)
    return folder


def test_two_workers_make_the_same_folder(made, toy_corpus, toy_tokenizer, tmp_path):
    config, prepared = made
    two = Context(machine=RunConfig(workers=2))
    prepare(toy_corpus, toy_tokenizer, tmp_path / "out", recipe_of(config), two)
    assert data_of(tmp_path / "out") == data_of(prepared)
    assert (tmp_path / "out/manifest.json").read_bytes() == (
        prepared / "manifest.json"
    ).read_bytes()


@pytest.mark.parametrize("shards", [SHARDS, UNSHUFFLED], ids=["shuffled", "in order"])
def test_single_commands_and_pipes_make_the_same_shards(
    made, documents, toy_corpus, toy_tokenizer, tmp_path, shards
):
    config, prepared = made
    whole = CorpusConfig(documents="file")
    if not shards.shuffle:
        prepared = tmp_path / "prepared"
        prepare(toy_corpus, toy_tokenizer, prepared, recipe_of(config, whole, shards))
    rows = StageRows([str(documents)])
    make_examples(rows, config, shards, tmp_path / "examples", ONE_WORKER)
    examples = StageRows([str(tmp_path / "examples")])
    mask_dataset(examples, MASKING, shards, tmp_path / "masked", ONE_WORKER)
    assert data_of(tmp_path / "masked") == data_of(prepared)

    piped, piped_examples = io.BytesIO(), io.BytesIO()
    corpus = Corpus([str(toy_corpus)], CORPUS, TokenizationConfig())
    tokenizer = load_tokenizer(str(toy_tokenizer))
    tokenize_corpus(corpus, tokenizer, ShardConfig(), piped, ONE_WORKER)
    piped.seek(0)
    context = replace(ONE_WORKER, stdin=piped)
    make_examples(StageRows(["-"]), config, shards, piped_examples, context)
    piped_examples.seek(0)
    context = replace(ONE_WORKER, stdin=piped_examples)
    mask_dataset(StageRows(["-"]), MASKING, shards, tmp_path / "piped", context)
    assert data_of(tmp_path / "piped") == data_of(prepared)


class BrokenOffError(Exception):
    pass


class InterruptAfter(Silence):
    """Breaks a run off after so many receipts."""

    def __init__(self, receipts):
        self._left = receipts

    def advance(self, _amount):
        if self._left == 0:
            raise BrokenOffError
        self._left -= 1


def test_a_run_broken_off_after_any_receipt_goes_on(made, toy_corpus, toy_tokenizer, tmp_path):
    config, prepared = made
    output = tmp_path / "out"
    for receipts in range(1, 100):
        context = replace(ONE_WORKER, progress=InterruptAfter(receipts))
        try:
            prepare(toy_corpus, toy_tokenizer, output, recipe_of(config), context)
        except BrokenOffError:
            continue
        break
    assert receipts > 10
    assert data_of(output) == data_of(prepared)


@pytest.mark.parametrize("columns", ["loss-mask", "labels", "positions", "keras"])
def test_verify_finds_no_fault_in_any_form(made, documents, tmp_path, columns):
    config, prepared = made
    examples = tmp_path / "examples"
    make_examples(StageRows([str(documents)]), config, SHARDS, examples, ONE_WORKER)
    masking = MaskingConfig(columns=columns, keep=("word_starts",), seed=3)
    mask_dataset(StageRows([str(examples)]), masking, SHARDS, tmp_path / "masked", ONE_WORKER)
    for folder in (prepared, examples, tmp_path / "masked"):
        found = verify_dataset(folder, ONE_WORKER)
        assert found.faults == ()
        assert found.ids[1] == 0


def test_broken_shards_get_their_bytes_back(made, documents, toy_corpus, tmp_path):
    config, prepared = made
    make_examples(StageRows([str(documents)]), config, SHARDS, tmp_path / "examples", ONE_WORKER)
    for original, source in ((prepared, toy_corpus), (tmp_path / "examples", documents)):
        folder = copy_of(original, tmp_path / f"copy of {original.name}")
        shard_of(folder, 0).unlink()
        found = repair_dataset(folder, RepairRequest([str(source)]), ONE_WORKER)
        assert (found.faults, found.repaired) == ((), ("data/part-00000.parquet",))
        assert data_of(folder) == data_of(original)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("number", [1, 7, 10**5])
def test_any_number_of_shards_with_equal_rows(documents, tmp_path, number, shuffle):
    rows = StageRows([str(documents)], limit=6)
    shards = ShardConfig(num_shards=number, shuffle=shuffle)
    make_examples(rows, KINDS["document"], shards, tmp_path / "few", ONE_WORKER)
    examples = StageRows([str(tmp_path / "few")])
    mask_dataset(examples, MASKING, shards, tmp_path / "masked", ONE_WORKER)
    for folder, epochs in ((tmp_path / "few", 1), (tmp_path / "masked", 2)):
        manifest = json.loads((folder / "manifest.json").read_bytes())
        sizes = [shard["rows"] for shard in manifest["shards"]]
        assert max(sizes) - min(sizes) <= 1
        assert len(sizes) == epochs * min(number, sum(sizes) // epochs)
    shard_of(tmp_path / "masked", 0).unlink()
    found = repair_dataset(tmp_path / "masked", RepairRequest([str(tmp_path / "few")]), ONE_WORKER)
    assert (found.faults, found.repaired) == ((), ("data/part-00000.parquet",))


def test_the_number_of_shards_changes_no_row(made, documents, tmp_path):
    config, prepared = made
    examples = tmp_path / "examples"
    make_examples(StageRows([str(documents)]), config, SHARDS, examples, ONE_WORKER)
    shards = ShardConfig(num_shards=5)
    mask_dataset(StageRows([str(examples)]), MASKING, shards, tmp_path / "masked", ONE_WORKER)
    few, many = (
        pyarrow.parquet.read_table(folder / "data").replace_schema_metadata()
        for folder in (tmp_path / "masked", prepared)
    )
    assert few.equals(many)


def test_the_number_of_shards_and_of_their_rows_exclude_each_other():
    with pytest.raises(ConfigError, match="--num-shards is 3; expected nothing beside"):
        ShardConfig(shard_rows=5, num_shards=3)


def test_the_first_documents_give_the_first_rows(documents, tmp_path):
    config = KINDS["cross"]
    shards = ShardConfig(shuffle=False)
    rows = []
    for limit in (20, None):
        output = tmp_path / str(limit)
        make_examples(StageRows([str(documents)], limit=limit), config, shards, output, ONE_WORKER)
        rows.append(verify_dataset(output, ONE_WORKER).totals.rows)
    assert 0 < rows[0] < rows[1]


def test_the_manifest_tells_the_fill_rate_and_every_token(made):
    config, prepared = made
    manifest = json.loads((prepared / "manifest.json").read_bytes())
    tokenized, examples = manifest["history"]
    totals = examples["totals"]
    assert manifest["totals"]["tokens"] == 2 * totals["tokens"]
    if isinstance(config, PairingConfig):
        assert manifest["totals"]["rows"] == 2 * totals["pairs"]
        assert abs(examples["rates"]["swapped"] - 0.5) < 0.03
        return
    assert manifest["totals"]["rows"] == 2 * totals["rows"]
    room = totals["rows"] * config.max_seq_length
    assert examples["rates"].pop("fill") == round(totals["tokens"] / room, 6)
    assert examples["dropped"] == {}
    specials = totals["tokens"] - tokenized["totals"]["tokens"]
    if config.two_segments_prob:
        divided = totals["two_segment_rows"]
        assert examples["rates"].pop("two_segments") == round(divided / totals["rows"], 6)
        assert abs(divided / totals["rows"] - 0.9) < 0.02
        assert examples["changed"]["sentences_divided"] > 0
        specials -= divided
    assert examples["rates"] == {}
    if config.boundaries == "cross":
        assert specials == totals["rows"] + totals["sequences"]
    else:
        assert specials == 2 * totals["sequences"]


@pytest.mark.parametrize(
    ("kind", "edit", "fault"),
    [
        ("cross", ("totals", "sequences", 5), "totals.sequences is 5"),
        ("cross", ("rates", "fill", 0.5), "rates.fill is 0.5"),
        ("segments", ("totals", "two_segment_rows", 5), "totals.two_segment_rows is 5"),
        ("segments", ("rates", "two_segments", 0.1), "rates.two_segments is 0.1"),
        ("sop", ("totals", "swapped_pairs", 5), "totals.swapped_pairs is 5"),
        ("sop", ("rates", "swapped", 0.1), "rates.swapped is 0.1"),
    ],
)
def test_a_wrong_count_is_found(documents, tmp_path, kind, edit, fault):
    folder = tmp_path / "out"
    make_examples(StageRows([str(documents)]), KINDS[kind], SHARDS, folder, ONE_WORKER)
    group, name, value = edit
    edit_manifest(folder, lambda manifest: manifest[group].update({name: value}))
    (found,) = verify_dataset(folder, ONE_WORKER).faults
    assert found.what.startswith(fault)


def test_sequences_that_do_not_sum_to_their_row_are_found(documents, tmp_path):
    folder = tmp_path / "out"
    make_examples(StageRows([str(documents)]), KINDS["cross"], SHARDS, folder, ONE_WORKER)

    def shorten(table):
        rows = table.to_pylist()
        rows[3]["sequence_lengths"][0] -= 1
        return table.from_pylist(rows, schema=table.schema)

    forge_shard(folder, shorten)
    (found,) = verify_dataset(folder, ONE_WORKER).faults
    assert found.what == "row 3: sequence_lengths does not sum to the row's tokens"


@pytest.mark.parametrize("types", [[1, 0], [0, 1, 0], [1]], ids=["B A", "A B A", "B"])
def test_segments_in_another_order_are_found(documents, tmp_path, types):
    folder = tmp_path / "out"
    make_examples(StageRows([str(documents)]), KINDS["segments"], SHARDS, folder, ONE_WORKER)

    def change(table):
        rows = table.to_pylist()
        length = len(rows[3]["input_ids"])
        rows[3]["token_type_ids"] = (types * length)[: length - 1] + types[-1:]
        return table.from_pylist(rows, schema=table.schema)

    forge_shard(folder, change)
    faults = [found.what for found in verify_dataset(folder, ONE_WORKER).faults]
    assert faults[0] == "row 3: token_type_ids is not 0 ... 0 1 ... 1"


@pytest.mark.parametrize("masked", [False, True], ids=["packed", "masked"])
def test_another_share_of_divided_rows_than_the_asked_one_is_found(documents, tmp_path, masked):
    folder = tmp_path / "out"
    shards = ShardConfig(num_shards=1)
    make_examples(StageRows([str(documents)]), KINDS["segments"], shards, folder, ONE_WORKER)
    if masked:
        examples = StageRows([str(folder)])
        folder = tmp_path / "masked"
        mask_dataset(examples, MaskingConfig(), shards, folder, ONE_WORKER)

    def undivide(table):
        rows = table.to_pylist()
        for row in rows[::4]:
            row["token_type_ids"] = [0] * len(row["token_type_ids"])
        return table.from_pylist(rows, schema=table.schema)

    forge_shard(folder, undivide)
    faults = [found.what for found in verify_dataset(folder, ONE_WORKER).faults]
    assert any("rows of two segments" in what and "asked for 90.00%" in what for what in faults)
    counted = "history counts" if masked else "totals.two_segment_rows is"
    assert any(what.startswith(counted) for what in faults)


def test_divided_rows_are_rows_of_documents_in_two_parts(documents, toy_tokenizer, tmp_path):
    tokenizer = load_tokenizer(str(toy_tokenizer))
    folder = tmp_path / "out"
    config = replace(KINDS["segments"], short_seq_prob=0.0, two_segments_prob=1.0)
    shards = ShardConfig(shuffle=False)
    make_examples(StageRows([str(documents)]), config, shards, folder, ONE_WORKER)
    rows = pyarrow.parquet.read_table(folder / "data").to_pylist()
    of = pyarrow.parquet.read_table(documents / "data").to_pylist()
    cls, sep = tokenizer.role_id("cls"), tokenizer.role_id("sep")
    tokens = [t for row in rows for t in row["input_ids"] if t not in (cls, sep)]
    assert tokens == [t for document in of for t in document["input_ids"]]
    manifest = json.loads((folder / "manifest.json").read_bytes())
    undivided = [row for row in rows if 1 not in row["token_type_ids"]]
    assert len(undivided) == manifest["changed"]["rows_undivided"] < 5
    shares = []
    for row in rows:
        ids, types = row["input_ids"], row["token_type_ids"]
        assert len(ids) <= 64
        assert row["sequence_lengths"] == [len(ids)]
        if row in undivided:
            continue
        a, b = types.index(1), len(types)
        assert [ids[0], ids[a - 1], ids[b - 1]] == [cls, sep, sep]
        shares.append((a - 2) / (b - 3))
    # A little more: a sentence that did not fit the row before is long, and stands first.
    assert 0.5 < sum(shares) / len(shares) < 0.54


@pytest.mark.parametrize("boundaries", ["cross", "best-fit"])
def test_only_rows_of_one_document_are_divided(boundaries):
    with pytest.raises(ConfigError, match=r"--two-segments-prob is 0\.9; expected 0 with --bound"):
        PackingConfig(boundaries=boundaries, two_segments_prob=0.9)


def test_two_segments_need_room(documents, tmp_path):
    config = PackingConfig(4, boundaries="document", two_segments_prob=0.1)
    with pytest.raises(ConfigError, match=r"--max-seq-length is 4; expected at least 5 with --two"):
        make_examples(StageRows([str(documents)]), config, SHARDS, tmp_path / "out", ONE_WORKER)


def test_pairs_and_packed_rows_are_not_masked_together(documents, tmp_path):
    for kind in ("cross", "sop"):
        rows = StageRows([str(documents)])
        make_examples(rows, KINDS[kind], SHARDS, tmp_path / kind, ONE_WORKER)
    both = StageRows([str(tmp_path / "cross"), str(tmp_path / "sop")])
    with pytest.raises(ConfigError, match="made with other settings"):
        mask_dataset(both, MASKING, SHARDS, tmp_path / "masked", ONE_WORKER)


def test_documents_without_sentences_are_packed_by_words(toy_corpus, toy_tokenizer, tmp_path):
    tokenizer = load_tokenizer(str(toy_tokenizer))
    fills = {}
    for sentences in ("none", "split"):
        corpus = Corpus([str(toy_corpus)], CORPUS, TokenizationConfig(sentences=sentences))
        folder = tmp_path / sentences
        tokenize_corpus(corpus, tokenizer, ShardConfig(), folder, ONE_WORKER)
        summary = make_examples(
            StageRows([str(folder)]),
            PackingConfig(64),
            SHARDS,
            tmp_path / f"packed {sentences}",
            ONE_WORKER,
        )
        fills[sentences] = summary.manifest["rates"]["fill"]
    # Only the beginnings of words that did not fit are left free.
    assert fills["none"] > 0.985 > fills["split"]


def test_a_length_without_room_is_refused(documents, tmp_path):
    with pytest.raises(ConfigError, match="--max-seq-length is 2; expected at least 3"):
        make_examples(
            StageRows([str(documents)]), PackingConfig(2), SHARDS, tmp_path / "out", ONE_WORKER
        )


def test_the_best_fit_has_no_shorter_rows():
    with pytest.raises(
        ConfigError, match=r"--short-seq-prob is 0\.1; expected 0 with --boundaries"
    ):
        PackingConfig(short_seq_prob=0.1, boundaries="best-fit")
