"""The command as a process: start, help, streams, signals, exit codes."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

from maskprep import __version__, pipeline
from maskprep.cli.app import CLOSED_READER, app
from maskprep.cli.signals import EndedBySignalError
from maskprep.errors import (
    ConfigError,
    CorpusError,
    MachineError,
    SchemaError,
    ShardError,
    TokenizerError,
)

COMMANDS = [
    *("train", "tokenize", "pair", "pack", "mask", "prepare", "inspect", "verify", "demo"),
    "recipes",
]
MASKPREP = [sys.executable, "-m", "maskprep"]
HEAVY = ("numba", "numpy", "pyarrow", "tokenizers")


def run_maskprep(*arguments, **options):
    command = [*MASKPREP, *(str(one) for one in arguments)]
    options = {"capture_output": True, "check": False, "timeout": 120, **options}
    return subprocess.run(command, **options)  # noqa: PLW1510 - given above


def on_terminal(*arguments, env=None):
    """Run with standard input, output and error on a terminal; return exit code and output."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*MASKPREP, *(str(one) for one in arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "COLUMNS": "200", "TERM": "xterm-256color", **(env or {})},
    )
    os.close(theirs)
    output = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                data = os.read(ours, 65536)
            except OSError:  # The other side has closed.
                break
            output += data
            if not data:
                break
    os.close(ours)
    return process.wait(timeout=10), output.decode()


def test_help_lists_the_commands_in_the_order_of_the_work():
    text = CliRunner().invoke(app, ["--help"]).output
    places = [re.search(rf"│ {name} ", text).start() for name in COMMANDS]
    assert places == sorted(places)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert f"Usage: maskprep {command}" in result.output.replace("root ", "maskprep ")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_whole_names_in_a_narrow_terminal(command):
    text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "80"}).output
    found = set(re.findall(r"(?<![-\w])--[a-z-]*[a-z]", text))
    root = typer.main.get_command(app)
    parameters = root.commands[command].params
    names = {name for one in parameters for name in (*one.opts, *one.secondary_opts)}
    assert {name for name in names if name.startswith("--")} <= found
    assert "…" not in text


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom maskprep.cli.app import app\n"
        "try:\n    app(['mask', '--help'])\n"
        f"finally:\n    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert result.stderr.decode().strip() == "[]"


def test_no_stage_imports_pandas(toy_tokenizer, tmp_path):
    """pyarrow does with some conversions, and that takes longer than many a run."""
    (tmp_path / "pandas.py").write_text("raise SystemExit('pandas was imported')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    for name, text in {"a.txt": "One. Two.", "a.jsonl": '{"text": "One. Two."}'}.items():
        (tmp_path / name).write_text(text)
        result = run_maskprep(
            *("prepare", tmp_path / name, "--tokenizer", toy_tokenizer, "--workers", 1),
            *("--output", tmp_path / f"{name}-masked"),
            env={**os.environ, "PYTHONPATH": path},
        )
        assert result.returncode == 0, result.stderr


def test_version():
    assert CliRunner().invoke(app, ["--version"]).output == f"maskprep {__version__}\n"


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (ConfigError("m"), 2),
        (TokenizerError("m"), 2),
        (CorpusError("m"), 1),
        (SchemaError("m"), 1),
        (ShardError("m"), 1),
        (MachineError("m"), 3),
        (MemoryError(), 3),
        (OSError(28, "No space left on device"), 3),
        (PermissionError(13, "Permission denied", "corpus/manifest.json"), 3),
        (OSError(36, "File name too long", "tok"), 3),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), CLOSED_READER),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_failure_has_its_exit_code(monkeypatch, error, exit_code):
    def fail(*_):
        raise error

    monkeypatch.setattr(pipeline, "train_corpus", fail)
    result = CliRunner().invoke(app, ["train", "a.txt", "--output", "tok"])
    assert result.exit_code == exit_code
    assert "Traceback" not in result.output
    assert len(result.stderr.splitlines()) == (0 if exit_code == CLOSED_READER else 1)


