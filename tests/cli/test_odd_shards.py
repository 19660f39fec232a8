"""Parquet files that maskprep did not write, or not so, are one clear line."""

import json

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
