"""What `maskprep inspect` prints: for a terminal, as HTML, as JSON."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from maskprep.cli.decoded_rows import (
    Vocabulary,
    colour_legend,
    colour_row,
    plain_legend,
    plain_row,
)
from maskprep.cli.inspection import Inspected
from maskprep.cli.progress import readable_bytes
from maskprep.cli.report import (
    bins_line,
    counted_lines,
    has_colour,
    open_console,
    padding_share,
    print_lines,
    split_lines,
)
from maskprep.cli.standard_streams import printable
from maskprep.stages.measurement import TOKEN_COLUMNS
from maskprep.storage.atomic import atomic_file, machine_errors

SHOWN_TOKENS = 512
"""Of a row; documents can be far longer."""
SAMPLE_TOKENS = 24
HTML_WIDTH = 120

Line = tuple[str, str]


def write_terminal(inspected: Sequence[Inspected]) -> None:
    """Print everything for a reader; in colour where the terminal has it."""
    console = open_console()
    _print_all(console, inspected, colour=has_colour(console))


def write_html(inspected: Sequence[Inspected], path: str) -> None:
    """Write the same as a page, and say so."""
    with io.StringIO() as nowhere:
        console = Console(
            file=nowhere,
            record=True,
            width=HTML_WIDTH,
            force_terminal=True,
            highlight=False,
            markup=False,
            emoji=False,
            color_system="truecolor",
        )
        _print_all(console, inspected, colour=True)
    page = console.export_html().encode()
    target = Path(path).resolve()  # A link stays one.
    if target.exists() and not target.is_file():
        with machine_errors(target):  # A pipe or a device is written to, and not replaced.
            target.write_bytes(page)
    else:
        with atomic_file(target) as file:
            file.write(page)
    open_console(to_stderr=True).print(
        Text(f"inspect wrote {printable(path)}", "bold"), soft_wrap=True
    )


def write_json(inspected: Sequence[Inspected]) -> None:
    """Print one JSON object for each path, a line each."""
    for one in inspected:
        vocabulary = one.vocabulary()
        rows = [row | {"text": plain_row(shortened(row)[0], vocabulary)} for row in one.rows]
        names = ("name", "type", "meaning")
        found = {
            "name": one.name,
            "kind": one.kind,
            "stage": one.stage,
            "columns": [dict(zip(names, column, strict=True)) for column in one.columns],
            "statistics": one.statistics,
            "rows": rows,
        }
        typer.echo(json.dumps(found, ensure_ascii=False, default=str))


def _print_all(console: Console, inspected: Sequence[Inspected], *, colour: bool) -> None:
    for number, one in enumerate(inspected):
        if number:
            console.print()
        if one.kind == "tokenizer":
            print_lines(console, f"tokenizer {one.name}", list(_tokenizer_lines(one)))
            continue
        made = f", made by maskprep {one.stage}" if one.stage else ""
        print_lines(console, f"{one.kind} {one.name}{made}", list(_statistics_lines(one)))
        print_lines(console, "columns", [(n, f"{t}: {m}") for n, t, m in one.columns])
        if one.rows:
            print_rows(console, one.rows, one.vocabulary(), colour=colour)


def print_rows(
    console: Console,
    rows: Sequence[Mapping[str, Any]],
    vocabulary: Vocabulary,
    *,
    colour: bool,
) -> None:
    """Print rows decoded, and what their colours or signs mean."""
    console.print(Text("rows", "bold"))
    for row in rows:
        short, left = shortened(row)
        text = colour_row(short, vocabulary) if colour else Text(plain_row(short, vocabulary))
        if left:
            text.append(f"  ... and {left:,} tokens more", "dim" if colour else "")
        console.print(text, soft_wrap=not console.is_terminal)
    console.print(colour_legend() if colour else Text(plain_legend()), soft_wrap=True)


def shortened(row: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Return the beginning of a long row, and how many tokens were left out."""
    name = next((one for one in TOKEN_COLUMNS if row.get(one) is not None), None)
    if name is None or len(row[name]) <= SHOWN_TOKENS or "sentence_lengths" not in row:
        return dict(row), 0
    lengths: list[int] = []
    for length in row["sentence_lengths"]:
        lengths.append(min(length, SHOWN_TOKENS - sum(lengths)))
        if sum(lengths) == SHOWN_TOKENS:
            break
    cut = {name: row[name][:SHOWN_TOKENS], "sentence_lengths": lengths}
    return {**row, **cut}, len(row[name]) - SHOWN_TOKENS


def _tokenizer_lines(one: Inspected) -> Iterator[Line]:
    tokenizer, found = one.tokenizer, one.statistics
    assert tokenizer is not None
    yield "model", str(found["model"])
    yield "ids", f"{found['num_ids']:,}"
    roles = ", ".join(f"{role} {token}" for role, token in found["roles"].items())
    yield "roles", roles or "none"
    yield "special", " ".join(found["special_tokens"]) or "none"
    step = max(1, tokenizer.num_ids // SAMPLE_TOKENS)
    yield "some tokens", " ".join(tokenizer.token(i) for i in range(0, tokenizer.num_ids, step))
    yield "fingerprint", str(found["fingerprint"])


def _measured_lines(measured: Mapping[str, Any], rows: int) -> Iterator[Line]:
    every = measured["rows"] == rows
    yield "measured", f"{'all' if every else 'the first'} {measured['rows']:,} rows"
    yield "longest row", f"{measured['longest_row']:,} tokens"
    if "most_predictions" in measured:
        yield "most predictions", f"{measured['most_predictions']:,} tokens of one row"
    if measured["padding_tokens"]:
        yield "padding", padding_share(measured)
    if "sequences" in measured:
        share = measured["sequences"] / measured["rows"]
        yield "sequences", f"{measured['sequences']:,}, {share:.2f} in a row"
    for name, rate in measured["rates"].items():
        yield name, f"{rate:.2%}"


def _statistics_lines(one: Inspected) -> Iterator[Line]:
    found = one.statistics
    yield "rows", f"{found['rows']:,}"
    if "shards" in found:
        yield "shards", f"{found['shards']:,} ({readable_bytes(found['bytes'])})"
    yield from _bin_lines(found)
    manifest = found.get("manifest", {})
    if manifest.get("totals"):
        for name, number in manifest["totals"].items():
            if name not in ("rows", "sequences"):
                yield name, f"{number:,}"
    if found.get("measured"):
        yield from _measured_lines(found["measured"], found["rows"])
    for entry in (*manifest.get("history", []), manifest):
        if "fill" in entry.get("rates", {}):
            yield "fill", f"{entry['rates']['fill']:.2%} of the room in the rows"
    yield from split_lines(manifest, one.stage)
    yield from counted_lines(manifest)


def _bin_lines(found: Mapping[str, Any]) -> Iterator[Line]:
    yield from bins_line(found.get("bins", []), found.get("padding", {}))
    for one in found.get("bins", []):
        full = one["tokens"] / max(one["rows"] * one["bin"], 1)
        shards = f"{one['shards']:,} shard" + ("s" if one["shards"] > 1 else "")
        yield f"bin {one['bin']}", f"{one['rows']:,} rows, {full:.1%} full, in {shards}"
