"""What cannot work is said before anything is made, in whichever way a whole run is asked for."""

import json

import pytest
from typer.testing import CliRunner

from maskprep.cli.app import app


@pytest.fixture
def tokenizer_without_mask(toy_tokenizer, tmp_path):
    content = json.loads(toy_tokenizer.read_text())
    content["added_tokens"] = [one for one in content["added_tokens"] if one["id"] != 4]
    content["model"]["vocab"]["[NO]"] = content["model"]["vocab"].pop("[MASK]")
    (tmp_path / "other.json").write_text(json.dumps(content))
    return tmp_path / "other.json"


@pytest.mark.parametrize("way", ["folder", "dry run", "stages"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--pad-to-max", "--bin-size", "32"], "--pad-to-max gives all rows one length"),
        (["--keep", "nonsense"], "--keep names the column 'nonsense'"),
        (["--sentences", "none"], "pairs need them"),
        (["--language", "x"], "--language is 'x'"),
        (["--max-seq-length", "3", "TOKENIZER"], "--max-seq-length is 3"),
        (["--never-mask", "cat", "--always-mask", "cat", "TOKENIZER"], "'cat' is named by"),
        (["WITHOUT MASK"], "has no mask token"),
    ],
)
def test_settings_that_do_not_fit_are_refused_first(
    options, expected, way, toy_corpus, toy_tokenizer, tokenizer_without_mask, tmp_path
):
    paths = {"TOKENIZER": toy_tokenizer, "WITHOUT MASK": tokenizer_without_mask}
    arguments = ["prepare", str(toy_corpus), "--output", str(tmp_path / "out")]
    for option in options:
        given = ["--tokenizer", str(paths[option])] if option in paths else [option]
        arguments += given
    arguments += ["--dry-run"] if way == "dry run" else []
    arguments += ["--keep-stages", str(tmp_path / "stages")] if way == "stages" else []
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert expected in result.stderr
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "stages").exists()


@pytest.mark.parametrize("output", ["stages", "stages/examples"])
def test_the_output_lies_in_no_kept_stage(output, toy_corpus, toy_tokenizer, tmp_path):
    arguments = ["prepare", toy_corpus, "--tokenizer", toy_tokenizer]
    arguments += ["--keep-stages", tmp_path / "stages", "--output", tmp_path / output]
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == 2
    assert "Choose another --output." in result.stderr
    assert not (tmp_path / "stages").exists()
