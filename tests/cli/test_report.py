"""Summaries, hints, dry runs, demo and prepare, as a user sees them."""

import io
import re

import pytest
from rich.console import Console
from rich.progress import Progress as Bars
from typer.testing import CliRunner

from maskprep.cli.app import app
from maskprep.cli.progress import BarProgress, bar_columns, readable_amount, readable_bytes
from maskprep.cli.report import counted_lines, open_console, print_lines

TEXT = "The cats sat on the mat. They slept.\nIt rained.\n\nA dog barked. Nobody came.\n"


def maskprep(*arguments, stdin=None):
    result = CliRunner().invoke(app, [str(one) for one in arguments], input=stdin)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def tokenize(toy_tokenizer, tmp_path):
    def run(text, *options):
        (tmp_path / "text.txt").write_text(text)
        tokenizer = ("--tokenizer", toy_tokenizer, "--workers", "1")
        output = ("--output", tmp_path / "documents")
        return maskprep("tokenize", tmp_path / "text.txt", *tokenizer, *output, *options)

    return run


def test_what_goes_to_a_closed_standard_error_goes_nowhere(monkeypatch, capsys):
    """Standard output may carry a stream, which a line of text would spoil."""
    monkeypatch.setattr("sys.stderr", None)
    print_lines(open_console(to_stderr=True), "mask wrote to standard output", [("rows", "1")])
    assert capsys.readouterr().out == ""


def test_text_that_is_not_cut_into_words_gets_a_hint(tokenize):
    hint = "words have more than 16 tokens: is the text cut into words?"
    chinese = "\u4e2d\u56fd" * 20 + "\n"
    assert hint in tokenize(chinese, "--words", "spaces").output
    assert hint not in tokenize(" ".join(chinese), "--words", "spaces", "--overwrite").output


def test_a_summary_counts_what_was_made(tokenize, tmp_path):
    output = tokenize(TEXT).stdout
    assert output.startswith(f"tokenize wrote {tmp_path / 'documents'}\n")
    assert re.search(r"rows +2\n", output)
    assert "2 documents, 73 B of text, 5 sentences" in output
    assert not any(line.endswith(" ") for line in output.splitlines())


def test_a_finished_folder_says_so(tokenize, tmp_path):
    tokenize(TEXT)
    output = tokenize(TEXT).stdout
    assert f"{tmp_path / 'documents'} is complete already; nothing to do." in output


def test_one_huge_document_gets_a_hint(tokenize):
    assert "hint: the whole corpus is one document" in tokenize("A cat sat.\n" * 120_000).stdout


def test_documents_of_one_line_get_a_hint(tokenize):
    assert "hint: every document is one line" in tokenize("A cat sat.\n\n" * 30).stdout
    most = "A cat sat.\n\n" * 30 + "It slept.\nIt woke.\n\n" * 10
    hint = "hint: documents have 1.2 lines, on average. If blank lines divide paragraphs"
    assert hint in tokenize(most, "--overwrite").stdout


@pytest.mark.parametrize("text", [TEXT, "A cat sat.\nIt slept.\n\n" * 30])
def test_an_ordinary_corpus_gets_none(tokenize, text):
    assert "hint" not in tokenize(text).stdout


def test_a_corpus_of_one_document_has_no_random_pairs_and_says_so(tokenize, tmp_path):
    tokenize("A cat sat. It slept. It woke.\n")
    result = maskprep("pair", tmp_path / "documents", "--output", tmp_path / "examples")
    assert "hint: no pair has a random B" in result.stdout


def test_rows_that_end_with_short_documents_get_a_hint(tokenize, tmp_path):
    tokenize("A cat sat.\nIt slept.\n\n" * 30)
    pack = ("pack", tmp_path / "documents", "--max-seq-length", "64", "--output")
    hint = "hint: rows have 17 of 64 tokens, on average, because --boundaries document ends"
    assert hint in maskprep(*pack, tmp_path / "a", "--boundaries", "document").stdout
    assert "hint" not in maskprep(*pack, tmp_path / "b", "--boundaries", "cross").stdout


