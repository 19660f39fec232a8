"""A manifest that was edited by hand is one clear line, whatever opens its folder."""

import json
import shutil
from functools import partial

import pytest
from typer.testing import CliRunner

from maskprep.cli.app import app


def maskprep(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def made(toy_corpus, toy_tokenizer, tmp_path_factory):
    """Data sets; `shards` has all that a manifest can have: validation data, history, bins."""
    folder = tmp_path_factory.mktemp("made")
    settings = ("--recipe", "bert", "--validation", "0.3", "--bin-size", "256", "--workers", "1")
    prepare = ("prepare", toy_corpus, "--tokenizer", toy_tokenizer, *settings)
    assert maskprep(*prepare, "--output", folder / "shards").exit_code == 0
    tokenize = ("tokenize", toy_corpus, "--tokenizer", toy_tokenizer, "--workers", "1")
    assert maskprep(*tokenize, "--output", folder / "documents").exit_code == 0
    pair = ("pair", folder / "documents", "--workers", "1")
    assert maskprep(*pair, "--output", folder / "examples").exit_code == 0
    return folder


def edited(folder, to, edit):
    """Copy a data set and change what its manifest says."""
    shutil.copytree(folder, to)
    manifest = json.loads((to / "manifest.json").read_bytes())
    edit(manifest)
    # With ASCII only, half of a surrogate pair can be written.
    (to / "manifest.json").write_text(json.dumps(manifest))
    return to


def put(*path_and_value):
    """Return an edit that puts a value somewhere into a manifest."""

    def edit(path, value, manifest):
        *way, last = path
        for key in way:
            manifest = manifest[key]
        manifest[last] = value

    return partial(edit, path_and_value[:-1], path_and_value[-1])


def remove(key):
    return lambda manifest: manifest.pop(key)


KEYS = ("settings", "lineage", "totals", "rates", "dropped", "changed", "history", "versions")
KEYS += ("tokenizer", "sources", "shards", "stage", "validation", "bins", "format_version")
VALUES = (0, "", "\ud800", [0], {"x": [0]}, None)

DAMAGE = {
    **{f"no {key}": remove(key) for key in KEYS if key != "history"},
    **{f"{key} is {value!a}": put(key, value) for key in KEYS for value in VALUES},
    "versions is {'x': [0]}": put("versions", "\udfff", "1"),
    "an empty object": dict.clear,
    "a rate of text": put("rates", {"selected": "often", "masked": "often"}),
    "a rate that is no number": put("rates", "selected", float("nan")),
    "rates of the history": put("history", 0, "rates", "unknown_tokens", [1]),
    "a negative count": put("totals", "tokens", -5),
    "a huge count": put("totals", "tokens", 10**400),
    "a count of the history": put("history", 1, "dropped", {"tokens_trimmed": "9"}),
    "an entry of the history": put("history", 0, None),
    "lineage without settings": put("lineage", 0, {"stage": "tokenize"}),
    "a length of text": put("lineage", 1, "settings", "max_seq_length", "long"),
    "a split that is none": put("lineage", 0, "settings", "split", ["train"]),
    "a bin of text": put("bins", 0, "bin", "x"),
    "a bin that lacks its rows": put("bins", 0, {"bin": 256}),
    "bins without size": put("settings", "bin_size", 0),
    "a shard without rows": put("shards", 0, "rows", 0),
    "rows of text": put("shards", 0, "rows", "many"),
    "a shard that is none": put("shards", 0, 7),
    "a name that leads away": put("shards", 0, "name", "../../manifest.json"),
    "half a surrogate pair in a name": put("sources", 0, "name", "\ud800.txt"),
    "half a surrogate pair in a key": put("totals", "\udfff", 1),
    "a role that is no text": put("tokenizer", "roles", "mask", 4),
}

HARMLESS = {
    "no history": remove("history"),
    "an empty history": put("history", []),
    "an empty lineage": put("lineage", []),
    "no sources": put("sources", []),
    "no known version": put("versions", {}),
    "totals without documents": put("history", 0, "totals", {"documents_in_other_split": 1}),
}
"""What leaves no value without its type: only `verify` compares it with the rows."""


def assert_one_line(result, folder):
    """Check that one line names the manifest and says what shows the rest."""
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    assert f"{folder}/manifest.json: " in line
    assert ".. See all" not in line
    assert f"'maskprep verify {folder}'" in line or "not a manifest" in line


@pytest.mark.parametrize("name", DAMAGE)
def test_inspect_names_the_first_fault(made, tmp_path, name):
    folder = edited(made / "shards", tmp_path / "x", DAMAGE[name])
    assert_one_line(maskprep("inspect", folder), folder)


@pytest.mark.parametrize("name", HARMLESS)
def test_inspect_shows_what_can_be_shown(made, tmp_path, name):
    folder = edited(made / "shards", tmp_path / "x", HARMLESS[name])
    assert maskprep("inspect", folder).exit_code == 0


@pytest.mark.parametrize(("command", "source"), [("pair", "documents"), ("mask", "examples")])
@pytest.mark.parametrize(
    "edit",
    [
        *(put("history", 0), put("validation", ""), put("totals", 0), put("shards", [3])),
        *(put("tokenizer", "roles", "mask", "\ud800"), put("lineage", [7])),
    ],
    ids=["history", "validation", "totals", "shards", "a surrogate", "the lineage"],
)
def test_a_stage_names_the_first_fault(made, tmp_path, command, source, edit):
    folder = edited(made / source, tmp_path / "x", edit)
    assert_one_line(maskprep(command, folder, "--output", tmp_path / "out"), folder)


def test_a_run_that_finds_its_folder_edited_says_so(made, toy_corpus, toy_tokenizer, tmp_path):
    folder = edited(made / "documents", tmp_path / "x", put("sources", 0, "name", "\ud800"))
    tokenize = ("tokenize", toy_corpus, "--tokenizer", toy_tokenizer, "--output", folder)
    assert_one_line(maskprep(*tokenize), folder)
    assert_one_line(maskprep("verify", folder), folder)
    assert maskprep(*tokenize, "--overwrite", "--workers", "1").exit_code == 0
