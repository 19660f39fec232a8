"""What a command says when it is done: what was made, what was dropped, what looks odd."""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

from rich.console import Console
from rich.table import Table
from rich.text import Text

from maskprep.cli.dry_run import dry_run_lines
from maskprep.cli.hints import about_vocabulary_size, hints_of
from maskprep.cli.options import ReportOptions
from maskprep.cli.progress import readable_bytes
from maskprep.cli.standard_streams import printable
from maskprep.tasks.bins import padding_shares

if TYPE_CHECKING:
    from maskprep.config import TrainingConfig
    from maskprep.storage.read_counts import ReadCounts
    from maskprep.tasks.running import Summary
    from maskprep.tasks.training import TrainingSummary

Line = tuple[str, str]
SHOWN_IGNORED = 3
_PLAIN_WIDTH = 10_000
"""Where nobody looks at the output's width, lines are not wrapped."""

DROPPED_MEANINGS = {
    "invalid_utf8": "documents with invalid UTF-8",
    "too_long": "documents too long to be held",
    "null_text": "rows without text",
    "empty_text": "rows of white space",
    "documents_without_tokens": "documents without a token",
    "tokens_trimmed": "tokens trimmed at the ends of long pairs",
    "tokens_unpaired": "tokens of documents that gave no pair",
    "documents_without_pair": "documents that gave no pair",
    "rare_words": "occurrences of rare words, which were too many to count",
}
CHANGED_MEANINGS = {
    "invalid_characters_replaced": "documents with invalid UTF-8 replaced",
    "line_cut": "documents with a line over 4 MiB, encoded in pieces",
    "words_cut": "words over 16 tokens cut",
    "words_joined": "given words joined by a token to the one before",
    "special_tokens_in_text": "special tokens spelt in the text",
    "sentences_cut": "sentences cut to fit a row",
    "words_split": "words cut to fit a row",
    "documents_split": "documents cut to fit a row",
    "sentences_divided": "rows of one sentence divided inside it",
    "rows_undivided": "rows of one word that could not be divided",
    "random_tokens_trimmed": "tokens of random segments not used",
    "rows_forced": "short rows given one prediction all the same",
    "rows_cut": "rows with more predictions than --max-predictions",
    "predictions_cut": "predictions cut from them",
}


def open_console(*, to_stderr: bool = False) -> Console:
    """Return a console that breaks no lines in files and pipes and takes no markup."""
    stream = sys.stderr if to_stderr else sys.stdout
    width = None if stream is not None and stream.isatty() else _PLAIN_WIDTH
    # Not by file: of None, a closed standard error, Rich would make standard output.
    console = Console(stderr=to_stderr, width=width, highlight=False, markup=False, emoji=False)
    # Rich would end the program with exit code 1; the command line has its own way.
    console.on_broken_pipe = _closed_reader  # type: ignore[method-assign]
    return console


def _closed_reader() -> Never:
    raise BrokenPipeError


def has_colour(console: Console) -> bool:
    """Tell whether colours reach the reader: not in files, and not with NO_COLOR."""
    return console.color_system is not None and not console.no_color


def print_lines(console: Console, title: str, lines: list[Line]) -> None:
    """Print a title and a table of names and values."""
    console.print(Text(printable(title), "bold"), soft_wrap=True)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(Text(f"  {name}"), Text(printable(value)))
    with console.capture() as captured:
        console.print(table)
    # A grid fills its last column with spaces.
    text = Text.from_ansi(captured.get())
    for line in text.split("\n"):
        line.rstrip()
        console.print(line, soft_wrap=True)


RAW_INPUT = ("tokenize", "prepare")
"""Commands whose inputs are raw text, not shards."""