def test_pairs_of_short_documents_get_a_hint(tokenize, tmp_path):
    tokenize("A cat sat. It slept.\nIt woke.\n\n" * 30)
    pair = ("pair", tmp_path / "documents", "--max-seq-length")
    hint = "of 128 tokens, on average, because documents are short. If blank lines"
    assert hint in maskprep(*pair, "128", "--output", tmp_path / "a").stdout
    assert "hint" not in maskprep(*pair, "24", "--output", tmp_path / "b").stdout


def test_words_that_are_longer_than_the_rate_get_a_hint(tokenize, tmp_path):
    tokenize("Zqxjkv zqxjkv! Qzxvkj qzxvkj.\nZqx zqx.\n\n" * 30)
    maskprep(*("pair", tmp_path / "documents", "--output", tmp_path / "pairs"))
    mask = ("mask", tmp_path / "pairs", "--unit", "word", "--output")
    said = maskprep(*mask, tmp_path / "a", "--mlm-probability", "0.02").stdout
    assert "% of the tokens are predicted instead of 2.0%: " in said
    other = maskprep(*mask, tmp_path / "b", "--mlm-probability", "0.5").stdout
    assert "are predicted instead" not in other


def test_a_dry_run_shows_settings_and_inputs_and_writes_nothing(tokenize, tmp_path):
    output = tokenize(TEXT, "--dry-run").stdout
    assert "nothing written" in output
    assert re.search(r"tokenize\.sentences +split\n", output)
    assert "text.txt (76 B)" in output
    assert re.search(r"disk needed +about 38 B", output)
    assert not (tmp_path / "documents").exists()


def test_a_dry_run_of_a_pipe_shows_the_same(tokenize, tmp_path):
    tokenize(TEXT)
    output = maskprep("pair", tmp_path / "documents", "--dry-run").stdout
    assert re.search(r"pair\.max_seq_length +512\n", output)


