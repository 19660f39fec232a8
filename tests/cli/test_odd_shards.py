"""Parquet files that maskprep did not write, or not so, are one clear line."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from maskprep.cli.app import app


def maskprep(*arguments, stdin=None):
    return CliRunner().invoke(app, [str(one) for one in arguments], input=stdin)


def assert_one_line(result, exit_code, *parts):
    assert result.exit_code == exit_code, (result.output, result.exception)
    (line,) = result.stderr.splitlines()
    for part in parts:
        assert part in line


@pytest.fixture(scope="module")
def made(toy_corpus, toy_tokenizer, tmp_path_factory):
    """The first shard of each stage, as a table."""
    folder = tmp_path_factory.mktemp("made")
    tokenize = ("tokenize", toy_corpus, "--tokenizer", toy_tokenizer, "--limit", "99")
    pair = ("pair", folder / "documents", "--limit", "200")
    mask = ("mask", folder / "examples", "--columns")
    commands = {"documents": tokenize, "examples": pair}
    commands["packed"] = ("pack", folder / "documents", "--limit", "200")
    commands |= {form: (*mask, form) for form in ("loss-mask", "labels", "positions", "keras")}
    for name, command in commands.items():
        output = ("--output", folder / name, "--workers", "1")
        assert maskprep(*command, *output).exit_code == 0
    tables = {
        name: pq.read_table(folder / name / "data" / "part-00000.parquet") for name in commands
    }
    return {name: table.slice(0, 50) for name, table in tables.items()}


@pytest.fixture
def shard(tmp_path):
    """Write a table where no tokenizer lies beside it."""

    def write(table):
        (tmp_path / "alone" / "data").mkdir(parents=True)
        path = tmp_path / "alone" / "data" / "odd.parquet"
        pq.write_table(table, path)
        return path

    return write


def with_record(table, **values):
    """Change what a shard says of itself; None: it says nothing of that."""
    record = json.loads(table.schema.metadata[b"maskprep"]) | values
    record = {name: value for name, value in record.items() if value is not None}
    return table.replace_schema_metadata({b"maskprep": json.dumps(record)})


def twice(table, name):
    """Give a table a second column of a name."""
    return table.append_column(name, table.column(name))


STAGES = [("pair", "documents"), ("pack", "documents"), ("mask", "examples")]


@pytest.mark.parametrize(("command", "source"), STAGES)
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"tokenizer": "mine"}, 'tokenizer is "mine"; expected an object'),
        ({"tokenizer": {"fingerprint": 7}}, "expected fingerprint, num_ids, roles"),
        ({"lineage": 7}, "lineage is 7; expected a list"),
        ({"lineage": [7]}, "lineage[0] is 7"),
        ({"settings": [1]}, "settings is [1]; expected an object"),
        ({"settings": None}, "settings is missing"),
        ({"stage": 0}, "stage is 0; expected a text"),
        ({"stage": "bake"}, "stage is 'bake'"),
        ({"settings": {"sentences": 1, "max_seq_length": "long"}}, "expected"),
        ({"made_by": "\ud800"}, "not what maskprep writes"),
    ],
)
def test_what_a_shard_says_of_itself_is_checked(
    made, shard, toy_tokenizer, tmp_path, command, source, values, expected
):
    path = shard(with_record(made[source], **values))
    output = ("--tokenizer", toy_tokenizer, "--output", tmp_path / "out")
    result = maskprep(command, path, *output)
    assert_one_line(result, 1, "odd.parquet: its metadata 'maskprep'", expected)


@pytest.mark.parametrize(("command", "source"), STAGES)
def test_two_columns_of_one_name_are_refused(made, shard, toy_tokenizer, tmp_path, command, source):
    path = shard(twice(made[source], "word_starts"))
    output = ("--tokenizer", toy_tokenizer, "--output", tmp_path / "out")
    result = maskprep(command, path, *output)
    assert_one_line(result, 1, "odd.parquet: 2 columns are called word_starts; expected one")


@pytest.mark.parametrize(("command", "source"), STAGES)
def test_shards_without_rows_are_not_called_a_corpus(
    made, shard, toy_tokenizer, tmp_path, command, source
):
    path = shard(made[source].slice(0, 0))
    output = ("--tokenizer", toy_tokenizer, "--output", tmp_path / "out")
    result = maskprep(command, path, *output)
    assert_one_line(result, 1, f"{path}: no shard holds a row; expected what 'maskprep")
    assert not (tmp_path / "out").exists()


def with_column(name, make, kind=None):
    """Return an edit that makes a column anew from its values."""

    def edit(table):
        place, column = table.schema.get_field_index(name), table.column(name)
        values = pa.array([make(one) for one in column.to_pylist()], kind or column.type)
        return table.set_column(place, name, values)

    return edit


def without(*names):
    return lambda table: table.drop_columns(list(names))


def shorter(values):
    return values[:-1]


LARGE = pa.large_list(pa.int32())

ODD = {
    "no ids": ("examples", without("input_ids"), "no column input_ids or token_ids"),
    "no ids of documents": ("documents", without("input_ids"), "no column input_ids"),
    "only text": ("documents", lambda _: pa.table({"text": ["a"]}), "text has to be tokenized"),
    "no rows, no ids": ("examples", lambda t: without("input_ids")(t.slice(0, 0)), "no column"),
    "ids of text": (
        *("examples", with_column("input_ids", str, pa.string())),
        "column input_ids is string; expected list<item: int32>",
    ),
    "words for ids": (
        *(
            "examples",
            with_column("input_ids", lambda ids: ["a" for _ in ids], pa.list_(pa.string())),
        ),
        "column input_ids is list<element: string>; expected list<item: int32>",
    ),
    "ids too large": (
        *(
            "documents",
            with_column("input_ids", lambda ids: [2**40] * len(ids), pa.list_(pa.int64())),
        ),
        "column input_ids is list<element: int64>",
    ),
    "ids that are no list": (
        *("labels", with_column("input_ids", len, pa.int32())),
        "column input_ids is int32",
    ),
    "a label of text": (
        *("examples", with_column("next_sentence_label", lambda _: "yes", pa.string())),
        "column next_sentence_label is string; expected int64",
    ),
    "another label": (
        *("labels", with_column("next_sentence_label", lambda _: 7)),
        "row 0: next_sentence_label is neither 0 nor 1",
    ),
    "a null": (
        *("labels", with_column("labels", lambda _: None)),
        "column labels holds null",
    ),
    "a null in a list": (
        *("examples", with_column("input_ids", lambda ids: [None, *ids[1:]])),
        "column input_ids holds null",
    ),
    "a null in a large list": (
        *(
            "examples",
            with_column("input_ids", lambda ids: [None, *ids], LARGE),
        ),
        "column input_ids holds null",
    ),
    "short types": (
        *("examples", with_column("token_type_ids", shorter)),
        "row 0: token_type_ids and input_ids differ in length",
    ),
    "types of three segments": (
        *("examples", with_column("token_type_ids", lambda types: [2] * len(types))),
        "row 0: token_type_ids is neither 0 nor 1",
    ),
    "long types": (
        *("packed", with_column("sequence_lengths", lambda lengths: [1, *lengths])),
        "row 0: sequence_lengths does not sum to the row's tokens",
    ),
    "negative lengths": (
        *("documents", with_column("sentence_lengths", lambda ones: [-1, 1, *ones])),
        "row 0: sentence_lengths holds a sentence without tokens",
    ),
    "short targets": (
        *("loss-mask", with_column("target_ids", shorter)),
        "row 0: target_ids and input_ids differ in length",
    ),
    "a short loss mask": (
        *("loss-mask", with_column("loss_mask", shorter)),
        "row 0: loss_mask and input_ids differ in length",
    ),
    "short labels": (
        *("labels", with_column("labels", shorter)),
        "row 0: labels and input_ids differ in length",
    ),
    "positions outside": (
        *("positions", with_column("masked_lm_positions", lambda ones: [9999 for _ in ones])),
        "row 0: masked_lm_positions lies outside the row",
    ),
    "more positions than ids": (
        *("positions", with_column("masked_lm_ids", lambda _: [])),
        "row 0: masked_lm_ids and masked_lm_positions differ in length",
    ),
    "a short padding mask": (
        *("keras", with_column("padding_mask", shorter)),
        "row 0: padding_mask and token_ids differ in length",
    ),
    "short weights": (
        *("keras", with_column("mask_weights", lambda _: [])),
        "row 0: mask_weights and mask_positions differ in length",
    ),
    "no targets": (
        *("loss-mask", without("target_ids", "loss_mask")),
        "masked rows without what is to be predicted",
    ),
    "no loss mask": ("loss-mask", without("loss_mask"), "no column loss_mask"),
    "no target ids": ("loss-mask", without("target_ids"), "no column target_ids"),
    "no ids of positions": ("positions", without("masked_lm_ids"), "no column masked_lm_ids"),
    "no positions": ("keras", without("mask_positions"), "no column mask_positions"),
    "two columns": ("labels", lambda t: twice(t, "labels"), "2 columns are called labels"),
    "no metadata": (
        *("labels", lambda t: with_record(t, stage=None, settings=None)),
        "its metadata 'maskprep' are not what maskprep writes (stage is missing",
    ),
    "broken text": (
        *("documents", lambda t: t.append_column("name", broken_text(len(t)))),
        "damaged at row 0 (",
    ),
}


def broken_text(size):
    buffers = pa.array([b"\xff"] * size, pa.binary()).buffers()
    return pa.Array.from_buffers(pa.string(), size, buffers)


@pytest.mark.parametrize("name", ODD)
def test_inspect_says_what_is_odd(made, shard, name):
    stage, edit, expected = ODD[name]
    path = shard(edit(made[stage]))
    assert_one_line(maskprep("inspect", path), 1, str(path), expected)


def test_inspect_shows_rows_of_other_types_that_fit(made, shard):
    table = made["labels"]
    wide = with_column("input_ids", list, pa.large_list(pa.int64()))(table)
    wide = with_column("token_type_ids", list, pa.list_(pa.int64()))(wide)
    path = shard(wide.append_column("made", pa.array([b"\0"] * len(table))))
    (found,) = json.loads(f"[{maskprep('inspect', path, '--json').stdout}]")
    assert found["statistics"]["measured"]["rows"] == 50
    assert found["rows"][0]["input_ids"] == table.column("input_ids")[0].as_py()


@pytest.mark.parametrize("stage", ["documents", "examples", "packed", "loss-mask", "keras"])
def test_inspect_shows_a_table_without_rows(made, shard, stage):
    result = maskprep("inspect", shard(made[stage].slice(0, 0)))
    assert result.exit_code == 0
    assert "rows    0" in result.stdout


def test_inspect_says_what_is_odd_in_a_stream(made):
    table = with_column("token_type_ids", shorter)(made["examples"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    result = maskprep("inspect", "-", stdin=sink.getvalue().to_pybytes())
    assert_one_line(result, 1, "standard input: row 0: token_type_ids and input_ids differ")