@pytest.mark.parametrize("error", [ValueError("bug"), FileNotFoundError(2, "bug")])
def test_a_bug_shows_itself(monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(pipeline, "train_corpus", fail)
    result = CliRunner().invoke(app, ["train", "a.txt", "--output", "tok"])
    assert result.exception is error


@pytest.mark.parametrize(
    "arguments",
    [
        ["tokenize", "a.txt", "--output", "out"],
        ["train", "a.txt"],
        ["mask", "a", "--output", "out", "--unit", "letter"],
        ["mask", "a", "--output", "out", "--memory", "much"],
        ["mask", "a", "--output", "out", "--no-such-option"],
        ["train", "a.txt", "--output", "-"],
        ["inspect", "a", "--json", "--html", "b.html"],
        ["bake"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_2(arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "Error" in result.stderr


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--unit", "wrd", "expected one of token, word, ngram, span. Did you mean 'word'?"),
        ("--epochs", "two", "expected a whole number."),
        ("--max-predictions", "1.5", "expected a whole number."),
        ("--mask-replace-prob", "80%", "expected a number."),
    ],
)
def test_a_mistyped_value_is_named_with_what_was_expected(option, value, expected):
    arguments = ["mask", "a", "--output", "out", option, value]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert f"'{option}': {value!r}; {expected}" in result.stderr


def test_training_that_is_stopped_says_that_it_starts_over(toy_corpus, tmp_path, monkeypatch):
    def stop(*_):
        raise EndedBySignalError(signal.SIGINT)

    monkeypatch.setattr("maskprep.pipeline.train_corpus", stop)
    result = CliRunner().invoke(app, ["train", str(toy_corpus), "-o", str(tmp_path / "tokenizer")])
    assert result.exit_code == 130
    assert result.stderr == "Interrupted. The same command again starts over.\n"


def test_a_pipe_of_commands_makes_the_folder_of_the_single_ones(
    toy_corpus, toy_tokenizer, tmp_path
):
    text = "\n\n".join(path.read_text() for path in sorted(toy_corpus.iterdir())[:9])
    (tmp_path / "stdin").write_text(text)
    tokenizer = ("--tokenizer", toy_tokenizer, "--workers", "1")
    pair = ("pair", "--max-seq-length", "64")
    for stage in (
        ["tokenize", tmp_path / "stdin", *tokenizer, "--output", tmp_path / "d"],
        [*pair, tmp_path / "d", "--output", tmp_path / "e"],
        ["mask", tmp_path / "e", "--output", tmp_path / "m"],
    ):
        result = CliRunner().invoke(app, [str(one) for one in stage])
        assert result.exit_code == 0, result.output

    documents = run_maskprep("tokenize", *tokenizer, input=text.encode(), check=True)
    assert documents.stderr.decode().startswith("tokenize wrote to standard output\n  rows ")
    examples = run_maskprep(*pair, input=documents.stdout, check=True)
    assert b"first pair comes out when the input has ended" in examples.stderr
    masked = run_maskprep("mask", "-o", tmp_path / "piped", input=examples.stdout, check=True)
    assert masked.stdout.decode().startswith(f"mask wrote {tmp_path / 'piped'}\n")

    names = [path.name for path in sorted((tmp_path / "m" / "data").iterdir())]
    assert names
    for name in names:
        piped = (tmp_path / "piped" / "data" / name).read_bytes()
        assert piped == (tmp_path / "m" / "data" / name).read_bytes()


@pytest.fixture(scope="module")
def examples(toy_corpus, toy_tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stages")
    runner = CliRunner()
    one_worker = ["--workers", "1"]
    for arguments in (
        [
            "tokenize",
            toy_corpus,
            "--documents",
            "file",
            "--tokenizer",
            toy_tokenizer,
            "-o",
            folder / "documents",
        ],
        ["pair", folder / "documents", "--max-seq-length", "64", "-o", folder / "examples"],
    ):
        result = runner.invoke(app, [str(one) for one in (*arguments, *one_worker)])
        assert result.exit_code == 0, result.output
    return folder / "examples"


@pytest.mark.parametrize("command", [["mask"], ["inspect", "--rows", "2000"]], ids=" ".join)
def test_a_closed_reader_ends_the_writer_quietly(examples, command):
    reading, writing = os.pipe()
    os.close(reading)
    result = run_maskprep(
        *command, examples, capture_output=False, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert result.stderr == b""
    assert result.returncode == CLOSED_READER


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
@pytest.mark.parametrize("command", [["mask", "--quiet"], ["inspect"]], ids=" ".join)
def test_a_full_disk_behind_standard_output_is_one_line(examples, command):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        result = run_maskprep(
            *command, examples, capture_output=False, stdout=full, stderr=subprocess.PIPE
        )
    assert result.returncode == 3
    assert re.fullmatch(rb"error: .*No space left on device.*\n", result.stderr)


def test_a_stream_that_was_cut_off_is_noticed(examples):
    stream = run_maskprep("mask", examples, check=True).stdout
    assert stream
    cut = run_maskprep("inspect", "--rows", "0", input=stream[:-2000])
    assert cut.returncode == 1
    assert b"cut off" in cut.stderr


def test_nothing_to_read_on_a_terminal_is_a_usage_error():
    exit_code, output = on_terminal("pair", "--output", "out")
    assert exit_code == 2
    assert "nothing to read" in output


def test_rows_are_not_written_to_a_terminal(examples):
    for output in ([], ["--output", "-"]):
        exit_code, text = on_terminal("mask", examples, *output)
        assert exit_code == 2
        assert "--output OUT" in re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("command", ["tokenize", "pair", "pack", "mask"])
@pytest.mark.parametrize("output", [[], ["--output", "-"], ["--output", "-", "--dry-run"]])
def test_a_stream_has_no_shard_rows(command, output):
    assert_no_shards(command, "--shard-rows", "--tokenizer", "tok", *output)


@pytest.mark.parametrize("command", ["pair", "pack", "mask"])
@pytest.mark.parametrize("option", ["--num-shards", "--bin-size"])
def test_a_stream_has_no_number_of_shards_and_no_bins(command, option):
    assert_no_shards(command, option)


def assert_no_shards(command, option, *others):
    result = CliRunner().invoke(app, [command, "nowhere", option, "64", *others])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {option} is 64; expected nothing where rows go into a stream")


def test_rows_are_in_colour_on_a_terminal_and_plain_with_no_color(examples, tmp_path):
    masked = tmp_path / "masked"
    run_maskprep("mask", examples, "--output", masked, "--workers", "1", check=True)
    exit_code, colours = on_terminal("inspect", masked, "--rows", "1")
    assert exit_code == 0
    assert "\x1b[1;33m[MASK]" in colours
    assert "[MASK]{" not in colours
    exit_code, plain = on_terminal("inspect", masked, "--rows", "1", env={"NO_COLOR": "1"})
    assert exit_code == 0
    assert "\x1b[1;33m" not in plain
    assert "[MASK]{" in plain


def test_progress_as_json_is_one_object_a_line(examples, tmp_path):
    result = run_maskprep("mask", examples, "-o", tmp_path / "m", "--progress", "json")
    updates = [json.loads(line) for line in result.stderr.splitlines()]
    assert {update["state"] for update in updates} >= {"begin", "end"}
    assert {"phase", "state", "unit", "done", "total", "seconds"} == set(updates[0])


def test_quiet_says_nothing(examples, tmp_path):
    result = run_maskprep("mask", examples, "-o", tmp_path / "m", "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    ("number", "exit_code", "word"),
    [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Terminated")],
)
def test_a_signal_ends_with_a_word_and_the_run_goes_on_later(
    examples, tmp_path, number, exit_code, word
):
    command = [
        *MASKPREP,
        "mask",
        str(examples),
        "--epochs",
        "400",
        "--workers",
        "2",
        "--progress",
        "json",
        "-o",
        str(tmp_path / "m"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        for line in process.stderr:
            if json.loads(line)["phase"].startswith("mask"):
                break
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == exit_code
    last = errors.decode().splitlines()[-1]
    assert last.startswith(f"{word}. Where it fills a folder, the same command again")
    assert b"Traceback" not in errors
    assert not (tmp_path / "m" / "manifest.json").exists()
    assert (tmp_path / "m" / ".work").exists()