def report_run(
    command: str, summary: "Summary", options: ReportOptions, *, to_stderr: bool = False
) -> None:
    """Report a stage or a whole run.

    Args:
        command: that was run.
        summary: what the pipeline returned.
        options: whether anything may be said.
        to_stderr: because data takes standard output.
    """
    if options.quiet and not summary.dry_run:
        return
    console = open_console(to_stderr=to_stderr and not summary.dry_run)
    manifest = summary.manifest
    place = "standard output" if summary.output is None else printable(str(summary.output))
    if summary.dry_run:
        chosen = {} if summary.encoder is None else summary.encoder.record()
        planned = [
            *dry_run_lines(manifest, raw=command in RAW_INPUT),
            *_encoder(chosen, always=True),
        ]
        print_lines(console, f"{command} to {place}: nothing written", planned)
        return
    if summary.finished_before:
        console.print(Text(f"{place} is complete already; nothing to do.", "bold"), soft_wrap=True)
    lines = [
        *_made(manifest),
        *_tokenizer_line(manifest),
        *split_lines(manifest, manifest["stage"]),
        *counted_lines(manifest),
        *_ignored(summary.ignored),
    ]
    wrote = "wrote to" if summary.output is None else "wrote"
    title = f"{command}: {place}" if summary.finished_before else f"{command} {wrote} {place}"
    print_lines(console, title, lines)
    _print_hints(console, hints_of(manifest))
    if summary.validation is not None:
        # What the text looks like, the training data has said.
        beside = summary.validation.manifest
        hints = hints_of({**beside, "history": beside["history"][1:]})
        _print_hints(console, hints, name="hint, validation")


def report_training(
    summary: "TrainingSummary", config: "TrainingConfig", options: ReportOptions
) -> None:
    """Report a trained tokenizer."""
    trained = summary.trained
    if options.quiet and trained is not None:
        return
    console = open_console()
    if trained is None:
        sources = [dict(entry) for entry in summary.text.found_entries()]
        manifest = {"settings": vars(config), "sources": sources, "stage": "train"}
        title = f"train to {summary.output}: nothing written"
        print_lines(console, title, dry_run_lines(manifest, raw=True))
        return
    lines = [
        ("tokens", f"{trained.vocab_size:,}"),
        ("learned from", _text_read(trained.num_documents, trained.num_bytes)),
        ("unknown", f"{trained.unknown_share:.4%} of the text's tokens"),
        *_held_out(summary.read.documents, summary.read.other_documents),
        *_nonzero("dropped", summary.read.dropped, DROPPED_MEANINGS),
        *_nonzero("dropped", {"rare_words": trained.num_forgotten}, DROPPED_MEANINGS),
        *_nonzero("changed", _changed(summary.read), CHANGED_MEANINGS),
        *_ignored(summary.text.ignored),
    ]
    print_lines(console, f"train wrote {summary.output} ({config.model})", lines)
    _print_hints(console, about_vocabulary_size(trained.vocab_size, config.vocab_size))


def _print_hints(console: Console, hints: Iterable[str], name: str = "hint") -> None:
    for hint in hints:
        console.print(Text(f"{name}: {hint}", "yellow"), soft_wrap=True)


def _tokenizer_line(manifest: Mapping[str, Any]) -> Iterator[Line]:
    if "vocab_size" in manifest["settings"].get("made_with_tokenizer", {}):
        yield "tokenizer", f"trained on this text: {manifest['tokenizer']['num_ids']:,} tokens"


def _changed(read: "ReadCounts") -> dict[str, int]:
    return {"invalid_characters_replaced": read.replaced, "line_cut": read.lines_cut}


def _text_read(num_documents: int, num_bytes: int) -> str:
    return f"{num_documents:,} documents, {readable_bytes(num_bytes)} of text"


def _made(manifest: Mapping[str, Any]) -> Iterator[Line]:
    shards = manifest.get("shards")
    totals = manifest.get("totals", {})
    rows = totals.get("rows", totals.get("pairs", totals.get("documents")))
    if shards is not None:
        rows = sum(shard["rows"] for shard in shards)
    yield "rows", f"{rows:,}"
    yield "tokens", f"{totals.get('tokens', 0):,}"
    if totals.get("padding_tokens"):
        yield "padding", padding_share(totals)
    if shards is not None:
        size = readable_bytes(sum(shard["bytes"] for shard in shards))
        yield "shards", f"{len(shards):,} ({size})"
    yield from bins_line(manifest.get("bins", []), padding_shares(manifest))
    for entry in (*manifest.get("history", []), manifest):
        yield from _rates(entry)


def bins_line(bins: Sequence[Mapping[str, int]], padding: Mapping[str, float]) -> Iterator[Line]:
    """Say how many bins there are, and how much padding they save."""
    if bins:
        without = f"to {padding['longest']:,} tokens {padding['to_longest']:.1%}"
        shares = f"padding to the end of the bin {padding['to_bin']:.1%}, {without}"
        yield "bins", f"{len(bins):,}; {shares}"


def padding_share(counts: Mapping[str, int]) -> str:
    """Say how much of the rows is padding, from counts of tokens and padding_tokens."""
    padding = counts["padding_tokens"]
    share = padding / (counts["tokens"] + padding)
    return f"{padding:,} tokens more, {share:.1%} of the rows"