def test_a_dry_run_of_training_writes_nothing(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    train = ("train", tmp_path / "text.txt", "--output", tmp_path / "tok")
    output = maskprep(*train, "--dry-run").stdout
    assert re.search(r"train\.vocab_size +30522\n", output)
    assert not (tmp_path / "tok").exists()


def test_training_reports_what_it_learned(toy_corpus, tmp_path):
    train = ("train", toy_corpus, "--output", tmp_path / "tok", "--vocab-size", "900")
    output = maskprep(*train).stdout
    assert output.startswith(f"train wrote {tmp_path / 'tok'} (wordpiece)\n")
    assert re.search(r"tokens +900\n", output)
    assert "unknown" in output


def test_files_that_were_not_read_are_counted(toy_tokenizer, tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text(TEXT)
    (tmp_path / "corpus" / "cat.jpg").write_bytes(b"\xff")
    output = ("--output", tmp_path / "documents")
    result = maskprep("tokenize", tmp_path / "corpus", "--tokenizer", toy_tokenizer, *output)
    assert "1 files of other kinds: cat.jpg" in result.stdout


def test_stages_that_are_kept_give_the_same_shards(toy_corpus, tmp_path):
    (tmp_path / "words").write_text("@ignore\nclass\n")
    settings = (
        *("prepare", toy_corpus, "--recipe", "bert", "--documents", "file"),
        *("--vocab-size", "900", "--character-coverage", "1", "--max-seq-length", "64"),
        *("--never-mask", f"@{tmp_path / 'words'}", "--workers", "1"),
    )
    maskprep(*settings, "--output", tmp_path / "once")
    kept = (*settings, "--output", tmp_path / "staged", "--keep-stages", tmp_path / "stages")
    maskprep(*kept)
    names = {path.name for path in (tmp_path / "stages").iterdir()}
    assert names == {"tokenizer", "documents", "examples"}
    for path in (tmp_path / "once" / "data").iterdir():
        assert path.read_bytes() == (tmp_path / "staged" / "data" / path.name).read_bytes()
    assert "complete already" in maskprep(*kept).stdout
    other = CliRunner().invoke(app, [str(one) for one in (*kept, "--vocab-size", "800")])
    assert other.exit_code == 2
    assert "holds another tokenizer" in other.stderr
    shorter = (*settings, "--max-seq-length", "32", "--output", tmp_path / "once")
    refused = CliRunner().invoke(app, [str(one) for one in shorter])
    assert refused.exit_code == 2
    assert "(--max-seq-length 64 there, 32 now)" in refused.stderr


def test_the_demo_does_the_whole_job_and_its_commands_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "10")  # Commands to paste are never broken.
    output = maskprep("demo", "--workers", "1").stdout
    assert "A: [CLS] " in output
    commands = [line.split() for line in output.splitlines() if line.startswith("  maskprep ")]
    assert [command[1] for command in commands] == ["inspect", "mask", "prepare"]
    for command in commands:
        maskprep(*command[1:])
    assert (tmp_path / "maskprep-demo" / "shards" / "manifest.json").exists()
    assert maskprep("demo").stdout == output


def test_the_demo_does_not_touch_another_folder(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    result = CliRunner().invoke(app, ["demo", "--output", str(tmp_path)])
    assert result.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_names_of_files_are_no_markup_and_no_escape_sequences():
    console = Console(file=io.StringIO(), force_terminal=True, width=80, markup=False)
    print_lines(console, "[red]title", [("[bold]name", "[/]\x1b[31mvalue\udcff")])
    plain = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())
    assert plain.splitlines() == ["[red]title", r"  [bold]name  [/]\x1b[31mvalue\udcff"]


def test_amounts_are_readable():
    assert readable_bytes(999) == "999 B"
    assert readable_bytes(1_234_567) == "1.2 MB"
    assert readable_amount(1_234_567, "bytes") == "1.2 MB"
    assert readable_amount(1234, "rows") == "1,234 rows"
    assert readable_amount(12_345, "rows") == "12.3 k rows"
    assert readable_amount(2_500_000, "tokens") == "2.5 M tokens"


def test_bars_show_amount_rate_and_phase():
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    now = iter(range(1000))
    ticks = {"get_time": lambda: float(next(now)), "auto_refresh": False}
    with Bars(*bar_columns(), console=console, **ticks) as bars:
        progress = BarProgress(bars)
        progress.begin("tokenize", 4_000_000, "bytes")
        for _ in range(3):
            progress.advance(1_000_000)
        bars.refresh()
        shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())
        assert re.search(r"tokenize .*3\.0 MB of 4\.0 MB  .*[MkB]B/s  .*left", shown)
        progress.end()
        progress.begin("pair", None, "rows")
        progress.end()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_bar_takes_one_line(width):
    now = iter(range(1000))
    console = Console(file=io.StringIO(), width=width)
    with Bars(*bar_columns(), console=console, auto_refresh=False, get_time=lambda: next(now)) as b:
        progress = BarProgress(b)
        progress.begin("mask epoch 10", 68_300_000, "tokens")
        for _ in range(3):
            progress.advance(12_345_678)
        (line,) = console.render_lines(b.get_renderable())
        text = "".join(segment.text for segment in line)
        assert "37.0 M of 68.3 M tokens  3.1 M tokens/s" in text
        assert len(text.rstrip()) <= width


def test_one_of_a_kind_is_no_plural():
    said = dict(
        value.split(" ", 1)
        for _, value in counted_lines(
            {"dropped": {"tokens_unpaired": 1}, "changed": {"words_cut": 2, "other_things": 3}}
        )
    )
    assert said == {
        "1": "token of documents that gave no pair",
        "2": "words over 16 tokens cut",
        "3": "other things",
    }


@pytest.mark.parametrize(
    ("option", "named"),
    [
        (("--vocab-size", "100"), "--vocab-size"),
        (("--cased",), "--lowercase/--cased"),
        (("--special-token", "[X]"), "--special-token"),
    ],
)
def test_a_tokenizer_that_is_given_is_not_trained(toy_tokenizer, tmp_path, option, named):
    (tmp_path / "text.txt").write_text(TEXT)
    given = ("--tokenizer", str(toy_tokenizer), "--output", str(tmp_path / "out"), *option)
    result = CliRunner().invoke(app, ["prepare", str(tmp_path / "text.txt"), *given])
    assert result.exit_code == 2
    assert f"error: {named} is for training a tokenizer" in result.output
    assert not (tmp_path / "out").exists()
