"""What a manifest shows that is probably not what the user wants."""

from collections.abc import Iterator, Mapping
from typing import Any

HUGE_DOCUMENT_BYTES = 2**20
MANY = 20
"""Documents or rows, of which something can be said."""
FEW_LINES = 1.5
LARGE_UNKNOWN_SHARE = 0.05
SMALL_FILL = 0.5
LARGE_RATE = 1.1
"""Times the rate that was asked for."""
_IF_PARAGRAPHS = (
    "If blank lines divide paragraphs, and each file is a document, use --documents file."
)
_TABLES = (".jsonl", ".ndjson", ".json", ".parquet", ".pq", ".csv", ".tsv")


def hints_of(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences for the user, from the counts of all stages."""
    yield from _about_validation(manifest)
    settings = manifest.get("settings", {})
    trained = settings.get("made_with_tokenizer", {})
    if "vocab_size" in trained:
        yield from about_vocabulary_size(manifest["tokenizer"]["num_ids"], trained["vocab_size"])
    lineage = {entry["stage"]: entry["settings"] for entry in manifest.get("lineage", [])}
    tokenized = lineage.get("tokenize", settings if manifest["stage"] == "tokenize" else {})
    for entry in (*manifest.get("history", []), manifest):
        if entry["stage"] == "tokenize" and entry.get("totals"):
            yield from _about_documents(entry, str(tokenized.get("documents", "")))
            yield from _about_vocabulary(entry)
            yield from _about_words(entry, str(tokenized.get("words", "tokenizer")))
            yield from _about_encoder(entry)
        paired = lineage.get("pair", settings)
        if entry["stage"] == "pair" and paired.get("objective") != "sop":
            yield from _about_pairs(entry, float(paired.get("random_next_prob", 0.0)))
        if entry["stage"] in ("pair", "pack"):
            yield from _about_fill(entry, lineage.get(entry["stage"], settings))
        if entry["stage"] == "mask":
            yield from _about_predictions(entry, settings.get("max_predictions"))
            yield from _about_rate(entry, settings.get("mlm_probability"))


def about_vocabulary_size(found: int, asked: int) -> Iterator[str]:
    """Yield a sentence if a trained tokenizer has fewer tokens than were asked for."""
    if found < asked:
        yield (
            f"the text gave {found:,} tokens of the {asked:,} asked for; a larger corpus or a "
            f"smaller --vocab-size."
        )


def _about_validation(manifest: Mapping[str, Any]) -> Iterator[str]:
    beside = manifest.get("validation")
    if beside is None or beside["rows"]:
        return
    if beside["documents"]:
        yield f"the {beside['documents']:,} documents held out for validation give no row."
        return
    tokenized = next(entry for entry in manifest["lineage"] if entry["stage"] == "tokenize")
    share = tokenized["settings"]["validation"]
    documents = manifest["history"][0]["totals"]["documents"]
    yield (
        f"none of the {documents:,} documents is held out with --validation {share}, so there is "
        f"no validation data: it takes a larger share, or a larger corpus."
    )


def _about_documents(entry: Mapping[str, Any], documents: str) -> Iterator[str]:
    totals = entry["totals"]
    number, lines = totals["documents"], totals.get("lines", 0)
    names = [str(source["name"]).lower() for source in entry.get("sources", [])]
    if documents == "file" or (names and all(name.endswith(_TABLES) for name in names)):
        return
    if number == 1 and totals["text_bytes"] >= HUGE_DOCUMENT_BYTES:
        yield (
            "the whole corpus is one document. Where its documents end, --documents can say: "
            "blank-line, line, or file."
        )
    elif documents == "blank-line" and number >= MANY and lines <= FEW_LINES * number:
        are = "every document is one line"
        if lines > number:
            are = f"documents have {lines / number:.1f} lines, on average"
        yield f"{are}. {_IF_PARAGRAPHS}"


def _about_vocabulary(entry: Mapping[str, Any]) -> Iterator[str]:
    share = entry.get("rates", {}).get("unknown_tokens", 0.0)
    if share > LARGE_UNKNOWN_SHARE:
        yield (
            f"{share:.1%} of the tokens are unknown to the tokenizer: is it one for this language?"
        )


def _about_words(entry: Mapping[str, Any], words: str) -> Iterator[str]:
    cut, lines = entry.get("changed", {}).get("words_cut", 0), entry["totals"].get("lines", 0)
    if words != "tokenizer" and 2 * cut > lines:
        yield (
            f"{cut:,} words have more than 16 tokens: is the text cut into words? --words {words} "
            f"takes them as they are given. Let a segmenter cut the text first, or use --words "
            f"tokenizer."
        )


def _about_encoder(entry: Mapping[str, Any]) -> Iterator[str]:
    if entry.get("encoder", {}).get("has_failed"):
        yield (
            "the fast encoder did not give the ids of the tokenizers library, so the library "
            "encoded the text. Please report that, with the tokenizer and a piece of the text."
        )


def _about_pairs(entry: Mapping[str, Any], asked: float) -> Iterator[str]:
    totals = entry.get("totals", {})
    if asked > 0.0 and totals.get("pairs") and not totals.get("random_pairs"):
        yield (
            "no pair has a random B: that takes sentences of another document. --documents says "
            "what a document is."
        )


def _about_fill(entry: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    totals = entry.get("totals", {})
    rows = totals.get("pairs", totals.get("rows", 0))
    tokens, most = totals.get("tokens"), settings.get("max_seq_length", 0)
    if tokens is None or rows < MANY or tokens >= SMALL_FILL * rows * most:
        return
    found = f"rows have {tokens / rows:.0f} of {most:,} tokens, on average"
    if entry["stage"] == "pair":
        yield f"{found}, because documents are short. {_IF_PARAGRAPHS}"
    elif settings.get("boundaries") == "document":
        yield (
            f"{found}, because --boundaries document ends a row with its document. --boundaries "
            f"cross fills them. {_IF_PARAGRAPHS}"
        )


def _about_predictions(entry: Mapping[str, Any], most: int | None) -> Iterator[str]:
    cut = entry.get("changed", {}).get("predictions_cut", 0)
    if cut:
        totals = entry["totals"]
        asked = (totals["selected_tokens"] + cut) / max(totals["maskable_tokens"], 1)
        yield (
            f"--max-predictions {most} cut {totals['rows_cut']:,} of {totals['rows']:,} rows: "
            f"{entry['rates']['selected']:.1%} of the tokens are predicted instead of {asked:.1%}. "
            f"Raise it to get the rate that was asked for."
        )


def _about_rate(entry: Mapping[str, Any], asked: object) -> Iterator[str]:
    rate, forced = entry.get("rates", {}).get("selected", 0.0), entry["totals"].get("rows_forced")
    if forced and isinstance(asked, float) and rate > LARGE_RATE * asked:
        yield (
            f"{rate:.1%} of the tokens are predicted instead of {asked:.1%}: {forced:,} of "
            f"{entry['totals']['rows']:,} rows are so short, or their words so long, that one "
            f"prediction is more than that."
        )