def split_lines(manifest: Mapping[str, Any], stage: str) -> Iterator[Line]:
    """Yield which documents are here and which are not, if the corpus is split.

    Args:
        manifest: or what `inspect` shows of it.
        stage: that made the rows.
    """
    stages = (*manifest.get("lineage", []), manifest)
    splits = (entry.get("settings", {}).get("split") for entry in stages)
    split = next(filter(None, splits), None)
    totals = next(iter((*manifest.get("history", []), manifest))).get("totals", {})
    if split is None or not {"documents", "documents_in_other_split"} <= totals.keys():
        return
    here, others = totals["documents"], totals["documents_in_other_split"]
    beside = manifest.get("validation")
    if split == "validation":
        yield "split", f"validation: {here:,} of {here + others:,} documents"
    elif beside is None:
        advice = " (--split validation reads them)" if stage == "tokenize" else ""
        yield from _held_out(here, others, advice)
    else:
        documents = f"{others:,} of {here + others:,} documents"
        yield "validation", f"{documents}, {beside['rows']:,} rows in validation/"


def _held_out(here: int, others: int, advice: str = "") -> Iterator[Line]:
    if others:
        yield "split", f"train: {others:,} of {here + others:,} documents are held out{advice}"


def _rates(entry: Mapping[str, Any]) -> Iterator[Line]:
    rates, totals = entry.get("rates", {}), entry.get("totals", {})
    yield from _encoder(entry.get("encoder", {}), always=False)
    if "unknown_tokens" in rates:
        text = _text_read(totals["documents"], totals["text_bytes"])
        yield "read", f"{text}, {totals['sentences']:,} sentences"
        yield "unknown", f"{rates['unknown_tokens']:.4%} of the text's tokens"
    if "random_next" in rates:
        yield "pairs", f"{totals['pairs']:,}, B random in {rates['random_next']:.1%}"
    if "swapped" in rates:
        yield "pairs", f"{totals['pairs']:,}, swapped in {rates['swapped']:.1%}"
    if "fill" in rates:
        share = totals["sequences"] / max(totals["rows"], 1)
        yield "packed", f"{totals['rows']:,} rows, {rates['fill']:.2%} full, {share:.2f} documents"
    if "two_segments" in rates:
        yield "segments", f"two in {rates['two_segments']:.1%} of the rows"
    if "selected" in rates:
        shares = ", ".join(f"{rates[name]:.1%} {name}" for name in ("masked", "replaced", "kept"))
        yield "selected", f"{rates['selected']:.2%} of the tokens that may be; {shares}"


def _encoder(chosen: Mapping[str, Any], *, always: bool) -> Iterator[Line]:
    """Yield what encodes text, if that is always to be said or no kernel could do it."""
    if chosen and (always or chosen["reason"]):
        reason = f" ({chosen['reason']})" if chosen["reason"] else ""
        yield "encoder", f"{chosen['name']}{reason}"


def counted_lines(manifest: Mapping[str, Any]) -> Iterator[Line]:
    """Yield what any stage dropped or changed."""
    for entry in (*manifest.get("history", []), manifest):
        yield from _nonzero("dropped", entry.get("dropped", {}), DROPPED_MEANINGS)
        yield from changed_lines(entry.get("changed", {}))


def changed_lines(counts: Mapping[str, int]) -> Iterator[Line]:
    """Yield what these counts of a stage say was changed."""
    yield from _nonzero("changed", counts, CHANGED_MEANINGS)


_FIRST_PLURAL = re.compile(r"\b(document|occurrence|prediction|row|sentence|token|word)s\b")


def _nonzero(label: str, counts: Mapping[str, int], meanings: Mapping[str, str]) -> Iterator[Line]:
    for name, number in counts.items():
        meaning = meanings.get(name, name.replace("_", " "))
        if number == 1:
            meaning = _FIRST_PLURAL.sub(r"\1", meaning, count=1)
        if number:
            yield label, f"{number:,} {meaning}"


def _ignored(paths: tuple[str, ...]) -> Iterator[Line]:
    if paths:
        shown = ", ".join(Path(path).name for path in paths[:SHOWN_IGNORED])
        more = ", ..." if len(paths) > SHOWN_IGNORED else ""
        yield "not read", f"{len(paths):,} files of other kinds: {shown}{more}"
