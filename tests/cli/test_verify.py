"""verify on the command line: what it says, and with which exit code."""

import json

import pytest
from data_sets import copy_of, flip_bit, make_data_sets, shard_of
from typer.testing import CliRunner

from maskprep.cli.app import app


@pytest.fixture(scope="module")
def data_sets(toy_corpus, toy_tokenizer, tmp_path_factory):
    return make_data_sets(toy_corpus, toy_tokenizer, tmp_path_factory.mktemp("data-sets"))


@pytest.fixture
def broken(data_sets, tmp_path, monkeypatch):
    """Two shards of `labels` are broken, in the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = copy_of(data_sets["labels"], tmp_path / "labels")
    shard_of(folder).unlink()
    flip_bit(shard_of(folder, 1), 33_333)
    return folder


def verify(*arguments):
    return CliRunner().invoke(app, ["verify", *map(str, arguments), "--workers", "1"])


def test_a_sound_data_set_is_reported_in_a_few_lines(data_sets):
    result = verify(data_sets["labels"])
    assert result.exit_code == 0
    title, *lines = result.stdout.splitlines()
    assert title == f"verify {data_sets['labels']}: no fault"
    names = [line.split()[0] for line in lines]
    assert names[:5] == ["shards", "rows", "tokens", "tokenizer", "pairs"]
    assert names[5:] == ["selected", "masked", "replaced", "kept", "ids"]
    assert all(len(line) <= 80 for line in lines)
    assert result.stderr == ""


def test_documents_have_no_rates(data_sets):
    names = [line.split()[0] for line in verify(data_sets["documents"]).stdout.splitlines()[1:]]
    assert names == ["shards", "rows", "tokens", "tokenizer", "ids"]


@pytest.mark.usefixtures("broken")
def test_faults_are_lines_and_the_error_says_what_to_do():
    result = verify("labels")
    assert result.exit_code == 1
    title, *lines = result.stdout.splitlines()
    assert title == "verify labels: 3 faults"
    assert lines[0].split(maxsplit=1) == ["data/part-00000.parquet", "is missing"]
    assert lines[1].split()[0] == lines[2].split()[0] == "data/part-00001.parquet"
    assert result.stderr == (
        "error: labels has 3 faults. Repair it, from what it was made from: 'maskprep verify "
        "labels --repair INPUT...'.\n"
    )


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_a_repair_tells_what_it_made_anew(data_sets, quiet):
    result = verify("labels", "--repair", data_sets["examples"], *quiet)
    assert result.exit_code == 0, result.output
    repaired = [line.split() for line in result.stdout.splitlines() if "repaired" in line]
    expected = [["repaired", f"data/part-0000{number}.parquet"] for number in (0, 1)]
    assert repaired == ([] if quiet else expected)


@pytest.mark.usefixtures("broken")
def test_quiet_says_nothing_but_faults(data_sets):
    assert verify(data_sets["keras"], "--quiet").output == ""
    assert "is missing" in verify("labels", "--quiet").stdout


@pytest.mark.usefixtures("broken")
def test_json_is_one_object(data_sets):
    (line,) = verify(data_sets["prepared"], "--json").stdout.splitlines()
    sound = json.loads(line)
    assert sound["faults"] == []
    assert sound["totals"]["rows"] == 2 * sound["ids"]["compared"]  # Two epochs.
    manifest = json.loads((data_sets["prepared"] / "manifest.json").read_bytes())
    rates = sound["rates"]
    assert {name: rates[name] for name in ("selected", "masked")} == {
        name: manifest["rates"][name] for name in ("selected", "masked")
    }
    assert rates["random_next"] == manifest["history"][1]["rates"]["random_next"]
    result = verify("labels", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["faults"][0] == {"place": "data/part-00000.parquet", "what": "is missing"}
    assert (found["stage"], len(found["faults"])) == ("mask", 3)
    assert found["totals"] is found["rates"] is None


@pytest.mark.parametrize(
    ("name", "counts", "rates"),
    [
        ("documents", {"documents", "sentences", "unknown_tokens"}, {"unknown_tokens"}),
        ("examples", {"random_pairs", "unknown_tokens"}, {"random_next", "unknown_tokens"}),
    ],
)
def test_json_tells_what_applies_to_the_rows(data_sets, name, counts, rates):
    found = json.loads(verify(data_sets[name], "--json").stdout)
    assert found["totals"].keys() == {"rows", "tokens", *counts}
    assert found["rates"].keys() == rates


def test_json_of_packed_rows_tells_how_full_they_are(data_sets, tmp_path):
    given = ["pack", data_sets["documents"], "--max-seq-length", 64, "--two-segments-prob", 0.5]
    given += ["--boundaries", "document", "--workers", 1, "--output", tmp_path / "packed"]
    assert CliRunner().invoke(app, [str(one) for one in given]).exit_code == 0
    found = json.loads(verify(tmp_path / "packed", "--json").stdout)
    manifest = json.loads((tmp_path / "packed" / "manifest.json").read_bytes())
    assert found["totals"].items() >= manifest["totals"].items()
    assert found["rates"].items() >= manifest["rates"].items()


def test_a_rate_that_was_cut_says_so(data_sets, tmp_path):
    given = ["mask", data_sets["examples"], "--max-predictions", 3, "--output", tmp_path / "cut"]
    assert CliRunner().invoke(app, [str(one) for one in given]).exit_code == 0
    totals = json.loads((tmp_path / "cut" / "manifest.json").read_bytes())["totals"]
    lines = [line.split(maxsplit=1) for line in verify(tmp_path / "cut").stdout.splitlines()]
    place = [name for name, _ in lines].index("kept")
    expected = [
        ["changed", f"{totals['rows_cut']:,} rows with more predictions than --max-predictions"],
        ["changed", f"{totals['predictions_cut']:,} predictions cut from them"],
    ]
    assert lines[place + 1 : place + 3] == expected


@pytest.mark.parametrize(
    ("damage", "advice"),
    [
        (lambda f: (f / "data" / "x").touch(), "Move away what does not belong into keras:"),
        (lambda f: (f / "README.md").unlink(), "Repair it: 'maskprep verify keras --repair'."),
        (
            lambda f: (f / "tokenizer" / "tokenizer.json").unlink(),
            "Repair it, from what it was made from: 'maskprep verify keras --repair INPUT...'.",
        ),
        (
            lambda f: (f / "manifest.json").write_text(
                (f / "manifest.json").read_text().replace('"rows_forced": ', '"rows_forced": 1')
            ),
            "run the command that made the data set again, with --overwrite.",
        ),
        (
            lambda f: (f / "manifest.json").write_text(
                (f / "manifest.json").read_text().replace('version": 1', 'version": 2')
            ),
            "Verify it with the maskprep that made it.",
        ),
    ],
    ids=["an extra file", "no card", "no tokenizer", "an edited manifest", "a newer manifest"],
)
def test_the_advice_fits_the_fault(data_sets, tmp_path, monkeypatch, damage, advice):
    monkeypatch.chdir(tmp_path)
    damage(copy_of(data_sets["keras"], tmp_path / "keras"))
    result = verify("keras")
    assert result.exit_code == 1
    assert advice in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["file"], "file is a file"),
        (["empty"], "empty is no data-set folder"),
        (
            ["labels", "--repair"],
            "2 of 4 shards of labels must be made anew, which takes what 'maskprep pair' wrote",
        ),
        (["labels", "--repair", "nowhere"], "nowhere: no such file or folder"),
        (["labels", "elsewhere"], "INPUT goes with --repair"),
        (["labels", "--tokenizer", "tok"], "--tokenizer goes with --repair"),
        ([], "Missing argument 'FOLDER'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_has_exit_code_2(broken, arguments, expected):
    (broken.parent / "file").touch()
    (broken.parent / "empty").mkdir()
    result = verify(*arguments)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "Traceback" not in result.output


def test_an_unfinished_run_has_exit_code_1(tmp_path):
    (tmp_path / ".work").mkdir()
    result = verify(tmp_path)
    assert result.exit_code == 1
    assert "Run the command that makes it again" in result.stderr
